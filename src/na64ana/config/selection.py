"""Parameters of the cuts, named `<observable>_min` and `<observable>_max`."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from na64ana.config.quantities import Angle, Energy, Fraction, Time


class Block(BaseModel):
    """A block of the configuration: immutable, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _check_windows(self) -> Self:
        """Refuse a window `<observable>_min` to `<observable>_max` that keeps nothing."""
        known = type(self).model_fields
        for name in [name for name in known if name.endswith("_min")]:
            upper = name.removesuffix("_min") + "_max"
            if upper in known and not getattr(self, name) < getattr(self, upper):
                msg = f"{name} is not below {upper}"
                raise ValueError(msg)
        return self


class Trigger(Block):
    """Physics trigger, repeated on the reconstructed energies [GeV]."""

    e_prs_min: Energy
    e_ecal_max: Energy


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


class ShowerShape(Block):
    """Chi2 against the mean electron profile, and energy outside 3x3 cells over total."""

    chi2_shower_max: float = Field(gt=0)
    r_ecal_max: Fraction


class VetoQuiet(Block):
    """No charged particle behind the ECAL: energy [GeV] of the largest VETO panel."""

    e_veto_max: Energy


class HcalQuiet(Block):
    """No energy [GeV] in the HCAL modules 0 to 2."""

    e_hcal_max: Energy


class ZeroDegreeQuiet(Block):
    """No neutral energy [GeV] at zero degrees, in HCAL module 3."""

    e_hcal_max: Energy


class Selection(Block):
    """A complete set of cuts, in the order in which they are applied."""

    trigger: Trigger
    single_track: SingleTrack
    no_multiple_hits: NoMultipleHits
    srd_electron: SrdElectron
    impact_cell: ImpactCell
    shower_shape: ShowerShape
    veto_quiet: VetoQuiet
    zero_degree_quiet: ZeroDegreeQuiet
    hcal_quiet: HcalQuiet
