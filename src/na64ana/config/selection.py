"""Parameters of the cuts, named `<observable>_min` and `<observable>_max`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from na64ana.config.observables import DIMENSIONS, OBSERVABLES
from na64ana.config.quantities import Angle, Energy, Fraction, Time
from na64ana.errors import did_you_mean
from na64ana.units import parse_quantity


class Block(BaseModel):
    """A block of the configuration: immutable, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _check_windows(self) -> Self:
        """Refuse a window `<observable>_min` to `<observable>_max` that keeps nothing."""
        known = type(self).model_fields
        for name in [name for name in known if name.endswith("_min")]:
            upper = name.removesuffix("_min") + "_max"
            if upper not in known or getattr(self, name) is None:
                continue
            if not getattr(self, name) < getattr(self, upper):
                msg = f"{name} is not below {upper}"
                raise ValueError(msg)
        return self


class Trigger(Block):
    """Physics trigger, repeated on the reconstructed energies [GeV]."""

    e_prs_min: Energy
    e_ecal_max: Energy


class InTime(Block):
    """Shower in time with the trigger: mean time [ns] of the ECAL, either way."""

    t_ecal_max: Time


class SingleTrack(Block):
    """One incoming track: momentum [GeV], angle [rad]."""

    p_track_min: Energy
    p_track_max: Energy
    theta_in_max: Angle


class NoMultipleHits(Block):
    """Hits in each of ST3 and ST4, behind the magnets."""

    n_st_max: int = Field(ge=1)


class SrdElectron(Block):
    """Synchrotron radiation: energy sum and per module [GeV], time [ns] around the trigger.

    Every module must see more than `e_srd_module_min`, and at most one more than
    `e_srd_module_max`.
    """

    e_srd_min: Energy
    e_srd_max: Energy
    e_srd_module_min: Energy
    e_srd_module_max: Energy
    t_srd_max: Time


class ImpactCell(Block):
    """How many cells the shower may lie from the beam cell, in x and in y."""

    distance_max: int = Field(ge=0, le=5)


class PrsShower(Block):
    """A shower that begins in the preshower: its energy [GeV] there."""

    e_prs_min: Energy


class ShowerShape(Block):
    """Longitudinal and lateral shape of the shower.

    `f_prs` is the share of the preshower, `r_ecal` that outside 3x3 cells, `chi2_shower` compares
    with the mean electron shower.
    """

    f_prs_min: Fraction
    f_prs_max: Fraction
    r_ecal_max: Fraction
    chi2_shower_max: float = Field(gt=0)


class VetoQuiet(Block):
    """No charged particle behind the ECAL: energy [GeV] of the largest VETO panel."""

    e_veto_max: Energy


class HcalQuiet(Block):
    """No energy [GeV] in the HCAL modules 0 to 2."""

    e_hcal_max: Energy


class ZeroDegreeQuiet(Block):
    """No neutral energy [GeV] at zero degrees, in HCAL module 3."""

    e_hcal_max: Energy


class HcalTopology(Block):
    """Energy around the axis: share outside the central cells, where the HCAL is not quiet."""

    r_hcal_max: Fraction


class Dimuon(Block):
    """Pairs of muons, the reference process: two particles in VETO and HCAL along the axis.

    Energy [GeV] of the largest VETO panel, of each HCAL module 0 and 1, and the share of HCAL
    energy outside the central cells.
    """

    e_veto_min: Energy
    e_hcal_module_min: Energy
    e_hcal_module_max: Energy
    r_hcal_max: Fraction


class Muon(Block):
    """Single muons of the beam, which tell how rarely VETO and HCAL miss one.

    Energy [GeV] in the ECAL, and in each HCAL module.
    """

    e_ecal_max: Energy
    e_hcal_module_min: Energy
    e_hcal_module_max: Energy


class FullEnergy(Block):
    """Electrons of the beam that leave all their energy [GeV] in the ECAL."""

    e_ecal_min: Energy
    e_ecal_max: Energy


#: Written with a unit where the observable has one; `ObservableWindow` looks which.
Edge = Annotated[float, WithJsonSchema({"type": ["string", "number"]})]


class ObservableWindow(Block):
    """A cut of the user: an observable between `min` and `max`, both excluded.

    Either may be missing. Values carry their unit, where the observable has one.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    observable: str
    min: Edge | None = None
    max: Edge | None = None
    reason: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _with_units(cls, given: Any) -> Any:
        """Convert the edges to the unit of the observable."""
        if not isinstance(given, dict) or not isinstance(given.get("observable"), str):
            return given
        known = OBSERVABLES.get(given["observable"])
        if known is None:
            hint = did_you_mean(given["observable"], OBSERVABLES)
            msg = (
                f"unknown observable {given['observable']!r}{hint} Known: {', '.join(OBSERVABLES)}"
            )
            raise ValueError(msg)
        dimension = DIMENSIONS.get(known.unit)
        edges = {key: given[key] for key in ("min", "max") if given.get(key) is not None}
        if not edges:
            msg = "give min, max or both"
            raise ValueError(msg)
        if dimension is not None:
            edges = {
                key: value if isinstance(value, float) else parse_quantity(value, dimension)
                for key, value in edges.items()
            }
        return given | edges

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if self.min is not None and self.max is not None and not self.min < self.max:
            msg = "min is not below max"
            raise ValueError(msg)
        if self.name in {"events", *CUT_ORDER}:
            msg = f"the name {self.name!r} is taken; choose another"
            raise ValueError(msg)
        return self


class Selection(Block):
    """A set of cuts; a block that is missing or null is a cut that is not made.

    `energies_from` says where energies and shower shapes come from: the ``cells``, with the shower
    template of the calibration, or the ``scalars`` that stand beside them in the file. `windows`
    are further cuts, on any observable. `dimuon` and `calibration` select the two control samples,
    together with the cuts that concern the incoming electron and its shower.
    """

    energies_from: Literal["cells", "scalars"] = "cells"
    trigger: Trigger
    in_time: InTime | None = None
    single_track: SingleTrack | None = None
    no_multiple_hits: NoMultipleHits | None = None
    srd_electron: SrdElectron | None = None
    prs_shower: PrsShower | None = None
    veto_quiet: VetoQuiet | None = None
    zero_degree_quiet: ZeroDegreeQuiet | None = None
    hcal_topology: HcalTopology | None = None
    impact_cell: ImpactCell | None = None
    shower_shape: ShowerShape | None = None
    hcal_quiet: HcalQuiet
    windows: tuple[ObservableWindow, ...] = ()
    dimuon: Dimuon
    muon: Muon | None = None
    calibration: FullEnergy

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [window.name for window in self.windows]
        if twice := [name for name in names if names.count(name) > 1]:
            msg = f"windows: the name {twice[0]!r} stands twice"
            raise ValueError(msg)
        return self


#: The cuts in the order in which they are applied: those that need the single cells of the ECAL
#: late, when few events are left. The last two make the signal box.
CUT_ORDER = (
    "trigger",
    "clean_spill",
    "in_time",
    "single_track",
    "no_multiple_hits",
    "srd_electron",
    "prs_shower",
    "veto_quiet",
    "zero_degree_quiet",
    "hcal_topology",
    "impact_cell",
    "shower_shape",
    "hcal_quiet",
    "missing_energy",
)
