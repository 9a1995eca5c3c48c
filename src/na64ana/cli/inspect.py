"""`na64ana inspect`: what a file of events holds."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from na64ana.cli.json_output import json_option, print_json
from na64ana.cli.options import config_option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from na64ana.io.inspection import Inspection


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "map_name",
    help="Branch map of a tree of the collaboration: a shipped name or a YAML file.",
)
@json_option
@config_option
def inspect(*, file: Path, map_name: str | None, as_json: bool, config_path: Path | None) -> None:
    """Tell what a file of events holds.

    Which format or branch map fits it, what is missing, entries and periods, the range of each
    branch, and a few events, in GeV, ns and rad. Energies that are NaN, infinite or far below zero,
    events that stand there twice, and missing events are reported at the end, with exit code 1.

    \b
    Examples:
      na64ana inspect events_V.root
      na64ana inspect run6100.root --map na64_2022
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.errors import DataError  # noqa: PLC0415
    from na64ana.io.inspection import inspect_file  # noqa: PLC0415
    from na64ana.io.maps import find_map  # noqa: PLC0415

    found = inspect_file(
        file, load_config(config_path), None if map_name is None else find_map(map_name)
    )
    if as_json:
        print_json(found)
    else:
        _print(found, Console())
    if found.problems:
        msg = f"{file}: {'; '.join(found.problems)}"
        raise DataError(msg)


def _print(found: "Inspection", console: "Console") -> None:
    for line in _facts(found):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_ranges(found))
    if found.entries:
        console.print(_first_events(found))


def _facts(found: "Inspection") -> list[str]:
    size = f"{found.size / 1e6:.3g} MB"
    lines = [
        f"{found.path}: {found.container}, {found.entries} events, {size}",
        f"layout: {found.layout}",
    ]
    if found.missing:
        lines.append(f"missing: {', '.join(found.missing)}")
    lines += [f"does not fit the map: {line}" for line in found.unfit]
    if found.periods:
        periods = ", ".join(
            f"{count} in {'no period' if name == 'none' else 'period ' + name}"
            for name, count in found.periods.items()
        )
        lines.append(f"runs: {found.runs[0]} to {found.runs[1]}; {periods}")
    if found.metadata is not None:
        origin = (
            f"simulated, seed {found.metadata.seed}" if found.metadata.simulated else "measured"
        )
        lines.append(f"stands for {found.metadata.eot:.4g} EOT; {origin}")
        if found.metadata.prescale:
            factors = ", ".join(f"{name} {n}" for name, n in found.metadata.prescale.items())
            lines.append(f"prescaled: {factors}")
    return lines


def _ranges(found: "Inspection") -> "Table":
    from rich.table import Table  # noqa: PLC0415

    table = Table(title="Branches", title_justify="left", title_style="bold")
    for name in ("branch", "type", "unit"):
        table.add_column(name, overflow="fold")
    for name in ("least", "mean", "largest", "NaN"):
        table.add_column(name, justify="right")
    for branch in found.branches:
        length = f"[{branch.shape[0]}]" if branch.shape else ""
        filled = found.entries and branch.low <= branch.high
        numbers = (
            [f"{x:.4g}" for x in (branch.low, branch.mean, branch.high)] if filled else ["-"] * 3
        )
        bad = str(branch.n_nan) if branch.n_nan else ""
        table.add_row(branch.name, branch.dtype + length, branch.unit, *numbers, bad)
    return table


def _first_events(found: "Inspection") -> "Table":
    from rich.table import Table  # noqa: PLC0415

    n = len(found.branches[0].first)
    table = Table(title="First events", title_justify="left", title_style="bold")
    table.add_column("branch", overflow="fold")
    for i in range(n):
        table.add_column(f"entry {i}", justify="right")
    for branch in found.branches:
        table.add_row(branch.name, *(_short(value, branch.unit) for value in branch.first))
    return table


def _short(value: object, unit: str) -> str:
    """Return a number, a short list, or the sum of many cells (of times, their mean)."""
    import numpy as np  # noqa: PLC0415

    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array[()]:.5g}" if array.dtype.kind == "f" else str(array[()])
    if array.size <= 4:
        return " ".join(f"{x:.3g}" for x in array)
    filled = array[array != 0]
    if unit == "ns" and filled.size:
        return f"{filled.size} filled, mean {filled.mean():.3g}"
    return f"{filled.size} filled, sum {array.sum():.4g}"
