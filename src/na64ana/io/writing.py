"""Write event files as ROOT TTrees."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import uproot

from na64ana.io.atomic import atomic_path
from na64ana.io.format import METADATA, TREE, FileMetadata, branch_types

#: Bits of the mantissa that are stored. Rounding to them, 0.05 % at most, is far below any
#: resolution here. It makes every block compressible, and only a compressed LZ4 block carries the
#: checksum that finds flipped bits.
MANTISSA_BITS = 10
#: Events per basket: a reader's step is a multiple of it, and smaller ones read slower.
BASKET_SIZE = 50_000


def write_events(
    path: Path,
    events: Mapping[str, npt.NDArray[Any]] | Iterable[Mapping[str, npt.NDArray[Any]]],
    metadata: FileMetadata,
    *,
    truth: bool = True,
    overwrite: bool = False,
) -> None:
    """Write events to a ROOT file, atomically.

    Floats are rounded to `MANTISSA_BITS`.

    Parameters
    ----------
    path : Path
        The file; it appears under this name only when it is complete.
    events : mapping or iterable of mappings
        Arrays by branch name, ``(n,)`` or ``(n, length)``, whole or in chunks. Units as in
        `na64ana.io.format`.
    metadata : FileMetadata
        Stored in the file beside the tree; `entries` must be the number of events.
    truth : bool
        Whether the `_true` branches are written.
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
        # A flipped bit in a zstd block can pass unseen.
        with uproot.recreate(temporary, compression=uproot.LZ4(4)) as file:
            tree = file.mktree(TREE, types)
            entries = 0
            for chunk in chunks:
                arrays = {
                    name: round_mantissa(np.asarray(chunk[name], kind.base))
                    for name, kind in types.items()
                }
                size = len(arrays["event"])
                for start in range(0, size, BASKET_SIZE):
                    part = slice(start, start + BASKET_SIZE)
                    tree.extend({name: array[part] for name, array in arrays.items()})
                entries += size
            file[METADATA] = metadata.to_json()
        if entries != metadata.entries:
            msg = f"{path}: {entries} events written, {metadata.entries} announced"
            raise ValueError(msg)


def round_mantissa(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Round 32 bit floats to `MANTISSA_BITS` bits of mantissa; other types stay as they are.

    Infinities and NaN stay what they are.
    """
    if array.dtype != np.float32:
        return array
    dropped = 23 - MANTISSA_BITS
    bits = np.ascontiguousarray(array).view(np.uint32)
    rounded = (bits + np.uint32(1 << (dropped - 1))) & np.uint32(~((1 << dropped) - 1) % 2**32)
    return np.where(np.isfinite(array), rounded.view(np.float32), array)
