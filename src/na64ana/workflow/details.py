"""What is said of one mass: CLs at the limit, excess, agreement of the periods, parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from na64ana.config import Config
from na64ana.errors import LimitError
from na64ana.stats import asymptotic, marginalised, toys
from na64ana.stats.combination import Combination, compute_combinations
from na64ana.stats.consistency import Consistency, compute_consistency
from na64ana.stats.curve import LimitCurve
from na64ana.stats.excess import Excess, compute_excess
from na64ana.stats.model import CountingModel, EventLimit
from na64ana.stats.parameters import Parameter, compute_parameters

#: Mass [GeV] of the details and the workspace: in the middle of the curve.
REFERENCE_MASS = 0.02
T = TypeVar("T")


@dataclass(frozen=True)
class Details:
    """What is said of one mass.

    Attributes
    ----------
    place : int
        Which one of the masses: that next to `REFERENCE_MASS`.
    mass : float
        [GeV]
    model : CountingModel
        With the signal of epsilon = 1.
    limits : tuple of EventLimit
        By method; the headline is first.
    cls : dict of str to tuple of float
        CLs at the observed limit and its Monte Carlo error, by method: it is 1 - CL. Empty while
        the box is closed.
    parameters : tuple of Parameter
        With the largest impact first.
    combinations : tuple of Combination
    excess : Excess or None
        What the background alone makes of the data; None while the box is closed.
    consistency : Consistency or None
        Whether the channels agree; None while the box is closed.
    notes : tuple of str
        What could not be computed, and why.
    """

    place: int
    mass: float
    model: CountingModel
    limits: tuple[EventLimit, ...]
    cls: dict[str, tuple[float, float]]
    parameters: tuple[Parameter, ...]
    combinations: tuple[Combination, ...]
    excess: Excess | None
    consistency: Consistency | None
    notes: tuple[str, ...]


def compute_details(
    config: Config, models: Sequence[CountingModel], curves: Sequence[LimitCurve]
) -> Details:
    """Compute the details of the mass next to `REFERENCE_MASS`.

    What cannot be computed is left out, with a note: the limits are there already.
    """
    masses = curves[0].masses
    place = int(np.argmin(np.abs(np.log(masses / REFERENCE_MASS))))
    model, limits = models[place], tuple(curve.event_limits[place] for curve in curves)
    notes: list[str] = []

    def attempt(what: str, compute: Callable[[], T]) -> T | None:
        try:
            return compute()
        except LimitError as error:
            notes.append(f"no {what}: {error}")
            return None

    level, options = config.limits.confidence_level, config.limits
    some = {"n_toys": options.n_toys, "seed": options.seed}
    opened = model.observed is not None
    cls: dict[str, tuple[float, float]] = {}
    for limit in limits if opened else ():
        found = attempt(f"CLs at the {limit.method} limit", partial(_cls, limit, model, some))
        if found is not None:
            cls[limit.method] = found
    at_limit = limits[0].observed or (limits[0].expected or (1.0,) * 5)[2]
    return Details(
        place=place,
        mass=float(masses[place]),
        model=model,
        limits=limits,
        cls=cls,
        parameters=attempt("impacts", lambda: compute_parameters(model, level, at_limit)) or (),
        combinations=attempt("combinations", lambda: compute_combinations(model, level)) or (),
        excess=attempt("excess", lambda: compute_excess(model, **some)) if opened else None,
        consistency=attempt("test of the periods", lambda: compute_consistency(model, **some))
        if opened
        else None,
        notes=tuple(notes),
    )


def _cls(limit: EventLimit, model: CountingModel, some: dict[str, int]) -> tuple[float, float]:
    """Return CLs at an observed limit, by its method, and its Monte Carlo error."""
    events = limit.observed or 0.0
    if limit.method == "toys":
        return toys.compute_cls(model, events, **some)
    compute = {"marginalised": marginalised.compute_cls, "asymptotic": asymptotic.compute_cls}
    return compute[limit.method](model, events), 0.0
