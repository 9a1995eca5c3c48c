"""gamma -> mu mu, the reference process: how often, with which energies, how well selected."""

from na64ana.config.observables import OBSERVABLES
from na64ana.cuts.cut import Cut
from na64ana.cuts.observables import needed_columns
from na64ana.cuts.selection import (
    apply_cuts,
    columns_of,
    make_dimuon_cuts,
    make_muon_cuts,
)
from na64ana.cuts.template import sum_showers
from na64ana.io.chunk import IDENTITY, Chunk
from na64ana.io.format import ECAL_SHAPE
from na64ana.processing.base import SelectionProcessor
from na64ana.tally.calibration import SHOWERS, make_showers
from na64ana.tally.fill import count_cuts, count_shape, fill_n_minus_1, fill_spectra
from na64ana.tally.muons import count_muons
from na64ana.tally.tally import Tally, make_axis, make_plane

#: Spectra of the selected pairs.
NAMES = ("e_ecal", "e_hcal_0", "e_hcal_1", "e_hcal_2", "e_hcal", "e_veto")
PAIR_AXES = {name: make_axis(OBSERVABLES[name]) for name in NAMES}


class Processor(SelectionProcessor):
    """Cut flow, N-1, plane, spectra and sums of showers of muon pairs, one tally per period."""

    def cuts(self, period: str) -> tuple[Cut, ...]:
        """Return the cuts of a period, in order."""
        return make_dimuon_cuts(self.config, period, template=self.knows_chi2(period))

    def columns(self, period: str) -> tuple[str, ...]:
        """Return the branches that `process` reads."""
        context = self.context(period)
        chosen = (*self.cuts(period), *make_muon_cuts(self.config, period))
        cuts, spectra = columns_of(chosen, context), needed_columns(NAMES, context)
        return tuple(dict.fromkeys([*IDENTITY, *cuts, *spectra]))

    def process(self, events: Chunk) -> dict[str, Tally]:
        """Return the tally of one chunk of events, by period."""
        period, observables = events.period, self.observables(events)
        inside = self.inside_box(period, observables) if self.blinded else None
        passed = apply_cuts(self.cuts(period), observables, inside)
        classes = events.classes()
        tally = Tally(self.blinded, not_a_number=passed.not_a_number)
        tally.histograms = count_cuts(passed, classes, without=())
        tally.histograms |= fill_n_minus_1(passed, observables, classes)

        muons, thresholds = make_muon_cuts(self.config, period), self.config.selection_of(period)
        tally.histograms |= count_muons(muons, thresholds, observables, inside)
        tally.histograms["shape"] = count_shape(passed)
        pairs = passed.near[passed.only == len(passed.cuts)]
        spectra = fill_spectra(PAIR_AXES, observables, pairs)
        tally.histograms |= {f"dimuon_{name}": one for name, one in spectra.items()}
        left = observables.take(pairs)
        tally.histograms["plane_dimuon"] = make_plane().fill(left["e_ecal"], left["e_hcal"])
        if observables.context.energies_from == "cells":
            cells = left.column("e_ecal_cell").reshape(-1, *ECAL_SHAPE)
            tally.histograms[SHOWERS] = make_showers(sum_showers(cells))
        return {period: tally}
