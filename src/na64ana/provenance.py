"""Where a result comes from: hashes of its inputs, versions of what made it."""

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

#: Packages whose version can change a number.
PACKAGES = ("na64ana", "awkward", "coffea", "iminuit", "numpy", "pyhf", "scipy", "uproot")


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's bytes as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_bytes(content: bytes) -> str:
    """Return the sha256 of bytes as hexadecimal text."""
    return hashlib.sha256(content).hexdigest()


def sha256_array(array: npt.NDArray[Any]) -> str:
    """Return the sha256 of the numbers in an array as hexadecimal text."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def lineage(*parts: Any) -> str:
    """Return one sha256 for any number of JSON-like parts.

    The parts are written as canonical JSON (sorted keys, no spaces), so that the same content
    gives the same hash in every process; ``hash()`` does not.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def source_digest(paths: Iterable[Path]) -> str:
    """Return one sha256 over the text of source files; folders count with all their ``*.py``."""
    files = sorted(
        file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))
    )
    return lineage([[file.name, sha256_file(file)] for file in files])


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a number."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions
