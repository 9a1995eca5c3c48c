"""Where to cut: the mean limit that data without a signal are expected to give.

PRL 131 (2023) 161801: the ECAL energy cut of each run was chosen by 'an average expected bound'.
The median jumps from one number of events to the next; the mean does not.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, qmc

from na64ana.errors import LimitError
from na64ana.stats import marginalised
from na64ana.stats.interpolation import factor
from na64ana.stats.model import Channel, CountingModel, Sample

Floats = npt.NDArray[np.float64]

#: Probability of more events than are summed over, and most events.
TAIL, N_MAX = 1e-3, 12
#: Relative difference of limits that no analysis would notice (choice).
FLAT = 0.01


@dataclass(frozen=True)
class Scan:
    """Mean expected limits against a cut.

    Attributes
    ----------
    cuts : array (n,)
    background, down, up : array (n,)
        Events in the box, and the factors of one standard deviation.
    signal : array (n,)
        Signal events at mu = 1.
    limits : array (n,)
        Mean expected limits on mu.
    """

    cuts: Floats
    background: Floats
    down: Floats
    up: Floats
    signal: Floats
    limits: Floats

    @property
    def best(self) -> float:
        """The cut with the strongest limit."""
        return float(self.cuts[np.argmin(self.limits)])

    @property
    def flat(self) -> tuple[float, float]:
        """The cuts around the best one whose limit is weaker by less than `FLAT`."""
        good = self.cuts[self.limits <= self.limits.min() * (1 + FLAT)]
        return float(good.min()), float(good.max())


def mean_expected_limit(
    background: float, factors: tuple[float, float], signal_error: float, level: float
) -> float:
    """Return the mean limit on the signal events of one channel without a signal.

    Parameters
    ----------
    background : float
        Expected events.
    factors : tuple of float
        Its log-normal error.
    signal_error : float
        Relative error of the signal.
    level : float
        Confidence level.
    """
    pulls = np.asarray(norm.ppf(qmc.Sobol(1, rng=marginalised.SEED).random(256)))[:, 0]
    means = background * factor(pulls, *factors)
    total = weight = 0.0
    errors = {"signal": (1 / (1 + signal_error), 1 + signal_error)}
    for n in range(N_MAX + 1):
        probability = float(np.exp(n * np.log(means) - means - math.lgamma(n + 1)).mean())
        sample = Sample("background", background, {"background": factors})
        channel = Channel("box", n, (Sample("signal", 1.0, errors),), (sample,))
        limit = marginalised.compute_limit(CountingModel((channel,)), level, expected=False)
        if limit.observed is None:
            msg = "a limit without an observed number is no limit"
            raise LimitError(msg)
        total += probability * limit.observed
        weight += probability
        if weight > 1 - TAIL:
            break
    return total / weight


def scan_cuts(
    cuts: Floats,
    background: Floats,
    factors: Floats,
    signal: Floats,
    *,
    signal_error: float,
    level: float,
) -> Scan:
    """Compute mean expected limits on mu for cuts ``(n,)``.

    Parameters
    ----------
    cuts : array (n,)
    background : array (n,)
        Expected events.
    factors : array (n, 2)
        Their log-normal errors.
    signal : array (n,)
        Signal events at mu = 1.
    signal_error, level : float
    """
    limits = [
        mean_expected_limit(float(b), (float(low), float(high)), signal_error, level) / s
        for b, (low, high), s in zip(background, factors, signal, strict=True)
    ]
    return Scan(cuts, background, factors[:, 0], factors[:, 1], signal, np.array(limits))
