"""gamma -> mu mu, the reference process: how often, with which energies, how well selected."""

from coffea.processor import ProcessorABC

from na64ana.config import Config
from na64ana.config.observables import OBSERVABLES
from na64ana.cuts.cut import Cut
from na64ana.cuts.observables import Context, Observables, needed_columns
from na64ana.cuts.selection import (
    Templates,
    apply_cuts,
    columns_of,
    make_context,
    make_dimuon_cuts,
)
from na64ana.cuts.template import sum_showers
from na64ana.io.chunk import IDENTITY, Chunk
from na64ana.io.format import ECAL_SHAPE
from na64ana.tally.calibration import SHOWERS, make_showers
from na64ana.tally.fill import count_cuts, count_shape, fill_n_minus_1, fill_spectra
from na64ana.tally.regions import signal_box
from na64ana.tally.tally import Tally, make_axis, make_plane

#: Spectra of the selected pairs.
NAMES = ("e_ecal", "e_hcal_0", "e_hcal_1", "e_hcal_2", "e_hcal", "e_veto")
PAIR_AXES = {name: make_axis(OBSERVABLES[name]) for name in NAMES}


class Processor(ProcessorABC):  # type: ignore[misc]  # coffea publishes no types
    """Cut flow, N-1, plane, spectra and sums of showers of muon pairs, one tally per period.

    Parameters
    ----------
    config : Config
        Periods and their cuts.
    blinded : bool
        Whether events of the signal box are removed before anything is counted.
    templates : mapping of str to ShowerTemplate, or None
        Without, showers are added up for a template; with, the efficiency of its chi2 is found.
    """

    def __init__(
        self, config: Config, *, blinded: bool = True, templates: Templates | None = None
    ) -> None:
        self.config, self.blinded, self.templates = config, blinded, templates

    def context(self, period: str) -> Context:
        """Return what the observables of a period depend on."""
        return make_context(self.config, period, self.templates)

    def cuts(self, period: str) -> tuple[Cut, ...]:
        """Return the cuts of a period, in order."""
        context = self.context(period)
        known = context.template is not None or context.energies_from == "scalars"
        return make_dimuon_cuts(self.config, period, template=known)

    def columns(self, period: str) -> tuple[str, ...]:
        """Return the branches that `process` reads."""
        context = self.context(period)
        cuts, spectra = columns_of(self.cuts(period), context), needed_columns(NAMES, context)
        return tuple(dict.fromkeys([*IDENTITY, *cuts, *spectra]))

    def process(self, events: Chunk) -> dict[str, Tally]:
        """Return the tally of one chunk of events, by period."""
        period, context = events.period, self.context(events.period)
        observables = Observables(events, context, len(events), events.refuse)
        box = signal_box(self.config, period)
        inside = box.holds(observables["e_ecal"], observables["e_hcal"]) if self.blinded else None
        passed = apply_cuts(self.cuts(period), observables, inside)
        classes = events.classes()
        tally = Tally(self.blinded, not_a_number=passed.not_a_number)
        tally.histograms = count_cuts(passed, classes, without=())
        tally.histograms |= fill_n_minus_1(passed, observables, classes)

        tally.histograms["shape"] = count_shape(passed)
        pairs = passed.near[passed.only == len(passed.cuts)]
        spectra = fill_spectra(PAIR_AXES, observables, pairs)
        tally.histograms |= {f"dimuon_{name}": one for name, one in spectra.items()}
        left = observables.take(pairs)
        tally.histograms["plane_dimuon"] = make_plane().fill(left["e_ecal"], left["e_hcal"])
        if context.energies_from == "cells":
            cells = left.column("e_ecal_cell").reshape(-1, *ECAL_SHAPE)
            tally.histograms[SHOWERS] = make_showers(sum_showers(cells))
        return {period: tally}

    def postprocess(self, accumulator: dict[str, Tally]) -> dict[str, Tally]:
        """Return the sum of all chunks as it is."""
        return accumulator
