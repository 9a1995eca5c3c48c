"""An excess over the background: p-value by toys, significance, and the signal that fits it."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm

from na64ana.errors import LimitError
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import CountingModel
from na64ana.stats.toys import SEED, share_of_toys

Floats = npt.NDArray[np.float64]

#: Toys without a signal, and the kind of their random numbers.
N_TOYS, KIND = 100_000, 2


@dataclass(frozen=True)
class Excess:
    """How likely the background makes as much, and how much signal fits best.

    Attributes
    ----------
    p_value : float
        Share of toys without a signal whose q0 is at least that of the data.
    p_low, p_high : float
        Its 68 % interval (Clopper and Pearson), as toys are few.
    significance : float
        Standard deviations of a normal distribution with this p-value, one-sided; zero for no
        excess. A lower limit where no toy was as extreme.
    asymptotic : float
        The same by the asymptotic formula, the root of q0.
    events, down, up : float
        Signal events that fit best, and their errors: where -2 ln of the likelihood ratio is one.
    n_toys, seed : int
    """

    p_value: float
    p_low: float
    p_high: float
    significance: float
    asymptotic: float
    events: float
    down: float
    up: float
    n_toys: int
    seed: int


def compute_excess(model: CountingModel, *, n_toys: int = N_TOYS, seed: int = SEED) -> Excess:
    """Compute the p-value of the background, and the best signal.

    Counts and auxiliary measurements fluctuate around what fits the data without a signal.

    Parameters
    ----------
    model : CountingModel
        With observed events; any scale of the signal.
    n_toys, seed : int

    Raises
    ------
    LimitError
        If the box is closed, there is no signal, or a fit fails.
    """
    if model.observed is None:
        msg = "the box is closed: there is no excess to speak of"
        raise LimitError(msg)
    likelihood = Likelihood(model.unit().merged())
    counts = np.array(model.observed, float)
    (q,) = likelihood.q_zero(counts)
    if not math.isfinite(q):
        msg = "the data could not be fitted with and without a signal"
        raise LimitError(msg)
    centre = likelihood.fit(counts, mu=0.0).pulls
    means = likelihood.rates(0.0, centre)
    share = share_of_toys(likelihood.q_zero, float(q), means, centre, n_toys, [seed, KIND])
    events, down, up = _interval(likelihood, counts)
    return Excess(
        p_value=share.value,
        p_low=share.low,
        p_high=share.high,
        significance=max(float(norm.isf(share.value or share.high)), 0.0) if q > 0 else 0.0,
        asymptotic=math.sqrt(max(float(q), 0.0)),
        events=events,
        down=down,
        up=up,
        n_toys=share.total,
        seed=seed,
    )


def _interval(likelihood: Likelihood, counts: Floats) -> tuple[float, float, float]:
    """Return the best mu and the distances to where the likelihood ratio is one standard error."""
    best = likelihood.fit(counts)
    start = best.pulls

    def excess(mu: float) -> float:
        return 2 * (likelihood.fit(counts, mu=mu, start=start).nll - best.nll) - 1

    high = max(2 * best.mu, 1.0)
    while excess(high) < 0:
        high *= 2
        if high > 1e6:
            msg = "the likelihood does not fall with the signal; check its errors"
            raise LimitError(msg)
    up = brentq(excess, best.mu, high, xtol=1e-6) - best.mu
    down = best.mu
    if best.mu > 0 and excess(0.0) > 0:
        down = best.mu - brentq(excess, 0.0, best.mu, xtol=1e-6)
    return best.mu, float(down), float(up)
