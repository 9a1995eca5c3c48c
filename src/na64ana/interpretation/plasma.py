"""The plasma of the early universe: effective degrees of freedom of energy and entropy.

The fit of K. Saikawa and S. Shirai, JCAP 05 (2018) 035 (arXiv:1803.01038), appendix C: the Standard
Model with the QCD transition from the lattice, and neutrinos that decouple gradually (N_eff =
3.045). Known to a few per cent at the QCD transition, better elsewhere; tests/unit/test_plasma.py
integrates the gases of particles directly.

rho = (pi^2/30) g T^4, s = (2 pi^2/45) h T^3; T is the temperature of the photons [GeV].
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from na64ana.errors import ModelError

Floats = npt.NDArray[np.float64]

#: Range of temperatures [GeV]. Below it nothing changes until neutrinos become slow.
COLDEST, HOTTEST = 1e-6, 100.0
#: Above this the fit is one in ln T [GeV], below it a sum over particles.
_JOIN = 0.120
#: Table 1 of the paper, in powers of ln(T/GeV): energy a/b, and energy over entropy 1 + c/d.
_A = (1.0, 1.11724, 3.12672e-1, -4.68049e-2, -2.65004e-2, -1.19760e-3,
      1.82812e-4, 1.36436e-4, 8.55051e-5, 1.22840e-5, 3.82259e-7, -6.87035e-9)  # fmt: skip
_B = (1.43382e-2, 1.37559e-2, 2.92108e-3, -5.38533e-4, -1.62496e-4, -2.87906e-5,
      -3.84278e-6, 2.78776e-6, 7.40342e-7, 1.17210e-7, 3.72499e-9, -6.74107e-11)  # fmt: skip
_C = (1.0, 6.07869e-1, -1.54485e-1, -2.24034e-1, -2.82147e-2, 2.90620e-2,
      6.86778e-3, -1.00005e-3, -1.69104e-4, 1.06301e-5, 1.69528e-6, -9.33311e-8)  # fmt: skip
_D = (7.07388e1, 9.18011e1, 3.31892e1, -1.39779, -1.52558, -1.97857e-2,
      -1.60146e-1, 8.22615e-5, 2.02651e-2, -1.82134e-5, 7.83943e-5, 7.13518e-5)  # fmt: skip
#: A gas of mass m over a massless one: exp(-k x)(1 + a x + b x^2 + c x^3), x = m/T.
_FERMION_ENERGY = (1.04855, 1.03757, 0.508630, 0.0893988)
_BOSON_ENERGY = (1.03149, 1.03317, 0.398264, 0.0648056)
_FERMION_ENTROPY = (1.04190, 1.03400, 0.456426, 0.0595249)
_BOSON_ENTROPY = (1.03365, 1.03397, 0.342548, 0.0506182)
#: Masses [GeV] and weights for energy and entropy: muon; pi0, pi+-, and four hadrons of the fit.
_ELECTRON, _MUON = 511e-6, (0.1056, 3.446, 3.468)
_HADRONS = ((0.135, 1.05, 1.034), (0.140, 2.08, 2.068), (0.5, 4.165, 4.16), (0.77, 30.55, 30.55),
            (1.2, 89.4, 90.0), (2.0, 8209.0, 6209.0))  # fmt: skip


@dataclass(frozen=True)
class Plasma:
    """Degrees of freedom on a grid of temperatures.

    Attributes
    ----------
    temperature : array, shape (n,)
        Of the photons, rising [GeV].
    energy, entropy : array, shape (n,)
        g and h.
    """

    temperature: Floats
    energy: Floats
    entropy: Floats

    def entropy_today(self) -> float:
        """Return h at the coldest temperature, which is that of today."""
        return float(self.entropy[0])

    def expansion(self, temperature: npt.ArrayLike) -> Floats:
        """Return h/sqrt(g) (1 + 1/3 dln h/dln T), by which Y falls per x.

        P. Gondolo and G. Gelmini, NPB 360 (1991) 145, eq 3.9. Shape of `temperature` [GeV];
        constant outside the grid.
        """
        log_t = np.log(self.temperature)
        slope = np.gradient(np.log(self.entropy), log_t)
        root = self.entropy / np.sqrt(self.energy) * (1 + slope / 3)
        return np.asarray(np.interp(np.log(temperature), log_t, root))


@cache
def standard_plasma() -> Plasma:
    """Return the plasma of the Standard Model from `COLDEST` to `HOTTEST`, 2 % steps."""
    n = round(np.log(HOTTEST / COLDEST) / 0.02)
    temperature = np.geomspace(COLDEST, HOTTEST, n)
    return Plasma(temperature, energy_degrees(temperature), entropy_degrees(temperature))


def energy_degrees(temperature: npt.ArrayLike) -> Floats:
    """Return g of the energy density.

    Parameters
    ----------
    temperature : array_like
        Of the photons [GeV], from 1 keV to 100 GeV.

    Returns
    -------
    array
        Shape of `temperature`.

    Raises
    ------
    ModelError
        If a temperature lies outside the range.
    """
    t = _checked(temperature)
    electron = _ELECTRON / t
    # Neutrinos: what electrons have given to the photons makes them relatively colder.
    warmth = 1 + 7 / 4 * _share(electron, _FERMION_ENTROPY)
    cold = 2.030 + 1.353 * warmth ** (4 / 3) + 3.495 * _share(electron, _FERMION_ENERGY)
    cold += _MUON[1] * _share(_MUON[0] / t, _FERMION_ENERGY)
    for mass, weight, _ in _HADRONS:
        cold += weight * _share(mass / t, _BOSON_ENERGY)
    return np.where(t < _JOIN, cold, _fraction(t, _A, _B))


def entropy_degrees(temperature: npt.ArrayLike) -> Floats:
    """Return h of the entropy density; parameters as for `energy_degrees`."""
    t = _checked(temperature)
    electron = _ELECTRON / t
    share = _share(electron, _FERMION_ENTROPY)
    cold = 2.008 + 1.923 * (1 + 7 / 4 * share) + 3.442 * share
    cold += _MUON[2] * _share(_MUON[0] / t, _FERMION_ENTROPY)
    for mass, _, weight in _HADRONS:
        cold += weight * _share(mass / t, _BOSON_ENTROPY)
    hot = _fraction(t, _A, _B) / (1 + _fraction(t, _C, _D))
    return np.where(t < _JOIN, cold, hot)


def _share(x: Floats, fit: tuple[float, float, float, float]) -> Floats:
    """Return the share of a massive gas in that of a massless one, at x = m/T."""
    k, a, b, c = fit
    x = np.minimum(x, 600.0)  # nothing, without an underflow
    return np.asarray(np.exp(-k * x) * (1 + x * (a + x * (b + x * c))))


def _fraction(t: Floats, above: tuple[float, ...], below: tuple[float, ...]) -> Floats:
    """Return a fraction of polynomials in ln T; for T from the join on."""
    log_t = np.log(np.maximum(t, _JOIN))
    above_sum, below_sum = (np.polynomial.polynomial.polyval(log_t, c) for c in (above, below))
    return np.asarray(above_sum / below_sum)


def _checked(temperature: npt.ArrayLike) -> Floats:
    t = np.asarray(temperature, np.float64)
    if not np.all((t >= COLDEST * 0.999) & (t <= HOTTEST * 1.001)):
        msg = "temperature outside 1 keV to 100 GeV, the range of the degrees of freedom"
        raise ModelError(msg)
    return t
