"""Widths against explicitly summed amplitudes, closed values and limits."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from na64ana.constants import ALPHA, HBAR_C, M_E, M_MU, M_TAU
from na64ana.errors import ModelError
from na64ana.signal.widths import (
    KINDS,
    DarkMatter,
    dark_width,
    decay_length,
    invisible_fraction,
    lepton_width,
    total_width,
    visible_width,
)

METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
_ONE, _ZERO = np.eye(2), np.zeros((2, 2))
_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
GAMMA = np.array(
    [
        np.block([[_ONE, _ZERO], [_ZERO, -_ONE]]),
        *(np.block([[_ZERO, s], [-s, _ZERO]]) for s in _PAULI),
    ]
)
GAMMA5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]


def width_by_traces(kind: str, alpha: float, m: float, m_chi: float) -> float:
    """Return <|M|^2> p/(8 pi m^2) with the spins summed explicitly; half of it for Majorana."""
    p = np.sqrt(m**2 / 4 - m_chi**2)
    one = np.array([m / 2, 0.0, 0.0, p])
    two = np.array([m / 2, 0.0, 0.0, -p])
    polarisations = -METRIC + np.diag([1.0, 0.0, 0.0, 0.0])  # at rest; lower indices
    if kind == "scalar":
        tensor = np.outer(one - two, one - two)
    else:
        first, second = (np.einsum("m,mn,nij->ij", v, METRIC, GAMMA) for v in (one, two))
        # (g/2) chi-bar gamma gamma5 chi of Majorana: two contractions give back g
        vertices = [g @ GAMMA5 for g in GAMMA] if kind == "majorana" else list(GAMMA)
        mass = m_chi * np.eye(4)
        tensor = np.array(
            [
                [
                    np.trace(
                        (first + mass) @ a @ (second - mass) @ (GAMMA[0] @ b.conj().T @ GAMMA[0])
                    ).real
                    for b in vertices
                ]
                for a in vertices
            ]
        )
    squared = 4 * np.pi * alpha * (polarisations * tensor).sum() / 3
    return squared * p / (8 * np.pi * m**2) / (2 if kind == "majorana" else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ratio", [0.01, 0.2, 1 / 3, 0.45, 0.4999])
def test_dark_widths_are_sums_over_spins(kind, ratio):
    dark_matter = DarkMatter(kind, 0.3, ratio)
    expected = width_by_traces(kind, 0.3, 0.05, 0.05 * ratio)
    assert dark_width(0.05, dark_matter) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("lepton", [M_E, M_MU])
def test_the_width_to_leptons_is_a_sum_over_spins(lepton):
    expected = width_by_traces("dirac", ALPHA * 1e-8, 0.25, lepton)
    assert lepton_width(0.25, 1e-4, lepton) == pytest.approx(expected, rel=1e-9)


def test_the_width_of_x17():
    """By hand: alpha 1e-6 16.7 MeV/3 = 40.62 meV, and 1 - 6 r^4 = 0.999995 of it, r = 0.0306."""
    assert visible_width(0.0167, 1e-3) == pytest.approx(4.0622e-11, rel=1e-4)
    assert visible_width(0.0167, 1e-3) == lepton_width(0.0167, 1e-3, M_E)


@pytest.mark.parametrize(
    ("kind", "massless"),
    [("dirac", 1 / 3), ("pseudo_dirac", 1 / 3), ("scalar", 1 / 12), ("majorana", 1 / 6)],
)
def test_limits_of_dark_widths(kind, massless):
    assert dark_width(0.1, DarkMatter(kind, 0.1, 1e-6)) / 0.01 == pytest.approx(massless, rel=1e-9)
    near = [float(dark_width(0.1, DarkMatter(kind, 0.1, 0.5 - d))) for d in (1e-6, 4e-6)]
    power = np.log(near[1] / near[0]) / np.log(2)  # of beta
    assert power == pytest.approx(1 if "dirac" in kind else 3, abs=1e-3)


def test_the_dirac_width_over_mass_at_the_benchmark():
    """alpha_D = 0.1, m = 3 m_chi: 3 % (PHYSICS 3)."""
    expected = 0.1 / 3 * (11 / 9) * np.sqrt(5 / 9)
    assert dark_width(0.2, DarkMatter()) / 0.2 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("lepton", [M_E, M_MU, M_TAU])
def test_leptons_have_thresholds(lepton):
    assert lepton_width(2 * lepton, 1.0, lepton) == 0
    assert lepton_width(2 * lepton * (1 + 1e-9), 1.0, lepton) > 0
    below, above = visible_width(np.array([1.999999, 2.000001]) * lepton, 1.0)
    # beta of 1e-3 times 3/2 of alpha m/3 comes on top
    assert above - below == pytest.approx(ALPHA * 2 * lepton / 3 * 1.5 * 1e-3, rel=0.02)


def test_far_above_the_thresholds_all_leptons_are_alike():
    assert visible_width(1e4, 1e-3) == pytest.approx(3 * ALPHA * 1e-6 * 1e4 / 3, rel=1e-9)


def test_widths_add_up_and_scale():
    m, epsilon = np.geomspace(1e-3, 10, 7), np.array([[1e-6], [1e-3], [1.0]])
    dark_matter = DarkMatter("scalar", 0.5, 0.2)
    total = total_width(m, epsilon, dark_matter)
    assert total.shape == (3, 7)
    parts = sum(lepton_width(m, epsilon, mass) for mass in (M_E, M_MU, M_TAU))
    assert total == pytest.approx(parts + dark_width(m, dark_matter), rel=1e-12)
    assert visible_width(m, 2e-3) == pytest.approx(4 * visible_width(m, 1e-3), rel=1e-12)
    fraction = invisible_fraction(m, epsilon, dark_matter)
    assert fraction * total == pytest.approx(dark_width(m, dark_matter) + 0 * total, rel=1e-12)


masses = st.floats(1e-6, 1e3)
dark = st.builds(DarkMatter, st.sampled_from(KINDS), st.floats(1e-12, 1), st.floats(1e-9, 0.7))


@given(masses, st.floats(0, 10), dark)
def test_a_fraction_is_a_fraction(m, epsilon, dark_matter):
    fraction = invisible_fraction(m, epsilon, dark_matter)
    assert 0 <= fraction <= 1
    closed = dark_matter.mass_ratio >= 0.5
    assert (fraction == 0) == closed
    assert invisible_fraction(m, 0.0, dark_matter) == (0 if closed else 1)


@given(masses, dark)
def test_more_mixing_is_more_visible(m, dark_matter):
    fraction = invisible_fraction(m, np.geomspace(1e-6, 1, 9), dark_matter)
    assert (np.diff(fraction) <= 0).all()


@pytest.mark.parametrize("ratio", [0.5, 0.50001, 0.6, 2.0])
def test_too_heavy_dark_matter_closes_the_channel(ratio):
    dark_matter = DarkMatter(mass_ratio=ratio)
    assert dark_width(0.1, dark_matter) == 0
    assert invisible_fraction(0.1, 1e-3, dark_matter) == 0
    assert invisible_fraction(1e-3, 1e-3, dark_matter) == 0  # no other channel, no 0/0
    assert total_width(0.1, 1e-3, dark_matter) == visible_width(0.1, 1e-3)


def test_equal_couplings_share_equally():
    """alpha_D = alpha epsilon^2 and equal masses: half and half."""
    dark_matter = DarkMatter("dirac", ALPHA * 0.25, M_E / 0.05)
    assert invisible_fraction(0.05, 0.5, dark_matter) == pytest.approx(0.5, rel=1e-12)


def test_decay_lengths():
    """X17 at epsilon = 1e-3 and 100 GeV: 5988 times 197.327 MeV fm/40.62 meV = 4.858 um."""
    length = decay_length(0.0167, np.array([0.0167, 50.0, 100.0]), visible_width(0.0167, 1e-3))
    assert length[0] == 0
    assert length[2] == pytest.approx(5988.02 * 4.8576e-3, rel=1e-4)
    assert length[1] / length[2] == pytest.approx(0.5, rel=1e-6)
    assert pytest.approx(10 * 1.973270e-14, rel=1e-6) == HBAR_C  # PHYSICS has GeV cm


def test_without_a_channel_it_lives_for_ever():
    length = decay_length(1e-3, 100.0, np.array([0.0, 1e-20]))
    assert length[0] == np.inf
    assert np.isfinite(length[1])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "Dirac"}, "there are dirac, pseudo_dirac, scalar, majorana"),
        ({"alpha_d": 0.0}, "alpha_D = 0 must lie above 0 and not above 1"),
        ({"alpha_d": 1.0001}, "alpha_D = 1.0001 must lie above 0 and not above 1"),
        ({"alpha_d": float("nan")}, "alpha_D = nan must lie"),
        ({"mass_ratio": 0.0}, "m_chi/m_A' = 0 must be positive"),
        ({"mass_ratio": -0.3}, "must be positive"),
        ({"mass_ratio": float("inf")}, "must be positive"),
    ],
)
def test_dark_matter_outside_its_range_is_refused(changed, message):
    with pytest.raises(ModelError, match=message):
        DarkMatter(**changed)


def test_dark_matter_does_not_change():
    assert DarkMatter(alpha_d=1.0).alpha_d == 1
    with pytest.raises(FrozenInstanceError):
        DarkMatter().alpha_d = 0.2


@pytest.mark.parametrize("mass", [0.0, -1.0, float("nan"), float("inf")])
def test_a_mass_is_positive(mass):
    for call in (
        lambda: visible_width([0.1, mass], 1e-3),
        lambda: dark_width(mass, DarkMatter()),
        lambda: decay_length(mass, 100, 1e-9),
    ):
        with pytest.raises(ModelError, match="mass must be positive"):
            call()


def test_other_bad_input_is_refused():
    with pytest.raises(ModelError, match="epsilon must not be negative"):
        total_width(0.1, -1e-3, DarkMatter())
    with pytest.raises(ModelError, match="below the A' mass"):
        decay_length(0.1, 0.09, 1e-9)
    with pytest.raises(ModelError, match="a width is negative"):
        decay_length(0.1, 1.0, -1e-9)
