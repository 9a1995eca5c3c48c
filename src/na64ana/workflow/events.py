"""Event files: those of the user, or simulated ones in a cache folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from na64ana.config import Config
from na64ana.config.models import FileEntry
from na64ana.constants import BEAM_ENERGY
from na64ana.errors import ConfigError, DataError
from na64ana.io.cache import cache_folder
from na64ana.io.location import Location, expand
from na64ana.io.maps import find_map
from na64ana.io.reading import ForeignFile, open_event_file
from na64ana.signal.sampling import sample_bremsstrahlung
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.progress import Progress

#: Dark photons that a simulation draws from.
N_SIGNAL = 50_000

Paths = dict[str, tuple[Location | ForeignFile, ...]]


def listed_files(config: Config, extra: Mapping[str, tuple[Location, ...]]) -> Paths:
    """Return the files of each period that has any, those in `extra` instead of datasets.yaml's.

    Raises
    ------
    ConfigError
        If `extra` names an unknown period.
    DataError
        If a pattern of datasets.yaml matches no file.
    """
    for name in extra:
        _check_period(config, name)
    if extra:
        return {name: tuple(extra[name]) for name in config.periods if name in extra}
    found: Paths = {}
    for name, period in config.periods.items():
        if period.files:
            found[name] = tuple(file for entry in period.files for file in _listed(entry))
    return found


def _check_period(config: Config, name: str) -> None:
    if name not in config.periods:
        msg = f"unknown period {name!r}; datasets.yaml has {', '.join(config.periods)}"
        raise ConfigError(msg)


def files_or_simulated(
    config: Config,
    given: Iterable[tuple[str, str]],
    *,
    seed: int,
    progress: Progress,
) -> Paths:
    """Return the files given as (period, path), else those of datasets.yaml, else simulated ones.

    Raises
    ------
    ConfigError, DataError
        As `listed_files`.
    """
    return given_files(config, given) or simulated_files(config, seed=seed, progress=progress)


def given_files(config: Config, given: Iterable[tuple[str, str]]) -> Paths:
    """Return the files given as (period, path), else those of datasets.yaml.

    Raises
    ------
    ConfigError, DataError
        As `listed_files`.
    """
    extra: dict[str, tuple[Location, ...]] = {}
    for period, text in given:
        _check_period(config, period)
        extra[period] = (*extra.get(period, ()), *expand(text))
    return listed_files(config, extra)


def simulated_files(config: Config, *, seed: int, progress: Progress) -> Paths:
    """Return a simulated file per period, made where the cache does not hold it yet."""
    paths: Paths = {}
    for done, name in enumerate(config.periods):
        progress(f"simulating event files into {cache_folder()}", done, len(config.periods))
        plan = Plan(config, name, seed)
        identity = plan.lineage()
        path = cache_folder() / f"events_{name}_{identity[:16]}.root"
        if not _is_intact(path, name, identity):
            write_simulated_file(path, plan, overwrite=True)
        paths[name] = (path,)
    n = len(config.periods)
    progress(f"simulating event files into {cache_folder()}", n, n)
    return paths


def draw_signal(config: Config, period: str, mass: float, expected: float, *, seed: int) -> Signal:
    """Return a sample of dark photons with at least the missing energy of the signal box.

    Parameters
    ----------
    config : Config
    period : str
    mass : float
        Of the dark photon [GeV].
    expected : float
        Their number in the electrons on target of the whole period, before trigger and cuts.
    seed : int

    Raises
    ------
    ModelError
        If the mass lies outside the range of the cross section.
    """
    e_ap, depth = sample_bremsstrahlung(
        np.random.default_rng([seed, 1]),
        N_SIGNAL,
        mass,
        e_miss_min=BEAM_ENERGY - config.periods[period].e_ecal_max,
    )
    return Signal(e_ap.astype(np.float32), depth.astype(np.float32), expected)


def _is_intact(path: Path, period: str, identity: str) -> bool:
    try:
        return open_event_file(path, period=period).metadata.lineage == identity
    except DataError:
        return False


def _listed(entry: FileEntry) -> tuple[Location | ForeignFile, ...]:
    matches = expand(entry.path)
    if entry.map is None or entry.eot is None:
        return matches
    if len(matches) > 1:
        msg = f"{entry.path}: {len(matches)} files share one eot; list each file with its own"
        raise ConfigError(msg)
    return (ForeignFile(matches[0], find_map(entry.map), entry.eot),)
