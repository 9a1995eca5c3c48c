"""Freeze-out: the density of dark matter that is left over.

The Boltzmann equation for the total number of dark matter particles over the entropy, Y,

    dY/dln x = -A(x) (Y^2 - Y_eq^2),  A = sqrt(pi/45) M_Pl m g*^(1/2) <sigma v>/x,  x = m/T

(P. Gondolo and G. Gelmini, NPB 360 (1991) 145, eq 3.8 ff). It is stiff. Backward Euler steps, a
quadratic each, are stable; three step sizes are extrapolated to none (Romberg), and their spread
tells the error. Once Y_eq is gone, 1/Y is an integral. All masses at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.special import kve

from na64ana.constants import CRITICAL_DENSITY, HBAR_C, PLANCK_MASS, T_CMB
from na64ana.interpretation.plasma import Plasma

Floats = npt.NDArray[np.float64]

#: x of the start, in equilibrium; without equilibrium; and where the rest is a power law.
START, ALONE, END = 4.0, 120.0, 1e4
#: Backward Euler steps from START to ALONE; twice and four times as many for the extrapolation.
STEPS = 400
#: Steps of the integral from ALONE to END.
_LATE_STEPS = 400
#: Freeze-out is where Y is so many times Y_eq (G. Belanger et al., micrOMEGAs).
_OUT = 2.5
#: GeV^3 in cm^-3.
_PER_CM3 = (10 / HBAR_C) ** 3


@dataclass(frozen=True)
class FreezeOut:
    """What is left.

    Attributes
    ----------
    omega_h2 : array, shape (n,)
        Density today over the critical one, times h^2.
    x : array, shape (n,)
        m/T at freeze-out: where Y has become 2.5 Y_eq.
    error : array, shape (n,)
        Relative numerical error of the step sizes.
    """

    omega_h2: Floats
    x: Floats
    error: Floats


def compute_freeze_out(
    m: Floats, degrees: float, x: Floats, sigma_v: Floats, plasma: Plasma
) -> FreezeOut:
    """Solve the Boltzmann equation.

    Parameters
    ----------
    m : array, shape (n,)
        Mass [GeV].
    degrees : float
        Spin states, of antiparticles and partners too.
    x : array, shape (k,)
        m/T, rising, from `START` or below to `END` or above.
    sigma_v : array, shape (n, k)
        Thermal average [GeV^-2] for the total density; half of that of a pair where a particle
        can annihilate with only half of the others.
    plasma : Plasma

    Returns
    -------
    FreezeOut
    """
    average = CubicSpline(np.log(x), np.log(sigma_v), axis=1)
    problem = _Problem(m, degrees, average, plasma)
    coarse, middle, (fine, x_out) = (
        problem.until_alone(STEPS)[0], problem.until_alone(2 * STEPS)[0],
        problem.until_alone(4 * STEPS),
    )  # fmt: skip
    # Errors of the first and second order in the step go away.
    once = 2 * fine - middle
    inverse = (4 * once - (2 * middle - coarse)) / 3
    left = 1 / (inverse + problem.late())
    density = left * plasma.entropy_today() * 2 * np.pi**2 / 45 * T_CMB**3 * _PER_CM3
    return FreezeOut(m * density / CRITICAL_DENSITY, x_out, np.abs(once / inverse - 1))


@dataclass(frozen=True)
class _Problem:
    m: Floats
    degrees: float
    average: "CubicSpline[np.float64]"  # older SciPy cannot subscript it
    plasma: Plasma

    def rate(self, log_x: Floats) -> Floats:
        """Return A at ln x, shape ``(n, n_x)``."""
        x = np.exp(log_x)
        expansion = self.plasma.expansion(self.m[:, None] / x)
        common = np.sqrt(np.pi / 45) * PLANCK_MASS * self.m[:, None] / x
        return np.asarray(common * expansion * np.exp(self.average(log_x)))

    def equilibrium(self, log_x: Floats) -> Floats:
        """Return Y_eq of Boltzmann statistics at ln x, shape ``(n, n_x)``."""
        x = np.exp(log_x)
        t = self.m[:, None] / x
        entropy = np.interp(np.log(t), np.log(self.plasma.temperature), self.plasma.entropy)
        bessel = kve(2, x) * np.exp(-x)
        return np.asarray(45 / (4 * np.pi**4) * self.degrees / entropy * x**2 * bessel)

    def until_alone(self, steps: int) -> tuple[Floats, Floats]:
        """Return 1/Y without equilibrium, and x at freeze-out, by backward Euler."""
        log_x, step = np.linspace(np.log(START), np.log(ALONE), steps + 1, retstep=True)
        y_eq = self.equilibrium(log_x)
        stiff = step * self.rate(log_x)
        y = y_eq[:, 0]
        log_out = np.full(len(self.m), log_x[0])
        for i, now in enumerate(_steps(y, stiff, y_eq), start=1):
            y = now
            log_out[y < _OUT * y_eq[:, i]] = log_x[i]
        return 1 / y, np.exp(log_out)

    def late(self) -> Floats:
        """Return how much 1/Y grows after equilibrium, until today."""
        log_x = np.linspace(np.log(ALONE), np.log(END), _LATE_STEPS + 1)
        rate = self.rate(log_x)
        slope = np.log(rate[:, -1] / rate[:, -2]) / (log_x[1] - log_x[0])
        return np.asarray(np.trapezoid(rate, log_x, axis=1) - rate[:, -1] / slope)


def _steps(y: Floats, stiff: Floats, y_eq: Floats) -> Iterator[Floats]:
    """Yield Y after each step: the positive root of Y' + a Y'^2 = Y + a Y_eq^2."""
    for a, equilibrium in zip(stiff.T[1:], y_eq.T[1:], strict=True):
        known = y + a * equilibrium**2
        y = 2 * known / (1 + np.sqrt(1 + 4 * a * known))
        yield y
