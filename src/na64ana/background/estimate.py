"""From the sidebands of all periods to the background table."""

from collections.abc import Mapping, Sequence

from na64ana.background.extrapolation import Extrapolation, extrapolate
from na64ana.background.table import (
    UPSTREAM,
    BackgroundRow,
    BackgroundTable,
    extrapolated_rows,
    published_rows,
)
from na64ana.config import Config


def estimate_background(
    config: Config, sidebands: Mapping[str, Sequence[float]]
) -> tuple[BackgroundTable, dict[str, Extrapolation]]:
    """Extrapolate sideband C where it has enough events; the rest is published.

    Periods of a group share beam line and HCAL position, so they are fitted together, as long
    as they have the same box. With too few events the published number stands in, and the
    method of its row says so.

    Parameters
    ----------
    config : Config
    sidebands : mapping of str to sequence of float
        E_ECAL [GeV] of the events of sideband C, by period.

    Returns
    -------
    table : BackgroundTable
        For the periods of `sidebands`.
    extrapolations : dict of str to Extrapolation
        The fits, by the group or the periods fitted together.

    Raises
    ------
    BackgroundError
        If no family describes a sideband.
    """
    options = config.background
    upstream: dict[str, BackgroundRow] = {}
    extrapolations: dict[str, Extrapolation] = {}
    for scope, members in _fitted_together(config, sidebands).items():
        energies = {
            name: [e for e in sidebands[name] if e < options.sideband_c_max] for name in members
        }
        pooled = [e for values in energies.values() for e in values]
        if len(pooled) < options.n_events_min:
            continue
        fit = extrapolate(pooled, config.periods[members[0]].e_ecal_max, options)
        extrapolations[scope] = fit
        counts = {name: len(values) for name, values in energies.items()}
        upstream |= {row.period: row for row in extrapolated_rows(counts, scope, fit)}
    rows = [
        upstream.get(name, row) if row.source == UPSTREAM else row
        for name in sidebands
        for row in published_rows(config, name)
    ]
    return BackgroundTable(tuple(rows)), extrapolations


def _fitted_together(config: Config, periods: Mapping[str, object]) -> dict[str, list[str]]:
    """Return periods of the same group and box, by a name for them."""
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
