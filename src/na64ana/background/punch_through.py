"""Leading neutral hadrons from the dump that cross the whole HCAL: sideband A.

PRL 131 (2023) 161801, background (iv): a neutron or K0 takes more than half of the beam energy,
leaves no charged particle in the VETO, and no energy in any module of the HCAL. How many do is
measured by the depth at which those begin that are seen: the law that leads from module to module
leads behind the last one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from na64ana.background.table import N_DRAWS, SEED, Estimate

Floats = npt.NDArray[np.float64]

#: Grid of the logarithm of the transmission of a module, for its likelihood.
_LN_T = np.linspace(np.log(1e-8), np.log(0.5), 2000)


def transmission_likelihood(starts: Sequence[int]) -> Floats:
    """Return ln L on the grid of the transmission of a module.

    Parameters
    ----------
    starts : sequence of int
        Events by the first module that shows energy.
    """
    t, k = np.exp(_LN_T), np.arange(len(starts))
    shares = t ** k[:, None] * (1 - t) / (1 - t ** len(starts))
    return np.asarray(np.asarray(starts, float) @ np.log(shares))


def estimate_punch_through(starts: Sequence[int], seen: float) -> Estimate:
    """Estimate the neutral hadrons that leave the HCAL at its end.

    A module lets a share t of them through. Of N that are seen, N t^n / (1 - t^n) are lost behind
    `n` modules. t is drawn from its likelihood with a prior that is flat in t.

    Parameters
    ----------
    starts : sequence of int
        Events of sideband A by the first HCAL module that shows energy, as counted.
    seen : float
        Events of sideband A that these stand for, with prescales.
    """
    n, total = len(starts), sum(starts)
    method = "sideband A, depth in HCAL"
    inputs = {f"starts_in_module_{i}": count for i, count in enumerate(starts)}
    if not total:  # nothing is known of t: what is not seen cannot be much
        limit = float(-np.log(0.1)) * 0.5**n
        return Estimate(limit, (0.5, 2.0), "sideband A is empty: upper limit", inputs, limit)
    likelihood = transmission_likelihood(starts)
    density = np.exp(likelihood - likelihood.max() + _LN_T)  # per ln t
    cumulative = np.cumsum(density) / density.sum()
    rng = np.random.default_rng(SEED)
    t = np.exp(np.interp(rng.random(N_DRAWS), cumulative, _LN_T))
    lost = seen * t**n / (1 - t**n)
    numbers = inputs | {"events_seen": seen, "transmission": float(np.median(t))}
    return Estimate.of_draws(lost, method, numbers, limit=True)
