"""Whether the periods agree with each other: goodness of fit by toys."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from na64ana.errors import LimitError
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import CountingModel
from na64ana.stats.toys import SEED, share_of_toys

Floats = npt.NDArray[np.float64]

#: Toys of the best fit, and the kind of their random numbers.
N_TOYS, KIND = 20_000, 3


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
    if not np.isfinite(deviance):
        msg = "the data could not be fitted"
        raise LimitError(msg)
    means = likelihood.rates(best.mu, best.pulls)
    share = share_of_toys(
        partial(_deviance, likelihood), float(deviance), means, best.pulls, n_toys, [seed, KIND]
    )
    return Consistency(float(deviance), share.value, share.low, share.high, share.total, seed)


def _deviance(likelihood: Likelihood, counts: Floats, aux: Floats) -> Floats:
    saturated = (counts - xlogy(counts, counts)).sum(axis=1)
    return np.asarray(2 * (likelihood.fit_many(counts, aux)[:, 1] - saturated))
