"""Limits of a model on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from na64ana.stats.model import CountingModel, EventLimit


def print_limits(
    model: CountingModel, limits: Sequence[EventLimit], notes: Sequence[str], console: Console
) -> None:
    """Print limits on signal events and on mu, a row per method."""
    level = f"{100 * limits[0].confidence_level:g} % CL"
    table = Table(
        title=f"Signal events excluded at {level}; times {1 / model.signal:.4g} for mu",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("method")
    for name in ("observed", "-2", "-1", "median", "+1", "+2 sigma"):
        table.add_column(name, justify="right")
    for one in limits:
        error = "" if one.error is None else f" +- {one.error:.1g}"
        observed = "closed" if one.observed is None else f"{one.observed:.3f}{error}"
        expected = ["-"] * 5 if one.expected is None else [f"{x:.2f}" for x in one.expected]
        table.add_row(one.method, observed, *expected)
    console.print(table)
    if limits[0].n_toys is not None:
        text = f"  {limits[0].n_toys:,} toys of either kind, seed {limits[0].seed}"
        console.print(text, style="dim")
    for note in notes:
        console.print(f"  {note}", style="dim")
