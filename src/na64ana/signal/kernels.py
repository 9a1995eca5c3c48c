"""Compiled kernels of the signal, all in one file and without constants of other files.

numba keeps what it compiled until the file of the function changes: a kernel that called another
file, or took a constant from one, would stay as it was when that changes.
"""

import numpy as np
from numba import njit

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def form_factor(t, parameters):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return G(t), from the parameters of `FormFactor.parameters`."""
    z, screening, d, radius, surface, loose, proton = parameters
    atom = screening * t / (1 + screening * t)
    if radius > 0:
        q = np.sqrt(t)
        x = q * radius
        sphere = 1 - x * x / 10 if x < 1e-2 else 3 * (np.sin(x) - x * np.cos(x)) / x**3
        nucleus = sphere * np.exp(-((q * surface) ** 2) / 2)
    else:
        nucleus = 1 / (1 + t / d)
    total = (z * atom * nucleus) ** 2
    if loose > 0:
        atom = loose * t / (1 + loose * t)
        slope, dipole = proton
        total += z * (atom * (1 + slope * t) / (1 + t / dipole) ** 4) ** 2
    return total


@_compiled
def form_factors(t, parameters):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return G(t) for an array ``(n,)``."""
    found = np.empty(len(t))
    for i in range(len(t)):
        found[i] = form_factor(t[i], parameters)
    return found


@_compiled
def over_x(logit, mass, energy, emission, w_nodes, t_nodes):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return d sigma / d ln(x/y) over alpha^3 at values of ln(x/y)."""
    found, lepton = np.zeros(len(logit)), emission[1]
    w_node, w_weight = w_nodes
    p = np.sqrt(energy**2 - lepton**2)
    for i in range(len(logit)):
        x, y = 1 / (1 + np.exp(-logit[i])), 1 / (1 + np.exp(logit[i]))
        k2 = (x * energy) ** 2 - mass**2
        if k2 <= 0 or y * energy < lepton:
            continue
        k = np.sqrt(k2)
        # Collinear U over its growth with w; 13 e-folds beyond, the integrand is nothing.
        plus = (x * energy + k) / (energy + p)
        first = (mass**2 * (1 - plus) / plus + lepton**2 * plus) / (2 * p * k)
        top = min(np.log1p(2 / first), 13.0)
        total = 0.0
        for j in range(len(w_node)):
            grown = np.exp(top * (1 + w_node[j]) / 2)
            w = first * (grown - 1)
            value = at_angle(x, y, w, mass, energy, emission, t_nodes)
            total += w_weight[j] * first * grown * value
        found[i] = total * top / 2 * x * y
    return found


@_compiled
def at_angle(x, y, w, mass, energy, emission, t_nodes):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return d^2 sigma / dx dcos(theta) over alpha^3."""
    kind, lepton, nuclear, parameters = emission
    t_node, t_weight = t_nodes
    m2, l2 = mass**2, lepton**2
    p = np.sqrt(energy**2 - l2)
    k = np.sqrt(max((x * energy) ** 2 - m2, 0.0))
    if k == 0:
        return 0.0
    plus = (x * energy + k) / (energy + p)
    u = m2 * (1 - plus) / plus + l2 * plus + 2 * p * k * w
    # p - k: its energy, and its momentum, along the beam and squared.
    v0 = energy * y
    difference = (energy**2 * y * (1 + x) + m2 - l2) / (p + k)
    along = difference + k * w
    v2 = difference**2 + 2 * p * k * w
    kt2, kz = k * k * w * (2 - w), k * (1 - w)

    # Limits of t: the roots of a t^2 + b t + U^2.
    a = (1 + v0 / nuclear) ** 2 - v2 / nuclear**2
    b = 2 * u * (1 + v0 / nuclear) - 4 * v2
    discriminant = b * b - 4 * a * u * u
    if a <= 0 or b >= 0 or discriminant <= 0:
        return 0.0
    root = np.sqrt(discriminant)
    # Screening removes what lies far below 1/a^2, the nucleus what lies far above d.
    screening, d, loose = parameters[1], parameters[2], parameters[5]
    least = 1e-2 / (screening if loose == 0 else max(screening, loose))
    low = max(2 * u * u / (root - b), least)
    high = min((root - b) / (2 * a), 1e4 * d)
    if high <= low:
        return 0.0
    span = np.log(high / low) / 2

    # excess = (1 - x) s0 - U is small beside U, and is kept apart from it.
    forward = kz - x * p if kz <= 0 else (x * x * l2 - m2 - kt2) / (kz + x * p)
    delta = (along * forward - kt2) / v2
    total = 0.0
    for j in range(len(t_node)):
        t = low * np.exp(span * (1 + t_node[j]))
        q0 = t / (2 * nuclear)
        big = 2 * v0 * q0 + t + u
        qt2 = max(t + q0 * q0 - big * big / (4 * v2), 0.0)
        excess = x * t + delta * big
        s0 = (u + excess) / y
        s1 = 2 * p * np.sqrt(qt2 * kt2 / v2)
        e = (s1 / s0) ** 2
        if e >= 1 or s0 <= 0:
            continue
        point = (x, y, t, u, s0, e, excess)
        value = _amplitude(point, kind, m2, l2, energy, nuclear)
        total += t_weight[j] * value * form_factor(t, parameters) / t
    return k * energy / (p * np.sqrt(v2)) * total * span


@_compiled
def _amplitude(point, kind, m2, l2, energy, nuclear):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the squared amplitude over 8 M^2, averaged over the azimuth.

    s = s0 + s1 cos(phi), e = (s1/s0)^2; `excess` is (1 - x) s0 - U. Without couplings, form factor
    and 1/t^2. Averages over the azimuth, in forms that do not cancel for small e:
    <1/s> = r/s0 and <1/s^2> = r^3/s0^2 with r = 1/sqrt(1 - e).
    """
    x, y, t, u, s0, e, excess = point
    r = 1 / np.sqrt(1 - e)
    r_1 = e * r / (1 + np.sqrt(1 - e))  # r - 1
    inv, inv2 = r / s0, r**3 / s0**2
    # With f = s - s0: <f^2/s>, <f/s>, <f^2/s^2>, <f/s^2>.
    f2_s, f_s = s0 * r_1, -r_1
    f2_s2, f_s2 = r_1 * (r * r + r - 1), -r * e / (1 - e) / s0
    gap = (excess + x * u) / y  # s0 - U

    p2 = 4 * nuclear**2 + t
    gaps_s = f2_s + 2 * gap * f_s + gap**2 * inv  # <(s - U)^2/s>
    gaps_s2 = f2_s2 + 2 * gap * f_s2 + gap**2 * inv2  # <(s - U)^2/s^2>
    # W = u P.p + s P.p' is linear in s, and small at s0.
    slope = 2 * nuclear * energy * y - t / 2
    w0 = 2 * nuclear * energy * excess - t * gap / 2
    square = slope**2 * f2_s2 + 2 * slope * w0 * f_s2 + w0**2 * inv2
    second = (t * p2 * gaps_s2 - 4 * square) / (u * u)
    if kind >= 2:
        pk0 = 2 * nuclear * x * energy + u / 2  # P.k = pk0 - s/2
        pk2_s = s0 / 4 - pk0 + pk0**2 * inv
        first = -(p2 * gaps_s - 4 * t * pk2_s) / u
        return (first + (m2 - 4 * l2 if kind == 2 else m2) * second) / (8 * nuclear**2)
    pp0 = 2 * nuclear * energy - t / 2  # P.p = pp0 - s/2
    pp1 = 2 * nuclear * energy * y - (t + u) / 2  # P.p'
    sign = 2.0 if kind == 0 else -4.0
    c2, c1 = 2 * p2 - 2 * t, 4 * t * p2 + 8 * t * pp0
    c0 = p2 * (2 * u * u - 4 * t * u + 4 * t * t - 8 * t * m2) - 8 * t * (pp0**2 + pp1**2)
    first = -(c2 * s0 + c1 + c0 * inv) / u
    both = first + 2 * (m2 + sign * l2) * second
    if kind == 1:
        pk0 = 2 * nuclear * x * energy + u / 2
        pk2_s = s0 / 4 - pk0 + pk0**2 * inv
        both -= 32 * t * l2 * p2 * inv / u
        both -= 4 * l2 / m2 * (p2 * gaps_s - 4 * t * pk2_s) / u
    return both / (8 * nuclear**2)


@_compiled
def numerator(s, m_chi2, kind):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return f(s) [GeV^2] of the final states, in the order of `KINDS`."""
    if s <= 4 * m_chi2:
        return 0.0
    b = np.sqrt(1 - 4 * m_chi2 / s)
    if kind <= 1:
        return s * b * (3 - b * b) / 2
    return s * b**3 / (4 if kind == 2 else 2)


@_compiled
def resonance(edges, shells, boson, directions, inner, electron):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return int dE+ <f / [(s - m^2)^2 + m^2 Gamma^2]> in bins, summed over electrons."""
    found = np.zeros(len(edges) - 1)
    m, width, m_chi2, kind = boson
    scale = m * width
    cosine, weight = directions
    node, node_weight = inner
    for i in range(len(shells)):
        binding, number = shells[i]
        e_minus = electron + binding
        p_minus = np.sqrt(binding * (binding + 2 * electron))
        for j in range(len(cosine)):
            # s = 2 m_e^2 + slope E+, the positron's mass aside
            slope = 2 * (e_minus - p_minus * cosine[j])
            before = 0.0
            for n in range(len(edges)):
                s = 2 * electron**2 + slope * edges[n]
                if n > 0 and s > 4 * m_chi2:
                    low = max(before, 4 * m_chi2)
                    a, b = (low - m * m) / scale, (s - m * m) / scale
                    # atan(b) - atan(a) without cancellation
                    span = np.arctan2(b - a, 1 + a * b)
                    start = np.arctan(a)
                    total = 0.0
                    for k in range(len(node)):
                        at = m * m + scale * np.tan(start + span * (1 + node[k]) / 2)
                        at = min(max(at, low), s)
                        total += node_weight[k] * numerator(at, m_chi2, kind)
                    # The rate goes with the relative velocity, 1 - v cos(theta).
                    closing = slope / (2 * e_minus)
                    density = closing * total * span / 2 / (scale * slope)
                    found[n - 1] += number * weight[j] / 2 * density
                before = s
    return found
