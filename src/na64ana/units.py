"""Units at the door: configuration writes them, the code inside has GeV, mm, ns, radian."""

import math
import re

#: Factor from each unit to the internal one (GeV, mm, ns, radian; counts and fractions are bare;
#: durations of jobs are in s, memory in bytes).
UNITS: dict[str, dict[str, float]] = {
    "energy": {"keV": 1e-6, "MeV": 1e-3, "GeV": 1.0, "TeV": 1e3},
    "length": {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3},
    "time": {"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9},
    "angle": {"urad": 1e-6, "mrad": 1e-3, "rad": 1.0, "deg": math.pi / 180.0},
    "eot": {"EOT": 1.0},
    "intensity": {"EOT/spill": 1.0},
    "rate": {"/EOT": 1.0},
    "fraction": {"%": 0.01},
    "duration": {"s": 1.0, "min": 60.0, "h": 3600.0},
    "memory": {"MB": 1e6, "GB": 1e9, "TB": 1e12},
}

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(\S*)\s*")


def quantity_pattern(dimension: str) -> str:
    """Return a regular expression, anchored, of all that `parse_quantity` takes."""
    return rf"^\s*{_NUMBER}\s*(?:{'|'.join(map(re.escape, UNITS[dimension]))})\s*$"


def parse_quantity(text: object, dimension: str) -> float:
    """Convert a written quantity to internal units.

    Parameters
    ----------
    text : object
        What the configuration holds, for example ``"50 GeV"``, ``"3 mrad"`` or ``"45 %"``. A bare
        number is refused.
    dimension : str
        A key of `UNITS`.

    Returns
    -------
    float
        The value in GeV, mm, ns, radian (durations of jobs in s, memory in bytes), or a bare number
        for counts and fractions.

    Raises
    ------
    ValueError
        If the text is no number with a unit of this dimension; the message lists the units.

    Examples
    --------
    >>> from na64ana.units import parse_quantity
    >>> parse_quantity("20 MeV", "energy")
    0.02
    >>> parse_quantity("45 %", "fraction")
    0.45
    """
    units = UNITS[dimension]
    match = _QUANTITY.fullmatch(str(text))
    allowed = " or ".join(units) if len(units) < 3 else ", ".join(units)
    if match is None or isinstance(text, bool):
        msg = f"{text!r} is no quantity; write a number and a unit ({allowed})"
        raise ValueError(msg)
    number, unit = match.groups()
    if not unit:
        msg = f"{text!r} has no unit; allowed: {allowed}"
        raise ValueError(msg)
    if unit not in units:
        msg = f"{text!r} has the unit {unit!r}; allowed: {allowed}"
        raise ValueError(msg)
    return float(number) * units[unit]
