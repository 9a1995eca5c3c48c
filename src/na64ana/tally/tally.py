"""The tally of a period: what is left of its events. Everything in it adds."""

from dataclasses import dataclass, field
from typing import Any

import hist
import numpy as np
import numpy.typing as npt

from na64ana.config.observables import OBSERVABLES, Observable
from na64ana.io.chunk import ChunkRead
from na64ana.io.format import EventClass
from na64ana.tally.cut_flow import CutFlow

Histogram = hist.Hist[Any]
Table = dict[str, npt.NDArray[Any]]

#: Value of the axis ``class_true`` for events that are not simulated.
MEASURED = len(EventClass)
#: Columns of survivors by which they are told apart, and sorted.
IDENTITY = ("run_number", "spill", "event")


def make_axis(observable: Observable) -> hist.axis.Regular:
    """Return the axis of an observable."""
    return hist.axis.Regular(
        observable.bins, observable.low, observable.high, name=observable.name,
        label=observable.title,
    )  # fmt: skip


def make_class_axis() -> hist.axis.Integer:
    """Return the axis of event classes: those of `EventClass`, and `MEASURED`."""
    return hist.axis.Integer(
        0, MEASURED + 1, name="class_true", label=f"event class, {MEASURED} measured", flow=False
    )


def make_histogram(*axes: Any) -> Histogram:
    """Return an empty histogram of whole counts: they add without rounding, in any order."""
    return hist.Hist(*axes, storage=hist.storage.Int64())


def make_plane() -> Histogram:
    """Return an empty (E_ECAL, E_HCAL) histogram, 1 GeV bins from 0 to 120 GeV."""
    return make_histogram(make_axis(OBSERVABLES["e_ecal"]), make_axis(OBSERVABLES["e_hcal"]))


@dataclass
class Tally:
    """Counts and histograms of one period.

    Attributes
    ----------
    blinded : bool
        Whether events of the signal box were taken out before anything was counted. Tallies of
        different kinds do not add.
    histograms : dict of str to Hist
        Whole counts, by name: ``cut_flow`` and ``only`` (cut, class), ``n_minus_1_CUT_OBSERVABLE``
        (observable, class), ``plane_STAGE`` (E_ECAL, E_HCAL), ``regions``, and what a processor
        adds.
    survivors : dict of str to array
        The few events of a region, unbinned: their identity, class, region and observables,
        sorted by `IDENTITY`.
    not_a_number : dict of str to int
        Events in which an observable was NaN; they failed its cut.
    reads : tuple of ChunkRead
        What was read, chunk by chunk.
    """

    blinded: bool
    histograms: dict[str, Histogram] = field(default_factory=dict)
    survivors: Table = field(default_factory=dict)
    not_a_number: dict[str, int] = field(default_factory=dict)
    reads: tuple[ChunkRead, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        """Return the sum of two tallies, the same whatever the order of the chunks."""
        if self.blinded != other.blinded:
            msg = "a blinded tally and an open one do not add"
            raise ValueError(msg)
        if self.histograms.keys() != other.histograms.keys():
            msg = "tallies of different processors do not add"
            raise ValueError(msg)
        return Tally(
            blinded=self.blinded,
            histograms={
                name: one + other.histograms[name] for name, one in self.histograms.items()
            },
            survivors=_merge(self.survivors, other.survivors),
            not_a_number=_add(self.not_a_number, other.not_a_number),
            reads=tuple(sorted(self.reads + other.reads)),
        )

    def same_content(self, other: "Tally") -> bool:
        """Tell whether all but the division into chunks is the same, bit for bit."""
        return (
            self.blinded == other.blinded
            and self.histograms == other.histograms
            and self.not_a_number == other.not_a_number
            and self.survivors.keys() == other.survivors.keys()
            and all(
                np.array_equal(array, other.survivors[name], equal_nan=array.dtype.kind == "f")
                for name, array in self.survivors.items()
            )
        )

    @property
    def cut_flow(self) -> CutFlow:
        """Events by cut and class."""
        return CutFlow.from_histograms(self.histograms["cut_flow"], self.histograms["only"])

    @property
    def planes(self) -> dict[str, Histogram]:
        """(E_ECAL, E_HCAL) by stage of the selection."""
        return {
            name.removeprefix("plane_"): one
            for name, one in self.histograms.items()
            if name.startswith("plane_")
        }

    @property
    def regions(self) -> dict[str, int]:
        """Events in the regions of the selected plane."""
        regions = self.histograms["regions"]
        return {
            str(name): int(n) for name, n in zip(regions.axes[0], regions.values(), strict=True)
        }

    def e_ecal_of(self, region: str) -> list[float]:
        """Return E_ECAL [GeV] of the survivors of a region, sorted."""
        inside = self.survivors["region"] == region
        return [float(e) for e in np.sort(self.survivors["e_ecal"][inside])]

    @property
    def sideband_c(self) -> list[float]:
        """E_ECAL [GeV] of the events of sideband C, sorted."""
        return self.e_ecal_of("sideband_c")

    @property
    def entries_read(self) -> dict[str, int]:
        """Events read, by the uuid of the file."""
        entries: dict[str, int] = {}
        for read in self.reads:
            entries[read.uuid] = entries.get(read.uuid, 0) + read.stop - read.start
        return entries


def _add(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}


def _merge(one: Table, other: Table) -> Table:
    if not one:
        return other
    joined = {name: np.concatenate([array, other[name]]) for name, array in one.items()}
    order = np.lexsort([joined[name] for name in reversed(IDENTITY)])
    return {name: array[order] for name, array in joined.items()}
