"""The R ratio: how often a virtual photon becomes hadrons, over point-like muon pairs."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from na64ana.constants import M_PION

Floats = npt.NDArray[np.float64]

_DATA = Path(__file__).resolve().parent.parent / "data" / "hadronic_r_ratio.yaml"


def r_ratio(energy: npt.ArrayLike) -> Floats:
    """Return R = sigma(e+ e- -> hadrons)/(4 pi alpha^2/3s).

    Measured points in straight lines (data/hadronic_r_ratio.yaml: the compilation of the Particle
    Data Group), divided by beta^3 of a pion pair, which makes the threshold right. Constant above
    3.7 GeV and without charmonium, so good up to 3 GeV.

    Parameters
    ----------
    energy : array_like
        Energy in the centre of mass, sqrt(s) [GeV].

    Returns
    -------
    array
        Shape of `energy`; zero below two charged pions.
    """
    energy = np.asarray(energy, np.float64)
    known, reduced = _points()
    return np.asarray(np.interp(energy, known, reduced) * _beta3(energy))


@cache
def _points() -> tuple[Floats, Floats]:
    """Return energies [GeV] and R over beta^3."""
    energy, r = np.array(yaml.safe_load(_DATA.read_text(encoding="utf-8"))["points"]).T
    return energy, r / _beta3(energy)


def _beta3(energy: Floats) -> Floats:
    """Return the cube of the velocity of a charged pion in a pair."""
    beta2 = np.maximum(1 - (2 * M_PION / np.maximum(energy, M_PION)) ** 2, 0.0)
    return np.asarray(beta2 * np.sqrt(beta2))
