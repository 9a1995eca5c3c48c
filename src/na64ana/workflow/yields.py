"""Signal yields of a configuration, kept in the cache folder."""

from functools import cache

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.config.conditions import row_at
from na64ana.signal.response import Channel, Response
from na64ana.signal.table import Model, YieldTable, load_or_compute
from na64ana.signal.widths import DarkMatter
from na64ana.workflow.events import cache_folder

Floats = npt.NDArray[np.float64]

#: Both ways in which a dark photon is made.
CHANNELS: tuple[Channel, ...] = ("bremsstrahlung", "annihilation")


def yield_model(config: Config) -> Model:
    """Return what the yields of a configuration depend on.

    Raises
    ------
    ModelError
        If a coupling or a mass lies outside its range.
    """
    given = config.signal
    dark = DarkMatter(
        given.dark_matter.kind, given.dark_matter.alpha_d, given.dark_matter.mass_ratio
    )
    return Model(dark_matter=dark, mass_min=given.mass_min, mass_max=given.mass_max)


def load_yields(config: Config) -> YieldTable:
    """Return the table of a configuration, from the cache folder or computed now.

    Raises
    ------
    ModelError
        As `yield_model` and `compute_table`.
    """
    return _load(yield_model(config))


@cache
def _load(model: Model) -> YieldTable:
    return load_or_compute(cache_folder() / "yields", model)


def response_of(config: Config, period: str) -> Response:
    """Return resolution and trigger of a period."""
    run = config.periods[period].runs.first
    trigger = row_at(config.conditions.trigger, run).value
    return Response(e_prs_min=trigger.e_prs_min, e_ecal_max=trigger.e_ecal_max)


def yields_in_box(table: YieldTable, config: Config, period: str, masses: Floats) -> Floats:
    """Return dark photons per electron on target, epsilon = 1, that trigger and lie in the box.

    Parameters
    ----------
    table : YieldTable
    config : Config
    period : str
    masses : array (n,)
        [GeV]
    """
    edge, response = config.periods[period].e_ecal_max, response_of(config, period)
    return np.asarray(sum(table.in_box(masses, edge, channel, response) for channel in CHANNELS))


def yields_at_emission(table: YieldTable, e_miss_min: float, masses: Floats) -> Floats:
    """Return dark photons per electron on target, epsilon = 1, above an energy [GeV]."""
    return np.asarray(sum(table.above(masses, e_miss_min, channel) for channel in CHANNELS))
