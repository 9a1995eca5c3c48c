"""From event files, or from published numbers, to limits on epsilon."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from na64ana.background.estimate import BackgroundEstimate
from na64ana.background.table import BackgroundTable, published_rows
from na64ana.config import Config
from na64ana.display import html_line
from na64ana.errors import ConfigError, LimitError
from na64ana.interpretation.acceptance import Acceptance, signal_events
from na64ana.processing.processors import processor_path
from na64ana.processing.run import ProcessedRun
from na64ana.signal.response import CHANNELS
from na64ana.signal.table import YieldTable
from na64ana.signal.uncertainty import compute_errors
from na64ana.stats.build import build_model
from na64ana.stats.curve import LimitCurve, compute_curve
from na64ana.stats.model import METHODS, CountingModel
from na64ana.workflow.background import background_of
from na64ana.workflow.bins import background_in_bins, bin_edges, count_in_bins
from na64ana.workflow.details import Details, compute_details
from na64ana.workflow.efficiency import SignalEfficiency, signal_efficiencies
from na64ana.workflow.events import Paths
from na64ana.workflow.progress import Progress, silent
from na64ana.workflow.selection import Calibrated, Selected, Settings, calibrate, select
from na64ana.workflow.yields import load_yields, response_of

Floats = npt.NDArray[np.float64]
#: Events by period and bin of E_ECAL.
Counts = Mapping[str, tuple[int, ...]]

#: Whether the signal box was opened, and why.
BoxState = Literal["closed", "opened: simulated events", "opened: --unblind", "published"]


@dataclass(frozen=True)
class EventAnalysis:
    """What the event files gave.

    `selected` is the blinded run that the background comes from; it was complete before the box
    was opened. `efficiencies` are those of the signal by period, `background` is what sidebands and
    control samples say. `observed` are the events in the box by period and bin, None while it is
    closed.
    """

    calibrated: Calibrated
    selected: Selected
    efficiencies: dict[str, SignalEfficiency]
    background: BackgroundEstimate
    observed: Counts | None

    @property
    def run(self) -> ProcessedRun:
        """Tallies, files and electrons on target of the blinded run."""
        return self.selected.run


@dataclass(frozen=True)
class LimitsResult:
    """All that `na64ana limits` prints, writes and draws.

    `curve` is the headline, by the method that the configuration names. `beside` are the limits by
    the other methods on the same models; one that cannot be computed is missing, and `notes` say
    why. `models` have the signal of epsilon = 1, one per mass; `details` are those of one mass.
    `acceptances` by period make events of any other yield.
    """

    config: Config
    periods: tuple[str, ...]
    box: BoxState
    background: BackgroundTable
    acceptances: Mapping[str, Acceptance]
    models: tuple[CountingModel, ...]
    yields: YieldTable
    curve: LimitCurve
    beside: tuple[LimitCurve, ...]
    notes: tuple[str, ...]
    details: Details
    events: EventAnalysis | None

    def by(self, method: str) -> LimitCurve | None:
        """Return the curve of a method, if there is one."""
        return next((c for c in (self.curve, *self.beside) if c.method == method), None)

    def _repr_html_(self) -> str:
        head = html_line(f"periods {' '.join(self.periods)}; signal box {self.box}")
        notes = "".join(html_line(note) for note in self.notes)
        return head + self.curve._repr_html_() + self.background._repr_html_() + notes


def limits_from_events(
    config: Config,
    paths: Paths,
    *,
    unblind: bool,
    processor: Path | None = None,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> LimitsResult:
    """Run all steps on event files.

    Parameters
    ----------
    config : Config
    paths : dict of str to tuple of Path
        Event files by period; periods without files take no part.
    unblind : bool
        Whether the box of measured events is opened. That of simulated events always is.
    processor : Path or None
        A processor file; the default is the shipped ``invisible.py``.
    settings : Settings or None
        Workers, chunks and checkpoints; the result is the same for any.
    progress : Progress
        Told of every step.

    Raises
    ------
    ConfigError, DataError, IncompleteDataError, ProcessorError, BackgroundError, LimitError
        As the steps do; also DataError if no event of a period passes the trigger.
    """
    source = processor_path("invisible") if processor is None else processor
    calibrated = calibrate(config, paths, settings=settings, progress=progress)
    templates = calibrated.templates
    progress("selecting events, box closed", 0, 1)
    closed = select(config, paths, source, blinded=True, templates=templates, settings=settings)
    progress("selecting events, box closed", 1, 1)

    progress("estimating the background", 0, 1)
    background = background_of(
        config,
        closed.run.tallies,
        calibrated.dimuon.run.tallies,
        eot={name: one.eot for name, one in closed.run.exposures.items()},
        prescales=closed.run.prescales(),
        templates=templates,
    )
    progress("estimating the background", 1, 1)

    efficiencies = signal_efficiencies(config, calibrated, progress)
    files = closed.run.files
    simulated = all(file.metadata.simulated for listed in files.values() for file in listed)
    observed: Counts | None = None
    box: BoxState = "closed"
    if simulated or unblind:
        box = "opened: simulated events" if simulated else "opened: --unblind"
        progress("opening the box", 0, 1)
        opened = select(
            config, paths, source, blinded=False, templates=templates, settings=settings
        )
        observed = count_in_bins(config, opened.run.tallies)
        progress("opening the box", 1, 1)
    events = EventAnalysis(calibrated, closed, efficiencies, background, observed)
    return _limits(config, tuple(files), background.table, observed, box, events, progress)


def limits_from_published(config: Config, *, progress: Progress = silent) -> LimitsResult:
    """Run the last steps on the published backgrounds, efficiencies and observed events.

    Raises
    ------
    ConfigError
        If bins of E_ECAL are asked for, or observed events cannot be divided.
    LimitError
        If a limit is not found.
    """
    if config.limits.e_ecal_edges:
        msg = "limits.e_ecal_edges: published numbers are those of whole boxes; leave it away"
        raise ConfigError(msg)
    observed: dict[str, tuple[int, ...]] = {}
    for group, members in config.groups().items():
        # Zero in a group is zero in each of its periods; more cannot be divided.
        count = config.published[group].observed
        if count > 0 and len(members) > 1:
            msg = f"published.{group}.observed: {count} events of {len(members)} periods together"
            raise ConfigError(msg)
        observed |= dict.fromkeys(members, (count,))
    periods = tuple(config.periods)
    table = BackgroundTable(tuple(row for name in periods for row in published_rows(config, name)))
    return _limits(config, periods, table, observed, "published", None, progress)


def mass_grid(config: Config) -> Floats:
    """Return the masses of the A' [GeV], equidistant in the logarithm."""
    low, high = config.signal.mass_min, config.signal.mass_max
    n = 1 + max(1, round(np.log10(high / low) * config.signal.masses_per_decade))
    return np.geomspace(low, high, n)


def _limits(
    config: Config,
    periods: tuple[str, ...],
    table: BackgroundTable,
    observed: Counts | None,
    box: BoxState,
    events: EventAnalysis | None,
    progress: Progress,
) -> LimitsResult:
    masses = mass_grid(config)
    progress("computing signal yields", 0, 1)
    yields = load_yields(config)
    acceptances = {name: _acceptance(config, name, masses, events) for name in periods}
    signals = signal_events(acceptances, yields, masses)
    errors = {} if events is None else events.efficiencies
    tables = (table,) if events is None else background_in_bins(config, table, events.background)
    by_source = _yield_errors(config, yields, masses)
    progress("computing signal yields", 1, 1)
    models = tuple(
        build_model(
            config,
            tables,
            {
                name: {process: per_bin[i] for process, per_bin in one.items()}
                for name, one in signals.items()
            },
            observed,
            efficiency_errors={name: one.relative_error for name, one in errors.items()},
            yield_errors=by_source,
        )
        for i in range(len(masses))
    )
    options = config.limits
    ordered = sorted(METHODS, key=lambda method: method != options.method)
    curves, notes = [], []
    for done, method in enumerate(ordered):
        progress("computing limits", done, len(ordered))
        try:
            curves.append(
                compute_curve(
                    masses,
                    models,
                    options.confidence_level,
                    method,
                    n_toys=options.n_toys,
                    seed=options.seed,
                )
            )
        except LimitError as error:
            if method == options.method:
                raise
            notes.append(f"no {method} limit: {error}")
    details = compute_details(config, models, curves)
    progress("computing limits", len(ordered), len(ordered))
    return LimitsResult(
        config=config,
        periods=periods,
        box=box,
        background=table,
        acceptances=acceptances,
        models=models,
        yields=yields,
        curve=curves[0],
        beside=tuple(curves[1:]),
        notes=(*notes, *details.notes),
        details=details,
        events=events,
    )


def _acceptance(
    config: Config, period: str, masses: Floats, events: EventAnalysis | None
) -> Acceptance:
    """Return what a period makes of dark photons of some masses [GeV].

    Of event files, electrons on target and the efficiency of the cuts are measured, and the yield
    is that in the box, with resolution and trigger. The published efficiency has these two in it.
    """
    if events is None:
        given = config.periods[period]
        flat = np.full(len(masses), given.efficiency)
        return Acceptance(
            eot=given.eot,
            edges=np.array([0.0, given.e_ecal_max]),
            efficiency={"bremsstrahlung": flat, "annihilation": flat},
            response=None,
        )
    measured = events.efficiencies[period]
    return Acceptance(
        eot=events.run.exposures[period].eot,
        edges=bin_edges(config, period),
        efficiency={
            "bremsstrahlung": measured.at(masses),
            "annihilation": np.full(len(masses), measured.of_annihilation),
        },
        response=response_of(config, period),
    )


def _yield_errors(
    config: Config, yields: YieldTable, masses: Floats
) -> dict[str, dict[str, float]] | None:
    """Return the largest computed error over the masses, by process and source.

    One model serves all masses; the errors of the signal are therefore the same for all.
    """
    if config.limits.yield_errors == "published":
        return None
    edge = min(period.e_ecal_max for period in config.periods.values())
    found: dict[str, dict[str, float]] = {}
    for process in CHANNELS:
        errors = compute_errors(yields, masses, edge, channel=process).by_source
        found[process] = {name: float(error.max()) for name, error in errors.items() if error.any()}
    return found
