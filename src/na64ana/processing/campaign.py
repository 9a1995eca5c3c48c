"""Do all tasks, whatever happens on the way: try again, divide, go on, and say what is missing."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from na64ana.errors import IncompleteDataError, NA64AnaError, UnreadableError
from na64ana.processing.pools import Pool, PoolLost, SumLost, WorkerDied
from na64ana.processing.tasks import Task
from na64ana.processing.work import Done, TaskRecord

#: Attempts of a task before it counts as missing.
TRIES = 3
#: Failed files that an error names.
NAMED = 3


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    events_total: int
    tasks_total: int
    events: int = 0
    tasks: int = 0
    bytes: int = 0
    retries: int = 0
    failed: int = 0

    def succeeded(self, events: int, n_bytes: int) -> "Status":
        """Return the status after a task that succeeded."""
        return replace(
            self,
            events=self.events + events,
            tasks=self.tasks + 1,
            bytes=self.bytes + n_bytes,
        )

    def not_succeeded(self, times: int, again: int) -> "Status":
        """Return the status after a task that did not, and that so many others stand for now."""
        failed = not again
        return replace(
            self,
            tasks=self.tasks + failed,
            tasks_total=self.tasks_total + max(again - 1, 0),
            retries=self.retries + times,
            failed=self.failed + failed,
        )


class Report(Protocol):
    """Told after every task."""

    def __call__(self, status: Status) -> None:
        """Take note."""


def no_report(status: Status) -> None:
    """Take no note."""


@dataclass
class Campaign:
    """The outcome of all tasks.

    Attributes
    ----------
    done : Done or None
        The sum of those that succeeded.
    retries : Counter of str
        Attempts that failed, by file.
    failed : dict of Task to str
        What is missing, and why.
    """

    done: Done | None = None
    retries: Counter[str] = field(default_factory=Counter)
    failed: dict[Task, str] = field(default_factory=dict)

    @property
    def records(self) -> tuple[TaskRecord, ...]:
        """How the tasks that succeeded went."""
        return () if self.done is None else self.done.records

    def missing_files(self) -> Mapping[str, str]:
        """Return the files of which something is missing, and the first reason."""
        reasons: dict[str, str] = {}
        for task, reason in self.failed.items():
            reasons.setdefault(task.path, reason)
        return reasons

    def check(self) -> None:
        """Stop if anything is missing.

        Raises
        ------
        IncompleteDataError
            If so; the first files and their reasons are named.
        """
        if not self.failed:
            return
        reasons = list(self.missing_files().values())
        more = f" (and {len(reasons) - NAMED} files more)" if len(reasons) > NAMED else ""
        msg = (
            f"{'; '.join(reasons[:NAMED])}{more}; mend it and run again: what was done is kept, or "
            "leave the file out with --allow-missing"
        )
        raise IncompleteDataError(msg)


def run_tasks(
    pool: Pool, tasks: Iterable[Task], *, tries: int = TRIES, report: Report = no_report
) -> Campaign:
    """Do tasks until each has succeeded or failed for good.

    A task whose file cannot be read, or whose worker died or took too long, is tried again; one
    that ran out of memory, or whose worker died twice, is divided in two. What the
    events or the processor are to blame for stops everything at once.

    Parameters
    ----------
    pool : Pool
    tasks : iterable of Task
    tries : int
        Attempts of a task.
    report : Report

    Raises
    ------
    DataError, ProcessorError
        If events cannot be used, or the processor fails.
    IncompleteDataError
        If the pool is lost.
    """
    waiting, attempts, campaign = deque(tasks), Counter[Task](), Campaign()
    status = Status(sum(task.events for task in waiting), len(waiting))
    report(status)
    while waiting or pool.busy:
        try:
            while waiting and pool.free > 0:
                pool.start(waiting.popleft())
            outcome = pool.next()
        except PoolLost as error:
            left = status.tasks_total - status.tasks
            msg = (
                f"{error}; {left} of {status.tasks_total} tasks are missing; run again: it goes on "
                "where it was"
            )
            raise IncompleteDataError(msg) from error
        task, failure = outcome.task, outcome.error
        if failure is None:
            n_bytes = sum(one.bytes for one in outcome.done.records) if outcome.done else 0
            status = status.succeeded(task.events, n_bytes)
        else:
            times = failure.times if isinstance(failure, WorkerDied) else 1
            attempts[task] += times
            campaign.retries[task.path] += times
            again = _again(task, failure, attempts[task], tries)
            if not again:
                campaign.failed[task] = _reason(task, failure, attempts[task])
            waiting.extend(again)
            status = status.not_succeeded(times, len(again))
        report(status)
    campaign.done = _total(pool)
    return campaign


def _total(pool: Pool) -> Done | None:
    try:
        return pool.total()
    except (NA64AnaError, PoolLost, SumLost) as error:
        msg = f"the sum was lost ({error}); run again: what was done is kept"
        raise IncompleteDataError(msg) from error


def _again(task: Task, error: BaseException, attempts: int, tries: int) -> tuple[Task, ...]:
    """Return the tasks to do instead of one that failed; none if it failed for good."""
    if isinstance(error, MemoryError) or (isinstance(error, WorkerDied) and attempts > 1):
        halves = task.halves()
        if len(halves) > 1:
            return halves
    elif not isinstance(error, UnreadableError | TimeoutError | WorkerDied):
        raise error
    return (task,) if attempts < tries else ()


def _reason(task: Task, error: BaseException, attempts: int) -> str:
    if isinstance(error, UnreadableError):
        return str(error)
    what = "ran out of memory" if isinstance(error, MemoryError) else str(error)
    return f"{task}: {what}, {attempts} times"
