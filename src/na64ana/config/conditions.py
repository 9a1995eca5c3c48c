"""Conditions of the detector as data with validity ranges, so that no code asks for a run number.

A condition is a table: each row holds from its run number on, until that of the next row.
"""

from collections.abc import Sequence
from typing import Annotated, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, model_validator

from na64ana.config.quantities import Energy, Fraction, Intensity, Length
from na64ana.config.selection import Block


class Row(Block):
    """A value that holds from the run `from_run` on; what kind of value, subclasses say."""

    from_run: int = Field(ge=0)


class Cell(Block):
    """A cell of the ECAL, counted from zero, or how many there are along x and y."""

    x: int = Field(ge=0, le=6)
    y: int = Field(ge=0, le=6)


class IntensityRange(Block):
    """Least and largest beam intensity [electrons per spill]."""

    low: Intensity
    high: Intensity

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.high < self.low:
            msg = "high is below low"
            raise ValueError(msg)
        return self


class OnlineTrigger(Block):
    """Thresholds [GeV] of the trigger: shower in the PRS, ECAL below the beam energy."""

    e_prs_min: Energy
    e_ecal_max: Energy


class CellRow(Row):
    """A cell, or a number of cells."""

    value: Cell


class IntensityRow(Row):
    """A range of intensities."""

    value: IntensityRange


class TriggerRow(Row):
    """Thresholds of the trigger."""

    value: OnlineTrigger


class LengthRow(Row):
    """A length [mm]."""

    value: Length


class EnergyRow(Row):
    """An energy [GeV]."""

    value: Energy


class FractionRow(Row):
    """A fraction."""

    value: Fraction


class FactorRow(Row):
    """A factor near one."""

    value: float = Field(gt=0)


_Row = TypeVar("_Row", bound=Row)


def _in_order(rows: tuple[_Row, ...]) -> tuple[_Row, ...]:
    runs = [row.from_run for row in rows]
    if runs != sorted(set(runs)):
        msg = "the rows are not in the order of from_run, or one stands twice"
        raise ValueError(msg)
    return rows


_RULES = (Field(min_length=1), AfterValidator(_in_order))


def row_of(rows: Sequence[Row], run: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """Return which row holds for each run; runs before the first row have the first."""
    first = np.array([row.from_run for row in rows])
    return np.maximum(np.searchsorted(first, run, side="right") - 1, 0)


def row_at(rows: Sequence[_Row], run: int) -> _Row:
    """Return the row that holds for a run."""
    return rows[int(row_of(rows, np.array(run)))]


def values_at(
    rows: Sequence[LengthRow | EnergyRow | FractionRow | FactorRow], run: npt.NDArray[np.integer]
) -> npt.NDArray[np.float32]:
    """Return the numbers ``(n,)`` that hold for the runs ``(n,)``."""
    return np.array([row.value for row in rows], np.float32)[row_of(rows, run)]


class BadSpills(Block):
    """Spills of a run that are not to be used."""

    run: int = Field(ge=0)
    spills: tuple[int, ...] = Field(min_length=1)
    reason: str


def find_bad_spills(
    bad_spills: Sequence[BadSpills],
    run: npt.NDArray[np.integer],
    spill: npt.NDArray[np.integer],
) -> npt.NDArray[np.bool_]:
    """Return which of the spills ``(n,)`` of the runs ``(n,)`` are listed as bad."""
    bad = np.zeros(np.shape(run), np.bool_)
    for entry in bad_spills:
        here = run == entry.run
        if here.any():
            bad |= here & np.isin(spill, entry.spills)
    return bad


class Conditions(Block):
    """What changed between runs.

    `ecal_matrix` counts the cells, `beam_cell` is the one that the beam hits; `hcal_distance` [mm]
    lies between ECAL and HCAL, `hcal_acceptance` is the share of neutrals from upstream
    interactions that hit the HCAL; `intensity` [electrons per spill]; `trigger` thresholds [GeV];
    `threshold_ecal_cell` and `threshold_hcal_cell` [GeV] suppress empty cells; `track_efficiency`
    is that of finding the incoming track; `ecal_scale` is the response of the ECAL relative to its
    calibration.
    """

    ecal_matrix: Annotated[tuple[CellRow, ...], *_RULES]
    beam_cell: Annotated[tuple[CellRow, ...], *_RULES]
    hcal_distance: Annotated[tuple[LengthRow, ...], *_RULES]
    hcal_acceptance: Annotated[tuple[FractionRow, ...], *_RULES]
    intensity: Annotated[tuple[IntensityRow, ...], *_RULES]
    trigger: Annotated[tuple[TriggerRow, ...], *_RULES]
    threshold_ecal_cell: Annotated[tuple[EnergyRow, ...], *_RULES]
    threshold_hcal_cell: Annotated[tuple[EnergyRow, ...], *_RULES]
    track_efficiency: Annotated[tuple[FractionRow, ...], *_RULES]
    ecal_scale: Annotated[tuple[FactorRow, ...], *_RULES]
    bad_spills: tuple[BadSpills, ...] = ()

    def is_bad(
        self, run: npt.NDArray[np.integer], spill: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.bool_]:
        """Return which spills ``(n,)`` of the runs ``(n,)`` are not to be used."""
        return find_bad_spills(self.bad_spills, run, spill)
