"""`na64ana datasets`: what the files of a configuration are."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option, print_json
from na64ana.cli.options import config_option, events_option, period_option


@click.group()
def datasets() -> None:
    """Look after the event files of a configuration.

    \b
    Example:
      na64ana datasets check --config mine.yaml
    """  # noqa: D301 - click wants the character behind \\b


@datasets.command()
@events_option
@period_option
@click.option("--forget", is_flag=True, help="No longer miss files that have vanished.")
@json_option
@config_option
def check(
    *,
    event_files: tuple[tuple[str, str], ...],
    periods: tuple[str, ...],
    forget: bool,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Open every file, or look whether it is still the one in the catalogue.

    Files are opened in parallel: all of a file must be there, and the branches of the event format
    with their types. What is found stays in a catalogue in the cache folder; a file that has not
    changed is not opened again, neither here nor by 'process'. Exit code 3 if a file has
    vanished, cannot be read, or electrons on target are missing.

    \b
    Examples:
      na64ana datasets check --config mine.yaml
      na64ana datasets check --events "V=root://eos.example//eos/na64/2022/*.root" --json
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.progress import TerminalProgress  # noqa: PLC0415
    from na64ana.cli.tables import print_datasets  # noqa: PLC0415
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.errors import DataError  # noqa: PLC0415
    from na64ana.workflow.datasets import check_datasets, forget_lists  # noqa: PLC0415
    from na64ana.workflow.events import given_files  # noqa: PLC0415

    config = load_config(config_path)
    if periods:
        config = config.only(periods)
    if forget:
        forget_lists(config)
    paths = given_files(config, event_files)
    if not paths:
        msg = "there are no event files; list some under periods.NAME.files, or by --events"
        raise DataError(msg)
    with TerminalProgress() as progress:
        found = check_datasets(config, paths, progress=progress)
    if as_json:
        print_json(found.files)
    else:
        print_datasets(found, Console())
    found.check()
