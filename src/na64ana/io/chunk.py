"""A chunk of events as a processor sees it: in the internal naming, and checked."""

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.config.models import RunRange
from na64ana.errors import DataError
from na64ana.io.format import BRANCH_BY_NAME, BRANCHES
from na64ana.io.maps import BranchMap, convert
from na64ana.io.schema import Events

#: Branches that tell an event from all others.
IDENTITY = ("run_number", "spill", "event")
#: Least energy [GeV] that noise below the pedestal can make; markers such as -9999 lie below.
LEAST_ENERGY = -1.0
#: What is wrong with other energies.
BAD_ENERGY = f"is NaN, infinite or below {LEAST_ENERGY:g} GeV"
_ENERGIES = {
    branch.name for branch in BRANCHES if branch.unit == "GeV" and branch.name.startswith("e_")
}


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
    """

    def __init__(self, events: Events, branch_map: BranchMap | None = None) -> None:
        self._events, self._map = events, branch_map
        self.metadata: dict[str, Any] = events.metadata

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in BRANCH_BY_NAME:
            msg = f"{self._file}: the branch {name!r} is asked for, but is not part of the format"
            raise DataError(msg)
        if self._map is None:
            array = np.asarray(self._events[name])
        else:
            try:
                array = convert(self._map, name, self._foreign, len(self))
            except DataError as error:
                msg = f"{self._file}: {error}"
                raise DataError(msg) from error
        bad = find_bad_energies(name, array)
        if bad.any():
            start = self.metadata["entrystart"]
            msg = (
                f"{self._file}: branch {name!r} {BAD_ENERGY} in {bad.sum()} events, the first is "
                f"entry {start + int(bad.argmax())}; make the file again without them"
            )
            raise DataError(msg)
        return array

    def check_identity(self, period: str, runs: RunRange) -> None:
        """Check that each event is there once, and belongs to the runs of the period.

        Raises
        ------
        DataError
            If not.
        """
        columns = [self[name].astype(np.int64) for name in IDENTITY]
        if not len(self):
            return
        run = columns[0]
        outside = (run < runs.first) | (run > runs.last)
        if outside.any():
            msg = (
                f"{self._file}: run {run[outside][0]} is none of period {period}, runs "
                f"{runs.first}-{runs.last}; list the file under its period"
            )
            raise DataError(msg)
        if (place := find_duplicate(columns)) is not None:
            number, spill, event = (int(column[place]) for column in columns)
            msg = (
                f"{self._file}: run {number}, spill {spill}, event {event} stands there twice; "
                "make the file again with each event once"
            )
            raise DataError(msg)

    @property
    def _file(self) -> str:
        return str(self.metadata["filename"])

    def _foreign(self, name: str) -> npt.NDArray[Any]:
        return np.asarray(self._events[name])


def find_bad_energies(name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which events ``(n,)`` have an energy in the branch `name` that cannot be one."""
    if name not in _ENERGIES or not array.size:
        return np.zeros(len(array), np.bool_)
    possible = (array >= LEAST_ENERGY) & (array < np.inf)
    return np.asarray(~possible.reshape(len(array), -1).all(axis=1))


def find_duplicate(columns: Collection[npt.NDArray[np.int64]]) -> int | None:
    """Return the index of an event whose numbers, columns ``(n,)``, another one has too."""
    run, spill, event = columns
    # Files are mostly in order, and then each number is larger than the one before.
    step = [np.diff(column) for column in (run, spill, event)]
    rising = (step[0] > 0) | ((step[0] == 0) & ((step[1] > 0) | ((step[1] == 0) & (step[2] > 0))))
    if rising.all():
        return None
    order = np.lexsort((event, spill, run))
    same = np.logical_and.reduce([np.diff(column[order]) == 0 for column in columns])
    return int(order[1:][same][0]) if same.any() else None
