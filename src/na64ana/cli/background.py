"""`na64ana background`: the background of a stored result, and the opening of the box."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option
from na64ana.cli.options import EnergyType, config_option, overwrite_option

_FAMILIES = (
    *("stretched_exponential", "two_exponentials", "exponential_polynomial"),
    *("power_law", "exponential"),
)


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for tables, figures and manifest; by default that of the result.",
)
@click.option(
    "--control",
    type=click.Path(path_type=Path),
    help="A result of upstream interactions, tagged or simulated: sideband C takes its shape.",
)
@click.option(
    "--fit-range",
    type=(EnergyType(), EnergyType()),
    help='Where sideband C is fitted, for example "52 GeV" "80 GeV".',
)
@click.option(
    "--likelihood", type=click.Choice(["binned", "unbinned"]), help="By default as configured."
)
@click.option(
    "--fit",
    "together",
    type=click.Choice(["group", "period"]),
    help="Which periods are fitted together; by default as configured.",
)
@click.option(
    "--family",
    "families",
    type=click.Choice(_FAMILIES),
    multiple=True,
    help="Only this function; repeat for more.",
)
@click.option(
    "--unblind",
    type=click.Path(path_type=Path),
    metavar="OPENED",
    help="Open the box: the result of 'na64ana process --unblind' on the same files.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "latex", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the background is printed.",
)
@json_option
@config_option
@overwrite_option
def background(  # noqa: PLR0913 - an argument per option
    *,
    result: Path,
    output: Path | None,
    control: Path | None,
    fit_range: tuple[float, float] | None,
    likelihood: str | None,
    together: str | None,
    families: tuple[str, ...],
    unblind: Path | None,
    form: str,
    as_json: bool,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Estimate the background in the signal box from sidebands.

    RESULT is the folder of a blinded 'na64ana process', with invisible.zip, and muon pairs and
    templates beside it. Sideband C is extrapolated into the box, sideband A gives the
    punch-through, muon pairs and single muons the dimuon losses; what the data do not tell is
    published. Written: background.csv, .tex and .json,
    a figure of each fit and of the plane, and a line in history.jsonl. With --unblind the names
    begin with background_opened, and the manifest says when the box was opened, and whether the
    same estimate was on record before.

    \b
    Examples:
      na64ana process --output results
      na64ana background results
      na64ana process --unblind --output opened
      na64ana background results --unblind opened
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.background_tables import print_stored  # noqa: PLC0415
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.workflow.background_files import (  # noqa: PLC0415
        background_csv,
        background_json,
        background_latex,
        write_background,
    )
    from na64ana.workflow.stored_background import change, load_background  # noqa: PLC0415

    options = {
        "sideband_c_min": fit_range[0] if fit_range else None,
        "sideband_c_max": fit_range[1] if fit_range else None,
        "likelihood": likelihood,
        "fit": together,
        "families": families or None,
    }
    config = change(load_config(config_path), options)
    folder = output or (result if result.is_dir() else result.parent)
    found = load_background(config, result, folder, control=control, opened=unblind)
    inputs = {
        "result": str(result),
        "control": None if control is None else str(control),
        "opened": None if unblind is None else str(unblind),
        "options": {name: value for name, value in options.items() if value is not None},
        "config": None if config_path is None else str(config_path),
    }
    names = write_background(found, folder, inputs=inputs, overwrite=overwrite)
    observed = None if found.opening is None else found.opening.observed
    form = "json" if as_json else form
    if form == "table":
        print_stored(found, Console())
    elif form == "csv":
        click.echo(background_csv(found.estimate.table, found.estimate.compared), nl=False)
    elif form == "latex":
        click.echo(background_latex(found.estimate, observed), nl=False)
    else:
        click.echo(background_json(found, inputs), nl=False)
    click.echo(f"written to {folder.resolve()}: {', '.join(names)}", err=True)
