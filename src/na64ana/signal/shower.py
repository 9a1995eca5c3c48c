"""Track lengths of electrons, positrons and photons in an electromagnetic shower.

The cascade equations are solved on a grid of energies, E0 at its upper end. Bremsstrahlung and
pair production per radiation length have Tsai's screening functions and Coulomb correction (RMP 46
(1974) 815; the forms of EGS, SLAC-265), for each element of the dump. A particle that ends between
two grid points is shared between them so that number and energy are conserved on average: soft
photons become a drift to the next point, and their rate stays finite. Integrated over depth, a
triangular system gives the track lengths; with depth, a matrix exponential.

Left out: the LPM effect (+0.9 % for electrons, +2.5 % for positrons above 50 GeV of 100), direct
pairs by electrons (1 %), collisions that knock out electrons above the least energy. Lengths are
in radiation lengths, energies in GeV.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm, solve_triangular

from na64ana.constants import M_E
from na64ana.errors import ModelError
from na64ana.signal.target import ECAL, Element, Target, coulomb_correction

Floats = npt.NDArray[np.float64]
Beam = Literal["e-", "e+"]

#: Least energy [GeV] down to which showers are followed; range of beam energies [GeV].
E_MIN = 1.0
BEAM_RANGE = (5.0, 200.0)
#: Energy that an electron loses by ionisation in a radiation length of lead [GeV] (Review of
#: Particle Physics, PRD 110 (2024) 030001: critical energy of lead, 7.4 MeV, and its rise).
IONISATION = 0.009
#: Grid points without and with depth, and the fewest; steps in depth [X0], and how far.
_POINTS, _POINTS_DEPTH, _LEAST_POINTS = 300, 200, 50
DEPTH_STEP, DEPTH_MAX = 0.25, 30.0
#: Elements with a smaller share of 1/X0 than this shower like the others.
_SHARE_MIN = 0.02
#: Quadrature nodes in each cell of the grid.
_NODES = 4


@dataclass(frozen=True, eq=False)
class TrackLengths:
    """Track lengths of a shower, integrated over depth.

    Attributes
    ----------
    beam : str
        ``"e-"`` or ``"e+"``.
    energy : array (n,)
        Energies [GeV], falling; the first is that of the beam.
    electrons, positrons, photons : array (n,)
        Track length [X0] at each energy, per particle of the beam.
    """

    beam: Beam
    energy: Floats
    electrons: Floats
    positrons: Floats
    photons: Floats

    @cached_property
    def charged(self) -> Floats:
        """Track length ``(n,)`` [X0] of electrons and positrons."""
        return self.electrons + self.positrons

    @cached_property
    def cells(self) -> Floats:
        """Return the widths ``(n,)`` [GeV] of what each energy stands for."""
        middle = (self.energy[1:] + self.energy[:-1]) / 2
        edges = np.concatenate([self.energy[:1], middle, self.energy[-1:]])
        return np.asarray(edges[:-1] - edges[1:])


@dataclass(frozen=True, eq=False)
class ShowerProfile:
    """Particles of a shower at depths.

    Attributes
    ----------
    beam : str
    energy : array (n,)
        Energies [GeV], falling.
    depth : array (k,)
        Depths [X0].
    electrons, positrons, photons : array (k, n)
        Number of particles at each depth and energy, per particle of the beam.
    """

    beam: Beam
    energy: Floats
    depth: Floats
    electrons: Floats
    positrons: Floats
    photons: Floats


def compute_track_lengths(
    beam_energy: float, *, beam: Beam = "e-", target: Target = ECAL, points: int = _POINTS
) -> TrackLengths:
    """Return the track lengths of electrons, positrons and photons above 1 GeV.

    Parameters
    ----------
    beam_energy : float
        [GeV], inside `BEAM_RANGE`.
    beam : str
        ``"e-"`` or ``"e+"``.
    target : Target
    points : int
        Energies of the grid, equidistant in the logarithm.

    Raises
    ------
    ModelError
        If the beam energy lies outside its range, the beam is unknown, or the points are too few.
    """
    _check(beam, points)
    grid = _Grid.make(beam_energy, target, points)
    start = np.zeros(points)
    start[0] = 1.0
    primary = _solve(grid.charged, start)
    # Photons and pairs feed each other: generation after generation, each some 0.3 of the last.
    # Together they are one triangular system, as energies only fall.
    secondary, photons = np.zeros(points), np.zeros(points)
    born = primary
    while born.sum() > 1e-12 * primary.sum():
        new_photons = _solve(grid.absorbed, born @ grid.radiated)
        born = _solve(grid.charged, new_photons @ grid.pairs)
        photons, secondary = photons + new_photons, secondary + born
    return TrackLengths(beam, grid.energy, *_by_charge(beam, primary, secondary), photons)


def compute_profile(
    beam_energy: float, *, beam: Beam = "e-", target: Target = ECAL, points: int = _POINTS_DEPTH
) -> ShowerProfile:
    """Return the particles above 1 GeV at depths from 0 to `DEPTH_MAX`, every `DEPTH_STEP`.

    Parameters and errors as in `compute_track_lengths`; two equal calls return the same object.
    """
    _check(beam, points)
    return _profile(beam_energy, beam, target, points)


@lru_cache(maxsize=8)
def _profile(beam_energy: float, beam: Beam, target: Target, points: int) -> ShowerProfile:
    grid = _Grid.make(beam_energy, target, points)
    zero = np.zeros((points, points))
    change = np.block([
        [grid.charged, zero, grid.radiated],
        [zero, grid.charged, grid.radiated],
        [zero, grid.pairs, grid.absorbed],
    ])  # fmt: skip
    step = expm(change * DEPTH_STEP)
    depth = np.arange(0.0, DEPTH_MAX + DEPTH_STEP / 2, DEPTH_STEP)
    state = np.zeros((len(depth), 3 * points))
    state[0, 0] = 1.0
    for i in range(1, len(depth)):
        state[i] = state[i - 1] @ step
    state.flags.writeable = False  # it is shared
    primary, secondary, photons = np.split(state, 3, axis=1)
    return ShowerProfile(
        beam, grid.energy, depth, *_by_charge(beam, primary, secondary), photons
    )  # fmt: skip


def _check(beam: str, points: int) -> None:
    if beam not in {"e-", "e+"} or points < _LEAST_POINTS:
        msg = f"beam {beam!r} with {points} points: e- or e+, and at least {_LEAST_POINTS} points"
        raise ModelError(msg)


def _by_charge(beam: Beam, primary: Floats, secondary: Floats) -> tuple[Floats, Floats]:
    """Return electrons and positrons: pairs have one of each."""
    same, other = primary + secondary / 2, secondary / 2
    return (same, other) if beam == "e-" else (other, same)


def _solve(rates: Floats, source: Floats) -> Floats:
    """Return the track lengths T ``(n,)`` of particles that a source sends: T rates = -source."""
    return np.asarray(solve_triangular(rates.T, -source, lower=True))


@dataclass(frozen=True, eq=False)
class _Grid:
    """Rates per radiation length ``(n, n)`` from one energy (row) to another (column).

    `charged` moves electrons down, `radiated` makes photons of them, `pairs` makes electrons and
    positrons of photons, `absorbed` has the loss of photons on its diagonal.
    """

    energy: Floats
    charged: Floats
    radiated: Floats
    pairs: Floats
    absorbed: Floats

    @classmethod
    def make(cls, beam_energy: float, target: Target, points: int) -> "_Grid":
        if not BEAM_RANGE[0] <= beam_energy <= BEAM_RANGE[1]:
            low, high = BEAM_RANGE
            msg = f"beam energy {beam_energy:g} GeV lies outside {low:g} to {high:g} GeV"
            raise ModelError(msg)
        # One point more, below, takes what leaves the grid by its lower end.
        ratio = (E_MIN / beam_energy) ** (1 / (points - 1))
        energy = beam_energy * ratio ** np.arange(points + 1)
        charged, radiated, pairs = (np.zeros((points + 1, points + 1)) for _ in range(3))
        lost, leaving = np.zeros(points + 1), np.zeros(points + 1)
        e, k, weight = _cells(energy)
        for element, share in _elements(target):
            emitted = share * weight * bremsstrahlung(e, e - k, element)
            _share_out(charged, energy, k, emitted)
            radiated_here = share * weight * bremsstrahlung(e, k, element)
            _share_out(radiated, energy, k, radiated_here)
            _share_out(pairs, energy, k, 2 * share * weight * pair_production(e, k, element))
            leaving += share * _stops(energy, element)
            lost += share * _conversion(energy, element)
        places = np.arange(points)
        charged[places, places + 1] += IONISATION / (energy[:-1] - energy[1:])
        np.fill_diagonal(charged, 0.0)
        np.fill_diagonal(charged, -(charged.sum(axis=1) + leaving))
        inside = slice(0, points)
        return cls(
            energy=energy[inside],
            charged=charged[inside, inside],
            radiated=radiated[inside, inside],
            pairs=pairs[inside, inside],
            absorbed=np.diag(-lost[inside]),
        )


def _elements(target: Target) -> list[tuple[Element, float]]:
    """Return the elements that matter, and their shares of 1/X0."""
    some = [one for one in target.components if one.share > _SHARE_MIN]
    total = sum(one.share for one in some)
    return [(one.element, one.share / total) for one in some]


def _cells(energy: Floats) -> tuple[Floats, Floats, Floats]:
    """Return start energies, end energies and weights ``(n, n - 1, nodes)`` of all transitions.

    Cell j lies between the grid points j and j + 1; those above the start have no weight.
    """
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    half = (energy[:-1] - energy[1:])[:, None] / 2
    k = energy[1:, None] + half * (1 + node)
    n = len(energy)
    below = np.arange(n - 1) >= np.arange(n)[:, None]
    e = energy[:, None, None]
    # Above the start there is nothing; an end just below keeps the formulas finite there.
    return e, np.minimum(k, e * (1 - 1e-12)), np.where(below[..., None], half * weight, 0.0)


def _share_out(rates: Floats, energy: Floats, k: Floats, rate: Floats) -> None:
    """Add what ends in each cell to its two ends, so that the mean energy stays."""
    width = (energy[:-1] - energy[1:])[:, None]
    to_upper = np.clip((k - energy[1:, None]) / width, 0.0, 1.0)
    rates[:, :-1] += (rate * to_upper).sum(axis=2)
    rates[:, 1:] += (rate * (1 - to_upper)).sum(axis=2)


def _stops(energy: Floats, element: Element) -> Floats:
    """Return the rate ``(n,)`` at which electrons radiate and end below the grid."""
    node, weight = np.polynomial.legendre.leggauss(16)
    half = energy[-1] / 2
    end = half * (1 + node)
    e = energy[:-1, None]
    rate = (half * weight * bremsstrahlung(e, e - end, element)).sum(axis=1)
    return np.append(rate, 0.0)


def _conversion(energy: Floats, element: Element) -> Floats:
    """Return the rate ``(n,)`` of pair production."""
    node, weight = np.polynomial.legendre.leggauss(32)
    k = energy[:, None]
    part = k * (1 + node) / 2
    return np.asarray((k / 2 * weight * pair_production(k, part, element)).sum(axis=1))


def bremsstrahlung(energy: Floats, photon: Floats, element: Element) -> Floats:
    """Return photons per GeV and radiation length, from an electron of some energy.

    Parameters
    ----------
    energy, photon : array
        Energies [GeV] of the electron before, and of the photon; they broadcast.
    element : Element
    """
    y = photon / energy
    f1, f2 = _screening(136 * photon / (energy * (energy - photon)), element)
    return np.asarray(((1 + (1 - y) ** 2) * f1 - 2 / 3 * (1 - y) * f2) / photon)


def pair_production(photon: Floats, electron: Floats, element: Element) -> Floats:
    """Return electrons (or positrons) per GeV and radiation length, from a photon.

    Parameters
    ----------
    photon, electron : array
        Energies [GeV]; they broadcast.
    element : Element
    """
    x = electron / photon
    f1, f2 = _screening(136 / (photon * x * (1 - x)), element)
    return np.asarray(((x**2 + (1 - x) ** 2) * f1 + 2 / 3 * x * (1 - x) * f2) / photon)


def _screening(q: Floats, element: Element) -> tuple[Floats, Floats]:
    """Return Tsai's F1 and F2, normalised to complete screening, for a momentum transfer q."""
    d = q * M_E * element.z ** (-1 / 3)
    shift = 4 / 3 * np.log(element.z) + 4 * coulomb_correction(element.z)
    far = 21.12 - 4.184 * np.log(d + 0.952)
    phi1 = np.where(d <= 1, 20.867 - 3.242 * d + 0.625 * d**2, far)
    phi2 = np.where(d <= 1, 20.209 - 1.930 * d - 0.086 * d**2, far)
    full = 20.867 - shift
    return np.maximum(phi1 - shift, 0.0) / full, np.maximum(phi2 - shift, 0.0) / full
