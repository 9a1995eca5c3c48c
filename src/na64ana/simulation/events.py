"""The triggered events of a period, block by block, and its file.

The events are the same whoever makes the blocks, in whatever order and number.
"""

import contextlib
import itertools
import math
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from na64ana.errors import ConfigError
from na64ana.io.atomic import check_space
from na64ana.io.format import FileMetadata
from na64ana.io.writing import Container, write_events
from na64ana.simulation.block import TYPES, simulate_block
from na64ana.simulation.plan import BLOCK_EVENTS, Plan, Spills, draw_spills, join_spills
from na64ana.simulation.truth import Arrays

#: Bytes that an event takes on disk at the very least.
LEAST_BYTES = 100
#: Blocks that workers may be ahead of the writer, so that they go on while it fills a basket.
AHEAD = 16


def simulate(
    plan: Plan, *, events: int | None = None, workers: int = 1
) -> Iterator[tuple[Arrays, Spills]]:
    """Yield blocks of triggered events, and the spills that they come from.

    Parameters
    ----------
    plan : Plan
    events : int or None
        How many triggered events; None is the electrons on target of the whole period.
    workers : int
        Processes that make the blocks; the events are the same.
    """
    if events == 0:
        return
    tasks = _whole_period(plan) if events is None else _endless(plan)
    if not any(plan.rates().values()):
        msg = f"period {plan.period}: the chosen classes have no events; choose others"
        raise ConfigError(msg)
    found = 0
    blocks = plan.spills / plan.spills_per_block if events is None else events / BLOCK_EVENTS
    workers = min(workers, math.ceil(blocks), os.cpu_count() or 1)
    for spills, arrays in _make_blocks(plan, tasks, workers):
        n = len(arrays["event"])
        if events is None or found + n <= events:
            yield arrays, spills
        else:
            kept = {name: array[: events - found] for name, array in arrays.items()}
            yield kept, spills.until(int(kept["run_number"][-1]), int(kept["spill"][-1]))
        found += n
        if events is not None and found >= events:
            return


def _endless(plan: Plan) -> Iterator[tuple[int, Spills]]:
    return ((index, draw_spills(plan, index)) for index in itertools.count())


def _whole_period(plan: Plan) -> Iterator[tuple[int, Spills]]:
    left = plan.eot
    for index, spills in _endless(plan):
        yield index, spills.up_to(left)
        left -= spills.eot
        if left <= 0:
            return


def _make_blocks(
    plan: Plan, tasks: Iterator[tuple[int, Spills]], workers: int
) -> Iterator[tuple[Spills, Arrays]]:
    """Yield the blocks of the tasks in order, made here or by worker processes."""
    if workers == 1:
        for index, spills in tasks:
            yield spills, simulate_block(plan, index, spills)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[tuple[Spills, Future[Arrays]]] = deque()
        try:
            while True:
                ahead = itertools.islice(tasks, workers + AHEAD - len(waiting))
                with _interrupts_held():  # workers inherit it: Ctrl-C is for this process
                    for index, spills in ahead:
                        waiting.append((spills, pool.submit(simulate_block, plan, index, spills)))
                if not waiting:
                    return
                spills, future = waiting.popleft()
                yield spills, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def make_events(
    plan: Plan, *, events: int | None = None, workers: int = 1
) -> tuple[Arrays, FileMetadata]:
    """Return all events of a plan in memory, and what their file would say of itself."""
    blocks, eot = [], 0.0
    for arrays, spills in simulate(plan, events=events, workers=workers):
        blocks.append(arrays)
        eot += spills.eot
    joined = {
        name: np.concatenate([np.empty(0, kind), *(block[name] for block in blocks)])
        for name, kind in TYPES.items()
    }
    return joined, _metadata(plan, events, len(joined["event"]), eot)


def write_simulated_file(
    path: Path,
    plan: Plan,
    *,
    events: int | None = None,
    workers: int = 1,
    container: Container = "ttree",
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> FileMetadata:
    """Simulate and write an event file, in memory that does not grow with it.

    Parameters
    ----------
    path : Path
        The file; it appears under this name only when it is complete.
    plan : Plan
    events, workers
        As `simulate`.
    container : str
        ``"ttree"``, ``"rntuple"`` or ``"parquet"``.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : callable or None
        Told the number of events so far.

    Raises
    ------
    OutputError
        If the file exists or cannot be written, or the disk is too small.
    ConfigError
        If the chosen classes have no events.
    """
    entries, parts = 0, list[Spills]()

    def blocks() -> Iterator[Arrays]:
        nonlocal entries
        for arrays, part in simulate(plan, events=events, workers=workers):
            entries += len(arrays["event"])
            parts.append(part)
            if progress is not None:
                progress(entries)
            yield arrays

    if events is not None:
        check_space(path, events * LEAST_BYTES)
    return write_events(
        path,
        blocks(),
        lambda: _metadata(plan, events, entries, join_spills(parts).eot),
        spills=lambda: join_spills(parts).arrays() if parts else None,
        container=container,
        overwrite=overwrite,
    )


def _metadata(plan: Plan, events: int | None, entries: int, eot: float) -> FileMetadata:
    return FileMetadata(
        period=plan.period,
        # Sums of floats: the period as a whole is what was asked for.
        eot=plan.eot if events is None else max(eot, 1.0),
        entries=entries,
        simulated=True,
        seed=plan.seed,
        lineage=plan.lineage(events),
        prescale={
            kind.name.lower(): factor for kind, factor in plan.prescales().items() if factor > 1
        },
    )
