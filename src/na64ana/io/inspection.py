"""What a file of events holds: the format or map that fits, periods, ranges, first events."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import uproot

from na64ana.config import Config
from na64ana.display import html_line, html_table
from na64ana.errors import DataError
from na64ana.io.chunk import BAD_ENERGY, IDENTITY, find_bad_energies, find_duplicate
from na64ana.io.format import BRANCH_BY_NAME, BRANCHES, METADATA, TREE, FileMetadata
from na64ana.io.maps import BranchMap, convert, shipped_maps
from na64ana.io.reading import find_tree, foreign_problems, opened_root

#: Events that are read at a time.
STEP = 100_000
#: Events that are shown.
N_SHOWN = 3

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class BranchSummary:
    """Type and range of a branch over all events, and its values in the first ones.

    `n_nan` events have a NaN, `n_bad` an energy that cannot be one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    unit: str
    low: float
    high: float
    mean: float
    n_nan: int
    n_bad: int
    first: tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True)
class Inspection:
    """What a file holds.

    Attributes
    ----------
    path : Path
    container : str
        ``"TTree"``, ``"RNTuple"`` or ``"Parquet"``, with the name of the tree.
    size : int
        Bytes.
    entries : int
    layout : str
        ``"event format"``, or the name of the map that fits best.
    missing : tuple of str
        Internal branches that this file cannot give.
    metadata : FileMetadata or None
        What a file of the event format says of itself.
    periods : dict of str to int
        Events by period; runs of no period count under ``"none"``.
    runs : tuple of int
        First and last run.
    unfit : tuple of str
        Foreign branches that are not as the map says, a line each.
    branches : tuple of BranchSummary
        All branches that can be read, in the internal naming and units.
    problems : tuple of str
        What is wrong with the events, a line each.
    """

    path: Path
    container: str
    size: int
    entries: int
    layout: str
    missing: tuple[str, ...]
    metadata: FileMetadata | None
    periods: dict[str, int]
    runs: tuple[int, int]
    unfit: tuple[str, ...]
    branches: tuple[BranchSummary, ...]
    problems: tuple[str, ...]

    def _repr_html_(self) -> str:
        filled = self.entries > 0
        rows = (
            [one.name, one.dtype, one.unit]
            + ([one.low, one.mean, one.high] if filled and one.low <= one.high else [None] * 3)
            for one in self.branches
        )
        head = ("branch", "type", "unit", "least", "mean", "largest")
        title = f"{self.path.name}: {self.container}, {self.layout}, {self.entries:,} events"
        problems = "".join(html_line(problem) for problem in self.problems)
        return html_table(head, rows, title=title) + problems


@dataclass(frozen=True)
class _Source:
    """An open file: how to read some of its events, in the internal naming."""

    container: str
    layout: str
    entries: int
    names: tuple[str, ...]
    metadata: FileMetadata | None
    chunks: Callable[[], Iterator[Arrays]]
    unfit: tuple[str, ...] = ()


def inspect_file(path: Path, config: Config, branch_map: BranchMap | None = None) -> Inspection:
    """Look through a file of events.

    Parameters
    ----------
    path : Path
        A ROOT file with a TTree or RNTuple, or a Parquet file.
    config : Config
        Knows the runs of the periods.
    branch_map : BranchMap or None
        The map to be used; None takes the event format, or the shipped map that fits best.

    Raises
    ------
    DataError
        If the file cannot be read, or neither the event format nor a map fits.
    """
    if _is_parquet(path):
        return _inspect(path, _parquet_source(path), config)
    with opened_root(path) as file:
        names = {key.split(";")[0] for key in file.keys()}  # noqa: SIM118 - not a dict
        if METADATA in names and TREE in names and branch_map is None:
            return _inspect(path, _native_source(file), config)
        return _inspect(path, _foreign_source(path, file, branch_map), config)


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _native_source(file: uproot.ReadOnlyDirectory) -> _Source:
    tree = file[TREE]
    names = tuple(name for name in tree.keys() if name in BRANCH_BY_NAME)  # noqa: SIM118 - not a dict

    def chunks() -> Iterator[Arrays]:
        for chunk in tree.iterate(names, step_size=STEP, library="ak"):
            yield {name: ak.to_numpy(chunk[name]) for name in names}

    kind = "TTree" if isinstance(tree, uproot.TTree) else "RNTuple"
    metadata = FileMetadata.from_json(str(file[METADATA]))
    return _Source(kind, "event format", int(tree.num_entries), names, metadata, chunks)


def _parquet_source(path: Path) -> _Source:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        text = (file.metadata.metadata or {}).get(METADATA.encode())
        metadata = FileMetadata.from_json(text.decode()) if text else None
    except (OSError, ValueError) as error:
        msg = f"{path}: no event file in Parquet ({error}); make or copy it again"
        raise DataError(msg) from error
    names = tuple(name for name in file.schema_arrow.names if name in BRANCH_BY_NAME)
    if metadata is None or not names:
        msg = f"{path}: was not written by na64ana; give files of the event format"
        raise DataError(msg)

    def chunks() -> Iterator[Arrays]:
        for batch in file.iter_batches(STEP, columns=list(names)):
            yield {
                name: np.asarray(
                    batch[name].flatten() if BRANCH_BY_NAME[name].shape else batch[name]
                ).reshape(len(batch), *BRANCH_BY_NAME[name].shape)
                for name in names
            }

    return _Source("Parquet", "event format", file.metadata.num_rows, names, metadata, chunks)


def _foreign_source(
    path: Path, file: uproot.ReadOnlyDirectory, branch_map: BranchMap | None
) -> _Source:
    candidates = [branch_map] if branch_map else list(shipped_maps().values())
    fitting = []
    for candidate in candidates:
        if (tree_name := find_tree(file, candidate)) is None:
            msg = f"{path}: holds no TTree; check that it is an event file"
            raise DataError(msg)
        tree = file[tree_name]
        usable = tuple(n for n in candidate.branches if not foreign_problems(tree, candidate, [n]))
        read = candidate.sources([n for n in usable if candidate.branches[n].sources()])
        fitting.append((len(read), usable, candidate, tree_name))
    score, usable, chosen, tree_name = max(fitting, key=lambda item: item[0])
    tree = file[tree_name]
    problems = foreign_problems(tree, chosen, list(chosen.branches))
    if branch_map is not None and problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        msg = f"{path}: tree {tree_name!r} does not fit {chosen.name}: {problems[0]}{more}"
        raise DataError(msg)
    if score < len(chosen.sources()) / 2:
        msg = (
            f"{path}: tree {tree_name!r} fits neither the event format nor a map "
            f"({', '.join(shipped_maps())}); write a map for it and give it with --map"
        )
        raise DataError(msg)

    def chunks() -> Iterator[Arrays]:
        sources = chosen.sources(usable)
        for chunk in tree.iterate(sources, step_size=STEP, library="ak"):
            arrays = {name: ak.to_numpy(chunk[name]) for name in sources}
            yield {name: convert(chosen, name, arrays.__getitem__, len(chunk)) for name in usable}

    kind = f"TTree {tree_name!r}"
    entries, unfit = int(tree.num_entries), tuple(problems)
    return _Source(kind, chosen.name, entries, usable, None, chunks, unfit)


def _inspect(path: Path, source: _Source, config: Config) -> Inspection:
    gathered = {name: _Range(name) for name in source.names}
    identity: list[Arrays] = []
    for chunk in source.chunks():
        for name, array in chunk.items():
            gathered[name].add(array)
        if set(IDENTITY) <= set(chunk):
            identity.append({name: chunk[name].astype(np.int64) for name in IDENTITY})
    columns = [
        np.concatenate([np.empty(0, np.int64), *(part[name] for part in identity)])
        for name in IDENTITY
    ]
    branches = tuple(part.summary() for part in gathered.values())
    run = columns[0]
    known = [branch.name for branch in BRANCHES]
    return Inspection(
        path=path,
        container=source.container,
        size=path.stat().st_size,
        entries=source.entries,
        layout=source.layout,
        missing=tuple(name for name in known if name not in source.names),
        metadata=source.metadata,
        periods=_periods(run, config),
        runs=(int(run.min()), int(run.max())) if len(run) else (0, 0),
        unfit=source.unfit,
        branches=branches,
        problems=tuple(_problems(source, branches, columns)),
    )


def _periods(run: npt.NDArray[np.int64], config: Config) -> dict[str, int]:
    periods = {
        name: int(((run >= period.runs.first) & (run <= period.runs.last)).sum())
        for name, period in config.periods.items()
    }
    periods["none"] = len(run) - sum(periods.values())
    return {name: count for name, count in periods.items() if count}


def _problems(
    source: _Source,
    branches: tuple[BranchSummary, ...],
    columns: list[npt.NDArray[np.int64]],
) -> Iterator[str]:
    for branch in branches:
        if branch.n_bad:
            yield f"branch {branch.name!r} {BAD_ENERGY} in {branch.n_bad} events"
    place = find_duplicate(columns) if len(columns[0]) else None
    if place is not None:
        run, spill, event = (int(column[place]) for column in columns)
        yield f"run {run}, spill {spill}, event {event} stands there twice"
    if source.metadata is not None and source.metadata.entries != source.entries:
        yield f"{source.entries} of {source.metadata.entries} events are there"


class _Range:
    """Gathers what a branch holds, chunk by chunk."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._low, self._high, self._sum = np.inf, -np.inf, 0.0
        self._n, self._n_nan, self._n_bad = 0, 0, 0
        self._first: list[npt.NDArray[Any]] = []

    def add(self, array: npt.NDArray[Any]) -> None:
        """Take note of the values of a chunk."""
        self._first.extend(array[: N_SHOWN - len(self._first)])
        values = array.reshape(len(array), -1)
        bad = np.isnan(values).any(axis=1) if values.dtype.kind == "f" else np.zeros(1, np.bool_)
        self._n_nan += int(bad.sum())
        self._n_bad += int(find_bad_energies(self._name, array).sum())
        good = values[~np.isnan(values)] if bad.any() else values
        if good.size:
            self._low, self._high = min(self._low, good.min()), max(self._high, good.max())
            self._sum += float(good.sum(dtype=np.float64))
            self._n += good.size

    def summary(self) -> BranchSummary:
        """Return what was gathered."""
        branch = BRANCH_BY_NAME[self._name]
        return BranchSummary(
            name=branch.name,
            dtype=branch.dtype,
            shape=branch.shape,
            unit=branch.unit,
            low=float(self._low),
            high=float(self._high),
            mean=self._sum / self._n if self._n else float("nan"),
            n_nan=self._n_nan,
            n_bad=self._n_bad,
            first=tuple(self._first),
        )
