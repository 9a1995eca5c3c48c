"""Branch maps: how the trees of the collaboration become the internal naming.

A map says for each branch of the event format which branches of a foreign tree it is made of.
"""

from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field, field_validator, model_validator

from na64ana.config.selection import Block
from na64ana.config.yaml_file import load_model
from na64ana.errors import ConfigError, DataError, did_you_mean
from na64ana.io.derived import (
    compute_impact_cell,
    compute_r_ecal,
    compute_r_hcal,
    compute_t_ecal,
)
from na64ana.io.format import BRANCHES, ECAL_SHAPE, HCAL_SHAPE, Branch, TriggerBit
from na64ana.units import UNITS

MAPS = Path(__file__).resolve().parent.parent / "data" / "maps"
#: Shape of the internal branches whose cells are flattened; a smaller matrix fills the low indices.
_CELLS = {
    "e_ecal_cell": ECAL_SHAPE,
    "t_ecal_cell": ECAL_SHAPE,
    "e_hcal_cell": HCAL_SHAPE,
    "t_hcal_cell": HCAL_SHAPE,
}
_BY_NAME = {branch.name: branch for branch in BRANCHES}
#: Dimension of the units that branches have.
_DIMENSIONS = {"GeV": "energy", "ns": "time", "rad": "angle"}

Array = npt.NDArray[Any]


def _columns(value: object) -> object:
    """Accept a name for one column, and a list of names for one column each."""
    if isinstance(value, str):
        return [[value]]
    if isinstance(value, list):
        return [[item] if isinstance(item, str) else item for item in value]
    return value


Part = Literal["all", "sum", "first", "each", "zero", "largest", "outside_3x3", "outside_centre"]
#: What is taken of a foreign array ``(n, ...)``, beside all of it.
_PARTS: dict[str, Callable[[Array], Array]] = {
    "sum": lambda array: array.sum(axis=tuple(range(1, array.ndim))),
    "first": lambda array: array[:, 0].sum(axis=tuple(range(1, array.ndim - 1))),
    "each": lambda array: array.sum(axis=tuple(range(2, array.ndim))),
    "zero": lambda array: array[:, 0],
    "largest": compute_impact_cell,
    "outside_3x3": compute_r_ecal,
    "outside_centre": compute_r_hcal,
}


class Rule(Block):
    """How one internal branch is made.

    Attributes
    ----------
    source : tuple of tuple of str
        Foreign branches, a group per column; ``from`` in the file. An empty group is `fill`.
    combine : str
        ``sum`` or ``max`` of a group of several branches.
    part : str
        What is taken of a foreign array: ``all`` of it as it is, its ``sum``, the sum of its
        ``first`` index (the PRS of the ECAL), the sums by ``each`` first index (the modules of the
        HCAL), its element ``zero``; of the cells of the ECAL the ``largest``, or the share
        ``outside_3x3``, and of those of the HCAL the share ``outside_centre``.
    shape : tuple of int or None
        Shape per event that the foreign array must have. Without it a list must be as long as the
        internal one, or longer; then its first elements count.
    unit : str
        Unit of the foreign values; none are in the internal unit.
    weights : str or None
        Foreign branch of the same shape; the mean of the foreign array with these weights is taken.
    relative_to : str or None
        Foreign branch that is subtracted.
    bits : dict
        For `trigger`: the foreign bits, as a mask, that mean ``physics`` and ``beam``.
    fill : int
        Value of columns without a foreign branch.
    because : str
        Why a value may be filled in, or how a choice was made.
    """

    source: Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_columns)] = Field(
        alias="from", default=()
    )
    combine: Literal["sum", "max"] = "sum"
    part: Part = "all"
    shape: tuple[Annotated[int, Field(gt=0)], ...] | None = None
    unit: str = ""
    weights: str | None = None
    relative_to: str | None = None
    bits: dict[Literal["physics", "beam"], Annotated[int, Field(gt=0)]] = Field(
        default_factory=dict
    )
    fill: int | None = None
    because: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.fill is None and not (self.source and all(self.source)):
            msg = "a column without a branch needs 'fill', and 'because'"
            raise ValueError(msg)
        if self.fill is not None and not self.because:
            msg = "'fill' needs 'because'"
            raise ValueError(msg)
        if self.fill is not None and self.source and all(self.source):
            msg = "'fill' has no use where every column has a branch"
            raise ValueError(msg)
        if self.weights is not None and (self.part != "all" or len(self.source) != 1):
            msg = "'weights' need one branch, and no 'part'"
            raise ValueError(msg)
        if self.bits.get("physics", 0) & self.bits.get("beam", 0):
            msg = "the bits of physics and beam overlap"
            raise ValueError(msg)
        return self

    def mismatch(self, branch: Branch) -> str:
        """Return why the rule cannot make a branch of this shape; empty if it can."""
        columns = max(len(self.source), 1)
        wanted = "one number" if branch.length == 1 else f"{branch.length} numbers"
        if columns > 1:
            if columns == branch.length and (self.part != "all" or self.shape is None):
                return ""
            return f"is {wanted}, {columns} columns are given; 'combine' needs a list in the list"
        if self.weights is not None:
            fits, made = branch.length == 1, "one number"
        elif self.part == "all" and self.shape is not None:
            cells = _CELLS.get(branch.name)
            if cells is not None:
                fits = len(self.shape) == len(cells)
                fits = fits and all(a <= b for a, b in zip(self.shape, cells, strict=False))
            else:
                fits = branch.length > 1 and self.shape == (branch.length,)
            made = "x".join(map(str, self.shape))
        elif self.part == "each":
            fits = self.shape is not None and self.shape[:1] == (branch.length,)
            made = "a sum for each first index of 'shape'"
        else:
            fits = self.part == "all" or branch.length == 1
            made = "one number"
        return "" if fits else f"is {wanted} per event, the rule makes {made}; see 'part', 'shape'"

    def accepts(self, shape: tuple[int, ...], branch: Branch) -> bool:
        """Tell whether a foreign array may have this shape per event."""
        if self.shape is not None:
            return shape == self.shape
        if branch.shape and len(self.source) == 1:
            return len(shape) == 1 and shape[0] >= branch.length
        return shape == ()

    def sources(self) -> tuple[str, ...]:
        """Return the foreign branches that are read."""
        names = [name for group in self.source for name in group]
        further = (self.weights, self.relative_to)
        return tuple(dict.fromkeys([*names, *(name for name in further if name)]))


class BranchMap(Block):
    """A branch map.

    Attributes
    ----------
    name, description : str
    trees : tuple of str
        Names that the tree may have; none is any name.
    branches : dict of str to Rule
        By internal name. Internal branches that do not stand here cannot be read.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    description: str
    trees: tuple[str, ...] = ()
    branches: dict[str, Rule] = Field(min_length=1)

    @field_validator("branches")
    @classmethod
    def _check_branches(cls, branches: dict[str, Rule]) -> dict[str, Rule]:
        for name, rule in branches.items():
            if name not in _BY_NAME:
                msg = f"{name!r} is no branch of the event format. Known: {', '.join(_BY_NAME)}"
                raise ValueError(msg)
            allowed = UNITS.get(_DIMENSIONS.get(_BY_NAME[name].unit, ""), {})
            if rule.unit and rule.unit not in allowed:
                msg = f"{name}: unit {rule.unit!r}; allowed: {', '.join(allowed) or 'none'}"
                raise ValueError(msg)
            if bool(rule.bits) != (name == "trigger"):
                msg = f"{name}: 'bits' belong to trigger, and to nothing else"
                raise ValueError(msg)
            if mismatch := rule.mismatch(_BY_NAME[name]):
                msg = f"{name} {mismatch}"
                raise ValueError(msg)
            if rule.fill is not None and not _fits(np.array(rule.fill), _BY_NAME[name].dtype):
                msg = f"{name}: {rule.fill} does not fit the type {_BY_NAME[name].dtype}"
                raise ValueError(msg)
        return branches

    def sources(self, names: Collection[str] | None = None) -> tuple[str, ...]:
        """Return the foreign branches that the internal ones (all by default) are made of."""
        chosen = self.branches if names is None else names
        return tuple(
            dict.fromkeys(source for name in chosen for source in self.branches[name].sources())
        )

    def missing(self, names: Collection[str]) -> tuple[str, ...]:
        """Return which internal branches the map cannot make."""
        return tuple(name for name in names if name not in self.branches)


@cache
def shipped_maps() -> dict[str, BranchMap]:
    """Return the maps that travel in the package, by name."""
    maps = (load_map(path) for path in sorted(MAPS.glob("*.yaml")))
    return {branch_map.name: branch_map for branch_map in maps}


def load_map(path: Path) -> BranchMap:
    """Load a branch map.

    Raises
    ------
    ConfigError
        If the file is no map; file, line and allowed keys are named.
    """
    return load_model(path, BranchMap, example="branch map (na64ana/data/maps)")


def find_map(name: str) -> BranchMap:
    """Return a shipped map by its name, or one from a file.

    Raises
    ------
    ConfigError
        If there is neither.
    """
    known = shipped_maps()
    if name in known:
        return known[name]
    if Path(name).suffix in {".yaml", ".yml"}:
        return load_map(Path(name))
    msg = (
        f"unknown branch map {name!r}{did_you_mean(name, known)} Shipped: {', '.join(known)}, "
        "or give a YAML file"
    )
    raise ConfigError(msg)


def convert(branch_map: BranchMap, name: str, read: Callable[[str], Array], n: int) -> Array:
    """Return an internal branch, ``(n,)`` or ``(n, length)``.

    Parameters
    ----------
    branch_map : BranchMap
    name : str
        The internal branch.
    read : callable
        Returns a foreign array by name.
    n : int
        Number of events.

    Raises
    ------
    DataError
        If values do not fit the type of the branch.
    """
    rule, branch = branch_map.branches[name], _BY_NAME[name]
    columns = [_column(rule, group, read, n) for group in rule.source or ((),)]
    array = columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)
    if rule.relative_to is not None:
        late = np.asarray(read(rule.relative_to), float)
        array = array - late.reshape(n, *[1] * (array.ndim - 1))
    if rule.unit:
        array = array * UNITS[_DIMENSIONS[branch.unit]][rule.unit]
    if name in _CELLS:
        array = _pad(array, _CELLS[name])
    if rule.bits:
        bits = {"physics": TriggerBit.PHYSICS, "beam": TriggerBit.BEAM}
        found = array.astype(np.int64)
        array = sum(((found & mask) != 0) * bits[key] for key, mask in rule.bits.items())
    if len(branch.shape) == array.ndim - 1 == 1:
        array = array[:, : branch.length]  # there may be further modules
    if not _fits(array, branch.dtype):
        made_of = ", ".join(rule.sources())
        msg = (
            f"branch {name!r}, made of {made_of}, has values from {np.min(array):g} to "
            f"{np.max(array):g} that do not fit its type {branch.dtype}; correct the map"
        )
        raise DataError(msg)
    return np.asarray(array.reshape(n, *branch.shape)).astype(branch.dtype)


def _column(rule: Rule, group: tuple[str, ...], read: Callable[[str], Array], n: int) -> Array:
    if not group:
        return np.full(n, rule.fill)
    take = _PARTS.get(rule.part, np.asarray)
    parts: list[Array] = [take(np.asarray(read(name))) for name in group]
    if rule.weights is not None:
        return compute_t_ecal(parts[0], np.asarray(read(rule.weights)))
    if len(parts) == 1:
        return parts[0]
    return np.asarray((np.sum if rule.combine == "sum" else np.max)(parts, axis=0))


def _fits(array: Array, dtype: str) -> bool:
    """Tell whether values can be stored in a type without change, for integer types."""
    kind = np.dtype(dtype)
    if kind.kind != "u" or not array.size:
        return True
    info = np.iinfo(kind)
    whole = array.dtype.kind != "f" or bool((array == np.floor(array)).all())
    return whole and bool(array.min() >= info.min) and bool(array.max() <= info.max)


def _pad(array: Array, shape: tuple[int, ...]) -> Array:
    """Return cells ``(n, *smaller)`` in an array ``(n, *shape)``, the rest zero."""
    padded = np.zeros((len(array), *shape), array.dtype)
    padded[(slice(None), *(slice(size) for size in array.shape[1:]))] = array
    return padded
