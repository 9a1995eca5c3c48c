"""Bremsstrahlung l Z -> l Z X in the Weizsaecker-Williams approximation and its simplifications.

The nucleus is a cloud of photons, chi of them, that scatter on the lepton. From the best to the
roughest, with their totals over the exact ones of DMG4 on lead at 100 GeV:

========================  ================================  ======================================
function                  what it does with chi             electrons, m = 1, 20, 100, 500, 1000 MeV
========================  ================================  ======================================
`ww`                      its least t follows x and angle   0.81, 1.17, 1.31, 1.38, 1.42
`iww` (improved WW)       takes it out of the integrals     0.81, 1.23, 1.64, 2.13, 2.75
`leading_log`             and keeps only the log of x -> 1  0.61, 1.20, 1.65, 1.92, 2.14
========================  ================================  ======================================

So none is meant for electrons, whose cross section peaks at x -> 1 where the approximation fails;
for muons of 160 GeV `ww` is good to 1 % up to 100 MeV, 3 % at 500 MeV and 6 % at 1 GeV.

Sources: Kim and Tsai, PRD 8 (1973) 3109; Bjorken, Essig, Schuster, Toro, arXiv:0906.0580, appendix
A (chi, improved WW); Liu, McKeen, Miller, arXiv:1609.06781, and Liu, Miller,
arXiv:1705.01633 (other mediators). Natural units; every mediator couples with e (epsilon = 1).
x = E_X/E, and X is a vector "V", axial vector "A", scalar "S" or pseudoscalar "P".
"""

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, M_E
from na64ana.errors import ModelError
from na64ana.signal.bremsstrahlung import ENERGY_RANGE, MASS_RANGE, MEDIATORS
from na64ana.signal.form_factors import FormFactor
from na64ana.signal.target import Element

Floats = npt.NDArray[np.float64]

#: Range of the mass of the lepton [GeV]; tests cover it.
LEPTON_RANGE = (1e-9, 10.0)
#: The elastic dipole, the form factor unless another one is given.
DIPOLE = FormFactor()

#: Gauss-Legendre nodes in ln(x/(1-x)) and ln t.
_NODES_X, _NODES_T = 64, 80


def effective_flux(
    m: float,
    energy: float,
    nucleus: Element,
    *,
    lepton_mass: float = M_E,
    form_factor: FormFactor = DIPOLE,
) -> float:
    """Return chi: the integral of (t - tmin)/t^2 G(t) from tmin = m^4/(4 E^2) to m^2 + l^2.

    The l^2 is nothing for electrons; for muons and m = 10 MeV chi is a fifth smaller without it,
    and the total of `ww` a quarter.
    Z^2 is included; chi is zero if m + l >= E. Parameters and errors are those of `iww`.
    """
    _check(m, energy, lepton_mass)
    if m + lepton_mass >= energy:
        return 0.0
    low, high = _limits_of_t(m, energy, lepton_mass)
    t, weight = _log_nodes(np.array(low), high)
    return float((weight * (1 - low / t) * form_factor(t, nucleus)).sum())


def effective_flux_closed(
    m: float, energy: float, nucleus: Element, *, lepton_mass: float = M_E
) -> float:
    """Return `effective_flux` of the elastic dipole in closed form."""
    _check(m, energy, lepton_mass)
    if m + lepton_mass >= energy:
        return 0.0
    z, a2, d, *_ = DIPOLE.parameters(nucleus)
    low, high = _limits_of_t(m, energy, lepton_mass)
    ta = 1 / a2
    rational = (ta - d) * (ta + d + 2 * high) * (high - low) / ((ta + high) * (d + high))
    log = np.log((ta + high) * (d + low) / ((d + high) * (ta + low)))
    return float(-((z * d) ** 2) / (ta - d) ** 3 * (rational + (ta + d + 2 * low) * log))


def leading_log(
    mediator: str,
    m: float,
    energy: float,
    nucleus: Element,
    *,
    lepton_mass: float = M_E,
    form_factor: FormFactor = DIPOLE,
) -> float:
    """Return the total cross section to leading logarithm [GeV^-2].

    (4/3) alpha^3 chi beta ln(1/delta)/m^2 with delta = max(l^2/m^2, m^2/E^2); half of it for S and
    P. Without its constant terms: one of 1/6 (V, A) or -4/3 (S, P) stands beside the logarithm in
    the integral of `iww` if l << m << sqrt(l E). Parameters and errors are those of `iww`; it also
    refuses an X lighter than the lepton, for which there is no such logarithm.
    """
    _check(m, energy, lepton_mass, mediator)
    if m < lepton_mass:
        msg = f"mass {m:g} GeV lies outside {lepton_mass:g} to {MASS_RANGE[1]:g} GeV (leading log)"
        raise ModelError(msg)
    chi = effective_flux(m, energy, nucleus, lepton_mass=lepton_mass, form_factor=form_factor)
    log = -np.log(max((lepton_mass / m) ** 2, (m / energy) ** 2))
    factor = 4 / 3 if mediator in "VA" else 2 / 3
    beta = np.sqrt(max(1 - (m / energy) ** 2, 0))
    return float(factor * ALPHA**3 * chi * beta * log / m**2)


def iww(
    mediator: str,
    x: Floats,
    m: float,
    energy: float,
    nucleus: Element,
    *,
    lepton_mass: float = M_E,
    form_factor: FormFactor = DIPOLE,
) -> Floats:
    """Return d sigma/dx [GeV^-2] in the improved WW approximation.

    It is `iww_double` times theta, integrated over theta from 0 to infinity in closed form.

    Parameters
    ----------
    mediator : str
        One of `MEDIATORS`.
    x : array (n,)
        E_X/E.
    m : float
        Mass of X [GeV], in `MASS_RANGE`.
    energy : float
        Energy of the lepton [GeV], in `ENERGY_RANGE`.
    nucleus : Element
    lepton_mass : float
        l [GeV], in `LEPTON_RANGE`.
    form_factor : FormFactor
        G(t), with its switch for break-up of the nucleus.

    Returns
    -------
    array (n,)
        Zero where x <= m/E or x >= 1 - l/E.

    Raises
    ------
    ModelError
        If the mediator is unknown, mass, energy or lepton mass lies outside its range, or x is NaN.
    """
    x, scale, a, b, u0 = _emission(mediator, x, m, energy, lepton_mass)
    chi = effective_flux(m, energy, nucleus, lepton_mass=lepton_mass, form_factor=form_factor)
    return 2 * chi * scale * (a / u0 + b * x / (6 * u0**2))


def iww_double(
    mediator: str,
    x: Floats,
    theta: Floats,
    m: float,
    energy: float,
    nucleus: Element,
    *,
    lepton_mass: float = M_E,
    form_factor: FormFactor = DIPOLE,
) -> Floats:
    """Return d^2 sigma/dx dcos(theta) [GeV^-2] in the improved WW approximation.

    `theta` is the angle of X to the beam, from 0 to pi and of a shape that broadcasts with `x`. The
    formula is for small angles: k_T = x E theta, and dcos(theta) stands for theta dtheta. The other
    parameters and the errors are those of `iww`.
    """
    x, scale, a, b, u0 = _emission(mediator, x, m, energy, lepton_mass)
    theta = np.asarray(theta, np.float64)
    if not np.all((theta >= 0) & (theta <= np.pi)):
        msg = "theta lies outside 0 to pi"
        raise ModelError(msg)
    chi = effective_flux(m, energy, nucleus, lepton_mass=lepton_mass, form_factor=form_factor)
    kt2 = (x * energy * theta) ** 2
    u = u0 + kt2 / x
    return 4 * chi * scale * energy**2 * x / u**2 * (a + b * kt2 / u**2)


def ww(
    mediator: str,
    x: Floats,
    m: float,
    energy: float,
    nucleus: Element,
    *,
    lepton_mass: float = M_E,
    form_factor: FormFactor = DIPOLE,
) -> Floats:
    """Return d sigma/dx [GeV^-2] in the WW approximation; parameters and errors as for `iww`.

    chi is inside the integral over angles with tmin = [U/(2E(1-x))]^2, U = U_0 + k_T^2/x. Angles
    are integrated first, at fixed t and in closed form: up to where tmin = t.
    """
    x, scale, a, b, u0 = _emission(mediator, x, m, energy, lepton_mass)
    high = _limits_of_t(m, energy, lepton_mass)[1]
    low = np.minimum((u0 / (2 * energy * (1 - x))) ** 2, high)[..., None]
    t, weight = _log_nodes(low, high)
    r = np.minimum(np.sqrt(low / t), 1.0)  # U_0 over the U where tmin = t
    angles = (a / u0)[..., None] * (1 - r) ** 2
    angles += (b * x / u0**2)[..., None] * (1 / 6 + r**2 / 2 - 2 * r**3 / 3 + r**2 * np.log(r))
    flux = weight * form_factor(t, nucleus).reshape(t.shape)
    return np.asarray(2 * scale * (flux * angles).sum(axis=-1))


def iww_total(
    mediator: str,
    m: float,
    energy: float,
    nucleus: Element,
    *,
    x_min: float = 0.0,
    lepton_mass: float = M_E,
    form_factor: FormFactor = DIPOLE,
) -> float:
    """Return `iww` integrated over x > x_min [GeV^-2]; to 1e-3 by `_NODES_X` nodes."""
    x, weight = _x_nodes(m, energy, lepton_mass, x_min)
    sigma = iww(mediator, x, m, energy, nucleus, lepton_mass=lepton_mass, form_factor=form_factor)
    return float((weight * sigma).sum())


def ww_total(
    mediator: str,
    m: float,
    energy: float,
    nucleus: Element,
    *,
    x_min: float = 0.0,
    lepton_mass: float = M_E,
    form_factor: FormFactor = DIPOLE,
) -> float:
    """Return `ww` integrated over x > x_min [GeV^-2]; to 1e-3 by `_NODES_X` nodes."""
    x, weight = _x_nodes(m, energy, lepton_mass, x_min)
    sigma = ww(mediator, x, m, energy, nucleus, lepton_mass=lepton_mass, form_factor=form_factor)
    return float((weight * sigma).sum())


def _emission(
    mediator: str, x: Floats, m: float, energy: float, lepton_mass: float
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return what the photons of the nucleus act on.

    Returns
    -------
    x : array
        As given, and a harmless value where it is not allowed.
    scale : array
        alpha^3 and the velocity of X; zero where x is not allowed.
    a, b : array
        The emission is a + b k_T^2/U^2.
    u0 : array
        U = l^2 - (p - k)^2 at theta = 0 [GeV^2].
    """
    _check(m, energy, lepton_mass, mediator)
    x = np.asarray(x, np.float64)
    if np.isnan(x).any():
        msg = "x is NaN; give energy fractions between 0 and 1"
        raise ModelError(msg)
    inside = (x > m / energy) & (x < 1 - lepton_mass / energy)
    x = np.where(inside, x, 0.5)
    m2, l2, vector = m**2, lepton_mass**2, 1 + (1 - x) ** 2
    a, kappa = {
        "V": (vector, -2 * (m2 + 2 * l2)),
        "A": (vector + 2 * l2 * x**2 / m2, -2 * (m2 - 4 * l2)),
        "S": (x**2 / 2, -(m2 - 4 * l2)),
        "P": (x**2 / 2, -m2),
    }[mediator]
    scale = np.where(inside, ALPHA**3 * np.sqrt(np.maximum(1 - (m / (x * energy)) ** 2, 0)), 0)
    return x, scale, a, kappa * (1 - x), m2 * (1 - x) / x + l2 * x


def _limits_of_t(m: float, energy: float, lepton_mass: float) -> tuple[float, float]:
    return m**4 / (4 * energy**2), m**2 + lepton_mass**2


def _log_nodes(low: Floats, high: float) -> tuple[Floats, Floats]:
    """Return nodes t between low ``(..., 1)`` and high, and weights of integrals of dt/t."""
    node, weight = np.polynomial.legendre.leggauss(_NODES_T)
    half = np.log(high / low) / 2
    return low * np.exp(half * (1 + node)), half * weight


def _x_nodes(m: float, energy: float, lepton_mass: float, x_min: float) -> tuple[Floats, Floats]:
    """Return nodes and weights of integrals over x > x_min; none if nothing is allowed."""
    _check(m, energy, lepton_mass)
    if not 0 <= x_min <= 1:
        msg = f"x_min {x_min:g} lies outside 0 to 1"
        raise ModelError(msg)
    low, high = max(m / energy, x_min), 1 - lepton_mass / energy
    if low >= high:
        return np.zeros(0), np.zeros(0)
    node, weight = np.polynomial.legendre.leggauss(_NODES_X)
    start, end = np.log(low / (1 - low)), np.log(high / (1 - high))
    x = 1 / (1 + np.exp(-start - (end - start) / 2 * (1 + node)))
    return x, weight * (end - start) / 2 * x * (1 - x)


def _check(m: float, energy: float, lepton_mass: float, mediator: str = "V") -> None:
    if mediator not in MEDIATORS:
        msg = f"unknown mediator {mediator!r}; there are {', '.join(MEDIATORS)}"
        raise ModelError(msg)
    for what, value, (low, high) in (
        ("mass", m, MASS_RANGE),
        ("energy", energy, ENERGY_RANGE),
        ("lepton mass", lepton_mass, LEPTON_RANGE),
    ):
        if not low <= value <= high:
            msg = f"{what} {value:g} GeV lies outside {low:g} to {high:g} GeV"
            raise ModelError(msg)
