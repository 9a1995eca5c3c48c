"""Trigger, spills and incoming track."""

from na64ana.config.conditions import BadSpills
from na64ana.config.selection import Block, InTime, NoMultipleHits, SingleTrack, Trigger
from na64ana.cuts.cut import NOT_NEGATIVE, Cut, Window


def trigger(parameters: Trigger) -> Cut:
    """Physics trigger S1.S2.S3.!V1 with a shower in the PRS and missing energy in the ECAL."""
    return Cut(
        name="trigger",
        reason="an electron shower that does not hold the whole beam energy",
        source="PRL 131 (2023) 161801: trigger E_ECAL < 90 GeV",
        windows=(
            Window("physics_trigger", low=0),
            Window("e_prs", low=parameters.e_prs_min),
            Window("e_ecal", high=parameters.e_ecal_max),
        ),
        parameters=parameters,
        version=2,
    )


class CleanSpill(Block):
    """Spills that are not to be used."""

    bad_spills: tuple[BadSpills, ...]


def clean_spill(parameters: CleanSpill) -> Cut:
    """Spills that are not to be used are left out, with their electrons on target."""
    return Cut(
        name="clean_spill",
        reason="a detector was off, or the beam was bad",
        source="logbook of the shifts: conditions.bad_spills",
        windows=(Window("bad_spill", high=1),),
        parameters=parameters,
    )


def in_time(parameters: InTime) -> Cut:
    """Shower of the particle that triggered."""
    return Cut(
        name="in_time",
        reason="showers of other particles in the read-out window",
        source="choice; times are part of every criterion of PRL 131 (2023) 161801",
        windows=(Window("t_ecal", -parameters.t_ecal_max, parameters.t_ecal_max),),
        parameters=parameters,
    )


def single_track(parameters: SingleTrack) -> Cut:
    """One track with the beam's momentum and direction."""
    return Cut(
        name="single_track",
        reason="an electron of the beam, and nothing else",
        source="PRL 131 (2023) 161801, criteria (i), (ii); UFN 191 (2021) 1361, 3.2.1",
        windows=(
            Window("p_track", parameters.p_track_min, parameters.p_track_max),
            Window("theta_in", NOT_NEGATIVE, parameters.theta_in_max),
            Window("n_tracks", 0, 2),
        ),
        parameters=parameters,
        version=2,
    )


def no_multiple_hits(parameters: NoMultipleHits) -> Cut:
    """No second hit in ST3 and ST4."""
    return Cut(
        name="no_multiple_hits",
        reason="charged secondaries of interactions upstream of the dump",
        source="PRL 131 (2023) 161801, criterion (v)",
        windows=(Window("n_st", high=parameters.n_st_max + 1),),
        parameters=parameters,
    )
