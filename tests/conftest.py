"""Shared set-up: the shipped configuration, and real event files made from it once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from na64ana.config import Config, load_config
from na64ana.cuts.template import ShowerTemplate
from na64ana.io.writing import write_events
from na64ana.processing.processors import TallyProcessor, load_processor, processor_path
from na64ana.processing.run import ProcessedRun, open_files, process
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import make_events, write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.simulation.template import shower_template
from na64ana.workflow.events import Paths
from na64ana.workflow.limits import LimitsResult, limits_from_events, limits_from_published
from na64ana.workflow.outputs import write_outputs
from na64ana.workflow.selection import Calibrated, calibrate

SEED = 64
#: The name of a file that a page must not take for HTML.
HOSTILE = "<img src=x onerror=alert(1)>'\"&amp;{{ 7*7 }}<!--.root"

# The first call of a compiled function takes seconds.
settings.register_profile("na64ana", deadline=None)
settings.load_profile("na64ana")


@pytest.fixture(scope="session")
def config() -> Config:
    """Return the shipped configuration, with fewer of the events that are prescaled anyway."""
    shipped = load_config()
    fewer = shipped.simulation.model_copy(update={"max_events": 13_000, "max_beam_events": 2000})
    return shipped.model_copy(update={"simulation": fewer})


@pytest.fixture(scope="session")
def event_paths(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Paths:
    folder = tmp_path_factory.mktemp("events")
    for period in config.periods:
        write_simulated_file(folder / f"{period}.root", Plan(config, period, SEED))
    return {period: (folder / f"{period}.root",) for period in config.periods}


@pytest.fixture
def event_file(event_paths: Paths) -> Path:
    """Return the smallest event file, that of period I; copy it before breaking it."""
    return event_paths["I"][0]


@pytest.fixture(scope="session")
def templates(config: Config) -> dict[str, ShowerTemplate]:
    """Return the simulation's own mean shower: what a calibration of the events finds."""
    return {period: replace(shower_template(), period=period) for period in config.periods}


@pytest.fixture(scope="session")
def closed(config: Config, templates: dict[str, ShowerTemplate]) -> TallyProcessor:
    return load_processor(processor_path("invisible"), config, blinded=True, templates=templates)


@pytest.fixture(scope="session")
def opened(config: Config, templates: dict[str, ShowerTemplate]) -> TallyProcessor:
    return load_processor(processor_path("invisible"), config, blinded=False, templates=templates)


@pytest.fixture(scope="session")
def calibrated(config: Config, event_paths: Paths) -> Calibrated:
    return calibrate(config, event_paths)


@pytest.fixture(scope="session")
def closed_run(config: Config, event_paths: Paths, closed: TallyProcessor) -> ProcessedRun:
    return process(open_files(event_paths, config, closed), config, closed)


@pytest.fixture(scope="session")
def opened_run(config: Config, event_paths: Paths, opened: TallyProcessor) -> ProcessedRun:
    return process(open_files(event_paths, config, opened), config, opened)


@pytest.fixture(scope="session")
def from_events(config: Config, event_paths: Paths) -> LimitsResult:
    return limits_from_events(config, event_paths, unblind=False)


@pytest.fixture(scope="session")
def from_published(config: Config) -> LimitsResult:
    return limits_from_published(config)


@pytest.fixture(scope="session")
def limits_folder(from_events: LimitsResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what `na64ana limits` writes of simulated events; copy it before changing it."""
    folder = tmp_path_factory.mktemp("limits")
    write_outputs(from_events, folder, inputs={"seed": SEED, "config": None})
    return folder


@pytest.fixture(scope="session")
def published_folder(
    from_published: LimitsResult, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return what `na64ana limits --published` writes."""
    folder = tmp_path_factory.mktemp("published")
    write_outputs(from_published, folder, inputs={"seed": SEED, "config": None})
    return folder


@pytest.fixture(scope="session")
def closed_folder(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same of a measured file with a hostile name and a full box, which stays closed."""
    folder = tmp_path_factory.mktemp("closed")
    few = {
        "signal": config.signal.model_copy(update={"mass_min": 0.01, "mass_max": 0.04}),
        "limits": config.limits.model_copy(update={"n_toys": 2000}),
    }
    config = config.model_copy(update=few).only(["V"])
    planted = Signal(np.full(1, 80.0, np.float32), np.full(1, 2.0, np.float32), 60)
    events, metadata = make_events(Plan(config, "V", SEED, planted))
    measured = metadata.model_copy(update={"simulated": False, "lineage": "", "seed": None})
    path = folder / HOSTILE
    write_events(path, events, measured)
    result = limits_from_events(config, {"V": (path,)}, unblind=False)
    assert result.box == "closed"
    written = folder / "limits"
    written.mkdir()
    write_outputs(result, written, inputs={"seed": SEED, "config": HOSTILE})
    return written
