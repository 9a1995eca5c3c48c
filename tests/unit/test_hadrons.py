"""The R ratio against what its integrals are known to be."""

import numpy as np
import pytest

from na64ana.constants import ALPHA, M_MU, M_PION
from na64ana.interpretation.hadrons import r_ratio


def vacuum_polarisation(low: float, high: float) -> float:
    """Return the share of energies in the muon's g-2, by its leading-order kernel [1e-10]."""
    energy = np.linspace(low, high, 200_001)
    s = energy**2
    b = np.sqrt(1 - 4 * M_MU**2 / s)
    x = (1 - b) / (1 + b)
    kernel = x**2 / 2 * (2 - x**2) + (1 + x) / (1 - x) * x**2 * np.log(x)
    kernel += (1 + x**2) * (1 + x) ** 2 * (np.log1p(x) - x + x**2 / 2) / x**2
    total = np.trapezoid(kernel / s * r_ratio(energy) * 2 * energy, energy)
    return 1e10 / 3 * (ALPHA / np.pi) ** 2 * total


def test_hadrons_in_the_g_2_of_the_muon():
    """M. Davier et al., EPJC 80 (2020) 241: 694.0 in all, of which 33.5 from 1.8 to 3.7 GeV.

    J/psi and psi(2S) 9.3, energies above 3.7 GeV 17.2 and final states with photons of a pi0 or
    eta below 0.6 GeV, about 0.4, are not in the table.
    """
    assert vacuum_polarisation(1.8, 3.7) == pytest.approx(33.5, rel=0.02)
    expected = 694.0 - 9.3 - 17.2 - 0.4
    assert vacuum_polarisation(2 * M_PION, 3.7) == pytest.approx(expected, rel=0.01)


def test_the_threshold_is_that_of_a_pair_of_scalars():
    """beta^3/4 times the squared form factor, 1 + s <r^2>/3 to first order, <r^2> = 0.43 fm^2.

    The lowest point of the compilation, at 0.3 GeV, is measured to no better.
    """
    assert np.all(r_ratio([0.0, 0.1, 2 * M_PION]) == 0)
    energy = 0.285
    beta = np.sqrt(1 - (2 * M_PION / energy) ** 2)
    form_factor = 1 + energy**2 * 0.43 / 0.19733**2 / 3
    assert r_ratio(energy) == pytest.approx(beta**3 / 4 * form_factor, rel=0.3)


def test_peaks_and_plateau():
    """omega on rho, phi; three quarks with colours and a gluon, 2 (1 + alpha_s/pi)."""
    energy = np.linspace(0.5, 2.0, 15_001)
    peak = energy[np.argmax(r_ratio(energy))]
    assert peak == pytest.approx(1.01946, abs=1e-3)
    assert r_ratio(0.782) == pytest.approx(19.3, rel=0.01)
    assert r_ratio(2.5) == pytest.approx(2 * (1 + 0.30 / np.pi), rel=0.02)
