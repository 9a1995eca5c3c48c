"""Process event files with coffea, and prove that all of them were read."""

import contextlib
import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial, reduce
from multiprocessing import get_context
from operator import add
from pathlib import Path
from typing import cast

import coffea.util
import uproot
from coffea.nanoevents import BaseSchema
from coffea.processor import FuturesExecutor, IterativeExecutor, ProcessorABC, Runner
from coffea.processor.executor import WorkItem

import na64ana.errors
from na64ana.config import Config
from na64ana.errors import DataError, ProcessorError
from na64ana.io.chunk import IDENTITY, Chunk
from na64ana.io.reading import EventFile, ForeignFile, open_event_file, open_foreign_file
from na64ana.io.schema import Events, NA64Schema
from na64ana.io.writing import BASKET_SIZE
from na64ana.processing.accounting import Exposure, account, check_declared
from na64ana.processing.checkpoints import Checkpoints, file_key
from na64ana.processing.memory import keep_freed_memory
from na64ana.processing.processors import TallyProcessor
from na64ana.tally.tally import Tally

#: Events per task, with cells and without: a multiple of the basket, so that no basket is
#: decompressed twice. More would need more memory, fewer cost more to begin than to read.
CHUNK_SIZE, CHUNK_SIZE_SCALARS = 8 * BASKET_SIZE, 40 * BASKET_SIZE
#: Branches that make an event large.
_CELLS = {"e_ecal_cell", "t_ecal_cell", "e_hcal_cell", "t_hcal_cell"}
#: Branch that simulated files have, and that a tally by class needs.
CLASS = "class_true"
#: How coffea quotes an error of ours that a chunk raised.
_OWN_ERROR = re.compile(
    r"""(na64ana\.errors\.)?(?P<kind>[A-Za-z]+Error)\((?P<quote>['"])(?P<message>.*)(?P=quote)\)"""
)


@dataclass(frozen=True)
class ProcessedRun:
    """Tallies by period, the files that they were made from, and the electrons in them.

    `from_checkpoints` is the number of events whose tally was there already.
    """

    tallies: dict[str, Tally]
    files: dict[str, tuple[EventFile, ...]]
    exposures: dict[str, Exposure]
    from_checkpoints: int = 0

    def prescales(self) -> dict[str, dict[str, int]]:
        """Return the prescaled classes and their factors, by period."""
        return {
            period: {k: v for file in files for k, v in file.metadata.prescale.items()}
            for period, files in self.files.items()
            if any(file.metadata.prescale for file in files)
        }


def open_files(
    paths: Mapping[str, Iterable[Path | ForeignFile]], config: Config, processor: TallyProcessor
) -> dict[str, tuple[EventFile, ...]]:
    """Open the files of each period and check them, before any event is processed.

    Raises
    ------
    DataError
        As `open_event_file`; also for a file that is listed twice, under whatever name, and for a
        period without files.
    IncompleteDataError
        If the files of a period do not add up to its declared electrons on target.
    """
    files: dict[str, tuple[EventFile, ...]] = {}
    seen: dict[bytes, Path] = {}
    for period, listed in paths.items():
        columns = (*IDENTITY, *processor.columns(period))
        files[period] = tuple(
            open_foreign_file(item, period=period, branches=columns)
            if isinstance(item, ForeignFile)
            else open_event_file(item, period=period, branches=columns)
            for item in listed
        )
        if not files[period]:
            msg = f"period {period}: has no event files; list some, or leave the period out"
            raise DataError(msg)
        for file in files[period]:
            if file.uuid in seen:
                msg = f"{file.path}: is the same file as {seen[file.uuid]}; list it once"
                raise DataError(msg)
            seen[file.uuid] = file.path
        check_declared(period, files[period], config)
    return files


class _Checked(ProcessorABC):  # type: ignore[misc]  # coffea publishes no types
    """Gives a processor chunks in the internal naming, checked, and keeps what it makes of them."""

    def __init__(
        self,
        processor: TallyProcessor,
        files: Mapping[str, tuple[EventFile, ...]],
        config: Config,
        checkpoints: Checkpoints | None,
    ) -> None:
        self._processor, self._checkpoints = processor, checkpoints
        self._runs = {period: config.periods[period].runs for period in files}
        opened = [file for listed in files.values() for file in listed]
        self._files = {
            file.uuid_text: (file.branch_map, file.metadata.simulated, file_key(file))
            for file in opened
        }

    def process(self, events: Events) -> dict[str, Tally]:
        keep_freed_memory()
        uuid = events.metadata["fileuuid"]
        branch_map, simulated, key = self._files[uuid]
        chunk = Chunk(events, branch_map, simulated=simulated)
        read = chunk.check_identity(self._runs[chunk.period])
        tallies = self._processor.process(chunk)
        tally = tallies.get(chunk.period) if hasattr(tallies, "get") else None
        if tally is None or not hasattr(tally, "reads") or len(tallies) != 1:
            msg = "process must return {events.period: Tally}, and nothing else"
            raise ProcessorError(msg)
        tally.reads = (read,)
        if self._checkpoints is not None:
            self._checkpoints.store(key, read.start, read.stop, tallies)
        return tallies

    def postprocess(self, accumulator: dict[str, Tally]) -> dict[str, Tally]:
        return accumulator


def process(
    files: Mapping[str, tuple[EventFile, ...]],
    config: Config,
    processor: TallyProcessor,
    *,
    workers: int = 1,
    chunk_size: int | None = None,
    checkpoints: Checkpoints | None = None,
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

    Raises
    ------
    DataError
        If a file breaks while it is read, an energy is NaN, an event stands there twice, or a run
        does not belong to the period.
    ProcessorError
        If the processor raises an exception.
    IncompleteDataError
        If not every event of every file was read exactly once.
    """
    items = [
        item
        for period, opened in files.items()
        for file in opened
        for item in _work_items(period, file, processor.columns(period), chunk_size)
    ]
    if not items:
        msg = "no event files; give at least one, or use the published numbers"
        raise DataError(msg)
    keys = {file.uuid: file_key(file) for opened in files.values() for file in opened}
    parts: list[dict[str, Tally]] = []
    left = []
    for item in items:
        place = (keys[item.fileuuid], item.entrystart, item.entrystop)
        found = None if checkpoints is None else checkpoints.load(*place)
        if found is None:
            left.append(item)
        else:
            parts.append(found)
    done = sum(read.stop - read.start for part in parts for t in part.values() for read in t.reads)
    if left:
        foreign = any(file.branch_map for opened in files.values() for file in opened)
        schema = BaseSchema if foreign else NA64Schema
        parts.append(_run(left, _Checked(processor, files, config, checkpoints), schema, workers))
    tallies = {
        period: reduce(add, (part[period] for part in parts if period in part)) for period in files
    }
    exposures = {
        period: account(period, opened, tallies[period].reads, config)
        for period, opened in files.items()
    }
    return ProcessedRun(tallies, dict(files), exposures, done)


def _run(
    items: list[WorkItem], processor: _Checked, schema: type[BaseSchema], workers: int
) -> dict[str, Tally]:
    """Run a processor over tasks, and return the sum by period."""
    executor = (
        IterativeExecutor(status=False, retries=0)
        if workers == 1
        else FuturesExecutor(status=False, retries=0, workers=workers, pool=_pool())
    )
    runner = Runner(executor, schema=schema, metadata_cache={})
    # Mapping a file into memory reads a third faster than seeking in it.
    # Each array is used once: a cache would only hold the memory of chunks that are done.
    options = {"handler": uproot.MemmapSource, "array_cache": None}
    wanted = {"filter_name": sorted({name for item in items for name in item.preload or ()})}
    try:
        with _silence(workers):
            result: dict[str, Tally] = runner.run(
                items, processor, uproot_options=options, iteritems_options=wanted
            )["out"]
    except BrokenExecutor as error:
        msg = (
            "a worker process died, perhaps for lack of memory; use fewer --workers and run again: "
            "it goes on where it was"
        )
        raise ProcessorError(msg) from error
    except Exception as error:  # coffea wraps whatever went wrong in a plain Exception
        raise _explain(error, items) from error
    return result


def _work_items(
    period: str, file: EventFile, columns: Iterable[str], chunk_size: int | None
) -> Iterator[WorkItem]:
    """Yield the tasks of a file; a file without events is one empty task."""
    entries, names = file.metadata.entries, frozenset((*IDENTITY, *columns))
    if file.metadata.simulated:
        names |= {CLASS}
    if chunk_size is None:
        chunk_size = CHUNK_SIZE if names & _CELLS else CHUNK_SIZE_SCALARS
    if file.branch_map is not None:
        names = frozenset(file.branch_map.sources(names))
    # Chunks of a file are alike in size, and whole baskets where they are longer than one.
    parts = max(1, -(-entries // chunk_size))
    step = max(1, -(-entries // parts))
    if step > BASKET_SIZE:
        step = min(chunk_size, -(-step // BASKET_SIZE) * BASKET_SIZE)
    for start in range(0, max(entries, 1), step):
        stop = min(start + step, entries)
        yield WorkItem(period, str(file.path), file.tree, start, stop, file.uuid, {}, names)


def _pool() -> Callable[..., ProcessPoolExecutor]:
    """Return what makes the worker processes.

    A copy of this process starts at once, but is safe only while there are no other threads; else
    workers are copies of a server that has imported what they need. (loky, which coffea would
    take, replaces a worker whose memory grows by 300 MB, as that of each chunk does.)
    """
    context = get_context("fork" if threading.active_count() == 1 else "forkserver")
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload(["na64ana.processing.run"])
    return partial(ProcessPoolExecutor, mp_context=context)


@contextlib.contextmanager
def _silence(workers: int) -> Iterator[None]:
    """Keep coffea's progress bars, and what its futures executor prints, off the terminal.

    With one worker a processor runs in this process, and what it prints itself is its user's.
    """
    quiet, coffea.util.coffea_console.quiet = coffea.util.coffea_console.quiet, True
    hidden = contextlib.redirect_stderr(io.StringIO()) if workers > 1 else contextlib.nullcontext()
    try:
        with hidden:
            yield
    finally:
        coffea.util.coffea_console.quiet = quiet


def _explain(error: Exception, items: Iterable[WorkItem]) -> Exception:
    """Turn coffea's exception, which names the task and the cause, into one line."""
    text = str(error)
    task, separator, cause = text.partition(". The error was: ")
    blamed = [item for item in items if _names(task, item)]
    if not blamed or not separator:
        return error
    item, cause = blamed[0], " ".join(cause.split()).removesuffix(".")
    if (found := _OWN_ERROR.fullmatch(cause)) is not None:
        kind = getattr(na64ana.errors, found["kind"], None)
        if kind is ProcessorError:
            return ProcessorError(f"{item.filename}: {found['message']}")
        if kind is not None:
            return cast("Exception", kind(found["message"]))
    if task.startswith("Failed processing file"):
        events = f"events {item.entrystart} to {item.entrystop}"
        return ProcessorError(f"{item.filename}, {events}: the processor failed with {cause}")
    return DataError(f"{item.filename}: damaged ({cause}); make or copy it again")


def _names(text: str, item: WorkItem) -> bool:
    """Tell whether coffea's text speaks of a task; its repr differs from process to process."""
    parts = ("filename", "entrystart", "entrystop")
    return all(f"{part}={getattr(item, part)!r}," in text for part in parts)
