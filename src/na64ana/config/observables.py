"""The observables that cuts look at: name, unit, meaning, and the axis of their histograms."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Observable:
    """A number per event.

    Attributes
    ----------
    name : str
    unit : str
        Internal unit; empty for counts and ratios.
    label : str
        For an axis, as mathtext.
    meaning : str
    bins, low, high : int, float, float
        Equal bins of its histograms, in the internal unit.
    """

    name: str
    unit: str
    label: str
    meaning: str
    bins: int
    low: float
    high: float

    @property
    def title(self) -> str:
        """Label with the unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


def _count(name: str, label: str, meaning: str, most: int) -> Observable:
    """Return a whole number from 0 to `most`, one bin each."""
    return Observable(name, "", label, meaning, most + 1, -0.5, most + 0.5)


OBSERVABLES = {
    one.name: one
    for one in (
        _count("physics_trigger", "physics trigger", "1 if the physics trigger fired", 1),
        _count("beam_trigger", "beam trigger", "1 if the prescaled beam trigger fired", 1),
        _count("bad_spill", "bad spill", "1 in a spill that is not to be used", 1),
        Observable("intensity", "", "EOT / spill", "electrons on target in the spill", 100, 0, 1e7),
        Observable("t_ecal", "ns", "$t_{ECAL}$", "mean time of the ECAL cells", 100, -25, 25),
        Observable("p_track", "GeV", "$p$", "momentum of the incoming track", 150, 0, 150),
        Observable("theta_in", "rad", r"$\theta_{in}$", "angle of the track", 100, 0, 0.01),
        _count("n_tracks", "tracks", "tracks upstream of the magnets", 9),
        _count("n_st", "hits in ST3, ST4", "hits in the fuller one of ST3 and ST4", 9),
        Observable("e_srd", "GeV", "$E_{SRD}$", "sum over the SRD modules", 150, 0, 0.15),
        Observable("e_srd_least", "GeV", "$E_{SRD}$, least", "least SRD module", 100, 0, 0.05),
        Observable(
            "e_srd_second", "GeV", "$E_{SRD}$, second", "second largest SRD module", 100, 0, 0.1
        ),
        Observable("t_srd", "ns", "$|t_{SRD}|$", "SRD module farthest in time", 100, 0, 25),
        _count("impact_distance", "cells from the beam", "largest ECAL cell to beam cell", 5),
        Observable("e_prs", "GeV", "$E_{PRS}$", "energy in the preshower", 100, 0, 50),
        Observable("f_prs", "", "$E_{PRS}/E_{ECAL}$", "share of the preshower", 100, 0, 1),
        Observable("r_ecal", "", "$R_{ECAL}$", "share outside 3x3 ECAL cells", 100, 0, 1),
        Observable(
            "chi2_shower", "", r"$\chi^2_{shower}$", "against the mean electron shower", 100, 0, 50
        ),
        Observable("e_veto", "GeV", "$E_{VETO}$", "largest VETO panel", 100, 0, 0.1),
        Observable(
            "e_zero_degree", "GeV", "$E_{HCAL3}$", "HCAL module at zero degrees", 120, 0, 120
        ),
        Observable(
            "r_hcal",
            "",
            "$R_{HCAL}$",
            "share outside the central HCAL cells; 0 in a quiet HCAL",
            100,
            0,
            1,
        ),
        Observable("e_hcal_0", "GeV", "$E_{HCAL0}$", "HCAL module 0", 120, 0, 30),
        Observable("e_hcal_1", "GeV", "$E_{HCAL1}$", "HCAL module 1", 120, 0, 30),
        Observable("e_hcal_2", "GeV", "$E_{HCAL2}$", "HCAL module 2", 120, 0, 30),
        Observable("e_hcal", "GeV", "$E_{HCAL}$", "HCAL modules 0 to 2", 120, 0, 120),
        Observable("e_ecal", "GeV", "$E_{ECAL}$", "whole ECAL with preshower", 120, 0, 120),
    )
}
#: Dimension of the units, as `na64ana.units` calls it.
DIMENSIONS = {"GeV": "energy", "ns": "time", "rad": "angle"}
