"""Where the shower in the ECAL is, and what shape it has."""

from na64ana.config.selection import ImpactCell, PrsShower, ShowerShape
from na64ana.cuts.cut import NOT_NEGATIVE, Cut, Window


def impact_cell(parameters: ImpactCell) -> Cut:
    """Shower where the beam hits the ECAL."""
    return Cut(
        name="impact_cell",
        reason="particles that do not belong to the beam",
        source="shower shape by impact cell: PRL 131 (2023) 161801, criterion (iv)",
        windows=(Window("impact_distance", high=parameters.distance_max + 1),),
        parameters=parameters,
    )


def prs_shower(parameters: PrsShower) -> Cut:
    """Shower that begins where an electron's begins."""
    return Cut(
        name="prs_shower",
        reason="hadrons and muons that cross the preshower as single particles",
        source="trigger on the PRS: PRL 131 (2023) 161801; the offline threshold is a choice",
        windows=(Window("e_prs", low=parameters.e_prs_min),),
        parameters=parameters,
    )


def shower_shape(parameters: ShowerShape) -> Cut:
    """Longitudinal and lateral shape as of a single electron shower."""
    return Cut(
        name="shower_shape",
        reason="hadrons and several particles make wider or deeper showers",
        source="PRL 131 (2023) 161801, criterion (iv)",
        windows=(
            Window("f_prs", parameters.f_prs_min, parameters.f_prs_max),
            Window("r_ecal", NOT_NEGATIVE, parameters.r_ecal_max),
            Window("chi2_shower", NOT_NEGATIVE, parameters.chi2_shower_max),
        ),
        parameters=parameters,
        version=2,
    )
