"""Small event files of what a selection can need: a first pass over scalars, then cells of few."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.errors import ConfigError
from na64ana.io.atomic import atomic_files
from na64ana.io.format import BRANCHES, TRUTH_BRANCHES
from na64ana.io.location import Location, name_of
from na64ana.io.reading import EventFile, ForeignFile, read_branches
from na64ana.io.writing import BASKET_SIZE, write_events
from na64ana.processing.processors import processor_path
from na64ana.workflow.events import Paths
from na64ana.workflow.progress import Progress, silent
from na64ana.workflow.selection import Settings, select


@dataclass(frozen=True)
class Skimmed:
    """A file of a skim, the file that it was made of, and how many events both have."""

    path: Path
    source: Location
    kept: int
    events: int


def skim(
    config: Config,
    paths: Paths,
    folder: Path,
    *,
    settings: Settings | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[Skimmed]:
    """Write, for each event file, one with the events that selections like these may need.

    A first pass reads no cells and lists entries (`processors/skim.py`); the whole events are then
    copied. Electrons on target and spills stay those of the source, so limits made of a skim are
    those of all events. Cuts may be tightened afterwards, and those on shapes or the signal box
    moved at will; for others that are loosened, skim again.

    Parameters
    ----------
    config : Config
    paths : dict of str to tuple of Path
        Event files by period.
    folder : Path
        Where the skims go, under the names of their sources.
    settings : Settings or None
    overwrite : bool
        Whether skims of an earlier run may be replaced.
    progress : Progress

    Returns
    -------
    list of Skimmed

    Raises
    ------
    ConfigError
        If two sources have the same name, or a tree of the collaboration is among them.
    OutputError
        If a file exists or cannot be written.
    DataError, IncompleteDataError, ProcessorError
        As `select`.
    """
    sources = [_event_file(path) for listed in paths.values() for path in listed]
    names = [name_of(path) for path in sources]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        msg = f"two event files are called {twice[0]}; skim them into folders of their own"
        raise ConfigError(msg)
    found: list[Skimmed] = []
    with atomic_files(folder, names, overwrite=overwrite) as staging:
        progress("listing events", 0, 1)
        source = processor_path("skim")
        run = select(config, paths, source, blinded=True, settings=settings).run
        progress("listing events", 1, 1)
        for period, files in run.files.items():
            listed = run.tallies[period].survivors
            for file in files:
                progress("copying events", len(found), len(names))
                entries = np.sort(listed["entry"][listed["uuid"] == file.uuid_text])
                target = staging / name_of(file.path)
                _copy(file, entries, target)
                made = folder / target.name
                found.append(Skimmed(made, file.path, len(entries), file.metadata.entries))
    progress("copying events", len(names), len(names))
    return found


def _event_file(path: Location | ForeignFile) -> Location:
    if isinstance(path, ForeignFile):
        msg = f"{path.path}: is a tree of the collaboration; skims are made of event files"
        raise ConfigError(msg)
    return path


def _copy(file: EventFile, entries: npt.NDArray[np.int64], target: Path) -> None:
    """Write a file with some entries of another."""
    truth = file.metadata.simulated
    names = [branch.name for branch in BRANCHES + (TRUTH_BRANCHES if truth else ())]

    def chunks() -> Iterator[dict[str, npt.NDArray[Any]]]:
        for start in range(0, file.metadata.entries, BASKET_SIZE):
            stop = min(start + BASKET_SIZE, file.metadata.entries)
            low, high = np.searchsorted(entries, (start, stop))
            if low < high:
                whole = read_branches(file, names, start, stop)
                places = entries[low:high] - start
                yield {name: array[places] for name, array in whole.items()}

    # A skim of a skim still says of how many events it was made.
    said = file.metadata
    events = said.entries if said.skimmed_from is None else said.skimmed_from
    metadata = said.model_copy(update={"entries": len(entries), "skimmed_from": events})
    write_events(target, chunks(), metadata, spills=file.spills, truth=truth)
