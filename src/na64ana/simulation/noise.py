"""Normal random numbers for the noise and the times of cells, of which an event needs hundreds."""

from functools import cache

import numpy as np
from scipy.special import ndtri

from na64ana.simulation.truth import Floats

_STEPS = 2**16


def draw_noise(rng: np.random.Generator, n: int) -> Floats:
    """Draw ``(n,)`` numbers of mean 0 and standard deviation 1.

    They come from 2^16 equally likely quantiles of the normal distribution, five times faster than
    from the distribution itself. There is nothing beyond 4.3 standard deviations, and no analysis
    looks there: an energy is a sum over cells.
    """
    return np.asarray(_quantiles().take(rng.integers(_STEPS, size=n, dtype=np.uint16)))


@cache
def _quantiles() -> Floats:
    quantiles = ndtri((np.arange(_STEPS) + 0.5) / _STEPS)
    return np.asarray(quantiles / quantiles.std(), np.float32)
