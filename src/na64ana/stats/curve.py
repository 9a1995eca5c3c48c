"""From limits on events to limits on epsilon, over a grid of masses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from na64ana.display import html_table, some
from na64ana.errors import LimitError
from na64ana.stats import asymptotic, marginalised, toys
from na64ana.stats.model import CountingModel, EventLimit, Method, merge

Floats = npt.NDArray[np.float64]

#: A limit on events depends on the mass through the shares of channels and processes alone. It is
#: computed at some masses and interpolated at others: where shares are within this of a straight
#: line between two masses; half of it moves limits by less than 1e-3 (tests/physics/test_limits.py)
SHARE_STEP = 2e-3
#: Largest change of a share between two computed masses, by method. Limits are no straight lines
#: either; marginalised ones jump where the order of outcomes changes.
CHORD = {"toys": 0.05, "marginalised": SHARE_STEP / 2}
#: Weight of the share of a process, which matters by its own errors only.
PROCESS_WEIGHT = 0.04


@dataclass(frozen=True)
class LimitCurve:
    """Upper limits on epsilon.

    Attributes
    ----------
    method, confidence_level
        As in `EventLimit`.
    masses : array (n,)
        Masses of the A' [GeV].
    epsilon_0 : array (n,)
        The epsilon that gives one signal event in all channels together.
    event_limits : tuple of EventLimit
        The limit on events at each mass.
    """

    method: Method
    confidence_level: float
    masses: Floats
    epsilon_0: Floats
    event_limits: tuple[EventLimit, ...]

    @property
    def observed(self) -> Floats | None:
        """Observed limits on epsilon ``(n,)``; None while the box is closed."""
        events = [limit.observed for limit in self.event_limits if limit.observed is not None]
        if len(events) < len(self.masses):
            return None
        return np.asarray(self.epsilon_0 * np.sqrt(events))

    @property
    def headline(self) -> Floats:
        """Observed limits on epsilon ``(n,)``, or the expected medians while the box is closed."""
        return self.expected[:, 2] if self.observed is None else self.observed

    @property
    def has_expected(self) -> bool:
        """Whether the expected limits were computed."""
        return all(limit.expected is not None for limit in self.event_limits)

    @property
    def expected(self) -> Floats:
        """Limits on epsilon ``(n, 5)`` expected without a signal, at -2 to 2 sigma.

        Raises
        ------
        LimitError
            If they were not computed.
        """
        events = [limit.expected for limit in self.event_limits if limit.expected is not None]
        if not self.has_expected:
            msg = "the expected limits were not computed; ask for them with expected=True"
            raise LimitError(msg)
        return np.asarray(self.epsilon_0[:, None] * np.sqrt(np.array(events)))

    def _repr_html_(self) -> str:
        head = ["m [MeV]"]
        columns = [(1e3 * self.masses).tolist()]
        if self.observed is not None:
            head.append("observed")
            columns.append(self.observed.tolist())
        if self.has_expected:
            head += ["expected", "-1 sigma", "+1 sigma"]
            columns += [self.expected[:, i].tolist() for i in (2, 1, 3)]
        rows = ([column[i] for column in columns] for i in some(len(self.masses)))
        level = f"{100 * self.confidence_level:g} % CL"
        return html_table(head, rows, title=f"upper limits on epsilon, {level}, {self.method}")


def compute_event_limit(
    model: CountingModel,
    confidence_level: float,
    method: Method,
    *,
    expected: bool = True,
    n_toys: int = toys.N_TOYS,
    seed: int = toys.SEED,
) -> EventLimit:
    """Compute a limit on events by the method named; raises `LimitError`."""
    if method == "toys":
        return toys.compute_limit(
            model, confidence_level, expected=expected, n_toys=n_toys, seed=seed
        )
    compute = {
        "marginalised": marginalised.compute_limit,
        "asymptotic": asymptotic.compute_limit,
    }[method]
    return compute(model, confidence_level, expected=expected)


def compute_curve(
    masses: Sequence[float] | Floats,
    models: Sequence[CountingModel],
    confidence_level: float,
    method: Method,
    *,
    expected: bool = True,
    n_toys: int = toys.N_TOYS,
    seed: int = toys.SEED,
    known: Sequence[tuple[Floats, EventLimit]] = (),
) -> LimitCurve:
    """Compute limits on epsilon for one model per mass.

    Parameters
    ----------
    masses : sequence of float
        Masses of the A' [GeV].
    models : sequence of CountingModel
        One per mass, with the signal of epsilon = 1. They may differ in the signal only.
    confidence_level : float
    method : {"toys", "marginalised", "asymptotic"}
    expected : bool
        Whether to compute the expected limits, too.
    n_toys, seed : int
        Of toys (`na64ana.stats.toys`).
    known : sequence of (array, EventLimit)
        Limits by this method on models that differ in the signal only, with their
        `signal_shares`: not computed again.

    Raises
    ------
    LimitError
        If a model has no signal or its limit cannot be computed.
    """
    for mass, model in zip(masses, models, strict=True):
        if not model.signal > 0:
            msg = f"no signal is expected at {mass:g} GeV for any epsilon"
            raise LimitError(msg)
    if method == "asymptotic":  # all masses in one compiled call
        limits = asymptotic.compute_event_limits(
            models[0], models, confidence_level, expected=expected
        )
    else:
        limits = _along(
            np.array([signal_shares(model) for model in models]),
            lambda i: compute_event_limit(
                models[i], confidence_level, method, expected=expected, n_toys=n_toys, seed=seed
            ),
            CHORD[method],
            known,
        )
    return LimitCurve(
        method=method,
        confidence_level=confidence_level,
        masses=np.asarray(masses, float),
        epsilon_0=np.array([model.signal for model in models]) ** -0.5,
        event_limits=limits,
    )


def signal_shares(model: CountingModel) -> Floats:
    """Return how a signal is shared by channels and, with their weight, by processes.

    Limits on events depend on this alone, for the same backgrounds and errors.
    """
    channels = [merge(channel.signals) for channel in model.channels]
    processes = np.zeros(max(len(samples) for samples in channels))
    for samples in channels:
        for i, sample in enumerate(samples):
            processes[i] += sample.events
    shares = [*(channel.signal for channel in model.channels), *(PROCESS_WEIGHT * processes)]
    return np.array(shares) / model.signal


def _along(
    shares: Floats,
    compute: Callable[[int], EventLimit],
    chord: float,
    known: Sequence[tuple[Floats, EventLimit]] = (),
) -> tuple[EventLimit, ...]:
    """Return the limits of all masses, of which `compute` makes those that are not known."""
    near = [*known]
    steps = np.abs(np.diff(shares, axis=0)).max(axis=1)
    path = np.concatenate([[0.0], np.cumsum(steps)])
    found: dict[int, EventLimit] = {}
    for node in _nodes(shares, path, chord):
        alike = (limit for at, limit in near if np.abs(at - shares[node]).max() < SHARE_STEP / 2)
        found[node] = next(alike, None) or compute(node)
        near.append((shares[node], found[node]))
    nodes = sorted(found)
    limits = []
    for i in range(len(shares)):
        high = int(np.searchsorted(nodes, i))
        one, other = found[nodes[max(high - 1, 0)]], found[nodes[high]]
        if nodes[high] == i or one is other:
            limits.append(other)
            continue
        start, end = path[nodes[high - 1]], path[nodes[high]]
        limits.append(_between(one, other, float((path[i] - start) / (end - start))))
    return tuple(limits)


def _nodes(shares: Floats, path: Floats, chord: float) -> list[int]:
    """Return the masses between which shares follow straight lines (Douglas and Peucker)."""
    nodes, open_intervals = {0, len(shares) - 1}, [(0, len(shares) - 1)]
    while open_intervals:
        low, high = open_intervals.pop()
        length = path[high] - path[low]
        if high - low < 2 or length == 0.0:
            continue
        along = (path[low : high + 1] - path[low]) / length
        line = shares[low] + along[:, None] * (shares[high] - shares[low])
        away = np.abs(shares[low : high + 1] - line).max(axis=1)
        if away.max() < SHARE_STEP / 2 and length < chord:
            continue
        bent = away.max() >= SHARE_STEP / 2
        offset = int(np.argmax(away)) if bent else int(np.searchsorted(along, 0.5))
        middle = low + min(max(offset, 1), high - low - 1)
        nodes.add(middle)
        open_intervals += [(low, middle), (middle, high)]
    return sorted(nodes)


def _between(one: EventLimit, other: EventLimit, weight: float) -> EventLimit:
    """Return the limit between two: linear in the logarithms."""

    def mix(a: float | None, b: float | None) -> float | None:
        if a is None or b is None or not np.isfinite(a + b):
            return None if a is None or b is None else a + b
        return float(a ** (1 - weight) * b**weight)

    expected = None
    if one.expected is not None and other.expected is not None:
        low2, low, median, high, high2 = map(mix, one.expected, other.expected)
        expected = (low2, low, median, high, high2)
    return replace(
        one,
        observed=mix(one.observed, other.observed),
        expected=expected,  # type: ignore[arg-type]  # numbers stay numbers
        error=mix(one.error, other.error),
    )
