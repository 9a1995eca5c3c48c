"""`na64ana optimize`: the ECAL energy cut by the mean expected limit."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option, optimise_content, print_json
from na64ana.cli.options import EnergyType, config_option, overwrite_option


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--mass",
    type=EnergyType(),
    default="20 MeV",
    show_default=True,
    help="Of the dark photon.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for optimise.csv and optimise.png; by default that of the result.",
)
@json_option
@config_option
@overwrite_option
def optimize(
    *,
    result: Path,
    mass: float,
    output: Path | None,
    as_json: bool,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Find the best ECAL energy cut of each period.

    From a blinded result of 'na64ana process': the mean limit that data without a signal are
    expected to give, as the letter's 'average expected bound', against the upper edge of the box,
    from the present one downwards. Cuts within 1 % of the best are as good: the range is printed.

    \b
    Example:
      na64ana optimize results --mass "20 MeV"
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.statistics_tables import print_scans  # noqa: PLC0415
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.workflow.optimise import optimise, write_optimised  # noqa: PLC0415
    from na64ana.workflow.stored_background import load_background  # noqa: PLC0415

    folder = output or (result if result.is_dir() else result.parent)
    found = optimise(load_background(load_config(config_path), result, folder), mass)
    names = write_optimised(found, folder, overwrite=overwrite)
    if as_json:
        print_json(optimise_content(found))
    else:
        print_scans(found, Console())
    click.echo(f"written to {folder.resolve()}: {', '.join(names)}", err=True)
