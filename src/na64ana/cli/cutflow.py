"""`na64ana cutflow`: the cut flow of a stored result, and N-1 figures."""

from dataclasses import replace
from pathlib import Path

import click

from na64ana.cli.json_output import json_option
from na64ana.cli.options import overwrite_option


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "latex", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the cut flow is printed.",
)
@click.option("--period", "periods", multiple=True, help="Only this period; repeat for more.")
@click.option("--classes", is_flag=True, help="A table per class of simulated events.")
@click.option("--sources", is_flag=True, help="Also say what each cut asks, why, and after whom.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path),
    help="Folder for the N-1 figures, a page per period, each with its numbers as CSV.",
)
@json_option
@overwrite_option
def cutflow(
    *,
    result: Path,
    form: str,
    periods: tuple[str, ...],
    classes: bool,
    sources: bool,
    figures: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Show what each cut keeps, from a result of 'na64ana process'.

    RESULT is a zip file, or the folder with invisible.zip. 'relative' is the share of the row
    before, 'absolute' that of the first; 'only' are the events that this cut alone removes. While
    the box is closed, 'only' and the N-1 figures do not ask missing_energy, as with it no event
    would be left.

    \b
    Examples:
      na64ana cutflow results
      na64ana cutflow results/dimuon.zip --format latex --period V
      na64ana cutflow results --figures n-minus-1
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.tables import (  # noqa: PLC0415
        print_classes,
        print_cut_flows,
        print_cuts,
        print_not_a_number,
    )
    from na64ana.errors import ConfigError  # noqa: PLC0415
    from na64ana.io.atomic import atomic_files  # noqa: PLC0415
    from na64ana.tally.cut_flow import to_csv, to_json, to_latex  # noqa: PLC0415
    from na64ana.workflow.results import read_result  # noqa: PLC0415

    found = read_result(result)
    flows = found.cut_flows
    if unknown := [name for name in periods if name not in flows]:
        msg = f"{found.path}: has no period {unknown[0]!r}; it has {', '.join(flows)}"
        raise ConfigError(msg)
    chosen = {name: one for name, one in found.tallies.items() if not periods or name in periods}
    found = replace(found, tallies=chosen)
    flows = found.cut_flows
    console = Console()
    print_not_a_number(found.tallies, Console(stderr=True))
    form = "json" if as_json else form
    if form != "table":
        click.echo({"latex": to_latex, "csv": to_csv, "json": to_json}[form](flows), nl=False)
    elif classes:
        print_classes(flows, console)
    else:
        print_cut_flows(flows, console, blinded=found.about["blinded"])
    if sources:
        print_cuts(found.about["cuts"], console if form == "table" else Console(stderr=True))
    if figures is not None:
        from na64ana.workflow.figures import draw_n_minus_1, n_minus_1_names  # noqa: PLC0415

        names = n_minus_1_names(found)
        with atomic_files(figures, names, overwrite=overwrite) as staging:
            draw_n_minus_1(found, staging)
        click.echo(f"written to {figures.resolve()}: {', '.join(names)}", err=True)
