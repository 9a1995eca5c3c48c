"""The triggered events of a block: a number of whole spills with random streams of its own."""

import numpy as np
import numpy.typing as npt

from na64ana.config.conditions import row_at
from na64ana.io.format import EventClass, branch_types
from na64ana.simulation.classes import GENERATORS, Context
from na64ana.simulation.detector import observe
from na64ana.simulation.pileup import SPILL
from na64ana.simulation.plan import Integers, Plan, Spills
from na64ana.simulation.state import resolve
from na64ana.simulation.truth import Arrays, join, take

Times = npt.NDArray[np.float64]

#: Relative spread of the beam momentum (dp/p of the H4 line).
MOMENTUM_SPREAD = 0.01

TYPES = branch_types(truth=True)


def simulate_block(plan: Plan, index: int, spills: Spills) -> Arrays:
    """Return the triggered events of a block in the order of time.

    Parameters
    ----------
    plan : Plan
    index : int
        Number of the block, from 0.
    spills : Spills
        From `draw_spills`.

    Returns
    -------
    dict of str to array
        All branches of the format, truth included.
    """
    rng = plan.rng(index, 2)
    config = plan.config
    acceptance = row_at(config.conditions.hcal_acceptance, int(spills.run_number[0])).value
    context = Context(config.simulation, acceptance, plan.signal)
    truth = join(
        [
            GENERATORS[kind](rng, int(rng.poisson(rate * spills.eot)), context)
            for kind, rate in plan.rates().items()
        ]
    )
    n = len(truth)
    spread = 1 + MOMENTUM_SPREAD * rng.standard_normal(n)
    truth = take(truth, rng.permutation(n)).scaled(spread)
    cumulative = np.cumsum(spills.intensity) / spills.eot
    place, t_spill = _in_order(rng, np.searchsorted(cumulative[:-1], rng.random(n)))
    run_number, spill = spills.run_number[place], spills.spill[place]
    intensity = spills.intensity[place].astype(np.float32)
    state = resolve(config.conditions, run_number, spill, intensity)
    arrays, kept = observe(rng, truth, state, config.simulation, triggered=plan.triggered)
    factor = np.zeros(len(EventClass))
    for kind, value in plan.prescales().items():
        factor[kind] = value
    arrays |= {
        "run_number": run_number[kept],
        "spill": spill[kept],
        "event": _count(place[kept]),
        "t_spill": t_spill[kept],
        "eot_spill": intensity[kept],
        "weight_true": factor[arrays["class_true"]],
    }
    return {name: arrays[name].astype(kind.base, copy=False) for name, kind in TYPES.items()}


def _in_order(rng: np.random.Generator, place: Integers) -> tuple[Integers, Times]:
    """Return the spills of events in order, and their times [ns], in order in each spill."""
    t_spill = SPILL * rng.random(len(place))
    order = np.lexsort((t_spill, place))
    return place[order], t_spill[order]


def _count(place: Integers) -> Integers:
    """Return the number of each event in its spill, for the sorted spills ``(n,)`` of events."""
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    length = np.diff(np.append(starts, len(place)))
    return np.arange(len(place)) - np.repeat(starts, length)
