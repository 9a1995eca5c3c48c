"""Fill a tally from the events that a selection was applied to."""

from collections.abc import Iterable, Mapping
from typing import Any

import hist
import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.config.observables import OBSERVABLES
from na64ana.cuts.observables import Observables
from na64ana.cuts.selection import SHAPE_CUTS, Passed
from na64ana.tally.tally import (
    IDENTITY,
    MEASURED,
    Histogram,
    Table,
    make_axis,
    make_class_axis,
    make_histogram,
)

Index = npt.NDArray[np.intp]
Classes = npt.NDArray[np.uint8]


def n_minus_1_name(cut: str, observable: str) -> str:
    """Return the name of the histogram of an observable without the cut on it."""
    return f"n_minus_1_{cut}_{observable}"


def count_cuts(passed: Passed, classes: Classes, without: Iterable[str]) -> dict[str, Histogram]:
    """Return the histograms of the cut flow.

    Parameters
    ----------
    passed : Passed
    classes : array (n,)
        Class of each event. The first row counts all that were read, those of a closed box too:
        how many these are, before all cuts, no row tells apart from what fails the trigger.
    without : iterable of str
        Cuts that get no row, because what passes them is closed.
    """
    k, n_classes = len(passed.cuts), MEASURED + 1
    everything, exact, only = (np.zeros((k + 1, n_classes), np.int64) for _ in range(3))
    _count(passed.n_passed, classes, everything)
    exact += everything
    if not passed.open.all():
        hidden = np.flatnonzero(~passed.open)
        _count(passed.n_passed[hidden], classes[hidden], only)
        exact -= only
        only[:] = 0
    after = exact[::-1].cumsum(axis=0)[::-1][1:]
    _count(passed.only, classes[passed.near], only)
    for i, cut in enumerate(passed.cuts):
        if cut.name in passed.free:  # who fails it, and none of the others
            fails = passed.near[(passed.only == k) & (passed.n_passed[passed.near] == i)]
            _count(np.full(len(fails), i), classes[fails], only)
    rows = [i for i, cut in enumerate(passed.cuts) if cut.name not in set(without)]
    names = ["events", *(passed.cuts[i].name for i in rows)]
    return {
        "cut_flow": _by_cut(names, np.vstack([everything.sum(axis=0), after[rows]])),
        "only": _by_cut(names, np.vstack([np.zeros(n_classes, np.int64), only[rows]])),
    }


@njit(cache=True, nogil=True)
def _count(rows, columns, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(len(rows)):
        counts[rows[i], columns[i]] += 1


def _by_cut(names: list[str], counts: npt.NDArray[np.int64]) -> Histogram:
    axis = hist.axis.StrCategory(names, name="cut", flow=False)
    filled = make_histogram(axis, make_class_axis())
    filled.view()[...] = counts
    return filled


def fill_n_minus_1(
    passed: Passed, observables: Observables, classes: Classes
) -> dict[str, Histogram]:
    """Return a histogram of every observable of every cut, without this cut.

    An event counts if it passes all other cuts but the free ones; so each histogram holds the N
    selected events too.
    """
    near, all_cuts = observables.take(passed.near), len(passed.cuts)
    kinds = classes[passed.near]
    filled = {}
    for i, cut in enumerate(passed.cuts):
        chosen = np.flatnonzero((passed.only == i) | (passed.only == all_cuts))
        for name in cut.observables:
            one = make_histogram(make_axis(OBSERVABLES[name]), make_class_axis())
            filled[n_minus_1_name(cut.name, name)] = one.fill(near[name][chosen], kinds[chosen])
    return filled


def fill_spectra(
    axes: Mapping[str, Any], observables: Observables, chosen: Index
) -> dict[str, Histogram]:
    """Return the histogram of each observable named, with its axis, over the events `chosen`."""
    some = observables.take(chosen)
    return {name: make_histogram(axis).fill(some[name]) for name, axis in axes.items()}


def count_regions(regions: Mapping[str, npt.NDArray[np.bool_]]) -> Histogram:
    """Return the number of events of each region, from their masks."""
    axis = hist.axis.StrCategory(list(regions), name="region", flow=False)
    counts = make_histogram(axis)
    counts.view()[...] = [mask.sum() for mask in regions.values()]
    return counts


#: Name of the counts of `count_starts`, and its last row: no module over the threshold.
STARTS, NO_START = "hcal_starts", 3


def count_starts(
    observables: Observables, chosen: Index, classes: Classes, threshold: float
) -> dict[str, Histogram]:
    """Return in which HCAL module the events `chosen` first show more than a threshold [GeV].

    Axes: the module, 0 to 2, or `NO_START`; the class. The depth at which neutral hadrons interact
    tells how many leave the HCAL at its end.
    """
    some = observables.take(chosen)
    over = [some[f"e_hcal_{i}"] > np.float32(threshold) for i in range(NO_START)]
    first = np.where(over[0], 0, np.where(over[1], 1, np.where(over[2], 2, NO_START)))
    axis = hist.axis.Integer(0, NO_START + 1, name="module", label="first HCAL module", flow=False)
    return {STARTS: make_histogram(axis, make_class_axis()).fill(first, classes[chosen])}


def count_shape(passed: Passed) -> Histogram:
    """Return how many events pass all cuts, and all but `SHAPE_CUTS`."""
    counts = make_histogram(
        hist.axis.StrCategory(["all_but_shape", "all"], name="cuts", flow=False)
    )
    counts.view()[...] = [len(passed.all_but(*SHAPE_CUTS)), len(passed.all_but())]
    return counts


def list_survivors(
    regions: Mapping[str, Index], observables: Observables, classes: Classes, names: Iterable[str]
) -> Table:
    """Return a table of the events of regions, unbinned.

    Parameters
    ----------
    regions : mapping of str to array
        Places of the events of each region.
    observables : Observables
    classes : array (n,)
    names : iterable of str
        Observables that become columns.
    """
    index = np.concatenate([np.empty(0, np.intp), *regions.values()])
    labels = [np.full(len(places), region) for region, places in regions.items()]
    some = observables.take(index)
    table: Table = {name: some.column(name).astype(np.int64) for name in IDENTITY}
    table["class_true"] = classes[index]
    table["region"] = np.concatenate([np.empty(0, "U12"), *labels]).astype("U12")
    table |= {name: some[name].astype(np.float32) for name in dict.fromkeys(names)}
    order = np.lexsort([table[name] for name in reversed(IDENTITY)])
    return {name: array[order] for name, array in table.items()}
