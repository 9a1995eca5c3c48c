"""The event classes: which particles reach the detector, and with what energies.

Shapes are those that the (E_ECAL, E_HCAL) plane is known to have (UFN 191 (2021) 1361, Fig. 4 and
section 3.2.1; PRL 131 (2023) 161801, Fig. 2 and Table I). Numbers without a reference are choices.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.calorimeter import START
from na64ana.config.models import Simulation
from na64ana.constants import BEAM_ENERGY, M_E, M_MU, PB_A, PB_DENSITY, PB_Z
from na64ana.io.format import EventClass
from na64ana.simulation.truth import N_HADRONS, N_MUONS, Floats, Truth, make_truth

#: Ionisation [GeV] of one muon in 150 x 1.5 mm of lead, 1.122 MeV cm2/g (RPP, table of materials).
MUON_ECAL = 150 * 0.15 * PB_DENSITY * 1.122e-3
#: Least and largest energy [GeV] that an interaction takes out of the shower: with less, the ECAL
#: trigger keeps a few per cent, and with more there is no shower to trigger on.
SECONDARY_ENERGY = (7.0, 98.0)
#: Largest E_ECAL [GeV] of upstream interactions, 4 GeV above the sideband that is fitted.
UPSTREAM_MAX = 92.0
#: Nuclear interaction lengths of the ECAL: 22.5 cm Pb (17.59 cm) and plastic (77.1 cm) (RPP).
ECAL_LENGTH = 22.5 / 17.59 + 22.5 / 77.1
#: Its first 4 of 40 X0, the PRS.
PRS_LENGTH = ECAL_LENGTH / 10
#: Depth [interaction lengths] until which hadrons of the beam must interact to fire the trigger:
#: half of the PRS (choice).
EARLY = PRS_LENGTH / 2
#: Depth [interaction lengths] where showers make their hadrons: 8 of 40 X0.
SHOWER_LENGTH = ECAL_LENGTH / 5
#: Depth of the ECAL [mm] for one radiation length, 450 mm for about 40 X0 (PRL 2023).
MM_PER_X0 = 11.1
#: Angle [rad GeV] by which a muon of 1 GeV leaves 40 X0, per projection: 13.6 MeV sqrt(40)
#: (1 + 0.038 ln 40) (RPP, section 34.3).
_SCATTERING = 0.0136 * np.sqrt(40) * (1 + 0.038 * np.log(40))
#: Share of the neutral hadrons among those that leave the dump.
_NEUTRAL = 0.35


@dataclass(frozen=True)
class Signal:
    """Dark photons to be mixed in, a sample to draw from.

    Attributes
    ----------
    e_ap : array (k,)
        Energies of the dark photons [GeV].
    depth : array (k,)
        Depths of their emission in the ECAL [X0].
    expected : float
        Expected number in the electrons on target of the period, before trigger and cuts.
    """

    e_ap: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    depth: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    expected: float = 0.0


@dataclass(frozen=True)
class Context:
    """What the classes depend on besides random numbers."""

    choices: Simulation
    acceptance: float
    signal: Signal


Energies = npt.NDArray[np.float64]
Generator = Callable[[np.random.Generator, int, Context], Truth]


def _uniform(rng: np.random.Generator, low: float, high: float, n: int) -> Floats:
    return np.asarray(low + (high - low) * rng.random(n), np.float32)


def _log_uniform(rng: np.random.Generator, low: float, high: float, n: int) -> Floats:
    """Draw from dN/dE ~ 1/E."""
    return np.asarray(low * (high / low) ** rng.random(n), np.float32)


def beam_electrons(rng: np.random.Generator, n: int, context: Context) -> Truth:
    """Electrons that leave all their energy in the ECAL: the calibration triggers."""
    del rng, context
    return make_truth(EventClass.BEAM_ELECTRON, n, p_beam=BEAM_ENERGY, e_em=BEAM_ENERGY)


def electro_nuclear(rng: np.random.Generator, n: int, context: Context) -> Truth:
    """Hadrons made by electrons and photons in the dump: the diagonal.

    One to three hadrons share the energy that the shower has lost.
    """
    del context
    energy = _log_uniform(rng, *SECONDARY_ENERGY, n)
    number = 1 + rng.binomial(N_HADRONS - 1, 0.4, n)
    exists = np.arange(N_HADRONS) < number[:, None]
    share = rng.standard_exponential((n, N_HADRONS)) * exists
    depth = SHOWER_LENGTH + rng.standard_exponential((n, N_HADRONS))
    e_hadron = energy[:, None] * share / share.sum(axis=1, keepdims=True)
    neutral = rng.random((n, N_HADRONS)) < _NEUTRAL
    # A charged hadron crosses the VETO, and so do those that an interaction in the ECAL makes.
    seen = exists & (~neutral | (depth < ECAL_LENGTH))
    return make_truth(
        EventClass.ELECTRO_NUCLEAR,
        n,
        p_beam=BEAM_ENERGY,
        e_em=BEAM_ENERGY - energy,
        e_hadron=e_hadron,
        depth_hadron=depth,
        n_charged=np.where(seen.any(axis=1), seen.sum(axis=1) + rng.poisson(1.0, n), 0),
        z=8.0 * MM_PER_X0,
    )


def leading_neutrals(rng: np.random.Generator, n: int, context: Context) -> Truth:
    """Return a neutron or K0 from the dump with more than half of the beam energy (sideband A).

    It punches through if its first interaction lies behind the HCAL.
    """
    del context
    energy = _uniform(rng, 0.5 * BEAM_ENERGY, SECONDARY_ENERGY[1], n)
    depth = ECAL_LENGTH + rng.standard_exponential(n)
    return make_truth(
        EventClass.LEADING_NEUTRAL,
        n,
        p_beam=BEAM_ENERGY,
        e_em=BEAM_ENERGY - energy,
        e_hadron=_first_of(energy, N_HADRONS),
        depth_hadron=_first_of(depth, N_HADRONS),
        z=8.0 * MM_PER_X0,
    )


def dimuons(rng: np.random.Generator, n: int, context: Context | None = None) -> Truth:
    """Conversions of hard bremsstrahlung photons to muon pairs: a band in E_HCAL (region I)."""
    del context  # neither the period nor a choice changes them
    photon = np.interp(rng.random(n), *_photon_table())
    x = np.full(n, 0.5)
    again = np.arange(n)
    while len(again):
        x[again] = rng.random(len(again))
        # W is largest at x = 1/2, and the other factor is at most 1.
        most = np.log(_muon_screening(photon[again], 0.5))
        kept = rng.random(len(again)) * most < _muon_pairs(photon[again], x[again])
        again = again[~kept]
    born = photon[:, None] * np.stack([x, 1 - x], axis=1)
    leaves = born > 2 * M_MU + MUON_ECAL
    energy = np.where(leaves, born - MUON_ECAL, 0.0)
    # Opening angle m/E, and multiple scattering on the way out.
    width = np.hypot(M_MU / np.sqrt(2), _SCATTERING) / np.maximum(born, M_MU)
    lost = np.where(leaves, MUON_ECAL, born).sum(axis=1)
    return make_truth(
        EventClass.DIMUON,
        n,
        p_beam=BEAM_ENERGY,
        e_em=BEAM_ENERGY - photon + lost,
        e_muon=energy,
        slope_muon=width[..., None] * rng.standard_normal((n, N_MUONS, 2)),
        n_charged=leaves.sum(axis=1),
        z=4.0 * MM_PER_X0,
    )


def upstream(rng: np.random.Generator, n: int, context: Context) -> Truth:
    """Interactions in the beam line with neutrals at large angles: a falling tail in E_ECAL.

    The HCAL sees the neutrals with the probability that its position gives; the rest is lost.
    """
    slope, top = context.choices.upstream_slope, UPSTREAM_MAX
    e_ecal = np.asarray(top + slope * np.log1p(rng.random(n) * np.expm1(-top / slope)), np.float32)
    taken = BEAM_ENERGY - e_ecal
    missed = rng.random(n) >= context.acceptance
    # Neutrals made before the magnets fly straight on, and some of them into module 3.
    zero_degree = missed & (rng.random(n) < 0.2)
    lost = missed & ~zero_degree
    in_hcal = np.where(missed, 0.0, taken)
    # A photon of the interaction may hit the ECAL beside the electron.
    side = np.where(rng.random(n) < 0.3, 0.2 * rng.random(n), 0.0) * e_ecal
    return make_truth(
        EventClass.UPSTREAM,
        n,
        p_beam=BEAM_ENERGY - 0.01 * rng.standard_exponential(n) * taken,
        e_em=e_ecal - side,
        e_side=side,
        x_side=60.0 * rng.standard_normal(n),
        e_hadron=_first_of(in_hcal, N_HADRONS),
        depth_hadron=_first_of(ECAL_LENGTH + rng.standard_exponential(n), N_HADRONS),
        e_zero_degree=np.where(zero_degree, taken, 0.0),
        n_charged=np.where(missed, 0, rng.poisson(0.5, n)),
        e_missing=np.where(lost, taken, 0.0),
        z=_uniform(rng, -15e3, -1e3, n),
        p_hit=0.2,
    )


def _beam_hadrons(kind: EventClass) -> Generator:
    """Return the generator of hadrons of the beam that interact early in the PRS.

    Those are the ones that the trigger keeps; that pions and kaons interact more rarely than
    neutrons is in their rates.
    """

    def generate(rng: np.random.Generator, n: int, context: Context) -> Truth:
        del context
        depth = EARLY * rng.random(n)
        # Neutral pions of the first interaction shower at once.
        e_em = BEAM_ENERGY * rng.beta(1.5, 3.0, n)
        return make_truth(
            kind,
            n,
            p_beam=BEAM_ENERGY,
            e_em=e_em,
            depth=depth / PRS_LENGTH * 4.0,
            e_hadron=_first_of(BEAM_ENERGY - e_em, N_HADRONS),
            depth_hadron=_first_of(depth, N_HADRONS),
            n_charged=1 + rng.poisson(3.0, n),
            z=depth / PRS_LENGTH * 4.0 * MM_PER_X0,
            p_hit=0.01,
        )

    return generate


def beam_muons(rng: np.random.Generator, n: int, context: Context) -> Truth:
    """Muons of the beam that radiate in the PRS, as the trigger asks."""
    del context
    radiated = _log_uniform(rng, 0.5, 50.0, n)
    return make_truth(
        EventClass.BEAM_MUON,
        n,
        p_beam=BEAM_ENERGY,
        e_em=radiated + MUON_ECAL,
        e_muon=_first_of(BEAM_ENERGY - radiated - MUON_ECAL, N_MUONS),
        slope_muon=1e-3 * rng.standard_normal((n, N_MUONS, 2)),
        n_charged=1,
        z=2.0 * MM_PER_X0,
    )


def decays(rng: np.random.Generator, n: int, context: Context) -> Truth:
    """Pions, kaons and muons of the beam that decay in flight to an electron and neutrinos.

    Behind the spectrometer: the track has the beam momentum, the electron any energy below it.
    """
    del context
    energy = _uniform(rng, 1.0, BEAM_ENERGY, n)
    return make_truth(
        EventClass.DECAY,
        n,
        p_beam=BEAM_ENERGY,
        e_em=energy,
        e_missing=BEAM_ENERGY - energy,
        z=_uniform(rng, -15e3, 0.0, n),
    )


def signal(rng: np.random.Generator, n: int, context: Context) -> Truth:
    """Dark photons of the sample of the `context`, that carry their energy away."""
    pick = rng.integers(len(context.signal.e_ap), size=n) if n else np.zeros(0, np.intp)
    e_ap, depth = context.signal.e_ap[pick], context.signal.depth[pick]
    return make_truth(
        EventClass.SIGNAL,
        n,
        p_beam=BEAM_ENERGY,
        e_em=BEAM_ENERGY - e_ap,
        # What the electron radiated before showers from the start, only the rest starts late; that
        # this is half of the shower is a choice.
        depth=np.float32(START) * depth,
        e_missing=e_ap,
        z=depth * MM_PER_X0,
    )


#: How each class is made.
GENERATORS: dict[EventClass, Generator] = {
    EventClass.BEAM_ELECTRON: beam_electrons,
    EventClass.ELECTRO_NUCLEAR: electro_nuclear,
    EventClass.DIMUON: dimuons,
    EventClass.UPSTREAM: upstream,
    EventClass.SIGNAL: signal,
    EventClass.LEADING_NEUTRAL: leading_neutrals,
    EventClass.BEAM_PION: _beam_hadrons(EventClass.BEAM_PION),
    EventClass.BEAM_KAON: _beam_hadrons(EventClass.BEAM_KAON),
    EventClass.BEAM_MUON: beam_muons,
    EventClass.DECAY: decays,
}


def _first_of(values: npt.NDArray[np.floating[Any]], length: int) -> Floats:
    """Return ``(n, length)`` with the values in the first column."""
    columns = np.zeros((len(values), length), np.float32)
    columns[:, 0] = values
    return columns


def _muon_screening(k: Energies, x: Energies | float) -> Energies:
    """Return W(k, x), at least 1, of muon pairs from a photon of energy `k` [GeV] on lead.

    H. Burkhardt, S. Kelner and R. Kokoulin, CERN-SL-2002-016: W grows with k x (1 - x) until the
    atom is fully screened.
    """
    delta = M_MU**2 / (2 * k * np.maximum(x * (1 - x), 1e-6))
    root_e, d, b = np.exp(0.5), 1.54 * PB_A**0.27, 183 * PB_Z ** (-1 / 3)
    full = b * M_MU / (d * M_E)
    w = full * (1 + (d * root_e - 2) * delta / M_MU) / (1 + b * root_e * delta / M_E)
    return np.asarray(np.maximum(w, 1.0))


def _muon_pairs(k: Energies, x: Energies) -> Energies:
    """Return the shape of the cross section in the energy share `x` of a muon (same reference)."""
    return np.asarray((1 - 4 / 3 * x * (1 - x)) * np.log(_muon_screening(k, x)))


@cache
def _photon_table() -> tuple[Energies, Energies]:
    """Return cumulative and energies of the photons of the first generation that make muons.

    Their track length per energy is 1/(k ln(1/(1 - k/E0))) (Tsai and Whitis, PR 149 (1966) 1248).
    """
    k = np.geomspace(*SECONDARY_ENERGY, 500)
    x = (np.arange(200) + 0.5) / 200
    density = _muon_pairs(k[:, None], x).mean(axis=1) / -np.log1p(-k / BEAM_ENERGY)  # per ln k
    cumulative = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return cumulative / cumulative[-1], k
