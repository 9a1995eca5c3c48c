"""Published curves: each says where it is from, and assumptions are not mixed."""

import pytest

from na64ana.config.reference import (
    Assumptions,
    choose_references,
    load_reference,
    reference_names,
)
from na64ana.errors import ConfigError

Y_PLANE, EPSILON_PLANE = ("m_chi_GeV", "y"), ("m_ap_GeV", "epsilon")


def test_all_curves_are_complete():
    names = reference_names()
    assert len(names) == 12
    for name in names:
        curve = load_reference(name)
        assert curve.doi.startswith("10.")
        assert curve.figure
        assert "%" in curve.read
        assert curve.axes in {Y_PLANE, EPSILON_PLANE}
        masses, values = zip(*curve.points, strict=True)
        assert list(masses) == sorted(set(masses))
        assert all(0 < value < 1 for value in values)
        # the (m_chi, y) plane means something for stated ratios of masses only
        assert (curve.axes == Y_PLANE) == (curve.assumptions.m_ap_over_m_chi is not None)


def test_curves_are_chosen_by_plane_and_assumptions():
    assumed = Assumptions(alpha_d=0.5, m_ap_over_m_chi=3.0)
    limits = choose_references(Y_PLANE, assumed, role="limit")
    assert set(limits) == {"lsnd", "e137", "miniboone_electron", "coherent_csi"}
    assumed = Assumptions(alpha_d=0.1, m_ap_over_m_chi=3.0)
    assert set(choose_references(Y_PLANE, assumed, role="limit")) == {"miniboone_nucleon"}
    assert len(choose_references(Y_PLANE, assumed, role="target")) == 3
    assert not choose_references(Y_PLANE, Assumptions(m_ap_over_m_chi=5.0))
    # what does not depend on dark matter goes with any
    assert "babar_2017_invisible" in choose_references(EPSILON_PLANE, assumed)


def test_a_limit_on_epsilon_is_one_on_y():
    babar = load_reference("babar_2017_invisible")
    turned = babar.in_y_plane(0.1, 1 / 3)
    (mass, epsilon), (m_chi, y) = babar.points[3], turned.points[3]
    assert m_chi == pytest.approx(mass / 3)
    assert y == pytest.approx(epsilon**2 * 0.1 / 81)
    assert turned.axes == Y_PLANE
    assert "turned into y" in turned.read
    with pytest.raises(ConfigError, match="no limit in"):
        load_reference("e137").in_y_plane(0.5, 1 / 3)


@pytest.mark.parametrize(
    ("axes", "assumed", "name", "why"),
    [
        (Y_PLANE, Assumptions(alpha_d=0.1), "lsnd", r"alpha_d = 0\.5, not 0\.1"),
        (Y_PLANE, Assumptions(m_ap_over_m_chi=5.0), "e137", r"m_ap_over_m_chi = 3\.0, not 5\.0"),
        (Y_PLANE, Assumptions(kind="dirac"), "relic_scalar", "kind = scalar, not dirac"),
        (EPSILON_PLANE, Assumptions(), "e137", "drawn in"),
        (Y_PLANE, Assumptions(), "cresst", "no published curve 'cresst'"),
    ],
)
def test_a_curve_of_other_assumptions_is_refused(axes, assumed, name, why):
    with pytest.raises(ConfigError, match=why):
        choose_references(axes, assumed, names=(name,))
