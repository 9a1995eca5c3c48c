"""The models of datasets.yaml. Quantities are in internal units once loaded."""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from na64ana.config.conditions import Conditions
from na64ana.config.quantities import Energy, Eot, Fraction, Length, Rate, Time
from na64ana.config.selection import Block, Selection
from na64ana.config.sites import Site
from na64ana.errors import ConfigError, did_you_mean

#: Names of periods and groups end up in branch, channel and parameter names.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Family = Literal[
    "exponential",
    "exponential_polynomial",
    "power_law",
    "stretched_exponential",
    "two_exponentials",
]


class RunRange(Block):
    """Run numbers of the DAQ, first and last included."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)


class FileEntry(Block):
    """Event files: a path or pattern, and for a tree of the collaboration its map and EOT."""

    path: str
    map: str | None = None
    eot: Eot | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.map is None) != (self.eot is None):
            msg = "a tree of the collaboration needs both map and eot; a na64ana file neither"
            raise ValueError(msg)
        return self


def _file_entry(value: object) -> object:
    """Accept a bare path."""
    return {"path": value} if isinstance(value, str) else value


class Period(Block):
    """A run period.

    `eot` is the declared number of electrons on target, `efficiency` the overall signal
    efficiency, `e_ecal_max` [GeV] the upper edge of the signal box. `group` says which published
    numbers belong to the period. `files` are its event files; without any, `na64ana limits`
    simulates the period.
    """

    year: int = Field(ge=2015)
    group: Name
    eot: Eot
    runs: RunRange
    selection: Name
    e_ecal_max: Energy
    efficiency: Fraction
    files: tuple[
        Annotated[FileEntry, BeforeValidator(_file_entry, json_schema_input_type=str | FileEntry)],
        ...,
    ] = ()


class BeamComposition(Block):
    """Particles of the beam per electron, and the way [mm] on which their decays hide.

    `error` is the factor of one standard deviation, common to all kinds.
    """

    pion: Fraction
    kaon: Fraction
    muon: Fraction
    error: float = Field(gt=1)
    decay_way: Length


class Background(Block):
    """How the background in the signal box is estimated; energies in GeV.

    Sideband C is fitted from `sideband_c_min`, by default the edge of the box, to `sideband_c_max`.
    `decays` says which number of decays in flight counts; the other is printed beside it.
    """

    sideband_c_min: Energy | None = None
    sideband_c_max: Energy
    likelihood: Literal["binned", "unbinned"] = "binned"
    fit: Literal["group", "period"] = "group"
    bin_width: Annotated[Energy, Field(ge=0.1)]
    families: tuple[Family, ...] = Field(min_length=1)
    n_events_min: int = Field(ge=3)
    decays: Literal["published", "computed"] = "published"
    beam: BeamComposition | None = None


class DarkMatterBlock(Block):
    """What dark photons decay to; `mass_ratio` is m_chi/m_A'."""

    kind: Literal["dirac", "pseudo_dirac", "scalar", "majorana"]
    alpha_d: float = Field(gt=0, le=1)
    #: From 1/2 on an A' decays visibly, and there is nothing to search for here.
    mass_ratio: float = Field(gt=0, lt=0.49)


class Signal(Block):
    """Mass grid [GeV] of the yield calculation, and what dark photons decay to."""

    mass_min: Energy
    mass_max: Energy
    masses_per_decade: int = Field(ge=1, le=1000)
    dark_matter: DarkMatterBlock


class Correlations(Block):
    """Which periods share a nuisance parameter.

    ``all`` periods, those of a published ``group``, or none, each ``period`` having its own.
    Background errors are common to what was fitted together (``fit``), or to nothing.
    """

    signal_yield: Literal["all", "group", "period"] = "all"
    eot: Literal["all", "group", "period"] = "all"
    efficiency: Literal["all", "group", "period"] = "period"
    background: Literal["fit", "period"] = "fit"


class Limits(Block):
    """Confidence level, method of the headline, toys, bins, and relative errors of the signal.

    `e_ecal_edges` [GeV] divide the box into bins of E_ECAL; none, and it is one. `yield_errors`
    are the published sum, or those of `na64ana.signal.uncertainty` by source.
    """

    confidence_level: Fraction
    method: Literal["toys", "marginalised", "asymptotic"] = "toys"
    n_toys: int = Field(default=20_000, ge=100, le=100_000_000)
    seed: int = Field(default=20231017, ge=0)
    e_ecal_edges: tuple[Energy, ...] = ()
    signal_error: Fraction
    yield_error: Fraction
    yield_errors: Literal["published", "computed"] = "published"
    eot_error: Fraction
    correlations: Correlations = Correlations()


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
    """Events per electron on target, by class, that the physics trigger may keep."""

    electro_nuclear: Rate
    dimuon: Rate
    upstream: Rate
    leading_neutral: Rate
    beam_pion: Rate
    beam_kaon: Rate
    beam_muon: Rate
    decay: Rate


class Simulation(Block):
    """Choices of the fast simulation.

    More events of a class than `max_events`, or `max_beam_events` for particles of the beam, are
    prescaled. Windows [ns] are the full read-out windows in which other beam particles are seen;
    `halo` are muons around the beam per electron; `upstream_slope` [GeV].
    """

    max_events: int = Field(ge=1, le=1_000_000)
    max_beam_events: int = Field(ge=1, le=1_000_000)
    upstream_slope: Energy
    window_tracker: Time
    window_ecal: Annotated[Time, Field(gt=0)]
    window_veto: Time
    window_hcal: Time
    halo: Fraction
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
    conditions: Conditions
    simulation: Simulation
    sites: dict[Name, Site] = Field(default_factory=dict)

    def site(self, name: str) -> Site:
        """Return a site.

        Raises
        ------
        ConfigError
            If there is none of this name.
        """
        if name not in self.sites:
            known = ", ".join(self.sites) or "none"
            hint = did_you_mean(name, self.sites)
            msg = f"there is no site {name!r} under sites{hint} Allowed: {known}"
            raise ConfigError(msg)
        return self.sites[name]

    def selection_of(self, period: str) -> Selection:
        """Return the cuts of a period."""
        return self.selections[self.periods[period].selection]

    def only(self, periods: Collection[str]) -> Self:
        """Return the configuration of some periods, in the order of the file.

        Raises
        ------
        ConfigError
            If there is no such period.
        """
        if unknown := [name for name in periods if name not in self.periods]:
            msg = f"there is no period {unknown[0]!r}. Allowed: {', '.join(self.periods)}"
            raise ConfigError(msg)
        kept = {name: one for name, one in self.periods.items() if name in periods}
        return self.model_copy(update={"periods": kept})

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the periods of each group, in the order of the file."""
        groups: dict[str, tuple[str, ...]] = {}
        for name, period in self.periods.items():
            groups[period.group] = (*groups.get(period.group, ()), name)
        return groups
