"""What the ECAL and the trigger make of an electron that lost energy to a dark photon."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from na64ana.calorimeter import CONSTANT, PRS_DEPTH, START, STOCHASTIC, mean_profile
from na64ana.constants import BEAM_ENERGY
from na64ana.signal.shower import compute_profile

Floats = npt.NDArray[np.float64]
Channel = Literal["bremsstrahlung", "annihilation"]

#: Hermite nodes for the two fluctuations of a shower.
_N_FLUCTUATION = 10


@dataclass(frozen=True)
class Response:
    """Resolution and trigger.

    Attributes
    ----------
    beam_energy : float
        [GeV]
    beam_spread : float
        Standard deviation of the beam's energy over its mean (1 %, NA64: Results and plans, 2023).
    stochastic, constant : float
        sigma/E = stochastic/sqrt(E) + constant, added in quadrature; E in GeV.
    e_prs_min : float
        Threshold of the preshower [GeV] (the collaboration's code).
    e_ecal_max : float
        Edge of the trigger in E_ECAL [GeV] (about 90, PRL 131 (2023) 161801).
    """

    beam_energy: float = BEAM_ENERGY
    beam_spread: float = 0.01
    stochastic: float = STOCHASTIC
    constant: float = CONSTANT
    e_prs_min: float = 0.3
    e_ecal_max: float = 90.0

    def probabilities(self, e_ap: Floats, edges: Floats, channel: Channel) -> Floats:
        """Return the probability that an event triggers, and has its E_ECAL in bins.

        Parameters
        ----------
        e_ap : array (n,)
            Energy of the dark photon [GeV].
        edges : array (k + 1,)
            Of E_ECAL [GeV], rising.
        channel : str
            ``"bremsstrahlung"`` or ``"annihilation"``, which begin at different depths.

        Returns
        -------
        array (n, k)
        """
        left = np.maximum(self.beam_energy - np.asarray(e_ap, float), 0.0)[:, None]
        variance = self.stochastic**2 * left + (self.constant * left) ** 2
        sigma = np.sqrt(variance + (self.beam_spread * self.beam_energy) ** 2)
        # An energy cannot be negative: what the spread of the beam puts there counts as zero.
        below = ndtr((np.minimum(edges, self.e_ecal_max) - left) / sigma)
        below[:, edges <= 0] = 0.0
        triggered = self.prs_probability(left[:, 0], channel)
        return np.asarray(np.diff(below, axis=1) * triggered[:, None])

    def prs_probability(self, e_left: Floats, channel: Channel) -> Floats:
        """Return the probability ``(n,)`` that the preshower is over threshold.

        The shower of what is left, `e_left` [GeV], starts at `calorimeter.START` times the depth
        at which the dark photon is made: that of electrons and positrons above its energy, or of
        positrons with its energy. It fluctuates as hep-ex/0001020 says.
        """
        grid, probability = _prs_table(self.e_prs_min, self.beam_energy, channel)
        log = np.log(np.clip(e_left, grid[0], grid[-1]))
        return np.asarray(np.interp(log, np.log(grid), probability))


@lru_cache(maxsize=8)
def _prs_table(e_prs_min: float, beam_energy: float, channel: Channel) -> tuple[Floats, Floats]:
    """Return energies that are left [GeV], and how probably the preshower is over threshold."""
    left = np.geomspace(0.05, beam_energy - 1.0, 60)
    share = np.array([_start_depths(beam_energy, one, channel) for one in left])
    depth = START * compute_profile(beam_energy).depth
    node, gauss = np.polynomial.hermite_e.hermegauss(_N_FLUCTUATION)
    gauss = gauss / gauss.sum()
    energy = left[:, None, None, None]
    mean = mean_profile(energy)
    late = np.sqrt((1 + mean.rho) / 2) * node[:, None] + np.sqrt((1 - mean.rho) / 2) * node
    long = np.sqrt((1 + mean.rho) / 2) * node[:, None] - np.sqrt((1 - mean.rho) / 2) * node
    e_prs = energy * mean.share(late, long, PRS_DEPTH - depth[:, None, None])
    # The sampling fluctuation makes the threshold smooth.
    passed = ndtr((e_prs - e_prs_min) / (STOCHASTIC * np.sqrt(np.maximum(e_prs, 1e-6))))
    return left, np.einsum("edij,ed,i,j->e", passed, share, gauss, gauss)


def _start_depths(beam_energy: float, e_left: float, channel: Channel) -> Floats:
    """Return the shares of the depths of a profile at which the dark photon is made."""
    shower = compute_profile(beam_energy)
    e_ap = beam_energy - e_left
    if channel == "annihilation":
        counts = shower.positrons[:, int(np.argmin(np.abs(shower.energy - e_ap)))].copy()
    else:
        above = max(int((shower.energy >= e_ap).sum()), 1)
        counts = (shower.electrons + shower.positrons)[:, :above].sum(axis=1)
    counts[0] /= 2  # the trapezoidal rule
    return np.asarray(counts / max(counts.sum(), 1e-300))
