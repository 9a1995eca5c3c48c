"""What a cut is, and how an ordered selection is applied."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

#: Arrays by branch name, ``(n,)`` or ``(n, length)``.
Columns = Mapping[str, npt.NDArray[Any]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """A named condition on events.

    `keep` maps the arrays named in `columns` to a mask ``(n,)``, true where the event stays.
    `parameters` holds the thresholds in internal units; `version` changes with the meaning.
    """

    name: str
    reason: str
    source: str
    columns: tuple[str, ...]
    keep: Callable[[Columns], Mask]
    parameters: BaseModel
    version: int = 1


def needed_columns(cuts: Sequence[Cut]) -> tuple[str, ...]:
    """Return the branches that the cuts read, each once, in order."""
    return tuple(dict.fromkeys(name for cut in cuts for name in cut.columns))


def apply_cuts(cuts: Sequence[Cut], columns: Columns) -> Iterator[tuple[str, Mask]]:
    """Apply cuts one after the other.

    Yields
    ------
    tuple of (str, mask)
        For each cut its name and the events ``(n,)`` that pass it and all before it. An event
        with a NaN in a column of a cut fails that cut.
    """
    passed: Mask | None = None
    for cut in cuts:
        kept = cut.keep(columns)
        passed = kept if passed is None else passed & kept
        yield cut.name, passed
