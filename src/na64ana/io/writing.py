"""Write event files: ROOT TTrees, RNTuples, or Parquet."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from na64ana.io.atomic import atomic_path
from na64ana.io.format import (
    METADATA,
    SPILL_BRANCHES,
    SPILLS,
    TREE,
    FileMetadata,
    branch_types,
)

#: Bits of the mantissa that are stored. Rounding to them, 0.05 % at most, is far below any
#: resolution here. It makes every block compressible, and only a compressed LZ4 block carries the
#: checksum that finds flipped bits.
MANTISSA_BITS = 10
#: Events per basket: a reader's step is a multiple of it, and smaller ones read slower.
BASKET_SIZE = 50_000

Container = Literal["ttree", "rntuple", "parquet"]
Arrays = Mapping[str, npt.NDArray[Any]]
Types = dict[str, np.dtype[Any]]


class Sink(Protocol):
    """An open file that takes events, and what they are at the end."""

    def extend(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Append events."""

    def finish(self, metadata: FileMetadata, spills: Arrays | None) -> None:
        """Store the metadata, and the list of spills."""


def write_events(
    path: Path,
    events: Arrays | Iterable[Arrays],
    metadata: FileMetadata | Callable[[], FileMetadata],
    *,
    spills: Arrays | Callable[[], Arrays | None] | None = None,
    truth: bool = True,
    container: Container = "ttree",
    overwrite: bool = False,
) -> FileMetadata:
    """Write events to a file, atomically, and return what the file says of itself.

    Floats are rounded to `MANTISSA_BITS`.

    Parameters
    ----------
    path : Path
        The file; it appears under this name only when it is complete.
    events : mapping or iterable of mappings
        Arrays by branch name, ``(n,)`` or ``(n, length)``, whole or in chunks. Units as in
        `na64ana.io.format`.
    metadata : FileMetadata or callable
        Stored in the file beside the events; `entries` must be their number. A callable is asked
        when all events are written.
    spills : mapping, callable or None
        The spills of the file, also those without an event: arrays ``(k,)`` by the names of
        `SPILL_BRANCHES`, in order. Without them the file cannot say what a bad spill takes away.
    truth : bool
        Whether the `_true` branches are written.
    container : str
        ``"ttree"``, which is what na64ana analyses, ``"rntuple"`` or ``"parquet"``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    ValueError
        If the number of events is not `metadata.entries`.
    """
    types = branch_types(truth=truth)
    chunks = [events] if isinstance(events, Mapping) else events
    with atomic_path(path, overwrite=overwrite) as temporary:
        entries = 0
        with _SINKS[container](temporary, types) as sink:
            for basket in _baskets(chunks, types):
                sink.extend(basket)
                entries += len(basket["event"])
            said = metadata() if callable(metadata) else metadata
            sink.finish(said, spills() if callable(spills) else spills)
        if entries != said.entries:
            msg = f"{path}: {entries} events written, {said.entries} announced"
            raise ValueError(msg)
    return said


def _baskets(chunks: Iterable[Arrays], types: Types) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Yield the events in baskets of `BASKET_SIZE`, whatever the size of the chunks."""
    empty = {name: np.empty((BASKET_SIZE, *kind.shape), kind.base) for name, kind in types.items()}
    filled = 0
    for chunk in chunks:
        size, start = len(chunk["event"]), 0
        while start < size:
            n = min(size - start, BASKET_SIZE - filled)
            for name, basket in empty.items():
                basket[filled : filled + n] = chunk[name][start : start + n]
            filled, start = filled + n, start + n
            if filled == BASKET_SIZE:
                yield {name: round_mantissa(basket) for name, basket in empty.items()}
                filled = 0
    if filled:
        yield {name: round_mantissa(basket[:filled]) for name, basket in empty.items()}


class _RootSink:
    """A ROOT file; LZ4, because a flipped bit in a zstd block can pass unseen."""

    def __init__(self, file: uproot.WritableDirectory, types: Types, *, rntuple: bool) -> None:
        self._file, self._make = file, file.mkrntuple if rntuple else file.mktree
        self._tree = self._make(TREE, types)

    def extend(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self._tree.extend(arrays)

    def finish(self, metadata: FileMetadata, spills: Arrays | None) -> None:
        self._file[METADATA] = metadata.to_json()
        if spills is not None:
            types = {branch.name: np.dtype(branch.dtype) for branch in SPILL_BRANCHES}
            arrays = {name: np.asarray(spills[name], kind) for name, kind in types.items()}
            self._make(SPILLS, types).extend(arrays)


@contextmanager
def _open_ttree(path: Path, types: Types) -> Iterator[_RootSink]:
    with uproot.recreate(path, compression=uproot.LZ4(4)) as file:
        yield _RootSink(file, types, rntuple=False)


@contextmanager
def _open_rntuple(path: Path, types: Types) -> Iterator[_RootSink]:
    with uproot.recreate(path, compression=uproot.LZ4(4)) as file:
        yield _RootSink(file, types, rntuple=True)


class _ParquetSink:
    """A Parquet file with lists of fixed length, and the metadata in its footer."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema

    def extend(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        columns = [
            pa.array(array)
            if array.ndim == 1
            else pa.FixedSizeListArray.from_arrays(array.ravel(), array.shape[1])
            for array in arrays.values()
        ]
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def finish(self, metadata: FileMetadata, spills: Arrays | None) -> None:
        del spills  # Parquet is for looking at, not for electrons on target
        self._writer.add_key_value_metadata({METADATA: metadata.to_json()})


@contextmanager
def _open_parquet(path: Path, types: Types) -> Iterator[_ParquetSink]:
    fields = []
    for name, kind in types.items():
        scalar = pa.from_numpy_dtype(kind.base)
        fields.append((name, pa.list_(scalar, kind.shape[0]) if kind.shape else scalar))
    schema = pa.schema(fields)
    options = {"compression": "zstd", "compression_level": 3, "write_page_checksum": True}
    with pq.ParquetWriter(path, schema, **options) as writer:
        yield _ParquetSink(writer, schema)


_SINKS: dict[Container, Callable[[Path, Types], Any]] = {
    "ttree": _open_ttree,
    "rntuple": _open_rntuple,
    "parquet": _open_parquet,
}


def round_mantissa(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Round 32 bit floats to `MANTISSA_BITS` bits of mantissa; other types stay as they are.

    Infinities and NaN stay what they are.
    """
    if array.dtype != np.float32:
        return array
    dropped = 23 - MANTISSA_BITS
    bits = array.view(np.uint32) + np.uint32(1 << (dropped - 1))
    bits &= np.uint32(~((1 << dropped) - 1) % 2**32)
    rounded = bits.view(np.float32)
    if not np.isfinite(array).all():
        rounded = np.where(np.isfinite(array), rounded, array)
    return rounded
