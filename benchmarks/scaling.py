"""Speed of scaling out: `python benchmarks/scaling.py [--large]`.

Overhead of a Dask cluster against processes of this machine, with two workers each; planning of
10,000 catalogued files; the sum of 10,000 tallies, in this process and by a tree on the workers;
and the time per event from 1e6 events on, the same file listed again and again (--large: to 1e8).
"""

import argparse
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import cloudpickle
import numpy as np

from na64ana.config import load_config
from na64ana.config.sites import DaskSite
from na64ana.io.catalogue import Catalogue
from na64ana.io.reading import EventFile, open_event_file
from na64ana.io.writing import write_events
from na64ana.processing.campaign import run_tasks
from na64ana.processing.cluster import FAN_IN
from na64ana.processing.pools import MakePool, local_pool
from na64ana.processing.processors import TallyProcessor, load_processor, processor_path
from na64ana.processing.run import open_files
from na64ana.processing.sites import open_site
from na64ana.processing.tasks import Task, plan_tasks
from na64ana.processing.work import Done, Work
from na64ana.simulation.events import make_events
from na64ana.simulation.plan import Plan
from na64ana.simulation.template import shower_template

PERIOD, WORKERS, N_FILES, N_TALLIES = "V", 2, 10_000, 10_000
#: Events of the file, and triggered events in a spill.
N_EVENTS, PER_SPILL = 400_000, 10_000
#: Events per task where few events must keep both workers busy.
CHUNK = 100_000
#: Wanted: Dask over processes, files per second, seconds and bytes of the sum, flatness.
OVERHEAD, FILES, SECONDS, MEMORY, FLAT = 0.15, 1000.0, 60.0, 500e6, 0.10


def seconds(call: Callable[[], object]) -> float:
    """Return the time of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def tasks_of(
    file: EventFile, processor: TallyProcessor, n_events: int, chunk_size: int | None = None
) -> list[Task]:
    """Return tasks of about so many events: those of a file, again and again."""
    once = plan_tasks({PERIOD: (file,)}, processor, chunk_size)
    repeats = max(1, round(n_events / file.metadata.entries))
    return [replace(task, key=f"{task.key}_{i}") for i in range(repeats) for task in once]


def dask_against_processes(work: Work, tasks: list[Task]) -> None:
    """Print the times of the same tasks with two workers of either kind."""

    def run(make_pool: MakePool) -> float:
        with make_pool(work) as pool:
            run_tasks(pool, tasks[: 2 * WORKERS])  # workers have started, and imported
            return seconds(lambda: run_tasks(pool, tasks))

    events = sum(task.events for task in tasks)
    with open_site(DaskSite(kind="dask", workers=WORKERS)) as make_pool:
        dask = min(run(make_pool) for _ in range(3))
    processes = min(run(local_pool(WORKERS)) for _ in range(3))
    print(f"{events:,} events, {len(tasks)} tasks, {WORKERS} workers: processes {processes:.2f} s")
    print(f"  Dask {dask:.2f} s, {dask / processes - 1:+.0%}; wanted at most {OVERHEAD:+.0%}")


def planning(file: EventFile, processor: TallyProcessor, folder: Path) -> None:
    """Print how fast files of the catalogue are opened and planned."""
    paths = [folder / f"{i}.root" for i in range(N_FILES)]
    for path in paths:
        os.link(file.path, path)
    with Catalogue(folder / "catalogue.sqlite") as catalogue:
        first = open_event_file(paths[0], period=PERIOD, catalogue=catalogue)
        found = catalogue.find(paths[0], first.stamp)
        structure = {} if found is None else found[1]
        for path in paths[1:]:
            catalogue.keep(replace(first, path=path), structure)
        took = seconds(
            lambda: [
                plan_tasks(
                    {PERIOD: (open_event_file(one, period=PERIOD, catalogue=catalogue),)},
                    processor,
                    None,
                )
                for one in paths
            ]
        )
        rate = N_FILES / took
        print(f"{N_FILES:,} catalogued files planned: {took:.1f} s, {rate:,.0f} files/s")
        cold = 1 / seconds(lambda: open_event_file(paths[0]))
        print(f"  wanted {FILES:,.0f}; without the catalogue {cold:,.0f}")


def merging(work: Work, task: Task) -> None:
    """Print time and memory of the sum of many tallies, as they come and as trees."""
    one = cloudpickle.dumps(work(task))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def level(n: int) -> Done:
        if n == 1:
            part: Done = cloudpickle.loads(one)
            return part
        size = max(1, n // FAN_IN)
        sizes = [size] * (n // size) + ([n % size] if n % size else [])
        return reduce(add, (level(k) for k in sizes))

    took = seconds(lambda: level(N_TALLIES))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(
        f"{N_TALLIES:,} tallies of {len(one) / 1e6:.2f} MB added by trees of {FAN_IN}: {took:.1f} s"
    )
    print(f"  of {SECONDS:g}; memory {peak / 1e6:.0f} MB more, of {MEMORY / 1e6:.0f}")


def flatness(work: Work, file: EventFile, processor: TallyProcessor, sizes: list[float]) -> None:
    """Print the time per event of ever more events."""
    times = []
    for n in sizes:
        tasks = tasks_of(file, processor, int(n), CHUNK)  # enough for both workers
        events = sum(task.events for task in tasks)
        with local_pool(WORKERS)(work) as pool:
            run_tasks(pool, tasks[: 2 * WORKERS])
            took = seconds(lambda p=pool, t=tasks: run_tasks(p, t))  # type: ignore[misc]
        times.append(took / events)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{events:>12,} events: {1e6 * took / events:.3f} us per event, client {memory:.0f} MB"
        )
    print(f"  spread {max(times) / min(times) - 1:.0%}, wanted {FLAT:.0%}")


def main() -> None:
    """Print times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="up to 1e8 events")
    large = parser.parse_args().large
    config = load_config()
    folder = Path(tempfile.mkdtemp(prefix="na64ana-scaling-"))
    try:
        path = folder / f"{PERIOD}.root"
        events, metadata = make_events(Plan(config, PERIOD, 64), events=N_EVENTS, workers=WORKERS)
        # as measured: the simulation has fewer events in a spill, as it prescales
        events["spill"][:] = 1 + np.arange(len(events["spill"])) // PER_SPILL
        events["event"][:] = np.arange(len(events["event"]))
        events["run_number"][:] = config.periods[PERIOD].runs.first
        metadata = metadata.model_copy(update={"eot": config.periods[PERIOD].eot})
        write_events(path, events, metadata)
        templates = {PERIOD: replace(shower_template(), period=PERIOD)}
        processor = load_processor(
            processor_path("invisible"), config, blinded=True, templates=templates
        )
        files = open_files({PERIOD: (path,)}, config, processor)
        (file,) = files[PERIOD]
        work = Work(processor, files, config, None)
        dask_against_processes(work, tasks_of(file, processor, 24_000_000))
        planning(file, processor, folder)
        merging(work, plan_tasks(files, processor, 20_000)[0])
        flatness(work, file, processor, [1e6, 1e7, 1e8] if large else [1e6, 3e6, 1e7])
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
