"""Degrees of freedom against direct integrals, other tables and thermodynamics."""

import numpy as np
import pytest
from scipy.integrate import quad

from na64ana.constants import M_E, M_MU, M_PI0, M_PION
from na64ana.errors import ModelError
from na64ana.interpretation.plasma import (
    COLDEST,
    HOTTEST,
    energy_degrees,
    entropy_degrees,
    standard_plasma,
)

#: S. Borsanyi et al., Nature 539 (2016) 69, table S2: log10(T/MeV), g, g/h.
BORSANYI = [
    (0.50, 10.74, 1.00029), (1.00, 10.76, 1.00048), (1.25, 11.09, 1.00505), (1.60, 13.68, 1.02159),
    (2.00, 17.61, 1.02324), (2.15, 24.07, 1.05423), (2.20, 29.84, 1.07578),
]  # fmt: skip


def gas(mass: float, states: float, sign: int, t: float) -> tuple[float, float]:
    """Return g and h of an ideal gas by direct integration; sign +1 for fermions."""
    ratio = mass / t

    def energy(p: float) -> float:
        e = np.hypot(p, ratio)
        return p**2 * e / (np.exp(e) + sign)

    def pressure(p: float) -> float:
        e = np.hypot(p, ratio)
        return p**4 / (3 * e) / (np.exp(e) + sign)

    top = 40 + ratio
    rho, push = (15 / np.pi**4 * states * quad(f, 1e-9, top)[0] for f in (energy, pressure))
    return rho, 0.75 * (rho + push)


def with_electrons(t: float) -> tuple[float, float]:
    """Return g and h of photons and electrons."""
    g, h = gas(M_E, 4, 1, t)
    return 2 + g, 2 + h


@pytest.mark.parametrize("t", [3e-3, 10e-3, 30e-3, 60e-3])
def test_sums_of_gases_while_neutrinos_are_coupled(t):
    g, h = with_electrons(t)
    g, h = g + 5.25, h + 5.25
    for mass, states, sign in ((M_MU, 4, 1), (M_PION, 2, -1), (M_PI0, 1, -1)):
        more = gas(mass, states, sign, t)
        g, h = g + more[0], h + more[1]
    # heavier hadrons are 1 % at 60 MeV
    assert energy_degrees(t) == pytest.approx(g, rel=0.012)
    assert entropy_degrees(t) == pytest.approx(h, rel=0.012)


@pytest.mark.parametrize("t", [20e-6, 60e-6, 0.1e-3, 0.3e-3, 1e-3])
def test_neutrinos_apart_from_electrons_by_conserved_entropy(t):
    """Decoupled at once at 2 MeV; the gradual decoupling changes 0.6 %."""
    g, h = with_electrons(t)
    cooler = h / with_electrons(2e-3)[1]
    assert energy_degrees(t) == pytest.approx(g + 5.25 * cooler ** (4 / 3), rel=8e-3)
    assert entropy_degrees(t) == pytest.approx(h + 5.25 * cooler, rel=8e-3)


def test_today():
    """N_eff = 3.045 neutrinos at (4/11)^(1/3) of the temperature of the photons."""
    g = 2 + 7 / 4 * 3.045 * (4 / 11) ** (4 / 3)
    assert energy_degrees(COLDEST) == pytest.approx(g, rel=1e-3)
    assert entropy_degrees(COLDEST) == pytest.approx(2 + 5.25 * 4 / 11 * 3.045 / 3, rel=5e-3)
    assert standard_plasma().entropy_today() == pytest.approx(3.931)


@pytest.mark.parametrize(("log_t", "g", "ratio"), BORSANYI)
def test_an_independent_table(log_t, g, ratio):
    t = 10**log_t * 1e-3
    assert energy_degrees(t) == pytest.approx(g, rel=0.02)
    assert entropy_degrees(t) == pytest.approx(g / ratio, rel=0.012)


@pytest.mark.parametrize(
    ("low", "high", "allowed"), [(3e-3, 0.115, 0.004), (0.125, 0.3, 0.03), (0.3, 50.0, 0.006)]
)
def test_heat_is_temperature_times_entropy(low, high, allowed):
    """Without conserved numbers d rho = T ds; most is asked of the fit at the QCD transition."""
    t = np.geomspace(low, high, 500)
    g, h = energy_degrees(t), entropy_degrees(t)
    log_t = np.log(t)
    energy = 0.75 * (4 * g + np.gradient(g, log_t))
    entropy = 3 * h + np.gradient(h, log_t)
    np.testing.assert_allclose(energy[1:-1], entropy[1:-1], rtol=allowed)


def test_the_two_fits_join():
    below, above = energy_degrees([0.12 * (1 - 1e-9), 0.12])
    assert above == pytest.approx(below, rel=2e-3)
    below, above = entropy_degrees([0.12 * (1 - 1e-9), 0.12])
    assert above == pytest.approx(below, rel=2e-3)


def test_expansion_without_change_is_the_plain_ratio():
    plasma = standard_plasma()
    assert plasma.expansion(1e-6) == pytest.approx(3.931 / np.sqrt(3.383), rel=1e-6)
    assert plasma.expansion(1e-8) == plasma.expansion(COLDEST)  # nothing changes below
    # electrons vanish: entropy falls as T does, and makes it larger
    t = 0.15e-3
    plain = entropy_degrees(t) / np.sqrt(energy_degrees(t))
    assert plasma.expansion(t) > 1.05 * plain


@pytest.mark.parametrize("t", [0.0, -1.0, COLDEST / 2, 2 * HOTTEST, np.nan, np.inf])
def test_temperatures_outside_the_range(t):
    for degrees in (energy_degrees, entropy_degrees):
        with pytest.raises(ModelError, match="1 keV to 100 GeV"):
            degrees([1e-3, t])
