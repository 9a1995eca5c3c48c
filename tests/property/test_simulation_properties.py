"""What holds for any event that the simulation or a reader can meet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from na64ana.config.conditions import BadSpills, FactorRow, values_at
from na64ana.io.chunk import find_duplicate
from na64ana.io.derived import compute_impact_cell, compute_r_ecal, compute_r_hcal, shower_window
from na64ana.simulation import ecal, hcal, veto
from na64ana.simulation.classes import ECAL_LENGTH, _muon_pairs, _muon_screening, _photon_table
from na64ana.simulation.noise import draw_noise
from na64ana.simulation.pileup import Crossings, draw_pileup
from na64ana.simulation.plan import Plan, draw_spills

SEEDS = st.integers(0, 2**32 - 1)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6, unique=True), st.integers(0, 60))
def test_a_table_of_conditions_holds_until_the_next_row(starts, run):
    rows = tuple(FactorRow(from_run=s, value=float(s)) for s in sorted(starts))
    expected = max((s for s in starts if s <= run), default=min(starts))
    assert values_at(rows, np.array([run])) == [expected]


@given(st.sets(st.integers(0, 9)), st.integers(0, 3), st.integers(0, 9))
def test_bad_spills_are_those_listed(config, spills, run, spill):
    if not spills:
        return
    bad = BadSpills(run=2, spills=tuple(spills), reason="test")
    conditions = config.conditions.model_copy(update={"bad_spills": (bad,)})
    found = conditions.is_bad(np.array([run]), np.array([spill]))
    assert found.tolist() == [run == 2 and spill in spills]


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(0, 3)))
def test_duplicates_are_found_and_nothing_else(numbers):
    place = find_duplicate(list(numbers.T))
    different = len(np.unique(numbers, axis=0)) == len(numbers)
    assert (place is None) == different
    if place is not None:
        assert (numbers == numbers[place]).all(axis=1).sum() > 1


CELLS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.just(2), st.integers(3, 6), st.just(6)),
    elements=st.floats(0, 100, width=32),
)


@given(CELLS)
def test_derived_numbers_of_the_ecal(cells):
    total = cells.sum(axis=(1, 2, 3))
    r_ecal = compute_r_ecal(cells)
    assert ((r_ecal >= -1e-5) & (r_ecal <= 1)).all()
    window, exists = shower_window(cells, 3)
    assert window.sum(axis=(1, 2)) == pytest.approx(total * (1 - r_ecal), rel=1e-4, abs=1e-4)
    assert (window[:, :, 4].sum(axis=1) >= cells.sum(axis=1).max(axis=(1, 2)) - 1e-4).all()
    assert exists[:, 4].all()
    x, y = np.divmod(compute_impact_cell(cells).astype(int), 6)
    both = cells[:, 0] + cells[:, 1]
    assert (both[np.arange(len(cells)), x, y] == both.max(axis=(1, 2))).all()


def test_derived_numbers_without_energy():
    assert compute_r_ecal(np.zeros((2, 2, 6, 6), np.float32)).tolist() == [0, 0]
    assert compute_r_hcal(np.zeros((2, 4, 3, 3), np.float32)).tolist() == [0, 0]


@given(st.floats(-0.5, 6.5), st.floats(-0.5, 6.5), st.floats(0.3, 6))
def test_a_shower_is_shared_between_cells_and_outside(x, y, width):
    one = [np.array([value], np.float32) for value in (x, y, width)]
    fractions = ecal.lateral_fractions(*one)[0]
    assert (fractions >= 0).all()
    assert fractions.sum() <= 1 + 1e-5
    mirrored = ecal.lateral_fractions(6 - one[0], one[1], one[2])[0]
    assert mirrored[::-1] == pytest.approx(fractions, abs=1e-5)
    swapped = ecal.lateral_fractions(one[1], one[0], one[2])[0]
    assert pytest.approx(fractions, abs=1e-5) == swapped.T


@given(SEEDS, st.floats(0.1, 100), st.floats(0, 30))
def test_hadrons_give_at_most_their_energy(seed, energy, depth):
    hadrons, depths = np.zeros((50, 3), np.float32), np.zeros((50, 3), np.float32)
    hadrons[:, 1], depths[:, 1] = energy, depth
    prs, main, modules = hcal.split_hadrons(np.random.default_rng(seed), hadrons, depths)
    parts = np.concatenate([prs[:, None], main[:, None], modules], axis=1)
    assert (parts >= -1e-4).all()
    assert (parts.sum(axis=1) <= energy * (1 + 1e-4)).all()
    if depth > ECAL_LENGTH:
        assert (parts[:, :2] < 1e-4).all()
    if depth > ECAL_LENGTH + 3 * hcal.MODULE_LENGTH:
        assert parts.sum() < 1e-3  # punch-through


def test_hadrons_fluctuate():
    hadrons, depths = np.zeros((20_000, 3), np.float32), np.zeros((20_000, 3), np.float32)
    hadrons[:, 0], depths[:, 0] = 50.0, ECAL_LENGTH - 0.5
    _, main, _ = hcal.split_hadrons(np.random.default_rng(1), hadrons, depths)
    assert 0.15 < main.std() / main.mean() < 0.8
    seen = hcal.fluctuate(np.random.default_rng(1), np.full(20_000, 50.0, np.float32))
    assert seen.mean() == pytest.approx(50, rel=0.01)
    assert seen.std() == pytest.approx(0.6 * 50**0.5, rel=0.03)
    small = hcal.fluctuate(np.random.default_rng(1), np.full(20_000, 0.5, np.float32))
    assert small.mean() == pytest.approx(0.5, rel=0.03)  # unbiased at the edge of the veto, too


@pytest.mark.parametrize(("energy", "modules"), [(1.9, 1), (3.7, 2), (1e3, 3)])
def test_the_range_of_muons(energy, modules):
    """1.9 GeV per module; straight muons of high energy cross all three."""
    n = 4000
    cells = np.zeros((n, 4, 3, 3), np.float32)
    muons = np.zeros((n, 2), np.float32)
    muons[:, 0] = energy
    mean = hcal.add_muons(
        np.random.default_rng(1), cells, muons, np.zeros((n, 2, 2), np.float32), np.zeros(n)
    )
    hit = (cells.sum(axis=(2, 3)) > 0).mean(axis=0)
    assert hit[:modules].min() > 0.8
    assert hit[modules:].max(initial=0) < 0.2
    first = cells[:, 0].sum(axis=(1, 2))
    assert first.mean() == pytest.approx(hcal.MUON_SEEN, rel=0.02)
    assert mean.mean() == pytest.approx(cells.sum() / n, rel=0.02)


@settings(max_examples=30)
@given(SEEDS, st.floats(1e6, 1e7))
def test_electrons_near_in_time_leave_tracks(config, seed, intensity):
    n = 2000
    choices = config.simulation
    pileup = draw_pileup(np.random.default_rng(seed), np.full(n, intensity, np.float32), choices)
    near = np.bincount(pileup.electrons.within(choices.window_ecal).event, minlength=n)
    tracks = pileup.tracks(choices.window_tracker)
    assert (tracks >= near).all()
    expected = n * intensity / 4.8e9 * choices.window_tracker
    assert abs(tracks.sum() - expected) < 6 * expected**0.5
    assert (pileup.counts() >= tracks).all()
    overlap = pileup.electrons.within(choices.window_ecal).overlap
    assert ((overlap >= 0) & (overlap <= 1)).all()


@given(st.sets(st.integers(0, 9), min_size=1))
def test_crossings_follow_their_events(kept):
    index = np.array(sorted(kept))
    crossings = Crossings(np.arange(10), np.arange(10, dtype=np.float32), 100.0)
    moved = crossings.of_events(index, 10)
    assert moved.event.tolist() == list(range(len(index)))
    assert moved.time.tolist() == index.tolist()


def test_noise_is_normal():
    noise = draw_noise(np.random.default_rng(1), 1_000_000)
    assert noise.mean() == pytest.approx(0, abs=5e-3)
    assert noise.std() == pytest.approx(1, abs=3e-3)
    assert (np.abs(noise) > 3).mean() == pytest.approx(2.7e-3, rel=0.1)


def test_the_veto_counts_particles():
    n = 6000
    none = Crossings(np.zeros(0, np.intp), np.zeros(0, np.float32), 200.0)
    energy, times = veto.measure(np.random.default_rng(1), np.full(n, 4), none)
    assert energy.sum() / (2 * n) == pytest.approx(4 * veto.MIP, rel=0.02)
    lit = energy[:, 0] > 5e-3
    assert np.corrcoef(energy[lit, 0], energy[lit, 1])[0, 1] > 0.9
    quiet, times = veto.measure(np.random.default_rng(1), np.zeros(n, int), none)
    assert quiet.max() < 2e-3
    assert times[quiet < veto.THRESHOLD].max(initial=0) == 0


def test_muon_pairs_rise_with_energy_and_are_fully_screened_in_the_end():
    """0.31, 0.71 and 0.88 mb on lead at 9, 50 and 98 GeV, by an independent calculation."""
    x = (np.arange(2000) + 0.5) / 2000
    # 4 alpha Z^2 r_mu^2 times the mean over x (CERN-SL-2002-016)
    r_mu = 2.8179403e-13 * 0.51099895e-3 / 0.1056584  # cm
    prefactor = 4 / 137.036 * 82**2 * r_mu**2 * 1e27  # mb
    for energy, published in ((9.0, 0.31), (50.0, 0.71), (98.0, 0.88)):
        total = prefactor * _muon_pairs(np.full(1, energy), x).mean()
        assert total == pytest.approx(published, rel=0.03)
    most = _muon_screening(np.array([1e5, 1e6]), 0.5)
    assert most[1] == pytest.approx(most[0], rel=0.05)
    cumulative, energies = _photon_table()
    assert (np.diff(cumulative) > 0).all()
    assert 1 - np.interp(50, energies, cumulative) == pytest.approx(0.10, abs=0.04)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(0, 50), st.sampled_from(["I", "II", "III", "IV", "V"]))
def test_spills_are_numbered_and_in_range(config, seed, block, period):
    plan = Plan(config, period, seed)
    spills = draw_spills(plan, block)
    runs = config.periods[period].runs
    assert ((spills.run_number >= runs.first) & (spills.run_number <= runs.last)).all()
    assert (spills.spill >= 1).all()
    following = draw_spills(plan, block + 1)
    number = np.concatenate([s.run_number * 10**7 + s.spill for s in (spills, following)])
    assert len(np.unique(number)) == len(number)
    if (block + 2) * plan.spills_per_block <= plan.spills:
        assert (np.diff(number) > 0).all()  # in order, until the period is full
    half = spills.up_to(spills.eot / 2)
    assert half.eot == pytest.approx(spills.eot / 2)
