"""The counting model of the search, from configuration, background and yields."""

from collections.abc import Mapping

import numpy as np

from na64ana.background.table import BackgroundTable
from na64ana.config import Config
from na64ana.stats import names
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric


def build_model(
    config: Config,
    table: BackgroundTable,
    yields: Mapping[str, float],
    observed: Mapping[str, int] | None,
) -> CountingModel:
    """Return the counting model of one mass for epsilon = 1.

    N = sum over periods of EOT x efficiency x yield (PRL 131 (2023) 161801, eq. 3). The errors of
    yield and EOT are common to all periods; what is left of the total signal error, in
    quadrature, is the efficiency's, per period.

    Parameters
    ----------
    config : Config
        Gives EOT, efficiencies and relative errors.
    table : BackgroundTable
        Expected background by period.
    yields : mapping of str to float
        Signal events per electron on target for epsilon = 1, by period; these periods are
        combined.
    observed : mapping of str to int, or None
        Events in the box by period; None while it is closed.

    Raises
    ------
    LimitError
        If a period has no background.
    """
    errors = config.limits
    common = errors.yield_error**2 + errors.eot_error**2
    # Not negative by the checks of the configuration, up to rounding.
    efficiency_error = float(np.sqrt(max(errors.signal_error**2 - common, 0.0)))
    channels = []
    for name, per_electron in yields.items():
        period = config.periods[name]
        factors = {
            names.YIELD: symmetric(errors.yield_error),
            names.EOT: symmetric(errors.eot_error),
            names.efficiency("overall", name): symmetric(efficiency_error),
        }
        signal = Sample("signal", period.eot * period.efficiency * per_electron, factors)
        backgrounds = tuple(
            Sample(row.source, row.events, {names.background(row.source, row.scope): row.factors})
            for row in table.of(name)
        )
        count = None if observed is None else observed[name]
        channels.append(Channel(names.channel(name), count, signal, backgrounds))
    return CountingModel(tuple(channels))
