"""Tallies as one zip file that other tools open.

Histograms stand in it as ``PERIOD/NAME.json`` with arrays beside them, the zip format of
`uhi.io.zip`, which hist and boost-histogram read; survivors as ``PERIOD/survivors.parquet``.
"""

import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uhi.io.zip

from na64ana.errors import DataError
from na64ana.io.atomic import atomic_path
from na64ana.io.chunk import ChunkRead
from na64ana.tally.tally import Table, Tally

#: Version of the layout.
FORMAT = 1
#: Most bytes that a result may unpack to.
SIZE_MAX = 2_000_000_000
_ABOUT = "about.json"
#: What zipfile, json, numpy, pyarrow and hist raise over damaged bytes.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, IndexError, OSError),
    *(EOFError, RuntimeError, AttributeError),  # NotImplementedError is a RuntimeError
    *(SyntaxError, tokenize.TokenError, MemoryError),  # of headers of arrays
)


def write_tallies(
    path: Path,
    tallies: Mapping[str, Tally],
    about: Mapping[str, Any],
    *,
    overwrite: bool = False,
    compress: bool = True,
) -> None:
    """Write tallies by period to a zip file, atomically.

    Parameters
    ----------
    path : Path
    tallies : mapping of str to Tally
    about : mapping
        Where the tallies come from, as JSON-like content.
    overwrite : bool
        Whether an existing file may be replaced.
    compress : bool
        Off for files that live shortly.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        zipfile.ZipFile(temporary, "w", method) as archive,
    ):
        periods = {period: _describe(tally) for period, tally in tallies.items()}
        content = {"format": FORMAT, "about": about, "periods": periods}
        archive.writestr(_ABOUT, json.dumps(content, indent=1))
        for period, tally in tallies.items():
            for name, histogram in tally.histograms.items():
                uhi.io.zip.write(archive, f"{period}/{name}", histogram)
            if tally.survivors:
                buffer = io.BytesIO()
                pq.write_table(pa.table(tally.survivors), buffer)
                archive.writestr(f"{period}/survivors.parquet", buffer.getvalue())
            spills = [read.spills for read in tally.reads]
            with archive.open(f"{period}/spills.npy", "w") as file:
                np.save(file, np.concatenate([np.empty((0, 5), np.int64), *spills]))


def read_tallies(path: Path) -> tuple[dict[str, Tally], dict[str, Any]]:
    """Return the tallies by period, and what the file says of their origin.

    Raises
    ------
    DataError
        If the file is missing, damaged, or no result of `write_tallies`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > SIZE_MAX:
                msg = f"it unpacks to more than {SIZE_MAX // 1_000_000} MB"
                raise ValueError(msg)
            content = json.loads(archive.read(_ABOUT))
            if content["format"] != FORMAT:
                msg = f"format {content['format']}, this na64ana reads {FORMAT}"
                raise ValueError(msg)
            tallies = {
                period: _read(archive, period, said) for period, said in content["periods"].items()
            }
    except FileNotFoundError as error:
        msg = f"{path}: no such file; check the path"
        raise DataError(msg) from error
    except _DAMAGED as error:
        msg = f"{path}: is no result of na64ana process, or damaged ({error}); make it again"
        raise DataError(msg) from error
    return tallies, content["about"]


def _describe(tally: Tally) -> dict[str, Any]:
    return {
        "blinded": tally.blinded,
        "not_a_number": tally.not_a_number,
        "histograms": list(tally.histograms),
        "reads": [[read.uuid, read.start, read.stop, len(read.spills)] for read in tally.reads],
    }


def _read(archive: zipfile.ZipFile, period: str, said: dict[str, Any]) -> Tally:
    survivors: Table = {}
    if f"{period}/survivors.parquet" in archive.namelist():
        table = pq.read_table(io.BytesIO(archive.read(f"{period}/survivors.parquet")))
        columns = {name: table[name].to_numpy() for name in table.column_names}
        survivors = {
            name: array.astype(np.str_) if array.dtype.kind == "O" else array
            for name, array in columns.items()
        }
    spills = np.load(io.BytesIO(archive.read(f"{period}/spills.npy")))
    ends = np.cumsum([n for *_, n in said["reads"]], dtype=np.int64)
    parts = np.split(spills, ends[:-1]) if len(ends) else []
    return Tally(
        blinded=said["blinded"],
        histograms={
            name: hist.Hist(uhi.io.zip.read(archive, f"{period}/{name}"))
            for name in said["histograms"]
        },
        survivors=survivors,
        not_a_number=said["not_a_number"],
        reads=tuple(
            ChunkRead(uuid, start, stop, part)
            for (uuid, start, stop, _), part in zip(said["reads"], parts, strict=True)
        ),
    )
