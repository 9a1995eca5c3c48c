"""The counting model of the search, from configuration, background and yields."""

from collections.abc import Mapping

import numpy as np

from na64ana.background.table import BackgroundTable
from na64ana.config import Config
from na64ana.stats import names
from na64ana.stats.interpolation import LARGEST
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric


def build_model(
    config: Config,
    table: BackgroundTable,
    signals: Mapping[str, float],
    observed: Mapping[str, int] | None,
    efficiency_errors: Mapping[str, float] | None = None,
) -> CountingModel:
    """Return the counting model of one mass for epsilon = 1.

    The errors of yield and EOT are common to all periods; what is left of the total signal error,
    in quadrature, is the efficiency's, per period, unless that was measured less well.

    Parameters
    ----------
    config : Config
        Gives the relative errors.
    table : BackgroundTable
        Expected background by period.
    signals : mapping of str to float
        Signal events for epsilon = 1, EOT x efficiency x yield (PRL 131 (2023) 161801, eq. 3), by
        period; these periods are combined.
    observed : mapping of str to int, or None
        Events in the box by period; None while it is closed.
    efficiency_errors : mapping of str to float, or None
        Relative errors of measured efficiencies by period.

    Raises
    ------
    LimitError
        If a period has no background.
    """
    errors = config.limits
    common = errors.yield_error**2 + errors.eot_error**2
    # Not negative by the checks of the configuration, up to rounding.
    rest = float(np.sqrt(max(errors.signal_error**2 - common, 0.0)))
    channels = []
    for name, expected in signals.items():
        efficiency_error = max(rest, (efficiency_errors or {}).get(name, 0.0))
        factors = {
            names.YIELD: symmetric(errors.yield_error),
            names.EOT: symmetric(errors.eot_error),
            names.efficiency("overall", name): symmetric(efficiency_error),
        }
        signal = Sample("signal", expected, factors)
        backgrounds = tuple(
            Sample(
                row.source,
                row.events,
                {names.background(row.source, row.scope): _bounded(row.factors)},
            )
            for row in table.of(name)
        )
        count = None if observed is None else observed[name]
        channels.append(Channel(names.channel(name), count, signal, backgrounds))
    return CountingModel(tuple(channels))


def _bounded(factors: tuple[float, float]) -> tuple[float, float]:
    """Return log-normal factors that the interpolation of the workspace can follow."""
    return max(factors[0], 1 / LARGEST), min(factors[1], LARGEST)
