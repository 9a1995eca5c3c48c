"""Other models from one limit: against published values, closed forms and invariants."""

from dataclasses import replace

import numpy as np
import pytest

from na64ana.constants import ALPHA, GEV2_TO_CM2, M_E, M_MU, PLANCK_MASS
from na64ana.errors import LimitError, ModelError
from na64ana.interpretation.dark_matter import (
    compute_epsilon,
    compute_y,
    electron_cross_section,
    landau_bound,
    landau_note,
)
from na64ana.interpretation.mediators import (
    E_CHARGE,
    NARROW,
    MediatorLimit,
    compute_b_minus_l,
    compute_l_mu_minus_l_tau,
    loop_mixing,
    neutrino_fraction,
)
from na64ana.interpretation.planes import (
    Search,
    compute_alpha_limit,
    compute_dark_matter_limit,
)
from na64ana.interpretation.projection import project
from na64ana.interpretation.relic import compute_target
from na64ana.signal.bremsstrahlung import Process
from na64ana.signal.table import Model
from na64ana.signal.widths import KINDS, DarkMatter
from na64ana.stats.curve import compute_curve
from na64ana.workflow.yields import load_model


@pytest.fixture(scope="module")
def search(from_published):
    """The published search at some masses, marginalised."""
    curve = from_published.curve
    chosen = slice(0, None, 8)
    models = from_published.models[chosen]
    few = compute_curve(curve.masses[chosen], models, 0.9, "marginalised")
    acceptances = {
        name: replace(one, efficiency={k: v[chosen] for k, v in one.efficiency.items()})
        for name, one in from_published.acceptances.items()
    }
    return Search(few, models, acceptances)


@pytest.fixture(scope="module")
def load(search):
    masses = tuple(search.masses.tolist())
    return lambda dark_matter: load_model(Model(dark_matter=dark_matter, masses=masses))


@pytest.mark.parametrize(
    ("kind", "pole", "published"),
    [
        ("pseudo_dirac", 1e3, 0.2),
        ("majorana", 1e3, 0.2),
        ("scalar", 1e3, 0.8),
        ("pseudo_dirac", PLANCK_MASS, 0.05),
        ("scalar", PLANCK_MASS, 0.2),
    ],
)
def test_landau_poles_of_the_review(kind, pole, published):
    """UFN2021, section 2.1."""
    assert landau_bound(kind, pole) == pytest.approx(published, rel=0.035)


def test_landau_poles():
    assert landau_bound("dirac") == pytest.approx(2 * landau_bound("majorana"))
    assert landau_note(DarkMatter("majorana", 0.1)) is None
    assert "0.2" in (landau_note(DarkMatter("majorana", 0.5)) or "")
    with pytest.raises(ModelError, match="must lie above"):
        landau_bound("dirac", 0.001)
    with pytest.raises(ModelError, match="unknown dark matter"):
        landau_bound("axion")


def test_y_and_back():
    dark = DarkMatter("scalar", 0.1, 1 / 3)
    assert compute_y(3e-5, dark) == pytest.approx(9e-10 * 0.1 / 81)
    assert compute_epsilon(compute_y(3e-5, dark), dark) == pytest.approx(3e-5)


def test_scattering_on_electrons():
    dark = DarkMatter("dirac", 0.1, 1 / 3)
    heavy = electron_cross_section(30.0, 1e-3, dark)
    expected = 16 * np.pi * M_E**2 * ALPHA * 1e-6 * 0.1 / 30.0**4 * GEV2_TO_CM2
    assert heavy == pytest.approx(expected, rel=2e-4)
    # sigma follows y/m_chi^4 x mu^2, whatever the ratio of the masses
    other = replace(dark, mass_ratio=0.2)
    same_y = compute_epsilon(compute_y(1e-3, dark), other)
    assert electron_cross_section(50.0, same_y, other) == pytest.approx(heavy, rel=1e-12)
    for kind, why in (("majorana", "velocity"), ("pseudo_dirac", "heavier state")):
        with pytest.raises(ModelError, match=why):
            electron_cross_section(0.1, 1e-4, DarkMatter(kind))


def test_gauge_bosons_mix_and_decay_as_published():
    """1/70 (UFN2021); 3/5 to neutrinos below the muons (PRL 129 (2022) 161801)."""
    assert 1 / loop_mixing(0.001) == pytest.approx(70, rel=0.02)
    assert neutrino_fraction("b_minus_l", [5e-4, 0.05]) == pytest.approx([1.0, 0.6], abs=1e-3)
    assert neutrino_fraction("l_mu_minus_l_tau", [0.1, 2 * M_MU - 1e-6]) == pytest.approx(1.0)
    assert neutrino_fraction("l_mu_minus_l_tau", 1.0) == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(ModelError, match="unknown gauge boson"):
        neutrino_fraction("b_minus_3e", 0.1)


@pytest.mark.slow
def test_the_limit_of_the_same_yields_is_the_same(search, from_published):
    again = search.limit(from_published.yields)
    assert again.epsilon_0 == pytest.approx(search.curve.epsilon_0, rel=1e-12)
    assert again.observed == pytest.approx(search.curve.observed, rel=1e-9)
    assert again.expected == pytest.approx(search.curve.expected, rel=1e-9)


@pytest.mark.slow
def test_a_narrow_resonance_does_not_depend_on_alpha(search, load):
    """So yields below alpha_D = 1e-3 are those of 1e-3, whatever the kind."""
    reference = load(DarkMatter("dirac", 1e-3)).spectrum
    edges = np.array([0.0, 50.0])
    for dark in (
        DarkMatter("dirac", 1e-4),
        DarkMatter("majorana", 1e-3),
        DarkMatter("scalar", 1e-3),
    ):
        ours = load(dark).spectrum(search.masses, edges, "annihilation")
        theirs = reference(search.masses, edges, "annihilation")
        brems = load(dark).spectrum(search.masses, edges, "bremsstrahlung")
        assert np.abs(ours - theirs) == pytest.approx(0, abs=0.02 * float((theirs + brems).max()))
        assert (np.abs(ours - theirs) < 0.02 * (theirs + brems)).all()


@pytest.mark.slow
def test_dark_matter_matters_at_the_resonance_only(search, load):
    limits = {
        alpha: compute_dark_matter_limit(search, DarkMatter("dirac", alpha), load).curve
        for alpha in (0.01, 0.03, 0.1, 0.3, 0.55, 1.0)
    }
    light = search.masses < 0.05
    assert limits[0.3].observed[light] == pytest.approx(limits[0.03].observed[light], rel=0.03)
    assert (np.abs(np.log(limits[0.3].observed / limits[0.03].observed)) > 0.05).any()
    # in between, ln epsilon is linear in ln alpha_D
    for low, middle, high in ((0.01, 0.03, 0.1), (0.3, 0.55, 1.0)):
        weight = np.log(middle / low) / np.log(high / low)
        line = limits[low].observed ** (1 - weight) * limits[high].observed ** weight
        assert line == pytest.approx(limits[middle].observed, rel=0.03)


@pytest.mark.slow
def test_alpha_d_of_the_relic_density(search, load):
    """PRL 131 (2023) 161801: scalar and Majorana with alpha_D <= 0.1 excluded, 1 to 100 MeV."""
    alphas = (1e-3, 1e-2, 0.1, 0.2, 0.5, 1.0)
    found = {}
    for kind in ("scalar", "majorana", "pseudo_dirac"):
        every = [DarkMatter(kind, alpha) for alpha in alphas]
        dirac = [replace(one, kind="dirac") if kind == "pseudo_dirac" else one for one in every]
        limits = [
            replace(compute_dark_matter_limit(search, one, load), dark_matter=true)
            for one, true in zip(dirac, every, strict=True)
        ]
        targets = [compute_target(np.geomspace(1e-3, 1.0, 30), one) for one in every]
        found[kind] = compute_alpha_limit(limits, targets)
        assert found[kind].m_chi[0] >= 1e-3 * (1 - 1e-6)
        # where it is found, the limit on y is the target
        at = found[kind]
        for mass, alpha, y in zip(at.m_chi, at.alpha_d, at.y_target, strict=True):
            if alphas[0] < alpha < alphas[-1]:
                y_limits = [np.interp(mass, one.m_chi, one.y) for one in limits]
                limit = np.exp(np.interp(np.log(alpha), np.log(alphas), np.log(y_limits)))
                assert limit == pytest.approx(y, rel=0.01)
    middle = (found["scalar"].m_chi > 1e-3) & (found["scalar"].m_chi < 0.09)
    assert middle.sum() >= 8
    assert (found["scalar"].alpha_d[middle] > 0.1).all()
    assert (found["majorana"].alpha_d[middle] > 0.08).all()
    assert (found["scalar"].alpha_d >= found["majorana"].alpha_d).all()
    assert (found["pseudo_dirac"].alpha_d[middle & (found["scalar"].m_chi < 0.06)] < 0.03).all()
    with pytest.raises(ModelError, match="rising alpha_D"):
        compute_alpha_limit(limits[::-1], targets[::-1])


def test_no_limit_where_the_decay_is_closed(search, load):
    for ratio, why in ((0.5, "below 2 m_chi"), (0.7, "below 2 m_chi"), (0.495, "resonance")):
        with pytest.raises(ModelError, match=why):
            compute_dark_matter_limit(search, DarkMatter("dirac", 0.1, ratio), load)


@pytest.mark.slow
def test_mediators(search):
    """Scalars are made 0.39 to 0.45 times as often as vectors: 0.62 to 0.67 in epsilon."""
    limits = {"V": MediatorLimit("V", search.curve)}
    for name in ("S", "P", "A"):
        limits[name] = MediatorLimit(name, search.limit(load_model(Model(process=Process(name)))))
    light = (search.masses > 0.002) & (search.masses < 0.1)
    ratio = limits["V"].epsilon[light] / limits["S"].epsilon[light]
    assert ((ratio > 0.61) & (ratio < 0.68)).all()
    # gamma_5 does not matter for a heavy boson
    heavy = search.masses > 0.02
    assert limits["P"].epsilon[heavy] == pytest.approx(limits["S"].epsilon[heavy], rel=0.01)
    assert limits["A"].epsilon[heavy & light] == pytest.approx(
        limits["V"].epsilon[heavy & light], rel=0.03
    )
    # |Delta a_e| between 1e-15 and 1e-13 (UFN2021): an order of magnitude below the measurements
    for one in limits.values():
        assert (np.abs(one.delta_a[search.masses < 0.5]) < 2e-13).all()
    assert (limits["P"].delta_a < 0).all()
    assert (limits["S"].delta_a > 0).all()


@pytest.mark.slow
def test_gauge_bosons(search, load):
    table = load(NARROW)
    curve = search.limit(table)
    b_l = compute_b_minus_l(curve, table)
    # light ones live long enough to leave, heavy ones are seen in two of five decays
    assert b_l.escaping[0] > 0.98
    assert b_l.coupling[0] == pytest.approx(E_CHARGE * curve.observed[0], rel=0.01)
    middle = (search.masses > 0.08) & (search.masses < 0.2)
    assert (b_l.escaping[middle] < 1e-3).all()
    assert b_l.coupling[middle] == pytest.approx(
        E_CHARGE * curve.observed[middle] / np.sqrt(0.6), rel=1e-3
    )
    # as many events as a dark photon of the limit gives
    seen = b_l.coupling**2 * (b_l.invisible + (1 - b_l.invisible) * b_l.escaping)
    assert seen == pytest.approx((E_CHARGE * curve.observed) ** 2, rel=1e-6)
    l_mu = compute_l_mu_minus_l_tau(curve)
    light = search.masses < 0.02
    assert l_mu.coupling[light] == pytest.approx(70 * curve.observed[light], rel=0.02)


@pytest.mark.slow
def test_projections(search):
    now = sum(one.eot for one in search.acceptances.values())
    same = project(search, now, "scaled").curve.expected[:, 2]
    assert same == pytest.approx(search.curve.expected[:, 2], rel=1e-6)
    free = [project(search, eot, "free").curve.expected[:, 2] for eot in (1e12, 4e12)]
    assert free[1] == pytest.approx(free[0] / 2, rel=1e-6)
    scaled = project(search, 4e12, "scaled").curve
    assert (scaled.expected[:, 2] > free[1]).all()
    assert (scaled.expected[:, 2] < same).all()
    many = project(search, 1e16, "scaled").curve
    assert many.method == "asymptotic"
    for eot in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ModelError, match="must be positive"):
            project(search, eot)
    with pytest.raises(ModelError, match="unknown background"):
        project(search, 1e12, "none")  # type: ignore[arg-type]


def test_a_limit_needs_a_signal(search, from_published):
    nothing = replace(
        from_published.yields,
        bremsstrahlung=_empty(from_published.yields.bremsstrahlung),
        annihilation=_empty(from_published.yields.annihilation),
    )
    with pytest.raises(LimitError, match="no signal"):
        search.limit(nothing)


def _empty(spectra):
    return replace(spectra, per_bin=np.zeros_like(spectra.per_bin))


def test_all_kinds_are_known():
    assert {"scalar", "majorana", "pseudo_dirac", "dirac"} == set(KINDS)
