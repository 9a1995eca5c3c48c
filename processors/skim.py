"""First pass over scalars: which events the search or a control sample may need again."""

from dataclasses import replace

import numpy as np

from na64ana.cuts.observables import Context
from na64ana.cuts.selection import apply_cuts, columns_of, make_loose_cuts
from na64ana.io.chunk import IDENTITY, Chunk
from na64ana.processing.base import SelectionProcessor
from na64ana.tally.fill import count_regions
from na64ana.tally.tally import Tally


class Processor(SelectionProcessor):
    """Entries of the events that no loose selection can do without, one tally per period.

    These are all that the beam trigger took, and those that trigger and fail at most one of the
    loose cuts of the search or of the muon pairs. Box or not is not asked.
    """

    def context(self, period: str) -> Context:
        """Return what the observables depend on: scalars, whatever the selection says."""
        return replace(super().context(period), energies_from="scalars")

    def columns(self, period: str) -> tuple[str, ...]:
        """Return the branches that `process` reads."""
        loose = make_loose_cuts(self.config, period).values()
        needed = columns_of([cut for cuts in loose for cut in cuts], self.context(period))
        return tuple(dict.fromkeys([*IDENTITY, *needed, "trigger"]))

    def process(self, events: Chunk) -> dict[str, Tally]:
        """Return the tally of one chunk of events, by period."""
        period, observables = events.period, self.observables(events)
        kept = {"beam": np.asarray(observables["beam_trigger"])}
        for name, cuts in make_loose_cuts(self.config, period).items():
            passed = apply_cuts(cuts, observables)
            kept[name] = np.zeros(len(events), np.bool_)
            kept[name][passed.near[passed.only > 0]] = True  # the first cut is the trigger
        places = np.flatnonzero(np.logical_or.reduce(list(kept.values())))
        tally = Tally(blinded=False)
        tally.histograms["regions"] = count_regions(kept)
        identity = {name: events[name][places].astype(np.int64) for name in IDENTITY}
        entry = places + events.metadata["entrystart"]
        tally.survivors = {
            **identity,
            "entry": entry.astype(np.int64),
            "region": np.full(len(places), "skim", "U12"),
            "uuid": np.full(len(places), events.metadata["fileuuid"], "U36"),
        }
        return {period: tally}
