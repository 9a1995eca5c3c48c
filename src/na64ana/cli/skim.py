"""`na64ana skim`: small event files of what a selection can need."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option, print_json
from na64ana.cli.options import (
    config_option,
    events_option,
    overwrite_option,
    seed_option,
    workers_option,
)


@click.command()
@events_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("skim"),
    show_default=True,
    help="Folder for the files, which keep their names.",
)
@json_option
@workers_option
@seed_option
@config_option
@overwrite_option
def skim(
    *,
    event_files: tuple[tuple[str, str], ...],
    output: Path,
    as_json: bool,
    workers: int,
    seed: int,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Write small event files with all that a selection can need.

    A first pass over scalars keeps events of the beam trigger, and those that fail at most one
    cut; cuts on shapes, on HCAL energy and on missing energy are not asked. Only of what is kept
    the cells are read. 'process' and 'limits' find in the skim what they find in all events: cuts
    may be tightened there, to loosen one skim again. What is counted before the trigger, and
    rows of the cut flow in between, are of the skim.

    \b
    Example:
      na64ana skim --events V=run2022.root
      na64ana limits --events V=skim/run2022.root
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.progress import TerminalProgress  # noqa: PLC0415
    from na64ana.cli.tables import print_skimmed  # noqa: PLC0415
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.workflow.events import files_or_simulated  # noqa: PLC0415
    from na64ana.workflow.selection import Settings  # noqa: PLC0415
    from na64ana.workflow.skim import skim as write_skim  # noqa: PLC0415

    config = load_config(config_path)
    with TerminalProgress() as progress:
        paths = files_or_simulated(config, event_files, seed=seed, progress=progress)
        settings = Settings(workers=workers)
        found = write_skim(
            config, paths, output, settings=settings, overwrite=overwrite, progress=progress
        )
    if as_json:
        print_json(found)
    else:
        print_skimmed(found, Console())
