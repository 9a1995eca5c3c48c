"""What the bins of E_ECAL inside the signal box hold: backgrounds, observed events."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from na64ana.background.estimate import BackgroundEstimate
from na64ana.background.extrapolation import Extrapolation, compute_band
from na64ana.background.table import UPSTREAM, BackgroundRow, BackgroundTable
from na64ana.config import Config
from na64ana.tally.tally import Tally

Floats = npt.NDArray[np.float64]


def bin_edges(config: Config, period: str) -> Floats:
    """Return the edges [GeV] of the bins of a period: its box, divided as configured."""
    return np.array([0.0, *config.limits.e_ecal_edges, config.periods[period].e_ecal_max])


def count_in_bins(config: Config, tallies: Mapping[str, Tally]) -> dict[str, tuple[int, ...]]:
    """Return the events in the bins by period, of tallies with an open box."""
    counts: dict[str, tuple[int, ...]] = {}
    for name, tally in tallies.items():
        if not config.limits.e_ecal_edges:
            counts[name] = (tally.regions["signal_box"],)
            continue
        inside = np.clip(tally.e_ecal_of("signal_box"), 0.0, None)
        counts[name] = tuple(np.histogram(inside, bin_edges(config, name))[0].tolist())
    return counts


def background_in_bins(
    config: Config, table: BackgroundTable, estimate: BackgroundEstimate
) -> tuple[BackgroundTable, ...]:
    """Return a table per bin; the bins add up to the box.

    Upstream interactions are divided as the average of the fits of sideband C says, with an error
    that grows away from the sideband; other sources are taken to be flat in E_ECAL (choice).
    """
    n_bins = 1 + len(config.limits.e_ecal_edges)
    if n_bins == 1:
        return (table,)
    divided = []
    for row in table.rows:
        edges = bin_edges(config, row.period)
        fit = fit_of(estimate, row)
        divided.append(_flat(row, edges) if fit is None else _fitted(row, edges, fit))
    return tuple(BackgroundTable(tuple(rows[i] for rows in divided)) for i in range(n_bins))


def fit_of(estimate: BackgroundEstimate, row: BackgroundRow) -> Extrapolation | None:
    """Return the fit of sideband C that a row comes from, by its own or by a borrowed ratio."""
    if row.source != UPSTREAM:
        return None
    fits = estimate.upstream.extrapolations
    return fits.get(row.scope) or fits.get(str(row.estimate.inputs.get("ratio_from")))


def _flat(row: BackgroundRow, edges: Floats) -> tuple[BackgroundRow, ...]:
    shares = np.diff(edges) / edges[-1]
    method = f"{row.method}; flat in E_ECAL"
    return tuple(
        replace(
            row,
            estimate=replace(
                row.estimate, events=row.events * float(share), method=method, upper_limit=None
            ),
        )
        for share in shares
    )


def _fitted(row: BackgroundRow, edges: Floats, fit: Extrapolation) -> tuple[BackgroundRow, ...]:
    low, middle, high = compute_band(fit, edges)
    box = compute_band(fit, edges[[0, -1]])[:, 0]
    shares = middle / middle.sum()
    # how much wider the band is in a bin than in the box: so much larger is its log-normal error
    down = np.log(low / middle) / np.log(box[0] / box[1])
    up = np.log(high / middle) / np.log(box[2] / box[1])
    method = f"{row.method}; by the fit of sideband C"
    return tuple(
        replace(
            row,
            estimate=replace(
                row.estimate,
                events=row.events * float(share),
                factors=(row.factors[0] ** float(less), row.factors[1] ** float(more)),
                method=method,
                upper_limit=None,
            ),
        )
        for share, less, more in zip(shares, down, up, strict=True)
    )
