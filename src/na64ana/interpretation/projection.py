"""What more electrons on target would exclude."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from na64ana.errors import ModelError
from na64ana.interpretation.planes import Search
from na64ana.stats.curve import LimitCurve, compute_curve
from na64ana.stats.marginalised import TooManyOutcomesError
from na64ana.stats.model import CountingModel

Background = Literal["free", "scaled"]
#: Events per channel that stand for none: a model needs some background.
_NONE = 1e-6


@dataclass(frozen=True, eq=False)
class Projection:
    """Limits expected of more electrons on target.

    Attributes
    ----------
    eot : float
        Of all periods together.
    background : str
        ``"free"``: none; ``"scaled"``: as many per electron as now.
    curve : LimitCurve
        Expected limits.
    """

    eot: float
    background: Background
    curve: LimitCurve


def project(search: Search, eot: float, background: Background = "scaled") -> Projection:
    """Return the limits expected of another number of electrons on target.

    All periods become longer by the same factor; efficiencies and relative errors stay. The method
    is marginalised, in which a limit takes a fraction of a second, or asymptotic where more events
    are expected than can be summed over.

    Parameters
    ----------
    search : Search
    eot : float
        Electrons on target.
    background : {"free", "scaled"}

    Raises
    ------
    ModelError
        If `eot` is not positive, or `background` is something else.
    LimitError
        If a limit is not found.
    """
    now = sum(one.eot for one in search.acceptances.values())
    if not 0 < eot < float("inf"):
        msg = f"{eot:g} electrons on target: must be positive"
        raise ModelError(msg)
    if background not in {"free", "scaled"}:
        msg = f"unknown background {background!r}; there are free, scaled"
        raise ModelError(msg)
    factor = eot / now
    models = [_longer(model, factor, background) for model in search.models]
    return Projection(eot, background, _curve(search, models))


def _curve(search: Search, models: Sequence[CountingModel]) -> LimitCurve:
    level = search.curve.confidence_level
    try:
        curve = compute_curve(search.masses, models, level, "marginalised")
        if np.isfinite(curve.expected[:, 1:4]).all():
            return curve
    except TooManyOutcomesError:
        pass
    return compute_curve(search.masses, models, level, "asymptotic")


def _longer(model: CountingModel, factor: float, background: Background) -> CountingModel:
    times = factor if background == "scaled" else 0.0
    return CountingModel(
        tuple(
            replace(
                channel,
                observed=None,
                signals=tuple(replace(s, events=s.events * factor) for s in channel.signals),
                backgrounds=tuple(
                    replace(s, events=max(s.events * times, _NONE)) for s in channel.backgrounds
                ),
            )
            for channel in model.channels
        )
    )
