"""Muon pairs of which nothing is seen behind the ECAL.

PRL 131 (2023) 161801, background (i): 'dimuon losses due to their inefficient detection or decays
in the target', from the single-muon detection efficiency and the number of observed dimuons. A muon
is not seen if VETO and HCAL both miss it, or if it decays before it reaches the VETO. Of a pair,
both must be lost; one that stops in the ECAL is lost already.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.background.table import N_DRAWS, SEED, Estimate
from na64ana.constants import C_TAU_MU, M_MU

Floats = npt.NDArray[np.float64]

#: Way [mm] in which a decay hides a muon: from the shower maximum to the VETO, in the ECAL of
#: 450 mm (150 x (1.5 + 1.5) mm, PRL 2023).
DECAY_WAY = 400.0
#: Energies [GeV] in the ECAL between which the mean tells the energy scale: inside the trigger.
SCALE_WINDOW = (20.0, 85.0)
#: Factor of one standard deviation of the probability of a loss, for muons that stop or decay: the
#: pairs lose energy by ionisation only and do not straggle (choice).
MODEL_FACTOR = 2.0


@dataclass(frozen=True)
class Pairs:
    """Simulated muon pairs, whether they trigger or not.

    Attributes
    ----------
    e_ecal : array (n,)
        Energy in the ECAL [GeV].
    e_trigger : float
        Edge of the trigger [GeV]: those below it are kept.
    e_muon : array (n, 2)
        Energies [GeV] of the muons that leave the ECAL; zero for those that stop in it.
    """

    e_ecal: Floats
    e_muon: Floats
    e_trigger: float


@dataclass(frozen=True)
class Probe:
    """Muons that were tagged, and those of them that a detector missed."""

    tagged: int
    missed: int

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Draw the inefficiency, with Jeffreys' prior."""
        return rng.beta(self.missed + 0.5, self.tagged - self.missed + 0.5, size)


@dataclass(frozen=True)
class Normalisation:
    """How many pairs there are, and their energy.

    Attributes
    ----------
    selected : int
        Pairs in the control sample.
    prescale : float
        Events that one of them stands for.
    efficiency, efficiency_error : float
        Share of pairs that the control sample keeps, of those that pass the cuts on the electron.
    energy_scale, energy_scale_error : float
        Recoil energy in the ECAL, measured over simulated.
    """

    selected: int
    prescale: float
    efficiency: float
    efficiency_error: float
    energy_scale: float
    energy_scale_error: float

    @property
    def pairs(self) -> float:
        """Pairs with an electron that passes the cuts."""
        return self.selected * self.prescale / self.efficiency

    @property
    def relative_error(self) -> float:
        """Of `pairs`."""
        counted = 1 / np.sqrt(max(self.selected, 1))
        return float(np.hypot(counted, self.efficiency_error / self.efficiency))


def michel_share(x: Floats | float) -> Floats:
    """Return how often the electron of the decay of a fast muon has less than a share `x` of it.

    Of unpolarised muons: the density is 5/3 - 3 x^2 + 4/3 x^3 (RPP, section 58).
    """
    return np.asarray(5 / 3 * x - x**3 + x**4 / 3)


def find_energy_scale(ratio: float, error: float, pairs: Pairs) -> tuple[float, float]:
    """Return the energy scale of the ECAL, measured over simulated, and its error.

    From the ratio of the mean energies inside `SCALE_WINDOW`. The spectrum of pairs rises to the
    edge of the trigger, so that a larger scale moves pairs out of the window at its upper end, and
    the mean falls. How it depends on the scale is simulated.

    Parameters
    ----------
    ratio, error : float
        Mean energy of measured pairs over that of simulated ones, and its error.
    pairs : Pairs
    """
    scales = np.linspace(0.94, 1.08, 29)
    means = np.array([_mean_in_window(scale * pairs.e_ecal) for scale in scales])
    slope, at_one = np.polyfit(scales - 1, means / _mean_in_window(pairs.e_ecal), 1)
    return float(1 + (ratio - at_one) / slope), float(error / abs(slope))


def _mean_in_window(energy: Floats) -> float:
    low, high = SCALE_WINDOW
    return float(energy[(energy > low) & (energy < high)].mean())


def loss_terms(pairs: Pairs, e_ecal_max: float, energy_scale: float = 1.0) -> Floats:
    """Return mean probabilities ``(3, 3)`` that a pair is lost into the box.

    Element [i, j] multiplies q^i, with q the probability that a muon is missed by VETO and HCAL,
    and belongs to j decays; muons that stop need neither. An electron of a decay adds its energy
    to that in the ECAL.

    Parameters
    ----------
    pairs : Pairs
    e_ecal_max : float
        Upper edge of the box [GeV].
    energy_scale : float
        Measured over simulated energy in the ECAL.
    """
    kept = energy_scale * pairs.e_ecal < pairs.e_trigger
    e_ecal, energy = energy_scale * pairs.e_ecal[kept], pairs.e_muon[kept]
    alive = energy > 0
    gamma_c_tau = np.where(alive, energy / M_MU * C_TAU_MU, np.inf)
    decays = DECAY_WAY / gamma_c_tau
    below = e_ecal < e_ecal_max
    room = (e_ecal_max - e_ecal[:, None]) / np.where(alive, energy, 1.0)
    with_electron = np.where(alive, michel_share(np.clip(room, 0.0, 1.0)) * decays, 0.0)
    n_alive = alive.sum(axis=1)
    terms = np.zeros((3, 3))
    for count in range(3):
        terms[count, 0] = (below & (n_alive == count)).mean()
    terms[0, 1] = (with_electron.sum(axis=1) * (n_alive == 1)).mean()
    terms[1, 1] = (with_electron.sum(axis=1) * (n_alive == 2)).mean()
    terms[0, 2] = (decays.prod(axis=1) * below * (n_alive == 2)).mean()
    return terms


def _count_stopped(pairs: Pairs, e_ecal_max: float) -> int:
    stopped = (pairs.e_muon > 0).sum(axis=1) < 2
    return int((stopped & (pairs.e_ecal < e_ecal_max)).sum())


def estimate_dimuon(
    normalisation: Normalisation,
    pairs: Pairs,
    veto: Probe,
    hcal_front: Probe,
    hcal_rear: Probe,
    e_ecal_max: float,
) -> Estimate:
    """Estimate the muon pairs in the box.

    Parameters
    ----------
    normalisation : Normalisation
    pairs : Pairs
        For the energies.
    veto, hcal_front, hcal_rear : Probe
        Single muons that the VETO misses, HCAL module 0, and modules 1 and 2 together.
    e_ecal_max : float
        Upper edge of the box [GeV].
    """
    rng = np.random.default_rng(SEED)
    q = np.prod([one.draw(rng, N_DRAWS) for one in (veto, hcal_front, hcal_rear)], axis=0)
    scale, error = normalisation.energy_scale, normalisation.energy_scale_error
    terms, shifted = (
        loss_terms(pairs, e_ecal_max, factor) for factor in (scale, scale * (1 + error))
    )
    powers = np.stack([np.ones_like(q), q, q**2])
    loss, other = (one.sum(axis=1) @ powers for one in (terms, shifted))
    shift = np.abs(other / loss - 1)
    parts = np.log1p(normalisation.relative_error), np.log(MODEL_FACTOR), np.log1p(shift)
    spread = np.sqrt(sum(np.square(part) for part in parts))
    events = normalisation.pairs * loss * np.exp(spread * rng.normal(size=N_DRAWS))
    inputs = {
        "pairs_selected": normalisation.selected,
        "prescale": normalisation.prescale,
        "efficiency_of_control_sample": normalisation.efficiency,
        "energy_scale": scale,
        "simulated_pairs_that_stop_into_the_box": _count_stopped(pairs, e_ecal_max),
        "muons_tagged": veto.tagged,
        "missed_by_veto": veto.missed,
        "missed_by_hcal_0": hcal_front.missed,
        "missed_by_hcal_1_2": hcal_rear.missed,
        "stopped_and_decay_per_pair": float(terms[0].sum()),
        "one_missed_per_pair": float(terms[1].sum()),
        "both_missed_per_pair": float(terms[2].sum()),
    }
    return Estimate.of_draws(events, "muon pairs, single muons", inputs, limit=False)
