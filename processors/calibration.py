"""Beam electrons of the prescaled trigger: shower template, efficiencies, thresholds, pile-up."""

import numpy as np

from na64ana.config.observables import OBSERVABLES
from na64ana.cuts.cut import Cut
from na64ana.cuts.observables import needed_columns
from na64ana.cuts.selection import (
    BEHIND_ECAL,
    apply_cuts,
    columns_of,
    make_calibration_cuts,
)
from na64ana.cuts.template import sum_showers
from na64ana.io.chunk import IDENTITY, Chunk
from na64ana.io.format import ECAL_SHAPE
from na64ana.processing.base import SelectionProcessor
from na64ana.tally.calibration import SHOWERS, ZERO_AXES, make_showers
from na64ana.tally.fill import (
    count_cuts,
    count_regions,
    count_shape,
    fill_n_minus_1,
    fill_spectra,
)
from na64ana.tally.tally import Tally, make_axis

#: Spectra of the electrons that pass all cuts.
ELECTRON_AXES = {name: make_axis(OBSERVABLES[name]) for name in ("e_srd", "e_ecal", "intensity")}


class Processor(SelectionProcessor):
    """Cut flow, N-1, spectra and sums of showers of beam electrons, one tally per period."""

    def cuts(self, period: str) -> tuple[Cut, ...]:
        """Return the cuts of a period, in order."""
        return make_calibration_cuts(self.config, period, template=self.knows_chi2(period))

    def columns(self, period: str) -> tuple[str, ...]:
        """Return the branches that `process` reads."""
        context = self.context(period)
        spectra = needed_columns((*ELECTRON_AXES, *ZERO_AXES), context)
        cells = ("e_ecal_cell",) if context.energies_from == "cells" else ()
        cuts = columns_of(self.cuts(period), context)
        return tuple(dict.fromkeys([*IDENTITY, *cuts, *spectra, *cells]))

    def process(self, events: Chunk) -> dict[str, Tally]:
        """Return the tally of one chunk of events, by period."""
        period, observables = events.period, self.observables(events)
        # Electrons of full energy need no event of the signal box: it stays closed in any case.
        passed = apply_cuts(self.cuts(period), observables, self.inside_box(period, observables))
        classes = events.classes()
        tally = Tally(blinded=True, not_a_number=passed.not_a_number)
        tally.histograms = count_cuts(passed, classes, without=())
        tally.histograms |= fill_n_minus_1(passed, observables, classes)

        tally.histograms["shape"] = count_shape(passed)
        electrons = passed.near[passed.only == len(passed.cuts)]
        spectra = fill_spectra(ELECTRON_AXES, observables, electrons)
        tally.histograms |= {f"electron_{name}": one for name, one in spectra.items()}
        # Another particle is seen by VETO and HCAL together, so neither may select for the other.
        behind = [cut for cut in passed.cuts if cut.name in BEHIND_ECAL]
        sample = passed.before(behind[0].name)
        some = observables.take(sample)
        zero = fill_spectra(ZERO_AXES, observables, sample)
        tally.histograms |= {f"zero_{name}": one for name, one in zero.items()}
        masks = {"sample": np.ones(len(sample), np.bool_)}
        for cut in behind:
            masks[cut.name] = cut.keep({name: some[name] for name in cut.observables})
        tally.histograms["quiet"] = count_regions(masks)
        if observables.context.energies_from == "cells":
            cells = observables.take(electrons).column("e_ecal_cell").reshape(-1, *ECAL_SHAPE)
            tally.histograms[SHOWERS] = make_showers(sum_showers(cells))
        return {period: tally}
