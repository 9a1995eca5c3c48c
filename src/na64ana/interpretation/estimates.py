"""Analytic estimates of thermal targets, good to some ten per cent.

S. N. Gninenko, N. V. Krasnikov, V. A. Matveev, Phys. Usp. 64 (2021) 1286, eqs 32 to 42, after
E. W. Kolb and M. S. Turner, The Early Universe, section 5.2: freeze-out at once, annihilation to
electrons only, non-relativistic and below the resonance. For pseudo-Dirac as for Dirac.
"""

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, OMEGA_C_H2, PLANCK_MASS
from na64ana.interpretation.plasma import energy_degrees, entropy_degrees
from na64ana.signal.widths import DarkMatter

Floats = npt.NDArray[np.float64]

#: Spin states with antiparticles and partners.
SPIN_STATES = {"dirac": 4.0, "pseudo_dirac": 4.0, "scalar": 2.0, "majorana": 2.0}
#: Turns for x and the strength: each changes the other by a logarithm.
_TURNS = 12


def is_own_antiparticle(dark_matter: DarkMatter) -> bool:
    """Return whether every particle can annihilate with every other: Majorana only."""
    return dark_matter.kind == "majorana"


def estimate_target(
    m_chi: npt.ArrayLike, dark_matter: DarkMatter, omega_h2: float = OMEGA_C_H2
) -> Floats:
    """Return y by the analytic estimate.

    Parameters
    ----------
    m_chi : array_like
        [GeV]
    dark_matter : DarkMatter
    omega_h2 : float
        The density to be met.

    Returns
    -------
    array
        Shape of `m_chi`.
    """
    m = np.asarray(m_chi, np.float64)
    k = 1 if is_own_antiparticle(dark_matter) else 2
    states = SPIN_STATES[dark_matter.kind] / k
    s_wave = dark_matter.kind in {"dirac", "pseudo_dirac"}
    n = 0 if s_wave else 1
    x = np.full(m.shape, 15.0)
    for _ in range(_TURNS):
        g, h = energy_degrees(m / x), entropy_degrees(m / x)
        sigma_0 = k * (n + 1) * x ** (n + 1) * np.sqrt(g) / h * 8.77e-11 / omega_h2  # eq 32
        c = np.log(0.038 * (n + 1) * states / np.sqrt(g) * PLANCK_MASS * m * sigma_0)  # eq 34
        x = c - (n + 0.5) * np.log(c)  # eq 33
    # eqs 36 and 40 with <v^2> = 6/x, per eps^2 alpha_D
    unit = (16 if s_wave else 6 * 8 / 3) * np.pi * ALPHA * m**2
    m_ap2 = (m / dark_matter.mass_ratio) ** 2
    strength = sigma_0 * (m_ap2 - 4 * m**2) ** 2 / unit
    return np.asarray(strength * dark_matter.mass_ratio**4)
