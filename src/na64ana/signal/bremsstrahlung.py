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

from na64ana.constants import ALPHA, M_E
from na64ana.errors import ModelError
from na64ana.signal.form_factors import FormFactor
from na64ana.signal.kernels import at_angle, over_x
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
        density = ALPHA**3 * over_x(z, mass, energy, *process._arguments(mass))
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
    x = _inside(x)
    logit = np.log(x) - np.log1p(-x)
    density = over_x(logit.ravel(), mass, energy, *process._arguments(mass)).reshape(x.shape)
    return np.asarray(ALPHA**3 * density / (x * (1 - x)))


def double_differential_cross_section(
    process: Process, x: Floats, theta: Floats, mass: float, energy: float
) -> Floats:
    """Return d^2 sigma / dx dcos(theta) [GeV^-2] at x ``(n,)`` and angles theta ``(n,)`` [rad].

    Errors as in `compute_spectrum`.
    """
    _limits(process, mass, energy, X_MIN)
    x, theta = np.broadcast_arrays(_inside(x), np.asarray(theta, float))
    w = 2 * np.sin(theta / 2) ** 2
    emission, _, nodes = process._arguments(mass)
    return ALPHA**3 * np.array([
        at_angle(a, 1 - a, b, mass, energy, emission, nodes)
        for a, b in zip(x.ravel(), w.ravel(), strict=True)
    ]).reshape(x.shape)  # fmt: skip


def _limits(
    process: Process, mass: float, energy: float, x_min: float
) -> tuple[float, float] | None:
    """Return the limits of ln(x/y), None if there is nothing between them."""
    _check("mass of the mediator", mass, MASS_RANGE)
    _check("energy of the lepton", energy, ENERGY_RANGE)
    if not 0 <= x_min < 1:
        msg = f"least energy fraction {x_min:g} must lie from 0 to 1"
        raise ModelError(msg)
    low, least = max(x_min, mass / energy * (1 + 1e-9)), process.lepton_mass / energy
    if low + least >= 1:
        return None
    return float(np.log(low) - np.log1p(-low)), float(np.log1p(-least) - np.log(least))


def _inside(x: Floats) -> Floats:
    x = np.asarray(x, float)
    if not ((x > 0) & (x < 1)).all():
        msg = "energy fractions must lie between 0 and 1"
        raise ModelError(msg)
    return x


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
