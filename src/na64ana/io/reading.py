"""Open event files and check them before anything is processed."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uproot

from na64ana.errors import DataError
from na64ana.io.format import (
    BRANCHES,
    FORMAT_VERSION,
    METADATA,
    TREE,
    TRUTH_BRANCHES,
    FileMetadata,
)

_BY_NAME = {branch.name: branch for branch in BRANCHES + TRUTH_BRANCHES}
_MEASURED = tuple(branch.name for branch in BRANCHES)


@dataclass(frozen=True)
class EventFile:
    """An event file that was opened and found complete."""

    path: Path
    metadata: FileMetadata
    uuid: bytes

    @property
    def uuid_text(self) -> str:
        """The identity that ROOT gave the file, as text."""
        return str(uuid.UUID(bytes=self.uuid))


def open_event_file(
    path: Path, *, period: str | None = None, branches: Collection[str] = _MEASURED
) -> EventFile:
    """Check that a file can be analysed, and return what it says of itself.

    Parameters
    ----------
    path : Path
        A ROOT file.
    period : str or None
        The period that the file should belong to; None takes any.
    branches : collection of str
        The branches that will be read; by default all that are no truth.

    Returns
    -------
    EventFile

    Raises
    ------
    DataError
        If the file is missing, empty, truncated, not ROOT, of another origin, format or period,
        has fewer events than were written, or lacks a branch or has one of another type. The
        message names file, branch and remedy.
    """
    if not path.exists():
        msg = f"{path}: no such file; check the path"
        raise DataError(msg)
    if not path.is_file() or path.stat().st_size == 0:
        msg = f"{path}: is empty or no file; make or copy it again"
        raise DataError(msg)
    try:
        with uproot.open(path) as file:
            size = path.stat().st_size
            if size < file.file.fEND:
                msg = f"{size} of {file.file.fEND} bytes"
                raise EOFError(msg)
            names = {key.split(";")[0] for key in file.keys()}  # noqa: SIM118 - not a dict
            if TREE not in names or METADATA not in names:
                missing = " and ".join(n for n in (TREE, METADATA) if n not in names)
                msg = (
                    f"{path}: holds no {missing}, so it was not written by na64ana; "
                    "give files of the na64ana event format"
                )
                raise DataError(msg)
            metadata = _read_metadata(path, str(file[METADATA]))
            _check_branches(path, file[TREE], branches)
            entries, identity = int(file[TREE].num_entries), file.file.fUUID
    except DataError:
        raise
    except Exception as error:  # uproot raises whatever the bytes lead it to
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"{path}: truncated, damaged or no ROOT file ({reason}); make or copy it again"
        raise DataError(msg) from error
    if entries != metadata.entries:
        msg = (
            f"{path}: tree {TREE!r} has {entries} of {metadata.entries} events, "
            "so its writer was cut off; make or copy it again"
        )
        raise DataError(msg)
    if period is not None and metadata.period != period:
        msg = (
            f"{path}: holds period {metadata.period}, but stands for period {period}; "
            f"list it under {metadata.period}"
        )
        raise DataError(msg)
    return EventFile(path, metadata, identity)


def _read_metadata(path: Path, text: str) -> FileMetadata:
    try:
        metadata = FileMetadata.from_json(text)
    except ValueError as error:
        msg = f"{path}: {METADATA} cannot be read ({error}); make or copy the file again"
        raise DataError(msg) from error
    if metadata.format_version != FORMAT_VERSION:
        msg = (
            f"{path}: has event format {metadata.format_version}, this na64ana reads "
            f"{FORMAT_VERSION}; write it again with this version"
        )
        raise DataError(msg)
    return metadata


def _check_branches(path: Path, tree: uproot.TTree, branches: Collection[str]) -> None:
    present = set(tree.keys())
    for name in sorted(branches):
        if name not in _BY_NAME:
            msg = f"{path}: the branch {name!r} is asked for, but is not part of the event format"
            raise DataError(msg)
        if name not in present:
            msg = f"{path}: lacks the branch {name!r}; write the file with it"
            raise DataError(msg)
        wanted = np.dtype((_BY_NAME[name].dtype, _BY_NAME[name].shape))
        interpretation = tree[name].interpretation
        found = getattr(interpretation, "to_dtype", None)
        if found is None or found.newbyteorder("=") != wanted:
            msg = (
                f"{path}: branch {name!r} holds {found or interpretation}, the format says "
                f"{_BY_NAME[name].dtype}[{_BY_NAME[name].length}]; write the file again"
            )
            raise DataError(msg)
