"""The counting model of the search, from configuration, background and yields."""

from collections.abc import Mapping, Sequence

import numpy as np

from na64ana.background.table import BackgroundRow, BackgroundTable
from na64ana.config import Config
from na64ana.stats import names
from na64ana.stats.interpolation import LARGEST
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric


def build_model(
    config: Config,
    tables: Sequence[BackgroundTable],
    signals: Mapping[str, Mapping[str, Sequence[float]]],
    observed: Mapping[str, Sequence[int]] | None,
    *,
    efficiency_errors: Mapping[str, float] | None = None,
    yield_errors: Mapping[str, Mapping[str, float]] | None = None,
) -> CountingModel:
    """Return the counting model of one mass for epsilon = 1.

    What is left of the published total signal error beside those of yield and EOT, in quadrature,
    is the efficiency's, unless that was measured less well. `limits.correlations` says which
    periods share a parameter.

    Parameters
    ----------
    config : Config
        Gives relative errors and correlations.
    tables : sequence of BackgroundTable
        Expected background by period, one table per bin of E_ECAL.
    signals : mapping of str to mapping of str to sequence of float
        Signal events for epsilon = 1, EOT x efficiency x yield (PRL 131 (2023) 161801, eq. 3), by
        period, process and bin; these periods are combined.
    observed : mapping of str to sequence of int, or None
        Events by period and bin; None while the box is closed.
    efficiency_errors : mapping of str to float, or None
        Relative errors of measured efficiencies by period.
    yield_errors : mapping of str to mapping of str to float, or None
        Relative errors by process and name; None takes the published one for all processes.

    Raises
    ------
    LimitError
        If a bin has no background.
    """
    channels = []
    for period, processes in signals.items():
        measured = (efficiency_errors or {}).get(period, 0.0)
        common = _common_errors(config, period, measured)
        for place, table in enumerate(tables):
            samples = tuple(
                Sample(
                    process,
                    float(events[place]),
                    _yield_errors(config, period, (yield_errors or {}).get(process)) | common,
                )
                for process, events in processes.items()
            )
            backgrounds = tuple(
                Sample(row.source, row.events, {_background_name(config, row): _bounded(row)})
                for row in table.of(period)
            )
            count = None if observed is None else int(observed[period][place])
            channels.append(Channel(names.channel(period), count, samples, backgrounds, place))
    return CountingModel(tuple(channels))


def _common_errors(config: Config, period: str, measured: float) -> dict[str, tuple[float, float]]:
    """Return the errors of EOT and efficiency, the same for all processes."""
    errors, scopes = config.limits, config.limits.correlations
    # Not negative by the checks of the configuration, up to rounding.
    rest = max(errors.signal_error**2 - errors.yield_error**2 - errors.eot_error**2, 0.0)
    efficiency = max(float(np.sqrt(rest)), measured)
    return {
        names.of_scope(names.EOT, _scope(config, period, scopes.eot)): symmetric(errors.eot_error),
        names.efficiency("overall", _scope(config, period, scopes.efficiency)): symmetric(
            efficiency
        ),
    }


def _yield_errors(
    config: Config, period: str, errors: Mapping[str, float] | None
) -> dict[str, tuple[float, float]]:
    scope = _scope(config, period, config.limits.correlations.signal_yield)
    given = {names.YIELD: config.limits.yield_error} if errors is None else errors
    return {names.of_scope(name, scope): symmetric(error) for name, error in given.items()}


def _scope(config: Config, period: str, kind: str) -> str | None:
    return {"all": None, "group": config.periods[period].group, "period": period}[kind]


def _background_name(config: Config, row: BackgroundRow) -> str:
    by_fit = config.limits.correlations.background == "fit"
    return names.background(row.source, row.scope if by_fit else row.period)


def _bounded(row: BackgroundRow) -> tuple[float, float]:
    """Return log-normal factors that the interpolation of the workspace can follow."""
    return max(row.factors[0], 1 / LARGEST), min(row.factors[1], LARGEST)
