"""What a cut is: windows on observables, with a name, a reason and a source."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import BaseModel

Mask = npt.NDArray[np.bool_]


#: Lower edge of what cannot be negative: zero is a value, a marker such as -9999 is none.
NOT_NEGATIVE = -1e-6


@dataclass(frozen=True)
class Window:
    """An observable between two edges, both excluded, in internal units. A NaN is outside."""

    observable: str
    low: float = -np.inf
    high: float = np.inf

    def mark(
        self, values: npt.NDArray[Any], failed: npt.NDArray[np.uint32], bit: np.uint32
    ) -> None:
        """Set a bit in `failed` ``(n,)`` for each of the values ``(n,)`` that is outside.

        Edges are compared as 32 bit floats: 0.01 as a double is not 0.01 as it stands in a file.
        """
        _mark_outside(values, np.float32(self.low), np.float32(self.high), bit, failed)


@dataclass(frozen=True)
class Cut:
    """A named condition on events: all `windows` hold.

    `parameters` are those of the configuration, in internal units; `version` changes with the
    meaning of the cut.
    """

    name: str
    reason: str
    source: str
    windows: tuple[Window, ...]
    parameters: BaseModel
    version: int = 1

    @property
    def observables(self) -> tuple[str, ...]:
        """The observables that the cut looks at."""
        return tuple(window.observable for window in self.windows)

    def keep(self, values: Mapping[str, npt.NDArray[Any]]) -> Mask:
        """Return the mask ``(n,)`` of the events that stay, from arrays ``(n,)`` by observable."""
        failed = np.zeros(len(values[self.windows[0].observable]), np.uint32)
        self.mark(values, failed, np.uint32(1))
        return np.asarray(failed == 0)

    def mark(
        self,
        values: Mapping[str, npt.NDArray[Any]],
        failed: npt.NDArray[np.uint32],
        bit: np.uint32,
    ) -> None:
        """Set a bit in `failed` ``(n,)`` for each event that does not stay."""
        for window in self.windows:
            window.mark(values[window.observable], failed, bit)


@njit(cache=True, nogil=True)
def _mark_outside(values, low, high, bit, failed):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(len(values)):
        value = np.float32(values[i])
        if not (low < value < high):
            failed[i] |= bit
