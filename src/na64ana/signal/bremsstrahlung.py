"""Exact tree-level cross section of e Z -> e Z A' for a vector A'.

The squared amplitude on a spinless nucleus, checked against explicit gamma-matrix traces, in
kinematics without cancellations; equivalent to Liu, McKeen, Miller (arXiv:1609.06781) and
Gninenko et al. (arXiv:1712.05706). Elastic form factor: Bjorken et al. (arXiv:0906.0580).
Natural units (GeV); epsilon = 1.

x = E_A' / E0, k_T the transverse momentum of the A', t the squared momentum transfer to the
nucleus, U = -((p - k)^2 - m_e^2) > 0 and s = (p' + k)^2 - m_e^2 > 0. The azimuth between the
nucleus and the A' is integrated analytically.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, M_E
from na64ana.errors import ModelError
from na64ana.signal.target import Target

Floats = npt.NDArray[np.float64]

#: Range of A' masses and of electron energies [GeV] for which the quadrature is tested.
MASS_RANGE = (0.5e-3, 2.0)
ENERGY_RANGE = (20.0, 200.0)


@dataclass(frozen=True)
class Nodes:
    """Gauss-Legendre nodes in ln(x/(1-x)), ln(1 + k_T^2/kappa^2) and ln t."""

    x: int = 32
    k_t: int = 24
    t: int = 80


def elastic_form_factor(t: Floats, target: Target) -> Floats:
    """Return G_el(t), atomic screening times nuclear dipole, Z^2 included; t in GeV^2."""
    screening = (111.0 * target.z ** (-1 / 3) / M_E) ** 2 * t
    nuclear = t / (0.164 * target.mass_number ** (-2 / 3))
    form_factor = target.z * screening / (1 + screening) / (1 + nuclear)
    return np.asarray(form_factor**2)


def differential_cross_section(
    m_ap: float, energy: float, target: Target, *, x_min: float = 1e-3, nodes: Nodes | None = None
) -> tuple[Floats, Floats]:
    """Integrate over angle and momentum transfer, at nodes in x.

    Parameters
    ----------
    m_ap : float
        Mass of the A' [GeV], inside `MASS_RANGE`.
    energy : float
        Energy of the electron [GeV], inside `ENERGY_RANGE`.
    target : Target
        Gives the nucleus.
    x_min : float
        Least energy fraction E_A'/E0.
    nodes : Nodes or None
        Numbers of quadrature nodes; the default is good to 1e-3 (tests/physics).

    Returns
    -------
    x : array (nodes.x,)
        Energy fractions.
    sigma : array (nodes.x,)
        Cross section [GeV^-2] of each node for epsilon = 1: the integrand times the weight, so
        that their sum is the cross section above `x_min`.

    Raises
    ------
    ModelError
        If mass or energy lies outside its range.
    """
    _check("A' mass", m_ap, MASS_RANGE)
    _check("electron energy", energy, ENERGY_RANGE)
    nodes = nodes or Nodes()
    # The electron keeps at least its mass, the A' has at least its own.
    low, high = max(x_min, 1.0001 * m_ap / energy), 1 - M_E / energy
    if low >= high:
        return np.full(nodes.x, high), np.zeros(nodes.x)
    logit, weight_x = _gauss(nodes.x, np.log(low / (1 - low)), np.log(high / (1 - high)))
    x = (1 / (1 + np.exp(-logit)))[:, None, None]
    y = (1 / (1 + np.exp(logit)))[:, None, None]  # 1 - x without cancellation

    k2 = np.maximum((x * energy) ** 2 - m_ap**2, 0.0)
    kappa2 = m_ap**2 * y + M_E**2 * x**2
    u, weight_k = _gauss(nodes.k_t, 0.0, np.log1p(k2 / kappa2), axis=1)
    kt2 = kappa2 * np.expm1(u)
    kz = np.sqrt(np.maximum(k2 - kt2, 0.0))
    jacobian = (kappa2 + kt2) / (2 * np.sqrt(k2) * np.maximum(kz, 1e-12 * energy))  # d cos theta

    inner = _integrate_t(m_ap, energy, target, (x, y, kt2, kz), nodes.t)
    p = np.sqrt(energy**2 - M_E**2)
    v = np.sqrt((p - kz) ** 2 + kt2)
    flux = ALPHA**3 * np.sqrt(k2) * energy / (p * v)
    angular = (flux * jacobian * weight_k * inner).sum(axis=(1, 2))
    return x.ravel(), angular * weight_x * (x * y).ravel()


def _integrate_t(
    m: float,
    energy: float,
    target: Target,
    point: tuple[Floats, Floats, Floats, Floats],
    n: int,
) -> Floats:
    """Return int dt G(t)/t^2 <|A|^2> / (8 M^2), azimuth averaged, ``(nx, nk, 1)``."""
    x, y, kt2, kz = point
    mass, l2, m2 = target.nuclear_mass, M_E**2, m**2
    p = np.sqrt(energy**2 - l2)
    x_plus = (x * energy + kz) / (energy + p)
    big_u = (m2 * (1 - x_plus) + kt2) / x_plus + l2 * x_plus
    v0, v2 = energy * y, (p - kz) ** 2 + kt2

    # Limits of t: the roots of a t^2 + b t + c = 0.
    a = (1 + v0 / mass) ** 2 - v2 / mass**2
    b = 2 * big_u * (1 + v0 / mass) - 4 * v2
    discriminant = b**2 - 4 * a * big_u**2
    # a <= 0 needs a k_T of the order of the nuclear mass, where nothing is left of the form factor.
    allowed = (discriminant > 0) & (b < 0) & (a > 0)
    root = np.sqrt(np.where(allowed, discriminant, 0.0))
    t_min = np.where(allowed, 2 * big_u**2 / (root - b), 1.0)
    t_max = np.where(allowed, (root - b) / np.where(allowed, 2 * a, 1.0), 1.0)
    log_t, weight = _gauss(n, np.log(t_min), np.log(t_max), axis=2)
    t = np.exp(log_t)

    # s = s0 + s1 cos(phi); d = (1 - x) s0 - U is small and is kept apart from U.
    q0 = t / (2 * mass)
    big_s = 2 * v0 * q0 + t + big_u
    qt2 = np.maximum(t + q0**2 - big_s**2 / (4 * v2), 0.0)
    delta = ((p - kz) * (x**2 * l2 - m2 - kt2) / (kz + x * p) - kt2) / v2
    d = x * t + delta * big_s
    s0 = (big_u + d) / y
    s1 = 2 * p * np.sqrt(qt2 * kt2 / v2)
    square = s0**2 - s1**2
    allowed = allowed & (square > 0)
    square = np.where(allowed, square, 1.0)
    inv_s, inv_s2 = square**-0.5, s0 * square**-1.5

    # First part of the amplitude, a polynomial in s over s u.
    p2 = 4 * mass**2 + t
    pp0 = 2 * mass * energy - t / 2  # P.p = pp0 - s/2
    pp1 = 2 * mass * v0 - (t + big_u) / 2  # P.p'
    c2 = 2 * p2 - 2 * t
    c1 = 4 * t * p2 + 8 * t * pp0
    c0 = p2 * (2 * big_u**2 - 4 * t * big_u + 4 * t**2 - 8 * t * m2) - 8 * t * (pp0**2 + pp1**2)
    first = -(c2 * s0 + c1 + c0 * inv_s) / big_u

    # Second part: W = 2 M E0 [(1 - x) s - U] + t (U - s)/2, linear in s.
    w1, w0 = 2 * mass * v0 - t / 2, big_u * (t / 2 - 2 * mass * energy)
    e2 = t * p2 - 4 * w1**2
    e1 = -2 * t * p2 * big_u - 8 * w1 * w0
    e0 = t * p2 * big_u**2 - 4 * w0**2
    second = 2 * (m2 + 2 * l2) * (e2 + e1 * inv_s + e0 * inv_s2) / big_u**2

    amplitude = np.where(allowed, first + second, 0.0)
    integrand = elastic_form_factor(t, target) / t * amplitude / (8 * mass**2)
    return np.asarray((integrand * weight).sum(axis=2, keepdims=True))


def _gauss(
    n: int, low: float | Floats, high: float | Floats, axis: int = 0
) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights on [low, high], along an axis of the limits."""
    node, weight = np.polynomial.legendre.leggauss(n)
    half = (np.asarray(high) - np.asarray(low)) / 2
    if half.ndim:
        shape = [1] * half.ndim
        shape[axis] = n
        node, weight = node.reshape(shape), weight.reshape(shape)
    return np.asarray(low + half * (1 + node)), np.asarray(half * weight)


def _check(what: str, value: float, allowed: tuple[float, float]) -> None:
    if not allowed[0] <= value <= allowed[1]:
        msg = f"{what} {value:g} GeV lies outside {allowed[0]:g} to {allowed[1]:g} GeV"
        raise ModelError(msg)
