"""What a boson adds to the anomalous magnetic moment of a lepton, at one loop.

The couplings are those of UFN2021, eq. 51: g lbar l S, i g lbar gamma5 l P, g lbar gamma l V,
g lbar gamma gamma5 l A. S, P, V: the loop integrals of Jackiw and Weinberg, PRD 5 (1972) 2396; A:
Leveille, Nucl. Phys. B 137 (1978) 63. Asymptotic forms for a heavy boson: UFN2021, eqs. 54-57; for
an electron they are off by a factor of six (S) or in sign (P) at 1 MeV.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, M_E
from na64ana.errors import ModelError

Floats = npt.NDArray[np.float64]

MEDIATORS = ("S", "P", "V", "A")
#: Half the range of ln(x) in the integral, and steps.
_RANGE, _N_STEPS = 40.0, 4001


@dataclass(frozen=True)
class Measurement:
    """Measured minus predicted a_e, by the alpha of one experiment.

    Attributes
    ----------
    name : str
    value, error : float
    source : str
    """

    name: str
    value: float
    error: float
    source: str

    def largest(self, sign: float) -> float:
        """Return the largest absolute contribution of a sign that is left at 95 % CL, one-sided.

        Never less than if no difference had been measured: one of the other sign excludes nothing
        by itself.
        """
        return max(math.copysign(1.0, sign) * self.value, 0.0) + 1.645 * self.error


#: a_e with alpha of rubidium (Paris) and of caesium (Berkeley): UFN2021, eqs. 52, 53.
LKB = Measurement("LKB", 4.8e-13, 3.0e-13, "Morel et al., Nature 588 (2020) 61")
BERKELEY = Measurement("Berkeley", -8.8e-13, 3.6e-13, "Parker et al., Science 360 (2018) 191")


def contribution(
    mediator: str, m: npt.ArrayLike, coupling: npt.ArrayLike, lepton_mass: float = M_E
) -> Floats:
    """Return what a boson adds to (g - 2)/2, by the full loop integral.

    Parameters
    ----------
    mediator : {"S", "P", "V", "A"}
    m : array_like
        Its mass [GeV]; positive.
    coupling : array_like
        g, of a shape that broadcasts with `m`.
    lepton_mass : float
        [GeV]

    Raises
    ------
    ModelError
        If there is no such mediator, or a mass is not positive.
    """
    r2 = (_masses(mediator, m) / lepton_mass) ** 2
    # x/(1-x) runs over many decades, as the integrand peaks at 1-x of order 1/r
    t = np.linspace(-_RANGE, _RANGE, _N_STEPS)
    z, rest = 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))
    integrand = _integrand(mediator, z, rest, r2[..., None]) * z * rest
    integral = np.trapezoid(integrand, t, axis=-1)
    return np.asarray(np.asarray(coupling, float) ** 2 / (8 * np.pi**2) * integral)


def asymptotic(
    mediator: str, m: npt.ArrayLike, coupling: npt.ArrayLike, lepton_mass: float = M_E
) -> Floats:
    """Return the same for a boson much heavier than the lepton (UFN2021, eqs. 54-57)."""
    r = _masses(mediator, m) / lepton_mass
    log, constant = {"S": (1, -7 / 12), "P": (-1, 11 / 12), "V": (0, 1 / 3), "A": (0, -5 / 3)}[
        mediator
    ]
    g2: Floats = np.asarray(coupling, float) ** 2
    return np.asarray(g2 / (4 * np.pi**2) / r**2 * (log * np.log(r) + constant))


def epsilon_of(mediator: str, m: npt.ArrayLike, measurement: Measurement) -> Floats:
    """Return the largest epsilon = g/e that a measured a_e leaves; shape of `m` [GeV]."""
    unit = contribution(mediator, m, np.sqrt(4 * np.pi * ALPHA))
    allowed = np.where(unit > 0, measurement.largest(1.0), measurement.largest(-1.0))
    return np.asarray(np.sqrt(allowed / np.abs(unit)))


def _integrand(mediator: str, z: Floats, rest: Floats, r2: Floats) -> Floats:
    """Return the integrand at z, with rest = 1 - z, in units of g^2/(8 pi^2)."""
    if mediator == "A":
        below = rest + z**2 / r2
        return np.asarray(2 / r2 * (z * rest * (z - 4) - 2 * z**3 / r2) / below)
    below = rest**2 + r2 * z
    above = {"S": rest**2 * (1 + z), "P": -(rest**3), "V": 2 * z * rest**2}[mediator]
    return np.asarray(above / below)


def _masses(mediator: str, m: npt.ArrayLike) -> Floats:
    m = np.asarray(m, float)
    if mediator not in MEDIATORS:
        msg = f"unknown mediator {mediator!r}; there are {', '.join(MEDIATORS)}"
        raise ModelError(msg)
    if not np.all((m > 0) & (m < np.inf)):
        msg = "the mass of a mediator must be positive"
        raise ModelError(msg)
    return m
