"""What a worker does: read some events of a file, give them to a processor, keep its tally."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uproot
from coffea.nanoevents import BaseSchema, NanoEventsFactory

from na64ana.config import Config
from na64ana.errors import NA64AnaError, ProcessorError, UnreadableError
from na64ana.io.chunk import Chunk
from na64ana.io.location import is_remote
from na64ana.io.reading import EventFile, reading_options
from na64ana.io.schema import Events, NA64Schema
from na64ana.processing.checkpoints import Checkpoints
from na64ana.processing.memory import keep_freed_memory
from na64ana.processing.processors import TallyProcessor
from na64ana.processing.tasks import Task
from na64ana.tally.tally import Tally


@dataclass(frozen=True)
class TaskRecord:
    """How a task went.

    Attributes
    ----------
    path : str
    start, stop : int
        Events.
    seconds : float
        Of the attempt that succeeded.
    bytes : int
        Read from the file, compressed; zero from a checkpoint.
    worker : str
        Host and process.
    from_checkpoint : bool
        Whether the tally was there already.
    """

    path: str
    start: int
    stop: int
    seconds: float
    bytes: int
    worker: str
    from_checkpoint: bool


@dataclass(frozen=True)
class Done:
    """Tallies by period, and how their tasks went. They add, in any order."""

    tallies: Mapping[str, Tally]
    records: tuple[TaskRecord, ...]

    def __add__(self, other: "Done") -> "Done":
        tallies = dict(self.tallies)
        for period, tally in other.tallies.items():
            tallies[period] = tallies[period] + tally if period in tallies else tally
        return Done(tallies, self.records + other.records)


class Work:
    """Does tasks: the same for every pool.

    Parameters
    ----------
    processor : TallyProcessor
        Gets chunks in the internal naming, checked.
    files : mapping of str to tuple of EventFile
        By period.
    config : Config
    checkpoints : Checkpoints or None
        Where tallies are kept, and found again.
    """

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
        self._maps = {file.uuid: (file.branch_map, file.metadata.simulated) for file in opened}

    def __call__(self, task: Task) -> Done:
        """Return the tally of a task.

        Raises
        ------
        UnreadableError
            If the file is gone, damaged, or another one than was planned.
        DataError
            If its events cannot be used.
        ProcessorError
            If the processor raises an exception, or returns something else.
        MemoryError
        """
        begin = time.perf_counter()
        keep_freed_memory()
        found, n_bytes = self._kept(task), 0
        cached = found is not None
        if found is None:
            found, n_bytes = self._make(task)
            if self._checkpoints is not None:
                self._checkpoints.store(task.key, task.start, task.stop, found)
        record = TaskRecord(
            path=task.path,
            start=task.start,
            stop=task.stop,
            seconds=time.perf_counter() - begin,
            bytes=n_bytes,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            from_checkpoint=cached,
        )
        return Done(found, (record,))

    def _kept(self, task: Task) -> dict[str, Tally] | None:
        if self._checkpoints is None:
            return None
        return self._checkpoints.load(task.key, task.start, task.stop)

    def _make(self, task: Task) -> tuple[dict[str, Tally], int]:
        branch_map, simulated = self._maps[task.uuid]
        schema = NA64Schema if branch_map is None else BaseSchema
        try:
            with uproot.open(task.path, **reading_options(task.path)) as file:
                if file.file.fUUID != task.uuid:
                    msg = f"{task.path}: is another file than before; leave it alone and run again"
                    raise UnreadableError(msg)
                events = _read(file, task, schema)
                n_bytes = int(file.file.source.num_requested_bytes)
        except (NA64AnaError, MemoryError):
            raise
        except Exception as error:  # uproot raises whatever the bytes lead it to
            if not is_remote(task.path) and not Path(task.path).exists():
                msg = f"{task.path}: no such file any more; bring it back and run again"
                raise UnreadableError(msg) from error
            cause = " ".join(repr(error).split())[:300]
            msg = f"{task.path}: damaged ({cause}); make or copy it again"
            raise UnreadableError(msg) from error
        chunk = Chunk(events, branch_map, simulated=simulated)
        read = chunk.check_identity(self._runs[task.period])
        tally = self._process(task, chunk)
        tally.reads = (read,)
        return {task.period: tally}, n_bytes

    def _process(self, task: Task, chunk: Chunk) -> Tally:
        try:
            tallies = self._processor.process(chunk)
        except (NA64AnaError, MemoryError):
            raise
        except Exception as error:
            msg = f"{task}: the processor failed with {' '.join(repr(error).split())}"
            raise ProcessorError(msg) from error
        tally = tallies.get(task.period) if hasattr(tallies, "get") else None
        if tally is None or not hasattr(tally, "reads") or len(tallies) != 1:
            msg = f"{task.path}: process must return {{events.period: Tally}}, and nothing else"
            raise ProcessorError(msg)
        return tally


def _read(file: Any, task: Task, schema: type[BaseSchema]) -> Events:
    """Return coffea's events of a task, the declared branches read."""
    metadata = {
        "dataset": task.period,
        "filename": task.path,
        "treename": task.tree,
        "entrystart": task.start,
        "entrystop": task.stop,
        "fileuuid": str(file.file.uuid),
    }
    factory = NanoEventsFactory.from_root(
        file=file,
        treepath=task.tree,
        schemaclass=schema,
        metadata=metadata,
        mode="virtual",
        entry_start=task.start,
        entry_stop=task.stop,
        iteritems_options={"filter_name": sorted(task.branches)},
        preload=task.branches,
    )
    return factory.events()
