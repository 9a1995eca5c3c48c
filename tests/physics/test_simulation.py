"""The simulation shows what is published of the detector."""

from functools import partial

import numpy as np
import pytest

from na64ana.calorimeter import ECAL_STRUCTURE
from na64ana.constants import ALPHA, M_E
from na64ana.cuts.observables import Observables, compute_e_hcal
from na64ana.cuts.selection import apply_cuts
from na64ana.io.format import EventClass
from na64ana.signal.response import Response
from na64ana.signal.sampling import sample_bremsstrahlung
from na64ana.simulation import ecal, srd
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import make_events
from na64ana.simulation.pileup import Crossings
from na64ana.simulation.plan import Plan

#: Mass of the charged pion [GeV] (RPP 2024).
M_PI = 0.13957


def passed(processor, period, events) -> np.ndarray:
    """Return how many cuts each event passes before the first that it fails."""
    observables = Observables(events, processor.context(period), len(events["event"]))
    return apply_cuts(processor.cuts(period), observables).n_passed


def keep(processor, cut, events) -> np.ndarray:
    """Return which events of V pass one cut."""
    observables = Observables(events, processor.context("V"), len(events["e_srd_module"]))
    return cut.keep({name: observables[name] for name in cut.observables})


def of_class(config, period, kind, n=6000, signal=None) -> dict[str, np.ndarray]:
    plan = Plan(config, period, 7, signal or Signal(), (kind,))
    return make_events(plan, events=n)[0]


@pytest.fixture(scope="module")
def electrons(config):
    return of_class(config, "IV", EventClass.BEAM_ELECTRON, 10_000)


def signal_sample(mass: float) -> Signal:
    e_ap, depth = sample_bremsstrahlung(np.random.default_rng(1), 20_000, mass, e_miss_min=50)
    return Signal(e_ap.astype(np.float32), depth.astype(np.float32), 10_000)


def test_resolutions(electrons):
    """10 %/sqrt(E) in the ECAL, 1 % in momentum (PRL 2023), a constant 0.7 %, dp/p = 1 %."""
    clean = electrons["e_ecal"][electrons["n_pileup_true"] == 0]
    assert clean.mean() == pytest.approx(100, rel=0.01)
    assert clean.std() / clean.mean() == pytest.approx(0.0158, rel=0.05)
    found = electrons["p_track"][electrons["p_track"] > 0]
    assert found.std() == pytest.approx(2**0.5, rel=0.04)


def test_the_shape_of_electron_showers(electrons):
    """A few per cent in the PRS and outside 3 x 3 cells, and fluctuations that belong together."""
    clean = electrons["n_pileup_true"] == 0
    prs = (electrons["e_prs"] / electrons["e_ecal"])[clean]
    assert 0.03 < prs.mean() < 0.07
    assert 0.01 < prs.std() < 0.04
    assert 0.02 < electrons["r_ecal"][clean].mean() < 0.06
    assert electrons["chi2_shower"][clean].mean() < 1.0
    # A shower that develops late is narrow at any given depth.
    assert np.corrcoef(prs, electrons["r_ecal"][clean])[0, 1] > 0.1


def test_the_lateral_profile_has_the_moliere_radius():
    """90 % inside R_M and 99 % inside 3.5 R_M (RPP, section 34.4)."""
    rng, n = np.random.default_rng(3), 200_000
    component = rng.choice(3, n, p=ecal.LATERAL_WEIGHTS)
    length = np.array(ecal.LATERAL_LENGTHS)[component]
    x, y = length * np.arctanh(2 * rng.random((2, n)) - 1)
    r = np.hypot(x, y)
    assert (r < 1).mean() == pytest.approx(0.90, abs=0.02)
    assert (r < 3.5).mean() == pytest.approx(0.99, abs=0.005)


def test_lateral_fractions_are_the_integrals():
    one = np.ones(1, np.float32)
    fractions = ecal.lateral_fractions(2.3 * one, 3.6 * one, one)[0]
    rng, n = np.random.default_rng(3), 400_000
    length = np.array(ecal.LATERAL_LENGTHS)[rng.choice(3, n, p=ecal.LATERAL_WEIGHTS)]
    step = length * ecal.MOLIERE_RADIUS / ecal.PITCH * np.arctanh(2 * rng.random((2, n)) - 1)
    x, y = np.array([[2.3], [3.6]]) + step
    counts = np.histogram2d(x, y, bins=[np.arange(7), np.arange(7)])[0] / n
    assert fractions == pytest.approx(counts, abs=4e-3)


def test_the_longitudinal_profile():
    """Mean share of the PRS: that of a gamma distribution with the mean maximum and shape."""
    n = 20_000
    energy, zero = np.full(n, 100.0, np.float32), np.zeros(n, np.float32)
    share, late = ecal.draw_prs_share(np.random.default_rng(1), energy, zero)
    # ln(E/E_c) = 9.38 in this mix; the maximum lies at 8.2 X0, 4 X0 hold a few per cent.
    assert np.log(100 / ECAL_STRUCTURE.critical_energy) == pytest.approx(9.38, abs=0.02)
    assert share.mean() == pytest.approx(0.05, abs=0.015)
    assert np.corrcoef(share, late)[0, 1] < -0.7
    behind, _ = ecal.draw_prs_share(np.random.default_rng(1), energy, zero + 4)
    assert (behind == 0).all()


def test_synchrotron_radiation():
    """Critical energy and number of photons of 100 GeV electrons in 7 T m; pions: below 1 eV."""
    number, critical = srd.photons_and_critical_energy(M_E)
    # RPP: E_c = 0.665 keV E^2 [GeV] B [T]; B = 7 T m / 4 m
    assert critical == pytest.approx(0.665e-6 * 100**2 * 7 / 4, rel=2e-3)
    angle = 0.2998 * 7 / 100
    assert number == pytest.approx(5 / (2 * 3**0.5) * ALPHA * 100 / M_E * angle, rel=1e-3)
    assert srd.photons_and_critical_energy(M_PI)[1] < 1e-9
    y = srd._quantiles()
    # Mean photon energy 8/(15 sqrt 3) E_c, mean square 11/27 E_c^2 (Jackson, chapter 14).
    assert y.mean() == pytest.approx(8 / (15 * 3**0.5), rel=2e-3)
    assert (y.astype(float) ** 2).mean() == pytest.approx(11 / 27, rel=5e-3)


def test_srd_keeps_electrons_and_rejects_hadrons(closed, electrons):
    """More than 95 % of electrons; hadrons by 1e-3 or better (UFN 2021, 3.2; PRL 2023)."""
    cut = {cut.name: cut for cut in closed.cuts("IV")}["srd_electron"]
    quiet = electrons["n_pileup_true"] == 0
    assert keep(closed, cut, electrons)[quiet].mean() > 0.95
    n = 400_000
    none = Crossings(np.zeros(0, np.intp), np.zeros(0, np.float32), 50.0)
    energy, time = srd.draw_modules(np.random.default_rng(4), np.zeros(n, np.bool_), none)
    share = keep(closed, cut, {"e_srd_module": energy, "t_srd_module": time}).mean()
    assert 1e-4 < share < 1e-3
    # On top of at most 1e-2 hadrons in the beam, below the published 2e-5.
    assert 1e-2 * share < 2e-5


def test_pileup_makes_the_published_efficiencies(config, closed):
    """VETO 0.94 and HCAL 0.95 in IV and V (PRL 2023); windows and halo make them, by intensity."""
    found = {}
    for period in ("IV", "V"):
        events = of_class(config, period, EventClass.BEAM_ELECTRON, 10_000)
        cuts = {cut.name: partial(keep, closed, cut) for cut in closed.cuts(period)}
        found[period] = {name: cuts[name](events).mean() for name in ("veto_quiet", "hcal_quiet")}
        quiet = events["n_pileup_true"] == 0
        columns = {name: array[quiet] for name, array in events.items()}
        assert cuts["veto_quiet"](columns).all()
        assert cuts["hcal_quiet"](columns).all()
    eot = {period: config.periods[period].eot for period in found}
    for name, published in (("veto_quiet", 0.94), ("hcal_quiet", 0.95)):
        mean = sum(found[p][name] * eot[p] for p in found) / sum(eot.values())
        assert mean == pytest.approx(published, abs=0.015)
        assert found["IV"][name] > found["V"][name]  # less beam per spill


@pytest.mark.parametrize("mass", [0.01, 0.1])
@pytest.mark.parametrize("period", ["I", "II", "III", "IV", "V"])
def test_signal_efficiency(config, opened, period, mass):
    """The overall efficiency is 0.4-0.5 (PRL 2023)."""
    plan = Plan(config, period, 7, signal_sample(mass), (EventClass.SIGNAL,))
    selected = (passed(opened, period, make_events(plan)[0]) == len(opened.cuts(period))).sum()
    assert 0.40 < selected / 10_000 < 0.50


def test_the_diagonal(config):
    """E_ECAL + E_HCAL is the beam energy within the resolutions (UFN 2021, region II)."""
    events = of_class(config, "IV", EventClass.ELECTRO_NUCLEAR)
    clean = events["n_pileup_true"] == 0
    e_hcal = compute_e_hcal(events["e_hcal_module"])
    total = (events["e_ecal"] + e_hcal)[clean]
    width = np.hypot(1.3, 0.6 * np.sqrt(np.maximum(e_hcal[clean], 1)))
    assert np.median(total) == pytest.approx(100, abs=2.0)
    assert (np.abs(total - 100) < 3 * width).mean() > 0.95


def test_the_dimuon_band(config):
    """A band at E_HCAL of about 10 GeV, down to tens of GeV in E_ECAL (UFN 2021, region I)."""
    events = of_class(config, "IV", EventClass.DIMUON)
    modules = events["e_hcal_module"]
    e_hcal = compute_e_hcal(modules)
    assert 9 < np.median(e_hcal) < 14
    # In the collaboration's data about 5.5, 5.2 and 4.1 GeV in the first three modules.
    assert np.median(modules[:, :3], axis=0) == pytest.approx([5.5, 5.2, 4.1], rel=0.15)
    low = events["e_ecal"] < 60
    assert 0.02 < low.mean() < 0.5
    assert np.median(e_hcal[low]) == pytest.approx(np.median(e_hcal), rel=0.35)


def test_a_muon_leaves_2_5_gev_per_module(config):
    events = of_class(config, "IV", EventClass.BEAM_MUON)
    clean = events["n_pileup_true"] == 0
    modules = events["e_hcal_module"][clean]
    assert modules[:, :3].mean(axis=0) == pytest.approx(2.5, rel=0.05)
    assert np.median(events["e_veto_pmt"][clean].max(axis=1)) == pytest.approx(10e-3, rel=0.25)


def test_leading_neutrons_punch_through_as_their_depth_says(config):
    """First interactions behind module 0: exp(-7.2) (7.2 interaction lengths per module)."""
    plan = Plan(config, "V", 3, classes=(EventClass.LEADING_NEUTRAL,))
    events = make_events(plan, events=100_000)[0]
    clean = (events["n_pileup_true"] == 0) & (events["e_ecal"] < 50)
    late = events["e_hcal_module"][clean, 0] < 0.5
    assert late.mean() == pytest.approx(np.exp(-7.2), rel=0.35)


def test_the_upstream_tail(config):
    """E_ECAL falls exponentially below the beam energy, with a quiet HCAL if all is lost."""
    events = of_class(config, "III", EventClass.UPSTREAM)
    energy = events["e_ecal_true"]
    inside = energy[(energy > 60) & (energy < 86)]
    slope, width = config.simulation.upstream_slope, 26.0
    mean = 86 - slope + width / np.expm1(width / slope)
    assert inside.mean() == pytest.approx(mean, abs=4 * inside.std() / np.sqrt(len(inside)))
    lost = events["e_hcal_true"] + events["e_hcal_module"][:, 3] < 1
    acceptance = 0.4
    # Of what the HCAL misses, a fifth hits module 3 at zero degrees.
    assert lost.mean() == pytest.approx(0.8 * (1 - acceptance), abs=0.05)


def test_decays_look_like_signal_but_for_the_srd(config, closed):
    events = of_class(config, "V", EventClass.DECAY)
    cuts = {cut.name: cut for cut in closed.cuts("V")}
    for name in ("shower_shape", "veto_quiet", "hcal_quiet"):
        assert keep(closed, cuts[name], events).mean() > 0.9
    assert keep(closed, cuts["srd_electron"], events).mean() < 3e-3


def test_selected_events_are_about_as_many_as_published(config, opened):
    """9.6e5 in the plane for IV+V (PRL 2023), 1.6e4 for I-III (UFN 2021); within a factor 2.

    And most of them lie on the diagonal: hadrons of the beam do not pass.
    """
    for period, published in (("V", 9.6e5 / 6.54e11), ("III", 1.6e4 / 2.83e11)):
        events, metadata = make_events(Plan(config, period, 5))
        weight = events["weight_true"].astype(float)
        selected = passed(opened, period, events) >= len(opened.cuts(period)) - 2
        assert 0.5 < weight[selected].sum() / metadata.eot / published < 2
        total = events["e_ecal"] + compute_e_hcal(events["e_hcal_module"])
        diagonal = np.abs(total - 100) < 20
        assert weight[selected & diagonal].sum() / weight[selected].sum() > 0.9


@pytest.mark.parametrize("mass", [0.01, 1.0])
def test_the_response_of_the_yields_is_that_of_the_simulation(config, mass):
    """Trigger and box for dark photons of an energy, without pile-up, within 0.05 below 96 GeV."""
    e_ap, depth = sample_bremsstrahlung(np.random.default_rng(3), 20_000, mass, e_miss_min=45)
    signal = Signal(e_ap.astype(np.float32), depth.astype(np.float32), 20_000.0)
    plan = Plan(config, "V", 11, signal, (EventClass.SIGNAL,), triggered=False)
    events, _ = make_events(plan)
    clean = events["n_pileup_true"] == 0
    made = events["e_missing_true"][clean]
    seen = (events["e_prs"] > 0.3) & (events["e_ecal"] < 50)
    expected = Response().probabilities(made, np.array([0.0, 50.0]), "bremsstrahlung")[:, 0]
    for low, high in ((45, 48), (48, 50), (50, 52), (52, 56), (56, 70), (70, 90), (90, 96)):
        inside = (made > low) & (made < high)
        assert inside.sum() > 200
        difference = seen[clean][inside].mean() - expected[inside].mean()
        assert abs(difference) < 0.05 + 2 / np.sqrt(inside.sum())
