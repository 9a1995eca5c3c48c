"""Trigger and incoming track."""

import numpy as np

from na64ana.config.selection import SingleTrack, Trigger
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


def single_track(parameters: SingleTrack) -> Cut:
    """One track with the beam's momentum and direction, no second hit in ST3 and ST4."""

    def keep(columns: Columns) -> Mask:
        momentum = columns["p_track"]
        in_window = (momentum > np.float32(parameters.p_track_min)) & (
            momentum < np.float32(parameters.p_track_max)
        )
        straight = columns["theta_in"] < np.float32(parameters.theta_in_max)
        behind = columns["n_st"][:, BEHIND_MAGNETS]
        alone = (columns["n_tracks"] == 1) & (behind <= parameters.n_st_max).all(axis=1)
        return np.asarray(in_window & straight & alone)

    return Cut(
        name="single_track",
        reason="no interaction upstream of the dump",
        source="PRL 131 (2023) 161801, criteria (i), (ii), (v); UFN 191 (2021) 1361, 3.2.1",
        columns=("p_track", "theta_in", "n_tracks", "n_st"),
        keep=keep,
        parameters=parameters,
    )
