"""The cuts of a period, and their application to events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.config.conditions import row_at
from na64ana.config.observables import OBSERVABLES
from na64ana.config.selection import CUT_ORDER, ObservableWindow
from na64ana.cuts.cut import Cut, Mask, Window
from na64ana.cuts.hcal import (
    MissingEnergy,
    hcal_quiet,
    hcal_topology,
    missing_energy,
    zero_degree_quiet,
)
from na64ana.cuts.observables import Context, Observables, is_late, needed_columns
from na64ana.cuts.shower import impact_cell, prs_shower, shower_shape
from na64ana.cuts.srd import srd_electron
from na64ana.cuts.template import ShowerTemplate
from na64ana.cuts.track import (
    CleanSpill,
    clean_spill,
    in_time,
    no_multiple_hits,
    single_track,
    trigger,
)
from na64ana.cuts.veto import veto_quiet
from na64ana.errors import ConfigError

#: Mean electron showers by period.
Templates = Mapping[str, ShowerTemplate]
#: Most cuts of a selection: each has a bit of 32, one is for closed events.
MAX_CUTS = 31
#: The two cuts that make the signal box; those of the user stand before them.
BOX_CUTS = CUT_ORDER[-2:]
#: Cuts on the shower of an electron that lost energy; muon pairs test them.
SHAPE_CUTS = ("prs_shower", "shower_shape")
#: Relative distance to an edge [1] at which a scalar and the sum of its cells, which are rounded
#: one by one to 10 bits, may fall on different sides of it.
ROUNDING = 1e-3
#: Cuts that another particle behind the ECAL fails together.
BEHIND_ECAL = ("veto_quiet", "hcal_topology", "hcal_quiet")


def make_context(config: Config, period: str, templates: Templates | None = None) -> Context:
    """Return what the observables of a period depend on.

    Raises
    ------
    ConfigError
        If a template is of another period than it stands for.
    """
    thresholds = config.selection_of(period)
    template = (templates or {}).get(period)
    if template is not None and template.period != period:
        msg = (
            f"period {period}: the shower template is of period {template.period}; calibrate "
            f"{period}"
        )
        raise ConfigError(msg)
    beam = row_at(config.conditions.beam_cell, config.periods[period].runs.first).value
    return Context(
        energies_from=thresholds.energies_from,
        beam_cell=(beam.x, beam.y),
        e_hcal_quiet=thresholds.hcal_quiet.e_hcal_max,
        bad_spills=config.conditions.bad_spills,
        template=template,
    )


def make_cuts(config: Config, period: str) -> tuple[Cut, ...]:
    """Return the cuts of a period in the order in which they are applied.

    Those of the user (``windows``) stand before the two that make the signal box.
    """
    given = config.selection_of(period)
    spills = CleanSpill(bad_spills=config.conditions.bad_spills)
    edge = MissingEnergy(e_ecal_max=config.periods[period].e_ecal_max)
    chosen = {name: getattr(given, name) for name in _OPTIONAL}
    cuts = (
        trigger(given.trigger),
        clean_spill(spills),
        *(_OPTIONAL[name](block) for name, block in chosen.items() if block is not None),
        *(_own(window) for window in given.windows),
        hcal_quiet(given.hcal_quiet),
        missing_energy(edge),
    )
    if len(cuts) > MAX_CUTS:
        msg = f"period {period}: {len(cuts)} cuts, at most {MAX_CUTS} are possible; join some"
        raise ConfigError(msg)
    return cuts


def make_calibration_cuts(config: Config, period: str, *, template: bool) -> tuple[Cut, ...]:
    """Return the cuts on beam electrons of full energy, from the prescaled beam trigger.

    They are those of the search, but for trigger and missing energy; those on activity behind the
    ECAL, `BEHIND_ECAL`, come last. Without a `template` there is no chi2 of the shower yet.
    """
    given = config.selection_of(period)
    search = sorted(make_cuts(config, period)[1:-1], key=lambda cut: cut.name in BEHIND_ECAL)
    return (
        Cut(
            name="beam_trigger",
            reason="prescaled trigger on any particle of the beam",
            source="PRL 131 (2023) 161801: calibration triggers",
            windows=(Window("beam_trigger", low=0),),
            parameters=given.calibration,
        ),
        Cut(
            name="full_energy",
            reason="an electron that leaves all its energy in the ECAL",
            source="choice",
            windows=(Window("e_ecal", given.calibration.e_ecal_min, given.calibration.e_ecal_max),),
            parameters=given.calibration,
        ),
        *(cut if template else _without_chi2(cut) for cut in search),
    )


def make_dimuon_cuts(config: Config, period: str, *, template: bool) -> tuple[Cut, ...]:
    """Return the cuts on muon pairs: an incoming electron as in the search, two muons behind it.

    Without a `template` there is no chi2 of the shower yet.
    """
    given = config.selection_of(period)
    pair = given.dimuon
    module = (pair.e_hcal_module_min, pair.e_hcal_module_max)
    others = {*BEHIND_ECAL, "missing_energy"}
    search = [cut for cut in make_cuts(config, period) if cut.name not in others]
    source = "UFN 191 (2021) 1361, 3.2.1: dimuons as the reference process; thresholds are choices"
    return (
        *(cut if template else _without_chi2(cut) for cut in search),
        Cut(
            name="veto_dimuon",
            reason="two muons leave the ECAL",
            source=source,
            windows=(Window("e_veto", low=pair.e_veto_min),),
            parameters=pair,
        ),
        Cut(
            name="hcal_dimuon",
            reason="two muons cross the HCAL along its axis",
            source=source,
            windows=(
                Window("e_hcal_0", *module),
                Window("e_hcal_1", *module),
                Window("r_hcal", high=pair.r_hcal_max),
            ),
            parameters=pair,
        ),
    )


def make_muon_cuts(config: Config, period: str) -> tuple[Cut, ...]:
    """Return the cuts on single muons of the beam: a track as in the search, hardly a shower.

    There are none if the selection has no block ``muon``.
    """
    given = config.selection_of(period).muon
    if given is None:
        return ()
    beam = CUT_ORDER[: CUT_ORDER.index("srd_electron")]
    return (
        *(cut for cut in make_cuts(config, period) if cut.name in beam),
        Cut(
            name="minimum_ionising",
            reason="a muon of the beam that radiated little",
            source="PRL 131 (2023) 161801: single muon detection efficiency; threshold is a choice",
            windows=(Window("e_ecal", high=given.e_ecal_max),),
            parameters=given,
        ),
    )


def make_loose_cuts(config: Config, period: str) -> dict[str, tuple[Cut, ...]]:
    """Return the cuts of which a skim lets an event fail one: of search, muon pairs, muons.

    Those that a closer look at the cells may change, on shapes, and those that make sidebands are
    left out. So the search finds all it needs in a skim: N-1 of each cut but the first, regions,
    survivors.
    """
    not_asked = {*SHAPE_CUTS, *BOX_CUTS, "hcal_topology"}
    cuts = {
        "search": make_cuts(config, period),
        "dimuon": make_dimuon_cuts(config, period, template=False),
    }
    if muons := make_muon_cuts(config, period):
        cuts["muon"] = muons
    return {
        name: tuple(_loosened(cut) for cut in some if cut.name not in not_asked)
        for name, some in cuts.items()
    }


def _loosened(cut: Cut) -> Cut:
    """Return a cut whose edges in energy are further apart by `ROUNDING`."""
    return replace(cut, windows=tuple(_widened(window) for window in cut.windows))


def _widened(window: Window) -> Window:
    if OBSERVABLES[window.observable].unit != "GeV":
        return window
    low, high = window.low, window.high
    return replace(window, low=low - ROUNDING * abs(low), high=high + ROUNDING * abs(high))


def _without_chi2(cut: Cut) -> Cut:
    windows = tuple(one for one in cut.windows if one.observable != "chi2_shower")
    return replace(cut, windows=windows)


#: The cuts that a selection may leave out, in order.
_OPTIONAL: dict[str, Callable[[Any], Cut]] = {
    "in_time": in_time,
    "single_track": single_track,
    "no_multiple_hits": no_multiple_hits,
    "srd_electron": srd_electron,
    "prs_shower": prs_shower,
    "veto_quiet": veto_quiet,
    "zero_degree_quiet": zero_degree_quiet,
    "hcal_topology": hcal_topology,
    "impact_cell": impact_cell,
    "shower_shape": shower_shape,
}


def _own(window: ObservableWindow) -> Cut:
    """Return a cut of the user."""
    edges = {"low": window.min, "high": window.max}
    given = {key: value for key, value in edges.items() if value is not None}
    return Cut(
        name=window.name,
        reason=window.reason,
        source="configuration",
        windows=(Window(window.observable, **given),),
        parameters=window,
    )


def columns_of(cuts: Sequence[Cut], context: Context) -> tuple[str, ...]:
    """Return the branches that the cuts need, each once, in order."""
    return needed_columns((name for cut in cuts for name in cut.observables), context)


@dataclass(frozen=True)
class Passed:
    """What became of `n` events.

    Attributes
    ----------
    cuts : tuple of Cut
    open : array (n,)
        Events that may be looked at. The others are in no other attribute.
    failed : array (n,)
        Bit i for cut i; late cuts only where they decide.
    n_passed : array (n,)
        How many cuts, in order, an event passed before the first that it failed.
    near : array (k,)
        The events that fail at most one cut, the free ones not asked.
    only : array (k,)
        Index of the one cut that each of `near` fails; ``len(cuts)`` for those that fail none.
    free : tuple of str
        Cuts that are not asked in `near` and `only`.
    not_a_number : dict of str to int
        Events in which an observable is NaN, by observable; they fail its cut.
    """

    cuts: tuple[Cut, ...]
    open: Mask
    failed: npt.NDArray[np.uint32]
    n_passed: npt.NDArray[np.uint8]
    near: npt.NDArray[np.intp]
    only: npt.NDArray[np.uint8]
    free: tuple[str, ...]
    not_a_number: dict[str, int]

    def after(self, name: str) -> npt.NDArray[np.intp]:
        """Return the places ``(k,)`` of events that pass a shipped cut and all before it.

        If the selection leaves the cut out, those that pass all before it.
        """
        stage = CUT_ORDER[: CUT_ORDER.index(name) + 1]
        places = [i for i, cut in enumerate(self.cuts) if cut.name in stage]
        return np.flatnonzero(self.n_passed > max(places))

    def all_but(self, *names: str) -> npt.NDArray[np.intp]:
        """Return the places ``(k,)`` of events that pass all cuts but those named, not asked.

        At most one of them may be one that is not late: of events that fail two of these, the late
        ones are not known.
        """
        bits = sum(1 << i for i, cut in enumerate(self.cuts) if cut.name in names)
        return np.flatnonzero((self.failed & np.uint32(~bits % (1 << 32))) == 0)

    def before(self, name: str) -> npt.NDArray[np.intp]:
        """Return the places ``(k,)`` of events that pass all cuts before one."""
        return np.flatnonzero(self.n_passed >= [cut.name for cut in self.cuts].index(name))


def apply_cuts(
    cuts: Sequence[Cut],
    observables: Observables,
    closed: Mask | None = None,
    *,
    free: tuple[str, ...] = (),
) -> Passed:
    """Apply all cuts to all events.

    What is dear is made only for events whose fate depends on it: those that fail at most one of
    the cheaper cuts, and those that pass all cuts before. Counts and N-1 are exact all the same.

    Parameters
    ----------
    cuts : sequence of Cut
    observables : Observables
        Of `n` events.
    closed : array (n,) or None
        Events that must not be looked at.
    free : tuple of str
        Cuts that N-1 does not ask: in a closed box, no event passes all cuts but one.
    """
    failed, not_a_number = np.zeros(len(observables), np.uint32), dict[str, int]()
    asking = np.uint32(~sum(1 << i for i, cut in enumerate(cuts) if cut.name in free) % (1 << 32))
    if closed is not None:
        failed[closed] = _CLOSED
    context = observables.context
    late = [i for i, cut in enumerate(cuts) if any(is_late(o, context) for o in cut.observables)]
    for i, cut in enumerate(cuts):
        if i not in late:
            values = {name: observables[name] for name in cut.observables}
            _count_nan(values, closed, not_a_number)
            cut.mark(values, failed, np.uint32(1 << i))
    if late:
        before = np.uint32((1 << late[0]) - 1)
        bits = failed & asking
        asked = np.flatnonzero(((failed & before) == 0) | ((bits & (bits - 1)) == 0))
        some = observables.take(asked)
        fails = np.zeros(len(asked), np.uint32)
        for i in late:
            values = {name: some[name] for name in cuts[i].observables}
            _count_nan(values, None, not_a_number)
            cuts[i].mark(values, fails, np.uint32(1 << i))
        failed[asked] |= fails
    bits = failed & asking
    near = np.flatnonzero((bits & (bits - 1)) == 0)
    return Passed(
        cuts=tuple(cuts),
        open=failed < _CLOSED,
        failed=failed,
        n_passed=_place_of_lowest(failed, len(cuts)),
        near=near,
        only=_place_of_lowest(bits[near], len(cuts)),
        free=free,
        not_a_number=not_a_number,
    )


def _place_of_lowest(bits: npt.NDArray[np.uint32], none: int) -> npt.NDArray[np.uint8]:
    """Return the place ``(n,)`` of the lowest bit that is set, `none` where there is none."""
    place = np.bitwise_count((bits & (~bits + np.uint32(1))) - np.uint32(1))
    return np.asarray(np.minimum(place, np.uint8(none)))


#: Bits of an event that must not be looked at: with the first it fails the first cut, with the
#: others more than one, whatever they are.
_CLOSED = np.uint32(1 | 1 << MAX_CUTS)


def _count_nan(
    values: Mapping[str, npt.NDArray[Any]], closed: Mask | None, counts: dict[str, int]
) -> None:
    for name, array in values.items():
        # The smallest of numbers among which there is a NaN is NaN.
        if array.dtype.kind == "f" and array.size and np.isnan(array.min()):
            bad = np.isnan(array) if closed is None else np.isnan(array) & ~closed
            counts[name] = int(bad.sum())
