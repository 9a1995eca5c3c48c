"""What each nuisance parameter does: pulls, errors after the fit, impacts on signal and limit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from na64ana.stats.combination import compute_quick_limit
from na64ana.stats.interpolation import factor
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import CountingModel, EventLimit, Sample


@dataclass(frozen=True)
class Parameter:
    """A nuisance parameter, in standard deviations of its auxiliary measurement.

    Attributes
    ----------
    name : str
    pull, error : float
        Where the free fit puts it, and its error there: 1 if the data say nothing.
    pull_at_limit : float
        Where the fit puts it at the excluded signal.
    signal : tuple of float
        Change of the best signal [events] if the parameter is held one error below, and above, its
        pull; zero while the best signal is none.
    limit : tuple of float
        Relative change of the limit on the signal if the parameter is held at -1, and at +1; on
        epsilon it is half of that.
    """

    name: str
    pull: float
    error: float
    pull_at_limit: float
    signal: tuple[float, float]
    limit: tuple[float, float]

    @property
    def size(self) -> float:
        """The larger change of the limit."""
        return max(abs(change) for change in self.limit)


def compute_parameters(
    model: CountingModel, confidence_level: float, events_at_limit: float
) -> tuple[Parameter, ...]:
    """Compute pulls and impacts of all parameters, those with the largest impact first.

    Limits are marginalised ones, which are right for few events; the median of the expected ones
    while the box is closed. The fit is then one of the expected background.

    Parameters
    ----------
    model : CountingModel
        Any scale of the signal.
    confidence_level : float
    events_at_limit : float
        The excluded signal events in all channels.

    Raises
    ------
    LimitError
        If there is no signal, or a fit fails.
    """
    unit = model.unit().merged()
    likelihood = Likelihood(unit)
    closed = unit.observed is None
    counts = (
        likelihood.rates(0.0, likelihood.nominal_aux) if closed else np.array(unit.observed, float)
    )
    best, at_limit = likelihood.fit(counts), likelihood.fit(counts, mu=events_at_limit)
    nominal = _value(compute_quick_limit(unit, confidence_level, expected=closed))
    found = []
    for i, name in enumerate(likelihood.parameters):
        pull, error = float(best.pulls[i]), float(best.errors[i])
        signal = [
            Likelihood(hold(unit, {name: pull + sign * error})).fit(counts).mu - best.mu
            for sign in (-1, 1)
        ]
        # held parameters change the number of signal events: the limit on mu is what counts
        limit = [
            _value(compute_quick_limit(held, confidence_level, expected=closed))
            / held.signal
            / nominal
            - 1
            for held in (hold(unit, {name: sign}) for sign in (-1, 1))
        ]
        found.append(
            Parameter(
                name,
                pull,
                error,
                float(at_limit.pulls[i]),
                (signal[0], signal[1]),
                (limit[0], limit[1]),
            )
        )
    return tuple(sorted(found, key=lambda one: -one.size))


def hold(model: CountingModel, pulls: Mapping[str, float]) -> CountingModel:
    """Return the model with parameters held at pulls: no parameters any more."""

    def held(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        kept = []
        for sample in samples:
            scale = np.prod(
                [factor(np.array(pulls[n]), *f) for n, f in sample.factors.items() if n in pulls]
            )
            factors = {n: f for n, f in sample.factors.items() if n not in pulls}
            kept.append(replace(sample, events=sample.events * float(scale), factors=factors))
        return tuple(kept)

    return CountingModel(
        tuple(
            replace(one, signals=held(one.signals), backgrounds=held(one.backgrounds))
            for one in model.channels
        )
    )


def _value(limit: EventLimit) -> float:
    if limit.observed is not None:
        return limit.observed
    return (limit.expected or (0.0,) * 5)[2]
