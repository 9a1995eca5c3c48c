"""The active dump: a sandwich of lead and scintillator."""

from dataclasses import dataclass

from na64ana import constants


@dataclass(frozen=True)
class Target:
    """What a yield needs to know of a dump.

    Attributes
    ----------
    z, mass_number : int, float
        Of the nucleus on which dark photons are made.
    nuclei_per_x0 : float
        Nuclei per cm^2 in one radiation length of the dump.
    """

    z: int
    mass_number: float
    nuclei_per_x0: float

    @property
    def nuclear_mass(self) -> float:
        """Mass of the nucleus [GeV]."""
        return self.mass_number * constants.M_U


def _ecal() -> Target:
    # 150 x (1.5 mm Pb + 1.5 mm scintillator), arXiv:1610.02988; equal thickness of both.
    per_cm = 0.5 * constants.PB_DENSITY / constants.PB_X0
    per_cm += 0.5 * constants.SCINTILLATOR_DENSITY / constants.SCINTILLATOR_X0
    nuclei_per_cm = 0.5 * constants.PB_DENSITY * constants.N_AVOGADRO / constants.PB_A
    return Target(constants.PB_Z, constants.PB_A, nuclei_per_cm / per_cm)


#: The ECAL of NA64. Dark photons made on the scintillator's light nuclei, about 1 %, are left out.
ECAL = _ecal()
