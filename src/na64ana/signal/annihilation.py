"""Resonant annihilation e+ e- -> A' -> chi chi of shower positrons on atomic electrons.

Marsicano et al., arXiv:1802.03794 and 1807.05884; NA64, arXiv:2108.04195. A full Breit-Wigner, as
Gamma/m is 3 % for alpha_D = 0.1. Electrons move: each has the kinetic energy of its binding, in any
direction (the collaboration's generator DMG4 does the same), which spreads s.
Natural units (GeV); epsilon = 1.

sigma(s) = N(s) / [(s - m^2)^2 + m^2 Gamma^2], N(s) = (4 pi / 3) alpha alpha_D f(s). In
s = m^2 + m Gamma tan(phi) the resonance is flat, so that integrals over s are exact however narrow
it is.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.constants import ALPHA, M_E
from na64ana.signal.target import Target
from na64ana.signal.widths import KINDS, DarkMatter, dark_width

Floats = npt.NDArray[np.float64]

#: Nodes over the direction of the electron, and over s inside a bin of energies.
_N_DIRECTION, _N_S = 16, 4
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
    width = _width(m, dark_matter)
    numerator = np.array([
        _numerator(one, (dark_matter.mass_ratio * m) ** 2, KINDS.index(dark_matter.kind))
        for one in s.ravel()
    ]).reshape(s.shape)  # fmt: skip
    factor = 4 * np.pi / 3 * ALPHA * dark_matter.alpha_d
    return np.asarray(factor * numerator / ((s - m**2) ** 2 + (m * width) ** 2))


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
    found = _integrate(
        np.asarray(edges, float),
        np.array(shells),
        m,
        _width(m, dark_matter),
        (dark_matter.mass_ratio * m) ** 2,
        KINDS.index(dark_matter.kind),
        np.polynomial.legendre.leggauss(_N_DIRECTION if motion else 1),
        np.polynomial.legendre.leggauss(_N_S),
    )
    return np.asarray(4 * np.pi / 3 * ALPHA * dark_matter.alpha_d * found / np.diff(edges))


def _width(m: float, dark_matter: DarkMatter) -> float:
    return max(float(dark_width(m, dark_matter)), _LEAST_WIDTH * m)


_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _numerator(s, m_chi2, kind):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return f(s) [GeV^2] of the final states, in the order of `KINDS`."""
    if s <= 4 * m_chi2:
        return 0.0
    b = np.sqrt(1 - 4 * m_chi2 / s)
    if kind <= 1:
        return s * b * (3 - b * b) / 2
    return s * b**3 / (4 if kind == 2 else 2)


@_compiled
def _integrate(  # type: ignore[no-untyped-def]  # pragma: no cover
    edges, shells, m, width, m_chi2, kind, directions, inner
):
    """Return int dE+ <f / [(s - m^2)^2 + m^2 Gamma^2]> in bins, summed over electrons."""
    found = np.zeros(len(edges) - 1)
    scale = m * width
    cosine, weight = directions
    node, node_weight = inner
    for i in range(len(shells)):
        binding, number = shells[i]
        e_minus = M_E + binding
        p_minus = np.sqrt(binding * (binding + 2 * M_E))
        for j in range(len(cosine)):
            # s = 2 m_e^2 + slope E+, the positron's mass aside
            slope = 2 * (e_minus - p_minus * cosine[j])
            before = 0.0
            for n in range(len(edges)):
                s = 2 * M_E**2 + slope * edges[n]
                if n > 0 and s > 4 * m_chi2:
                    low = max(before, 4 * m_chi2)
                    a, b = (low - m * m) / scale, (s - m * m) / scale
                    # atan(b) - atan(a) without cancellation
                    span = np.arctan2(b - a, 1 + a * b)
                    start = np.arctan(a)
                    total = 0.0
                    for k in range(len(node)):
                        at = m * m + scale * np.tan(start + span * (1 + node[k]) / 2)
                        at = min(max(at, low), s)
                        total += node_weight[k] * _numerator(at, m_chi2, kind)
                    found[n - 1] += number * weight[j] / 2 * total * span / 2 / (scale * slope)
                before = s
    return found
