from itertools import pairwise

import numpy as np
import pytest

from na64ana.config.conditions import BadSpills
from na64ana.config.selection import (
    HcalQuiet,
    NoMultipleHits,
    ShowerShape,
    SingleTrack,
    SrdElectron,
    Trigger,
    VetoQuiet,
    ZeroDegreeQuiet,
)
from na64ana.cuts.cut import apply_cuts, needed_columns
from na64ana.cuts.hcal import (
    MissingEnergy,
    compute_e_hcal,
    hcal_quiet,
    missing_energy,
    zero_degree_quiet,
)
from na64ana.cuts.shower import BeamCell, impact_cell, shower_shape
from na64ana.cuts.srd import srd_electron
from na64ana.cuts.track import (
    CleanSpill,
    clean_spill,
    no_multiple_hits,
    single_track,
    trigger,
)
from na64ana.cuts.veto import compute_e_veto, veto_quiet

F4 = np.float32


def column(*values):
    return np.array(values, F4)


def test_trigger():
    cut = trigger(Trigger(e_prs_min="0.3 GeV", e_ecal_max="90 GeV"))
    columns = {
        "trigger": np.array([1, 2, 3, 1, 1, 1], "u1"),
        "e_prs": column(1, 1, 1, 0.3, 1, 1),
        "e_ecal": column(50, 50, 50, 50, 90, np.nan),
    }
    assert cut.keep(columns).tolist() == [True, False, True, False, False, False]


def test_single_track():
    cut = single_track(
        SingleTrack(p_track_min="97 GeV", p_track_max="103 GeV", theta_in_max="3 mrad")
    )
    good = {"p_track": 100.0, "theta_in": 1e-3, "n_tracks": 1}
    bad = [
        {"p_track": 96.9},
        {"p_track": 103.1},
        {"p_track": np.nan},
        {"theta_in": 3.1e-3},
        {"n_tracks": 2},
        {"n_tracks": 0},
    ]
    events = [good] + [good | change for change in bad]
    columns = {name: np.array([event[name] for event in events]) for name in good}
    assert cut.keep(columns).tolist() == [True] + [False] * len(bad)


def test_no_multiple_hits_looks_behind_the_magnets():
    cut = no_multiple_hits(NoMultipleHits(n_st_max=1))
    hits = np.array([(2, 2, 1, 1), (1, 1, 1, 2), (1, 1, 2, 1), (1, 1, 0, 1)], "u1")
    assert cut.keep({"n_st": hits}).tolist() == [True, False, False, True]


def test_clean_spill():
    bad = BadSpills(run=7, spills=(2, 3), reason="test")
    cut = clean_spill(CleanSpill(bad_spills=(bad,)))
    columns = {"run_number": np.array([7, 7, 8], "u4"), "spill": np.array([1, 3, 3], "u4")}
    assert cut.keep(columns).tolist() == [True, False, True]


@pytest.mark.parametrize(("distance", "kept"), [(0, [1, 0, 0, 0]), (1, [1, 1, 1, 0])])
def test_impact_cell(distance, kept):
    cut = impact_cell(BeamCell(x=2, y=3, distance_max=distance))
    cells = np.array([6 * 2 + 3, 6 * 1 + 4, 6 * 2 + 2, 6 * 4 + 3], "u1")
    assert cut.keep({"impact_cell": cells}).tolist() == [bool(one) for one in kept]


def test_zero_degree_quiet():
    cut = zero_degree_quiet(ZeroDegreeQuiet(e_hcal_max="1 GeV"))
    modules = np.array([[50, 0, 0, 0.9], [0, 0, 0, 1.1], [0, 0, 0, np.nan]], F4)
    assert cut.keep({"e_hcal_module": modules}).tolist() == [True, False, False]


def test_srd_electron():
    cut = srd_electron(
        SrdElectron(
            e_srd_min="1 MeV",
            e_srd_max="200 MeV",
            e_srd_module_min="0.5 MeV",
            e_srd_module_max="60 MeV",
            t_srd_max="5 ns",
        )
    )
    energy = 1e-3 * np.array(
        [
            [10, 10, 10],
            [0.6, 0.6, 0.6],
            [0.3, 10, 10],
            [68, 68, 68],
            [10, 10, 10],
            [0, 0, 0],
            [70, 10, 10],  # one module may lie above its ceiling
            [70, 70, 10],
        ],
        F4,
    )
    time = np.zeros((8, 3), F4)
    time[4, 2] = -5.5
    kept = cut.keep({"e_srd_module": energy, "t_srd_module": time})
    assert kept.tolist() == [True, True, False, False, False, False, True, False]


def test_shower_shape_veto_hcal_and_missing_energy():
    shape = shower_shape(ShowerShape(chi2_shower_max=5.0, r_ecal_max="15 %"))
    columns = {"chi2_shower": column(1, 5, np.nan, 1), "r_ecal": column(0.1, 0.1, 0.1, 0.2)}
    assert shape.keep(columns).tolist() == [True, False, False, False]
    quiet = veto_quiet(VetoQuiet(e_veto_max="5 MeV"))
    pmts = np.zeros((3, 6), F4)
    pmts[1, 2:4] = 10e-3  # a muon through the second panel
    pmts[2, 5] = 10e-3  # one PMT alone: differs too much, so it counts
    assert quiet.keep({"e_veto_pmt": pmts}).tolist() == [True, False, False]
    modules = np.array([[0.3, 0.3, 0.3, 9], [0.5, 0.4, 0.2, 0], [0, 0, np.nan, 0]], F4)
    hcal = hcal_quiet(HcalQuiet(e_hcal_max="1 GeV"))
    assert hcal.keep({"e_hcal_module": modules}).tolist() == [True, False, False]
    missing = missing_energy(MissingEnergy(e_ecal_max=50.0))
    assert missing.keep({"e_ecal": column(49.9, 50.0, np.nan)}).tolist() == [True, False, False]


def test_a_panel_is_the_geometric_mean_unless_its_pmts_differ():
    pmts = np.zeros((2, 6), F4)
    pmts[0, :2] = 8e-3, 10e-3  # differ by 20 % of the larger
    pmts[1, :2] = 6e-3, 10e-3  # by 40 %
    np.testing.assert_allclose(compute_e_veto(pmts), [np.sqrt(80) * 1e-3, 10e-3], rtol=1e-6)


def test_the_zero_degree_module_is_no_veto():
    np.testing.assert_allclose(compute_e_hcal(np.array([[1, 2, 3, 100]], F4)), [6.0])


def test_cuts_are_applied_in_order(closed):
    cuts = closed.cuts("V")
    assert [cut.name for cut in cuts] == [
        "trigger",
        "clean_spill",
        "single_track",
        "no_multiple_hits",
        "srd_electron",
        "impact_cell",
        "shower_shape",
        "veto_quiet",
        "zero_degree_quiet",
        "hcal_quiet",
        "missing_energy",
    ]
    assert all(cut.reason and cut.source and cut.version >= 1 for cut in cuts)
    columns = needed_columns(cuts)
    assert len(set(columns)) == len(columns)
    assert not [name for name in columns if name.endswith("_true")]


def test_each_cut_keeps_a_part_of_what_came_before(closed):
    rng = np.random.default_rng(2)
    cuts = closed.cuts("V")[7:]
    columns = {
        "e_veto_pmt": rng.exponential(3e-3, (500, 6)).astype(F4),
        "e_hcal_module": rng.exponential(0.3, (500, 4)).astype(F4),
        "e_ecal": (100 * rng.random(500)).astype(F4),
    }
    masks = [mask for _, mask in apply_cuts(cuts, columns)]
    assert len(masks) == 4
    for before, after in pairwise(masks):
        assert not (after & ~before).any()
        assert 0 < after.sum() < before.sum()


@pytest.mark.parametrize("period", ["I", "II", "III", "IV", "V"])
def test_the_momentum_window_is_that_of_the_papers(closed, period):
    half_width = 3 if period in ("I", "II", "III") else 10
    parameters = closed.cuts(period)[2].parameters
    assert parameters.p_track_min == 100 - half_width
    assert parameters.p_track_max == 100 + half_width
