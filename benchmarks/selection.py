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
from na64ana.processing.run import CHUNK_SIZE, ProcessedRun, open_files, process
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.simulation.template import shower_template
from na64ana.tally.regions import signal_box
from na64ana.tally.tally import Tally

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
    """The invisible processor on files, from cells or from scalars."""

    def __init__(self, paths: list[Path], energies_from: str = "cells") -> None:
        config, self.paths = load_config(), paths
        eot = sum(open_event_file(path).metadata.eot for path in paths)
        config = changed(config, "periods", PERIOD, eot=eot)
        selection = config.periods[PERIOD].selection
        self.config = changed(config, "selections", selection, energies_from=energies_from)
        templates = {PERIOD: dataclasses.replace(shower_template(), period=PERIOD)}
        source = processor_path("invisible")
        self.processor = load_processor(source, self.config, blinded=True, templates=templates)
        self.files = open_files({PERIOD: paths}, self.config, self.processor)
        self.entries = sum(file.metadata.entries for file in self.files[PERIOD])
        self.columns = [*self.processor.columns(PERIOD), "class_true"]
        self.cuts = make_cuts(self.config, PERIOD)
        self.context = make_context(self.config, PERIOD, templates)
        self.box = signal_box(self.config, PERIOD)

    def run(self, workers: int = 1, chunk_size: int = CHUNK_SIZE) -> ProcessedRun:
        """Process all files."""
        files, config = self.files, self.config
        return process(files, config, self.processor, workers=workers, chunk_size=chunk_size)

    def read(self, **options: Any) -> None:
        """Read the columns, and do nothing with them."""
        for file in self.files[PERIOD]:
            for start in range(0, file.metadata.entries, CHUNK_SIZE):
                with uproot.open(file.path, **options) as root:
                    part = {"entry_start": start, "entry_stop": start + CHUNK_SIZE}
                    root[TREE].arrays(self.columns, library="np", **part)


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


def measure(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> Any:
    """Return the time that some work takes [s], and its result."""
    start = clock()
    result = work()
    return clock() - start, result


def compare(ours: Ours, scalars: Ours, root: Root | None) -> dict[str, float]:
    """Return the million events per second of each contestant; their counts are compared."""
    analysis, listed = Awkward(ours), {PERIOD: [str(path) for path in ours.paths]}
    runner = Runner(IterativeExecutor(status=False), schema=BaseSchema, chunksize=250_000)
    contestants: dict[str, Callable[[], tuple[float, Any]]] = {
        "read": lambda: measure(ours.read),
        "mapped": lambda: measure(lambda: ours.read(handler=uproot.MemmapSource)),
        "cells": lambda: measure(ours.run),
        "scalars": lambda: measure(scalars.run),
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
    return {name: ours.entries / seconds / 1e6 for name, seconds in least.items()}


def compare_workers(paths: list[Path], small: Path) -> list[float]:
    """Return the wall time [s] with one worker, with two, and that of starting two.

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
        times.append((one, two, measure(lambda: small.run(2, 250), time.perf_counter)[0]))
    print(*np.min(times, axis=0))


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
    speed = compare(ours, Ours(paths[:1], "scalars"), root)
    one, two, start = compare_workers(paths, make_files(args.folder, 1000, 1)[0])
    memory = {n: peak_memory(paths[:n]) for n in (1, len(paths))}

    read, mapped, cells, scalars = (speed[k] for k in ("read", "mapped", "cells", "scalars"))
    n = every.entries / 1e6
    rows = [
        ("reading alone: R", read, None, ""),
        ("reading alone, file mapped into memory: M", mapped, None, ""),
        ("selection from cells, over R", cells, cells / read, ">= 0.8"),
        ("selection from cells, over M", cells, cells / mapped, ""),
        ("first pass on scalars, over R", scalars, scalars / read, ">= 2"),
        ("first pass on scalars, over M", scalars, scalars / mapped, ""),
        ("with awkward arrays; ours over it", speed["awkward"], cells / speed["awkward"], ">= 4"),
    ]
    if root is not None:
        rows.append(
            ("event loop of ROOT; ours over it", speed["root"], cells / speed["root"], ">= 4")
        )
    rows += [
        (f"two workers over one, {n:.1f} million, wall time", n / two, one / two, ">= 1.7"),
        ("the same without their start", n / (two - start), one / (two - start), ""),
    ]
    print(f"{'per core and CPU second':<50} {'Mev/s':>6} {'ratio':>6} target")
    for name, rate, ratio, target in rows:
        shown = "" if ratio is None else f"{ratio:.2f}"
        print(f"{name:<50} {rate:6.2f} {shown:>6} {target}".rstrip())
    if root is None:
        print(f"event loop of ROOT: left out, {missing}")
    for files, peak in memory.items():
        what = f"peak memory [GB], {files * ours.entries / 1e6:.1f} million events"
        print(f"{what:<50} {'':6} {peak:6.2f} <= 1.2")


if __name__ == "__main__":
    main()
