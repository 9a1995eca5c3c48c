"""Load datasets.yaml."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from na64ana.config.conditions import row_at
from na64ana.config.models import Config
from na64ana.config.shipped import shipped_path
from na64ana.config.yaml_file import Location, load_model


def load_config(path: Path | None = None) -> Config:
    """Load and check a configuration.

    Parameters
    ----------
    path : Path or None
        A file laid out as the shipped ``datasets.yaml``, which is the default.

    Returns
    -------
    Config
        Frozen, in internal units.

    Raises
    ------
    ConfigError
        On the first problem, as ``file:line: where: what, and what is allowed``.

    Examples
    --------
    >>> from na64ana.config import load_config
    >>> config = load_config()
    >>> config.periods["V"].e_ecal_max  # GeV
    50.0
    >>> config.selection_of("IV").single_track.theta_in_max  # rad
    0.003
    """
    path = shipped_path("datasets.yaml") if path is None else path
    return load_model(path, Config, example="datasets.yaml", conflicts=_conflicts)


def _conflicts(config: Config) -> Iterator[tuple[Location, str]]:
    """Yield what is wrong between blocks that are right by themselves."""
    known: list[tuple[str, Mapping[str, object], str]] = [
        ("selection", config.selections, "selections"),
        ("group", config.published, "published"),
        ("group", config.simulation.rates, "simulation.rates"),
    ]
    for name, period in config.periods.items():
        for key, block, title in known:
            value = getattr(period, key)
            if value not in block:
                message = f"{value!r} does not stand under {title}. Allowed: {', '.join(block)}"
                yield ("periods", name, key), message
        if period.runs.last < period.runs.first:
            yield ("periods", name, "runs"), "the last run comes before the first"
        yield from _period_conflicts(config, name)
    in_order = sorted(config.periods.items(), key=lambda item: item[1].runs.first)
    for (first, one), (second, other) in itertools.pairwise(in_order):
        if other.runs.first <= one.runs.last:
            message = (
                f"runs {other.runs.first}-{other.runs.last} overlap with period {first}, "
                f"runs {one.runs.first}-{one.runs.last}; a run belongs to one period"
            )
            yield ("periods", second, "runs"), message
    limits = config.limits
    if limits.yield_error**2 + limits.eot_error**2 > limits.signal_error**2:
        yield ("limits", "signal_error"), "smaller than yield_error and eot_error in quadrature"
    if not 0 < limits.confidence_level < 1:
        yield ("limits", "confidence_level"), "must lie between 0 and 100 %, both excluded"
    edges = (0.0, *limits.e_ecal_edges, min(one.e_ecal_max for one in config.periods.values()))
    if any(high <= low for low, high in itertools.pairwise(edges)):
        message = f"must rise, between 0 GeV and the smallest e_ecal_max, {edges[-1]:g} GeV"
        yield ("limits", "e_ecal_edges"), message


def _period_conflicts(config: Config, name: str) -> Iterator[tuple[Location, str]]:
    """Yield what is wrong between a period and the blocks that it uses."""
    period = config.periods[name]
    edge, upper = period.e_ecal_max, config.background.sideband_c_max
    if not edge < upper:
        message = f"{edge:g} GeV is not below background.sideband_c_max, {upper:g} GeV"
        yield ("periods", name, "e_ecal_max"), message
    if (cuts := config.selections.get(period.selection)) is not None:
        least = cuts.calibration.e_ecal_min
        if not edge < least:
            message = f"e_ecal_min, {least:g} GeV, is not above e_ecal_max of {name}"
            yield ("selections", period.selection, "calibration"), message
    for key in ("ecal_matrix", "beam_cell", "hcal_acceptance"):
        table = getattr(config.conditions, key)
        if row_at(table, period.runs.first) != row_at(table, period.runs.last):
            message = f"conditions.{key} changes inside the period; make it two periods"
            yield ("periods", name, "runs"), message
