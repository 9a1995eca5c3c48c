"""Synchrotron radiation in the magnets, and what the SRD sees of it.

A particle of mass m and momentum p in a field B radiates 5/(2 sqrt 3) alpha gamma photons per
radian, with the critical energy 3/2 hbar c gamma^3 / rho (J. D. Jackson, Classical
Electrodynamics, section 14.6; RPP, synchrotron radiation).
"""

import itertools
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad
from scipy.special import kv

from na64ana.constants import ALPHA, BEAM_ENERGY, M_E
from na64ana.simulation.pileup import Crossings
from na64ana.simulation.truth import Floats

#: Field times length of the two magnets [T m] (PRL 131 (2023) 161801), and their length [m]
#: (two MBPL of 2 m).
FIELD_LENGTH, LENGTH = 7.0, 4.0
#: Share of the fan of photons that each module covers, and of their energy that it contains
#: (choices: with them the sum lies in the published window of 1 to 100 MeV, and the tag keeps more
#: than 95 % of the electrons, UFN 191 (2021) 1361, 3.2).
MODULE_ACCEPTANCE, CONTAINED = 0.22, 0.4
#: Relative resolution at 1 GeV, times sqrt(E), and read-out threshold [GeV] (choices).
STOCHASTIC, THRESHOLD = 0.015, 2e-4
#: Time resolution [ns] (choice).
TIME_RESOLUTION = 1.2
#: Probability that a particle that does not radiate knocks electrons out of the exit window into
#: one module, and into all three; their energy spectrum is 1/E (choices; the rejection of hadrons
#: that follows is that of UFN 191 (2021) 1361: two orders for the segmentation).
KNOCK_ON_ONE, KNOCK_ON_ALL = 0.05, 8e-4
KNOCK_ON_ENERGY = (5e-4, 0.1)

_N_MODULES = 3
#: hbar c [GeV m] (RPP 2024).
_HBAR_C = 1.973270e-16


def photons_and_critical_energy(mass: float, momentum: float = BEAM_ENERGY) -> tuple[float, float]:
    """Return the mean number of photons in the whole fan and the critical energy [GeV].

    Parameters
    ----------
    mass, momentum : float
        Of the particle [GeV].
    """
    gamma = float(np.hypot(mass, momentum) / mass)
    angle = 0.299792458 * FIELD_LENGTH / momentum
    radius = LENGTH / angle
    return 5 / (2 * 3**0.5) * ALPHA * gamma * angle, 1.5 * _HBAR_C * gamma**3 / radius


@cache
def _quantiles() -> Floats:
    """Return photon energies over the critical one, at 2^16 equally likely steps."""
    steps = (np.arange(2**16) + 0.5) / 2**16
    return np.interp(steps, *_spectrum()).astype(np.float32)


def _spectrum() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return cumulative number of photons and their energy over the critical one."""
    y = np.geomspace(1e-8, 15.0, 600)
    step = [quad(lambda z: kv(5 / 3, z), a, b)[0] for a, b in itertools.pairwise(y)]
    tail = np.concatenate([np.cumsum(step[::-1])[::-1], [0.0]])
    # Number of photons in y, integrated from the lower edge; below it N ~ y^(1/3).
    below = 3 * tail[0] * y[0]
    cumulative = np.concatenate(
        [[below], below + np.cumsum(np.diff(y) * (tail[1:] + tail[:-1]) / 2)]
    )
    return cumulative / cumulative[-1], y


def draw_modules(
    rng: np.random.Generator, radiates: npt.NDArray[np.bool_], electrons: Crossings
) -> tuple[Floats, Floats]:
    """Draw energies and times of the modules.

    Parameters
    ----------
    rng : numpy.random.Generator
    radiates : array (n,)
        True for electrons. Others radiate less than a keV and are seen by knock-on electrons only.
    electrons : Crossings
        Other electrons near in time.

    Returns
    -------
    energy, time : array (n, 3)
        In GeV, and in ns after the trigger; both 0 below threshold.
    """
    energy = _radiation(rng, len(radiates)) * radiates[:, None]
    others = np.flatnonzero(~radiates)
    energy[others] = _knock_on(rng, len(others))
    late = np.zeros_like(energy)
    extra = _radiation(rng, len(electrons.event))
    np.add.at(energy, electrons.event, extra)
    np.add.at(late, electrons.event, extra * electrons.time[:, None])
    late /= np.maximum(energy, THRESHOLD)

    energy += STOCHASTIC * np.sqrt(np.maximum(energy, 0)) * rng.standard_normal(energy.shape)
    time = late + TIME_RESOLUTION * rng.standard_normal(energy.shape)
    seen = energy > THRESHOLD
    return np.where(seen, energy, 0).astype(np.float32), np.where(seen, time, 0).astype(np.float32)


def _radiation(rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Return the energies ``(n, 3)`` [GeV] that electrons of the beam radiate into the modules."""
    mean, critical = photons_and_critical_energy(M_E)
    end = np.cumsum(rng.poisson(MODULE_ACCEPTANCE * mean, (n, _N_MODULES)))
    step = rng.integers(2**16, size=end[-1] if n else 0, dtype=np.uint16)
    total = np.concatenate([[0.0], np.cumsum(_quantiles()[step], dtype=np.float64)])
    return CONTAINED * critical * np.diff(total[end], prepend=0.0).reshape(n, _N_MODULES)


def _knock_on(rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Return the energies ``(n, 3)`` [GeV] of electrons that other particles knock out."""
    u = rng.random(n)[:, None]
    low, high = KNOCK_ON_ENERGY
    energy = low * (high / low) ** rng.random((n, _N_MODULES))
    one = np.arange(_N_MODULES) == rng.integers(_N_MODULES, size=n)[:, None]
    return np.asarray(energy * ((u < KNOCK_ON_ALL) | (one & (u < KNOCK_ON_ONE))))
