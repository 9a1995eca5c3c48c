"""Dark matter into the Standard Model: chi chi -> A'* -> e e, mu mu, tau tau, hadrons.

sigma(s) = (4 pi/3) eps^2 alpha alpha_D D(s) F(s) s/[(s - m_A'^2)^2 + m_A'^2 Gamma^2] with

- D = (1 + 2 m_chi^2/s)/b for Dirac, b for a complex scalar and for Majorana (axial coupling g/2);
- F = sum over leptons of b_l (1 + 2 m_l^2/s), plus the R ratio for hadrons;

b = sqrt(1 - 4 m^2/s). It is e+ e- -> A' -> chi chi (na64ana.signal.annihilation) the other way
round: times the ratio of squared momenta and of spin states, times two for Majorana. Near threshold
it is that of the review (S. N. Gninenko, N. V. Krasnikov, V. A. Matveev, Phys. Usp. 64 (2021) 1286,
eqs 36 and 40), apart from the electron mass.

Averages are those of P. Gondolo and G. Gelmini, NPB 360 (1991) 145, eq 3.8: Boltzmann statistics,
dark matter as warm as the plasma. In w = sqrt(s)/(2 m_chi) - 1 and x = m_chi/T they read
<sigma v> = 8 x/K_2(x)^2 int dw sigma w (2 + w) (1 + w)^2 K_1(2 x (1 + w)).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import k1e, kve

from na64ana.constants import ALPHA, M_E, M_MU, M_TAU
from na64ana.errors import ModelError
from na64ana.interpretation.hadrons import r_ratio
from na64ana.signal.widths import DarkMatter, dark_width

Floats = npt.NDArray[np.float64]

#: Largest m_chi/m_A'. Closer to 1/2 annihilation is resonant: the mean depends on the shape of the
#: width, and dark matter leaves the temperature of the plasma before it freezes out
#: (T. Binder et al., PRD 96 (2017) 115010).
LARGEST_RATIO = 1 / 2.1
#: Excesses w over threshold that matter: from T = m/20000 on, up to T = m/4.
_LEAST, _COARSE, _MOST = 1e-8, 1e-3, 6.0
#: Panels per factor e below and above _COARSE, where thresholds and hadronic resonances lie.
_PANELS = (3, 20)


@dataclass(frozen=True)
class Excess:
    """Gauss-Legendre nodes in w = sqrt(s)/(2 m_chi) - 1.

    Attributes
    ----------
    nodes, weights : array, shape (n,)
    """

    nodes: Floats
    weights: Floats


def make_excess(dark_matter: DarkMatter, order: int = 8) -> Excess:
    """Return nodes for one ratio of masses, dense at the threshold and around the A'.

    Parameters
    ----------
    dark_matter : DarkMatter
    order : int
        Nodes per panel.

    Raises
    ------
    ModelError
        If m_A' is below 2.1 m_chi, at the resonance or below.
    """
    check_ratio(dark_matter)
    n_low, n_high = (
        round(n * np.log(high / low))
        for n, low, high in zip(_PANELS, (_LEAST, _COARSE), (_COARSE, _MOST), strict=True)
    )
    low, high = np.geomspace(_LEAST, _COARSE, n_low), np.geomspace(_COARSE, _MOST, n_high)
    edges = [0.0, *low, *high[1:]]
    pole = 0.5 / dark_matter.mass_ratio - 1
    if pole < _MOST:
        # Panels that double away from the A', from a fifth of its width on.
        width = float(dark_width(1.0, dark_matter)) / (2 * dark_matter.mass_ratio)
        n = max(int(np.ceil(np.log2(pole / 2 / (width / 5)))), 1)
        steps = pole / 2 * 2.0 ** -np.arange(n + 1)
        edges = [*edges, *(pole - steps), *(pole + steps)]
    sides = np.unique(np.minimum(edges, _MOST))
    node, weight = np.polynomial.legendre.leggauss(order)
    half = np.diff(sides)[:, None] / 2
    nodes = sides[:-1, None] + half * (1 + node)
    return Excess(nodes.ravel(), (half * weight).ravel())


def check_ratio(dark_matter: DarkMatter) -> None:
    """Raise ModelError if m_A' is below 2.1 m_chi."""
    if dark_matter.mass_ratio > LARGEST_RATIO * (1 + 1e-9):
        ratio = 1 / dark_matter.mass_ratio
        msg = (
            f"m_A' = {ratio:g} m_chi is at the resonance or below it; "
            "thermal targets are for m_A' of at least 2.1 m_chi"
        )
        raise ModelError(msg)


def cross_section(
    s: npt.ArrayLike, m_chi: npt.ArrayLike, dark_matter: DarkMatter, width: npt.ArrayLike
) -> Floats:
    """Return sigma(chi chi -> SM)/(eps^2 alpha_D) [GeV^-2].

    Parameters
    ----------
    s : array_like
        Square of the energy in the centre of mass [GeV^2]; above 4 m_chi^2.
    m_chi : array_like
        [GeV], of a shape that broadcasts with `s`.
    dark_matter : DarkMatter
        For a pseudo-Dirac pair this is chi_1 chi_2, with no splitting.
    width : array_like
        Total width of the A' [GeV], of a shape that broadcasts.

    Returns
    -------
    array
        Shape of `s`, `m_chi` and `width` together.

    Raises
    ------
    ModelError
        If s is not above threshold.
    """
    m_ap = np.asarray(m_chi, np.float64) / dark_matter.mass_ratio
    return couplings(s, m_chi, dark_matter) * propagator(s, m_ap, width)


def couplings(s: npt.ArrayLike, m_chi: npt.ArrayLike, dark_matter: DarkMatter) -> Floats:
    """Return what `cross_section` has before the propagator; parameters as there."""
    s, m_chi = np.asarray(s, np.float64), np.asarray(m_chi, np.float64)
    beta2 = 1 - 4 * m_chi**2 / s
    if not np.all((beta2 > 0) & (beta2 <= 1)):
        msg = "s must be above 4 m_chi^2; an energy in the centre of mass is below threshold"
        raise ModelError(msg)
    dark = np.sqrt(beta2)
    if dark_matter.kind in {"dirac", "pseudo_dirac"}:
        dark = (1 + 2 * m_chi**2 / s) / dark
    return np.asarray(4 * np.pi / 3 * ALPHA * dark * visible_final_states(s))


def propagator(s: npt.ArrayLike, m_ap: npt.ArrayLike, width: npt.ArrayLike) -> Floats:
    """Return s/[(s - m_A'^2)^2 + m_A'^2 Gamma^2] [GeV^-2]; masses and widths in GeV."""
    s, m_ap, width = (np.asarray(value, np.float64) for value in (s, m_ap, width))
    return np.asarray(s / ((s - m_ap**2) ** 2 + (m_ap * width) ** 2))


def visible_final_states(s: npt.ArrayLike) -> Floats:
    """Return the sum of leptons and hadrons over one massless lepton, at s [GeV^2]."""
    s = np.asarray(s, np.float64)
    total = r_ratio(np.sqrt(s))
    for mass in (M_E, M_MU, M_TAU):
        r2 = mass**2 / s
        total = total + np.sqrt(np.maximum(1 - 4 * r2, 0.0)) * (1 + 2 * r2)
    return total


def thermal_weights(x: npt.ArrayLike, excess: Excess) -> Floats:
    """Return the matrix ``(n_x, n_w)`` that turns sigma at the nodes into <sigma v>.

    Parameters
    ----------
    x : array_like, shape (n_x,)
        m_chi/T.
    excess : Excess
    """
    x, w = np.asarray(x, np.float64)[:, None], excess.nodes
    # Scaled Bessel functions: exp(2x) of K_2^2 against exp(-2x(1+w)) of K_1.
    decay = np.exp(-np.minimum(2 * x * w, 700.0)) * k1e(2 * x * (1 + w)) / kve(2, x) ** 2
    return np.asarray(8 * x * decay * w * (2 + w) * (1 + w) ** 2 * excess.weights)
