"""Columns of HEPData's tables, and what is said of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from na64ana.constants import BEAM_ENERGY
from na64ana.workflow.limits_folder import LimitsFolder

Column = dict[str, Any]
#: How HEPData writes the reaction, and the momentum of the beam on a target at rest.
REACTION = "E- NUCLEUS --> E- NUCLEUS APRIME(--> INVISIBLE)"
_BEAM = {"name": "PLAB", "units": "GEV", "value": BEAM_ENERGY}
#: What stands where there is no number.
NONE = "-"


@dataclass(frozen=True)
class HepTable:
    """A table: `independent` and `dependent` are columns in the form of HEPData."""

    name: str
    file: str
    description: str
    independent: Sequence[Column]
    dependent: Sequence[Column]
    observables: Sequence[str] = field(default=())


def number(value: float) -> float | str:
    """Return a number with six digits; a dash for what is none."""
    return float(f"{value:.6g}") if np.isfinite(value) else NONE


def variable(name: str, units: str, values: Iterable[Any]) -> Column:
    """Return an independent variable."""
    header = {"name": name, "units": units} if units else {"name": name}
    return {"header": header, "values": [{"value": value} for value in values]}


def dependent(
    name: str,
    units: str,
    values: Iterable[dict[str, Any]],
    about: Sequence[Mapping[str, Any]] = (),
) -> Column:
    """Return a dependent variable; `about` are qualifiers beside reaction and beam."""
    header = {"name": name, "units": units} if units else {"name": name}
    qualifiers = [{"name": "RE", "value": REACTION}, dict(_BEAM), *(dict(one) for one in about)]
    return {"header": header, "qualifiers": qualifiers, "values": list(values)}


def with_band(value: float, low: float, high: float, label: str) -> dict[str, Any]:
    """Return a value and its interval; without the interval where that has no end."""
    cell: dict[str, Any] = {"value": number(value)}
    if np.isfinite([value, low, high]).all():
        cell["errors"] = [band(value, low, high, label)]
    return cell


def band(value: float, low: float, high: float, label: str) -> dict[str, Any]:
    """Return an asymmetric error by the ends of its interval."""
    # numbers of six digits may have crossed by one in the last
    minus, plus = min(low - value, 0.0), max(high - value, 0.0)
    return {"asymerror": {"minus": number(minus), "plus": number(plus)}, "label": label}


def mass_column(folder: LimitsFolder) -> Column:
    """Return the masses of the A'."""
    return variable("$m_{A'}$", "GEV", (number(mass) for mass in folder.masses))


def about_all(folder: LimitsFolder) -> list[dict[str, Any]]:
    """Return what is said of all numbers that belong to all periods."""
    eot = sum(folder.eot.values())
    return [
        {"name": "Electrons on target", "value": number(eot)},
        {"name": "Periods", "value": " ".join(folder.periods)},
        {"name": "Signal box", "value": str(folder.manifest["box"])},
    ]


def about_level(folder: LimitsFolder) -> dict[str, Any]:
    """Return the confidence level."""
    return {"name": "CL", "units": "%", "value": number(100 * folder.manifest["confidence_level"])}


def about_period(folder: LimitsFolder, period: str) -> list[dict[str, Any]]:
    """Return what is said of the numbers of one period."""
    return [
        {"name": "Periods", "value": period},
        {"name": "Electrons on target", "value": number(folder.eot[period])},
    ]
