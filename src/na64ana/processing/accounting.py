"""Files, spills and electrons on target: what was read, against what was declared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.config.conditions import find_bad_spills
from na64ana.errors import DataError, IncompleteDataError
from na64ana.io.chunk import IDENTITY, ChunkRead, find_duplicate
from na64ana.io.reading import EventFile, read_branches

#: Relative difference of processed and declared electrons on target that is rounding.
EOT_TOLERANCE = 1e-6

Files = Mapping[str, tuple[EventFile, ...]]


@dataclass(frozen=True)
class Exposure:
    """Electrons on target of a period.

    Attributes
    ----------
    declared : float
        In the configuration, bad spills included.
    read : float
        In the files, bad spills included.
    bad : float
        In spills that are not to be used.
    spills, bad_spills : int
        Spills that the files list; 0 if they list none.
    spills_with_events : int
        Spills of which an event was read.
    """

    declared: float
    read: float
    bad: float
    spills: int
    bad_spills: int
    spills_with_events: int

    @property
    def eot(self) -> float:
        """What counts: electrons on target that were read, without bad spills."""
        return self.read - self.bad


def check_declared(period: str, files: Iterable[EventFile], config: Config) -> None:
    """Check that the files of a period hold its declared electrons on target.

    Raises
    ------
    IncompleteDataError
        If not.
    """
    found, declared = sum(file.metadata.eot for file in files), config.periods[period].eot
    if abs(found - declared) > EOT_TOLERANCE * declared:
        msg = (
            f"period {period}: the files hold {found:.8g} EOT, the configuration declares "
            f"{declared:.8g}; list all files of the period once, or set periods.{period}.eot"
        )
        raise IncompleteDataError(msg)


def account(
    period: str, files: tuple[EventFile, ...], reads: tuple[ChunkRead, ...], config: Config
) -> Exposure:
    """Compare what was read of a period with what its files say, and add up its electrons.

    Raises
    ------
    IncompleteDataError
        If not every event of every file was read exactly once.
    DataError
        If an event stands in two files or chunks, or belongs to a spill that its file does not
        list.
    """
    by_file: dict[str, list[ChunkRead]] = {file.uuid_text: [] for file in files}
    for read in reads:
        by_file[read.uuid].append(read)
    listed = bad_listed = 0
    bad_eot = 0.0
    _check_lists(files)
    for file in files:
        _check_entries(file, by_file[file.uuid_text])
        if file.spills is None:
            continue
        run, spill = file.spills["run_number"], file.spills["spill"]
        _check_listed(file, by_file[file.uuid_text])
        bad = find_bad_spills(config.conditions.bad_spills, run, spill)
        bad_eot += float(file.spills["eot"][bad].sum())
        listed, bad_listed = listed + len(run), bad_listed + int(bad.sum())
    check_duplicates(files, reads)
    spills = np.concatenate([np.empty((0, 5), np.int64), *(read.spills for read in reads)])
    return Exposure(
        declared=config.periods[period].eot,
        read=sum(file.metadata.eot for file in files),
        bad=bad_eot,
        spills=listed,
        bad_spills=bad_listed,
        spills_with_events=_count_different(_key(spills)),
    )


def check_duplicates(files: Iterable[EventFile], reads: tuple[ChunkRead, ...]) -> None:
    """Check that no event stands in two files, or in two chunks of one.

    Spills tell most: only where the events of a spill in two chunks overlap, they are read again
    and compared one by one.

    Raises
    ------
    DataError
        If an event is there twice; both files are named.
    """
    opened = {file.uuid_text: file for file in files}
    source = np.repeat(np.arange(len(reads)), [len(read.spills) for read in reads])
    spills = np.concatenate([np.empty((0, 5), np.int64), *(read.spills for read in reads)])
    key = _key(spills)
    if not (
        (key[1:] > key[:-1]) | ((key[1:] == key[:-1]) & (spills[1:, 3] > spills[:-1, 3]))
    ).all():
        order = np.lexsort((spills[:, 3], key))
        spills, source, key = spills[order], source[order], key[order]
    # Spills need not follow one another, but mostly two chunks share at most one.
    touching = (key[1:] == key[:-1]) & (spills[1:, 3] <= _last_so_far(key, spills[:, 4])[:-1])
    if not touching.any():
        return
    suspects = np.unique(key[1:][touching])
    chunks = [reads[i] for i in np.unique(source[np.isin(key, suspects)])]
    parts = []
    for place, read in enumerate(chunks):
        found = read_branches(opened[read.uuid], IDENTITY, read.start, read.stop)
        columns = [found[name].astype(np.int64) for name in IDENTITY]
        inside = np.isin((columns[0] << 32) | columns[1], suspects)
        parts.append(np.stack([*columns, np.full(len(inside), place)])[:, inside])
    run, spill, event, place = np.concatenate(parts, axis=1)
    twice = find_duplicate([run, spill, event])
    if twice is None:
        return
    same = (run == run[twice]) & (spill == spill[twice]) & (event == event[twice])
    paths = dict.fromkeys(str(opened[chunks[i].uuid].path) for i in place[same])
    msg = (
        f"{' and '.join(paths)}: run {run[twice]}, spill {spill[twice]}, event {event[twice]} "
        "stands there twice; list or make the files so that each event is there once"
    )
    raise DataError(msg)


def _pair(run: npt.NDArray[Any], spill: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return one number ``(k,)`` for run and spill."""
    return (run.astype(np.int64) << 32) | spill.astype(np.int64)


def _key(spills: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return one number ``(k,)`` for the spills of chunks."""
    return _pair(spills[:, 0], spills[:, 1])


def _in_order(key: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return numbers in order; mostly they are."""
    return key if (key[1:] >= key[:-1]).all() else np.sort(key)


def _count_different(key: npt.NDArray[np.int64]) -> int:
    """Return how many different numbers there are; np.unique hashes, which is slow for these."""
    ordered = _in_order(key)
    return int((ordered[1:] != ordered[:-1]).sum()) + bool(len(ordered))


def _last_so_far(key: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the largest of `last` ``(k,)`` so far, among the rows with the same sorted key."""
    running = last.copy()
    for i in np.flatnonzero(key[1:] == key[:-1]) + 1:
        running[i] = max(running[i], running[i - 1])
    return running


def _check_lists(files: tuple[EventFile, ...]) -> None:
    """Check that each spill is listed once: its electrons must not count twice."""
    lists = [(str(file.path), file.spills) for file in files if file.spills is not None]
    keys = [_pair(one["run_number"], one["spill"]) for _, one in lists]
    key = np.concatenate([np.empty(0, np.int64), *keys])
    order = np.argsort(key, kind="stable")
    twice = np.flatnonzero(key[order][1:] == key[order][:-1])
    if not len(twice):
        return
    source = np.repeat(np.arange(len(lists)), [len(one) for one in keys])
    places = source[order[twice[0] : twice[0] + 2]]
    paths = " and ".join(dict.fromkeys(lists[i][0] for i in places))
    run, spill = divmod(int(key[order][twice[0]]), 1 << 32)
    msg = (
        f"{paths}: run {run}, spill {spill} is listed twice, so its electrons on target would "
        "count twice; make files of whole spills"
    )
    raise DataError(msg)


def _check_entries(file: EventFile, reads: list[ChunkRead]) -> None:
    stop = 0
    for read in sorted(reads):
        if read.start != stop:
            break
        stop = read.stop
    total = sum(read.stop - read.start for read in reads)
    if stop != file.metadata.entries or total != stop:
        msg = f"{file.path}: {total} of {file.metadata.entries} events were read; run again"
        raise IncompleteDataError(msg)


def _check_listed(file: EventFile, reads: list[ChunkRead]) -> None:
    listed = file.spills or {}
    known = _in_order(_pair(listed["run_number"], listed["spill"]))
    for read in reads:
        key = _key(read.spills)
        place = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
        unknown = known[place] != key if len(known) else np.ones(len(key), np.bool_)
        if unknown.any():
            run, spill = read.spills[unknown][0, :2]
            msg = (
                f"{file.path}: run {run}, spill {spill} has events, but is not in its list of "
                "spills; make the file again"
            )
            raise DataError(msg)
