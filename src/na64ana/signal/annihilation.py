"""Resonant annihilation e+ e- -> A' -> chi chi of shower positrons on atomic electrons.

Marsicano et al., arXiv:1802.03794 and 1807.05884; NA64, arXiv:2108.04195. A full Breit-Wigner, as
Gamma/m is 3 % for alpha_D = 0.1. Electrons move: each has the kinetic energy of its binding, in any
direction, as in the collaboration's generator DMG4; that spreads s. The rate goes with the relative
velocity, which DMG4 leaves out: -2 % at the dip, +4 % at 300 MeV, +12 % at 350 MeV.
Natural units (GeV); epsilon = 1.

sigma(s) = N(s) / [(s - m^2)^2 + m^2 Gamma^2], N(s) = (4 pi / 3) alpha alpha_D f(s). In
s = m^2 + m Gamma tan(phi) the resonance is flat, so that integrals over s are exact however narrow
it is.
"""

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, M_E
from na64ana.errors import ModelError
from na64ana.signal.kernels import numerator, resonance
from na64ana.signal.target import Target
from na64ana.signal.widths import KINDS, DarkMatter, dark_width

Floats = npt.NDArray[np.float64]

#: Nodes over the direction of the electron, and over s inside a bin of energies.
_N_DIRECTION, _N_DIRECTION_FAR, _N_S = 16, 6, 4
#: How far beyond sqrt(2 m_e E) annihilation on the fastest electrons reaches: those of the K shell
#: of lead have v = 0.5 c.
REACH = 1.34
#: Below this width over mass, four times more directions are needed.
_NARROW = 0.02
#: Ratios m_chi/m_A' around 1/2 where the width depends on s, and no constant one will do.
_AT_THRESHOLD = (0.49, 0.51)
#: Least width over mass: a channel that is closed has no pole where it could be reached.
_LEAST_WIDTH = 1e-9


def annihilation_cross_section(s: Floats, m: float, dark_matter: DarkMatter) -> Floats:
    """Return sigma(e+ e- -> chi chi) [GeV^-2] on electrons at s ``(n,)`` [GeV^2], epsilon = 1.

    Parameters
    ----------
    s : array (n,)
        [GeV^2]
    m : float
        Mass of the A' [GeV].
    dark_matter : DarkMatter
    """
    s = np.asarray(s, float)
    width, m_chi2 = _width(m, dark_matter), (dark_matter.mass_ratio * m) ** 2
    kind = KINDS.index(dark_matter.kind)
    f = np.array([numerator(one, m_chi2, kind) for one in s.ravel()]).reshape(s.shape)
    factor = 4 * np.pi / 3 * ALPHA * dark_matter.alpha_d
    return np.asarray(factor * f / ((s - m**2) ** 2 + (m * width) ** 2))


def annihilation_per_x0(
    edges: Floats, m: float, dark_matter: DarkMatter, target: Target, *, motion: bool = True
) -> Floats:
    """Return annihilations per radiation length of a positron, mean in bins of its energy.

    Parameters
    ----------
    edges : array (n + 1,)
        Energies of the positron [GeV], rising.
    m : float
        Mass of the A' [GeV].
    dark_matter : DarkMatter
    target : Target
        Electrons of all its elements take part.
    motion : bool
        Whether the electrons move.

    Returns
    -------
    array (n,)
        In GeV^-2 times electrons per cm^2; zero where the energy does not suffice.
    """
    shells = [
        (binding if motion else 0.0, number * one.atoms_per_x0)
        for one in target.components
        for binding, number in one.element.shells
    ]
    if not motion:
        shells = [(0.0, target.electrons_per_x0)]
    width = _width(m, dark_matter)
    edges = np.asarray(edges, float)
    found = resonance(
        edges,
        np.array(shells),
        (m, width, (dark_matter.mass_ratio * m) ** 2, KINDS.index(dark_matter.kind)),
        np.polynomial.legendre.leggauss(_directions(edges, m, width) if motion else 1),
        np.polynomial.legendre.leggauss(_N_S),
        M_E,
    )
    return np.asarray(4 * np.pi / 3 * ALPHA * dark_matter.alpha_d * found / np.diff(edges))


def _directions(edges: Floats, m: float, width: float) -> int:
    """Return how many directions of an electron are needed.

    More for a narrow resonance that some positron can meet, fewer where all are far above it.
    """
    low, high = np.sqrt(2 * M_E * edges[[0, -1]])
    if m < low / REACH:
        return _N_DIRECTION_FAR
    narrow = width < _NARROW * m and m < high * REACH
    return _N_DIRECTION * (4 if narrow else 1)


def _width(m: float, dark_matter: DarkMatter) -> float:
    low, high = _AT_THRESHOLD
    if low < dark_matter.mass_ratio < high:
        msg = (
            f"m_chi/m_A' = {dark_matter.mass_ratio:g}: between {low:g} and {high:g} the resonance "
            "is not described; choose another ratio"
        )
        raise ModelError(msg)
    return max(float(dark_width(m, dark_matter)), _LEAST_WIDTH * m)
