"""`na64ana limits`: all steps, from event files or published numbers to the limit."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from na64ana.cli.json_output import json_option, limits_content, print_json
from na64ana.cli.options import (
    config_option,
    events_option,
    overwrite_option,
    period_option,
    seed_option,
    workers_option,
)

if TYPE_CHECKING:
    from na64ana.workflow.limits import LimitsResult


@click.command()
@click.option(
    "--published",
    is_flag=True,
    help="Start from the published backgrounds, efficiencies and counts; no event files.",
)
@events_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    help="Folder for the results.",
)
@click.option("--unblind", is_flag=True, help="Open the signal box of measured events.")
@click.option(
    "--processor",
    type=click.Path(path_type=Path),
    help="A processor file instead of the shipped invisible.py; its code is executed.",
)
@json_option
@period_option
@workers_option
@seed_option
@config_option
@overwrite_option
def limits(  # noqa: PLR0913 - an argument per option
    *,
    published: bool,
    event_files: tuple[tuple[str, str], ...],
    output: Path,
    unblind: bool,
    processor: Path | None,
    as_json: bool,
    periods: tuple[str, ...],
    workers: int,
    seed: int,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Compute the combined limit on epsilon, with all steps before.

    Without arguments, five small event files are simulated into a cache folder
    ($NA64ANA_CACHE, by default the user's), the cuts are applied, sideband C is extrapolated into
    the signal box, and all periods are combined. Written: limits.csv, limit.png, combinations.csv
    (limits of some of the periods), parameters.csv and .png (pulls and impacts), background.csv,
    yields.csv and signal.csv, workspace.json and patchset.json (pyhf), hs3.json, plane.png,
    efficiency.png, the fits of sideband C and their numbers, the tallies with the box closed
    (selection.zip), limits.json and manifest.json; figures as PDF, too. 'na64ana report' makes a
    page of all that, 'na64ana interpret' what it means for models.

    \b
    Examples:
      na64ana limits --output first-look
      na64ana limits --published --output published
      na64ana limits --events V=run2022.root --unblind
      na64ana limits --published --period IV --period V --output new-runs
    """  # noqa: D301 - click wants the character behind \\b
    if published and (event_files or unblind):
        msg = "--published starts without events; leave --events and --unblind away"
        raise click.UsageError(msg)

    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.tables import print_result  # noqa: PLC0415

    result, names = run_limits(
        output,
        published=published,
        event_files=event_files,
        unblind=unblind,
        processor=processor,
        periods=periods,
        workers=workers,
        seed=seed,
        config_path=config_path,
        overwrite=overwrite,
    )
    if as_json:
        print_json(limits_content(result, output, names))
        return
    print_result(result, Console())
    click.echo(f"written to {output.resolve()}: {', '.join(names)}")


def run_limits(  # noqa: PLR0913 - what the command asks
    output: Path,
    *,
    published: bool,
    event_files: tuple[tuple[str, str], ...],
    periods: tuple[str, ...],
    workers: int,
    seed: int,
    config_path: Path | None,
    unblind: bool = False,
    processor: Path | None = None,
    overwrite: bool = False,
) -> tuple["LimitsResult", tuple[str, ...]]:
    """Compute limits and write them into a folder; return them and the names of the files."""
    from na64ana.cli.progress import TerminalProgress  # noqa: PLC0415
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.io.atomic import atomic_files  # noqa: PLC0415
    from na64ana.processing.processors import load_processor  # noqa: PLC0415
    from na64ana.workflow.events import files_or_simulated  # noqa: PLC0415
    from na64ana.workflow.limits import limits_from_events, limits_from_published  # noqa: PLC0415
    from na64ana.workflow.limits_files import earlier_files, output_names  # noqa: PLC0415
    from na64ana.workflow.outputs import write_outputs  # noqa: PLC0415
    from na64ana.workflow.selection import Settings  # noqa: PLC0415

    config = load_config(config_path)
    if periods:
        config = config.only(periods)
    inputs = {
        "published": published,
        "unblind": unblind,
        "seed": seed,
        "periods": list(config.periods),
        "config": None if config_path is None else str(config_path),
    }
    obsolete: set[str] = set()
    with (
        atomic_files(
            output, output_names(published=published), overwrite=overwrite, obsolete=obsolete
        ) as staging,
        TerminalProgress() as progress,
    ):
        if published:
            result = limits_from_published(config, progress=progress)
        else:
            if processor is not None:  # a mistake in it shows before anything long begins
                load_processor(processor, config, blinded=True)
            paths = files_or_simulated(config, event_files, seed=seed, progress=progress)
            result = limits_from_events(
                config,
                paths,
                unblind=unblind,
                processor=processor,
                settings=Settings(workers=workers),
                progress=progress,
            )
        progress("drawing figures", 0, 1)
        names = write_outputs(result, staging, inputs=inputs)
        obsolete |= earlier_files(output) - set(names)
        progress("drawing figures", 1, 1)
    return result, names
