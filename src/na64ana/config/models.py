"""The models of datasets.yaml. Quantities are in internal units once loaded."""

from typing import Annotated, Literal

from pydantic import Field

from na64ana.config.quantities import Energy, Eot, Fraction, Intensity, Rate, Time
from na64ana.config.selection import Block, Selection

#: Names of periods and groups end up in branch, channel and parameter names.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Family = Literal["exponential", "stretched_exponential", "power_law"]


class RunRange(Block):
    """Run numbers of the DAQ, first and last included."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)


class Period(Block):
    """A run period.

    `eot` is the declared number of electrons on target, `efficiency` the overall signal
    efficiency, `e_ecal_max` [GeV] the upper edge of the signal box, `intensity` the electrons per
    spill. `group` says which published numbers belong to the period. `files` are its event files;
    without any, `na64ana limits` simulates the period.
    """

    year: int = Field(ge=2015)
    group: Name
    eot: Eot
    runs: RunRange
    selection: Name
    e_ecal_max: Energy
    efficiency: Fraction
    intensity: Intensity
    files: tuple[str, ...] = ()


class Background(Block):
    """How sideband C is extrapolated into the signal box; energies in GeV."""

    sideband_c_max: Energy
    bin_width: Annotated[Energy, Field(ge=0.1)]
    families: tuple[Family, ...] = Field(min_length=1)
    n_events_min: int = Field(ge=3)


class Signal(Block):
    """Mass grid [GeV] of the yield calculation."""

    mass_min: Energy
    mass_max: Energy
    masses_per_decade: int = Field(ge=1, le=1000)


class Limits(Block):
    """Confidence level and relative errors of the signal."""

    confidence_level: Fraction
    signal_error: Fraction
    yield_error: Fraction
    eot_error: Fraction


class PublishedBackground(Block):
    """Expected events in the signal boxes of a group of periods, with the published error."""

    events: float = Field(gt=0)
    error: float = Field(ge=0)


class PublishedGroup(Block):
    """What the papers print for a group of periods, of `eot`; background sources by name."""

    eot: Eot
    observed: int = Field(ge=0)
    backgrounds: dict[Name, PublishedBackground]


class ClassRates(Block):
    """Triggered events per electron on target, by class."""

    electro_nuclear: Rate
    dimuon: Rate
    upstream: Rate


class Simulation(Block):
    """Choices of the fast simulation."""

    max_events: int = Field(ge=1, le=10_000_000)
    calibration_events: int = Field(ge=0, le=10_000_000)
    upstream_slope: Energy
    pileup_window_veto: Time
    pileup_window_hcal: Time
    rates: dict[Name, ClassRates]


class Config(Block):
    """The whole of datasets.yaml."""

    format: Literal[1]
    periods: dict[Name, Period] = Field(min_length=1)
    selections: dict[Name, Selection]
    background: Background
    signal: Signal
    limits: Limits
    published: dict[Name, PublishedGroup]
    simulation: Simulation

    def selection_of(self, period: str) -> Selection:
        """Return the cuts of a period."""
        return self.selections[self.periods[period].selection]

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the periods of each group, in the order of the file."""
        groups: dict[str, tuple[str, ...]] = {}
        for name, period in self.periods.items():
            groups[period.group] = (*groups.get(period.group, ()), name)
        return groups
