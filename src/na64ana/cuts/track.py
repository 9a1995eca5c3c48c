"""Trigger, spills and incoming track."""

import numpy as np

from na64ana.config.conditions import BadSpills, find_bad_spills
from na64ana.config.selection import Block, NoMultipleHits, SingleTrack, Trigger
from na64ana.cuts.cut import Columns, Cut, Mask
from na64ana.io.format import TriggerBit

#: ST3 and ST4, which stand behind the magnets (PRL 131 (2023) 161801).
BEHIND_MAGNETS = slice(2, 4)


def trigger(parameters: Trigger) -> Cut:
    """Physics trigger S1.S2.S3.!V1 with a shower in the PRS and missing energy in the ECAL."""

    def keep(columns: Columns) -> Mask:
        physics = (columns["trigger"] & np.uint8(TriggerBit.PHYSICS)) != 0
        shower = columns["e_prs"] > np.float32(parameters.e_prs_min)
        missing = columns["e_ecal"] < np.float32(parameters.e_ecal_max)
        return np.asarray(physics & shower & missing)

    return Cut(
        name="trigger",
        reason="an electron shower that does not hold the whole beam energy",
        source="PRL 131 (2023) 161801: trigger E_ECAL < 90 GeV",
        columns=("trigger", "e_prs", "e_ecal"),
        keep=keep,
        parameters=parameters,
    )


class CleanSpill(Block):
    """Spills that are not to be used."""

    bad_spills: tuple[BadSpills, ...]


def clean_spill(parameters: CleanSpill) -> Cut:
    """Spills that are not to be used are left out, with their electrons on target."""

    def keep(columns: Columns) -> Mask:
        run, spill = columns["run_number"], columns["spill"]
        return ~find_bad_spills(parameters.bad_spills, run, spill)

    return Cut(
        name="clean_spill",
        reason="a detector was off, or the beam was bad",
        source="logbook of the shifts: conditions.bad_spills",
        columns=("run_number", "spill"),
        keep=keep,
        parameters=parameters,
    )


def single_track(parameters: SingleTrack) -> Cut:
    """One track with the beam's momentum and direction."""

    def keep(columns: Columns) -> Mask:
        momentum = columns["p_track"]
        in_window = (momentum > np.float32(parameters.p_track_min)) & (
            momentum < np.float32(parameters.p_track_max)
        )
        straight = columns["theta_in"] < np.float32(parameters.theta_in_max)
        return np.asarray(in_window & straight & (columns["n_tracks"] == 1))

    return Cut(
        name="single_track",
        reason="an electron of the beam, and nothing else",
        source="PRL 131 (2023) 161801, criteria (i), (ii); UFN 191 (2021) 1361, 3.2.1",
        columns=("p_track", "theta_in", "n_tracks"),
        keep=keep,
        parameters=parameters,
        version=2,
    )


def no_multiple_hits(parameters: NoMultipleHits) -> Cut:
    """No second hit in ST3 and ST4."""

    def keep(columns: Columns) -> Mask:
        return np.asarray((columns["n_st"][:, BEHIND_MAGNETS] <= parameters.n_st_max).all(axis=1))

    return Cut(
        name="no_multiple_hits",
        reason="charged secondaries of interactions upstream of the dump",
        source="PRL 131 (2023) 161801, criterion (v)",
        columns=("n_st",),
        keep=keep,
        parameters=parameters,
    )
