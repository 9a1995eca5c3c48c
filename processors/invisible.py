"""A' -> invisible: the published selection, in the published order."""

import numpy as np
from coffea.processor import ProcessorABC

from na64ana.config import Config
from na64ana.config.conditions import row_at
from na64ana.cuts.cut import Columns, Cut, apply_cuts, needed_columns
from na64ana.cuts.hcal import (
    MissingEnergy,
    compute_e_hcal,
    hcal_quiet,
    missing_energy,
    zero_degree_quiet,
)
from na64ana.cuts.shower import BeamCell, impact_cell, shower_shape
from na64ana.cuts.srd import srd_electron
from na64ana.cuts.track import (
    CleanSpill,
    clean_spill,
    no_multiple_hits,
    single_track,
    trigger,
)
from na64ana.cuts.veto import veto_quiet
from na64ana.io.schema import Events
from na64ana.tally.regions import signal_box
from na64ana.tally.tally import Tally, make_plane

#: The planes are filled with the events left after these cuts.
STAGES = {"srd_electron": "electron", "zero_degree_quiet": "selected"}


class Processor(ProcessorABC):  # type: ignore[misc]  # coffea publishes no types
    """Cut flow, planes, regions and sideband of the search, one tally per period.

    Parameters
    ----------
    config : Config
        Periods and their cuts.
    blinded : bool
        Whether events of the signal box are removed before anything is counted.
    """

    def __init__(self, config: Config, *, blinded: bool = True) -> None:
        self.config = config
        self.blinded = blinded

    def cuts(self, period: str) -> tuple[Cut, ...]:
        """Return the cuts of a period, in order."""
        thresholds, conditions = self.config.selection_of(period), self.config.conditions
        beam = row_at(conditions.beam_cell, self.config.periods[period].runs.first).value
        distance = thresholds.impact_cell.distance_max
        return (
            trigger(thresholds.trigger),
            clean_spill(CleanSpill(bad_spills=conditions.bad_spills)),
            single_track(thresholds.single_track),
            no_multiple_hits(thresholds.no_multiple_hits),
            srd_electron(thresholds.srd_electron),
            impact_cell(BeamCell(x=beam.x, y=beam.y, distance_max=distance)),
            shower_shape(thresholds.shower_shape),
            veto_quiet(thresholds.veto_quiet),
            zero_degree_quiet(thresholds.zero_degree_quiet),
            hcal_quiet(thresholds.hcal_quiet),
            missing_energy(MissingEnergy(e_ecal_max=self.config.periods[period].e_ecal_max)),
        )

    def columns(self, period: str) -> tuple[str, ...]:
        """Return the branches that `process` reads."""
        return needed_columns(self.cuts(period))

    def process(self, events: Events) -> dict[str, Tally]:
        """Return the tally of one chunk of events, by period."""
        period, cuts = events.metadata["dataset"], self.cuts(events.metadata["dataset"])
        columns: Columns = {name: np.asarray(events[name]) for name in needed_columns(cuts)}
        box = signal_box(self.config, period)
        e_hcal = compute_e_hcal(columns["e_hcal_module"])
        if self.blinded:
            outside = ~box.holds(columns["e_ecal"], e_hcal)
            columns = {name: array[outside] for name, array in columns.items()}
            e_hcal = e_hcal[outside]

        # The first row counts all events, those of the box too: what the later rows lack cannot
        # be told apart from what fails the trigger.
        tally = Tally(self.blinded, entries_read={events.metadata["fileuuid"]: len(events)})
        tally.cut_flow["events"] = len(events)
        for name, passed in apply_cuts(cuts, columns):
            tally.cut_flow[name] = int(passed.sum())
            if name in STAGES:
                x, y = columns["e_ecal"][passed], e_hcal[passed]
                tally.planes[STAGES[name]] = make_plane().fill(x, y)
            if name == "zero_degree_quiet":
                regions = box.regions(x, y)
                tally.regions = {region: int(mask.sum()) for region, mask in regions.items()}
                tally.sideband_c = np.sort(x[regions["sideband_c"]]).tolist()
        if self.blinded:  # what is closed has no count, not a count of zero
            del tally.cut_flow["missing_energy"], tally.regions["signal_box"]
        return {period: tally}

    def postprocess(self, accumulator: dict[str, Tally]) -> dict[str, Tally]:
        """Return the sum of all chunks as it is."""
        return accumulator
