"""CLs by pseudo-experiments: counts and auxiliary measurements fluctuate, q-tilde orders them.

The frequentist construction of the LHC (ATL-PHYS-PUB-2011-11): toys with a signal are drawn at the
tested mu with the pulls that fit the data there, toys without one at mu = 0. The random numbers
behind them are the same for every mu, so that CLs(mu) is smooth and a limit is the root of a
function. Toys come in chunks with a seed each: the same numbers for any executor, and chunks that
were made at different places add up.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import poisson

from na64ana.errors import LimitError
from na64ana.stats import asymptotic, kernels
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import CountingModel, EventLimit
from na64ana.tally.efficiency import Efficiency

Floats = npt.NDArray[np.float64]

#: Toys of either kind, toys per chunk, and seed, unless others are asked for.
N_TOYS, CHUNK, SEED = 20_000, 5_000, 20231017
#: Test statistics that differ by less are ties: fits are exact to about 1e-10.
TIE = 1e-8
#: Ratio of the values of mu at which toys are made, and the largest one.
LADDER, MU_MAX = 1.3, 1e6
#: Expected events from which counts are drawn by scipy.
MANY = 100.0
#: Share of toys whose fit may fail.
FAILED_MAX = 1e-3
#: Toys of either kind that must be at least as extreme as the data, for an error to be believed.
N_EXTREME = 25


@dataclass(frozen=True, eq=False)
class ToySample:
    """Test statistics of toys at one mu; samples of other chunks add.

    Attributes
    ----------
    mu : float
    chunks : tuple of int
        Which chunks of random numbers.
    with_signal, without_signal : array (n,)
        q-tilde of toys of either kind, without those whose fit failed.
    failed : tuple of int
        Toys of either kind whose fit failed. They make CLs larger: those with a signal count as
        extreme, those without as not.
    """

    mu: float
    chunks: tuple[int, ...]
    with_signal: Floats
    without_signal: Floats
    failed: tuple[int, int]

    def __add__(self, other: "ToySample") -> "ToySample":
        if self.mu != other.mu or set(self.chunks) & set(other.chunks):
            msg = "toys add at the same mu, and each chunk once"
            raise ValueError(msg)
        return ToySample(
            self.mu,
            tuple(sorted(self.chunks + other.chunks)),
            np.concatenate([self.with_signal, other.with_signal]),
            np.concatenate([self.without_signal, other.without_signal]),
            (self.failed[0] + other.failed[0], self.failed[1] + other.failed[1]),
        )

    def cls(self, q: float) -> tuple[float, float]:
        """Return ln CLs of data with the test statistic `q`, and its Monte Carlo error.

        Without any toy as extreme as the data the error is infinite.
        """
        extreme = [int((toys >= q - TIE).sum()) for toys in (self.with_signal, self.without_signal)]
        extreme[0] += self.failed[0]
        totals = [
            len(toys) + failed
            for toys, failed in zip(
                (self.with_signal, self.without_signal), self.failed, strict=True
            )
        ]
        if not all(extreme):
            return (-math.inf if not extreme[0] else math.inf), math.inf
        shares = [k / n for k, n in zip(extreme, totals, strict=True)]
        variance = sum((1 - p) / k for p, k in zip(shares, extreme, strict=True))
        return math.log(shares[0] / shares[1]), math.sqrt(variance)


def make_toys(
    likelihood: Likelihood, mu: float, pulls: tuple[Floats, Floats], seed: int, chunk: int, n: int
) -> ToySample:
    """Return the toys of one chunk.

    Parameters
    ----------
    likelihood : Likelihood
    mu : float
    pulls : tuple of array (parameters,)
        At which toys with and without a signal are drawn.
    seed, chunk : int
        Of the random numbers.
    n : int
        Toys of either kind.
    """
    made = []
    for kind, (at, centre) in enumerate(zip((mu, 0.0), pulls, strict=True)):
        rng = np.random.default_rng([seed, chunk, kind])
        uniform = rng.random((n, likelihood.n_channels))
        aux = centre + rng.normal(size=(n, likelihood.n_parameters))
        counts = draw_counts(uniform, likelihood.rates(at, centre))
        made.append(likelihood.q_tilde(mu, counts, aux))
    with_signal, without = (q[np.isfinite(q)] for q in made)
    failed = n - len(with_signal), n - len(without)
    return ToySample(mu, (chunk,), with_signal, without, failed)


def draw_counts(uniform: Floats, means: Floats) -> Floats:
    """Return Poisson counts ``(n, channels)`` at quantiles of the same shape."""
    counts = np.empty_like(uniform)
    few = means <= MANY
    drawn = np.empty((len(uniform), int(few.sum())))
    kernels.draw_counts(np.ascontiguousarray(uniform[:, few]), means[few], drawn)
    counts[:, few] = drawn
    counts[:, ~few] = poisson.ppf(uniform[:, ~few], means[~few])
    return counts


def share_of_toys(
    statistic: Callable[[Floats, Floats], Floats],
    observed: float,
    means: Floats,
    centre: Floats,
    n_toys: int,
    seed: list[int],
) -> Efficiency:
    """Return the share of toys whose statistic is at least the observed one, with its interval.

    Parameters
    ----------
    statistic : callable
        Of counts ``(n, channels)`` and auxiliary measurements ``(n, parameters)``; NaN where a fit
        failed.
    observed : float
    means : array (channels,)
        Of the counts.
    centre : array (parameters,)
        Of the auxiliary measurements, each with an error of one.
    n_toys : int
    seed : list of int
        Of the random numbers; chunks have their own.

    Raises
    ------
    LimitError
        If too many toys cannot be fitted.
    """
    extreme = total = 0
    for chunk, start in enumerate(range(0, n_toys, CHUNK)):
        n = min(CHUNK, n_toys - start)
        rng = np.random.default_rng([seed[0], chunk, *seed[1:]])
        uniform = rng.random((n, len(means)))
        aux = centre + rng.normal(size=(n, len(centre)))
        toys = statistic(draw_counts(uniform, means), aux)
        extreme += int((toys >= observed - TIE).sum())
        total += int(np.isfinite(toys).sum())
    if total < (1 - FAILED_MAX) * n_toys or not total:
        msg = f"{n_toys - total} of {n_toys} toys could not be fitted"
        raise LimitError(msg)
    return Efficiency.of(extreme, total)


class ToyLimits:
    """CLs of a model by toys, at any mu.

    Parameters
    ----------
    model : CountingModel
        With one signal event in total at mu = 1 (`CountingModel.unit`).
    n_toys : int
        Of either kind, at each mu.
    seed : int
    executor : Executor or None
        Anything with ``map``; None takes a thread per worker.
    workers : int
        Threads, without an executor.
    """

    def __init__(
        self,
        model: CountingModel,
        *,
        n_toys: int = N_TOYS,
        seed: int = SEED,
        executor: Executor | None = None,
        workers: int = 2,
    ) -> None:
        self.likelihood = Likelihood(model)
        self.seed, self.executor, self.workers = seed, executor, workers
        self.sizes = [min(CHUNK, n_toys - start) for start in range(0, n_toys, CHUNK)]
        nominal = self.likelihood.nominal_aux
        self.counts = None if model.observed is None else np.array(model.observed, float)
        self.without = (
            nominal if self.counts is None else self.likelihood.fit(self.counts, mu=0.0).pulls
        )
        self._samples: dict[float, ToySample] = {}

    def sample(self, mu: float) -> ToySample:
        """Return the toys at a mu; they are made once.

        Raises
        ------
        LimitError
            If the data cannot be fitted, or too many toys cannot.
        """
        if mu not in self._samples:
            pulls = self.without
            if self.counts is not None:
                pulls = self.likelihood.fit(self.counts, mu=mu).pulls
            tasks = [
                (self.likelihood, mu, (pulls, self.without), self.seed, i, size)
                for i, size in enumerate(self.sizes)
            ]
            parts = list(self._map(tasks))
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            n = 2 * sum(self.sizes)
            if sum(total.failed) > FAILED_MAX * n:
                msg = f"{sum(total.failed)} of {n} toys at mu = {mu:.4g} could not be fitted"
                raise LimitError(msg)
            self._samples[mu] = total
        return self._samples[mu]

    def _map(self, tasks: Sequence[tuple[object, ...]]) -> Iterable[ToySample]:
        if self.executor is not None:
            return self.executor.map(_make, tasks)
        with ThreadPoolExecutor(self.workers) as threads:
            return list(threads.map(_make, tasks))

    def observed(self, mu: float) -> tuple[float, float]:
        """Return ln CLs of the data and its Monte Carlo error."""
        if self.counts is None:
            msg = "the box is closed: there is no observed CLs"
            raise LimitError(msg)
        (q,) = self.likelihood.q_tilde(mu, self.counts)
        if not math.isfinite(q):
            msg = f"the data could not be fitted at mu = {mu:.4g}"
            raise LimitError(msg)
        return self.sample(mu).cls(float(q))

    def expected(self, mu: float, sigma: float) -> tuple[float, float]:
        """Return ln CLs of data without a signal, at a number of standard deviations.

        The limit is below mu for as many data sets as have CLs(mu) below 1 - CL, and CLs falls with
        q-tilde: so the quantile of the limit is the opposite one of q-tilde.
        """
        sample = self.sample(mu)
        toys, p = np.sort(sample.without_signal), 1 - ndtr(sigma)
        spread = math.sqrt(len(toys) * p * (1 - p))
        places = np.clip(len(toys) * p + spread * np.array([-1, 0, 1]), 0, len(toys) - 1)
        low, (value, error), high = (sample.cls(float(toys[int(i)])) for i in places)
        # the quantile of so many toys is uncertain, too
        return value, math.hypot(error, (high[0] - low[0]) / 2)


def _make(task: tuple[object, ...]) -> ToySample:
    return make_toys(*task)  # type: ignore[arg-type]


def compute_limit(
    model: CountingModel,
    confidence_level: float,
    *,
    expected: bool = True,
    n_toys: int = N_TOYS,
    seed: int = SEED,
    executor: Executor | None = None,
    workers: int = 2,
) -> EventLimit:
    """Compute observed and expected limits on the signal events by toys.

    Parameters
    ----------
    model : CountingModel
        Any scale of the signal; the limit counts the events of all channels.
    confidence_level : float
    expected : bool
        Whether to compute the expected limits.
    n_toys, seed, executor, workers
        As in `ToyLimits`.

    Returns
    -------
    EventLimit
        With the Monte Carlo error of the observed limit (or of the median).

    Raises
    ------
    LimitError
        If there is no signal, too few toys for the confidence level, or no limit is found.
    """
    alpha = 1 - confidence_level
    if n_toys * alpha < N_EXTREME:
        needed = math.ceil(N_EXTREME / alpha - 1e-6)
        msg = f"{n_toys} toys are too few for {100 * confidence_level:g} % CL, take {needed}"
        raise LimitError(msg)
    unit = model.unit().merged()
    toys = ToyLimits(unit, n_toys=n_toys, seed=seed, executor=executor, workers=workers)
    begin, begins = _guess(model, confidence_level, expected=expected)
    observed, error, bands = None, None, None
    if toys.counts is not None:
        observed, error = _root(toys.observed, math.log(alpha), begin)
    if expected:
        found = []
        for sigma, start in zip(asymptotic.SIGMAS, begins, strict=True):
            found.append(
                _root(lambda mu, s=sigma: toys.expected(mu, s), math.log(alpha), start)  # type: ignore[misc]
            )
        # CLs is no strict function of q-tilde where auxiliary data fluctuate
        minus2, minus1, median, plus1, plus2 = sorted(limit for limit, _ in found)
        bands = (minus2, minus1, median, plus1, plus2)
        error = found[2][1] if error is None else error
    return EventLimit(
        "toys", confidence_level, observed, bands, error=error, n_toys=n_toys, seed=seed
    )


def compute_cls(
    model: CountingModel, events: float, *, n_toys: int = N_TOYS, seed: int = SEED
) -> tuple[float, float]:
    """Return CLs of the data for a number of signal events in all channels, and its error.

    Raises
    ------
    LimitError
        If there is no signal, the box is closed, or a fit fails.
    """
    toys = ToyLimits(model.unit().merged(), n_toys=n_toys, seed=seed)
    value, error = toys.observed(events)
    return math.exp(value), math.exp(value) * error


def _guess(
    model: CountingModel, confidence_level: float, *, expected: bool
) -> tuple[float, Sequence[float]]:
    """Return where to begin the search: at asymptotic limits, if there are any."""
    try:
        guess = asymptotic.compute_limit(model, confidence_level, expected=expected)
    except LimitError:
        usual = -math.log(1 - confidence_level)
        return usual, [usual] * len(asymptotic.SIGMAS)
    return guess.observed or 2.0, guess.expected or ()


def _root(
    log_cls: Callable[[float], tuple[float, float]], wanted: float, start: float
) -> tuple[float, float]:
    """Return the mu at which ln CLs falls to `wanted`, and its Monte Carlo error.

    On a ladder of mu, whose toys all limits of a model share, the two steps around the root and the
    one below them are found, a parabola through them, and a secant step from its root.
    """
    found: dict[int, tuple[float, float]] = {}

    def excess(step: int) -> float:
        if step not in found:
            value, error = log_cls(LADDER**step)
            found[step] = (value - wanted, error)
        return found[step][0]

    step = round(math.log(start) / math.log(LADDER))
    while excess(step) > 0:
        step += 1
        if LADDER**step > MU_MAX:
            msg = "CLs of the toys stays above 1 - CL for any signal; check its errors"
            raise LimitError(msg)
    while excess(step - 1) <= 0:
        step -= 1
        if LADDER**step < 1 / MU_MAX:
            msg = "CLs of the toys is below 1 - CL for any signal; check the model"
            raise LimitError(msg)
    steps = [k for k in (step - 2, step - 1, step) if math.isfinite(excess(k))]
    if len(steps) < 2:
        msg = "no toy with a signal is as extreme as the data; take more toys"
        raise LimitError(msg)
    low, high = LADDER ** steps[-2], LADDER ** steps[-1]
    slope = (excess(steps[-2]) - excess(steps[-1])) / (high - low)
    mu = low + excess(steps[-2]) / slope
    if len(steps) == 3:
        roots = np.roots(np.polyfit([LADDER**k for k in steps], [excess(k) for k in steps], 2))
        inside = [float(root.real) for root in roots if low <= root.real <= high]
        mu = inside[0] if inside else mu
    # Below the best fit ln CLs is bent: at the root itself the toys have the last word.
    value, error = log_cls(mu)
    if not math.isfinite(value):
        return mu, found[steps[-1]][1] / abs(slope)
    end = (low, excess(steps[-2])) if value < wanted else (high, excess(steps[-1]))
    if abs(end[0] - mu) > 0.02 * mu:
        slope = abs((end[1] - (value - wanted)) / (end[0] - mu))
    return mu + (value - wanted) / slope, error / slope
