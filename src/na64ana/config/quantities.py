"""Pydantic types of quantities that are written with their unit."""

from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, Field

from na64ana.units import UNITS, parse_quantity, quantity_pattern


def _reader(dimension: str) -> BeforeValidator:
    """Return what reads a quantity, and tells editors how it is written."""
    written = Field(
        pattern=quantity_pattern(dimension),
        description=f"{dimension}: a number with a unit ({', '.join(UNITS[dimension])})",
    )
    return BeforeValidator(
        partial(parse_quantity, dimension=dimension), json_schema_input_type=Annotated[str, written]
    )


#: Energy [GeV], zero or more.
Energy = Annotated[float, Field(ge=0), _reader("energy")]
#: Angle [rad], zero or more.
Angle = Annotated[float, Field(ge=0), _reader("angle")]
#: Length [mm], zero or more.
Length = Annotated[float, Field(ge=0), _reader("length")]
#: Time [ns], zero or more.
Time = Annotated[float, Field(ge=0), _reader("time")]
#: Electrons on target, more than zero.
Eot = Annotated[float, Field(gt=0), _reader("eot")]
#: Beam intensity [electrons per spill], more than zero.
Intensity = Annotated[float, Field(gt=0), _reader("intensity")]
#: Events per electron on target, zero or more.
Rate = Annotated[float, Field(ge=0), _reader("rate")]
#: Duration of a job or a task [s], more than zero.
Duration = Annotated[float, Field(gt=0), _reader("duration")]
#: Memory or disk [bytes], more than zero.
Memory = Annotated[float, Field(gt=0), _reader("memory")]
#: A number from 0 to 1, written "45 %".
Fraction = Annotated[float, Field(ge=0, le=1), _reader("fraction")]
