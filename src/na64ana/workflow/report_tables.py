"""The tables of a report on selection and background."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from na64ana.background.table import BackgroundTable
from na64ana.config.observables import OBSERVABLES
from na64ana.tally.cut_flow import CutFlow, count, percent
from na64ana.workflow.limits_folder import LimitsFolder
from na64ana.workflow.presentation import TITLES
from na64ana.workflow.report_format import Cell, PageTable, between, events


def cut_flow_table(flows: Mapping[str, CutFlow], box: str) -> PageTable:
    """Return events after each cut by period, and the share that each cut keeps of the sum."""
    names = dict.fromkeys(cut for flow in flows.values() for cut in flow.cuts)
    rows: list[tuple[Cell, ...]] = []
    before = None
    for name in names:
        counts = [flow.counts().get(name) for flow in flows.values()]
        total = sum(number or 0 for number in counts)
        share = "–" if not before else percent(total / before)
        rows.append((name, *(count(number) for number in counts), count(total), share))
        before = total
    head = ("cut", *flows, "sum", "of the row before")
    return PageTable(f"Events left after each cut; {box}", head, tuple(rows))


def period_flow_tables(flows: Mapping[str, CutFlow], box: str) -> list[PageTable]:
    """Return the cut flow of each period with all ratios."""
    head = ("cut", "events", "of the row before", "of all", "removed by this cut alone")
    return [
        PageTable(
            f"Cut flow of period {period}; {box}",
            head,
            tuple(
                (
                    row.cut,
                    count(row.events),
                    percent(row.relative),
                    percent(row.absolute),
                    count(row.only),
                )
                for row in flow.rows()
            ),
        )
        for period, flow in flows.items()
    ]


def cuts_tables(cuts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[PageTable]:
    """Return what each cut asks, why, and after whom; once for periods that ask the same."""
    alike: dict[tuple[tuple[Cell, ...], ...], list[str]] = {}
    for period, listed in cuts.items():
        rows = tuple(
            (
                str(cut["name"]),
                Markup("<br>").join(_window(*window) for window in cut["windows"]),
                str(cut["reason"]),
                str(cut["source"]),
            )
            for cut in listed
        )
        alike.setdefault(rows, []).append(period)
    head = ("cut", "asks", "against", "source")
    return [
        PageTable(f"Cuts of {' '.join(periods)}", head, rows, texts=4)
        for rows, periods in alike.items()
    ]


def _window(name: str, low: float | None, high: float | None) -> str:
    unit = OBSERVABLES[name].unit if name in OBSERVABLES else ""
    if high is None:
        return f"{name} > {low:g} {unit}".rstrip()
    left = "" if low is None else f"{low:g} < "
    return f"{left}{name} < {high:g} {unit}".rstrip()


def background_table(folder: LimitsFolder, observed: Mapping[str, int] | None) -> PageTable:
    """Return expected events by source and period, with the 68 % interval of their sums."""
    table = folder.background
    rows: list[tuple[Cell, ...]] = []
    for source in dict.fromkeys(row.source for row in table.rows):
        some = BackgroundTable(tuple(row for row in table.rows if row.source == source))
        cells = [events(some.total([p])[0]) if some.of(p) else "–" for p in table.periods]
        rows.append((TITLES.get(source, source), *cells, events(some.total(table.periods)[0])))
    sums = [*(table.total([name]) for name in table.periods), table.total(table.periods)]
    strong = [len(rows)]
    rows.append(("sum", *(events(middle) for middle, _, _ in sums)))
    rows.append(("68 % interval", *(between(low, high) for _, low, high in sums)))
    if observed is not None:
        counts = [observed.get(name, 0) for name in table.periods]
        strong.append(len(rows))
        rows.append(("observed", *map(count, counts), count(sum(counts))))
    caption = "Expected background events in the signal box (medians)"
    return PageTable(caption, ("source", *table.periods, "sum"), tuple(rows), strong=tuple(strong))


def origin_table(folder: LimitsFolder) -> PageTable:
    """Return where each number of the background comes from."""
    rows: list[tuple[Cell, ...]] = []
    for (source, scope), parts in sorted(folder.background.shared().items()):
        number, (down, up) = sum(row.events for row in parts), parts[0].factors
        periods = {row.period for row in parts}
        other = [r for r in folder.compared.rows if r.source == source and r.period in periods]
        rows.append(
            (
                TITLES.get(source, source),
                scope,
                max(parts, key=lambda row: row.events).method,
                events(number),
                between(number * down, number * up),
                events(sum(row.events for row in other)) if other else "–",
            )
        )
    head = ("source", "error common to", "from", "events", "68 % interval", "not counted")
    caption = (
        "Where the numbers come from; not counted are published numbers where measured ones "
        "count, and computed ones where the published do"
    )
    return PageTable(caption, head, tuple(rows), texts=3)


def fit_table(scope: str, fit: Mapping[str, Any]) -> PageTable:
    """Return the functions that were fitted to a sideband C."""
    rows = [
        (
            one["family"].replace("_", " "),
            f"{one['weight']:.0%}" if one["weight"] else "not used",
            events(np.exp(one["ln_b"])),
            between(*np.exp([one["ln_b"] - one["down"], one["ln_b"] + one["up"]])),
        )
        for one in fit["fits"]
    ]
    low, high = fit["fit_range_GeV"]
    caption = (
        f"Sideband C of {scope}: {fit['n_events']} events from {low:g} to {high:g} GeV; "
        f"goodness of fit p = {fit['goodness_of_fit']:.2f}"
    )
    return PageTable(caption, ("function", "weight", "in the box", "68 % interval"), tuple(rows))
