"""The workers of a Dask cluster do tasks, and add up on their own."""

import contextlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from types import TracebackType
from typing import Any, Self

import cloudpickle
from distributed import Client, KilledWorker, WorkerPlugin, get_worker

from na64ana.errors import NA64AnaError
from na64ana.processing.pools import DEATHS, Outcome, PoolLost, SumLost, WorkerDied
from na64ana.processing.serving import portable
from na64ana.processing.tasks import Task
from na64ana.processing.work import Done, Work

#: Sums of this many tallies make one on a worker.
FAN_IN = 20
#: Tasks that a worker has waiting.
QUEUED = 3
#: The same for each worker that an adaptive cluster may ask for: Dask asks by the seconds of the
#: tasks that wait, five of them per worker, and short tasks must add up to that.
WAITING = 20
#: Seconds after which workers are counted again: they come and go.
RECOUNT = 5.0
#: Seconds without any worker after which nobody is expected to come [s].
PATIENCE = 600.0
#: Exit code of a worker that stops itself because a task takes too long.
TOO_LONG = 75
#: distributed is typed in parts only.
Future = Any


class DaskWorkers:
    """Does tasks on the workers of a Dask cluster, which add up on their own.

    Parameters
    ----------
    work : Work
    client : distributed.Client
        Its workers have one thread each.
    timeout : float or None
        Seconds after which a task's worker stops itself.
    adaptive : int
        Workers that come if there are tasks for them, of a cluster that is adaptive.
    """

    def __init__(
        self, work: Work, client: Client, *, timeout: float | None = None, adaptive: int = 0
    ) -> None:
        self._client: Any = client
        self._timeout, self._address = timeout, str(client.scheduler_info()["address"])
        self._adaptive = adaptive
        # The scheduler gives it to every worker, also to those that come later.
        self._name = f"na64ana-{time.time_ns():x}"
        with self._reaching():
            self._client.register_plugin(_Carrier(cloudpickle.dumps(work)), name=self._name)
        self._tasks: dict[str, tuple[Task, Future]] = {}
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._levels: list[list[Future]] = [[]]
        self._workers, self._counted, self._last_seen = 1, 0.0, time.monotonic()

    @property
    def free(self) -> int:
        self._expect_workers()
        return max(QUEUED * self._workers, WAITING * self._adaptive) - self.busy

    @property
    def busy(self) -> int:
        return len(self._tasks)

    def start(self, task: Task) -> None:
        name = os.path.basename(task.path)  # noqa: PTH119 - also of an address
        key = f"{name}-{task.start}-{task.stop}-{next(self._numbers)}-{time.time_ns():x}"
        with self._reaching():
            future = self._client.submit(
                _watched, self._name, task, self._timeout, key=key, retries=0
            )
        self._tasks[key] = (task, future)
        future.add_done_callback(lambda done: self._events.put(done.key))

    def next(self) -> Outcome:
        while True:
            try:
                key = self._events.get(timeout=1.0)
            except queue.Empty:
                if not self._alive():
                    raise self._gone() from None
                self._expect_workers()
                continue
            if key not in self._tasks:
                continue
            task, future = self._tasks.pop(key)
            if future.status == "finished":
                self._add(future)
                return Outcome(task)
            if future.status != "error":
                msg = "the scheduler forgot its tasks; it was restarted or lost"
                raise PoolLost(msg)
            error = future.exception()
            if isinstance(error, KilledWorker):
                error = WorkerDied("its workers died or took too long", DEATHS)
            return Outcome(task, error)

    def _expect_workers(self) -> None:
        """Count workers, and ask for those that were lost.

        A worker that its cluster gave up, or a job that reached its walltime, is not replaced by
        Dask on its own. Without any worker for long the pool is lost: tasks would wait for ever.
        """
        if time.monotonic() < self._counted + RECOUNT:
            return
        with self._reaching():
            there = len(self._client.nthreads())
            cluster = self._client.cluster  # None for a scheduler that stands
            if cluster is not None and there < (wanted := len(cluster.plan)):
                cluster.scale(wanted)  # starts what is missing; what is on its way counts
        self._counted = time.monotonic()
        self._workers = max(there, 1)
        self._last_seen = self._counted if there else self._last_seen
        if self._counted > self._last_seen + PATIENCE:
            msg = f"the cluster {self._address} has had no worker for {PATIENCE:g} s"
            raise PoolLost(msg)

    def total(self) -> Done | None:
        left = [future for level in self._levels for future in level]
        while len(left) > 1:
            left = [self._sum(left[i : i + FAN_IN]) for i in range(0, len(left), FAN_IN)]
        if not left:
            return None
        try:
            total: Done = left[0].result()
        except KilledWorker as error:
            msg = "workers died while they added up"
            raise SumLost(msg) from error
        except NA64AnaError:
            raise
        except Exception as error:
            raise self._gone() from error
        return total

    def _add(self, future: Future) -> None:
        """Keep a result; of every `FAN_IN` of a level one of the next is made."""
        for level in itertools.count():
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(future)
            if len(self._levels[level]) < FAN_IN:
                return
            future, self._levels[level] = self._sum(self._levels[level]), []

    def _sum(self, futures: Sequence[Future]) -> Future:
        if len(futures) == 1:
            return futures[0]
        # before the tasks that wait: tallies would fill the memory of workers
        return self._client.submit(
            _add_up, list(futures), key=f"sum-{time.time_ns():x}", priority=1
        )

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn whatever a cluster says that is about to go into `PoolLost`."""
        try:
            yield
        except NA64AnaError:
            raise
        except Exception as error:
            raise self._gone() from error

    def _gone(self) -> PoolLost:
        return PoolLost(f"the scheduler {self._address} is gone")

    def _alive(self) -> bool:
        return bool(self._client.status == "running")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(Exception):  # a cluster that is lost cannot be told
            self._client.cancel([future for _, future in self._tasks.values()], force=True)
            self._client.unregister_worker_plugin(self._name)


def _add_up(parts: list[Done]) -> Done:
    return reduce(add, parts)


class _Carrier(WorkerPlugin):
    """Holds the work on a worker; unpacked by the first task, so that a worker starts at once."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._work: Work | None = None

    @property
    def work(self) -> Work:
        if self._work is None:
            from na64ana.processing import warm  # noqa: F401, PLC0415 - what all tasks need

            self._work = cloudpickle.loads(self._content)
        return self._work


def _watched(name: str, task: Task, timeout: float | None) -> Done:
    """Do a task; if it hangs, end the worker: nothing less stops a read that never returns."""
    timer = None
    try:
        carrier: Any = get_worker().plugins[name]
        work: Work = carrier.work  # the first time it imports for seconds, which are no task's
        if timeout is not None:
            timer = threading.Timer(timeout, os._exit, (TOO_LONG,))
            timer.daemon = True
            timer.start()
        return work(task)
    except Exception as error:  # noqa: BLE001 - it travels
        raise portable(error) from None
    finally:
        if timer is not None:
            timer.cancel()
