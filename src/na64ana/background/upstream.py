"""Upstream interactions with lost neutrals: sideband C of all periods, and what few events allow.

PRL 131 (2023) 161801, background (iii). Periods of a group share beam line and HCAL position, so
they are fitted together as long as they have the same box; ``background.fit: period`` fits each by
itself. A period with few events takes the ratio of box to sideband from others, and the number of
its own; one without any gets an upper limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import gamma

from na64ana.background.extrapolation import Extrapolation, extrapolate, fit_edges, goodness
from na64ana.background.families import Control
from na64ana.background.table import (
    LIMIT_LEVEL,
    ONE_SIGMA,
    UPSTREAM,
    BackgroundRow,
    Estimate,
    published_rows,
)
from na64ana.config import Config
from na64ana.errors import BackgroundError

Sidebands = Mapping[str, Sequence[float]]


#: Goodness of fit below which it is said (choice).
GOODNESS_MIN = 0.05


@dataclass(frozen=True)
class ControlSample:
    """Upstream interactions whose shape is used.

    Attributes
    ----------
    energies : sequence of float
        E_ECAL [GeV].
    e_ecal_min : float
        Energy [GeV] from which on they are there: the edge of the box if theirs is closed, or zero.
    """

    energies: Sequence[float]
    e_ecal_min: float


@dataclass(frozen=True)
class Upstream:
    """What sideband C says.

    Attributes
    ----------
    rows : dict of str to BackgroundRow
        By period.
    extrapolations : dict of str to Extrapolation
        The fits, by the group or the periods fitted together, or ``"IV, shape of IV-V"``.
    goodness : dict of str to float
        How often toys of the best family describe themselves worse than the data, by fit.
    notes : tuple of str
        What was done where something was too few or did not work, a sentence each.
    """

    rows: dict[str, BackgroundRow]
    extrapolations: dict[str, Extrapolation]
    goodness: dict[str, float]
    notes: tuple[str, ...]


def estimate_upstream(
    config: Config,
    sidebands: Sidebands,
    control: ControlSample | None = None,
    eot: Mapping[str, float] | None = None,
) -> Upstream:
    """Extrapolate sideband C of each period into its box.

    Parameters
    ----------
    config : Config
    sidebands : mapping of str to sequence of float
        E_ECAL [GeV] of the events of sideband C, by period.
    control : ControlSample or None
        With the same shape (`families.Control`).
    eot : mapping of str to float or None
        Electrons on target that were read, for published numbers; None takes those declared.

    Raises
    ------
    BackgroundError
        If the fit range begins inside the box, or ends above the edge of the trigger.
    """
    made = _Fits(config, sidebands, control, eot or {})
    rows: dict[str, BackgroundRow] = {}
    for scope, members in _fitted_together(config, sidebands).items():
        fit = made.fit(scope, members, members[0])
        for name in members:
            rows[name] = made.row(name, scope, fit)
    return Upstream(
        {name: rows[name] for name in sidebands}, made.done, made.goodness, tuple(made.notes)
    )


def poisson_estimate(n: int) -> tuple[float, tuple[float, float], float]:
    """Return the median of a mean of which `n` events were seen, its factors, and upper limit.

    Of the posterior with a flat prior, a gamma distribution; for none seen the limit at 90 % is
    2.303, as the classical one (RPP, section 40.4.2.3).
    """
    low, middle, high = np.asarray(gamma.ppf([ONE_SIGMA[0], 0.5, ONE_SIGMA[1]], n + 1))
    return (
        float(middle),
        (float(low / middle), float(high / middle)),
        float(gamma.ppf(LIMIT_LEVEL, n + 1)),
    )


class _Fits:
    """The fits that were made so far, and what there is to say of them."""

    def __init__(
        self,
        config: Config,
        sidebands: Sidebands,
        control: ControlSample | None,
        eot: Mapping[str, float],
    ) -> None:
        self.config, self.sidebands, self.control, self.eot = config, sidebands, control, eot
        self.done: dict[str, Extrapolation] = {}
        self.goodness: dict[str, float] = {}
        self.notes: list[str] = []

    def fit(self, scope: str, members: Sequence[str], of_box: str) -> Extrapolation | None:
        """Fit the events of `members` for the box of a period; None if there are too few."""
        if scope in self.done:
            return self.done[scope]
        _check_trigger(self.config, of_box)
        # Below the box of a lender there are no events of its sideband.
        least = max(self.config.periods[name].e_ecal_max for name in members)
        options = self.config.background
        if least > self.config.periods[of_box].e_ecal_max:
            low = max(least, options.sideband_c_min or 0.0)
            options = options.model_copy(update={"sideband_c_min": low})
        edges = fit_edges(self.config.periods[of_box].e_ecal_max, options)
        inside = [e for name in members for e in self._inside(name, edges[0])]
        if len(inside) < self.config.background.n_events_min:
            return None
        fit = extrapolate(
            inside,
            self.config.periods[of_box].e_ecal_max,
            options,
            None if self.control is None else make_control(self.control, edges),
        )
        counts = np.histogram(inside, edges)[0]
        p_value = goodness(counts, edges, fit.best.family)
        self.done[scope], self.goodness[scope] = fit, p_value
        if p_value < GOODNESS_MIN:
            self.notes.append(f"{scope}: no function describes sideband C well (p = {p_value:.3f})")
        self.notes += [f"{scope}: {note}" for note in fit.notes]
        return fit

    def row(self, period: str, scope: str, fit: Extrapolation | None) -> BackgroundRow:
        """Return what is expected in the box of a period, of a fit in which it took part."""
        fewest = self.config.background.n_events_min
        edge = fit_edges(self.config.periods[period].e_ecal_max, self.config.background)[0]
        n = len(self._inside(period, edge))
        if fit is not None and n >= fewest:
            share = n / fit.n_events
            inputs = _inputs(fit) | {"events_in_sideband": n, "share_of_fit": share}
            estimate = Estimate(fit.events * share, fit.factors, "sideband C", inputs)
            return BackgroundRow(period, UPSTREAM, estimate, scope)
        count = "no events" if n == 0 else f"{n} event{'s' if n > 1 else ''}"
        said = f"{period}: {count} in sideband C, fewer than {fewest}"
        lender, common, fit = self._borrow(period, scope, fit)
        if fit is not None:
            self.notes.append(f"{said}: its own number, times box over sideband C of {lender}")
            return BackgroundRow(period, UPSTREAM, _of_few(n, fit, lender), common)
        for row in published_rows(self.config, period, self.eot.get(period)):
            if row.source == UPSTREAM:
                self.notes.append(f"{said}, and no other period to borrow from: published number")
                return row
        self.notes.append(
            f"{said}, and no other number: an upper limit, for a spectrum that does not fall"
        )
        return BackgroundRow(period, UPSTREAM, self._bound(period, n), period)

    def _inside(self, period: str, low: float) -> list[float]:
        high = self.config.background.sideband_c_max
        return [e for e in self.sidebands[period] if low <= e < high]

    def _borrow(
        self, period: str, scope: str, fit: Extrapolation | None
    ) -> tuple[str, str, Extrapolation | None]:
        """Return a fit for the box of a period, to its group or to all periods.

        With the names of the periods that were fitted, and of those that share its error.
        """
        if fit is not None:
            return scope, scope, fit
        group = self.config.periods[period].group
        for common, members in ((group, self.config.groups()[group]), ("all", self.sidebands)):
            there = [name for name in members if name in self.sidebands]
            name = "+".join(there)
            if (found := self.fit(f"{name} for {period}", there, period)) is not None:
                return name, common, found
        return "", "", None

    def _bound(self, period: str, n: int) -> Estimate:
        """Return an upper limit as an estimate: a falling spectrum has no more in the box."""
        edges = fit_edges(self.config.periods[period].e_ecal_max, self.config.background)
        ratio = self.config.periods[period].e_ecal_max / (edges[-1] - edges[0])
        limit = poisson_estimate(n)[2] * ratio
        inputs = {"events_in_sideband": n, "largest_ratio": ratio}
        return Estimate(limit, (0.5, 2.0), "upper limit, flat spectrum", inputs, limit)


def make_control(sample: ControlSample, edges: np.typing.NDArray[np.float64]) -> Control:
    """Return a control sample in the bins `edges` [GeV], and in those below that it may fill."""
    width = float(edges[1] - edges[0])
    below = np.arange(float(edges[0]) - width, sample.e_ecal_min - 1e-9, -width)[::-1]
    wider = np.concatenate([below, edges])
    return Control(np.histogram(sample.energies, wider)[0], wider)


def _check_trigger(config: Config, period: str) -> None:
    trigger = config.selection_of(period).trigger.e_ecal_max
    if config.background.sideband_c_max > trigger:
        msg = (
            f"the fit range ends at {config.background.sideband_c_max:g} GeV, above the edge of "
            f"the trigger at {trigger:g} GeV; lower background.sideband_c_max"
        )
        raise BackgroundError(msg)


def _of_few(n: int, fit: Extrapolation, lender: str) -> Estimate:
    """Return the events in the box from a few in the sideband, and the ratio of another fit."""
    events, factors, limit = poisson_estimate(n)
    ratio = fit.events / fit.n_events
    down, up = (
        float(np.exp(sign * np.hypot(np.log(one), np.log(other))))
        for sign, one, other in zip((-1, 1), factors, fit.factors, strict=True)
    )
    inputs = _inputs(fit) | {"events_in_sideband": n, "ratio": ratio, "ratio_from": lender}
    upper = limit * ratio * fit.factors[1]
    return Estimate(events * ratio, (down, up), f"{n} in sideband C, ratio lent", inputs, upper)


def _inputs(fit: Extrapolation) -> dict[str, float | int | str]:
    return {
        "ln_b": fit.ln_b,
        "ln_b_down": fit.errors[0],
        "ln_b_up": fit.errors[1],
        "events_in_fit": fit.n_events,
        "fit_from_GeV": fit.fit_range[0],
        "fit_to_GeV": fit.fit_range[1],
        "box_below_GeV": fit.e_ecal_max,
        "events_in_control_sample": fit.n_control,
    }


def _fitted_together(config: Config, periods: Mapping[str, object]) -> dict[str, list[str]]:
    """Return periods of the same group and box, by a name for them; or each by itself."""
    if config.background.fit == "period":
        return {name: [name] for name in periods}
    alike: dict[tuple[str, float], list[str]] = {}
    for name in periods:
        period = config.periods[name]
        alike.setdefault((period.group, period.e_ecal_max), []).append(name)
    # The name of the group would stand for all of it, as for the published numbers.
    groups = config.groups()
    return {
        group if tuple(members) == groups[group] else "+".join(members): members
        for (group, _), members in alike.items()
    }
