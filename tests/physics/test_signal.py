"""Published cross sections, closed forms, and the published limit."""

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import gamma

from na64ana.constants import GEV2_TO_PB, M_E
from na64ana.errors import ModelError
from na64ana.signal.bremsstrahlung import Nodes, differential_cross_section, elastic_form_factor
from na64ana.signal.shower import electron_track_lengths, primary_track_length
from na64ana.signal.target import ECAL
from na64ana.signal.yields import compute_yields, sample_signal

#: Totals of the collaboration's generator DMG4 for lead, vector A', epsilon = 1e-4, in pb
#: (mass in MeV, beam energy in GeV).
DMG4 = {
    20: [212418, 90711.9, 7994.97, 2253.41, 322.708, 61.7703, 9.75603, 0.496444],
    100: [212418, 91284.1, 8486.30, 2620.75, 466.909, 106.040, 20.7077, 1.79844, 0.191974],
    160: [212418, 91397.1, 8544.49, 2671.91, 498.221, 119.076, 24.3661, 2.32613, 0.288934],
}
MASSES = [1, 2, 10, 20, 50, 100, 200, 500, 1000]
POINTS = [
    (energy, mass, value)
    for energy, values in DMG4.items()
    for mass, value in zip(MASSES, values, strict=False)
]


@pytest.mark.parametrize(("energy", "mass", "published"), POINTS)
def test_totals_agree_with_dmg4(energy, mass, published):
    _, sigma = differential_cross_section(1e-3 * mass, energy, ECAL)
    assert 1e-8 * GEV2_TO_PB * sigma.sum() == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize("mass", [0.5e-3, 1e-3, 0.0167, 0.1, 1.0, 2.0])
@pytest.mark.parametrize("energy", [60.0, 100.0, 200.0])
def test_the_quadrature_has_converged(energy, mass):
    coarse = differential_cross_section(mass, energy, ECAL, x_min=50 / energy)[1].sum()
    dense = differential_cross_section(
        mass, energy, ECAL, x_min=50 / energy, nodes=Nodes(100, 70, 120)
    )[1].sum()
    assert coarse == pytest.approx(dense, rel=1e-3)


def test_the_form_factor_has_its_limits():
    t = np.array([1e-14, 1e-4])
    a2 = (111 * 82 ** (-1 / 3) / M_E) ** 2
    elastic = elastic_form_factor(t, ECAL)
    assert elastic[0] == pytest.approx((82 * a2 * t[0]) ** 2, rel=1e-3)  # screened by electrons
    assert elastic[1] == pytest.approx(82**2, rel=0.05)  # the bare nucleus


def test_the_target_is_what_was_published():
    assert ECAL.nuclei_per_x0 == pytest.approx(1.83e22, rel=5e-3)


@pytest.mark.parametrize(("mass", "energy"), [(1e-5, 100), (3.0, 100), (0.1, 5), (0.1, 500)])
def test_outside_its_range_the_cross_section_refuses(mass, energy):
    with pytest.raises(ModelError, match="lies outside"):
        differential_cross_section(mass, energy, ECAL)


def test_below_threshold_there_is_nothing():
    _, sigma = differential_cross_section(0.1, 60.0, ECAL, x_min=0.9999999)
    assert sigma.sum() == 0


def test_track_length_of_the_primary_is_the_integral_of_tsai_and_whitis():
    """I(E, t) integrated over depth and energy, directly; the known value above 50 GeV is 0.870."""
    e0, e = 100.0, 60.0

    def intensity(t: float, energy: float) -> float:
        s = 4 * t / 3
        return np.log(e0 / energy) ** (s - 1) / (gamma(s) * e0)

    # away from E0, where the density has a weak singularity
    direct = dblquad(intensity, e, 90.0, 1e-9, 30.0, epsrel=1e-6)[0]
    between = primary_track_length(np.array([e, 90.0]), e0)
    assert between[0] - between[1] == pytest.approx(direct, rel=1e-3)
    assert primary_track_length(np.array([50.0]), e0)[0] == pytest.approx(0.870, abs=2e-3)
    assert primary_track_length(np.array([100.0]), e0)[0] == 0


def test_track_lengths_are_near_those_of_a_full_cascade_and_scale():
    """Above 50 GeV a full cascade has 0.898 X0 (grid) or 0.885 X0 (Monte Carlo)."""
    energy, length = electron_track_lengths(50.0, 100.0)
    assert (length >= 0).all()
    assert length.sum() == pytest.approx(0.895, rel=0.08)
    half, scaled = electron_track_lengths(25.0, 50.0)
    assert half == pytest.approx(energy / 2)
    assert scaled.sum() == pytest.approx(length.sum(), rel=1e-6)


def test_yields_fall_with_mass_and_threshold():
    masses = [0.001, 0.01, 0.1, 1.0]
    low = compute_yields(masses, beam_energy=100, e_miss_min=50).yields
    high = compute_yields(masses, beam_energy=100, e_miss_min=53).yields
    assert (np.diff(low) < 0).all()
    assert ((high < low) & (high > 0.8 * low)).all()


@pytest.mark.parametrize("threshold", [10.0, 100.0])
def test_a_threshold_outside_the_shower_model_is_refused(threshold):
    with pytest.raises(ModelError, match="threshold must lie between 40 and 100 GeV"):
        compute_yields([0.1], beam_energy=100, e_miss_min=threshold)


@pytest.mark.parametrize("mass", [0.002, 0.1])
def test_sampled_energies_follow_the_yield(mass):
    """Fractions above thresholds are ratios of yields, and no energies are preferred."""
    e_ap, depth = sample_signal(
        np.random.default_rng(1), 40_000, mass, beam_energy=100, e_miss_min=50
    )
    # Most dark photons come from the first radiation lengths of the shower.
    assert depth.min() > 0
    assert 0.3 < np.median(depth) < 3
    assert e_ap.min() >= 50
    assert e_ap.max() < 100
    everything = compute_yields([mass], beam_energy=100, e_miss_min=50).yields[0]
    for threshold in (60, 75, 90):
        above = compute_yields([mass], beam_energy=100, e_miss_min=threshold).yields[0]
        assert (e_ap > threshold).mean() == pytest.approx(above / everything, abs=0.02)
    counts = np.histogram(e_ap, np.linspace(50, 95, 181))[0]
    smooth = np.convolve(counts, np.ones(9) / 9, mode="valid")
    inner = counts[4:-4]
    # statistics alone; a comb of preferred energies has a chi2 of tens per bin
    assert ((inner - smooth) ** 2 / smooth).mean() < 1.5
