"""Speed of the event selection, as ratios against reading alone, awkward arrays and ROOT.

Run with ``python benchmarks/selection.py [--events N] [--folder DIR] [--root-python PYTHON]
[--large]``; all ratios are taken in one run, the contestants in turn. ROOT is any Python that has
it: ``python -m venv rootvenv && rootvenv/bin/pip install ROOT``.
"""

import argparse
import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import coffea.util
import hist
import numpy as np
import uproot
from coffea.nanoevents import BaseSchema
from coffea.processor import IterativeExecutor, Runner
from peers import Awkward, Root

from na64ana.config import Config, load_config
from na64ana.config.models import RunRange
from na64ana.cuts.selection import make_context, make_cuts
from na64ana.io.format import TREE, EventClass
from na64ana.io.reading import open_event_file
from na64ana.processing.memory import keep_freed_memory
from na64ana.processing.processors import load_processor, processor_path
from na64ana.processing.run import (
    CHUNK_SIZE,
    CHUNK_SIZE_SCALARS,
    ProcessedRun,
    open_files,
    process,
)
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.simulation.template import shower_template
from na64ana.tally.regions import signal_box
from na64ana.tally.tally import Tally
from na64ana.workflow.skim import Skimmed, skim

PERIOD, REPETITIONS = "V", 5
#: Files of the long list.
LARGE = 4
#: Events that sums of floats in another order may move over an edge.
TOLERANCE = 3


def changed(config: Config, section: str, name: str, **values: Any) -> Config:
    """Return a configuration with other values in one of its named blocks."""
    blocks = getattr(config, section)
    block = blocks[name].model_copy(update=values)
    return config.model_copy(update={section: {**blocks, name: block}})


class Recorded(Plan):
    """What the DAQ records: all that triggers, and one electron of the beam in 30000."""

    def prescales(self) -> dict[EventClass, int]:
        """Return how many events each simulated one stands for."""
        return {kind: 30_000 if kind is EventClass.BEAM_ELECTRON else 1 for kind in self.classes}


def make_files(folder: Path, events: int, number: int) -> list[Path]:
    """Return event files of what is recorded, each with runs of its own; make what is missing."""
    config = load_config()
    runs = config.periods[PERIOD].runs
    width = (runs.last + 1 - runs.first) // LARGE
    paths = [folder.resolve() / f"{PERIOD}_{events}_{i}.root" for i in range(number)]
    folder.mkdir(parents=True, exist_ok=True)
    for i, path in enumerate(paths):
        if not path.exists():
            first = runs.first + i * width
            own = RunRange(first=first, last=first + width - 1)
            plan = Recorded(changed(config, "periods", PERIOD, eot=2e9, runs=own), PERIOD, 64 + i)
            write_simulated_file(path, plan, events=events)
    return paths


class Ours:
    """A processor on files, from cells or from scalars, in chunks as users have them."""

    def __init__(
        self, paths: list[Path], energies_from: str = "cells", name: str = "invisible"
    ) -> None:
        config, self.paths = load_config(), paths
        self.chunk_size = CHUNK_SIZE if energies_from == "cells" else CHUNK_SIZE_SCALARS
        eot = sum(open_event_file(path).metadata.eot for path in paths)
        config = changed(config, "periods", PERIOD, eot=eot)
        selection = config.periods[PERIOD].selection
        self.config = changed(config, "selections", selection, energies_from=energies_from)
        templates = {PERIOD: dataclasses.replace(shower_template(), period=PERIOD)}
        source = processor_path(name)
        self.processor = load_processor(source, self.config, blinded=True, templates=templates)
        self.files = open_files({PERIOD: paths}, self.config, self.processor)
        self.entries = sum(file.metadata.entries for file in self.files[PERIOD])
        self.columns = [*self.processor.columns(PERIOD), "class_true"]
        self.cuts = make_cuts(self.config, PERIOD)
        self.context = make_context(self.config, PERIOD, templates)
        self.box = signal_box(self.config, PERIOD)

    def run(self, workers: int = 1, chunk_size: int | None = None) -> ProcessedRun:
        """Process all files."""
        files, config = self.files, self.config
        return process(files, config, self.processor, workers=workers, chunk_size=chunk_size)

    def read(self, size: int = CHUNK_SIZE, **options: Any) -> None:
        """Read the columns, and do nothing with them."""
        read_columns(self.content(), size, **options)

    def content(self) -> list[tuple[Path, int, list[str]]]:
        """Return path, number of events and columns of each file."""
        return [(one.path, one.metadata.entries, self.columns) for one in self.files[PERIOD]]


def read_columns(
    content: list[tuple[Path, int, list[str]]], size: int = CHUNK_SIZE, **options: Any
) -> None:
    """Read columns of files, and do nothing with them."""
    keep_freed_memory()
    for path, entries, columns in content:
        for start in range(0, entries, size):
            with uproot.open(path, **options) as root:
                part = {"entry_start": start, "entry_stop": start + size}
                root[TREE].arrays(columns, library="np", **part)


def make_skim(ours: Ours, folder: Path) -> tuple[Skimmed, float]:
    """Return the skim of a file, and how long it took [s]."""
    paths, target = {PERIOD: tuple(ours.paths)}, folder / "skim"
    seconds, found = measure(lambda: skim(ours.config, paths, target, overwrite=True))
    return found[0], seconds


def check_same(tally: Tally, rows: Mapping[str, int], histograms: Mapping[str, Any]) -> None:
    """Check that another selection kept the same events after each cut, and without each cut."""
    ours = tally.cut_flow.counts()
    ours |= {name: tally.histograms[name].sum(flow=True) for name in histograms}
    assert ours.keys() == {*rows, *histograms}
    for name, other in {**rows, **histograms}.items():
        number = other.sum(flow=True) if isinstance(other, hist.Hist) else other
        if number != ours[name]:
            print(f"{name}: {number} events instead of {ours[name]}", file=sys.stderr)
        assert abs(number - ours[name]) <= TOLERANCE, name


def check_skim(tally: Tally, skimmed: Tally) -> None:
    """Check that a skim gives the same N-1, regions and survivors as all events."""
    for name in tally.histograms:
        if name.startswith(("n_minus_1", "regions", "plane_selected")) and "trigger" not in name:
            assert tally.histograms[name] == skimmed.histograms[name], name
    assert all(np.array_equal(tally.survivors[k], skimmed.survivors[k]) for k in tally.survivors)


def measure(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> Any:
    """Return the time that some work takes [s], and its result."""
    start = clock()
    result = work()
    return clock() - start, result


def compare(ours: Ours, skim: Path, root: Root | None) -> dict[str, float]:
    """Return the million events per second of each contestant; their counts are compared."""
    analysis, listed = Awkward(ours), {PERIOD: [str(path) for path in ours.paths]}
    scalars, listing = (Ours(ours.paths, "scalars", name) for name in ("invisible", "skim"))
    few = Ours([skim])
    runner = Runner(IterativeExecutor(status=False), schema=BaseSchema, chunksize=250_000)
    contestants: dict[str, Callable[[], tuple[float, Any]]] = {
        "read": lambda: measure(ours.read),
        "read long": lambda: measure(lambda: ours.read(scalars.chunk_size)),
        "mapped": lambda: measure(lambda: ours.read(handler=uproot.MemmapSource)),
        "cells": lambda: measure(ours.run),
        "scalars": lambda: measure(scalars.run),
        "listing": lambda: measure(listing.run),
        "few": lambda: measure(few.run),
        "awkward": lambda: measure(lambda: runner(listed, analysis, treename=TREE)),
    } | ({} if root is None else {"root": root.run})
    least = dict.fromkeys(contestants, np.inf)
    for _ in range(REPETITIONS):
        found = {}
        for name, run in contestants.items():
            seconds, found[name] = run()
            least[name] = min(least[name], seconds)
        for name in contestants.keys() & {"awkward", "root"}:
            check_same(found["cells"].tallies[PERIOD], **found[name])
        check_skim(*(found[name].tallies[PERIOD] for name in ("cells", "few")))
    return {name: ours.entries / seconds / 1e6 for name, seconds in least.items()}


def compare_workers(paths: list[Path], small: Path) -> list[float]:
    """Return the wall time [s] with one worker, with two, and that of starting two.

    And those of reading alone, once in one process, and twice at once in two.

    In a process of its own, as users have it: this one has threads of other contestants.
    """
    command = [sys.executable, __file__, "--pair", *map(str, [small, *paths])]
    found = subprocess.run(command, capture_output=True, check=True).stdout
    return [float(number) for number in found.split()]


def time_workers(small: Ours, ours: Ours) -> None:
    """Print what `compare_workers` returns."""
    times = []
    for _ in range(3):
        one, alone = measure(ours.run, time.perf_counter)
        two, both = measure(lambda: ours.run(2), time.perf_counter)
        assert alone.tallies[PERIOD].same_content(both.tallies[PERIOD])
        # A small file of more chunks than workers: both start, and have next to nothing to do.
        start, _ = measure(lambda: small.run(2, 250), time.perf_counter)
        half = Ours(ours.paths[: LARGE // 2])
        alone_read, _ = measure(half.read, time.perf_counter)
        with ProcessPoolExecutor(2, get_context("fork")) as pool:
            _read_both(pool, small)  # both have started
            both_read, _ = measure(partial(_read_both, pool, half), time.perf_counter)
        times.append((one, two, start, alone_read, both_read))
    print(*np.min(times, axis=0))


def _read_both(pool: ProcessPoolExecutor, ours: Ours) -> None:
    """Read the same files in two processes at once."""
    list(pool.map(read_columns, [ours.content()] * 2))


def peak_memory(paths: list[Path]) -> float:
    """Return the peak memory [GB] of a process that selects events."""
    command = [sys.executable, __file__, "--peak", *map(str, paths)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) / 1e6


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description="Speed of the selection.")
    parser.add_argument("--events", type=int, default=1_200_000, help="events of a file")
    default = Path(tempfile.gettempdir()) / "na64ana-benchmark"
    parser.add_argument("--folder", type=Path, default=default, help="where the files are kept")
    parser.add_argument("--root-python", help="a Python that has ROOT")
    parser.add_argument("--large", action="store_true", help=f"workers and memory on {LARGE} files")
    for hidden in ("--peak", "--pair"):
        parser.add_argument(hidden, nargs="+", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.pair:
        time_workers(Ours(args.pair[:1]), Ours(args.pair[1:]))
        return
    if args.peak:
        Ours(args.peak).run()
        # Unlike ru_maxrss, this is no heritage of the process that started this one.
        print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
        return

    keep_freed_memory()
    coffea.util.coffea_console.quiet = True
    paths = make_files(args.folder, args.events, LARGE if args.large else 1)
    ours, every = Ours(paths[:1]), Ours(paths)
    print(f"{paths[0]}: {ours.entries:,} events, {paths[0].stat().st_size / 1e6:.0f} MB")
    root, missing = None, "no --root-python"
    if args.root_python is not None:
        try:
            root = Root(args.root_python, ours)
        except (OSError, RuntimeError) as error:
            missing = str(error)
    skimmed, seconds = make_skim(ours, args.folder)
    speed = compare(ours, skimmed.path, root)
    workers = compare_workers(paths, make_files(args.folder, 1000, 1)[0])
    one, two, start, alone_read, both_read = workers
    memory = {n: peak_memory(paths[:n]) for n in (1, len(paths))}

    read, mapped, cells, scalars = (speed[k] for k in ("read", "mapped", "cells", "scalars"))
    fastest = max(read, speed["read long"])
    n = every.entries / 1e6
    rows = [
        ("reading alone: R", read, None, ""),
        ("reading alone, file mapped into memory: M", mapped, None, ""),
        ("selection from cells, over R", cells, cells / read, ">= 0.8"),
        ("selection from cells, over M", cells, cells / mapped, ""),
        (f"reading in chunks of {CHUNK_SIZE_SCALARS:,}", speed["read long"], None, ""),
        ("first pass on scalars, over the faster reading", scalars, scalars / fastest, ">= 2"),
        ("list of a skim on scalars, the same", speed["listing"], speed["listing"] / fastest, ""),
        ("selection from the skim, per event before", speed["few"], speed["few"] / cells, ""),
        ("with awkward arrays; ours over it", speed["awkward"], cells / speed["awkward"], ">= 4"),
    ]
    if root is not None:
        rows.append(
            ("event loop of ROOT; ours over it", speed["root"], cells / speed["root"], ">= 4")
        )
    rows += [
        (f"two workers over one, {n:.1f} million, wall time", n / two, one / two, ">= 1.7"),
        ("the same without their start", n / (two - start), one / (two - start), ""),
        ("two processes reading alone, over one", n / both_read, 2 * alone_read / both_read, ""),
    ]
    print(f"{'per core and CPU second':<50} {'Mev/s':>6} {'ratio':>6} target")
    for name, rate, ratio, target in rows:
        shown = "" if ratio is None else f"{ratio:.2f}"
        print(f"{name:<50} {rate:6.2f} {shown:>6} {target}".rstrip())
    print(
        f"skim: {skimmed.kept:,} events, {skimmed.path.stat().st_size / 1e6:.0f} MB, "
        f"written in {seconds:.1f} s"
    )
    if root is None:
        print(f"event loop of ROOT: left out, {missing}")
    for files, peak in memory.items():
        what = f"peak memory [GB], {files * ours.entries / 1e6:.1f} million events"
        print(f"{what:<50} {'':6} {peak:6.2f} <= 1.2")


if __name__ == "__main__":
    main()
