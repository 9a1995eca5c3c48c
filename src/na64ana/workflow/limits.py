"""From event files, or from published numbers, to limits on epsilon."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from na64ana.background.estimate import BackgroundEstimate
from na64ana.background.table import BackgroundTable, published_rows
from na64ana.config import Config
from na64ana.constants import BEAM_ENERGY
from na64ana.errors import ConfigError, LimitError
from na64ana.processing.processors import processor_path
from na64ana.processing.run import ProcessedRun
from na64ana.signal.table import YieldTable
from na64ana.stats.build import build_model
from na64ana.stats.curve import LimitCurve, compute_curve
from na64ana.stats.excess import Excess, compute_excess
from na64ana.stats.model import METHODS, CountingModel
from na64ana.workflow.background import background_of
from na64ana.workflow.efficiency import SignalEfficiency, signal_efficiencies
from na64ana.workflow.events import Paths
from na64ana.workflow.progress import Progress, silent
from na64ana.workflow.selection import Calibrated, Selected, Settings, calibrate, select
from na64ana.workflow.yields import load_yields, yields_at_emission, yields_in_box

Floats = npt.NDArray[np.float64]

#: Mass [GeV] of the excess, the workspace and the combinations: in the middle of the curve.
REFERENCE_MASS = 0.02
#: Whether the signal box was opened, and why.
BoxState = Literal["closed", "opened: simulated events", "opened: --unblind", "published"]


@dataclass(frozen=True)
class EventAnalysis:
    """What the event files gave.

    `selected` is the blinded run that the background comes from; it was complete before the box
    was opened. `efficiencies` are those of the signal by period, `background` is what sidebands and
    control samples say. `observed` are the events in the box by period, None while it is closed.
    """

    calibrated: Calibrated
    selected: Selected
    efficiencies: dict[str, SignalEfficiency]
    background: BackgroundEstimate
    observed: dict[str, int] | None

    @property
    def run(self) -> ProcessedRun:
        """Tallies, files and electrons on target of the blinded run."""
        return self.selected.run


@dataclass(frozen=True)
class LimitsResult:
    """All that `na64ana limits` prints, writes and draws.

    `curve` is the headline, by the method that the configuration names. `beside` are the limits by
    the other methods on the same models; one that cannot be computed is missing, and `notes` say
    why. `models` have the signal of epsilon = 1, one per mass. `excess` tells what the background
    makes of the observed events; None while the box is closed.
    """

    config: Config
    periods: tuple[str, ...]
    box: BoxState
    background: BackgroundTable
    models: tuple[CountingModel, ...]
    yields: YieldTable
    curve: LimitCurve
    beside: tuple[LimitCurve, ...]
    notes: tuple[str, ...]
    excess: Excess | None
    events: EventAnalysis | None

    def by(self, method: str) -> LimitCurve | None:
        """Return the curve of a method, if there is one."""
        return next((c for c in (self.curve, *self.beside) if c.method == method), None)


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
    observed: dict[str, int] | None = None
    box: BoxState = "closed"
    if simulated or unblind:
        box = "opened: simulated events" if simulated else "opened: --unblind"
        progress("opening the box", 0, 1)
        opened = select(
            config, paths, source, blinded=False, templates=templates, settings=settings
        )
        observed = {name: one.regions["signal_box"] for name, one in opened.run.tallies.items()}
        progress("opening the box", 1, 1)
    events = EventAnalysis(calibrated, closed, efficiencies, background, observed)
    return _limits(config, tuple(files), background.table, observed, box, events, progress)


def limits_from_published(config: Config, *, progress: Progress = silent) -> LimitsResult:
    """Run the last steps on the published backgrounds, efficiencies and observed events."""
    observed: dict[str, int] = {}
    for group, members in config.groups().items():
        # Zero in a group is zero in each of its periods; more cannot be divided.
        count = config.published[group].observed
        if count > 0 and len(members) > 1:
            msg = f"published.{group}.observed: {count} events of {len(members)} periods together"
            raise ConfigError(msg)
        observed |= dict.fromkeys(members, count)
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
    observed: dict[str, int] | None,
    box: BoxState,
    events: EventAnalysis | None,
    progress: Progress,
) -> LimitsResult:
    masses = mass_grid(config)
    progress("computing signal yields", 0, 1)
    yields = load_yields(config)
    signals = _signals(config, periods, masses, yields, events)
    errors = {} if events is None else events.efficiencies
    progress("computing signal yields", 1, 1)
    models = tuple(
        build_model(
            config,
            table,
            {name: float(signals[name][i]) for name in periods},
            observed,
            {name: one.relative_error for name, one in errors.items()},
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
    progress("computing limits", len(ordered), len(ordered))
    return LimitsResult(
        config=config,
        periods=periods,
        box=box,
        background=table,
        models=models,
        yields=yields,
        curve=curves[0],
        beside=tuple(curves[1:]),
        notes=tuple(notes),
        excess=None
        if observed is None
        else compute_excess(
            models[int(np.argmin(np.abs(np.log(masses / REFERENCE_MASS))))],
            n_toys=options.n_toys,
            seed=options.seed,
        ),
        events=events,
    )


def _signals(
    config: Config,
    periods: tuple[str, ...],
    masses: Floats,
    yields: YieldTable,
    events: EventAnalysis | None,
) -> dict[str, Floats]:
    """Return the signal events in the box for epsilon = 1, by period and mass.

    Of event files, electrons on target and the efficiency of the cuts are measured, and the yield
    is that in the box, with resolution and trigger. The published efficiency has these two in it,
    and goes with the yield above the missing energy.
    """
    signals = {}
    for name in periods:
        period = config.periods[name]
        if events is None:
            made = yields_at_emission(yields, BEAM_ENERGY - period.e_ecal_max, masses)
            signals[name] = period.eot * period.efficiency * made
        else:
            one, in_box = events.efficiencies[name], yields_in_box(yields, config, name, masses)
            kept = one.at(masses) * in_box["bremsstrahlung"]
            kept += one.of_annihilation * in_box["annihilation"]
            signals[name] = events.run.exposures[name].eot * kept
    return signals
