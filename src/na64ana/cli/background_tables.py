"""The background table on the terminal."""

from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

from na64ana.background.estimate import BackgroundEstimate
from na64ana.background.extrapolation import Extrapolation
from na64ana.background.table import BackgroundRow, BackgroundTable
from na64ana.workflow.presentation import SMALL
from na64ana.workflow.stored_background import StoredBackground


def print_background(
    table: BackgroundTable,
    console: Console,
    *,
    estimate: BackgroundEstimate | None = None,
    observed: Mapping[str, int] | None = None,
    state: str = "",
) -> None:
    """Print events by source and period, their sum, and where each number comes from."""
    console.print(_by_period(table, observed, f"Background, events{state}"))
    console.print(_by_origin(table, None if estimate is None else estimate.compared))
    if estimate is not None:
        text = "published numbers where measured ones count, computed where the published do"
        console.print(f"  not counted: {text}", style="dim")
    if len(table.periods) > 1:
        console.print(f"  correlation of the sums of periods: {_correlation(table)}", style="dim")


def print_stored(found: StoredBackground, console: Console) -> None:
    """Print the background of a stored result, with its fits, and what there is to know."""
    print_fits(found.estimate, console)
    observed = None if found.opening is None else found.opening.observed
    print_background(
        found.estimate.table,
        console,
        estimate=found.estimate,
        observed=observed,
        state=f"; {found.state}",
    )
    for note in found.notes:
        console.print(f"  {note}", style="dim")
    if found.opened_before is not None:
        console.print(
            f"  NOT BLIND: the box was opened here on {found.opened_before}, before this estimate "
            "was on record",
            style="bold",
        )
    if found.opening is not None and found.opening.recorded_before is not None:
        console.print(
            f"  the same estimate was on record on {found.opening.recorded_before}, with the box "
            "closed",
            style="dim",
        )
    elif found.opening is not None:
        console.print(
            "  this estimate was not on record before the box was opened; run 'na64ana background' "
            "with the box closed first",
            style="bold",
        )


def print_fits(estimate: BackgroundEstimate, console: Console) -> None:
    """Print the fits of sideband C: each family, and what the errors are made of."""
    for scope, fit in estimate.upstream.extrapolations.items():
        console.print(_fit(scope, fit, estimate.upstream.goodness[scope]))


def _by_period(table: BackgroundTable, observed: Mapping[str, int] | None, title: str) -> Table:
    drawn = Table(title=title, title_justify="left", title_style="bold")
    drawn.add_column("source", no_wrap=True)
    for name in table.periods:
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("sum", justify="right", no_wrap=True)
    for source in dict.fromkeys(row.source for row in table.rows):
        some = BackgroundTable(tuple(row for row in table.rows if row.source == source))
        cells = [_events(some.total([name])[0]) if some.of(name) else "-" for name in table.periods]
        drawn.add_row(source, *cells, _events(some.total(table.periods)[0]))
    drawn.add_section()
    sums = {name: table.total([name]) for name in table.periods}
    everything = [*sums.values(), table.total(table.periods)]
    drawn.add_row("sum", *(_events(one[0]) for one in everything), style="bold")
    for place, name in ((2, "1 sigma up"), (1, "1 sigma down")):
        drawn.add_row(name, *(_events(one[place]) for one in everything))
    if observed is not None:
        counts = [str(observed.get(name, 0)) for name in table.periods]
        drawn.add_row("observed", *counts, str(sum(observed.values())), style="bold")
    return drawn


def _by_origin(table: BackgroundTable, compared: BackgroundTable | None) -> Table:
    """Return a row per source and per periods that share its error."""
    drawn = Table(title="Where the numbers come from", title_justify="left", title_style="bold")
    drawn.add_column("source", no_wrap=True)
    drawn.add_column("error of")
    drawn.add_column("events (1 sigma)", no_wrap=True)
    drawn.add_column("from", no_wrap=True)
    if compared is not None:
        drawn.add_column("not counted", justify="right")
    for (source, scope), rows in sorted(table.shared().items()):
        events, (down, up) = sum(row.events for row in rows), rows[0].factors
        names = [row.period for row in rows]
        cells = [
            source,
            scope,
            _with_interval(events, events * down, events * up, _limit(rows)),
            max(rows, key=lambda row: row.events).method.split(",")[0],
        ]
        if compared is not None:
            cells.append(_other(compared, source, names))
        drawn.add_row(*cells)
    return drawn


def _limit(rows: tuple[BackgroundRow, ...]) -> float | None:
    """Return the upper limit of the sum of rows; that of a part says nothing of the whole."""
    limits = [row.estimate.upper_limit for row in rows]
    return None if None in limits else sum(limit for limit in limits if limit is not None)


def _other(compared: BackgroundTable, source: str, periods: list[str]) -> str:
    rows = [row for row in compared.rows if row.source == source and row.period in periods]
    if not rows:
        return ""
    return _events(sum(row.events for row in rows))


def _fit(scope: str, fit: Extrapolation, p_value: float) -> Table:
    ends = "{:g} to {:g} GeV".format(*fit.fit_range)
    title = f"Sideband C, {scope}: {fit.n_events} events from {ends}; goodness of fit {p_value:.2f}"
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for name in ("family", "weight", "ln b", "in the box (1 sigma)"):
        drawn.add_column(name, justify="left" if name == "family" else "right")
    for one in fit.fits:
        drawn.add_row(
            one.family.replace("_", " "),
            f"{one.weight:.0%}" if one.weight else "not used",
            f"{one.ln_b:.2f} -{one.down:.2f} +{one.up:.2f}",
            _with_interval(*np.exp([one.ln_b, one.ln_b - one.down, one.ln_b + one.up])),
        )
    drawn.add_section()
    for name in ("statistical", "families", "window"):
        down, up = getattr(fit, name)
        drawn.add_row(f"error, {name}", "", f"-{down:.2f} +{up:.2f}", "")
    down, up = fit.errors
    drawn.add_row(
        "average",
        "",
        f"{fit.ln_b:.2f} -{down:.2f} +{up:.2f}",
        _with_interval(*(fit.events * factor for factor in (1.0, *fit.factors))),
        style="bold",
    )
    return drawn


def _with_interval(events: float, low: float, high: float, limit: float | None = None) -> str:
    if limit is not None:
        return f"{_events(events)} (90 %: <{limit:.1g})"
    if events < SMALL:
        return f"{_events(events)} (<{high:.1g})"
    return f"{_events(events)} ({_interval(low, high)})"


def _events(number: float) -> str:
    return f"<{SMALL:g}" if number < SMALL else f"{number:.2g}"


def _interval(low: float, high: float) -> str:
    return f"{low:.2g}-{high:.2g}"


def _correlation(table: BackgroundTable) -> str:
    names, matrix = table.periods, table.correlation()
    pairs = [
        f"{names[i]}-{names[j]} {matrix[i, j]:.2f}"
        for i in range(len(names))
        for j in range(i)
        if abs(matrix[i, j]) >= 0.05
    ]
    return ", ".join(pairs) + ("; others below 0.05" if pairs else "all below 0.05")
