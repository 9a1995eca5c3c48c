"""The conditions that hold for each event of a block."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.config.conditions import Conditions, row_of, values_at
from na64ana.simulation.truth import Floats

Runs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class State:
    """When events happen and what holds then, arrays ``(n,)`` or ``(n, 2)`` for (x, y).

    Energies in GeV, lengths in mm; `intensity` in electrons per spill. Names as in
    `na64ana.config.conditions.Conditions`; `bad` are spills not to be used.
    """

    run_number: Runs
    intensity: Floats
    ecal_matrix: npt.NDArray[np.int64]
    beam_cell: npt.NDArray[np.int64]
    hcal_distance: Floats
    e_prs_min: Floats
    e_ecal_max: Floats
    threshold_ecal_cell: Floats
    threshold_hcal_cell: Floats
    track_efficiency: Floats
    ecal_scale: Floats
    bad: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.run_number)


def resolve(conditions: Conditions, run_number: Runs, spill: Runs, intensity: Floats) -> State:
    """Look up the conditions of events by their runs ``(n,)``."""
    cells = {
        name: np.array([(row.value.x, row.value.y) for row in rows])[row_of(rows, run_number)]
        for name, rows in (
            ("ecal_matrix", conditions.ecal_matrix),
            ("beam_cell", conditions.beam_cell),
        )
    }
    trigger = np.array(
        [(row.value.e_prs_min, row.value.e_ecal_max) for row in conditions.trigger], np.float32
    )[row_of(conditions.trigger, run_number)]
    return State(
        run_number=run_number,
        intensity=intensity,
        **cells,
        hcal_distance=values_at(conditions.hcal_distance, run_number),
        e_prs_min=trigger[:, 0],
        e_ecal_max=trigger[:, 1],
        threshold_ecal_cell=values_at(conditions.threshold_ecal_cell, run_number),
        threshold_hcal_cell=values_at(conditions.threshold_hcal_cell, run_number),
        track_efficiency=values_at(conditions.track_efficiency, run_number),
        ecal_scale=values_at(conditions.ecal_scale, run_number),
        bad=conditions.is_bad(run_number, spill),
    )
