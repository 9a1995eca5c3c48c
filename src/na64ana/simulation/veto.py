"""The VETO behind the ECAL: 3 panels with 2 PMTs each, about 10 MeV per PMT and particle."""

import numpy as np
import numpy.typing as npt

from na64ana.simulation.noise import draw_noise
from na64ana.simulation.pileup import Crossings
from na64ana.simulation.truth import Floats

#: Energy [GeV] that a particle leaves in a PMT; its relative spread, and that of a PMT; noise [GeV]
#: and time resolution [ns] (all but the first are choices).
MIP, SPREAD, PMT_SPREAD, NOISE, TIME_RESOLUTION = 10e-3, 0.18, 0.05, 0.3e-3, 1.0
#: Least energy [GeV] for which a PMT has a time (choice).
THRESHOLD = 1e-3
#: The panels cover this share of the halo that the HCAL sees (choice).
HALO_SHARE = 0.9

_N_PANELS = 3


def measure(
    rng: np.random.Generator, n_charged: npt.NDArray[np.int64], halo: Crossings
) -> tuple[Floats, Floats]:
    """Return energies [GeV] and times [ns] of the PMTs ``(n, 6)``, two per panel.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_charged : array (n,)
        Charged particles of the event, each through one panel.
    halo : Crossings
        Muons of the beam halo.
    """
    particles = np.zeros((len(n_charged), _N_PANELS))
    late = np.zeros((len(n_charged), _N_PANELS), np.float32)
    event = np.repeat(np.arange(len(n_charged)), n_charged)
    panel = rng.integers(_N_PANELS, size=len(event))
    np.add.at(particles, (event, panel), 1.0)
    halo = halo.take(rng.random(len(halo.event)) < HALO_SHARE)
    panel = rng.integers(_N_PANELS, size=len(halo.event))
    np.add.at(particles, (halo.event, panel), 1.0)
    np.add.at(late, (halo.event, panel), halo.time / particles[halo.event, panel])

    # Both PMTs see the light of the same particles, each with its own statistics.
    deposit = np.zeros_like(particles)
    lit = particles > 0
    deposit[lit] = MIP * SPREAD**2 * rng.standard_gamma(particles[lit] / SPREAD**2)
    energy = np.repeat(deposit, 2, axis=1).astype(np.float32)
    energy *= 1 + np.float32(PMT_SPREAD) * draw_noise(rng, energy.size).reshape(energy.shape)
    energy += np.float32(NOISE) * draw_noise(rng, energy.size).reshape(energy.shape)
    energy = np.abs(energy)
    times = np.float32(TIME_RESOLUTION) * draw_noise(rng, energy.size).reshape(energy.shape)
    times += np.repeat(late, 2, axis=1)
    return energy, np.where(energy > THRESHOLD, times, 0)
