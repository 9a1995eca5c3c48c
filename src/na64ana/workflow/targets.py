"""Thermal targets, kept in the cache folder: they depend on no data."""

import json
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

import na64ana
from na64ana.interpretation.relic import HEAVIEST, LIGHTEST, ThermalTarget, compute_target
from na64ana.io.atomic import atomic_path
from na64ana.io.cache import cache_folder
from na64ana.provenance import lineage, source_digest
from na64ana.signal.widths import DarkMatter

#: Masses of chi: 50, equidistant in the logarithm.
MASSES = np.geomspace(LIGHTEST, HEAVIEST, 50)
_ARRAYS = ("m_chi", "y", "estimate", "x_freeze_out", "numerical_error")


def load_target(dark_matter: DarkMatter) -> ThermalTarget:
    """Return the thermal target of a dark matter, from the cache folder or computed now.

    Raises
    ------
    ModelError
        As `compute_target`.
    OutputError
        If the cache folder cannot be written.
    """
    if dark_matter.kind == "pseudo_dirac":  # without a splitting, that of Dirac particles
        return replace(load_target(replace(dark_matter, kind="dirac")), dark_matter=dark_matter)
    identity = lineage(asdict(dark_matter), MASSES.tolist(), _code())
    path = cache_folder() / "targets" / f"{identity[:24]}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["lineage"] == identity:
            arrays = {name: np.array(content[name], float) for name in _ARRAYS}
            return ThermalTarget(dark_matter, content["omega_h2"], **arrays)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # missing or damaged: made again
    target = compute_target(MASSES, dark_matter)
    content = {"lineage": identity, "omega_h2": target.omega_h2}
    content |= {name: getattr(target, name).tolist() for name in _ARRAYS}
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")
    return target


@cache
def _code() -> list[str]:
    """Return digests of all code that decides a target, and versions of its libraries."""
    package = Path(na64ana.__file__).parent
    modules = ("annihilation", "estimates", "freeze_out", "hadrons", "plasma", "relic")
    code = [package / "interpretation" / f"{name}.py" for name in modules]
    code += [package / "signal" / "widths.py", package / "constants.py"]
    data = (package / "data" / "hadronic_r_ratio.yaml").read_text(encoding="utf-8")
    return [source_digest(code), data, *(version(name) for name in ("numpy", "scipy"))]
