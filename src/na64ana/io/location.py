"""Where event files are: paths of this machine, or addresses as root://host//folder/file.root.

One entry of a list may stand for many files: a pattern, a folder, or a text file of paths.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from na64ana.errors import DataError, UnreadableError
from na64ana.io.patience import within

#: A path of this machine, or an address with its protocol.
Location = Path | str

#: Names of files with a path per line.
LIST_SUFFIX = ".txt"
#: Most lines of a list, and most bytes: a list is no event file.
LIST_LINES, LIST_BYTES = 1_000_000, 200_000_000
#: Signs of a pattern.
_SIGNS = "*?["
#: A dataset of Rucio, scope:name.
_DATASET = re.compile(r"[A-Za-z0-9_.-]+:[A-Za-z0-9_./-]+")


def as_location(text: str) -> Location:
    """Return a path, or an address as it is."""
    return text if "://" in text else Path(text)


def is_remote(location: Location) -> bool:
    """Tell whether a location is an address."""
    return "://" in str(location)


def name_of(location: Location) -> str:
    """Return the last part of a location."""
    return PurePosixPath(str(location)).name


def stamp_of(location: Location) -> tuple[int, int]:
    """Return size [bytes] and time of change [ns] of a file.

    Raises
    ------
    UnreadableError
        If there is no such file, or nobody answers.
    """
    if not is_remote(location):
        try:
            status = Path(location).stat()
        except OSError as error:
            msg = f"{location}: no such file; check the path"
            raise UnreadableError(msg) from error
        return status.st_size, status.st_mtime_ns
    with _remote(str(location)) as (system, path):
        found = system.info(path)
        if found.get("type") == "directory":
            msg = f"{location}: is a folder; give an event file"
            raise DataError(msg)
        changed = found.get("mtime") or 0
        return int(found["size"]), int(float(changed) * 1e9)


def expand(text: str, folder: Path | None = None) -> tuple[Location, ...]:
    """Return the files that an entry stands for, sorted; those of a list in its order.

    Parameters
    ----------
    text : str
        A path or an address; with ``*``, ``?`` or ``[]`` a pattern; a folder, of whose files
        those that end in ``.root`` count; a text file (``.txt``) of such entries, a line each, with
        ``#`` before comments; or a dataset of Rucio, ``scope:name``, whose list is
        ``scope.name.txt``.
    folder : Path or None
        What relative paths of a list begin at.

    Raises
    ------
    DataError
        If no file fits a pattern or lies in a folder, or a list is no text.
    UnreadableError
        If there is nothing, or disk or server hang.
    """
    path = (folder or Path()) / text
    if "://" in text:
        found = within(text, lambda: _expand_remote(text))
    elif text.endswith(LIST_SUFFIX):
        return tuple(_of_list(path))
    elif _DATASET.fullmatch(text) and not within(path, path.exists):
        return tuple(_of_list(_list_of_dataset(text, folder or Path())))
    else:
        found = within(path, lambda: _expand_local(path))
    if not found:
        msg = f"{text}: no such file; check the path in datasets.yaml"
        raise UnreadableError(msg)
    return found


def _expand_local(path: Path) -> tuple[Location, ...]:
    if path.is_dir():
        return tuple(sorted(path.glob("*.root")))
    if any(sign in path.name for sign in _SIGNS):
        try:
            return tuple(sorted(path.parent.glob(path.name)))
        except (ValueError, NotImplementedError) as error:  # a**b
            msg = f"{path}: is no pattern ({error}); use *, ? and []"
            raise DataError(msg) from error
    return (path,)  # whether it is there is seen when it is opened


def _expand_remote(text: str) -> tuple[Location, ...]:
    if not any(sign in text for sign in _SIGNS):
        if text.endswith(".root"):
            return (text,)
        text = f"{text.rstrip('/')}/*.root"
    with _remote(text) as (system, pattern):
        return tuple(system.unstrip_protocol(path) for path in sorted(system.glob(pattern)))


def _of_list(path: Path) -> Iterator[Location]:
    try:
        lines = within(path, lambda: _read_list(path)).splitlines()
    except FileNotFoundError as error:
        msg = f"{path}: no such list; check the path in datasets.yaml"
        raise UnreadableError(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: is no list of files ({error}); write a path per line"
        raise DataError(msg) from error
    entries = [line.partition("#")[0].strip() for line in lines[:LIST_LINES]]
    for entry in filter(None, entries):
        if entry.endswith(LIST_SUFFIX):
            msg = f"{path}: names another list, {entry}; write its files here"
            raise DataError(msg)
        yield from expand(entry, path.parent)


def _read_list(path: Path) -> str:
    if path.stat().st_size > LIST_BYTES:
        msg = f"{path}: is larger than {LIST_BYTES // 1_000_000} MB, too large for a list"
        raise DataError(msg)
    return path.read_text(encoding="utf-8")


def _list_of_dataset(text: str, folder: Path) -> Path:
    scope, _, name = text.partition(":")
    path = folder / f"{scope}.{name.replace('/', '.')}{LIST_SUFFIX}"
    if not path.exists():
        msg = (
            f"{text}: no such file, and for a dataset of Rucio no list {path.name}; make it by: "
            f"rucio replica list file --pfns {text} > {path.name}"
        )
        raise UnreadableError(msg)
    return path


@contextlib.contextmanager
def _remote(text: str) -> Iterator[tuple[Any, str]]:
    """Give fsspec's file system of an address, and the path in it."""
    import fsspec  # noqa: PLC0415 - only for addresses

    try:
        system, path = fsspec.core.url_to_fs(text)
        yield system, path
    except DataError:
        raise
    except ImportError as error:
        msg = f"{text}: needs more to be read ({error}); install na64ana[xrootd]"
        raise DataError(msg) from error
    except Exception as error:  # whatever a file system says
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"{text}: no such file, or nobody answers ({reason}); check the address"
        raise UnreadableError(msg) from error
