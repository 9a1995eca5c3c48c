"""Hadrons and muons of the beam that the SRD takes for electrons, and that decay in flight.

PRL 131 (2023) 161801, background (ii). Behind the spectrometer a decay to an electron and neutrinos
leaves a track of the beam momentum, a shower of less, and nothing else.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.background.dimuon import Probe, michel_share
from na64ana.background.table import N_DRAWS, SEED, Estimate
from na64ana.config.models import BeamComposition
from na64ana.constants import (
    BEAM_ENERGY,
    BR_KAON_E3,
    BR_PION_E,
    C_TAU_KAON,
    C_TAU_MU,
    C_TAU_PION,
    M_KAON,
    M_MU,
    M_PI0,
    M_PION,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Channel:
    """A decay: mass [GeV] and c tau [mm] of the particle, branching ratio, share in the box."""

    mass: float
    c_tau: float
    branching_ratio: float
    share: float

    def probability(self, way: float, energy: float = BEAM_ENERGY) -> float:
        """Return the probability of this decay on a way [mm], into the box."""
        length = energy / self.mass * self.c_tau
        return float(-np.expm1(-way / length)) * self.branching_ratio * self.share


def share_below(kind: str, x: float) -> float:
    """Return the share of decays in which the ECAL sees less than `x` of the energy.

    Of pions, pi -> e nu: two bodies, flat. Of muons `michel_share`. Of kaons,
    K -> pi0 e nu: all but the neutrino, by the Dalitz density of a constant vector form factor
    (RPP, "Dalitz plot parameters for K -> 3 pi", and K_l3 form factors).
    """
    if kind == "pion":
        return x
    if kind == "muon":
        return float(michel_share(x))
    e_neutrino, density = _kaon_neutrinos()
    # Its energy in the laboratory is E* (1 + cos) / M of that of the kaon, with cos flat.
    low = np.clip((1 - x) * M_KAON / e_neutrino - 1, -1, 1)
    return float((density * (1 - low) / 2).sum() / density.sum())


def _kaon_neutrinos() -> tuple[Floats, Floats]:
    """Return energies [GeV] of the neutrino of K -> pi0 e nu at rest, and their density."""
    most = (M_KAON**2 - M_PI0**2) / (2 * M_KAON)
    grid = (np.arange(400) + 0.5) / 400 * most
    e_nu, e_e = np.meshgrid(grid, grid, indexing="ij")
    e_pi = M_KAON - e_nu - e_e
    e_pi_max = (M_KAON**2 + M_PI0**2) / (2 * M_KAON)
    # A(E) = M (2 E_e E_nu - M (E_pi_max - E_pi)) for a massless electron; zero outside the plot.
    density = np.maximum(2 * e_e * e_nu - M_KAON * (e_pi_max - e_pi), 0.0)
    density[e_pi > e_pi_max] = 0.0
    return grid, density.sum(axis=1)


def channels(e_ecal_max: float) -> dict[str, Channel]:
    """Return the decays of beam particles that can put a shower below `e_ecal_max` [GeV]."""
    x = e_ecal_max / BEAM_ENERGY
    return {
        "pion": Channel(M_PION, C_TAU_PION, BR_PION_E, share_below("pion", x)),
        "kaon": Channel(M_KAON, C_TAU_KAON, BR_KAON_E3, share_below("kaon", x)),
        "muon": Channel(M_MU, C_TAU_MU, 1.0, share_below("muon", x)),
    }


def estimate_decays(
    eot: float, efficiency: float, beam: BeamComposition, srd: Probe, e_ecal_max: float
) -> Estimate:
    """Estimate the decays in flight in the box.

    Parameters
    ----------
    eot : float
    efficiency : float
        Of the cuts but the SRD, for a shower of less than the beam energy.
    beam : BeamComposition
        Particles of each kind per electron, their common relative error, and the way on which
        decays hide.
    srd : Probe
        Single muons that were tagged, and those of them that the SRD takes for electrons.
    e_ecal_max : float
        Upper edge of the box [GeV].
    """
    shares = {"pion": beam.pion, "kaon": beam.kaon, "muon": beam.muon}
    per_kind = {
        kind: shares[kind] * one.probability(beam.decay_way)
        for kind, one in channels(e_ecal_max).items()
    }
    rng = np.random.default_rng(SEED)
    composition = np.exp(np.log(beam.error) * rng.normal(size=N_DRAWS))
    events = eot * efficiency * sum(per_kind.values()) * srd.draw(rng, N_DRAWS) * composition
    inputs = {
        "eot": eot,
        "efficiency": efficiency,
        "muons_tagged": srd.tagged,
        "taken_for_electrons": srd.missed,
        **{f"{kind}_per_electron": value for kind, value in shares.items()},
        **{f"{kind}_in_box_per_electron": value for kind, value in per_kind.items()},
    }
    return Estimate.of_draws(events, "beam composition, SRD, decay lengths", inputs, limit=False)
