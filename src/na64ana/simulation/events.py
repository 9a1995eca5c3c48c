"""Assemble the triggered events of a period, block by block, and write its file.

A block is a number of whole spills with a random stream of its own, seeded by (seed, period,
block). So the events are the same whoever makes the blocks, in whatever order and number.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.config.conditions import row_at, row_of
from na64ana.errors import ConfigError
from na64ana.io.atomic import check_space
from na64ana.io.format import EventClass, FileMetadata, branch_types
from na64ana.io.writing import Container, write_events
from na64ana.provenance import lineage, sha256_array, source_digest
from na64ana.simulation.classes import GENERATORS, Context, Signal
from na64ana.simulation.detector import observe
from na64ana.simulation.pileup import SPILL
from na64ana.simulation.state import resolve
from na64ana.simulation.truth import Arrays, join, take

Integers = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]

#: Particles of the beam that do nothing new; of these no analysis needs many.
BEAM_PARTICLES = (
    EventClass.BEAM_ELECTRON,
    EventClass.BEAM_PION,
    EventClass.BEAM_KAON,
    EventClass.BEAM_MUON,
)
#: Relative spread of the beam momentum (dp/p of the H4 line).
MOMENTUM_SPREAD = 0.01
#: Bytes that an event takes on disk at the very least.
LEAST_BYTES = 100
#: Expected events of a block before the trigger: its arrays fit into the caches of a core.
BLOCK_EVENTS = 4096
#: Blocks that workers may be ahead of the writer, so that they go on while it fills a basket.
AHEAD = 16
#: Most events of a class that are simulated per spill; more are prescaled.
MAX_PER_SPILL = 1000

_TYPES = branch_types(truth=True)


@dataclass(frozen=True)
class Plan:
    """What is to be simulated.

    Attributes
    ----------
    config : Config
    period : str
        Name of the period.
    seed : int
        The same seed gives the same events.
    signal : Signal
        Dark photons to be mixed in.
    classes : tuple of EventClass
        The classes of the mix.
    """

    config: Config
    period: str
    seed: int
    signal: Signal = field(default_factory=Signal)
    classes: tuple[EventClass, ...] = tuple(EventClass)

    @property
    def eot(self) -> float:
        """Electrons on target of the whole period."""
        return self.config.periods[self.period].eot

    @cached_property
    def mean_intensity(self) -> float:
        """Mean electrons per spill over the runs of the period."""
        runs = self.config.periods[self.period].runs
        rows = self.config.conditions.intensity
        middle = np.array([(row.value.low + row.value.high) / 2 for row in rows])
        return float(middle[row_of(rows, np.arange(runs.first, runs.last + 1))].mean())

    def prescales(self) -> dict[EventClass, int]:
        """Return how many events each simulated one stands for."""
        choices = self.config.simulation
        prescales = {}
        for kind in self.classes:
            rate = self._rate(kind)
            most = choices.max_beam_events if kind in BEAM_PARTICLES else choices.max_events
            needed = max(rate * self.eot / most, rate * self.mean_intensity / MAX_PER_SPILL)
            prescales[kind] = max(1, int(np.ceil(needed))) if kind is not EventClass.SIGNAL else 1
        return prescales

    def rates(self) -> dict[EventClass, float]:
        """Return the simulated events per electron on target, by class."""
        return {kind: self._rate(kind) / factor for kind, factor in self.prescales().items()}

    def _rate(self, kind: EventClass) -> float:
        if kind is EventClass.BEAM_ELECTRON:
            return 1.0
        if kind is EventClass.SIGNAL:
            return self.signal.expected / self.eot if len(self.signal.e_ap) else 0.0
        rates = self.config.simulation.rates[self.config.periods[self.period].group]
        return float(getattr(rates, kind.name.lower()))

    @cached_property
    def spills_per_block(self) -> int:
        """Spills of a block."""
        total = sum(self.rates().values())
        return max(1, round(BLOCK_EVENTS / (total * self.mean_intensity))) if total else 1

    @cached_property
    def spills(self) -> int:
        """Spills of the period, in which its electrons on target come."""
        return math.ceil(self.eot / self.mean_intensity)

    def rng(self, *key: int) -> np.random.Generator:
        """Return a random stream of its own for each key, period and mix of classes."""
        mix = sum(1 << kind for kind in self.classes)
        sequence = np.random.SeedSequence(self.seed, spawn_key=(*self.period.encode(), mix, *key))
        return np.random.default_rng(sequence)

    def lineage(self, events: int | None = None) -> str:
        """Return the sha256 of all that decides what the file holds."""
        package = Path(__file__).parent
        others = ("constants.py", "cuts/shower.py", "cuts/hcal.py", "io/format.py", "io/writing.py")
        config = self.config
        return lineage(
            self.period,
            self.seed,
            events,
            config.periods[self.period].model_dump(exclude={"files", "efficiency"}),
            config.conditions.model_dump(),
            config.simulation.model_dump(),
            source_digest([package, *(package.parent / name for name in others)]),
            np.__version__,
            [sha256_array(self.signal.e_ap), sha256_array(self.signal.depth)],
            self.signal.expected,
            [kind.name for kind in self.classes],
        )


@dataclass(frozen=True)
class Spills:
    """Consecutive spills, arrays ``(k,)``: run, spill in the run, electrons on target."""

    run_number: Integers
    spill: Integers
    intensity: npt.NDArray[np.float64]

    @property
    def eot(self) -> float:
        """Electrons on target of all spills."""
        return float(self.intensity.sum())

    def up_to(self, eot: float) -> "Spills":
        """Return the spills until `eot` electrons have come; the last one is cut short."""
        before = np.cumsum(self.intensity) - self.intensity
        inside = before < eot
        intensity = np.minimum(self.intensity, eot - before)[inside]
        return Spills(self.run_number[inside], self.spill[inside], intensity)


def draw_spills(plan: Plan, index: int) -> Spills:
    """Draw the spills of a block: runs in order, intensities in the range of their run."""
    rng = plan.rng(index, 1)
    spill = (index + np.arange(2)) * plan.spills_per_block
    number = np.arange(*spill)
    runs = plan.config.periods[plan.period].runs
    n_runs = runs.last - runs.first + 1
    run = np.minimum(number * n_runs // plan.spills, n_runs - 1)
    rows = plan.config.conditions.intensity
    limits = np.array([(row.value.low, row.value.high) for row in rows])
    low, high = limits[row_of(rows, runs.first + run)].T
    return Spills(
        run_number=runs.first + run,
        spill=number + (-run * plan.spills // n_runs) + 1,
        intensity=low + (high - low) * rng.random(len(number)),
    )


def simulate_block(plan: Plan, index: int, spills: Spills) -> Arrays:
    """Return the triggered events of a block in the order of time.

    Parameters
    ----------
    plan : Plan
    index : int
        Number of the block, from 0.
    spills : Spills
        From `draw_spills`.

    Returns
    -------
    dict of str to array
        All branches of the format, truth included.
    """
    rng = plan.rng(index, 2)
    config = plan.config
    acceptance = row_at(config.conditions.hcal_acceptance, int(spills.run_number[0])).value
    context = Context(config.simulation, acceptance, plan.signal)
    truth = join(
        [
            GENERATORS[kind](rng, int(rng.poisson(rate * spills.eot)), context)
            for kind, rate in plan.rates().items()
        ]
    )
    n = len(truth)
    spread = 1 + MOMENTUM_SPREAD * rng.standard_normal(n)
    truth = take(truth, rng.permutation(n)).scaled(spread)
    cumulative = np.cumsum(spills.intensity) / spills.eot
    place, t_spill = _in_order(rng, np.searchsorted(cumulative[:-1], rng.random(n)))
    run_number, spill = spills.run_number[place], spills.spill[place]
    intensity = spills.intensity[place].astype(np.float32)
    state = resolve(config.conditions, run_number, spill, intensity)
    arrays, kept = observe(rng, truth, state, config.simulation)
    factor = np.zeros(len(EventClass))
    for kind, value in plan.prescales().items():
        factor[kind] = value
    arrays |= {
        "run_number": run_number[kept],
        "spill": spill[kept],
        "event": _count(place[kept]),
        "t_spill": t_spill[kept],
        "eot_spill": intensity[kept],
        "weight_true": factor[arrays["class_true"]],
    }
    return {name: arrays[name].astype(kind.base, copy=False) for name, kind in _TYPES.items()}


def simulate(
    plan: Plan, *, events: int | None = None, workers: int = 1
) -> Iterator[tuple[Arrays, float]]:
    """Yield blocks of triggered events, and the electrons on target that each stands for.

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
    for spills, arrays in _make_blocks(plan, tasks, workers):
        n = len(arrays["event"])
        if events is None or found + n <= events:
            yield arrays, spills.eot
        else:
            left = events - found
            yield {name: array[:left] for name, array in arrays.items()}, spills.eot * left / n
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
                for index, spills in itertools.islice(tasks, workers + AHEAD - len(waiting)):
                    waiting.append((spills, pool.submit(simulate_block, plan, index, spills)))
                if not waiting:
                    return
                spills, future = waiting.popleft()
                yield spills, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def make_events(
    plan: Plan, *, events: int | None = None, workers: int = 1
) -> tuple[Arrays, FileMetadata]:
    """Return all events of a plan in memory, and what their file would say of itself."""
    blocks, eot = [], 0.0
    for arrays, part in simulate(plan, events=events, workers=workers):
        blocks.append(arrays)
        eot += part
    joined = {
        name: np.concatenate([np.empty(0, kind), *(block[name] for block in blocks)])
        for name, kind in _TYPES.items()
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
    entries, eot = 0, 0.0

    def blocks() -> Iterator[Arrays]:
        nonlocal entries, eot
        for arrays, part in simulate(plan, events=events, workers=workers):
            entries += len(arrays["event"])
            eot += part
            if progress is not None:
                progress(entries)
            yield arrays

    if events is not None:
        check_space(path, events * LEAST_BYTES)
    return write_events(
        path,
        blocks(),
        lambda: _metadata(plan, events, entries, eot),
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


def _in_order(rng: np.random.Generator, place: Integers) -> tuple[Integers, Times]:
    """Return the spills of events in order, and their times [ns], in order in each spill."""
    t_spill = SPILL * rng.random(len(place))
    order = np.lexsort((t_spill, place))
    return place[order], t_spill[order]


def _count(place: Integers) -> Integers:
    """Return the number of each event in its spill, for the sorted spills ``(n,)`` of events."""
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    length = np.diff(np.append(starts, len(place)))
    return np.arange(len(place)) - np.repeat(starts, length)
