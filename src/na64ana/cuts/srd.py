"""Electron tag by synchrotron radiation."""

from na64ana.config.selection import SrdElectron
from na64ana.cuts.cut import Cut, Window


def srd_electron(parameters: SrdElectron) -> Cut:
    """Energy sum in the window of electrons; every module over threshold and in time.

    At most one module may lie above its ceiling: the second largest lies below it.
    """
    return Cut(
        name="srd_electron",
        reason="hadrons and muons radiate almost nothing in the magnets",
        source="PRL 131 (2023) 161801, criterion (iii); UFN 191 (2021) 1361, 3.2",
        windows=(
            Window("e_srd", parameters.e_srd_min, parameters.e_srd_max),
            Window("e_srd_least", low=parameters.e_srd_module_min),
            Window("e_srd_second", high=parameters.e_srd_module_max),
            Window("t_srd", high=parameters.t_srd_max),
        ),
        parameters=parameters,
        version=3,
    )
