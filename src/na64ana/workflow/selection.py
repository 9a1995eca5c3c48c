"""From event files to tallies: calibration first, then what its shower template is needed for."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from na64ana.config import Config
from na64ana.config.conditions import row_at
from na64ana.cuts.cut import Cut
from na64ana.cuts.selection import Templates
from na64ana.errors import ConfigError, DataError
from na64ana.io.catalogue import Catalogue
from na64ana.processing.campaign import TRIES, Report, no_report
from na64ana.processing.checkpoints import Checkpoints, selection_lineage, template_digest
from na64ana.processing.pools import MakePool
from na64ana.processing.processors import load_processor, processor_digest, processor_path
from na64ana.processing.run import ProcessedRun, open_files, process
from na64ana.tally.calibration import Calibration, make_template, summarise
from na64ana.workflow.events import Paths
from na64ana.workflow.progress import Progress, report_events, silent

#: What the processors of the control samples look at.
_SAMPLE = {"dimuon": "muon pairs", "calibration": "electrons"}
#: The read-out threshold of a cell stands this many standard deviations over its noise
#: (conditions.threshold_ecal_cell).
THRESHOLD_SIGMAS = 3.0


@dataclass(frozen=True, eq=False)
class Selected:
    """What a processor found, and what it was made of.

    Attributes
    ----------
    processor : Path
        Its file.
    processor_sha256 : str
        Of the file, and of the modules of the user that it imports.
    lineage : str
        sha256 of all that decides the tallies, beside the event files.
    blinded : bool
        Whether the signal box stayed closed.
    run : ProcessedRun
        Tallies, files, electrons on target.
    templates : dict of str to str
        sha256 of the shower template, by period.
    cuts : dict of str to tuple of Cut
        By period; empty if the processor does not tell its cuts.
    """

    processor: Path
    processor_sha256: str
    lineage: str
    blinded: bool
    run: ProcessedRun
    templates: dict[str, str]
    cuts: dict[str, tuple[Cut, ...]]


@dataclass(frozen=True)
class Calibrated:
    """What calibration events and muon pairs tell, by period.

    Attributes
    ----------
    templates : dict of str to ShowerTemplate
        For periods whose energies come from cells.
    beam, dimuon : Selected
        The two control samples, with these templates.
    calibrations : dict of str to Calibration
    first_pass : tuple of Selected
        What the templates were made of.
    """

    templates: Templates
    beam: Selected
    dimuon: Selected
    calibrations: dict[str, Calibration]
    first_pass: tuple[Selected, ...] = ()


@dataclass(frozen=True)
class Settings:
    """How files are processed; none of it changes a result.

    Attributes
    ----------
    workers : int
        Processes of this machine, unless there is `make_pool`.
    chunk_size : int or None
        Events per task; None takes what suits the branches that are read.
    checkpoints : Path or None
        Folder of the tallies of chunks, from which an interrupted run goes on.
    resume : bool
        Whether tallies that are there already count; else they are made again.
    make_pool : callable or None
        Of a site (`na64ana.processing.sites.open_site`).
    allow_missing : bool
        Whether files that cannot be read are left out, with their electrons on target.
    tries : int
        Attempts of a task.
    catalogue : Path or None
        Files in it that have not changed are not opened.
    """

    workers: int = 1
    chunk_size: int | None = None
    checkpoints: Path | None = None
    resume: bool = True
    make_pool: MakePool | None = None
    allow_missing: bool = False
    tries: int = TRIES
    catalogue: Path | None = None


def select(
    config: Config,
    paths: Paths,
    source: Path,
    *,
    blinded: bool,
    templates: Templates | None = None,
    settings: Settings | None = None,
    report: Report = no_report,
) -> Selected:
    """Run a processor over event files.

    Parameters
    ----------
    config : Config
    paths : dict of str to tuple of Path
        Event files by period.
    source : Path
        The processor's file.
    blinded : bool
        Whether the signal box stays closed.
    templates : mapping of str to ShowerTemplate, or None
        From `calibrate`.
    settings : Settings or None
    report : Report
        Told after every task.

    Raises
    ------
    ConfigError, DataError, IncompleteDataError, ProcessorError
        As `load_processor`, `open_files` and `process`.
    """
    settings = settings or Settings()
    _check_templates(config, paths, templates)
    processor = load_processor(source, config, blinded=blinded, templates=templates)
    missing: dict[str, str] | None = {} if settings.allow_missing else None
    known = settings.catalogue
    with nullcontext() if known is None else Catalogue(known) as catalogue:
        files = open_files(paths, config, processor, missing=missing, catalogue=catalogue)
    digest = processor_digest(source)
    identity = selection_lineage(config, tuple(files), digest, blinded=blinded, templates=templates)
    folder = settings.checkpoints
    checkpoints = None if folder is None else Checkpoints(folder, identity)
    if checkpoints is not None and not settings.resume:
        checkpoints.forget()
    run = process(
        files,
        config,
        processor,
        workers=settings.workers,
        chunk_size=settings.chunk_size,
        checkpoints=checkpoints,
        make_pool=settings.make_pool,
        allow_missing=settings.allow_missing,
        tries=settings.tries,
        report=report,
    )
    run = replace(run, missing={**(missing or {}), **run.missing})
    used = {name: template_digest(one) for name, one in (templates or {}).items()}
    tell = getattr(processor, "cuts", None)
    cuts = {} if tell is None else {period: tell(period) for period in files}
    return Selected(source, digest, identity, blinded, run, used, cuts)


def _check_templates(config: Config, paths: Paths, templates: Templates | None) -> None:
    """Stop before anything is read if templates were given, but not for a period that needs one."""
    for period in paths:
        needs = period in config.periods and config.selection_of(period).energies_from == "cells"
        if templates is not None and needs and period not in templates:
            msg = (
                f"period {period}: has no shower template, only {', '.join(templates) or 'none'}; "
                "calibrate its files"
            )
            raise ConfigError(msg)


def calibrate(
    config: Config,
    paths: Paths,
    *,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Calibrated:
    """Find shower templates, and with them efficiencies, thresholds and pile-up.

    Two passes: the first adds up showers of electrons and muon pairs, the second knows their mean.

    Parameters
    ----------
    config : Config
    paths : dict of str to tuple of Path
        Event files by period.
    settings : Settings or None
    progress : Progress

    Raises
    ------
    DataError
        If a period has too few calibration electrons; else as `select`.
    """
    sources = {name: processor_path(name) for name in ("calibration", "dimuon")}
    cells = [name for name in paths if config.selection_of(name).energies_from == "cells"]
    templates: Templates = {}
    first: list[Selected] = []
    if cells:
        some = {name: paths[name] for name in cells}
        for name in ("dimuon", "calibration"):
            report = report_events(progress, f"adding up showers, {_SAMPLE[name]}")
            found = select(
                config, some, sources[name], blinded=True, settings=settings, report=report
            )
            if name == "dimuon":
                check_triggered(found.run)
            first.append(found)
        templates = {
            period: make_template(
                period, [one.run.tallies[period] for one in first], _noise(config, period)
            )
            for period in cells
        }
    second = {
        name: select(
            config,
            paths,
            source,
            blinded=True,
            templates=templates,
            settings=settings,
            report=report_events(progress, f"measuring, {_SAMPLE[name]}"),
        )
        for name, source in sources.items()
    }
    beam = second["calibration"]
    calibrations = {name: summarise(name, tally) for name, tally in beam.run.tallies.items()}
    return Calibrated(templates, beam, second["dimuon"], calibrations, tuple(first))


def check_triggered(run: ProcessedRun) -> None:
    """Stop at a period whose files cannot be what they claim: nothing at all is triggered."""
    for name, tally in run.tallies.items():
        if tally.cut_flow["trigger"] == 0:
            if not tally.cut_flow["events"]:
                msg = f"period {name}: its files hold no events; leave it out"
                raise DataError(msg)
            paths = ", ".join(str(file.path) for file in run.files[name])
            msg = (
                f"period {name}: none of {tally.cut_flow['events']} events passes the trigger; "
                f"check the branches trigger, e_ecal_cell or e_ecal [GeV] of {paths}"
            )
            raise DataError(msg)


def _noise(config: Config, period: str) -> float:
    """Return the noise of an ECAL cell [GeV]."""
    run = config.periods[period].runs.first
    return row_at(config.conditions.threshold_ecal_cell, run).value / THRESHOLD_SIGMAS
