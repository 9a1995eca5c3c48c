"""Calibrate and select event files, and write what was found."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from na64ana.config import Config
from na64ana.cuts.selection import Templates
from na64ana.errors import ConfigError, DiskFullError
from na64ana.io.atomic import atomic_files
from na64ana.io.cache import cache_folder
from na64ana.processing.processors import processor_path
from na64ana.workflow.datasets import catalogue_path, check_datasets, check_vanished
from na64ana.workflow.events import Paths
from na64ana.workflow.progress import Progress, report_events, silent
from na64ana.workflow.results import (
    CALIBRATION,
    RUN_SUMMARY,
    TEMPLATES,
    append_history,
    write_calibration,
    write_run_summary,
    write_selected,
    write_templates,
)
from na64ana.workflow.selection import Calibrated, Selected, Settings, calibrate, select

#: Processors that a calibration runs.
SAMPLES = ("calibration", "dimuon")


@dataclass(frozen=True)
class Processed:
    """What `run_process` found, and the names of the files that it wrote.

    `calibrated` is None if templates were given.
    """

    selected: Selected
    calibrated: Calibrated | None
    names: tuple[str, ...]


def find_processor(processor: str) -> Path:
    """Return the file of a shipped processor, or of one given as a path that ends in .py."""
    return Path(processor) if processor.endswith(".py") else processor_path(processor)


def run_process(  # noqa: PLR0913 - what a command asks
    config: Config,
    paths: Paths,
    processor: str,
    folder: Path,
    *,
    blinded: bool = True,
    templates: Templates | None = None,
    settings: Settings | None = None,
    overwrite: bool = False,
    inputs: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Processed:
    """Run a processor over event files, after a calibration, and write the results into a folder.

    Tallies of chunks are kept in the cache folder until everything is written, so that an
    interrupted run goes on where it was.

    Parameters
    ----------
    config : Config
    paths : dict of str to tuple of Path
        Event files by period.
    processor : str
        A shipped processor, or the path of a file.
    folder : Path
    blinded : bool
        Whether the signal box stays closed.
    templates : mapping of str to ShowerTemplate, or None
        Of an earlier calibration; None calibrates the files.
    settings : Settings or None
        Without a folder for checkpoints, that in the cache folder is used.
    overwrite : bool
        Whether results of an earlier run may be replaced.
    inputs : mapping or None
        What the user asked for; goes into the results.
    progress : Progress

    Raises
    ------
    OutputError
        If results are there already, or the folder cannot be written.
    DiskFullError
        If there is no room for the results; they need not be made again.
    ConfigError, DataError, IncompleteDataError, ProcessorError
        As `calibrate` and `select`.
    """
    source = find_processor(processor)
    names = [f"{source.stem}.zip", RUN_SUMMARY]
    if templates is None:
        names = list(
            dict.fromkeys([TEMPLATES, CALIBRATION, *(f"{name}.zip" for name in SAMPLES), *names])
        )
    _check_name(source, blinded=blinded)
    settings = settings or Settings()
    checkpoints = settings.checkpoints or cache_folder() / "checkpoints"
    settings = replace(settings, checkpoints=checkpoints, catalogue=catalogue_path())
    with _kept(checkpoints), atomic_files(folder, names, overwrite=overwrite) as staging:
        # opens what is new in parallel; vanished files are noticed here
        found = check_datasets(config, paths, progress=progress)
        if not settings.allow_missing:
            check_vanished(found)
        calibrated = None
        if templates is None:
            calibrated = calibrate(config, paths, settings=settings, progress=progress)
            templates = calibrated.templates
            write_templates(calibrated, staging)
            write_calibration(calibrated, staging)
        done = [] if calibrated is None else [calibrated.beam, calibrated.dimuon]
        same = [one for one in done if one.processor == source and one.blinded == blinded]
        selected = (
            same[0]
            if same
            else select(
                config,
                paths,
                source,
                blinded=blinded,
                templates=templates,
                settings=settings,
                report=report_events(progress, "selecting events"),
            )
        )
        for one in dict.fromkeys([*done, selected]):
            write_selected(one, staging, inputs=inputs or {})
        write_run_summary(dict.fromkeys([*done, selected]), staging)
    for one in dict.fromkeys([*done, selected]):
        append_history(one, folder)
    passes = () if calibrated is None else calibrated.first_pass
    _forget(checkpoints, [*passes, *done, selected])
    return Processed(selected, calibrated, tuple(names))


@contextlib.contextmanager
def _kept(checkpoints: Path) -> Iterator[None]:
    """Add to the error of a full disk that tallies were kept."""
    try:
        yield
    except DiskFullError as error:
        msg = f"{error} with --resume: tallies that were made are in {checkpoints}"
        raise DiskFullError(msg) from error


def _check_name(source: Path, *, blinded: bool) -> None:
    shipped = source == processor_path(source.stem)
    if source.stem in SAMPLES and not shipped:
        msg = f"{source}: {source.stem} is the name of a shipped processor; rename the file"
        raise ConfigError(msg)
    if source.stem == "calibration" and not blinded:
        msg = "calibration needs no event of the signal box; leave --unblind away"
        raise ConfigError(msg)


def _forget(checkpoints: Path, results: list[Selected]) -> None:
    """Remove the tallies of chunks that went into results that are written."""
    for one in results:
        shutil.rmtree(checkpoints / one.lineage[:32], ignore_errors=True)
