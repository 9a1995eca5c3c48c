"""Who does tasks: this process, or processes of this machine; `cluster` has those of Dask.

A pool starts tasks and tells how each ended; it never decides what that means (`campaign`). The sum
of what succeeded stays with the pool until the end, so that a cluster can add on its workers.
"""

import contextlib
import pickle
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Protocol, Self

import cloudpickle

from na64ana.processing.serving import serve
from na64ana.processing.tasks import Task
from na64ana.processing.work import Done, Work

#: Seconds that a process may take to start, before the time of its first task counts.
START = 300.0
#: How many workers a task of a cluster, or one that waits behind it, may lose before Dask gives it
#: up, and `campaign` divides it.
DEATHS = 2


class WorkerDied(Exception):
    """The process that did a task is gone, for the `times`-th time."""

    def __init__(self, message: str, times: int = 1) -> None:
        super().__init__(message)
        self.times = times


class SumLost(Exception):
    """All tasks succeeded, but what they made is gone."""


class PoolLost(Exception):
    """Nobody is there any more who could do a task."""


@dataclass(frozen=True)
class Outcome:
    """How a task ended. Without an error it is part of the pool's sum.

    `done` is what it gave, where that is known here; a cluster keeps it to itself until the end.
    """

    task: Task
    error: BaseException | None = None
    done: Done | None = None


class Pool(Protocol):
    """What `campaign.run_tasks` asks of a pool; used as a context."""

    @property
    def free(self) -> int:
        """How many tasks more can be started now."""

    @property
    def busy(self) -> int:
        """How many tasks were started, whose outcome was not told."""

    def start(self, task: Task) -> None:
        """Start a task."""

    def next(self) -> Outcome:
        """Wait for the end of a task."""

    def total(self) -> Done | None:
        """Return the sum of all that succeeded; None of nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class _Summing:
    """The running sum of pools whose results come to this process."""

    def __init__(self) -> None:
        self._sum: Done | None = None

    def _keep(self, done: Done) -> None:
        self._sum = done if self._sum is None else self._sum + done

    def total(self) -> Done | None:
        return self._sum

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left to close."""


class Serial(_Summing):
    """Does tasks in this process, one after the other."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work, self._queue = work, deque[Task]()

    @property
    def free(self) -> int:
        return 1 - len(self._queue)

    @property
    def busy(self) -> int:
        return len(self._queue)

    def start(self, task: Task) -> None:
        self._queue.append(task)

    def next(self) -> Outcome:
        task = self._queue.popleft()
        try:
            done = self._work(task)
        except Exception as error:  # noqa: BLE001 - told, not hidden
            return Outcome(task, error)
        self._keep(done)
        return Outcome(task, done=done)


@dataclass
class _Worker:
    process: BaseProcess
    pipe: connection.Connection
    task: Task | None = None
    deadline: float = float("inf")
    ready: bool = False


class Processes(_Summing):
    """Does tasks in processes of this machine; one that dies is replaced.

    Parameters
    ----------
    work : Work
    workers : int
    timeout : float or None
        Seconds after which a task's process is killed.
    memory : int or None
        Bytes that a process may allocate; beyond them it gets a MemoryError.
    """

    def __init__(
        self,
        work: Work,
        workers: int,
        *,
        timeout: float | None = None,
        memory: int | None = None,
    ) -> None:
        super().__init__()
        self._work, self._memory = cloudpickle.dumps(work), memory
        self._timeout = float("inf") if timeout is None else timeout
        # A copy of this process starts at once, but is safe only while there are no other threads
        # (XRootD's client has some that Python does not know of); else workers are copies of a
        # server that has imported what they need.
        alone = threading.active_count() == 1 and "XRootD" not in sys.modules
        self._context: Any = get_context("fork" if alone else "forkserver")
        if self._context.get_start_method() == "forkserver":
            self._context.set_forkserver_preload(["na64ana.processing.warm"])
        self._size, self._workers = workers, list[_Worker]()

    @property
    def free(self) -> int:
        return self._size - self.busy

    @property
    def busy(self) -> int:
        return sum(worker.task is not None for worker in self._workers)

    def start(self, task: Task) -> None:
        idle = [worker for worker in self._workers if worker.task is None]
        worker = idle[0] if idle else self._hire()
        patience = self._timeout if worker.ready else START + self._timeout
        worker.task, worker.deadline = task, time.monotonic() + patience
        with contextlib.suppress(OSError):  # dead already: `next` will tell
            worker.pipe.send_bytes(pickle.dumps(task))

    def next(self) -> Outcome:
        while True:
            working = [worker for worker in self._workers if worker.task is not None]
            left = min(worker.deadline for worker in working) - time.monotonic()
            sources = [one for w in working for one in (w.pipe, w.process.sentinel)]
            ready = connection.wait(sources, None if left == float("inf") else max(left, 0.0))
            for worker in working:
                task = worker.task
                if task is None:
                    continue
                if worker.pipe in ready or worker.process.sentinel in ready:
                    outcome = self._receive(worker, task)
                    if outcome is None:
                        continue
                    return outcome
                if time.monotonic() >= worker.deadline:
                    self._dismiss(worker)
                    return Outcome(task, TimeoutError(f"it took longer than {self._timeout:g} s"))

    def _receive(self, worker: _Worker, task: Task) -> Outcome | None:
        """Return how a task ended; None if its worker only says that it has started."""
        try:
            content = worker.pipe.recv_bytes()
            if not content:
                worker.ready, worker.deadline = True, time.monotonic() + self._timeout
                return None
            done, error = pickle.loads(content)
        except (EOFError, OSError):
            code = self._dismiss(worker)
            return Outcome(task, WorkerDied(f"its process ended with code {code}"))
        worker.task, worker.deadline = None, float("inf")
        if error is None:
            self._keep(done)
        return Outcome(task, error, done)

    def _hire(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve, args=(theirs, self._work, self._memory), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _dismiss(self, worker: _Worker) -> int | None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        return worker.process.exitcode

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in list(self._workers):
            self._dismiss(worker)


#: Makes the pool that does the tasks of one run.
MakePool = Callable[[Work], Pool]


def local_pool(workers: int, **options: Any) -> MakePool:
    """Return what makes a pool on this machine: this process, or several."""
    if workers == 1 and not options:
        return Serial
    return lambda work: Processes(work, workers, **options)
