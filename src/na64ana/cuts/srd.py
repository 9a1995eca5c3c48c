"""Electron tag by synchrotron radiation."""

import numpy as np

from na64ana.config.selection import SrdElectron
from na64ana.cuts.cut import Columns, Cut, Mask


def srd_electron(parameters: SrdElectron) -> Cut:
    """Energy sum in the window of electrons; every module over threshold and in time.

    At most one module may lie above its ceiling.
    """

    def keep(columns: Columns) -> Mask:
        energy = columns["e_srd_module"]
        total = energy.sum(axis=1)
        in_window = (total > np.float32(parameters.e_srd_min)) & (
            total < np.float32(parameters.e_srd_max)
        )
        seen = (energy > np.float32(parameters.e_srd_module_min)).all(axis=1)
        high = (energy > np.float32(parameters.e_srd_module_max)).sum(axis=1)
        in_time = (np.abs(columns["t_srd_module"]) < np.float32(parameters.t_srd_max)).all(axis=1)
        return np.asarray(in_window & seen & (high <= 1) & in_time)

    return Cut(
        name="srd_electron",
        reason="hadrons and muons radiate almost nothing in the magnets",
        source="PRL 131 (2023) 161801, criterion (iii); UFN 191 (2021) 1361, 3.2",
        columns=("e_srd_module", "t_srd_module"),
        keep=keep,
        parameters=parameters,
        version=2,
    )
