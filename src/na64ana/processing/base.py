"""What the shipped processors have in common."""

from coffea.processor import ProcessorABC

from na64ana.config import Config
from na64ana.cuts.cut import Mask
from na64ana.cuts.observables import Context, Observables
from na64ana.cuts.selection import Templates, make_context
from na64ana.io.chunk import Chunk
from na64ana.tally.regions import signal_box
from na64ana.tally.tally import Tally


class SelectionProcessor(ProcessorABC):  # type: ignore[misc]  # coffea publishes no types
    """A processor that applies cuts to observables; subclasses say which, and what they count.

    Parameters
    ----------
    config : Config
        Periods and their cuts.
    blinded : bool
        Whether events of the signal box are removed before anything is counted.
    templates : mapping of str to ShowerTemplate, or None
        Mean electron showers by period, from a calibration.
    """

    def __init__(
        self, config: Config, *, blinded: bool = True, templates: Templates | None = None
    ) -> None:
        self.config, self.blinded, self.templates = config, blinded, templates

    def context(self, period: str) -> Context:
        """Return what the observables of a period depend on."""
        return make_context(self.config, period, self.templates)

    def knows_chi2(self, period: str) -> bool:
        """Tell whether the chi2 of the shower can be made: a first pass has no template yet."""
        context = self.context(period)
        return context.template is not None or context.energies_from == "scalars"

    def observables(self, events: Chunk) -> Observables:
        """Return the observables of a chunk."""
        return Observables(events, self.context(events.period), len(events), events.refuse)

    def inside_box(self, period: str, observables: Observables) -> Mask:
        """Return which events lie in the signal box."""
        box = signal_box(self.config, period)
        return box.holds(observables["e_ecal"], observables["e_hcal"])

    def postprocess(self, accumulator: dict[str, Tally]) -> dict[str, Tally]:
        """Return the sum of all chunks as it is."""
        return accumulator
