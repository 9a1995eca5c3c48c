"""Dark photons per electron on target with more than a given missing energy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from na64ana.constants import GEV2_TO_CM2
from na64ana.errors import ModelError
from na64ana.signal.bremsstrahlung import differential_cross_section
from na64ana.signal.shower import LEAST_FRACTION, electron_track_lengths, sample_depth
from na64ana.signal.target import ECAL, Target

Floats = npt.NDArray[np.float64]

#: Energies at which the cross section is computed, denser towards the threshold, where the spike
#: of the spectrum at x = 1 makes it rise steeply; in between it is interpolated.
_N_ENERGIES = 10


@dataclass(frozen=True)
class YieldCurve:
    """Yields per electron on target for epsilon = 1; they scale with epsilon squared.

    Attributes
    ----------
    masses : array (n,)
        Masses of the A' [GeV].
    yields : array (n,)
        A' from bremsstrahlung per electron on target with E_A' above `e_miss_min`.
    e_miss_min : float
        Least missing energy [GeV].
    """

    masses: Floats
    yields: Floats
    e_miss_min: float


def compute_yields(
    masses: Sequence[float] | Floats,
    *,
    beam_energy: float,
    e_miss_min: float,
    target: Target = ECAL,
) -> YieldCurve:
    """Compute the yield of A' bremsstrahlung (UFN 191 (2021) 1361, eq. 48, corrected for X0).

    n(m) = N/X0 int dE [T_-(E) + T_+(E)] sigma(E, E_A' > e_miss_min), exact tree level.

    Parameters
    ----------
    masses : sequence of float
        Masses of the A' [GeV].
    beam_energy : float
        Energy of the beam electron [GeV].
    e_miss_min : float
        Least energy of the A' [GeV].
    target : Target
        The dump.

    Raises
    ------
    ModelError
        If a mass lies outside the range of the cross section, or the threshold outside that of
        the shower model.
    """
    _check_threshold(e_miss_min, beam_energy)
    energy, length = electron_track_lengths(e_miss_min, beam_energy)
    steps = np.linspace(0.0, 1.0, _N_ENERGIES + 1)[1:] ** 2
    nodes = e_miss_min + (beam_energy - e_miss_min) * steps
    values = []
    for mass in masses:
        sigma = [
            differential_cross_section(mass, e, target, x_min=e_miss_min / e)[1].sum()
            for e in nodes
        ]
        above = PchipInterpolator([e_miss_min, *nodes], [0.0, *sigma])
        values.append(float((length * above(energy)).sum()))
    yields = np.array(values) * target.nuclei_per_x0 * GEV2_TO_CM2
    return YieldCurve(np.asarray(masses, float), yields, e_miss_min)


def sample_signal(
    rng: np.random.Generator,
    n: int,
    mass: float,
    *,
    beam_energy: float,
    e_miss_min: float,
    target: Target = ECAL,
) -> tuple[Floats, Floats]:
    """Draw energies of dark photons of one mass, above `e_miss_min`, and where they are emitted.

    The spectrum is that of `compute_yields`: cross section in x weighted with track length.

    Returns
    -------
    e_ap : array (n,)
        Energies [GeV].
    depth : array (n,)
        Depths in the dump [X0].
    """
    _check_threshold(e_miss_min, beam_energy)
    n_bins = 25
    energy, length = electron_track_lengths(e_miss_min, beam_energy, n=n_bins)
    width = (beam_energy - e_miss_min) / n_bins
    spectra = [differential_cross_section(mass, e, target, x_min=e_miss_min / e) for e in energy]
    weight = length * [sigma.sum() for _, sigma in spectra]
    parents = rng.multinomial(n, weight / weight.sum())
    drawn, depths = [], []
    for e, (x, sigma), count in zip(energy, spectra, parents, strict=True):
        # How far above the threshold, between it and the parent's energy. The parent lies anywhere
        # in its bin: at the centres alone, the spike at x = 1 would make a comb.
        edges = np.concatenate([[0.0], (x * e - e_miss_min) / (e - e_miss_min)])
        cumulative = np.concatenate([[0.0], np.cumsum(sigma) - sigma / 2])
        fraction = np.interp(rng.random(count) * sigma.sum(), cumulative, edges)
        parent = e + width * (rng.random(count) - 0.5)
        drawn.append(e_miss_min + fraction * (parent - e_miss_min))
        depths.append(sample_depth(rng, count, float(e), beam_energy))
    order = rng.permutation(n)
    return np.concatenate(drawn)[order], np.concatenate(depths)[order]


def _check_threshold(e_miss_min: float, beam_energy: float) -> None:
    lowest = LEAST_FRACTION * beam_energy
    if not lowest <= e_miss_min < beam_energy:
        msg = (
            f"missing energy above {e_miss_min:g} GeV: the threshold must lie between "
            f"{lowest:g} and {beam_energy:g} GeV, where the shower model holds"
        )
        raise ModelError(msg)
