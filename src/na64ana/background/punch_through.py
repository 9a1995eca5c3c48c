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

#: Grid of the transmission of a module, for its likelihood.
_T = np.geomspace(1e-8, 0.999, 4000)
#: Interaction lengths of a module (PRL 131 (2023) 161801), and the factor of one standard deviation
#: of the transmission that follows from them (choice): only where nothing is seen at all.
MODULE_LENGTH, DESIGN_FACTOR = 7.2, 10.0


def transmission_likelihood(starts: Sequence[int]) -> Floats:
    """Return ln L on the grid of the transmission of a module.

    Parameters
    ----------
    starts : sequence of int
        Events by the first module that shows energy.
    """
    k = np.arange(len(starts))
    shares = _T ** k[:, None] * (1 - _T) / (1 - _T ** len(starts))
    return np.asarray(np.asarray(starts, float) @ np.log(shares))


def estimate_punch_through(starts: Sequence[int], n: int, weight: float) -> Estimate:
    """Estimate the neutral hadrons that leave the HCAL at its end.

    A module lets a share t of them through. Of N that are seen, N t^3 / (1 - t^3) are lost behind
    three. t is drawn from its likelihood with a flat prior from 0 to 1, N from the gamma
    distribution of the mean of which `n` were counted. Without any start t follows from the
    thickness.

    Parameters
    ----------
    starts : sequence of int
        Events of sideband A by the first HCAL module that shows energy, of all periods together.
    n : int
        Events of sideband A in the period.
    weight : float
        Events that one of them stands for (prescale).
    """
    rng, inputs = np.random.default_rng(SEED), {}
    for i, count in enumerate(starts):
        inputs[f"starts_in_module_{i}"] = count
    if sum(starts):
        method = "sideband A, depth in HCAL"
        likelihood = transmission_likelihood(starts)
        density = np.exp(likelihood - likelihood.max()) * _T  # per ln t
        cumulative = np.cumsum(density) / density.sum()
        t = np.interp(rng.random(N_DRAWS), cumulative, _T)
    else:
        method = "sideband A is empty, thickness of HCAL"
        spread = np.exp(np.log(DESIGN_FACTOR) * rng.normal(size=N_DRAWS))
        t = np.minimum(np.exp(-MODULE_LENGTH) * spread, 0.5)
    lost = weight * rng.gamma(n + 1, size=N_DRAWS) * t ** len(starts) / (1 - t ** len(starts))
    numbers = inputs | {"events": n, "weight": weight, "transmission": float(np.median(t))}
    return Estimate.of_draws(lost, method, numbers, limit=True)
