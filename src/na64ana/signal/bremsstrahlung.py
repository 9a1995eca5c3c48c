"""Exact tree-level cross section of e Z -> e Z A' for a vector A'.

The squared amplitude on a spinless nucleus, checked against explicit gamma-matrix traces
(tests/physics/test_amplitude.py), in kinematics without cancellations; equivalent to Liu, McKeen,
Miller (arXiv:1609.06781) and Gninenko et al. (arXiv:1712.05706). Elastic form factor: Bjorken et
al. (arXiv:0906.0580).
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

    point = Point(m_ap, energy, target.nuclear_mass, x, y, kt2, kz)
    t_min, t_max = point.limits_of_t()
    log_t, weight_t = _gauss(nodes.t, np.log(t_min), np.log(t_max), axis=2)
    t = np.exp(log_t)
    amplitude = averaged_amplitude(point, t) * elastic_form_factor(t, target) / t
    inner = (amplitude * weight_t).sum(axis=2, keepdims=True)
    flux = ALPHA**3 * np.sqrt(k2) * energy / (point.p * np.sqrt(point.v2))
    angular = (flux * jacobian * weight_k * inner).sum(axis=(1, 2))
    return x.ravel(), angular * weight_x * (x * y).ravel()


@dataclass(frozen=True)
class Point:
    """Kinematics of electron and A', in forms without cancellations.

    Attributes
    ----------
    m_ap, energy, nuclear_mass : float
        Mass of the A', energy of the electron, mass of the nucleus [GeV].
    x, y : array
        Energy fraction of the A', and 1 - x.
    kt2, kz : array
        Its transverse momentum squared [GeV^2] and its longitudinal momentum [GeV].
    """

    m_ap: float
    energy: float
    nuclear_mass: float
    x: Floats
    y: Floats
    kt2: Floats
    kz: Floats

    @property
    def p(self) -> float:
        """Momentum of the electron [GeV]."""
        return float(np.sqrt(self.energy**2 - M_E**2))

    @property
    def u(self) -> Floats:
        """U = -((p - k)^2 - m_e^2) [GeV^2], by light-cone fractions: a sum of positive terms."""
        x_plus = (self.x * self.energy + self.kz) / (self.energy + self.p)
        return (self.m_ap**2 * (1 - x_plus) + self.kt2) / x_plus + M_E**2 * x_plus

    @property
    def v0(self) -> Floats:
        """Energy of p - k [GeV]."""
        return self.energy * self.y

    @property
    def v2(self) -> Floats:
        """Squared momentum of p - k [GeV^2]."""
        return (self.p - self.kz) ** 2 + self.kt2

    def limits_of_t(self) -> tuple[Floats, Floats]:
        """Return the limits of t [GeV^2]: roots of a t^2 + b t + U^2; equal where none exist."""
        mass, u, v0, v2 = self.nuclear_mass, self.u, self.v0, self.v2
        a = (1 + v0 / mass) ** 2 - v2 / mass**2
        b = 2 * u * (1 + v0 / mass) - 4 * v2
        discriminant = b**2 - 4 * a * u**2
        # a <= 0 needs a k_T of the order of the nuclear mass, where the form factor is nothing.
        allowed = (discriminant > 0) & (b < 0) & (a > 0)
        root = np.sqrt(np.where(allowed, discriminant, 0.0))
        t_min = np.where(allowed, 2 * u**2 / (root - b), 1.0)
        t_max = np.where(allowed, (root - b) / np.where(allowed, 2 * a, 1.0), 1.0)
        return t_min, t_max


def averaged_amplitude(point: Point, t: Floats) -> Floats:
    """Return the squared amplitude over 8 M^2 for a vector A', averaged over the azimuth.

    Without couplings, form factor and 1/t^2. Zero where t is not allowed.

    Parameters
    ----------
    point : Point
        Arrays that broadcast with `t`.
    t : array
        Squared momentum transfer to the nucleus [GeV^2].
    """
    mass, u, v0, v2 = point.nuclear_mass, point.u, point.v0, point.v2
    l2, m2 = M_E**2, point.m_ap**2

    # s = s0 + s1 cos(phi); d = (1 - x) s0 - U is small and is kept apart from U.
    q0 = t / (2 * mass)
    big_s = 2 * v0 * q0 + t + u
    qt2 = np.maximum(t + q0**2 - big_s**2 / (4 * v2), 0.0)
    delta = (point.p - point.kz) * (point.x**2 * l2 - m2 - point.kt2)
    delta = (delta / (point.kz + point.x * point.p) - point.kt2) / v2
    s0 = (u + point.x * t + delta * big_s) / point.y
    s1 = 2 * point.p * np.sqrt(qt2 * point.kt2 / v2)
    square = s0**2 - s1**2
    allowed = square > 0
    square = np.where(allowed, square, 1.0)
    inv_s, inv_s2 = square**-0.5, s0 * square**-1.5

    # First part of the amplitude, a polynomial in s over s u.
    p2 = 4 * mass**2 + t
    pp0 = 2 * mass * point.energy - t / 2  # P.p = pp0 - s/2
    pp1 = 2 * mass * v0 - (t + u) / 2  # P.p'
    c2 = 2 * p2 - 2 * t
    c1 = 4 * t * p2 + 8 * t * pp0
    c0 = p2 * (2 * u**2 - 4 * t * u + 4 * t**2 - 8 * t * m2) - 8 * t * (pp0**2 + pp1**2)
    first = -(c2 * s0 + c1 + c0 * inv_s) / u

    # Second part: W = 2 M E0 [(1 - x) s - U] + t (U - s)/2, linear in s.
    w1, w0 = 2 * mass * v0 - t / 2, u * (t / 2 - 2 * mass * point.energy)
    e2 = t * p2 - 4 * w1**2
    e1 = -2 * t * p2 * u - 8 * w1 * w0
    e0 = t * p2 * u**2 - 4 * w0**2
    second = 2 * (m2 + 2 * l2) * (e2 + e1 * inv_s + e0 * inv_s2) / u**2
    return np.where(allowed, (first + second) / (8 * mass**2), 0.0)


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
