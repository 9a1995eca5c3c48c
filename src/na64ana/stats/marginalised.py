"""CLs with nuisance parameters averaged over, by an exact sum over outcomes.

The method of Cousins and Highland (NIM A 320 (1992) 331) with the ordering of Junk (NIM A 434
(1999) 435): outcomes, the counts of all channels, are ordered by
Q = sum_i n_i ln(1 + mu s_i / b_i) with nominal s and b; CLs+b and CLb are the probabilities of an
outcome with Q no larger than the observed one, Poisson probabilities averaged over the
log-normal errors; CLs = CLs+b / CLb. For zero observed events in all channels this is
E[exp(-s-b)] / E[exp(-b)], and without errors exp(-s): 2.303 events at 90 %, exactly.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaln, ndtr
from scipy.stats import norm, qmc

from na64ana.errors import LimitError
from na64ana.stats.interpolation import factor
from na64ana.stats.model import CountingModel, EventLimit, Sample

Floats = npt.NDArray[np.float64]

#: Points of the quasi-random average over nuisance parameters (a power of two), and their seed.
N_DRAWS = 512
SEED = 20231017
#: Outcomes are enumerated until the rest has at most this probability without a signal, or there
#: are this many. The rest counts as more signal-like than any outcome that was enumerated.
TAIL = 1e-4
MAX_OUTCOMES = 60_000
#: Events in all channels together up to which outcomes are enumerated.
MAX_EVENTS = 300
#: Share of the signal below which a channel says nothing.
SHARE_MIN = 1e-6
#: Outcomes whose Q differs by less are ties.
TIE = 1e-9


class TooManyOutcomesError(LimitError):
    """The sum over outcomes has too many terms; another method is needed."""


@dataclass(frozen=True)
class _Ensemble:
    """Nominal and drawn rates: arrays ``(channels,)`` and ``(draws, channels)``; outcomes."""

    signal: Floats
    background: Floats
    signals: Floats
    backgrounds: Floats
    outcomes: Floats

    def weights(self, mu: float, chosen: npt.NDArray[np.intp]) -> Floats:
        """Return the marginal probability of the chosen outcomes."""
        rates = mu * self.signals + self.backgrounds
        log_rates, total = np.log(rates).T, rates.sum(axis=1)
        blocks = []
        for start in range(0, len(chosen), 4096):  # bounds the memory
            counts = self.outcomes[chosen[start : start + 4096]]
            log_p = counts @ log_rates - total - gammaln(counts + 1).sum(axis=1)[:, None]
            blocks.append(np.exp(log_p).mean(axis=1))
        return np.concatenate(blocks)

    @cached_property
    def without_signal(self) -> Floats:
        """Return the marginal probability of every outcome for mu = 0."""
        return self.weights(0.0, np.arange(len(self.outcomes)))

    def ordering(self, mu: float) -> Floats:
        """Return Q of every outcome."""
        return np.asarray(self.outcomes @ np.log1p(mu * self.signal / self.background))

    def log_cls(self, mu: float, q: Floats, threshold: float) -> float:
        """Return ln CLs for an observed Q of `threshold`."""
        below = np.flatnonzero(q <= threshold + TIE)
        return math.log(self.weights(mu, below).sum() / self.without_signal[below].sum())

    def log_cls_observed(self, mu: float, observed: tuple[int, ...]) -> float:
        """Return ln CLs for the observed counts."""
        index = int(np.flatnonzero((self.outcomes == observed).all(axis=1))[0])
        q = self.ordering(mu)
        return self.log_cls(mu, q, q[index])

    def log_cls_quantile(self, mu: float, probability: float) -> float:
        """Return ln CLs for the outcome at a quantile of Q, without a signal.

        The limit is below mu for as many outcomes as have CLs(mu) below 1 - CL, and CLs grows
        with Q: at the wanted quantile of the limit, the same quantile of Q has CLs = 1 - CL.
        """
        q = self.ordering(mu)
        order = np.argsort(q, kind="stable")
        reached = np.cumsum(self.without_signal[order])
        place = np.searchsorted(reached, probability * (1 - 1e-12))
        return self.log_cls(mu, q, q[order[place]])


def compute_limit(
    model: CountingModel, confidence_level: float, *, expected: bool = True
) -> EventLimit:
    """Compute observed and expected limits on the signal events.

    Parameters
    ----------
    model : CountingModel
        Any scale of the signal; the limit counts the events of all channels.
    confidence_level : float
        For example 0.9.
    expected : bool
        Whether to compute the expected limits.

    Returns
    -------
    EventLimit
        An expected limit is infinite where data that extreme lie beyond the sum over outcomes.

    Raises
    ------
    LimitError
        If there is no signal; `TooManyOutcomesError` for more observed events than can be summed.

    Examples
    --------
    For nothing observed and no errors the limit is -ln(1 - CL), whatever the background:

    >>> from na64ana.stats.marginalised import compute_limit
    >>> from na64ana.stats.model import Channel, CountingModel, Sample
    >>> signal, background = Sample("signal", 1.0, {}), Sample("background", 0.5, {})
    >>> channel = Channel("V", observed=0, signals=(signal,), backgrounds=(background,))
    >>> limit = compute_limit(CountingModel((channel,)), 0.9, expected=False)
    >>> print(f"{limit.observed:.3f}")
    2.303
    """
    sensitive = _sensitive(model)
    ensemble = _make_ensemble(sensitive)
    alpha = 1 - confidence_level
    observed, bands = None, None
    if sensitive.observed is not None:
        observed = _root(partial(ensemble.log_cls_observed, observed=sensitive.observed), alpha)
    if expected:
        enumerated = float(ensemble.without_signal.sum())
        minus2, minus1, median, plus1, plus2 = (
            _root(partial(ensemble.log_cls_quantile, probability=probability), alpha)
            if probability < enumerated
            else math.inf
            for probability in ndtr(np.arange(-2.0, 3.0)).tolist()
        )
        bands = (minus2, minus1, median, plus1, plus2)
    return EventLimit("marginalised", confidence_level, observed, bands)


def compute_cls(model: CountingModel, events: float) -> float:
    """Return CLs of the data for a number of signal events in all channels.

    Raises
    ------
    LimitError
        As `compute_limit`; also if the box is closed.
    """
    sensitive = _sensitive(model)
    if sensitive.observed is None:
        msg = "the box is closed: there is no observed CLs"
        raise LimitError(msg)
    return math.exp(_make_ensemble(sensitive).log_cls_observed(events, sensitive.observed))


def _sensitive(model: CountingModel) -> CountingModel:
    """Return the channels with a signal, one event in all together."""
    return CountingModel(tuple(c for c in model.unit().channels if c.signal > SHARE_MIN))


def _root(log_cls: Callable[[float], float], alpha: float) -> float:
    """Return the signal at which CLs falls to alpha."""

    def excess(mu: float) -> float:
        return log_cls(mu) - math.log(alpha)

    low, high = 1e-3, 2.0
    while excess(high) > 0:
        low, high = high, 2 * high
        if high > 1e6:
            msg = "CLs stays above 1 - CL for any signal; check the errors of the signal"
            raise LimitError(msg)
    return float(brentq(excess, low, high, xtol=1e-7, rtol=1e-8))


def _make_ensemble(model: CountingModel) -> _Ensemble:
    parameters = model.parameters
    normal = np.zeros((1, 0))
    if parameters:
        sobol = qmc.Sobol(len(parameters), rng=SEED)
        normal = np.asarray(norm.ppf(sobol.random(N_DRAWS)))
    pulls = dict(zip(parameters, normal.T, strict=True))

    def draw(sample: Sample) -> Floats:
        logs = np.zeros(len(normal))
        for name, (down, up) in sample.factors.items():
            logs += np.log(factor(pulls[name], down, up))
        return np.asarray(sample.events * np.exp(logs))

    channels = model.channels
    signals, backgrounds = (
        np.stack([sum(map(draw, samples), np.zeros(1)) for samples in kinds], axis=1)
        for kinds in ([c.signals for c in channels], [c.backgrounds for c in channels])
    )
    return _Ensemble(
        signal=np.array([c.signal for c in channels]),
        background=np.array([c.background for c in channels]),
        signals=signals,
        backgrounds=backgrounds,
        outcomes=_enumerate(backgrounds, model.observed),
    )


def _enumerate(backgrounds: Floats, observed: tuple[int, ...] | None) -> Floats:
    """Return all outcomes ``(outcomes, channels)`` up to a total number of events."""
    n_channels = backgrounds.shape[1]
    totals = backgrounds.sum(axis=1)
    n_max = sum(observed or ()) + 3
    while (
        n_max < MAX_EVENTS
        and _tail(totals, n_max) > TAIL
        and math.comb(n_max + 1 + n_channels, n_channels) <= MAX_OUTCOMES
    ):
        n_max += 1
    if math.comb(n_max + n_channels, n_channels) > MAX_OUTCOMES:
        msg = (
            f"{sum(observed or ())} observed events in {n_channels} channels are too many for "
            "the sum over outcomes"
        )
        raise TooManyOutcomesError(msg)
    # Stars and bars: the gaps between `n_channels` bars among n_max + n_channels places.
    bars = np.array(list(itertools.combinations(range(n_max + n_channels), n_channels)))
    return np.diff(bars, axis=1, prepend=-1).astype(float) - 1


def _tail(totals: Floats, n_max: int) -> float:
    """Return the probability of more than `n_max` events without a signal."""
    n = np.arange(n_max + 1)
    log_p = n * np.log(totals)[:, None] - totals[:, None] - gammaln(n + 1)
    return 1.0 - float(np.exp(log_p).sum(axis=1).mean())
