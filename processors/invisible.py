"""A' -> invisible: the published selection, signal box, sidebands and control regions."""

from na64ana.cuts.cut import Cut
from na64ana.cuts.observables import needed_columns
from na64ana.cuts.selection import BOX_CUTS, apply_cuts, columns_of
from na64ana.cuts.selection import make_cuts as shipped_cuts
from na64ana.io.chunk import IDENTITY, Chunk
from na64ana.processing.base import SelectionProcessor
from na64ana.tally.fill import (
    count_cuts,
    count_regions,
    count_starts,
    fill_n_minus_1,
    list_survivors,
)
from na64ana.tally.regions import signal_box
from na64ana.tally.tally import Tally, make_plane

#: The axes of the plane, and the HCAL along the beam: read whatever the cuts are.
AXES = ("e_ecal", "e_hcal")
MODULES = ("e_hcal_0", "e_hcal_1", "e_hcal_2")


class Processor(SelectionProcessor):
    """Cut flow, N-1, planes, regions and survivors of the search, one tally per period."""

    def cuts(self, period: str) -> tuple[Cut, ...]:
        """Return the cuts of a period, in order."""
        return shipped_cuts(self.config, period)

    def columns(self, period: str) -> tuple[str, ...]:
        """Return the branches that `process` reads."""
        context = self.context(period)
        cuts = columns_of(self.cuts(period), context)
        return tuple(dict.fromkeys([*IDENTITY, *cuts, *needed_columns((*AXES, *MODULES), context)]))

    def process(self, events: Chunk) -> dict[str, Tally]:
        """Return the tally of one chunk of events, by period."""
        period, observables = events.period, self.observables(events)
        box = signal_box(self.config, period)
        closed = self.inside_box(period, observables) if self.blinded else None
        free = ("missing_energy",) if self.blinded else ()
        passed = apply_cuts(self.cuts(period), observables, closed, free=free)
        classes = events.classes()

        # What is closed has no count, not a count of zero.
        hidden = ("missing_energy",) if self.blinded else ()
        tally = Tally(self.blinded, not_a_number=passed.not_a_number)
        tally.histograms = count_cuts(passed, classes, without=hidden)
        tally.histograms |= fill_n_minus_1(passed, observables, classes)
        electron, selected = passed.after("srd_electron"), passed.before(BOX_CUTS[0])
        for stage, chosen in (("electron", electron), ("selected", selected)):
            axes = (observables.take(chosen)[name] for name in AXES)
            tally.histograms[f"plane_{stage}"] = make_plane().fill(*axes)

        left = observables.take(selected)
        regions = box.regions(left["e_ecal"], left["e_hcal"])
        if self.blinded:
            del regions["signal_box"]
        tally.histograms["regions"] = count_regions(regions)
        active = selected[regions["sideband_a"]]
        tally.histograms |= count_starts(observables, active, classes, box.e_hcal_max)
        quiet = {name: selected[mask] for name, mask in regions.items() if name in box.QUIET}
        names = (name for cut in passed.cuts for name in cut.observables)
        tally.survivors = list_survivors(quiet, observables, classes, (*AXES, *names))
        return {period: tally}
