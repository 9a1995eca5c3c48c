"""Dark photons per electron on target: bremsstrahlung and resonant annihilation in the shower.

Bremsstrahlung (UFN 191 (2021) 1361, eq. 48, corrected for X0)::

    dn/dE_A' = N/X0 int dE [T_-(E) + T_+(E)] d sigma/dE_A'(E),

with the exact tree-level cross section and the track lengths of a whole shower; annihilation with
T_+ and the electrons of all elements, where the dark photon has all the energy of the positron.
Both are folded with resolution and trigger into spectra of E_ECAL. epsilon = 1: yields scale with
epsilon squared (apart from the width, which is that of invisible decays).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline, PchipInterpolator

from na64ana.constants import BEAM_ENERGY, GEV2_TO_CM2, M_E
from na64ana.display import html_table, some
from na64ana.errors import ModelError
from na64ana.signal.annihilation import annihilation_per_x0
from na64ana.signal.bremsstrahlung import MASS_RANGE, Process, compute_spectrum
from na64ana.signal.shower import Beam, compute_track_lengths
from na64ana.signal.target import ECAL, Target
from na64ana.signal.widths import DarkMatter

Floats = npt.NDArray[np.float64]

#: Least energy of a dark photon that is looked at [GeV], and width of the bins [GeV] (choices).
E_AP_MIN, BIN_WIDTH = 5.0, 0.5
#: Range of the beam's energy [GeV]: that of the cross section, and some above `E_AP_MIN`.
BEAM_RANGE = (20.0, 200.0)
#: Energies at which the cross section is computed; in between a spline in ln E.
_N_ENERGIES = 10
#: Values of ln(x/(1-x)) at which it is kept, and steps in ln(E - E_A') of the integral over E.
_N_LOGIT, _N_STEPS = 300, 72
_WORKERS = 2


@dataclass(frozen=True)
class Beamline:
    """What goes into the dump, and what it is made of.

    Attributes
    ----------
    energy : float
        Of the beam [GeV], inside `BEAM_RANGE`.
    particle : str
        ``"e-"`` or ``"e+"``.
    target : Target

    Raises
    ------
    ModelError
        If the energy lies outside its range.
    """

    energy: float = BEAM_ENERGY
    particle: Beam = "e-"
    target: Target = ECAL

    def __post_init__(self) -> None:
        low, high = BEAM_RANGE
        if self.particle not in {"e-", "e+"}:
            msg = f"unknown beam {self.particle!r}; there are e-, e+"
            raise ModelError(msg)
        if not low <= self.energy <= high:
            msg = f"beam energy {self.energy:g} GeV lies outside {low:g} to {high:g} GeV"
            raise ModelError(msg)

    @property
    def edges(self) -> Floats:
        """Edges ``(n + 1,)`` of the energy of the dark photon [GeV]."""
        n = round((self.energy - E_AP_MIN) / BIN_WIDTH)
        return np.linspace(E_AP_MIN, self.energy, n + 1)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Yields per particle on target in bins of the energy of the dark photon, epsilon = 1.

    Attributes
    ----------
    masses : array (m,)
        [GeV]
    edges : array (n + 1,)
        Of the energy of the dark photon [GeV].
    per_bin : array (m, n)
    """

    masses: Floats
    edges: Floats
    per_bin: Floats

    def above(self, e_ap_min: float) -> Floats:
        """Return the yield ``(m,)`` above an energy [GeV], linear inside its bin.

        Raises
        ------
        ModelError
            If the energy lies outside the bins.
        """
        if not self.edges[0] <= e_ap_min <= self.edges[-1]:
            msg = (
                f"energy of the dark photon above {e_ap_min:g} GeV: must lie between "
                f"{self.edges[0]:g} and {self.edges[-1]:g} GeV"
            )
            raise ModelError(msg)
        below = np.concatenate([np.zeros((len(self.masses), 1)), self.per_bin.cumsum(axis=1)], 1)
        missing = np.array([np.interp(e_ap_min, self.edges, row) for row in below])
        return np.asarray(below[:, -1] - missing)

    def _repr_html_(self) -> str:
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        total = self.per_bin.sum(axis=1)
        mean = self.per_bin @ middle / np.where(total > 0, total, np.nan)
        rows = (
            [1e3 * float(self.masses[i]), float(total[i]), float(mean[i])]
            for i in some(len(self.masses))
        )
        head = ("m [MeV]", "yield", "mean energy [GeV]")
        title = f"dark photons above {self.edges[0]:g} GeV per electron, epsilon = 1"
        return html_table(head, rows, title=title)


def compute_bremsstrahlung(
    masses: Sequence[float] | Floats, beamline: Beamline, process: Process | None = None
) -> Spectra:
    """Return the yield of bremsstrahlung.

    Parameters
    ----------
    masses : sequence of float
        Of the mediator [GeV].
    beamline : Beamline
    process : Process or None
        What an electron emits, None is a vector; the nuclei are those of the dump.

    Raises
    ------
    ModelError
        If a mass lies outside the range of the cross section, or the beam's energy outside that of
        the shower.

    Examples
    --------
    Dark photons of 20 MeV above 50 GeV, per electron and for epsilon = 1:

    >>> from na64ana.signal.yields import Beamline, compute_bremsstrahlung
    >>> found = compute_bremsstrahlung([0.02], Beamline())
    >>> print(f"{found.above(50.0)[0]:.2e}")
    3.49e-03
    """
    masses = _check_masses(masses)
    plan, process = _integral(beamline), process or Process()
    above = sum(
        nuclei * _for_each(partial(_yield_above, one, plan), masses)
        for one, nuclei in _processes(process, beamline.target)
    )
    # The integral over E may rise by its own error where there is next to nothing.
    per_bin = np.maximum(-np.diff(np.asarray(above), axis=1), 0.0)
    return Spectra(masses, beamline.edges, GEV2_TO_CM2 * per_bin)


def compute_annihilation(
    masses: Sequence[float] | Floats, beamline: Beamline, dark_matter: DarkMatter
) -> Spectra:
    """Return the yield of resonant annihilation.

    Parameters
    ----------
    masses : sequence of float
        Of the A' [GeV].
    beamline : Beamline
    dark_matter : DarkMatter

    Raises
    ------
    ModelError
        As `compute_bremsstrahlung`.
    """
    masses = _check_masses(masses)
    edges = beamline.edges
    lengths = compute_track_lengths(beamline.energy, beam=beamline.particle, target=beamline.target)
    length = -np.diff(_above(lengths.energy, lengths.positrons)(edges))
    sigma = _for_each(lambda m: annihilation_per_x0(edges, m, dark_matter, beamline.target), masses)
    return Spectra(masses, edges, GEV2_TO_CM2 * length * sigma)


def compute_double_spectrum(
    mass: float, e_edges: Floats, beamline: Beamline, process: Process | None = None
) -> Floats:
    """Return the yield of bremsstrahlung in bins of the electron's and the mediator's energy.

    Parameters
    ----------
    mass : float
        [GeV]
    e_edges : array (k + 1,)
        Energies of the electron or positron [GeV], rising.
    beamline : Beamline
    process : Process or None

    Returns
    -------
    array (k, n)
        Per particle on target, epsilon = 1; n bins of `Beamline.edges`.

    Raises
    ------
    ModelError
        As `compute_bremsstrahlung`.
    """
    (mass,) = _check_masses([mass])
    e_edges = np.asarray(e_edges, float)
    rising = e_edges.ndim == 1 and len(e_edges) > 1 and bool((np.diff(e_edges) > 0).all())
    if not (rising and e_edges[0] >= E_AP_MIN and e_edges[-1] <= beamline.energy):
        msg = f"energies of the electron must rise from {E_AP_MIN:g} to {beamline.energy:g} GeV"
        raise ModelError(msg)
    lengths = compute_track_lengths(beamline.energy, beam=beamline.particle, target=beamline.target)
    # Finer than the bins of the mediator, as the spectrum has a spike at the electron's energy.
    steps = max(2, int(np.ceil(4 * np.diff(e_edges).max() / BIN_WIDTH)))
    parts = np.linspace(e_edges[:-1], e_edges[1:], steps + 1, axis=1)
    length = -np.diff(_above(lengths.energy, lengths.charged)(parts), axis=1).ravel()
    energy = ((parts[:, 1:] + parts[:, :-1]) / 2).ravel()
    points = _points(beamline, energy[:, None], beamline.edges, length[:, None])
    sigma = sum(
        nuclei * _cross_section(one, points, mass)
        for one, nuclei in _processes(process or Process(), beamline.target)
    )
    spectra = -np.diff(points.length * np.asarray(sigma), axis=1)
    return np.asarray(GEV2_TO_CM2 * spectra.reshape(len(e_edges) - 1, steps, -1).sum(axis=1))


@dataclass(frozen=True, eq=False)
class _Integral:
    """Points of the integral over the energy of electrons, for each least energy of the A'.

    `length` and `logit` ``(n + 1, steps)`` are track lengths [X0] and ln(x/(1-x)); `nodes` ``(k,)``
    are the energies of the cross section, and `spline` ``(k, n + 1, steps)`` the weights by which
    its values there make one in between.
    """

    length: Floats
    logit: Floats
    nodes: Floats
    spline: Floats


@lru_cache(maxsize=4)
def _integral(beamline: Beamline) -> _Integral:
    lengths = compute_track_lengths(beamline.energy, beam=beamline.particle, target=beamline.target)
    above = _above(lengths.energy, lengths.charged)
    inside = above.antiderivative()
    least = beamline.edges[:, None]
    # Equal steps in ln(E - E_A'): the spectrum has a spike where E is hardly more than E_A'.
    fraction = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, _N_STEPS)])
    bounds = least + (beamline.energy - least) * fraction
    length = -np.diff(above(bounds), axis=1)
    # Each step counts at its mean energy: the last one ends at the spike of the primary.
    moment = -np.diff(bounds * above(bounds) - inside(bounds), axis=1)
    low, high = bounds[:, :-1], bounds[:, 1:]
    mean = np.where(length > 0, moment / np.where(length > 0, length, 1.0), (low + high) / 2)
    middle = low + (high - low) / 2
    # Where the step is short beside the energy, the moment has no digits left.
    mean = np.where(high - low > 1e-3 * low, np.clip(mean, low, high), middle)
    return _points(beamline, mean, least, length)


def _points(beamline: Beamline, energy: Floats, least: Floats, length: Floats) -> _Integral:
    """Return points at which electrons of some energies make an A' above least ones."""
    energy, least, length = np.broadcast_arrays(energy, least, length)
    # What cannot be lies beyond all values of ln(x/(1-x)).
    logit = np.log(least) - np.log(np.maximum(energy - least, 1e-12))
    nodes = np.geomspace(E_AP_MIN, beamline.energy, _N_ENERGIES)
    spline = CubicSpline(np.log(nodes), np.eye(_N_ENERGIES))(np.log(energy))
    return _Integral(length, logit, nodes, np.moveaxis(spline, -1, 0))


def _above(energy: Floats, length: Floats) -> PchipInterpolator:
    """Return the track length above an energy, between the points of the grid."""
    middle = (energy[1:] + energy[:-1]) / 2
    bounds = np.concatenate([energy[:1], middle])
    return PchipInterpolator(
        bounds[::-1], np.concatenate([[0.0], np.cumsum(length[:-1])])[::-1], extrapolate=True
    )


def _cross_section(process: Process, plan: _Integral, mass: float) -> Floats:
    """Return the cross section [GeV^-2] above the energies of the A', ``(n + 1, steps)``."""
    total = np.zeros(plan.logit.shape)
    for node, weight in zip(plan.nodes, plan.spline, strict=True):
        spectrum = compute_spectrum(process, mass, float(node))
        grid = np.linspace(spectrum.logit[0], spectrum.logit[-1], _N_LOGIT)
        fine = PchipInterpolator(spectrum.logit, spectrum.above)(grid)
        total += weight * np.interp(plan.logit, grid, fine, right=0.0)
    return np.maximum(total, 0.0)


def _yield_above(process: Process, plan: _Integral, mass: float) -> Floats:
    """Return the track length times the cross section above each energy of the A'."""
    return np.asarray((plan.length * _cross_section(process, plan, mass)).sum(axis=1))


def _for_each(work: Callable[[float], Floats], masses: Floats) -> Floats:
    """Return what some work gives for each mass, in threads.

    The first is done alone: compiling it in two threads at once fails.
    """
    first = work(float(masses[0]))
    with ThreadPoolExecutor(_WORKERS) as pool:
        return np.array([first, *pool.map(work, masses[1:].tolist())])


def _processes(process: Process, target: Target) -> list[tuple[Process, float]]:
    """Return the process on each nucleus of a dump that matters, and nuclei per cm^2 and X0."""
    if process.lepton_mass != M_E:
        msg = (
            "a shower has electrons and positrons; leave the lepton's mass at that of the electron"
        )
        raise ModelError(msg)
    return [(replace(process, nucleus=c.element), c.atoms_per_x0) for c in target.producers]


def _check_masses(masses: Sequence[float] | Floats) -> Floats:
    masses = np.asarray(masses, float)
    low, high = MASS_RANGE
    bad = ~((masses >= low) & (masses <= high))
    if bad.any() or not masses.size:
        found = f"mass {masses[bad][0]:g} GeV" if masses.size else "no mass is given: one"
        msg = f"{found} lies outside {low:g} to {high:g} GeV"
        raise ModelError(msg)
    return masses
