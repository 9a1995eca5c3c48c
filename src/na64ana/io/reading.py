"""Open event files and check them before anything is processed."""

import contextlib
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import uproot

from na64ana.errors import DataError, UnreadableError
from na64ana.io.format import (
    BRANCH_BY_NAME,
    BRANCHES,
    FORMAT_VERSION,
    METADATA,
    SPILL_BRANCHES,
    SPILLS,
    TREE,
    FileMetadata,
)
from na64ana.io.location import Location, is_remote, stamp_of
from na64ana.io.maps import BranchMap, convert
from na64ana.io.patience import within

if TYPE_CHECKING:
    from na64ana.io.catalogue import Catalogue

#: Relative difference of the EOT of a file and the sum over its spills that is rounding.
SPILLS_TOLERANCE = 1e-6

_MEASURED = tuple(branch.name for branch in BRANCHES)


@dataclass(frozen=True)
class ForeignFile:
    """A file with a tree of the collaboration: where it is, its map, its electrons on target."""

    path: Location
    branch_map: BranchMap
    eot: float


@dataclass(frozen=True)
class EventFile:
    """An event file that was opened and found complete.

    `tree` is the name of its TTree; `branch_map` is None for files of the event format. `spills`
    are the arrays ``(k,)`` of its list of spills, by the names of `SPILL_BRANCHES`; None if there
    is no list, and then all electrons on target count as those of good spills. `stamp` are size
    [bytes] and time of change [ns] when it was opened.
    """

    path: Location
    metadata: FileMetadata
    uuid: bytes
    tree: str = TREE
    branch_map: BranchMap | None = None
    spills: dict[str, npt.NDArray[Any]] | None = field(default=None, compare=False)
    stamp: tuple[int, int] = (0, 0)

    @property
    def uuid_text(self) -> str:
        """The identity that ROOT gave the file, as text."""
        return str(uuid.UUID(bytes=self.uuid))


def open_event_file(
    path: Location,
    *,
    period: str | None = None,
    branches: Collection[str] = _MEASURED,
    catalogue: "Catalogue | None" = None,
) -> EventFile:
    """Check that a file can be analysed, and return what it says of itself.

    Parameters
    ----------
    path : Path or str
        A ROOT file: a path, or an address.
    period : str or None
        The period that the file should belong to; None takes any.
    branches : collection of str
        The branches that will be read; by default all that are no truth.
    catalogue : Catalogue or None
        Files in it that have not changed are not opened; others are added to it.

    Returns
    -------
    EventFile

    Raises
    ------
    DataError
        If the file is missing, empty, truncated, not ROOT, of another origin, format or period,
        has fewer events than were written, or lacks a branch or has one of another type. The
        message names file, branch and remedy.
    UnreadableError
        Among them, what is not there, or takes too long (`na64ana.io.patience`).
    """
    file, structure = within(path, lambda: _look_up(path, catalogue))
    _check_branches(path, structure, branches)
    if period is not None and file.metadata.period != period:
        msg = (
            f"{path}: holds period {file.metadata.period}, but stands for period {period}; "
            f"list it under {file.metadata.period}"
        )
        raise DataError(msg)
    return file


def open_foreign_file(foreign: ForeignFile, *, period: str, branches: Collection[str]) -> EventFile:
    """Check that a tree of the collaboration can be analysed through its map.

    Parameters
    ----------
    foreign : ForeignFile
        The file.
    period : str
        The period that it stands for.
    branches : collection of str
        The internal branches that will be read.

    Raises
    ------
    DataError
        If the file is missing or damaged, its tree lacks a branch or has one of another shape, or
        the map cannot make an internal branch.
    """
    path, branch_map = foreign.path, foreign.branch_map
    unknown = branch_map.missing(branches)
    if unknown:
        msg = (
            f"{path}: the map {branch_map.name} makes no {', '.join(unknown)}; "
            "add it to a copy of the map, or leave the cuts out that need it"
        )
        raise DataError(msg)
    return within(path, lambda: _examine_foreign(foreign, period, branches))


def _examine_foreign(foreign: ForeignFile, period: str, branches: Collection[str]) -> EventFile:
    path, branch_map = foreign.path, foreign.branch_map
    with opened_root(path) as file:
        name = find_tree(file, branch_map)
        if name is None:
            msg = f"{path}: holds no TTree; check that it is an event file"
            raise DataError(msg)
        problems = foreign_problems(file[name], branch_map, branches)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            msg = (
                f"{path}: tree {name!r} does not fit the map {branch_map.name}: {problems[0]}{more}"
            )
            raise DataError(msg)
        metadata = FileMetadata(period=period, eot=foreign.eot, entries=file[name].num_entries)
        identity = file.file.fUUID
    return EventFile(path, metadata, identity, name, branch_map, stamp=stamp_of(path))


def read_branches(
    file: EventFile, names: Collection[str], start: int, stop: int
) -> dict[str, npt.NDArray[Any]]:
    """Return internal branches of some entries of an opened file, as they are."""
    sources = names if file.branch_map is None else file.branch_map.sources(names)

    def read() -> dict[str, npt.NDArray[Any]]:
        with opened_root(file.path) as root:
            wanted = list(sources)
            return dict(
                root[file.tree].arrays(wanted, entry_start=start, entry_stop=stop, library="np")
            )

    found = within(file.path, read)
    if file.branch_map is None:
        return found
    n = stop - start
    return {name: convert(file.branch_map, name, found.__getitem__, n) for name in names}


def reading_options(path: str) -> dict[str, Any]:
    """Return how uproot opens a file: mapped into memory if it lies on this machine.

    That reads a third faster than seeking; each array is used once, and a cache would only hold the
    memory of chunks that are done.
    """
    options: dict[str, Any] = {"array_cache": None}
    return options if is_remote(path) else {**options, "handler": uproot.MemmapSource}


def find_tree(file: uproot.ReadOnlyDirectory, branch_map: BranchMap) -> str | None:
    """Return the TTree that a map speaks of: by its name, else by how many branches it knows."""
    trees = [key.split(";")[0] for key, kind in file.classnames().items() if kind == "TTree"]
    named = [name for name in trees if name in branch_map.trees]
    wanted = set(branch_map.sources())
    return max(named or trees, key=lambda name: len(wanted & set(file[name].keys())), default=None)


def foreign_problems(
    tree: uproot.TTree, branch_map: BranchMap, branches: Collection[str]
) -> list[str]:
    """Return what a tree lacks for the internal branches to be made, a line each."""
    problems, present = [], set(tree.keys())
    for name in branches:
        rule = branch_map.branches[name]
        for source in rule.sources():
            if source not in present:
                problems.append(f"it lacks the branch {source!r}, of which {name} is made")
                continue
            dtype = getattr(tree[source].interpretation, "to_dtype", None)
            if dtype is None or dtype.base.kind not in "biuf":
                kind = tree[source].typename
                problems.append(f"branch {source!r} holds {kind}, not a fixed number of numbers")
            elif source != rule.relative_to and not rule.accepts(dtype.shape, BRANCH_BY_NAME[name]):
                found = "x".join(map(str, dtype.shape)) or "one number"
                wanted = (
                    "x".join(map(str, rule.shape or BRANCH_BY_NAME[name].shape)) or "one number"
                )
                problems.append(f"branch {source!r} holds {found} per event, not {wanted}")
    return list(dict.fromkeys(problems))


@contextlib.contextmanager
def opened_root(path: Location) -> Iterator[uproot.ReadOnlyDirectory]:
    """Open a ROOT file and check that all of it is there; whatever is wrong is a DataError."""
    size = stamp_of(path)[0] if isinstance(path, str) else _check_bytes(path)
    try:
        with uproot.open(path, **reading_options(str(path))) as file:
            if size < file.file.fEND:
                msg = f"{size} of {file.file.fEND} bytes"
                raise EOFError(msg)
            yield file
    except DataError:
        raise
    except Exception as error:  # uproot raises whatever the bytes lead it to
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"{path}: truncated, damaged or no ROOT file ({reason}); make or copy it again"
        raise UnreadableError(msg) from error


def _check_bytes(path: Path) -> int:
    """Check that a file may be a ROOT file, and return its size [bytes]."""
    if not path.exists():
        msg = f"{path}: no such file; check the path"
        raise UnreadableError(msg)
    if path.is_dir():
        msg = f"{path}: is a folder; give an event file"
        raise DataError(msg)
    if not path.is_file() or path.stat().st_size == 0:
        msg = f"{path}: is empty or no file; make or copy it again"
        raise UnreadableError(msg)
    with path.open("rb") as content:
        magic = content.read(4)
    if magic == b"PAR1":
        msg = f"{path}: is a Parquet file, na64ana analyses TTrees; write it as one"
        raise DataError(msg)
    if magic != b"root":
        msg = f"{path}: is no ROOT file; give an event file"
        raise DataError(msg)
    return path.stat().st_size


def _read_metadata(path: Location, text: str) -> FileMetadata:
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


def _read_spills(
    path: Location, file: uproot.ReadOnlyDirectory, metadata: FileMetadata
) -> dict[str, npt.NDArray[Any]]:
    spills: dict[str, npt.NDArray[Any]] = file[SPILLS].arrays(
        [branch.name for branch in SPILL_BRANCHES], library="np"
    )
    total = float(spills["eot"].sum())
    if not abs(total - metadata.eot) <= SPILLS_TOLERANCE * metadata.eot:
        msg = (
            f"{path}: its spills hold {total:.6g} EOT, its metadata say {metadata.eot:.6g}; "
            "make the file again"
        )
        raise DataError(msg)
    return spills


def _look_up(path: Location, catalogue: "Catalogue | None") -> tuple[EventFile, dict[str, str]]:
    found = None if catalogue is None else catalogue.find(path, stamp_of(path))
    if found is None:
        found = _examine(path)
        if catalogue is not None:
            catalogue.keep(*found)
    return found


def _examine(path: Location) -> tuple[EventFile, dict[str, str]]:
    """Open a file and check that it is complete; return it, and the types of its branches."""
    with opened_root(path) as file:
        names = {key.split(";")[0] for key in file.keys()}  # noqa: SIM118 - not a dict
        if TREE not in names or METADATA not in names:
            missing = " and ".join(n for n in (TREE, METADATA) if n not in names)
            msg = (
                f"{path}: holds no {missing}, so it was not written by na64ana; give files of the "
                "na64ana event format, or name a branch map in datasets.yaml"
            )
            raise DataError(msg)
        metadata = _read_metadata(path, str(file[METADATA]))
        if not isinstance(file[TREE], uproot.TTree):
            msg = f"{path}: holds an RNTuple, na64ana analyses TTrees; write it as one"
            raise DataError(msg)
        entries, identity = int(file[TREE].num_entries), file.file.fUUID
        structure = {name: _type_of(file[TREE][name]) for name in file[TREE].keys()}  # noqa: SIM118
        spills = _read_spills(path, file, metadata) if SPILLS in names else None
    if entries != metadata.entries:
        msg = (
            f"{path}: tree {TREE!r} has {entries} of {metadata.entries} events, "
            "so its writer was cut off; make or copy it again"
        )
        raise UnreadableError(msg)
    return EventFile(path, metadata, identity, spills=spills, stamp=stamp_of(path)), structure


def _type_of(branch: uproot.TBranch) -> str:
    """Return the type of a branch, for example ``float32[36]``; else what uproot makes of it."""
    found = getattr(branch.interpretation, "to_dtype", None)
    return str(branch.interpretation) if found is None else _type_text(found)


def _type_text(dtype: np.dtype[Any]) -> str:
    return f"{dtype.base.newbyteorder('=')}{list(dtype.shape)}"


def _check_branches(path: Location, structure: Mapping[str, str], wanted: Collection[str]) -> None:
    for name in sorted(wanted):
        if name not in BRANCH_BY_NAME:
            msg = f"{path}: the branch {name!r} is asked for, but is not part of the event format"
            raise DataError(msg)
        if name not in structure:
            msg = f"{path}: lacks the branch {name!r}; write the file with it"
            raise DataError(msg)
        branch = BRANCH_BY_NAME[name]
        if structure[name] != _type_text(np.dtype((branch.dtype, branch.shape))):
            msg = (
                f"{path}: branch {name!r} holds {structure[name]}, the format says "
                f"{branch.dtype}[{branch.length}]; write the file again"
            )
            raise DataError(msg)
