"""Hadrons and missing energy: the two axes of the plane."""

import numpy as np
import numpy.typing as npt

from na64ana.config.selection import Block, HcalQuiet, ZeroDegreeQuiet
from na64ana.cuts.cut import Columns, Cut, Mask
from na64ana.io.derived import ON_BEAM, ZERO_DEGREE


def compute_e_hcal(e_hcal_module: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the energy [GeV] ``(n,)`` of HCAL modules 0 to 2, from all modules ``(n, 4)``."""
    return np.asarray(e_hcal_module[:, ON_BEAM].sum(axis=1))


def hcal_quiet(parameters: HcalQuiet) -> Cut:
    """No energy over noise in the HCAL."""

    def keep(columns: Columns) -> Mask:
        e_hcal = compute_e_hcal(columns["e_hcal_module"])
        return np.asarray(e_hcal < np.float32(parameters.e_hcal_max))

    return Cut(
        name="hcal_quiet",
        reason="hadronic secondaries and muons",
        source="PRL 131 (2023) 161801: signal box E_HCAL < 1 GeV",
        columns=("e_hcal_module",),
        keep=keep,
        parameters=parameters,
    )


def zero_degree_quiet(parameters: ZeroDegreeQuiet) -> Cut:
    """No neutral energy straight ahead of the undeflected beam."""

    def keep(columns: Columns) -> Mask:
        e_zero = columns["e_hcal_module"][:, ZERO_DEGREE]
        return np.asarray(e_zero < np.float32(parameters.e_hcal_max))

    return Cut(
        name="zero_degree_quiet",
        reason="neutrals of interactions upstream of the magnets",
        source="PRL 131 (2023) 161801: zero-degree HCAL",
        columns=("e_hcal_module",),
        keep=keep,
        parameters=parameters,
    )


class MissingEnergy(Block):
    """Upper edge [GeV] of the signal box in E_ECAL, set per period."""

    e_ecal_max: float


def missing_energy(parameters: MissingEnergy) -> Cut:
    """At least half of the beam energy left unseen."""

    def keep(columns: Columns) -> Mask:
        return np.asarray(columns["e_ecal"] < np.float32(parameters.e_ecal_max))

    return Cut(
        name="missing_energy",
        reason="a dark photon carries most of the energy of its parent away",
        source="PRL 131 (2023) 161801: signal box E_ECAL < 47-50 GeV",
        columns=("e_ecal",),
        keep=keep,
        parameters=parameters,
    )
