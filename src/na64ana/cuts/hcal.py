"""Hadrons and missing energy: the two axes of the plane."""

from na64ana.config.selection import Block, HcalQuiet, HcalTopology, ZeroDegreeQuiet
from na64ana.cuts.cut import Cut, Window


def zero_degree_quiet(parameters: ZeroDegreeQuiet) -> Cut:
    """No neutral energy straight ahead of the undeflected beam."""
    return Cut(
        name="zero_degree_quiet",
        reason="neutrals of interactions upstream of the magnets",
        source="PRL 131 (2023) 161801: zero-degree HCAL",
        windows=(Window("e_zero_degree", high=parameters.e_hcal_max),),
        parameters=parameters,
    )


def hcal_topology(parameters: HcalTopology) -> Cut:
    """Energy in the HCAL around the axis only."""
    return Cut(
        name="hcal_topology",
        reason="halo muons, and secondaries at large angles",
        source="choice; 3 x 3 cells per module: PRL 131 (2023) 161801",
        windows=(Window("r_hcal", high=parameters.r_hcal_max),),
        parameters=parameters,
    )


def hcal_quiet(parameters: HcalQuiet) -> Cut:
    """No energy over noise in the HCAL."""
    return Cut(
        name="hcal_quiet",
        reason="hadronic secondaries and muons",
        source="PRL 131 (2023) 161801: signal box E_HCAL < 1 GeV",
        windows=(Window("e_hcal", high=parameters.e_hcal_max),),
        parameters=parameters,
    )


class MissingEnergy(Block):
    """Upper edge [GeV] of the signal box in E_ECAL, set per period."""

    e_ecal_max: float


def missing_energy(parameters: MissingEnergy) -> Cut:
    """At least half of the beam energy left unseen."""
    return Cut(
        name="missing_energy",
        reason="a dark photon carries most of the energy of its parent away",
        source="PRL 131 (2023) 161801: signal box E_ECAL < 47-50 GeV",
        windows=(Window("e_ecal", high=parameters.e_ecal_max),),
        parameters=parameters,
    )
