"""What `na64ana limits` wrote into a folder, read again and checked."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.background.table import BackgroundRow, BackgroundTable, Estimate
from na64ana.errors import DataError
from na64ana.provenance import sha256_bytes
from na64ana.workflow.limits_files import FILES, MANIFEST

Floats = npt.NDArray[np.float64]
#: What a manifest says, whatever it was made from.
_KEYS = (
    *("lineage", "box", "periods", "confidence_level", "methods", "signal", "background"),
    *("versions", "outputs", "inputs", "parameters"),
)


@dataclass(frozen=True, eq=False)
class LimitsFolder:
    """The files of a limit, each of them what its manifest describes.

    Attributes
    ----------
    path : Path
    manifest : dict
    files : dict of str to bytes
        By name; without the manifest.
    """

    path: Path
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def closed(self) -> bool:
        """Whether the signal box is closed."""
        return bool(self.manifest["box"] == "closed")

    @property
    def periods(self) -> tuple[str, ...]:
        """The periods, in order."""
        return tuple(self.manifest["periods"])

    @property
    def eot(self) -> dict[str, float]:
        """Electrons on target by period: those that were read, if there are files."""
        return {
            name: float(one.get("exposure", one)["eot"])
            for name, one in self.manifest["periods"].items()
        }

    @property
    def method(self) -> str:
        """The method of the headline."""
        return str(self.manifest["methods"]["headline"])

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods, that of the headline first."""
        return (self.method, *self.manifest["methods"]["beside"])

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a CSV file."""
        return list(csv.DictReader(io.StringIO(self.files[name].decode())))

    def column(self, name: str, column: str) -> Floats | None:
        """Return a column ``(n,)`` of a CSV file; None if it is missing or has gaps."""
        values = [row.get(column, "") for row in self.rows(name)]
        return np.array(values, float) if all(values) and values else None

    @cached_property
    def masses(self) -> Floats:
        """Masses of the A' ``(n,)`` [GeV]."""
        return np.array([float(row["m_ap_GeV"]) for row in self.rows("limits.csv")])

    @cached_property
    def reference(self) -> int:
        """Which mass the workspace, the parameters and the combinations are of."""
        mass = self.manifest["signal"]["workspace_m_ap_GeV"]
        return int(np.argmin(np.abs(np.log(self.masses / mass))))

    @cached_property
    def background(self) -> BackgroundTable:
        """The rows of the background that count."""
        return _background(self.manifest["background"])

    @cached_property
    def compared(self) -> BackgroundTable:
        """Other numbers of the same sources, which do not count."""
        return _background(self.manifest.get("background_not_counted", []))

    def limit(self, what: str, method: str | None = None) -> Floats | None:
        """Return a curve ``(n,)`` of limits on epsilon, of a method; None while it is closed.

        Parameters
        ----------
        what : str
            ``observed``, or ``expected_`` with ``minus2`` to ``plus2``, or ``median``.
        method : str or None
            None takes that of the headline.
        """
        return self.column("limits.csv", f"epsilon_{what}_{method or self.method}")


def _background(rows: list[dict[str, Any]]) -> BackgroundTable:
    return BackgroundTable(
        tuple(
            BackgroundRow(
                period=row["period"],
                source=row["source"],
                estimate=Estimate(
                    events=row["events"],
                    factors=(row["factors"][0], row["factors"][1]),
                    method=row["method"],
                    inputs=row["inputs"],
                    upper_limit=row["upper_limit"],
                ),
                scope=row["scope"],
            )
            for row in rows
        )
    )


def read_limits(path: Path) -> LimitsFolder:
    """Read a folder of `na64ana limits`.

    Raises
    ------
    DataError
        If it is none, or a file is missing or another one than the manifest describes.
    """
    manifest = _manifest(path)
    outputs = manifest["outputs"]
    wanted = {name for name in FILES if name != MANIFEST} - set(outputs)
    if wanted or any(Path(name).name != name for name in outputs):
        msg = f"{path / MANIFEST}: its list of files is damaged; run 'na64ana limits' again"
        raise DataError(msg)
    files = {}
    for name, digest in outputs.items():
        try:
            files[name] = (path / name).read_bytes()
        except OSError as error:
            msg = (
                f"{path / name}: cannot be read ({error.strerror}), but belongs to the limit; run "
                "'na64ana limits' again"
            )
            raise DataError(msg) from error
        if sha256_bytes(files[name]) != digest:
            msg = (
                f"{path / name}: is not what {MANIFEST} describes, it was changed or is of another "
                "run; run 'na64ana limits' again"
            )
            raise DataError(msg)
    return LimitsFolder(path, manifest, files)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    hint = "give a folder of 'na64ana limits --output'"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{folder}: holds no {MANIFEST} ({error.strerror}); {hint}"
        raise DataError(msg) from error
    except ValueError as error:
        msg = f"{path}: is no JSON ({error}); {hint}"
        raise DataError(msg) from error
    missing = [key for key in _KEYS if not isinstance(content, dict) or key not in content]
    if missing:
        msg = f"{path}: says nothing of {missing[0]}, is of another command or version; {hint}"
        raise DataError(msg)
    if not isinstance(content["outputs"], dict):
        msg = f"{path}: its list of files is damaged; {hint}"
        raise DataError(msg)
    return dict(content)
