"""What is installed here: versions, folders, extras, cores."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from na64ana.config.shipped import shipped_path
from na64ana.io.cache import cache_folder
from na64ana.provenance import package_versions

#: What each extra of the package brings, as modules.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "cluster": ("dask_jobqueue", "distributed"),
    "xrootd": ("fsspec_xrootd", "XRootD"),
}


@dataclass(frozen=True)
class Installation:
    """What is installed here.

    Attributes
    ----------
    versions : dict of str to str
        Of Python and of the packages that can change a number.
    python : Path
        The interpreter.
    config : Path
        The shipped datasets.yaml.
    processors : dict of str to Path
        The shipped processors.
    cache : Path
        The cache folder; it need not exist yet.
    cache_files, cache_bytes : int
        What is in it.
    extras : dict of str to bool
        Which extras can be used.
    cores : int
        Processors that this process may use.
    """

    versions: dict[str, str]
    python: Path
    config: Path
    processors: dict[str, Path]
    cache: Path
    cache_files: int
    cache_bytes: int
    extras: dict[str, bool]
    cores: int


def find_installation() -> Installation:
    """Look what is installed here."""
    cache = cache_folder()
    sizes = [path.lstat().st_size for path in cache.rglob("*") if path.is_file()]
    return Installation(
        versions=package_versions(),
        python=Path(sys.executable),
        config=shipped_path("datasets.yaml"),
        processors={path.stem: path for path in sorted(shipped_path("processors").glob("*.py"))},
        cache=cache,
        cache_files=len(sizes),
        cache_bytes=sum(sizes),
        extras={
            name: all(importlib.util.find_spec(module) is not None for module in modules)
            for name, modules in EXTRAS.items()
        },
        cores=len(os.sched_getaffinity(0)),
    )
