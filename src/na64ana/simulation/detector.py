"""What the detector makes of a true event: resolution, noise, pile-up, trigger.

Resolutions: ECAL 10 %/sqrt(E), tracker 1 % (PRL 131 (2023) 161801 and UFN 191 (2021) 1361), HCAL
60 %/sqrt(E). One charged particle leaves about 10 MeV per PMT of the VETO, one muon about 2.5 GeV
per HCAL module. Numbers without a reference are choices.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from na64ana.config.models import Period, Simulation
from na64ana.config.selection import Trigger
from na64ana.constants import BEAM_ENERGY
from na64ana.io.format import TriggerBit
from na64ana.simulation.truth import Floats, Truth

ECAL_STOCHASTIC = 0.10
HCAL_STOCHASTIC = 0.60
HCAL_NOISE = 0.08
VETO_MIP = 10e-3
VETO_NOISE = 0.3e-3
MUON_HCAL = np.array([2.5, 2.5, 2.5, 0.0])
#: Length of a spill [ns], PRL 131 (2023) 161801.
SPILL = 4.8e9

Arrays = dict[str, npt.NDArray[Any]]


def observe(
    truth: Truth,
    rng: np.random.Generator,
    *,
    period: Period,
    trigger: Trigger,
    choices: Simulation,
    beam_trigger: bool,
) -> Arrays:
    """Return the measured branches of the triggered events of one class.

    Parameters
    ----------
    truth : Truth
        True energies [GeV] and multiplicities of n events.
    rng : numpy.random.Generator
        Source of all random numbers.
    period, trigger, choices
        Beam intensity, trigger thresholds and the choices of the simulation.
    beam_trigger : bool
        Whether the events are prescaled beam triggers, kept whatever their energy.

    Returns
    -------
    dict of str to array
        Branches by name, without the DAQ's numbering. Without `beam_trigger` the events that
        the physics trigger does not see are left out.
    """
    n = len(truth)
    # Other beam particles in the time windows of VETO and HCAL.
    rate = period.intensity / SPILL
    pileup_veto = rng.poisson(rate * choices.pileup_window_veto, n)
    pileup_hcal = rng.poisson(rate * choices.pileup_window_hcal, n)
    e_ecal = _smear(rng, truth.e_ecal, ECAL_STOCHASTIC)
    e_prs = e_ecal * _preshower_fraction(rng, n)
    # The trigger sums in hardware, more coarsely than the reconstruction.
    online = e_ecal + rng.normal(0.0, 1.0, n)
    physics = (e_prs > trigger.e_prs_min) & (online < trigger.e_ecal_max)
    kept = np.ones(n, np.bool_) if beam_trigger else physics
    bits = TriggerBit.PHYSICS * physics + TriggerBit.BEAM * beam_trigger
    arrays: Arrays = {
        "trigger": bits,
        **_track(rng, truth.st_hit_probability, n),
        **_srd(rng, n),
        "e_prs": e_prs,
        "e_ecal": e_ecal,
        "chi2_shower": truth.chi2_scale * rng.gamma(3.0, 1 / 3.0, n),
        "e_veto_pmt": _veto(rng, truth.n_charged, pileup_veto),
        "e_hcal_module": _hcal(rng, truth.e_hcal_module, pileup_hcal),
        "e_missing_true": truth.e_missing,
    }
    return {name: array[kept] for name, array in arrays.items()}


def _smear(rng: np.random.Generator, energy: Floats, stochastic: float) -> Floats:
    """Smear with sigma = stochastic * sqrt(E), never below zero."""
    width = stochastic * np.sqrt(np.maximum(energy, 0.0))
    return np.maximum(energy + width * rng.normal(size=energy.shape), 0.0)


def _preshower_fraction(rng: np.random.Generator, n: int) -> Floats:
    """Return the energy fraction in the first 4 X0 of a shower.

    Longitudinal profile: a gamma distribution with b = 0.5 and its maximum at t = 8.5 X0 for
    100 GeV in this calorimeter (ln(E/E_c) - 0.5 with E_c about 12 MeV; RPP, Passage of particles
    through matter, longitudinal profile of showers). That it fluctuates by 0.8 X0 is a choice.
    """
    b, depth = 0.5, 4.0
    t_max = rng.normal(8.5, 0.8, n)
    return np.asarray(gammainc(1.0 + b * t_max, b * depth))


def _track(rng: np.random.Generator, st_hit_probability: float, n: int) -> Arrays:
    return {
        "p_track": BEAM_ENERGY * (1.0 + 0.01 * rng.normal(size=n)),
        "theta_in": rng.rayleigh(0.7e-3, n),
        "n_tracks": 1 + (rng.random(n) < 0.05),
        "n_st": 1 + (rng.random((n, 2)) < st_hit_probability),
    }


def _srd(rng: np.random.Generator, n: int) -> Arrays:
    """Return energies and times of the synchrotron photons of an electron."""
    return {
        "e_srd_module": rng.gamma(4.0, 3e-3, (n, 3)),
        "t_srd_module": rng.normal(0.0, 1.2, (n, 3)),
    }


def _veto(
    rng: np.random.Generator, n_charged: npt.NDArray[np.int64], pileup: npt.NDArray[np.int64]
) -> Floats:
    """Return the energies ``(n, 6)`` of the PMTs, two per panel."""
    particles = rng.multinomial(n_charged + pileup, [1 / 3] * 3)
    per_pmt = np.repeat(particles * VETO_MIP, 2, axis=1)
    light = per_pmt * rng.gamma(30.0, 1 / 30.0, per_pmt.shape)
    return np.abs(light + rng.normal(0.0, VETO_NOISE, per_pmt.shape))


def _hcal(rng: np.random.Generator, modules: Floats, pileup: npt.NDArray[np.int64]) -> Floats:
    """Return the energies ``(n, 4)`` of the modules."""
    energy = _smear(rng, modules, HCAL_STOCHASTIC) + pileup[:, None] * MUON_HCAL
    return np.asarray(energy + np.abs(rng.normal(0.0, HCAL_NOISE, energy.shape)))
