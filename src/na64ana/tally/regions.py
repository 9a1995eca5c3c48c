"""Regions of the (E_ECAL, E_HCAL) plane, and the box that stays closed."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.constants import BEAM_ENERGY

Mask = npt.NDArray[np.bool_]
Energies = npt.NDArray[np.float32]


#: Half width of the diagonal [GeV] (choice): two standard deviations of hadrons in the HCAL.
DIAGONAL_WIDTH = 12.0


@dataclass(frozen=True)
class Box:
    """The signal box: E_ECAL below `e_ecal_max` and E_HCAL below `e_hcal_max` [GeV]."""

    #: The regions with a quiet HCAL, of which few events are left.
    QUIET: ClassVar = ("signal_box", "sideband_c")

    e_ecal_max: float
    e_hcal_max: float

    def holds(self, e_ecal: Energies, e_hcal: Energies) -> Mask:
        """Return which events ``(n,)`` lie in the box."""
        low_ecal = e_ecal < np.float32(self.e_ecal_max)
        return np.asarray(low_ecal & (e_hcal < np.float32(self.e_hcal_max)))

    def regions(self, e_ecal: Energies, e_hcal: Energies) -> dict[str, Mask]:
        """Return the masks ``(n,)`` of the named regions.

        `sideband_a` is low E_ECAL with an active HCAL, `sideband_c` E_ECAL above the box with a
        quiet HCAL (PRL 131 (2023) 161801, Fig. 2). `control_hadron` is the diagonal, where ECAL
        and HCAL share the beam energy within `DIAGONAL_WIDTH`: interactions in the dump.
        """
        low_ecal = e_ecal < np.float32(self.e_ecal_max)
        quiet = e_hcal < np.float32(self.e_hcal_max)
        return {
            "signal_box": np.asarray(low_ecal & quiet),
            "sideband_a": np.asarray(low_ecal & ~quiet),
            "sideband_c": np.asarray(~low_ecal & quiet),
            "control_hadron": np.asarray(
                ~quiet & (np.abs(e_ecal + e_hcal - BEAM_ENERGY) < DIAGONAL_WIDTH)
            ),
        }


def signal_box(config: Config, period: str) -> Box:
    """Return the signal box of a period."""
    return Box(
        e_ecal_max=config.periods[period].e_ecal_max,
        e_hcal_max=config.selection_of(period).hcal_quiet.e_hcal_max,
    )
