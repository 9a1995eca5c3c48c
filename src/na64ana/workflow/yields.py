"""Signal yields of a configuration, kept in the cache folder; tables and figures of yields."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.config.conditions import row_at
from na64ana.display import html_table
from na64ana.errors import ModelError
from na64ana.io.atomic import atomic_files
from na64ana.io.cache import cache_folder
from na64ana.plotting.style import figure
from na64ana.plotting.yields import plot_spectra, plot_yields
from na64ana.signal.bremsstrahlung import Process
from na64ana.signal.response import CHANNELS, Channel, Response
from na64ana.signal.table import TABLE_RANGE, Model, YieldTable, load_or_compute
from na64ana.signal.uncertainty import EDGE, YieldErrors, compute_errors
from na64ana.signal.widths import DarkMatter
from na64ana.signal.yields import Beamline
from na64ana.workflow.columns import columns_csv

Floats = npt.NDArray[np.float64]

#: Masses [GeV] of a table if none are given, and bins of E_ECAL [GeV] of the spectra.
USUAL_MASSES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BIN_WIDTH = 2.0


@dataclass(frozen=True, eq=False)
class Yields:
    """Yields per particle on target, epsilon = 1, at some masses.

    Attributes
    ----------
    table : YieldTable
    e_ecal_max : float
        Edge of the signal box [GeV].
    masses : array (n,)
        [GeV]
    made, in_box : dict of str to array (n,)
        By channel: above the missing energy at the emission; in the box, with resolution and
        trigger.
    errors : YieldErrors
        Of bremsstrahlung in the box.
    """

    table: YieldTable
    e_ecal_max: float
    masses: Floats
    made: dict[Channel, Floats]
    in_box: dict[Channel, Floats]
    errors: YieldErrors

    def closed(self, i: int) -> str:
        """Return why a channel is closed at mass number i, or nothing."""
        reasons = (self.table.closed(float(self.masses[i]), channel) for channel in CHANNELS)
        return "; ".join(reason for reason in reasons if reason)

    def _repr_html_(self) -> str:
        errors = self.errors.total
        rows = (
            [1e3 * float(mass), *(float(self.in_box[c][i]) for c in CHANNELS), float(errors[i])]
            for i, mass in enumerate(self.masses)
        )
        return html_table(
            ("m [MeV]", *CHANNELS, "relative error"),
            rows,
            title=f"yield per electron, E_ECAL below {self.e_ecal_max:g} GeV, epsilon = 1",
        )


def yield_model(config: Config) -> Model:
    """Return what the yields of a configuration depend on.

    Raises
    ------
    ModelError
        If a coupling or a mass lies outside its range.
    """
    given, dark = config.signal, config.signal.dark_matter
    # The masses at which the signal is simulated are in the table whatever is asked.
    low, high = min(given.mass_min, TABLE_RANGE[0]), max(given.mass_max, TABLE_RANGE[1])
    dark_matter = DarkMatter(dark.kind, dark.alpha_d, dark.mass_ratio)
    return Model(dark_matter=dark_matter, mass_min=low, mass_max=high)


def load_yields(config: Config) -> YieldTable:
    """Return the table of a configuration, from the cache folder or computed now.

    Raises
    ------
    ModelError
        As `yield_model` and `compute_table`.
    """
    return load_model(yield_model(config))


@cache
def load_model(model: Model) -> YieldTable:
    """Return the table of a model, from the cache folder or computed now."""
    return load_or_compute(cache_folder() / "yields", model)


def response_of(config: Config, period: str) -> Response:
    """Return resolution and trigger of a period."""
    run = config.periods[period].runs.first
    trigger = row_at(config.conditions.trigger, run).value
    return Response(e_prs_min=trigger.e_prs_min, e_ecal_max=trigger.e_ecal_max)


def model_of(
    config: Config,
    masses: Sequence[float],
    *,
    mediator: Any = "V",
    beam: Any = "e-",
    beam_energy: float,
    dark_matter: Mapping[str, Any],
) -> Model:
    """Return the model of a configuration with changes.

    Parameters
    ----------
    config : Config
    masses : sequence of float
        [GeV]; the table reaches further than its usual range if they do.
    mediator, beam : str
    beam_energy : float
        [GeV]
    dark_matter : mapping
        Attributes of `DarkMatter` that are not those of the configuration.

    Raises
    ------
    ModelError
        If something lies outside its range.
    """
    usual = yield_model(config)
    low, high = min([*masses, TABLE_RANGE[0]]), max([*masses, TABLE_RANGE[1]])
    return replace(
        usual,
        process=Process(mediator),
        beamline=Beamline(beam_energy, beam),
        dark_matter=replace(usual.dark_matter, **dark_matter),
        mass_min=low,
        mass_max=high,
    )


def make_yields(model: Model, masses: Sequence[float], e_ecal_max: float) -> Yields:
    """Return yields at some masses [GeV], the usual ones if there are none.

    Raises
    ------
    ModelError
        If a mass, or the edge of the box, lies outside what the model can do.
    """
    table = load_model(model)
    chosen = np.array(sorted(set(masses)) or USUAL_MASSES)
    edges, beam = table.bremsstrahlung.edges, model.beamline.energy
    if not EDGE < e_ecal_max <= beam - edges[0]:
        msg = (
            f"E_ECAL below {e_ecal_max:g} GeV: the edge must lie above {EDGE:g} and not above "
            f"{beam - edges[0]:g} GeV"
        )
        raise ModelError(msg)
    return yields_of(table, chosen, e_ecal_max)


def yields_of(table: YieldTable, masses: Floats, e_ecal_max: float) -> Yields:
    """Return the yields of a table at masses ``(n,)`` [GeV] in a box [GeV], and their errors."""
    beam = table.model.beamline.energy
    return Yields(
        table=table,
        e_ecal_max=e_ecal_max,
        masses=masses,
        made={c: table.above(masses, beam - e_ecal_max, c) for c in CHANNELS},
        in_box={c: table.in_box(masses, e_ecal_max, c) for c in CHANNELS},
        errors=compute_errors(table, masses, e_ecal_max),
    )


def write_yields(found: Yields, folder: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write yields and spectra as CSV, and their figures; return the names of the files.

    Raises
    ------
    OutputError
        If a file exists, or the folder cannot be written.
    """
    names = tuple(
        f"{stem}{end}" for stem in ("yields", "spectra") for end in (".csv", ".png", ".pdf")
    )
    table, model = found.table, found.table.model
    beam = f"{model.beamline.energy:g} GeV {model.beamline.particle}"
    title = f"na64ana, {beam}, mediator {model.process.mediator}"
    edges = np.arange(0.0, model.beamline.energy - 10.0 + BIN_WIDTH / 2, BIN_WIDTH)
    spectra = sum(table.spectrum(found.masses, edges, channel) for channel in CHANNELS)
    by_mass = {float(m): row for m, row in zip(found.masses, np.asarray(spectra), strict=True)}
    with atomic_files(folder, names, overwrite=overwrite) as staging:
        (staging / "yields.csv").write_text(yields_csv(found), encoding="utf-8")
        (staging / "spectra.csv").write_text(_spectra_csv(edges, by_mass), encoding="utf-8")
        grid = np.geomspace(model.mass_min, model.mass_max, 400)
        curves: dict[str, Floats] = {c: table.in_box(grid, found.e_ecal_max, c) for c in CHANNELS}
        with figure(staging / "yields.png", 8, 6) as fig:
            plot_yields(grid, curves, fig.add_subplot(), title=title)
        with figure(staging / "spectra.png", 8, 6) as fig:
            ax = fig.add_subplot()
            plot_spectra(edges, by_mass, ax, e_ecal_max=found.e_ecal_max, title=title)
    return names


def yields_csv(found: Yields) -> str:
    """Return yields as CSV: the numbers that are printed, and the errors by source."""
    return columns_csv(yield_columns(found))


def yield_columns(found: Yields) -> dict[str, Any]:
    """Return yields and their errors by mass, a column each."""
    return {
        "m_ap_GeV": found.masses,
        **{f"{channel}_made": found.made[channel] for channel in CHANNELS},
        **{f"{channel}_in_box": found.in_box[channel] for channel in CHANNELS},
        **found.errors.by_source,
        "yield_total": found.errors.total,
        "closed": [found.closed(i) for i in range(len(found.masses))],
    }


def _spectra_csv(edges: Floats, by_mass: Mapping[float, Floats]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["m_ap_GeV", "e_ecal_low_GeV", "e_ecal_high_GeV", "yield"])
    for mass, values in by_mass.items():
        for low, high, value in zip(edges, edges[1:], values, strict=False):
            writer.writerow([f"{mass:.6g}", f"{low:g}", f"{high:g}", f"{value:.6g}"])
    return text.getvalue()
