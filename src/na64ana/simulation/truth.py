"""What happens in an event before the detector sees it, class by class.

First form: energies at the level of calorimeters, with the shapes that the (E_ECAL, E_HCAL) plane
is known to have (UFN 191 (2021) 1361, Fig. 4; PRL 131 (2023) 161801, Fig. 2). Numbers without a
reference are choices.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.config.models import Simulation
from na64ana.constants import BEAM_ENERGY
from na64ana.io.format import EventClass

Floats = npt.NDArray[np.float64]

#: Energy [GeV] that two muons leave in HCAL modules 0 to 3, as seen in dimuon events; module 3
#: stands at zero degrees, off the deflected beam.
DIMUON_HCAL = np.array([5.5, 5.2, 4.1, 0.0])
#: Ionisation [GeV] of one muon in 150 x 1.5 mm of lead, 1.122 MeV cm2/g (RPP, table of materials).
MUON_ECAL = 150 * 0.15 * 11.35 * 1.122e-3
#: Least and largest energy [GeV] that an interaction takes out of the shower: with less, the ECAL
#: trigger keeps nothing, and with more there is no shower to trigger on.
SECONDARY_ENERGY = (8.0, 98.0)


@dataclass(frozen=True)
class Truth:
    """True energies and multiplicities of `n` events of one class.

    Attributes
    ----------
    e_ecal : array (n,)
        Energy deposited in the ECAL [GeV].
    e_hcal_module : array (n, 4)
        Energy deposited in the HCAL modules [GeV].
    e_missing : array (n,)
        Energy that leaves the detector unseen [GeV].
    n_charged : array (n,)
        Charged particles through the VETO.
    st_hit_probability : float
        Probability of a further hit in each of ST3 and ST4.
    chi2_scale : float
        Shower chi2 relative to that of a single electron.
    """

    e_ecal: Floats
    e_hcal_module: Floats
    e_missing: Floats
    n_charged: npt.NDArray[np.int64]
    st_hit_probability: float = 0.04
    chi2_scale: float = 1.0

    def __len__(self) -> int:
        return len(self.e_ecal)


def _log_uniform(rng: np.random.Generator, low: float, high: float, n: int) -> Floats:
    """Draw from dN/dE ~ 1/E."""
    return np.asarray(low * (high / low) ** rng.random(n))


def _hadron_modules(rng: np.random.Generator, energy: Floats) -> Floats:
    """Share hadron energy ``(n,)`` over the modules of 7.2 interaction lengths each."""
    weights = rng.gamma([9.0, 1.0, 0.2, 0.02], size=(len(energy), 4))
    return np.asarray(energy[:, None] * weights / weights.sum(axis=1, keepdims=True))


def beam_electrons(rng: np.random.Generator, n: int, _: Simulation) -> Truth:
    """Electrons that leave all their energy in the ECAL: the calibration triggers."""
    del rng
    return Truth(
        e_ecal=np.full(n, BEAM_ENERGY),
        e_hcal_module=np.zeros((n, 4)),
        e_missing=np.zeros(n),
        n_charged=np.zeros(n, np.int64),
    )


def electro_nuclear(rng: np.random.Generator, n: int, _: Simulation) -> Truth:
    """Hadrons made in the dump: E_ECAL + E_HCAL is the beam energy, the diagonal."""
    energy = _log_uniform(rng, *SECONDARY_ENERGY, n)
    neutral = rng.random(n) < 0.35
    return Truth(
        e_ecal=BEAM_ENERGY - energy,
        e_hcal_module=_hadron_modules(rng, energy),
        e_missing=np.zeros(n),
        n_charged=np.where(neutral, 0, 1 + rng.poisson(1.0, n)),
        chi2_scale=1.5,
    )


def dimuons(rng: np.random.Generator, n: int, _: Simulation) -> Truth:
    """Photon conversions to muon pairs: a band at constant E_HCAL (UFN 2021, region I)."""
    energy = _log_uniform(rng, *SECONDARY_ENERGY, n)
    modules = DIMUON_HCAL * rng.gamma(25.0, 1 / 25.0, size=(n, 4))
    e_ecal = BEAM_ENERGY - energy + 2 * MUON_ECAL
    return Truth(
        e_ecal=e_ecal,
        e_hcal_module=modules,
        e_missing=np.maximum(BEAM_ENERGY - e_ecal - modules.sum(axis=1), 0.0),
        n_charged=np.full(n, 2),
    )


def upstream(rng: np.random.Generator, n: int, choices: Simulation) -> Truth:
    """Interactions in the beam line with lost neutrals: a falling tail in E_ECAL."""
    slope, top = choices.upstream_slope, BEAM_ENERGY - SECONDARY_ENERGY[0]
    e_ecal = top + slope * np.log1p(rng.random(n) * np.expm1(-top / slope))
    lost = rng.random(n) < 0.6
    seen = np.where(lost, 0.0, rng.random(n) * (BEAM_ENERGY - e_ecal))
    return Truth(
        e_ecal=e_ecal,
        e_hcal_module=_hadron_modules(rng, seen),
        e_missing=BEAM_ENERGY - e_ecal - seen,
        n_charged=np.where(lost, 0, rng.poisson(0.5, n)),
        st_hit_probability=0.2,
    )


#: How the standard classes are made; signal comes with energies of its own.
GENERATORS: dict[EventClass, Callable[[np.random.Generator, int, Simulation], Truth]] = {
    EventClass.BEAM_ELECTRON: beam_electrons,
    EventClass.ELECTRO_NUCLEAR: electro_nuclear,
    EventClass.DIMUON: dimuons,
    EventClass.UPSTREAM: upstream,
}


def signal(e_ap: Floats) -> Truth:
    """Dark photons of energy `e_ap` ``(n,)`` [GeV] that carry it away."""
    n = len(e_ap)
    return Truth(
        e_ecal=BEAM_ENERGY - e_ap,
        e_hcal_module=np.zeros((n, 4)),
        e_missing=e_ap,
        n_charged=np.zeros(n, np.int64),
    )
