"""Charged particles behind the ECAL."""

from na64ana.config.selection import VetoQuiet
from na64ana.cuts.cut import Cut, Window


def veto_quiet(parameters: VetoQuiet) -> Cut:
    """No panel sees a charged particle."""
    return Cut(
        name="veto_quiet",
        reason="charged secondaries of interactions in the dump or upstream",
        source="PRL 131 (2023) 161801, criterion (v)",
        windows=(Window("e_veto", high=parameters.e_veto_max),),
        parameters=parameters,
    )
