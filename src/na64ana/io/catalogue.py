"""What is known of event files that were opened before, so that they need not be opened again.

A file is the same while its size and time of change are. Who reads its events looks at its identity
once more.
"""

import contextlib
import io
import json
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from na64ana.errors import DiskFullError, OutputError
from na64ana.io.format import FileMetadata
from na64ana.io.location import Location
from na64ana.io.reading import EventFile
from na64ana.provenance import lineage

#: Version of the layout; another one begins anew.
FORMAT = 1
_TABLES = """
create table if not exists files (
    location text primary key, period text, size integer, changed integer, uuid text,
    metadata text, structure text, spills blob, digest text
);
create table if not exists lists (name text, location text, primary key (name, location));
"""
_COLUMNS = "location, period, size, changed, uuid, metadata, structure, spills"


@dataclass(frozen=True)
class Known:
    """A file of the catalogue.

    Attributes
    ----------
    location, period : str
    size : int
        [bytes]
    changed : int
        Time of change [ns].
    uuid : str
        Identity that ROOT gave the file.
    entries : int
    eot : float
        Electrons on target.
    structure : str
        sha256 of the names and types of the branches.
    """

    location: str
    period: str
    size: int
    changed: int
    uuid: str
    entries: int
    eot: float
    structure: str


class Catalogue:
    """Files of the event format that were found complete, in a file of SQLite.

    Parameters
    ----------
    path : Path
        Made if it is not there.

    Raises
    ------
    OutputError
        If it cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self._lock, self._path = threading.Lock(), path
        with self._reporting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=60, check_same_thread=False)
        try:
            with self._reporting():
                self._prepare()
        except OutputError:
            self._base.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._base.execute("pragma user_version").fetchone()
        if version != FORMAT:
            self._base.executescript("drop table if exists files; drop table if exists lists")
            self._base.execute(f"pragma user_version = {FORMAT}")
        self._base.executescript(_TABLES)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Hold the lock, and turn what is wrong with the file into one line."""
        try:
            with self._lock:
                yield
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                msg = f"{self._path}: the disk is full ({error}); make room and run again"
                raise DiskFullError(msg) from error
            msg = f"{self._path}: is no catalogue or is damaged ({error}); remove it"
            raise OutputError(msg) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def find(
        self, location: Location, stamp: tuple[int, int]
    ) -> tuple[EventFile, dict[str, str]] | None:
        """Return a file as it was opened, and the types of its branches; None if it changed since.

        Parameters
        ----------
        location : Path or str
        stamp : tuple of int
            Its size and time of change now (`na64ana.io.location.stamp_of`).
        """
        with self._reporting():
            row = self._base.execute(
                f"select {_COLUMNS}, digest from files "
                "where location = ? and size = ? and changed = ?",
                (str(location), *stamp),
            ).fetchone()
        if row is None or _digest(row[:-1]) != row[-1]:
            return None
        _, _, _, _, identity, metadata, structure, spills, _ = row
        file = EventFile(
            location,
            FileMetadata.from_json(metadata),
            uuid.UUID(identity).bytes,
            spills=_unpack(spills),
            stamp=stamp,
        )
        return file, json.loads(structure)

    def keep(self, file: EventFile, structure: dict[str, str]) -> None:
        """Add a file, or what is new of it; `structure` are the types of its branches."""
        row = (
            str(file.path), file.metadata.period, *file.stamp, file.uuid_text,
            file.metadata.model_dump_json(), json.dumps(structure), _pack(file),
        )  # fmt: skip
        values = "?," * len(row) + "?"
        with self._lock:
            try:
                self._base.execute(
                    f"insert or replace into files values ({values})", (*row, _digest(row))
                )
                self._base.commit()
            except sqlite3.Error:  # a full disk: the file is opened again next time
                self._base.rollback()

    def add_to_list(self, name: str, locations: Iterable[str]) -> frozenset[str]:
        """Add locations to a list, and return all that were ever in it."""
        with self._reporting():
            self._base.executemany(
                "insert or ignore into lists values (?,?)", [(name, one) for one in locations]
            )
            self._base.commit()
            rows = self._base.execute("select location from lists where name = ?", (name,))
            return frozenset(location for (location,) in rows)

    def forget_list(self, name: str) -> None:
        """Remove a list; its files stay known."""
        with self._reporting():
            self._base.execute("delete from lists where name = ?", (name,))
            self._base.commit()

    def known(self, period: str | None = None) -> Iterator[Known]:
        """Yield what is known of all files, or of those of a period."""
        with self._reporting():
            rows = self._base.execute(
                f"select {_COLUMNS}, digest from files where ? is null or period = ? "
                "order by location",
                (period, period),
            ).fetchall()
        for *row, digest in rows:
            if _digest(row) != digest:
                continue
            location, name, size, changed, identity, metadata, structure, _ = row
            said = FileMetadata.from_json(metadata)
            yield Known(
                location, name, size, changed, identity, said.entries, said.eot,
                lineage(json.loads(structure)),
            )  # fmt: skip


def _digest(row: Iterable[Any]) -> str:
    """Return the sha256 of a row: one that was damaged is not believed."""
    blobs = [sha256(one).hexdigest() if isinstance(one, bytes) else one for one in row]
    return lineage(blobs)


def _pack(file: EventFile) -> bytes | None:
    """Return the list of spills as one array of records."""
    if file.spills is None:
        return None
    kinds = [(name, column.dtype) for name, column in file.spills.items()]
    records = np.empty(len(next(iter(file.spills.values()))), kinds)
    for name, column in file.spills.items():
        records[name] = column
    buffer = io.BytesIO()
    np.save(buffer, records)
    return buffer.getvalue()


def _unpack(content: bytes | None) -> dict[str, npt.NDArray[Any]] | None:
    if content is None:
        return None
    records = np.load(io.BytesIO(content), allow_pickle=False)
    return {name: records[name].copy() for name in records.dtype.names}
