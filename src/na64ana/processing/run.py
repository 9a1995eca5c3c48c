"""Process event files, and prove that all of them were read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from na64ana.config import Config
from na64ana.errors import DataError, IncompleteDataError, UnreadableError
from na64ana.io.catalogue import Catalogue
from na64ana.io.chunk import IDENTITY
from na64ana.io.location import Location
from na64ana.io.reading import EventFile, ForeignFile, open_event_file, open_foreign_file
from na64ana.processing.accounting import Exposure, account, check_declared
from na64ana.processing.campaign import TRIES, Report, no_report, run_tasks
from na64ana.processing.checkpoints import Checkpoints
from na64ana.processing.pools import MakePool, PoolLost, local_pool
from na64ana.processing.processors import TallyProcessor
from na64ana.processing.tasks import plan_tasks
from na64ana.processing.work import TaskRecord, Work
from na64ana.tally.tally import Tally


@dataclass(frozen=True)
class ProcessedRun:
    """Tallies by period, the files that they were made from, and the electrons in them.

    Attributes
    ----------
    tallies : dict of str to Tally
    files : dict of str to tuple of EventFile
        Those that were read.
    exposures : dict of str to Exposure
    missing : dict of str to str
        Files that were left out, and why.
    records : tuple of TaskRecord
        How each task went.
    retries : dict of str to int
        Attempts that failed, by file.
    """

    tallies: dict[str, Tally]
    files: dict[str, tuple[EventFile, ...]]
    exposures: dict[str, Exposure]
    missing: dict[str, str] = field(default_factory=dict)
    records: tuple[TaskRecord, ...] = ()
    retries: dict[str, int] = field(default_factory=dict)

    @property
    def from_checkpoints(self) -> int:
        """Number of events whose tally was there already."""
        return sum(one.stop - one.start for one in self.records if one.from_checkpoint)

    def prescales(self) -> dict[str, dict[str, int]]:
        """Return the prescaled classes and their factors, by period."""
        return {
            period: {k: v for file in files for k, v in file.metadata.prescale.items()}
            for period, files in self.files.items()
            if any(file.metadata.prescale for file in files)
        }


def open_files(
    paths: Mapping[str, Iterable[Location | ForeignFile]],
    config: Config,
    processor: TallyProcessor,
    *,
    missing: dict[str, str] | None = None,
    catalogue: Catalogue | None = None,
) -> dict[str, tuple[EventFile, ...]]:
    """Open the files of each period and check them, before any event is processed.

    Parameters
    ----------
    paths : mapping of str to iterable of Path, str or ForeignFile
        By period.
    config : Config
    processor : TallyProcessor
        Declares the branches that must be there.
    missing : dict of str to str, or None
        Takes the files that cannot be read, and why; None stops at the first.
    catalogue : Catalogue or None
        Files in it that have not changed are not opened.

    Raises
    ------
    DataError
        As `open_event_file`; also for a file that is listed twice, under whatever name, and for a
        period without files.
    IncompleteDataError
        If the files of a period do not add up to its declared electrons on target.
    """
    files: dict[str, tuple[EventFile, ...]] = {}
    seen: dict[bytes, Location] = {}
    for period, listed in paths.items():
        columns = (*IDENTITY, *processor.columns(period))
        opened, gone = [], False
        for item in listed:
            try:
                opened.append(_open(item, period, columns, catalogue))
            except UnreadableError as error:
                if missing is None:
                    raise
                missing[str(getattr(item, "path", item))], gone = str(error), True
        files[period] = tuple(opened)
        if not files[period]:
            msg = f"period {period}: has no event files; list some, or leave the period out"
            raise DataError(msg)
        for file in files[period]:
            if file.uuid in seen:
                msg = f"{file.path}: is the same file as {seen[file.uuid]}; list it once"
                raise DataError(msg)
            seen[file.uuid] = file.path
        if not gone:
            check_declared(period, files[period], config)
    return files


def _open(
    item: Location | ForeignFile,
    period: str,
    columns: tuple[str, ...],
    catalogue: Catalogue | None,
) -> EventFile:
    if isinstance(item, ForeignFile):
        return open_foreign_file(item, period=period, branches=columns)
    return open_event_file(item, period=period, branches=columns, catalogue=catalogue)


def process(  # noqa: PLR0913 - each is one choice
    files: Mapping[str, tuple[EventFile, ...]],
    config: Config,
    processor: TallyProcessor,
    *,
    workers: int = 1,
    chunk_size: int | None = None,
    checkpoints: Checkpoints | None = None,
    make_pool: MakePool | None = None,
    allow_missing: bool = False,
    tries: int = TRIES,
    report: Report = no_report,
) -> ProcessedRun:
    """Run a processor over opened files.

    Parameters
    ----------
    files : mapping of str to tuple of EventFile
        From `open_files`.
    config : Config
        Says which runs belong to a period.
    processor : TallyProcessor
        From `load_processor`.
    workers : int
        1 works in this process; more are worker processes. The result is the same.
    chunk_size : int or None
        Events per task; the result is the same. None takes what suits the branches that are read.
    checkpoints : Checkpoints or None
        Where the tallies of chunks are kept; those that are there are not made again.
    make_pool : callable or None
        Makes the pool that does the tasks; None takes `workers` of this machine.
    allow_missing : bool
        Whether files that cannot be read are left out, with their electrons on target.
    tries : int
        Attempts of a task.
    report : Report
        Told after every task.

    Raises
    ------
    DataError
        If an energy is NaN, an event stands there twice, or a run does not belong to the period.
    ProcessorError
        If the processor raises an exception.
    IncompleteDataError
        If a file cannot be read, or not every event of every file was read exactly once.
    """
    tasks = plan_tasks(files, processor, chunk_size)
    if not tasks:
        msg = "no event files; give at least one, or use the published numbers"
        raise DataError(msg)
    work = Work(processor, files, config, checkpoints)
    try:
        made = (make_pool or local_pool(workers))(work)
    except PoolLost as error:
        msg = f"{error}; nothing of this pass was done; run again: it goes on where it was"
        raise IncompleteDataError(msg) from error
    with made as pool:
        campaign = run_tasks(pool, tasks, tries=tries, report=report)
    if allow_missing and (missing := campaign.missing_files()):
        kept = _without(files, missing)
        found = process(
            kept,
            config,
            processor,
            workers=workers,
            chunk_size=chunk_size,
            checkpoints=checkpoints,
            make_pool=make_pool,
            tries=tries,
            report=report,
        )
        return replace(found, missing={**found.missing, **missing})
    campaign.check()
    tallies = {} if campaign.done is None else campaign.done.tallies
    exposures = {
        period: account(period, opened, tallies[period].reads, config)
        for period, opened in files.items()
    }
    return ProcessedRun(
        {period: tallies[period] for period in files},
        dict(files),
        exposures,
        records=campaign.records,
        retries=dict(campaign.retries),
    )


def _without(
    files: Mapping[str, tuple[EventFile, ...]], missing: Mapping[str, str]
) -> dict[str, tuple[EventFile, ...]]:
    """Return the files without those that are missing.

    Raises
    ------
    IncompleteDataError
        If nothing is left of a period.
    """
    kept = {
        period: tuple(file for file in opened if str(file.path) not in missing)
        for period, opened in files.items()
    }
    for period, opened in kept.items():
        if not opened:
            reason = next(missing[str(file.path)] for file in files[period])
            msg = f"period {period}: no file can be read ({reason}); leave the period out"
            raise IncompleteDataError(msg)
    return kept
