"""What `na64ana limits` leaves behind for later steps: limits.json and workspace.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from na64ana.errors import DataError, LimitError
from na64ana.interpretation.acceptance import Acceptance
from na64ana.signal.response import CHANNELS, Response
from na64ana.signal.widths import DarkMatter
from na64ana.stats import names
from na64ana.stats.check import load_workspace, read_model
from na64ana.stats.curve import LimitCurve
from na64ana.stats.model import CountingModel, EventLimit
from na64ana.workflow.limits import LimitsResult
from na64ana.workflow.limits_files import LIMITS

WORKSPACE = "workspace.json"
FORMAT = 1
#: A file of a thousand masses has 1 MB.
_SIZE_MAX = 100_000_000


@dataclass(frozen=True, eq=False)
class StoredLimits:
    """A limit with all that another model needs.

    Attributes
    ----------
    curve : LimitCurve
        The headline.
    dark_matter : DarkMatter
        What the dark photon decays to in it.
    model : CountingModel
        Backgrounds, errors, observed events; its signal is that of one mass.
    acceptances : mapping of str to Acceptance
        By period.
    box : str
        Whether the box was opened, and why.
    lineage : str
        Of the manifest beside it.
    """

    curve: LimitCurve
    dark_matter: DarkMatter
    model: CountingModel
    acceptances: Mapping[str, Acceptance]
    box: str
    lineage: str

    @property
    def eot(self) -> float:
        """Electrons on target of all periods."""
        return sum(one.eot for one in self.acceptances.values())


def as_stored(result: LimitsResult) -> StoredLimits:
    """Return a limit just computed as if it had been stored; it has no lineage."""
    return StoredLimits(
        curve=result.curve,
        dark_matter=result.yields.model.dark_matter,
        model=result.models[0],
        acceptances=result.acceptances,
        box=result.box,
        lineage="",
    )


def describe_limits(result: LimitsResult, lineage: str) -> dict[str, Any]:
    """Return the content of limits.json."""
    curve = result.curve
    return {
        "format": FORMAT,
        "lineage": lineage,
        "box": result.box,
        "method": curve.method,
        "confidence_level": curve.confidence_level,
        "dark_matter": asdict(result.yields.model.dark_matter),
        "m_ap_GeV": curve.masses.tolist(),
        "epsilon_0": curve.epsilon_0.tolist(),
        "event_limits": [
            {
                name: getattr(limit, name)
                for name in ("observed", "expected", "error", "n_toys", "seed")
            }
            for limit in curve.event_limits
        ],
        "periods": {name: _describe(one) for name, one in result.acceptances.items()},
    }


def load_limits(folder: Path) -> StoredLimits:
    """Read the result of `na64ana limits` from its folder.

    Raises
    ------
    DataError
        If a file is missing, damaged, or not of this version.
    """
    content = _read(folder / LIMITS)
    try:
        model = read_model(load_workspace(folder / WORKSPACE))
    except LimitError as error:
        raise DataError(str(error)) from error
    try:
        stored = _stored(content, model)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{folder / LIMITS}: damaged ({type(error).__name__}: {error}); run 'limits' again"
        raise DataError(msg) from error
    wanted = [names.channel(period) for period in stored.acceptances]
    if wanted != list(dict.fromkeys(channel.name for channel in model.channels)):
        msg = f"{folder}: {LIMITS} and {WORKSPACE} are not of one run; run 'limits' again"
        raise DataError(msg)
    return stored


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _SIZE_MAX:
            msg = f"{path}: is larger than {_SIZE_MAX // 1_000_000} MB, and no result of 'limits'"
            raise DataError(msg)
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        msg = f"{path}: no such file; give the folder that 'na64ana limits --output' wrote"
        raise DataError(msg) from error
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path}: cannot be read ({error}); run 'limits' again"
        raise DataError(msg) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        msg = f"{path}: not format {FORMAT} of na64ana's limits; run 'limits' again"
        raise DataError(msg)
    return content


def _stored(content: dict[str, Any], model: CountingModel) -> StoredLimits:
    limits = tuple(
        EventLimit(
            method=content["method"],
            confidence_level=content["confidence_level"],
            **{**one, "expected": None if one["expected"] is None else tuple(one["expected"])},
        )
        for one in content["event_limits"]
    )
    masses = np.array(content["m_ap_GeV"], float)
    curve = LimitCurve(
        method=content["method"],
        confidence_level=content["confidence_level"],
        masses=masses,
        epsilon_0=np.array(content["epsilon_0"], float),
        event_limits=limits,
    )
    acceptances = {name: _acceptance(one) for name, one in content["periods"].items()}
    sizes = {len(limits), len(curve.epsilon_0)}
    sizes |= {len(e) for one in acceptances.values() for e in one.efficiency.values()}
    if sizes != {len(masses)}:
        msg = f"lists of {sorted(sizes)} entries for {len(masses)} masses"
        raise ValueError(msg)
    return StoredLimits(
        curve=curve,
        dark_matter=DarkMatter(**content["dark_matter"]),
        model=model.without_counts() if content["box"] == "closed" else model,
        acceptances=acceptances,
        box=content["box"],
        lineage=content["lineage"],
    )


def _describe(one: Acceptance) -> dict[str, Any]:
    response = one.response
    return {
        "eot": one.eot,
        "e_ecal_edges_GeV": one.edges.tolist(),
        "efficiency": {name: values.tolist() for name, values in one.efficiency.items()},
        "trigger_GeV": None
        if response is None
        else {"e_prs_min": response.e_prs_min, "e_ecal_max": response.e_ecal_max},
    }


def _acceptance(content: dict[str, Any]) -> Acceptance:
    trigger = content["trigger_GeV"]
    return Acceptance(
        eot=float(content["eot"]),
        edges=np.array(content["e_ecal_edges_GeV"], float),
        efficiency={name: np.array(content["efficiency"][name], float) for name in CHANNELS},
        response=None if trigger is None else Response(**trigger),
    )
