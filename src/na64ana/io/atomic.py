"""Results appear whole or not at all: written under a temporary name, then renamed."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from na64ana.errors import OutputError

#: Errors of the folder that is written to, as opposed to those of what the block does.
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)


@contextlib.contextmanager
def atomic_path(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`, renamed to it when the block ends without an error.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is false, or the folder cannot be written.
    """
    check_writable(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
    except OSError as error:
        msg = f"{path.parent}: cannot be written ({error.strerror}); choose another folder"
        raise OutputError(msg) from error
    try:
        yield temporary
        # mkstemp makes files that only their owner can read.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        msg = f"{path}: cannot be written ({error.strerror or error})"
        raise OutputError(msg) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path, *, overwrite: bool = False) -> None:
    """Check that a file may be written, before a long calculation.

    Raises
    ------
    OutputError
        If it exists and `overwrite` is false, or its name cannot be used.
    """
    try:
        exists, regular = path.exists(), path.is_file()
    except OSError as error:
        msg = f"{path}: is no usable name of a file ({error.strerror}); choose another"
        raise OutputError(msg) from error
    if exists and not regular:
        msg = f"{path}: is no regular file; choose another name"
        raise OutputError(msg)
    if exists and not overwrite:
        msg = f"{path}: exists already; choose another name or say --overwrite"
        raise OutputError(msg)


@contextlib.contextmanager
def atomic_files(
    folder: Path, names: Iterable[str], *, overwrite: bool = False, obsolete: Iterable[str] = ()
) -> Iterator[Path]:
    """Give an empty folder to write files in, moved to `folder` when the block ends well.

    Nothing appears in `folder` if the block raises. The check comes first, so that a long
    calculation inside the block does not end at a folder that cannot be written. Files named in
    `obsolete` belong to an earlier run and are removed at the end.

    Raises
    ------
    OutputError
        If one of `names` exists and `overwrite` is false, or the folder cannot be written.
    """
    try:
        existing = [folder / name for name in names if (folder / name).exists()]
        created = not folder.exists()
    except OSError as error:
        msg = f"{folder}: is no usable name of a folder ({error.strerror}); choose another"
        raise OutputError(msg) from error
    if existing and not overwrite:
        msg = f"{existing[0]}: exists already; choose another folder or say --overwrite"
        raise OutputError(msg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = tempfile.TemporaryDirectory(dir=folder, prefix=".na64ana-")
    except OSError as error:
        msg = f"{folder}: cannot be written ({error.strerror}); choose another folder"
        raise OutputError(msg) from error
    try:
        with staging as name:
            yield Path(name)
            for file in sorted(Path(name).iterdir()):
                file.replace(folder / file.name)
            for old in obsolete:
                (folder / old).unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        msg = f"{folder}: cannot be written ({error.strerror}); nothing was kept"
        raise OutputError(msg) from error
    finally:
        if created and not any(folder.iterdir()):
            folder.rmdir()


def check_space(path: Path, n_bytes: int) -> None:
    """Check that the disk of a file can hold it.

    Raises
    ------
    OutputError
        If less than `n_bytes` are free.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        msg = (
            f"{path}: needs more than {n_bytes / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB "
            "left; ask for fewer events or another disk"
        )
        raise OutputError(msg)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
