"""Widths of a dark photon, its invisible fraction and its decay length.

A' -> l+ l- with the coupling epsilon e, and A' -> chi chi with alpha_D. Left out:

- hadrons, open above two pion masses (279 MeV). There the visible width is too small, several times
  near the rho; the invisible fraction feels it only if alpha_D is not far above alpha epsilon^2;
- three photons, all that is visible below two electron masses. A width of zero there stands for a
  decay length beyond any detector.

The widths are those of tree level (review: Fabbrichesi, Gabrielli, Lanfranchi, arXiv:2005.01515);
tests/physics/test_widths.py sums the amplitudes explicitly. Internal units: GeV, mm.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, HBAR_C, M_E, M_MU, M_TAU
from na64ana.errors import ModelError

Floats = npt.NDArray[np.float64]

#: What chi may be.
KINDS = ("dirac", "pseudo_dirac", "scalar", "majorana")


@dataclass(frozen=True)
class DarkMatter:
    """What the dark photon decays to when it is invisible.

    Attributes
    ----------
    kind : str
        One of `KINDS`. ``"pseudo_dirac"`` is two states of nearly the same mass that only couple to
        one another: the width is that of ``"dirac"``. ``"scalar"`` is complex.
    alpha_d : float
        Coupling g_D^2/(4 pi), above 0 and at most 1: above, nothing here is perturbative. A
        coupling that runs asks for less: to have no Landau pole below 1 TeV, at most 0.2
        (pseudo-Dirac, Majorana) or 0.8 (scalar); below the Planck mass, 0.05 or 0.2.
    mass_ratio : float
        m_chi/m_A'; positive. From 1/2 on the channel is closed.

    Raises
    ------
    ModelError
        If one of them is not as said.
    """

    kind: str = "dirac"
    alpha_d: float = 0.1
    mass_ratio: float = 1 / 3

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            msg = f"unknown dark matter {self.kind!r}; there are {', '.join(KINDS)}"
            raise ModelError(msg)
        if not 0 < self.alpha_d <= 1:
            msg = f"alpha_D = {self.alpha_d:g} must lie above 0 and not above 1 (perturbative)"
            raise ModelError(msg)
        if not 0 < self.mass_ratio < np.inf:
            msg = f"m_chi/m_A' = {self.mass_ratio:g} must be positive"
            raise ModelError(msg)


def lepton_width(m: npt.ArrayLike, epsilon: npt.ArrayLike, lepton_mass: float) -> Floats:
    """Return the width of A' -> l+ l- [GeV].

    Parameters
    ----------
    m : array_like
        Mass of the A' [GeV]; positive.
    epsilon : array_like
        Kinetic mixing, of a shape that broadcasts with `m`; not negative.
    lepton_mass : float
        [GeV]

    Returns
    -------
    array
        Shape of `m` and `epsilon` together; zero where m <= 2 l.

    Raises
    ------
    ModelError
        If a mass is not positive, or epsilon is negative.
    """
    m = _positive("A' mass", m)
    epsilon = np.asarray(epsilon, np.float64)
    if not np.all((epsilon >= 0) & (epsilon < np.inf)):
        msg = "epsilon must not be negative"
        raise ModelError(msg)
    r2 = (lepton_mass / m) ** 2
    return ALPHA * epsilon**2 * m / 3 * (1 + 2 * r2) * _beta(r2)


def visible_width(m: npt.ArrayLike, epsilon: npt.ArrayLike) -> Floats:
    """Return the width to e, mu and tau pairs [GeV]; parameters as for `lepton_width`."""
    electron, muon, tau = (lepton_width(m, epsilon, mass) for mass in (M_E, M_MU, M_TAU))
    return electron + muon + tau


def dark_width(m: npt.ArrayLike, dark_matter: DarkMatter) -> Floats:
    """Return the width of A' -> chi chi [GeV], of the shape of `m` [GeV]; zero if it is closed."""
    m = _positive("A' mass", m)
    r2 = dark_matter.mass_ratio**2
    beta = _beta(r2)
    factor = {
        "dirac": (1 + 2 * r2) * beta / 3,
        "pseudo_dirac": (1 + 2 * r2) * beta / 3,
        "scalar": beta**3 / 12,
        "majorana": beta**3 / 6,
    }[dark_matter.kind]
    return dark_matter.alpha_d * m * factor


def total_width(m: npt.ArrayLike, epsilon: npt.ArrayLike, dark_matter: DarkMatter) -> Floats:
    """Return the sum of `visible_width` and `dark_width` [GeV]; parameters as there."""
    return visible_width(m, epsilon) + dark_width(m, dark_matter)


def invisible_fraction(m: npt.ArrayLike, epsilon: npt.ArrayLike, dark_matter: DarkMatter) -> Floats:
    """Return the branching fraction to chi chi, between 0 and 1; parameters as for `total_width`.

    Zero where the channel is closed, also if nothing else is open.
    """
    visible = visible_width(m, epsilon)
    dark = np.broadcast_to(dark_width(m, dark_matter), visible.shape)
    fraction = np.zeros(visible.shape)
    np.divide(dark, visible + dark, out=fraction, where=dark > 0)
    return fraction


def decay_length(m: npt.ArrayLike, energy: npt.ArrayLike, width: npt.ArrayLike) -> Floats:
    """Return the mean length of flight (p/m) hbar c/Gamma in the laboratory [mm].

    Parameters
    ----------
    m, energy, width : array_like
        Mass, energy and total width [GeV], of shapes that broadcast.

    Returns
    -------
    array
        Infinite where the width is zero.

    Raises
    ------
    ModelError
        If a mass is not positive, an energy is below the mass, or a width is negative.
    """
    m = _positive("A' mass", m)
    energy, width = np.asarray(energy, np.float64), np.asarray(width, np.float64)
    if not np.all((energy >= m) & (energy < np.inf)):
        msg = "an energy is below the A' mass; give energies from the mass on"
        raise ModelError(msg)
    if not np.all(width >= 0):
        msg = "a width is negative; widths are from 0 GeV on"
        raise ModelError(msg)
    path = np.sqrt((energy - m) * (energy + m)) / m * HBAR_C
    path, width = np.broadcast_arrays(path, width)
    length = np.full(path.shape, np.inf)
    np.divide(path, width, out=length, where=width > 0)
    return length


def _beta(r2: Floats | float) -> Floats:
    """Return the velocity of the decay products, from (their mass/m)^2; zero below threshold."""
    return np.asarray(np.sqrt(np.maximum(1 - 4 * np.asarray(r2), 0.0)))


def _positive(what: str, value: npt.ArrayLike) -> Floats:
    array = np.asarray(value, np.float64)
    if not np.all((array > 0) & (array < np.inf)):
        msg = f"{what} must be positive"
        raise ModelError(msg)
    return array
