"""Whether the periods agree with each other: goodness of fit by toys."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from na64ana.errors import LimitError
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import CountingModel
from na64ana.stats.toys import CHUNK, FAILED_MAX, SEED, TIE, draw_counts
from na64ana.tally.efficiency import Efficiency

Floats = npt.NDArray[np.float64]

#: Toys of the best fit.
N_TOYS = 20_000


@dataclass(frozen=True)
class Consistency:
    """How well one signal and one background describe all channels.

    Attributes
    ----------
    deviance : float
        Twice ln of the likelihood of a model with a rate per channel over that of the best fit.
    p_value : float
        Share of toys of the best fit whose deviance is at least as large.
    p_low, p_high : float
        Its 68 % interval (Clopper and Pearson).
    n_toys, seed : int
    """

    deviance: float
    p_value: float
    p_low: float
    p_high: float
    n_toys: int
    seed: int


def compute_consistency(
    model: CountingModel, *, n_toys: int = N_TOYS, seed: int = SEED
) -> Consistency:
    """Compute how often data of the best fit agree worse with their own fit than the data do.

    The ratio to the saturated model; its usual chi-square distribution is far off for few events.

    Parameters
    ----------
    model : CountingModel
        With observed events; any scale of the signal.
    n_toys, seed : int

    Raises
    ------
    LimitError
        If the box is closed, there is no signal, or fits fail.
    """
    if model.observed is None:
        msg = "the box is closed: there is nothing to be consistent"
        raise LimitError(msg)
    likelihood = Likelihood(model.unit().merged())
    counts = np.array(model.observed, float)
    best = likelihood.fit(counts)
    (deviance,) = _deviance(likelihood, counts[None], likelihood.nominal_aux[None])
    means = likelihood.rates(best.mu, best.pulls)
    worse = total = 0
    for chunk, start in enumerate(range(0, n_toys, CHUNK)):
        n = min(CHUNK, n_toys - start)
        rng = np.random.default_rng([seed, chunk, 3])
        toys = draw_counts(rng.random((n, len(counts))), means)
        aux = best.pulls + rng.normal(size=(n, likelihood.n_parameters))
        found = _deviance(likelihood, toys, aux)
        worse += int((found >= deviance - TIE).sum())
        total += int(np.isfinite(found).sum())
    if total < (1 - FAILED_MAX) * n_toys or not total or not np.isfinite(deviance):
        msg = f"{n_toys - total} of {n_toys} toys could not be fitted"
        raise LimitError(msg)
    share = Efficiency.of(worse, total)
    return Consistency(float(deviance), share.value, share.low, share.high, total, seed)


def _deviance(likelihood: Likelihood, counts: Floats, aux: Floats) -> Floats:
    saturated = (counts - xlogy(counts, counts)).sum(axis=1)
    return np.asarray(2 * (likelihood.fit_many(counts, aux)[:, 1] - saturated))
