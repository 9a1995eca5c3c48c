"""Limits of a model on the terminal."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from na64ana.stats.model import CountingModel, EventLimit
from na64ana.workflow.optimise import Optimised


def print_limits(
    model: CountingModel,
    rows: Sequence[tuple[EventLimit, float]],
    notes: Sequence[str],
    console: Console,
) -> None:
    """Print limits on signal events, with CLs there, a row per method."""
    first, _ = rows[0]
    level = f"{100 * first.confidence_level:g} % CL"
    table = Table(
        title=f"Signal events excluded at {level}; times {1 / model.signal:.4g} for mu",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("method")
    for name in ("observed", "CLs", "-2", "-1", "median", "+1", "+2"):
        table.add_column(name, justify="right")
    for one, cls in rows:
        error = "" if one.error is None else f" ± {one.error:.1g}"
        observed = "closed" if one.observed is None else f"{one.observed:.3f}{error}"
        expected = ["-"] * 5 if one.expected is None else [f"{x:.2f}" for x in one.expected]
        table.add_row(one.method, observed, f"{cls:.3f}", *expected)
    console.print(table)
    if first.n_toys is not None:
        text = f"  {first.n_toys:,} toys of either kind, seed {first.seed}"
        console.print(text, style="dim")
    text = "  CLs is that of the data at the limit; expected limits at -2 to +2 standard deviations"
    console.print(text, style="dim")
    for note in notes:
        console.print(f"  {note}", style="dim")


def print_scans(found: Optimised, console: Console) -> None:
    """Print the best cut of each period, those that are as good, and what the present one costs."""
    table = Table(
        title=f"Upper edge of the box by the mean expected limit, {1e3 * found.mass:g} MeV",
        title_justify="left",
        title_style="bold",
    )
    for name in (
        "period",
        "best [GeV]",
        "within 1 %",
        "background there",
        "present",
        "epsilon / best",
    ):
        table.add_column(name, justify="right")
    for name, scan in found.scans.items():
        best, present = int(np.argmin(scan.limits)), found.boxes[name]
        now = float(np.interp(present, scan.cuts, scan.limits))
        low, high = scan.flat
        table.add_row(
            name,
            f"{scan.best:g}",
            f"{low:g} to {high:g}",
            f"{scan.background[best]:.2g}",
            f"{present:g}",
            f"{np.sqrt(now / scan.limits[best]):.3f}",
        )
    console.print(table)
    text = (
        "cuts within 1 % of the best in mu are as good; a best one at the present edge may be above"
    )
    console.print(f"  {text}", style="dim")
