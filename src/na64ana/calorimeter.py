"""The ECAL as both the simulation and the signal yields know it: structure, resolution, profile.

Longitudinal profile: gamma distributions whose maximum and width fluctuate, correlated, as
parametrised for sampling calorimeters by Grindhammer and Peters, hep-ex/0001020, section 4.
Energies in GeV, depths in radiation lengths.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from na64ana.constants import (
    PB_DENSITY,
    PB_X0,
    PB_Z,
    SCINTILLATOR_DENSITY,
    SCINTILLATOR_X0,
)

Array = npt.NDArray[np.floating]

#: Thickness of a lead and of a scintillator plate [mm] (arXiv:1610.02988).
PLATE = 1.5
#: sigma/E: 10 %/sqrt(E) (PRL 131 (2023) 161801), and a constant term (choice).
STOCHASTIC, CONSTANT = 0.10, 0.007
#: Start of the shower that an electron leaves which loses energy at some depth, relative to this
#: depth (choice): what it radiated before came from half of it on average.
START = 0.5
#: Depth of the PRS [X0] (PRL 2023).
PRS_DEPTH = 4.0


@dataclass(frozen=True)
class Calorimeter:
    """Effective numbers of the sampling structure, as hep-ex/0001020 defines them.

    Attributes
    ----------
    z : float
        Effective atomic number.
    critical_energy : float
        Effective critical energy [GeV].
    sampling : float
        Sampling frequency: radiation length over the period of the plates.
    e_hat : float
        Response to electrons over that to minimum ionisation.
    """

    z: float
    critical_energy: float
    sampling: float
    e_hat: float


def _calorimeter() -> Calorimeter:
    # Z/A of lead and polystyrene: 0.3958 and 0.5377; mean Z of polystyrene by weight 5.6 (RPP).
    density = np.array([PB_DENSITY, SCINTILLATOR_DENSITY])
    x0, z_over_a = np.array([PB_X0, SCINTILLATOR_X0]), np.array([0.3958, 0.5377])
    z = np.array([PB_Z, 5.6])
    weight = density / density.sum()
    critical = 2.66e-3 * (x0 * z_over_a) ** 1.1
    x0_effective = 1 / (weight / x0).sum()
    length = x0_effective / density.mean() * 10.0
    return Calorimeter(
        z=float((weight * z).sum()),
        critical_energy=float(x0_effective * (weight * critical / x0).sum()),
        sampling=length / (2 * PLATE),
        e_hat=float(1 / (1 + 0.007 * (z[0] - z[1]))),
    )


ECAL_STRUCTURE = _calorimeter()


@dataclass(frozen=True)
class MeanProfile:
    """Mean longitudinal profile of showers, and how it fluctuates.

    Attributes
    ----------
    maximum, shape : array (n,)
        Mean depth of the maximum [X0] and mean exponent alpha of the gamma distribution.
    width_maximum, width_shape : array (n,)
        Standard deviations of their logarithms.
    rho : array (n,)
        Correlation of the two.
    """

    maximum: Array
    shape: Array
    width_maximum: Array
    width_shape: Array
    rho: Array

    def share(self, late: Array, long: Array, depth: Array) -> Array:
        """Return the energy fraction ``(n,)`` down to a depth behind the start of a shower.

        Parameters
        ----------
        late, long : array (n,)
            How late the maximum comes and how large alpha is, in standard deviations.
        depth : array (n,)
            [X0]; the fraction is zero where it is negative.
        """
        t_max = self.maximum * np.exp(self.width_maximum * late)
        alpha = np.maximum(self.shape * np.exp(self.width_shape * long), 1.1)
        return np.asarray(gammainc(alpha, (alpha - 1) / t_max * np.maximum(depth, 0.0)))


def mean_profile(energy: Array) -> MeanProfile:
    """Return the profile of electromagnetic showers of energies ``(n,)`` [GeV] in the ECAL."""
    structure = ECAL_STRUCTURE
    # The parametrisation holds above 1 GeV; below, showers look as at 0.5 GeV.
    log_y = np.log(np.maximum(energy, 0.5) / structure.critical_energy)
    return MeanProfile(
        maximum=log_y - 0.812 - 0.55 / structure.sampling - 0.69 * (1 - structure.e_hat),
        shape=0.81 + (0.458 + 2.26 / structure.z) * log_y - 0.476 / structure.sampling,
        width_maximum=np.minimum(1 / (-2.5 + 1.25 * log_y), 0.5),
        width_shape=np.minimum(1 / (-0.82 + 0.79 * log_y), 0.5),
        rho=0.784 - 0.023 * log_y,
    )
