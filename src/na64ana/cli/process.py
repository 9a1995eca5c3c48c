"""`na64ana process`: from event files to tallies."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option, print_json, process_content
from na64ana.cli.options import (
    config_option,
    events_option,
    overwrite_option,
    seed_option,
)
from na64ana.cli.running import Running, open_settings, running_options


@click.command()
@events_option
@click.option(
    "--processor",
    default="invisible",
    show_default=True,
    help="invisible, dimuon, calibration, or a file of yours; its code is executed.",
)
@click.option(
    "--calibration",
    "calibration_folder",
    type=click.Path(path_type=Path),
    help="Folder of an earlier run whose shower templates are used; else the files are calibrated.",
)
@click.option("--unblind", is_flag=True, help="Open the signal box.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the results.",
)
@click.option("--dry-run", is_flag=True, help="Show the job script of --site, and start nothing.")
@json_option
@running_options
@seed_option
@config_option
@overwrite_option
def process(  # noqa: PLR0913 - an argument per option
    *,
    event_files: tuple[tuple[str, str], ...],
    processor: str,
    calibration_folder: Path | None,
    unblind: bool,
    output: Path,
    dry_run: bool,
    as_json: bool,
    running: Running,
    seed: int,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Apply a selection to event files, and keep what it counts.

    First the files are calibrated: electrons of the beam and muon pairs give the mean shower, and
    with it efficiencies. Then the processor runs with these templates. Written: templates.npz,
    calibration.csv and a zip file per processor with cut flow, N-1 histograms, planes, regions and
    survivors (histograms in the UHI format, survivors in Parquet), run.json with how each file was
    read, and a line in history.jsonl. An interrupted run goes on where it was; if a file cannot be
    read, all others are, and exit code 3 and a line say what is missing.

    \b
    Examples:
      na64ana process --events V=run2022.root --workers 4
      na64ana process --processor mine.py --calibration results --output mine
      na64ana process --site lxplus --dry-run
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.progress import TerminalProgress  # noqa: PLC0415
    from na64ana.cli.tables import (  # noqa: PLC0415
        print_cut_flows,
        print_efficiencies,
        print_missing,
        print_not_a_number,
        print_skims,
    )
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.processing.processors import load_processor  # noqa: PLC0415
    from na64ana.workflow.events import files_or_simulated  # noqa: PLC0415
    from na64ana.workflow.process import find_processor, run_process  # noqa: PLC0415
    from na64ana.workflow.results import read_templates  # noqa: PLC0415

    config = load_config(config_path)
    inputs = {
        "unblind": unblind,
        "seed": seed,
        "config": None if config_path is None else str(config_path),
    }
    if dry_run:
        from na64ana.processing.sites import job_script  # noqa: PLC0415

        if running.site is None:
            msg = "--dry-run shows the job script of a --site"
            raise click.UsageError(msg)
        click.echo(job_script(config.site(running.site)))
        return
    # a mistake in it shows before anything long begins
    load_processor(find_processor(processor), config, blinded=True)
    templates = None if calibration_folder is None else read_templates(calibration_folder)
    with (
        TerminalProgress() as progress,
        open_settings(config, running, progress.note) as settings,
    ):
        paths = files_or_simulated(config, event_files, seed=seed, progress=progress)
        found = run_process(
            config,
            paths,
            processor,
            output,
            blinded=not unblind,
            templates=templates,
            settings=settings,
            overwrite=overwrite,
            inputs=inputs,
            progress=progress,
        )
    if as_json:
        print_json(process_content(found, output))
        return
    console = Console()
    if found.calibrated is not None:
        print_efficiencies(found.calibrated.calibrations, console)
    tallies = found.selected.run.tallies
    flows = {name: one.cut_flow for name, one in tallies.items() if "cut_flow" in one.histograms}
    if flows:
        print_cut_flows(flows, console, blinded=found.selected.blinded)
        print_skims(found.selected.run, console)
    print_not_a_number(tallies, console)
    print_missing(found.selected.run, console)
    click.echo(f"written to {output.resolve()}: {', '.join(found.names)}")
