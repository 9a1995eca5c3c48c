"""Check all event files of a configuration: what is new, changed, vanished or broken."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from na64ana.config import Config
from na64ana.errors import DataError, IncompleteDataError, UnreadableError
from na64ana.io.cache import cache_folder
from na64ana.io.catalogue import Catalogue, Known
from na64ana.io.location import Location, expand
from na64ana.io.reading import EventFile, ForeignFile, open_event_file
from na64ana.processing.accounting import EOT_TOLERANCE
from na64ana.provenance import lineage
from na64ana.workflow.events import Paths
from na64ana.workflow.progress import Progress, silent

State = Literal["new", "unchanged", "changed", "vanished", "unreadable", "wrong"]
#: Files that are opened at the same time.
WORKERS = 8


@dataclass(frozen=True)
class CheckedFile:
    """A file, and what became of it since it was catalogued; `reason` says what is wrong."""

    location: str
    period: str
    state: State
    size: int = 0
    entries: int = 0
    eot: float = 0.0
    uuid: str = ""
    structure: str = ""
    reason: str = ""


@dataclass(frozen=True)
class CheckedDatasets:
    """All files of some periods.

    Attributes
    ----------
    files : tuple of CheckedFile
    declared : dict of str to float
        Electrons on target by period, of the configuration.
    """

    files: tuple[CheckedFile, ...]
    declared: dict[str, float] = field(default_factory=dict)

    def of(self, *states: State) -> tuple[CheckedFile, ...]:
        """Return the files in some states."""
        return tuple(file for file in self.files if file.state in states)

    def eot(self, period: str) -> float:
        """Return the electrons on target in the files of a period."""
        return sum(file.eot for file in self.files if file.period == period)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps the files from being analysed, a line each."""
        lines = [file.reason for file in self.of("unreadable", "wrong", "vanished")]
        for period, declared in self.declared.items():
            found = self.eot(period)
            if abs(found - declared) > EOT_TOLERANCE * declared:
                lines.append(f"period {period}: {found:.8g} EOT of {declared:.8g}")
        return tuple(lines)

    def check(self) -> None:
        """Stop if there is a problem.

        Raises
        ------
        IncompleteDataError
            If so; the first ones are named.
        """
        if found := self.problems:
            more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
            msg = f"{'; '.join(found[:3])}{more}"
            raise IncompleteDataError(msg)


def catalogue_path() -> Path:
    """Return where the catalogue is: in the cache folder."""
    return cache_folder() / "catalogue.sqlite"


def check_datasets(config: Config, paths: Paths, *, progress: Progress = silent) -> CheckedDatasets:
    """Check the files of each period, in parallel, against the catalogue, which learns of them.

    Files that have not changed since they were catalogued are not opened.

    Parameters
    ----------
    config : Config
    paths : dict of str to tuple of Path, str or ForeignFile
        By period; trees of the collaboration are left to `na64ana process`.
    progress : Progress

    Raises
    ------
    OutputError
        If the catalogue cannot be written.
    """
    jobs = [
        (period, one)
        for period, listed in paths.items()
        for one in listed
        if not isinstance(one, ForeignFile)
    ]
    found: list[CheckedFile] = []
    with Catalogue(catalogue_path()) as catalogue, ThreadPoolExecutor(WORKERS) as threads:
        before = {one.location: one for one in catalogue.known()}
        check = partial(_check, catalogue, before)
        for one in threads.map(lambda job: check(*job), jobs):
            found.append(one)
            progress("checking files", len(found), len(jobs))
        structures = {one.location: one.structure for one in catalogue.known()}
        found = [replace(one, structure=structures.get(one.location, "")) for one in found]
        for period, listed in paths.items():
            found += _vanished(config, catalogue, period, {str(one) for one in listed})
    return CheckedDatasets(tuple(found), {period: config.periods[period].eot for period in paths})


def forget_lists(config: Config) -> None:
    """Forget which files the lists of a configuration had: what is gone is no longer missed."""
    with Catalogue(catalogue_path()) as catalogue:
        for period in config.periods:
            catalogue.forget_list(_list_name(config, period))


def check_vanished(found: CheckedDatasets) -> None:
    """Stop if files are gone that were listed before.

    Raises
    ------
    IncompleteDataError
        If so; the first ones are named.
    """
    if gone := found.of("vanished"):
        CheckedDatasets(gone).check()


def _check(
    catalogue: Catalogue, before: dict[str, Known], period: str, location: Location
) -> CheckedFile:
    text = str(location)
    try:
        file = open_event_file(location, period=period, catalogue=catalogue)
    except UnreadableError as error:
        return CheckedFile(text, period, "unreadable", reason=str(error))
    except DataError as error:
        return CheckedFile(text, period, "wrong", reason=str(error))
    return _describe(file, period, _state(file, before.get(text)))


def _state(file: EventFile, known: Known | None) -> State:
    if known is None:
        return "new"
    same = (known.size, known.changed) == file.stamp
    return "unchanged" if same or known.uuid == file.uuid_text else "changed"


def _describe(file: EventFile, period: str, state: State) -> CheckedFile:
    return CheckedFile(
        str(file.path), period, state, file.stamp[0], file.metadata.entries, file.metadata.eot,
        file.uuid_text,
    )  # fmt: skip


def _list_name(config: Config, period: str) -> str:
    entries = [entry.path for entry in config.periods[period].files]
    return lineage(period, entries, str(Path.cwd()))


def _vanished(
    config: Config, catalogue: Catalogue, period: str, listed: set[str]
) -> Iterator[CheckedFile]:
    """Yield files that the configuration's list of a period had, and has no longer."""
    entries = config.periods[period].files
    own = {str(one) for entry in entries for one in expand(entry.path)}
    if not listed <= own:
        return  # other files than those of the configuration
    for location in sorted(catalogue.add_to_list(_list_name(config, period), listed) - listed):
        reason = f"{location}: has vanished since it was catalogued; bring it back"
        yield CheckedFile(location, period, "vanished", reason=reason)
