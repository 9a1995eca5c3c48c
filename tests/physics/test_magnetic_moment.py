"""Contributions to g-2 against limits that are known, and against the review's forms."""

import numpy as np
import pytest

from na64ana.constants import ALPHA, M_E, M_MU
from na64ana.errors import ModelError
from na64ana.interpretation.magnetic_moment import (
    BERKELEY,
    LKB,
    MEDIATORS,
    asymptotic,
    contribution,
    epsilon_of,
)

E_CHARGE = np.sqrt(4 * np.pi * ALPHA)


def test_a_massless_vector_gives_schwingers_term():
    assert contribution("V", 1e-9, E_CHARGE) == pytest.approx(ALPHA / (2 * np.pi), rel=1e-4)


@pytest.mark.parametrize(
    ("mediator", "value"), [("S", 3 / (16 * np.pi**2)), ("P", -1 / (16 * np.pi**2))]
)
def test_massless_scalars(mediator, value):
    """The integrals of (1 + z) and of (1 - z): 3/2 and 1/2."""
    assert contribution(mediator, 1e-8, 1.0) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("mediator", MEDIATORS)
def test_heavy_bosons_follow_the_asymptotic_forms(mediator):
    masses = np.array([0.1, 1.0])
    ratio = contribution(mediator, masses, 0.3) / asymptotic(mediator, masses, 0.3)
    assert ratio == pytest.approx(1.0, abs=2e-3)
    assert (
        0.01 / 3 < abs(asymptotic(mediator, 0.01, 1) / contribution(mediator, 0.01, 1) - 1) < 0.05
    )


def test_asymptotic_forms_fail_at_one_mev():
    """By a factor of six for scalars, in sign for pseudoscalars."""
    assert contribution("S", 1e-3, 1.0) / asymptotic("S", 1e-3, 1.0) == pytest.approx(
        6.06, abs=0.05
    )
    assert contribution("P", 1e-3, 1.0) * asymptotic("P", 1e-3, 1.0) < 0


def test_the_muon_anomaly_of_the_review():
    """UFN2021, eqs. 24, 25: alpha' = 1.6e-8 for light bosons, 2.4e-8 (m/m_mu)^2 for heavy ones."""
    anomaly = 2.51e-9
    for mass, published in ((1e-6, 1.6e-8), (3.0, 2.4e-8 * (3.0 / M_MU) ** 2)):
        alpha = anomaly / (contribution("V", mass, 1.0, M_MU) * 4 * np.pi)
        assert alpha == pytest.approx(published, rel=0.02)


def test_a_measurement_leaves_what_it_says():
    masses = np.geomspace(1e-3, 1, 5)
    for mediator, sign in (("V", 1), ("S", 1), ("P", -1), ("A", -1)):
        for measured in (LKB, BERKELEY):
            epsilon = epsilon_of(mediator, masses, measured)
            left = contribution(mediator, masses, E_CHARGE * epsilon)
            assert sign * left == pytest.approx(
                max(sign * measured.value, 0) + 1.645 * measured.error
            )


def test_shapes_and_bad_input():
    assert contribution("A", np.full((2, 3), 0.1), 1.0).shape == (2, 3)
    assert contribution("V", 0.1, np.array([1.0, 2.0])) == pytest.approx(
        contribution("V", 0.1, 1.0) * np.array([1, 4])
    )
    with pytest.raises(ModelError, match="unknown mediator 'T'"):
        contribution("T", 0.1, 1.0)
    with pytest.raises(ModelError, match="must be positive"):
        contribution("V", 0.0, M_E)
