"""Relations between the couplings of dark matter: y, scattering on electrons, the Landau pole.

Review: Gninenko, Krasnikov, Matveev, Usp. Fiz. Nauk 191 (2021) 1361 (UFN2021). Natural units (GeV).
"""

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, GEV2_TO_CM2, M_E
from na64ana.errors import ModelError
from na64ana.signal.widths import KINDS, DarkMatter

Floats = npt.NDArray[np.float64]

#: Scale [GeV] below which a theory is asked to have no Landau pole (UFN2021, section 2.1, which
#: takes the Planck mass, too).
TEV = 1e3
#: Where alpha_D is meant [GeV] (UFN2021).
REFERENCE_SCALE = 0.01
#: Charge squared of what runs in the loop: fermions and scalars, weighted as in UFN2021, eq. 10.
#: Pseudo-Dirac and Majorana: a fermion, and a scalar of charge 2 that splits the masses. Scalar:
#: that of dark matter, and one that gives the A' its mass. Dirac: alone (the mass by Stueckelberg).
_BETA = {
    "pseudo_dirac": 4 / 3 + 4 / 3,
    "majorana": 4 / 3 + 4 / 3,
    "scalar": 1 / 3 + 1 / 3,
    "dirac": 4 / 3,
}
#: Dark matter that scatters elastically at tree level, and slowly enough: Majorana scattering goes
#: with the velocity squared, pseudo-Dirac states change into the heavier one.
ELASTIC = ("dirac", "scalar")


def compute_y(epsilon: npt.ArrayLike, dark_matter: DarkMatter) -> Floats:
    """Return y = epsilon^2 alpha_D (m_chi/m_A')^4, of the shape of `epsilon`.

    PRL 131 (2023) 161801, eq. 1.
    """
    epsilon = np.asarray(epsilon, float)
    return np.asarray(epsilon**2 * dark_matter.alpha_d * dark_matter.mass_ratio**4)


def compute_epsilon(y: npt.ArrayLike, dark_matter: DarkMatter) -> Floats:
    """Return the epsilon of a y: the inverse of `compute_y`."""
    y = np.asarray(y, float)
    return np.asarray(np.sqrt(y / (dark_matter.alpha_d * dark_matter.mass_ratio**4)))


def electron_cross_section(
    m_ap: npt.ArrayLike, epsilon: npt.ArrayLike, dark_matter: DarkMatter
) -> Floats:
    """Return the cross section of chi e -> chi e of slow dark matter [cm^2].

    16 pi mu_e^2 alpha epsilon^2 alpha_D / m_A'^4 (UFN2021, eq. 62), with the reduced mass mu_e;
    a momentum transfer small beside m_A'.

    Parameters
    ----------
    m_ap, epsilon : array_like
        Mass of the A' [GeV], and mixing; shapes that broadcast.
    dark_matter : DarkMatter

    Raises
    ------
    ModelError
        If this kind of dark matter does not scatter so.
    """
    if dark_matter.kind not in ELASTIC:
        why = {
            "majorana": "goes with the velocity squared",
            "pseudo_dirac": "needs the energy of the heavier state",
        }[dark_matter.kind]
        msg = f"{dark_matter.kind}: scattering on electrons {why}; there is {', '.join(ELASTIC)}"
        raise ModelError(msg)
    m_ap = np.asarray(m_ap, float)
    m_chi = dark_matter.mass_ratio * m_ap
    reduced = m_chi * M_E / (m_chi + M_E)
    y = compute_y(epsilon, dark_matter)
    return np.asarray(GEV2_TO_CM2 * 16 * np.pi * reduced**2 * ALPHA * y / m_chi**4)


def landau_bound(kind: str, pole: float = TEV, scale: float = REFERENCE_SCALE) -> float:
    """Return the largest alpha_D at `scale` that runs without a Landau pole below `pole`.

    One loop: 1/alpha_D = b ln(pole/scale), b = (4/3 Q_F^2 n_F + 1/3 Q_S^2 n_S)/(2 pi) (UFN2021,
    eq. 10; Davoudiasl and Marciano, PRD 92 (2015) 035008).

    Parameters
    ----------
    kind : str
        One of `na64ana.signal.widths.KINDS`.
    pole, scale : float
        [GeV]

    Raises
    ------
    ModelError
        If there is no such dark matter, or the pole does not lie above the scale.
    """
    if kind not in KINDS:
        msg = f"unknown dark matter {kind!r}; there are {', '.join(KINDS)}"
        raise ModelError(msg)
    if not 0 < scale < pole < np.inf:
        msg = f"a pole at {pole:g} GeV must lie above the scale of alpha_D, {scale:g} GeV"
        raise ModelError(msg)
    return float(2 * np.pi / (_BETA[kind] * np.log(pole / scale)))


def landau_note(dark_matter: DarkMatter) -> str | None:
    """Return a sentence if alpha_D has its Landau pole below 1 TeV; None if not."""
    bound = landau_bound(dark_matter.kind)
    if dark_matter.alpha_d <= bound:
        return None
    return (
        f"alpha_D = {dark_matter.alpha_d:g} of {dark_matter.kind} dark matter has a Landau pole "
        f"below 1 TeV: from {bound:.2g} on"
    )
