"""The background table: what is expected in each box, from where, with which error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.display import html_table
from na64ana.errors import BackgroundError
from na64ana.provenance import lineage

Floats = npt.NDArray[np.float64]

#: Sources that are estimated here; others are published numbers only.
UPSTREAM, PUNCH_THROUGH, DIMUON, DECAY = "upstream", "punch_through", "dimuon", "decay"
#: Draws, and their seed, for the interval of a sum.
N_DRAWS, SEED = 20_000, 1
#: Quantiles of one standard deviation down and up.
ONE_SIGMA = (0.1587, 0.8413)
#: Confidence level of upper limits.
LIMIT_LEVEL = 0.90


@dataclass(frozen=True)
class Estimate:
    """Expected events in a box, from one source.

    Attributes
    ----------
    events : float
        Median.
    factors : tuple of float
        Log-normal error: what one standard deviation down or up multiplies by.
    method : str
        How the number was obtained, in a few words.
    inputs : dict of str to float, int or str
        The numbers that it was made of.
    upper_limit : float or None
        At `LIMIT_LEVEL`, where hardly anything was seen.
    """

    events: float
    factors: tuple[float, float]
    method: str
    inputs: Mapping[str, float | int | str] = field(default_factory=dict)
    upper_limit: float | None = None

    @classmethod
    def of_draws(
        cls, draws: Floats, method: str, inputs: Mapping[str, float | int | str], *, limit: bool
    ) -> "Estimate":
        """Return the median and the central interval of draws ``(n,)`` of the expected events.

        Raises
        ------
        BackgroundError
            If the draws have no positive median: there is no log-normal error then.
        """
        low, middle, high = np.quantile(draws, [ONE_SIGMA[0], 0.5, ONE_SIGMA[1]])
        if not (np.isfinite(high) and low > 0):
            msg = f"{method}: the drawn events are not positive; check its inputs {dict(inputs)}"
            raise BackgroundError(msg)
        upper = float(np.quantile(draws, LIMIT_LEVEL)) if limit else None
        factors = (float(low / middle), float(high / middle))
        return cls(float(middle), factors, method, dict(inputs), upper)


@dataclass(frozen=True)
class BackgroundRow:
    """Expected events of one source in the box of one period.

    Attributes
    ----------
    period, source : str
    estimate : Estimate
    scope : str
        The error is common to all rows of a source with the same scope (a period or a group).
    """

    period: str
    source: str
    estimate: Estimate
    scope: str

    @property
    def events(self) -> float:
        """Expected events."""
        return self.estimate.events

    @property
    def factors(self) -> tuple[float, float]:
        """What one standard deviation down or up multiplies by."""
        return self.estimate.factors

    @property
    def method(self) -> str:
        """How the number was obtained."""
        return self.estimate.method

    @cached_property
    def lineage(self) -> str:
        """sha256 of the row and of all numbers that it was made of."""
        one = self.estimate
        numbers = [one.events, *one.factors, one.upper_limit, one.method, dict(one.inputs)]
        return lineage([self.period, self.source, self.scope], numbers)


@dataclass(frozen=True)
class BackgroundTable:
    """All rows, in the order of periods and sources."""

    rows: tuple[BackgroundRow, ...]

    def of(self, period: str) -> tuple[BackgroundRow, ...]:
        """Return the rows of a period."""
        return tuple(row for row in self.rows if row.period == period)

    @property
    def periods(self) -> tuple[str, ...]:
        """The periods, in order."""
        return tuple(dict.fromkeys(row.period for row in self.rows))

    @property
    def lineage(self) -> str:
        """sha256 of all rows."""
        return lineage([row.lineage for row in self.rows])

    def shared(self) -> dict[tuple[str, str], tuple[BackgroundRow, ...]]:
        """Return the rows that move together, by source and scope."""
        together: dict[tuple[str, str], tuple[BackgroundRow, ...]] = {}
        for row in self.rows:
            key = (row.source, row.scope)
            together[key] = (*together.get(key, ()), row)
        return together

    def total(self, periods: Iterable[str]) -> tuple[float, float, float]:
        """Return median and 68 % interval of the sum of events over periods.

        Of the sum of log-normals, drawn with a fixed seed; rows with the same source and scope move
        together, others on their own. The median of a sum is not the sum of medians.
        """
        wanted = set(periods)
        draws = sum((d for name, d in self._draws().items() if name in wanted), np.zeros(1))
        low, middle, high = np.quantile(draws, [ONE_SIGMA[0], 0.5, ONE_SIGMA[1]])
        return float(middle), float(low), float(high)

    def correlation(self) -> Floats:
        """Return the correlation ``(n, n)`` of the logarithms of the sums of the `n` periods."""
        return np.atleast_2d(np.corrcoef(np.log(list(self._draws().values()))))

    def _repr_html_(self) -> str:
        sources = dict.fromkeys(row.source for row in self.rows)
        by_place = {(row.source, row.period): row.events for row in self.rows}
        rows: list[list[object]] = [
            [source, *(by_place.get((source, period)) for period in self.periods), None]
            for source in sources
        ]
        totals = [self.total([period]) for period in self.periods] + [self.total(self.periods)]
        for i, name in enumerate(("sum", "1 sigma down", "1 sigma up")):
            rows.append([name, *(total[i] for total in totals)])
        return html_table(("events", *self.periods, "sum"), rows)

    def _draws(self) -> dict[str, Floats]:
        """Return the drawn sums ``(N_DRAWS,)`` by period."""
        rng = np.random.default_rng(SEED)
        pulls = {key: rng.normal(size=N_DRAWS) for key in self.shared()}
        sums = {name: np.zeros(N_DRAWS) for name in self.periods}
        for row in self.rows:
            pull, (down, up) = pulls[row.source, row.scope], row.factors
            sums[row.period] += row.events * np.where(pull > 0, up, 1 / down) ** pull
        return sums


def published_rows(
    config: Config, period: str, eot: float | None = None
) -> tuple[BackgroundRow, ...]:
    """Return the published backgrounds of a period: its group's sums, divided by EOT.

    The log-normal factor is one plus the relative error.

    Parameters
    ----------
    config : Config
    period : str
    eot : float or None
        Electrons on target that were read; None takes those of the configuration.
    """
    group = config.periods[period].group
    share = (config.periods[period].eot if eot is None else eot) / config.published[group].eot
    rows = []
    for source, number in config.published[group].backgrounds.items():
        factor = 1 + number.error / number.events
        inputs = {"published_events": number.events, "published_error": number.error}
        rows.append(
            BackgroundRow(
                period=period,
                source=source,
                estimate=Estimate(
                    events=number.events * share,
                    factors=(1 / factor, factor),
                    method="published, by EOT",
                    inputs={**inputs, "share_of_eot": share},
                ),
                scope=group,
            )
        )
    return tuple(rows)
