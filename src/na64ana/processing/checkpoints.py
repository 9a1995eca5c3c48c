"""Tallies of chunks, kept under the lineage of all that they were made of.

A cut, a template, a processor, a file or a version of na64ana that changes is another lineage, and
never finds an old result.
"""

import contextlib
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import na64ana
from na64ana.config import Config
from na64ana.cuts.selection import Templates
from na64ana.cuts.template import ShowerTemplate
from na64ana.errors import DataError, OutputError
from na64ana.io.reading import EventFile
from na64ana.provenance import lineage, sha256_array, source_digest
from na64ana.tally.storage import read_tallies, write_tallies
from na64ana.tally.tally import Tally


def selection_lineage(
    config: Config,
    periods: tuple[str, ...],
    processor_sha256: str,
    *,
    blinded: bool,
    templates: Templates | None = None,
) -> str:
    """Return the sha256 of all that decides the tallies, beside the event files."""
    package = Path(na64ana.__file__).parent
    return lineage(
        {name: _period_part(config, name) for name in periods},
        config.conditions.model_dump(mode="json"),
        processor_sha256,
        blinded,
        {name: template_digest(one) for name, one in (templates or {}).items()},
        source_digest([package]),
        [version(name) for name in ("coffea", "numba", "numpy", "uproot")],
    )


def file_key(file: EventFile) -> str:
    """Return a name for a file as it is read: its identity, size, time, and branch map."""
    branch_map = None if file.branch_map is None else file.branch_map.model_dump(mode="json")
    read_as = lineage(*file.stamp, branch_map, file.metadata.simulated)
    return f"{file.uuid_text}_{read_as[:16]}"


def template_digest(template: ShowerTemplate) -> str:
    """Return the sha256 of a shower template."""
    arrays = (template.energy, template.row, template.mean, template.width)
    return lineage(template.period, [sha256_array(array) for array in arrays])


def _period_part(config: Config, name: str) -> Any:
    period = config.periods[name].model_dump(mode="json", exclude={"files", "efficiency", "eot"})
    return [period, config.selection_of(name).model_dump(mode="json")]


@dataclass(frozen=True)
class Checkpoints:
    """A folder with the tallies of chunks of one lineage, by `file_key` and entries."""

    folder: Path
    lineage: str

    def load(self, key: str, start: int, stop: int) -> dict[str, Tally] | None:
        """Return the tally of a chunk, None if there is none; a damaged one is none."""
        try:
            return read_tallies(self._path(key, start, stop))[0]
        except DataError:
            return None

    def forget(self) -> None:
        """Remove all tallies of this lineage."""
        shutil.rmtree(self.folder / self.lineage[:32], ignore_errors=True)

    def store(self, key: str, start: int, stop: int, tallies: dict[str, Tally]) -> None:
        """Keep the tally of a chunk, if there is room: without it, a later run makes it again."""
        about = {"lineage": self.lineage}
        path = self._path(key, start, stop)
        with contextlib.suppress(OutputError):
            write_tallies(path, tallies, about, overwrite=True, compress=False)

    def _path(self, key: str, start: int, stop: int) -> Path:
        return self.folder / self.lineage[:32] / f"{key}_{start}_{stop}.zip"
