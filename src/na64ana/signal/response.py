"""What the ECAL and the trigger make of an electron that lost energy to a dark photon."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from na64ana.calorimeter import CONSTANT, PRS_DEPTH, START, STOCHASTIC, mean_profile
from na64ana.errors import ModelError
from na64ana.signal.shower import compute_profile
from na64ana.signal.yields import Beamline

Floats = npt.NDArray[np.float64]
Channel = Literal["bremsstrahlung", "annihilation"]

#: Both ways in which a dark photon is made.
CHANNELS: tuple[Channel, ...] = ("bremsstrahlung", "annihilation")

#: Hermite nodes for the two fluctuations of a shower.
_N_FLUCTUATION = 10


@dataclass(frozen=True)
class Response:
    """Resolution and trigger.

    Attributes
    ----------
    beamline : Beamline
    beam_spread : float
        Standard deviation of the beam's energy over its mean (1 %, NA64: Results and plans, 2023).
    stochastic, constant : float
        sigma/E = stochastic/sqrt(E) + constant, added in quadrature; E in GeV.
    e_prs_min : float
        Threshold of the preshower [GeV] (the collaboration's code).
    e_ecal_max : float
        Edge of the trigger in E_ECAL [GeV] (about 90, PRL 131 (2023) 161801).
    """

    beamline: Beamline = field(default_factory=Beamline)
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
        check_channel(channel)
        edges, beam = np.asarray(edges, float), self.beamline.energy
        if not (np.diff(edges) > 0).all():
            msg = "edges of E_ECAL must rise"
            raise ModelError(msg)
        left = np.maximum(beam - np.asarray(e_ap, float), 0.0)[:, None]
        variance = self.stochastic**2 * left + (self.constant * left) ** 2
        # Emission takes a fraction of the beam's energy, a resonance always the same energy.
        spread = self.beam_spread * (left if channel == "bremsstrahlung" else beam)
        sigma = np.sqrt(variance + spread**2) + 1e-9
        # An energy cannot be negative: what the spread of the beam puts there counts as zero.
        below = ndtr((np.minimum(edges, self.e_ecal_max) - left) / sigma)
        below[:, edges <= 0] = 0.0
        triggered = self.prs_probability(left[:, 0], channel)
        return np.asarray(np.diff(below, axis=1) * triggered[:, None])

    def prs_probability(self, e_left: Floats, channel: Channel) -> Floats:
        """Return the probability ``(n,)`` that the preshower is over threshold.

        The shower of what is left, `e_left` [GeV], starts at `calorimeter.START` times the depth
        at which the dark photon is made: that of electrons and positrons, or of positrons alone,
        of hardly more than its energy. It fluctuates as hep-ex/0001020 says.
        """
        check_channel(channel)
        grid, probability = _prs_table(self.e_prs_min, self.beamline, channel)
        log = np.log(np.clip(e_left, grid[0], grid[-1]))
        return np.asarray(np.interp(log, np.log(grid), probability))


def check_channel(channel: str) -> None:
    """Stop at a channel that there is not.

    Raises
    ------
    ModelError
        If so.
    """
    if channel not in CHANNELS:
        msg = f"unknown channel {channel!r}; there are {', '.join(CHANNELS)}"
        raise ModelError(msg)


@lru_cache(maxsize=8)
def _prs_table(e_prs_min: float, beamline: Beamline, channel: Channel) -> tuple[Floats, Floats]:
    """Return energies that are left [GeV], and how probably the preshower is over threshold."""
    left = np.geomspace(0.05, beamline.energy - 1.0, 60)
    shower = compute_profile(beamline.energy, beam=beamline.particle, target=beamline.target)
    made_by = shower.positrons
    if channel == "bremsstrahlung":
        made_by = made_by + shower.electrons
    places = np.abs(shower.energy - (beamline.energy - left)[:, None]).argmin(axis=1)
    share = made_by[:, places].T.copy()
    share[:, 0] /= 2  # the trapezoidal rule
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    depth = START * shower.depth
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
