"""A chunk of events as a processor sees it: in the internal naming, and checked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.config.models import RunRange
from na64ana.errors import DataError
from na64ana.io.derived import LEAST_ENERGY
from na64ana.io.format import BRANCH_BY_NAME, BRANCHES, EventClass
from na64ana.io.maps import BranchMap, convert
from na64ana.io.schema import Events

#: Branches that tell an event from all others.
IDENTITY = ("run_number", "spill", "event")
#: What is wrong with energies that cannot be some.
BAD_ENERGY = f"is NaN, infinite or below {LEAST_ENERGY:g} GeV"
_ENERGIES = {
    branch.name for branch in BRANCHES if branch.unit == "GeV" and branch.name.startswith("e_")
}
#: Many numbers per event; who makes one of them checks them at the same time (`Chunk.refuse`).
_CHECKED_LATER = {"e_ecal_cell", "e_hcal_cell", "e_srd_module", "e_veto_pmt"}

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, order=True)
class ChunkRead:
    """What was read: the events of a file from `start` to `stop`, and their spills.

    `spills` ``(k, 5)`` are run, spill, number of events, first and last event.
    """

    uuid: str
    start: int
    stop: int
    spills: Integers = field(compare=False)


class Chunk:
    """Events of one file, between two entries.

    ``chunk["e_ecal"]`` is an array ``(n,)`` or ``(n, length)`` of the event format, whatever the
    tree is like; an energy that cannot be one raises a DataError. `metadata` is that of coffea.

    Parameters
    ----------
    events : Events
        What coffea gives a processor.
    branch_map : BranchMap or None
        The map of a tree of the collaboration.
    simulated : bool
        Whether the events have a true class.
    """

    def __init__(
        self, events: Events, branch_map: BranchMap | None = None, *, simulated: bool = False
    ) -> None:
        self._events, self._map, self._simulated = events, branch_map, simulated
        self.metadata: dict[str, Any] = events.metadata

    @property
    def period(self) -> str:
        """The period that the events belong to."""
        return str(self.metadata["dataset"])

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in BRANCH_BY_NAME:
            msg = f"{self._file}: the branch {name!r} is asked for, but is not part of the format"
            raise DataError(msg)
        if self._map is None:
            if name not in self._events.fields:
                msg = (
                    f"{self._file}: the branch {name!r} is asked for, but is not in the file, or "
                    "not among the columns that the processor declares"
                )
                raise DataError(msg)
            array = np.asarray(self._events[name])
        else:
            try:
                array = convert(self._map, name, self._foreign, len(self))
            except DataError as error:
                msg = f"{self._file}: {error}"
                raise DataError(msg) from error
        if name not in _CHECKED_LATER:
            self.refuse(name, find_bad_energies(name, array))
        return array

    def refuse(self, name: str, bad: Mask) -> None:
        """Stop if any of the events ``(n,)`` has an impossible energy in a branch.

        Raises
        ------
        DataError
            If so; file, branch and first entry are named.
        """
        if bad.any():
            start = self.metadata["entrystart"]
            msg = (
                f"{self._file}: branch {name!r} {BAD_ENERGY} in {bad.sum()} events, the first is "
                f"entry {start + int(bad.argmax())}; make the file again without them"
            )
            raise DataError(msg)

    def classes(self) -> npt.NDArray[np.uint8]:
        """Return the true class ``(n,)`` of simulated events, ``len(EventClass)`` of others."""
        if not self._simulated:
            return np.full(len(self), len(EventClass), np.uint8)
        found: npt.NDArray[np.uint8] = self["class_true"].astype(np.uint8)
        return np.minimum(found, np.uint8(len(EventClass)))

    def check_identity(self, runs: RunRange) -> ChunkRead:
        """Check that each event is there once, and belongs to the runs of the period.

        Returns
        -------
        ChunkRead
            What was read, for the accounting over all chunks.

        Raises
        ------
        DataError
            If not.
        """
        run, spill, event = (self[name] for name in IDENTITY)
        where = (self.metadata["entrystart"], self.metadata["entrystop"])
        if not len(self):
            return ChunkRead(self.metadata["fileuuid"], *where, np.empty((0, 5), np.int64))
        if run.min() < runs.first or run.max() > runs.last:
            outside = (run < runs.first) | (run > runs.last)
            msg = (
                f"{self._file}: run {run[outside][0]} is none of period {self.period}, runs "
                f"{runs.first}-{runs.last}; list the file under its period"
            )
            raise DataError(msg)
        place, spills = count_spills(run, spill, event)
        if place is not None:
            msg = (
                f"{self._file}: run {run[place]}, spill {spill[place]}, event {event[place]} "
                "stands there twice; make the file again with each event once"
            )
            raise DataError(msg)
        return ChunkRead(self.metadata["fileuuid"], *where, spills)

    @property
    def _file(self) -> str:
        return str(self.metadata["filename"])

    def _foreign(self, name: str) -> npt.NDArray[Any]:
        return np.asarray(self._events[name])


class ArrayChunk:
    """Events in memory, with what a processor asks of a `Chunk`.

    Parameters
    ----------
    arrays : mapping of str to array
        Branches, ``(n,)`` or ``(n, length)``, with the true class.
    period : str
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], period: str) -> None:
        self._arrays, self.period = arrays, period

    def __len__(self) -> int:
        return len(self._arrays["event"])

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._arrays[name]

    def classes(self) -> npt.NDArray[np.uint8]:
        """Return the true class ``(n,)``."""
        return self._arrays["class_true"].astype(np.uint8)

    def refuse(self, name: str, bad: Mask) -> None:
        """Stop at impossible events.

        Raises
        ------
        DataError
            If there are any.
        """
        if bad.any():
            msg = f"branch {name!r} {BAD_ENERGY} in {bad.sum()} events"
            raise DataError(msg)


def find_bad_energies(name: str, array: npt.NDArray[Any]) -> Mask:
    """Return which events ``(n,)`` have an energy in the branch `name` that cannot be one."""
    good = np.zeros(len(array), np.bool_)
    # NaN compares false, and is the smallest of numbers among which it is.
    if (
        name not in _ENERGIES
        or not array.size
        or (array.min() >= LEAST_ENERGY and array.max() < np.inf)
    ):
        return good
    possible = (array >= LEAST_ENERGY) & (array < np.inf)
    return np.asarray(~possible.reshape(len(array), -1).all(axis=1))


def find_duplicate(columns: Collection[npt.NDArray[Any]]) -> int | None:
    """Return the index of an event whose run, spill and event ``(n,)`` another one has too."""
    return count_spills(*columns)[0]


def count_spills(
    run: npt.NDArray[Any], spill: npt.NDArray[Any], event: npt.NDArray[Any]
) -> tuple[int | None, Integers]:
    """Return the index of an event that is there twice, and the spills of events ``(n,)``.

    The spills ``(k, 5)`` are run, spill, number of events, first and last event, in order.
    """
    starts, rising = _scan(run, spill, event)
    # Mostly, each spill is one piece and its events are in order: only spills need to be sorted.
    order = np.lexsort((spill[starts], run[starts]))
    first = starts[order]
    again = (run[first[1:]] == run[first[:-1]]) & (spill[first[1:]] == spill[first[:-1]])
    if rising and not again.any():
        stops = np.append(starts[1:], len(run))[order]
        return None, _spills(run, spill, event, first, stops)
    order = np.lexsort((event, spill, run))
    run, spill, event = run[order], spill[order], event[order]
    starts, _ = _scan(run, spill, event)
    same = (event[1:] == event[:-1]) & (spill[1:] == spill[:-1]) & (run[1:] == run[:-1])
    twice = np.flatnonzero(same)
    spills = _spills(run, spill, event, starts, np.append(starts[1:], len(run)))
    return (int(order[twice[0] + 1]) if len(twice) else None), spills


def _spills(
    run: npt.NDArray[Any],
    spill: npt.NDArray[Any],
    event: npt.NDArray[Any],
    starts: npt.NDArray[np.intp],
    stops: npt.NDArray[np.intp],
) -> Integers:
    """Return run, spill, number of events, first and last event ``(k, 5)`` of spills."""
    columns = (run[starts], spill[starts], stops - starts, event[starts], event[stops - 1])
    return np.stack([column.astype(np.int64) for column in columns], axis=1)


@njit(cache=True, nogil=True)
def _scan(run, spill, event):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return where run or spill changes, and whether events rise in between."""
    starts = np.empty(len(run), np.int64)
    found, rising = 0, True
    for i in range(len(run)):
        if i == 0 or run[i] != run[i - 1] or spill[i] != spill[i - 1]:
            starts[found] = i
            found += 1
        elif event[i] <= event[i - 1]:
            rising = False
    return starts[:found].copy(), rising
