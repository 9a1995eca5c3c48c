"""What is to be simulated, and the spills in which it happens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.config.conditions import row_of
from na64ana.io.format import EventClass
from na64ana.provenance import lineage, sha256_array, source_digest
from na64ana.simulation.classes import Signal

Integers = npt.NDArray[np.int64]

#: Particles of the beam that do nothing new; of these no analysis needs many.
BEAM_PARTICLES = (
    EventClass.BEAM_ELECTRON,
    EventClass.BEAM_PION,
    EventClass.BEAM_KAON,
    EventClass.BEAM_MUON,
)
#: Expected events of a block before the trigger: its arrays fit into the caches of a core.
BLOCK_EVENTS = 4096
#: Most events of a class that are simulated per spill; more are prescaled.
MAX_PER_SPILL = 1000


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
    triggered : bool
        Whether only triggered events are kept, as the DAQ does; all, to count what is lost.
    """

    config: Config
    period: str
    seed: int
    signal: Signal = field(default_factory=Signal)
    classes: tuple[EventClass, ...] = tuple(EventClass)
    triggered: bool = True

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
        others = (
            "constants.py",
            "cuts/template.py",
            "io/derived.py",
            "io/format.py",
            "io/writing.py",
        )
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
            self.triggered,
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

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a file lists of its spills."""
        return {"run_number": self.run_number, "spill": self.spill, "eot": self.intensity}

    def until(self, run: int, spill: int) -> "Spills":
        """Return the spills up to one of them, which is included."""
        stop = 1 + int(np.flatnonzero((self.run_number == run) & (self.spill == spill))[0])
        return Spills(self.run_number[:stop], self.spill[:stop], self.intensity[:stop])

    def up_to(self, eot: float) -> "Spills":
        """Return the spills until `eot` electrons have come; the last one is cut short."""
        before = np.cumsum(self.intensity) - self.intensity
        inside = before < eot
        intensity = np.minimum(self.intensity, eot - before)[inside]
        return Spills(self.run_number[inside], self.spill[inside], intensity)


def join_spills(parts: Sequence[Spills]) -> Spills:
    """Return all spills, one part after the other."""
    none = Spills(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Spills(
        *(
            np.concatenate([getattr(part, field.name) for part in (none, *parts)])
            for field in fields(Spills)
        )
    )


def draw_spills(plan: Plan, index: int) -> Spills:
    """Draw the spills of a block: runs in order, intensities in the range of their run."""
    rng = plan.rng(index, 1)
    spill = (index + np.arange(2)) * plan.spills_per_block
    number = np.arange(*spill)
    runs = plan.config.periods[plan.period].runs
    n_runs = runs.last - runs.first + 1
    # Events beyond those of the period come in further spills of the same runs.
    cycle, number = np.divmod(number, plan.spills)
    run = number * n_runs // plan.spills
    rows = plan.config.conditions.intensity
    limits = np.array([(row.value.low, row.value.high) for row in rows])
    low, high = limits[row_of(rows, runs.first + run)].T
    return Spills(
        run_number=runs.first + run,
        spill=number + (-run * plan.spills // n_runs) + 1 + cycle * (plan.spills // n_runs + 1),
        intensity=low + (high - low) * rng.random(len(number)),
    )
