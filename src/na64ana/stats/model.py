"""A counting experiment: a box per period, or bins of E_ECAL of it; log-normal errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from na64ana.errors import LimitError
from na64ana.stats.interpolation import is_positive


def symmetric(relative_error: float) -> tuple[float, float]:
    """Return the log-normal factors of a relative error: 0.1 gives (1/1.1, 1.1)."""
    return 1 / (1 + relative_error), 1 + relative_error


@dataclass(frozen=True)
class Sample:
    """Expected events of a process in one channel.

    `factors` are log-normal errors by parameter: what one standard deviation down or up
    multiplies the events by.
    """

    name: str
    events: float
    factors: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Channel:
    """The signal box of one period, or one bin of it; `observed` is None while it is closed.

    Bins of a box have one name, and numbers from 0.
    """

    name: str
    observed: int | None
    signals: tuple[Sample, ...]
    backgrounds: tuple[Sample, ...]
    bin: int = 0

    @property
    def signal(self) -> float:
        """Nominal signal events at mu = 1."""
        return sum(sample.events for sample in self.signals)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Signals, then backgrounds."""
        return (*self.signals, *self.backgrounds)

    @property
    def background(self) -> float:
        """Nominal background events."""
        return sum(sample.events for sample in self.backgrounds)


@dataclass(frozen=True)
class CountingModel:
    """All channels. The signal is that of mu = 1; `unit` makes it one event in total.

    Raises
    ------
    LimitError
        If a channel is named twice, lacks a background, or has a negative number or a factor
        that is not above zero.
    """

    channels: tuple[Channel, ...]

    def __post_init__(self) -> None:
        places = [(channel.name, channel.bin) for channel in self.channels]
        if len(set(places)) != len(places) or not places:
            names = [name for name, _ in places]
            msg = f"channels must have different names and be at least one, not {names}"
            raise LimitError(msg)
        for channel in self.channels:
            if not channel.backgrounds or not 0 < channel.background < float("inf"):
                msg = f"{channel.name}: the expected background must be more than zero"
                raise LimitError(msg)
            for sample in channel.samples:
                if not 0 <= sample.events < float("inf"):
                    msg = f"{channel.name}, {sample.name}: {sample.events} expected events"
                    raise LimitError(msg)
                if any(not 0 < f < float("inf") for pair in sample.factors.values() for f in pair):
                    msg = f"{channel.name}, {sample.name}: log-normal factors must be positive"
                    raise LimitError(msg)
                if any(not is_positive(*pair) for pair in sample.factors.values()):
                    msg = (
                        f"{channel.name}, {sample.name}: factors {sample.factors} cannot be "
                        "interpolated; at most a factor of 20 either way"
                    )
                    raise LimitError(msg)
            if channel.observed is not None and channel.observed < 0:
                msg = f"{channel.name}: {channel.observed} observed events"
                raise LimitError(msg)

    @property
    def signal(self) -> float:
        """Signal events of all channels at mu = 1."""
        return sum(channel.signal for channel in self.channels)

    @property
    def signals(self) -> tuple[float, ...]:
        """Events of each signal sample at mu = 1, in the order of the channels."""
        return tuple(sample.events for channel in self.channels for sample in channel.signals)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all nuisance parameters, sorted."""
        samples = [sample for channel in self.channels for sample in channel.samples]
        return tuple(sorted({name for sample in samples for name in sample.factors}))

    @property
    def observed(self) -> tuple[int, ...] | None:
        """Observed events by channel; None if any box is closed."""
        counts = tuple(c.observed for c in self.channels if c.observed is not None)
        return counts if len(counts) == len(self.channels) else None

    def scaled(self, factor: float) -> "CountingModel":
        """Return the model with the signal multiplied by `factor`."""
        return CountingModel(
            tuple(
                replace(
                    channel,
                    signals=tuple(replace(s, events=s.events * factor) for s in channel.signals),
                )
                for channel in self.channels
            )
        )

    def with_signals(self, events: Mapping[str, Mapping[str, Sequence[float]]]) -> "CountingModel":
        """Return the model with other signal events, by channel, sample and bin."""
        return CountingModel(
            tuple(
                replace(
                    channel,
                    signals=tuple(
                        replace(s, events=float(events[channel.name][s.name][channel.bin]))
                        for s in channel.signals
                    ),
                )
                for channel in self.channels
            )
        )

    def without_counts(self) -> "CountingModel":
        """Return the model with all boxes closed."""
        return CountingModel(tuple(replace(channel, observed=None) for channel in self.channels))

    def unit(self) -> "CountingModel":
        """Return the model with one signal event in all channels together at mu = 1.

        Raises
        ------
        LimitError
            If there is no signal.
        """
        if not 0 < self.signal < float("inf"):
            msg = "the model has no signal, so nothing is excluded"
            raise LimitError(msg)
        return self.scaled(1 / self.signal)

    def merged(self) -> "CountingModel":
        """Return the same model with signals of the same errors in a channel as one sample."""
        return CountingModel(tuple(replace(c, signals=merge(c.signals)) for c in self.channels))


def merge(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Return samples of the same errors as one."""
    alike: dict[tuple[tuple[str, tuple[float, float]], ...], Sample] = {}
    for one in samples:
        key = tuple(sorted(one.factors.items()))
        before = alike[key].events if key in alike else 0.0
        alike[key] = replace(alike.get(key, one), events=before + one.events)
    return tuple(alike.values())


Method = Literal["toys", "marginalised", "asymptotic"]
METHODS: tuple[Method, ...] = ("toys", "marginalised", "asymptotic")


@dataclass(frozen=True)
class EventLimit:
    """Upper limit on the signal events of all channels together.

    Attributes
    ----------
    method : str
        ``toys``, ``marginalised`` or ``asymptotic``.
    confidence_level : float
        For example 0.9.
    observed : float or None
        Observed limit; None while the box is closed.
    expected : tuple of five floats or None
        Limits that data without a signal give at -2, -1, 0, 1, 2 standard deviations; None where
        they were not asked for.
    error : float or None
        Monte Carlo error of the observed limit, of the median while the box is closed; None if the
        method has none.
    n_toys, seed : int or None
        Of toys.
    """

    method: Method
    confidence_level: float
    observed: float | None
    expected: tuple[float, float, float, float, float] | None
    error: float | None = None
    n_toys: int | None = None
    seed: int | None = None
