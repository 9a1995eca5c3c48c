"""How an event rate follows a nuisance parameter: HistFactory's interpolation code 4.

Outside one standard deviation the factor is the log-normal, up^a or down^-a; inside, a polynomial
of sixth order that joins it with value, slope and curvature (K. Cranmer et al.,
CERN-OPEN-2012-016, 4.2.2; pyhf's default for normsys). All methods use it, so that they compute
limits of the same model that the workspace hands out.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Largest factor of one standard deviation for which the polynomial stays positive, whatever the
#: other side is.
LARGEST = 20.0
#: From value, slope and curvature at +1 and -1 to the coefficients of a^1 to a^6.
_JOIN = np.linalg.inv(
    [
        [sign**i for i in range(1, 7)]
        if order == 0
        else [np.prod(range(i, i - order, -1)) * float(sign) ** (i - order) for i in range(1, 7)]
        for order in range(3)
        for sign in (1, -1)
    ]
)


def coefficients(down: float, up: float) -> Floats:
    """Return ``(8,)``: the logarithms of `up` and `down`, then the polynomial's coefficients."""
    log_up, log_down = np.log(up), np.log(down)
    joined = [
        *(up - 1, down - 1),
        *(up * log_up, -down * log_down),
        *(up * log_up**2, down * log_down**2),
    ]
    return np.concatenate([[log_up, log_down], _JOIN @ joined])


def factor(pull: Floats, down: float, up: float) -> Floats:
    """Return what pulls ``(n,)`` multiply a rate by.

    Parameters
    ----------
    pull : array (n,)
        Nuisance parameter in standard deviations.
    down, up : float
        The factors at -1 and +1.
    """
    log_up, log_down, *inside = coefficients(down, up)
    polynomial = np.polynomial.polynomial.polyval(np.clip(pull, -1, 1), [1.0, *inside])
    polynomial = np.maximum(polynomial, 1e-300)  # beyond LARGEST it may cross zero
    outside = np.exp(np.where(pull > 0, pull * log_up, -pull * log_down))
    return np.asarray(np.where(np.abs(pull) < 1, polynomial, outside))


@lru_cache(maxsize=4096)
def is_positive(down: float, up: float) -> bool:
    """Tell whether the interpolation stays above zero between -1 and +1."""
    if 1 / LARGEST <= down <= LARGEST and 1 / LARGEST <= up <= LARGEST:
        return True
    polynomial = [1.0, *coefficients(down, up)[2:]]
    values = np.polynomial.polynomial.polyval(np.linspace(-1, 1, 101), polynomial)
    return bool(values.min() > 0)
