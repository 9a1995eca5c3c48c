"""The background table: what is expected in each box, from where, with which error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.background.extrapolation import Extrapolation
from na64ana.config import Config

#: The source that sideband C gives.
UPSTREAM = "upstream"
#: Draws, and their seed, for the interval of a sum.
N_DRAWS, SEED = 20_000, 1


@dataclass(frozen=True)
class BackgroundRow:
    """Expected events of one source in the box of one period.

    Attributes
    ----------
    period, source : str
    events : float
        Expected events.
    factors : tuple of float
        Log-normal error: what one standard deviation down or up multiplies by.
    scope : str
        The error is common to all rows of a source with the same scope (a period or a group).
    method : str
        How the number was obtained.
    """

    period: str
    source: str
    events: float
    factors: tuple[float, float]
    scope: str
    method: str


@dataclass(frozen=True)
class BackgroundTable:
    """All rows, in the order of periods and sources."""

    rows: tuple[BackgroundRow, ...]

    def of(self, period: str) -> tuple[BackgroundRow, ...]:
        """Return the rows of a period."""
        return tuple(row for row in self.rows if row.period == period)

    def total(self, periods: Iterable[str]) -> tuple[float, float, float]:
        """Return the sum of events over periods, and its 68 % interval.

        The interval is that of the sum of log-normals, drawn with a fixed seed; rows with the
        same source and scope move together, others on their own.
        """
        wanted = set(periods)
        rng, draws = np.random.default_rng(SEED), np.zeros(N_DRAWS)
        pulls: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
        events = 0.0
        for row in self.rows:
            if (row.source, row.scope) not in pulls:
                pulls[row.source, row.scope] = rng.normal(size=N_DRAWS)
            if row.period in wanted:
                pull, (down, up) = pulls[row.source, row.scope], row.factors
                draws += row.events * np.where(pull > 0, up, 1 / down) ** pull
                events += row.events
        low, high = np.quantile(draws, [0.1587, 0.8413])
        return events, float(low), float(high)


def published_rows(config: Config, period: str) -> tuple[BackgroundRow, ...]:
    """Return the published backgrounds of a period: its group's sums, divided by EOT.

    The log-normal factor is one plus the relative error.
    """
    group = config.periods[period].group
    share = config.periods[period].eot / config.published[group].eot
    rows = []
    for source, number in config.published[group].backgrounds.items():
        factor = 1 + number.error / number.events
        rows.append(
            BackgroundRow(
                period=period,
                source=source,
                events=number.events * share,
                factors=(1 / factor, factor),
                scope=group,
                method="published, by EOT",
            )
        )
    return tuple(rows)


def extrapolated_rows(
    n_sideband: Mapping[str, int], scope: str, result: Extrapolation
) -> tuple[BackgroundRow, ...]:
    """Divide the upstream interactions of several periods by their events in sideband C.

    The error is common to the periods; that of the division is small beside it and left out.
    """
    total = sum(n_sideband.values())
    return tuple(
        BackgroundRow(
            period=period,
            source=UPSTREAM,
            events=result.events * n / total,
            factors=result.factors,
            scope=scope,
            method=f"{total} in sideband C",
        )
        for period, n in n_sideband.items()
    )
