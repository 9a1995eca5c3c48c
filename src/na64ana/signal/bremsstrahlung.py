"""Exact tree-level cross section of l Z -> l Z X for a vector, axial, scalar or pseudoscalar X.

The squared amplitudes on a spinless nucleus, checked against explicit gamma-matrix traces
(tests/physics/test_amplitude.py), in kinematics without cancellations; equivalent to Liu, McKeen,
Miller (arXiv:1609.06781), Liu, Miller (arXiv:1705.01633) and Gninenko et al. (arXiv:1712.05706).
Natural units (GeV); the coupling is e, epsilon = 1.

x = E_X / E0 and y = 1 - x; w = 1 - cos(theta) of the X; t the squared momentum transfer to the
nucleus; U = -((p - k)^2 - l^2) > 0 and s = (p' + k)^2 - l^2 > 0 with the lepton's mass l. The
azimuth between nucleus and X is integrated analytically, w and t numerically in logarithms, and x
in ln(x/y), panel by panel, so that the cross section above any x is known too.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.constants import ALPHA, M_E
from na64ana.errors import ModelError
from na64ana.signal.form_factors import FormFactor, form_factor
from na64ana.signal.target import ECAL, Element

Floats = npt.NDArray[np.float64]
Mediator = Literal["V", "A", "S", "P"]

#: Mediators, as the kernel numbers them.
MEDIATORS: tuple[Mediator, ...] = ("V", "A", "S", "P")
#: Range of masses and of lepton energies [GeV] for which the quadrature is tested.
MASS_RANGE = (1e-6, 3.0)
ENERGY_RANGE = (1.0, 200.0)
#: Least energy fraction of a total cross section: at small masses it grows slowly without end.
X_MIN = 1e-3


@dataclass(frozen=True)
class Nodes:
    """Gauss-Legendre nodes: panels in ln(x/y) and nodes of each, nodes in ln w and in ln t."""

    panels: int = 12
    x: int = 4
    w: int = 20
    t: int = 48


@dataclass(frozen=True)
class Process:
    """What is emitted by which lepton on which nucleus.

    Attributes
    ----------
    mediator : str
        ``"V"``, ``"A"``, ``"S"`` or ``"P"``.
    lepton_mass : float
        [GeV]
    nucleus : Element
    form_factor : FormFactor
    nodes : Nodes
    """

    mediator: Mediator = "V"
    lepton_mass: float = M_E
    nucleus: Element = field(default_factory=lambda: ECAL.nucleus)
    form_factor: FormFactor = field(default_factory=FormFactor)
    nodes: Nodes = field(default_factory=Nodes)

    def __post_init__(self) -> None:
        if self.mediator not in MEDIATORS:
            msg = f"unknown mediator {self.mediator!r}; there are {', '.join(MEDIATORS)}"
            raise ModelError(msg)
        if not self.lepton_mass > 0:
            msg = f"lepton mass {self.lepton_mass:g} GeV must be positive"
            raise ModelError(msg)

    def _arguments(self, mass: float) -> tuple[Any, ...]:
        """Return what the kernel needs beside the kinematics."""
        nodes, parameters = self.nodes, self.form_factor.parameters(self.nucleus)
        # A light X follows the lepton, which makes a ridge in the plane of w and t.
        fine = 4 if mass < 4 * self.lepton_mass else 1
        emission = MEDIATORS.index(self.mediator), self.lepton_mass, self.nucleus.nuclear_mass
        return (*emission, parameters), _legendre(nodes.w), _legendre(fine * nodes.t)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Cross section against the energy fraction x of the X.

    Attributes
    ----------
    logit : array (n,)
        ln(x/(1-x)), rising.
    above : array (n,)
        Cross section [GeV^-2] above each x; the first is the total, the last is zero.
    """

    logit: Floats
    above: Floats


def compute_spectrum(
    process: Process, mass: float, energy: float, *, x_min: float = X_MIN
) -> Spectrum:
    """Return the cross section above energy fractions.

    Parameters
    ----------
    process : Process
    mass : float
        Mass of the X [GeV], inside `MASS_RANGE`.
    energy : float
        Energy of the lepton [GeV], inside `ENERGY_RANGE`.
    x_min : float
        Least energy fraction.

    Returns
    -------
    Spectrum
        Of zeros if the energy does not suffice.

    Raises
    ------
    ModelError
        If mass or energy lies outside its range.
    """
    limits = _limits(process, mass, energy, x_min)
    nodes = process.nodes
    # The X has at least its mass, the lepton keeps at least its own.
    low, high = limits if limits is not None else (-1.0, 1.0)
    edges = np.linspace(low, high, nodes.panels + 1)
    node, _ = _legendre(nodes.x)
    half = (edges[1] - edges[0]) / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * node).ravel()
    density = np.zeros(len(z))
    if limits is not None:
        density = _over_x(z, mass, energy, *process._arguments(mass))
    # Integrals up to points inside each panel, of the polynomial through its nodes.
    partial, points = _partial_integrals(nodes.x)
    parts = half * density.reshape(nodes.panels, nodes.x) @ partial.T
    before = np.concatenate([[0.0], np.cumsum(parts[:, -1])[:-1]])
    upto = np.concatenate([[0.0], (before[:, None] + parts).ravel()])
    logit = (edges[:-1, None] + half * (1 + points)).ravel()
    # Polynomials may undercut zero where there is next to nothing; what is left never rises.
    above = np.maximum.accumulate(np.maximum(upto[-1] - upto, 0.0)[::-1])[::-1]
    return Spectrum(np.concatenate([edges[:1], logit]), above)


def total_cross_section(
    process: Process, mass: float, energy: float, *, x_min: float = X_MIN
) -> float:
    """Return the cross section [GeV^-2] above an energy fraction; zero if closed.

    Parameters and errors as in `compute_spectrum`.
    """
    return float(compute_spectrum(process, mass, energy, x_min=x_min).above[0])


def differential_cross_section(process: Process, x: Floats, mass: float, energy: float) -> Floats:
    """Return d sigma / dx [GeV^-2] at energy fractions x ``(n,)`` inside (0, 1).

    Errors as in `compute_spectrum`.
    """
    _limits(process, mass, energy, X_MIN)
    x = np.asarray(x, float)
    logit = np.log(x) - np.log1p(-x)
    return np.asarray(_over_x(logit, mass, energy, *process._arguments(mass)) / (x * (1 - x)))


def double_differential_cross_section(
    process: Process, x: Floats, theta: Floats, mass: float, energy: float
) -> Floats:
    """Return d^2 sigma / dx dcos(theta) [GeV^-2] at x ``(n,)`` and angles theta ``(n,)`` [rad].

    Errors as in `compute_spectrum`.
    """
    _limits(process, mass, energy, X_MIN)
    x, theta = np.broadcast_arrays(np.asarray(x, float), np.asarray(theta, float))
    w = 2 * np.sin(theta / 2) ** 2
    emission, _, nodes = process._arguments(mass)
    return np.array([
        _at_angle(a, 1 - a, b, mass, energy, emission, nodes)
        for a, b in zip(x.ravel(), w.ravel(), strict=True)
    ]).reshape(x.shape)  # fmt: skip


def _limits(
    process: Process, mass: float, energy: float, x_min: float
) -> tuple[float, float] | None:
    """Return the limits of ln(x/y), None if there is nothing between them."""
    _check("mass of the mediator", mass, MASS_RANGE)
    _check("energy of the lepton", energy, ENERGY_RANGE)
    low, least = max(x_min, mass / energy * (1 + 1e-9)), process.lepton_mass / energy
    if low + least >= 1:
        return None
    return float(np.log(low) - np.log1p(-low)), float(np.log1p(-least) - np.log(least))


def _check(what: str, value: float, allowed: tuple[float, float]) -> None:
    if not allowed[0] <= value <= allowed[1]:
        msg = f"{what} {value:g} GeV lies outside {allowed[0]:g} to {allowed[1]:g} GeV"
        raise ModelError(msg)


@cache
def _legendre(n: int) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights on [-1, 1]."""
    node, weight = np.polynomial.legendre.leggauss(n)
    return node, weight


@cache
def _partial_integrals(n: int) -> tuple[Floats, Floats]:
    """Return integrals from -1 up to points ``(k, n)`` of the polynomials through n nodes."""
    node, _ = _legendre(n)
    points = np.linspace(-1.0, 1.0, 9)[1:]
    powers = np.arange(n)
    integral = (points[:, None] ** (powers + 1) - (-1.0) ** (powers + 1)) / (powers + 1)
    return integral @ np.linalg.inv(np.vander(node, increasing=True)), points


_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _over_x(logit, mass, energy, emission, w_nodes, t_nodes):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return d sigma / d ln(x/y) at values of ln(x/y)."""
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
            value = _at_angle(x, y, w, mass, energy, emission, t_nodes)
            total += w_weight[j] * first * grown * value
        found[i] = total * top / 2 * x * y
    return found


@_compiled
def _at_angle(x, y, w, mass, energy, emission, t_nodes):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return d^2 sigma / dx dcos(theta) [GeV^-2]."""
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

    # (1 - x) s - U = drop t-dependent, is small and is kept apart from U.
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
    return ALPHA**3 * k * energy / (p * np.sqrt(v2)) * total * span


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
