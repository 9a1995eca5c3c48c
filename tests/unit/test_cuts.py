"""Each cut on events at its edges, and the selection against a plain evaluation of all cuts."""

import numpy as np
import pytest

from na64ana.config.conditions import BadSpills
from na64ana.config.observables import OBSERVABLES
from na64ana.config.selection import (
    HcalQuiet,
    HcalTopology,
    ImpactCell,
    InTime,
    NoMultipleHits,
    ObservableWindow,
    PrsShower,
    ShowerShape,
    SingleTrack,
    SrdElectron,
    Trigger,
    VetoQuiet,
    ZeroDegreeQuiet,
)
from na64ana.cuts.cut import Cut, Window
from na64ana.cuts.hcal import (
    MissingEnergy,
    hcal_quiet,
    hcal_topology,
    missing_energy,
    zero_degree_quiet,
)
from na64ana.cuts.observables import (
    Context,
    Observables,
    compute_e_hcal,
    compute_e_veto,
    needed_columns,
)
from na64ana.cuts.selection import (
    apply_cuts,
    columns_of,
    make_calibration_cuts,
    make_context,
    make_cuts,
    make_dimuon_cuts,
)
from na64ana.cuts.shower import impact_cell, prs_shower, shower_shape
from na64ana.cuts.srd import srd_electron
from na64ana.cuts.track import CleanSpill, clean_spill, in_time, no_multiple_hits, single_track
from na64ana.cuts.track import trigger as physics_trigger
from na64ana.cuts.veto import veto_quiet
from na64ana.errors import ConfigError, DataError
from na64ana.io.format import EventClass
from na64ana.simulation.events import make_events
from na64ana.simulation.plan import Plan

F4 = np.float32
SCALARS = Context("scalars", beam_cell=(2, 3), e_hcal_quiet=1.0)
ORDER = [
    "trigger",
    "clean_spill",
    "in_time",
    "single_track",
    "no_multiple_hits",
    "srd_electron",
    "prs_shower",
    "veto_quiet",
    "zero_degree_quiet",
    "hcal_topology",
    "impact_cell",
    "shower_shape",
    "hcal_quiet",
    "missing_energy",
]


def column(*values):
    return np.array(values, F4)


def kept(cut: Cut, context: Context = SCALARS, **columns) -> list[bool]:
    """Return which events pass a cut, from their branches."""
    observables = Observables(columns, context, len(next(iter(columns.values()))))
    return cut.keep({name: observables[name] for name in cut.observables}).tolist()


def test_trigger():
    cut = physics_trigger(Trigger(e_prs_min="0.3 GeV", e_ecal_max="90 GeV"))
    assert kept(
        cut,
        trigger=np.array([1, 2, 3, 1, 1, 1], "u1"),
        e_prs=column(1, 1, 1, 0.3, 1, 1),
        e_ecal=column(50, 50, 50, 50, 90, np.nan),
    ) == [True, False, True, False, False, False]


def test_in_time():
    cut = in_time(InTime(t_ecal_max="5 ns"))
    assert kept(cut, t_ecal=column(0, 4.9, -4.9, 5, -5, np.nan)) == [True] * 3 + [False] * 3


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
    assert kept(cut, **columns) == [True] + [False] * len(bad)


def test_no_multiple_hits_looks_behind_the_magnets():
    cut = no_multiple_hits(NoMultipleHits(n_st_max=1))
    hits = np.array([(2, 2, 1, 1), (1, 1, 1, 2), (1, 1, 2, 1), (1, 1, 0, 1)], "u1")
    assert kept(cut, n_st=hits) == [True, False, False, True]


def test_clean_spill():
    bad = BadSpills(run=7, spills=(2, 3), reason="test")
    context = Context("scalars", (2, 3), 1.0, bad_spills=(bad,))
    run, spill = np.array([7, 7, 8], "u4"), np.array([1, 3, 3], "u4")
    cut = clean_spill(CleanSpill(bad_spills=(bad,)))
    assert kept(cut, context, run_number=run, spill=spill) == [True, False, True]


@pytest.mark.parametrize(("distance", "expected"), [(0, [1, 0, 0, 0]), (1, [1, 1, 1, 0])])
def test_impact_cell(distance, expected):
    cut = impact_cell(ImpactCell(distance_max=distance))
    cells = np.array([6 * 2 + 3, 6 * 1 + 4, 6 * 2 + 2, 6 * 4 + 3], "u1")
    assert kept(cut, impact_cell=cells) == [bool(one) for one in expected]


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
            [70, 10, 70],
            [10, 10, 10],
        ],
        F4,
    )
    time = np.zeros((9, 3), F4)
    time[4, 2], time[8, 1] = -5.5, np.nan
    expected = [True, True, False, False, False, False, True, False, False]
    assert kept(cut, e_srd_module=energy.astype(F4), t_srd_module=time) == expected


def test_shower_shape_and_prs():
    shape = shower_shape(
        ShowerShape(f_prs_min="1 %", f_prs_max="50 %", r_ecal_max="15 %", chi2_shower_max=5.0)
    )
    assert (
        kept(
            shape,
            chi2_shower=column(1, 5, np.nan, 1, 1, 1),
            r_ecal=column(0.1, 0.1, 0.1, 0.2, 0.1, 0.1),
            e_prs=column(10, 10, 10, 10, 0.4, 30),
            e_ecal=np.full(6, 50, F4),
        )
        == [True] + [False] * 5
    )
    assert kept(prs_shower(PrsShower(e_prs_min="0.4 GeV")), e_prs=column(0.41, 0.4)) == [1, 0]


def test_what_is_behind_the_ecal():
    pmts = np.zeros((3, 6), F4)
    pmts[1, 2:4] = 10e-3  # a muon through the second panel
    pmts[2, 5] = 10e-3  # one PMT alone: differs too much, so it counts
    assert kept(veto_quiet(VetoQuiet(e_veto_max="5 MeV")), e_veto_pmt=pmts) == [True, False, False]
    modules = np.array([[0.3, 0.3, 0.3, 9], [0.5, 0.4, 0.2, 0], [0, 0, np.nan, 0]], F4)
    quiet = hcal_quiet(HcalQuiet(e_hcal_max="1 GeV"))
    assert kept(quiet, e_hcal_module=modules) == [True, False, False]
    ahead = np.array([[50, 0, 0, 0.9], [0, 0, 0, 1.1], [0, 0, 0, np.nan]], F4)
    zero = zero_degree_quiet(ZeroDegreeQuiet(e_hcal_max="1 GeV"))
    assert kept(zero, e_hcal_module=ahead) == [True, False, False]


def test_a_quiet_hcal_has_no_shape():
    cut = hcal_topology(HcalTopology(r_hcal_max="50 %"))
    modules = np.array([[0.5, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0]], F4)
    shares = column(0.9, 0.9, 0.3)
    assert kept(cut, e_hcal_module=modules, r_hcal=shares) == [True, False, True]


def test_missing_energy():
    cut = missing_energy(MissingEnergy(e_ecal_max=50.0))
    assert kept(cut, e_ecal=column(49.9, 50.0, np.nan)) == [True, False, False]


def test_edges_are_compared_as_they_stand_in_files():
    """0.01 as a 32 bit float is smaller than 0.01 as a double."""
    window = Window("theta_in", high=0.01)
    assert not Cut("c", "r", "s", (window,), SCALARS_PARAMETERS).keep({"theta_in": column(0.01)})


SCALARS_PARAMETERS = VetoQuiet(e_veto_max="5 MeV")


def test_a_panel_is_the_geometric_mean_unless_its_pmts_differ():
    pmts = np.zeros((3, 6), F4)
    pmts[0, :2] = 8e-3, 10e-3  # differ by 20 % of the larger
    pmts[1, :2] = 6e-3, 10e-3  # by 40 %
    pmts[2] = -1e-4  # noise below the pedestal
    expected = [np.sqrt(80) * 1e-3, 10e-3, -1e-4]
    assert compute_e_veto(pmts)[:2] == pytest.approx(expected[:2], rel=1e-6)
    assert abs(compute_e_veto(pmts)[2]) <= 1e-4


def test_the_zero_degree_module_is_no_veto():
    assert compute_e_hcal(np.array([[1, 2, 3, 100]], F4)) == pytest.approx(6.0)


# The selection.


def test_cuts_are_applied_in_order(config, closed):
    cuts = closed.cuts("V")
    assert [cut.name for cut in cuts] == ORDER
    assert all(cut.reason and cut.source and cut.version >= 1 for cut in cuts)
    columns = closed.columns("V")
    assert len(set(columns)) == len(columns)
    assert not [name for name in columns if name.endswith("_true")]
    assert {"e_ecal_cell", "e_hcal_cell"} <= set(columns)
    scalars = with_selection(config, energies_from="scalars")
    assert not {"e_ecal_cell", "e_hcal_cell"} & set(
        columns_of(make_cuts(scalars, "V"), make_context(scalars, "V"))
    )


def with_selection(config, **changes):
    """Return a configuration with changes in the cuts of IV and V."""
    if "windows" in changes:
        changes["windows"] = tuple(ObservableWindow(**window) for window in changes["windows"])
    selection = config.selections["runs_IV_V"].model_copy(update=changes)
    return config.model_copy(update={"selections": {**config.selections, "runs_IV_V": selection}})


@pytest.fixture(scope="module")
def arrays(config):
    return make_events(Plan(config, "V", 3), events=4000)[0]


@pytest.mark.parametrize("source", ["cells", "scalars"])
@pytest.mark.parametrize("maker", [make_cuts, make_calibration_cuts, make_dimuon_cuts])
def test_the_selection_is_that_of_all_cuts_on_all_events(config, templates, arrays, source, maker):
    """What is dear is not made for most events; counts and N-1 must not know."""
    changed = with_selection(
        config,
        energies_from=source,
        # on what is dear too, and so loose that enough is left to compare
        windows=[{"name": "own", "observable": "r_ecal", "max": 0.05, "reason": "test"}],
        srd_electron=None,
        veto_quiet=None,
    )
    context = make_context(changed, "V", templates)
    cuts = maker(changed, "V") if maker is make_cuts else maker(changed, "V", template=True)
    n = len(arrays["event"])
    plain = Observables(arrays, context, n)
    masks = np.array([cut.keep({o: plain[o] for o in cut.observables}) for cut in cuts])
    free = ("missing_energy",)
    passed = apply_cuts(cuts, Observables(arrays, context, n), free=free)
    assert passed.n_passed.tolist() == [
        int(np.argmin(column)) if not column.all() else len(cuts) for column in masks.T
    ]
    asked = np.array([cut.name not in free for cut in cuts])
    failed = (~masks & asked[:, None]).sum(axis=0)
    assert passed.near.tolist() == np.flatnonzero(failed <= 1).tolist()
    assert (failed == 1).sum() > 20
    only = [int(np.argmin(masks[:, i] | ~asked)) if failed[i] else len(cuts) for i in passed.near]
    assert passed.only.tolist() == only


def test_cells_and_scalars_agree(config, templates, arrays):
    """The scalars of simulated events were made of these cells."""
    n = len(arrays["event"])
    cells = Observables(arrays, make_context(config, "V", templates), n)
    scalars = Observables(
        arrays, make_context(with_selection(config, energies_from="scalars"), "V"), n
    )
    for name in OBSERVABLES:
        np.testing.assert_allclose(
            cells[name].astype(float), scalars[name].astype(float), rtol=2e-3, atol=2e-3
        )


def test_parts_are_those_of_the_whole(config, templates, arrays):
    context, n = make_context(config, "V", templates), len(arrays["event"])
    whole = Observables(arrays, context, n)
    index = np.arange(3, n, 7)
    for name in OBSERVABLES:
        fresh = Observables(arrays, context, n)
        part = fresh.take(index)
        np.testing.assert_array_equal(part[name], whole[name][index])
        inside = fresh.take(index[::2])
        np.testing.assert_array_equal(inside[name], whole[name][index[::2]])


def test_closed_events_are_in_nothing(config, templates, arrays):
    context, n = make_context(config, "V", templates), len(arrays["event"])
    cuts = make_cuts(config, "V")
    shut = np.arange(n) % 3 == 0
    closed = apply_cuts(cuts, Observables(arrays, context, n), shut, free=("missing_energy",))
    left = {name: array[~shut] for name, array in arrays.items()}
    alone = apply_cuts(
        cuts, Observables(left, context, len(left["event"])), free=("missing_energy",)
    )
    assert closed.open.tolist() == (~shut).tolist()
    assert closed.n_passed[~shut].tolist() == alone.n_passed.tolist()
    assert np.flatnonzero(~shut)[alone.near].tolist() == closed.near.tolist()
    assert closed.only.tolist() == alone.only.tolist()


def test_impossible_cells_are_refused(config, arrays):
    def refuse(name, bad):
        if bad.any():
            raise DataError(f"{name} {np.flatnonzero(bad)}")

    for name, place, value in (
        ("e_ecal_cell", (5, 40), np.nan),
        ("e_ecal_cell", (5, 2), np.inf),
        ("e_hcal_cell", (5, 35), -9999.0),
    ):
        cells = arrays[name].copy()
        cells[place] = value
        spoilt = Observables({**arrays, name: cells}, make_context(config, "V"), len(cells), refuse)
        with pytest.raises(DataError, match=rf"{name} \[5\]"):
            _ = spoilt["e_ecal"], spoilt["e_hcal"]


@pytest.mark.parametrize("period", ["I", "II", "III", "IV", "V"])
def test_the_momentum_window_is_that_of_the_papers(closed, period):
    half_width = 3 if period in ("I", "II", "III") else 10
    (track,) = [cut for cut in closed.cuts(period) if cut.name == "single_track"]
    assert track.parameters.p_track_min == 100 - half_width
    assert track.parameters.p_track_max == 100 + half_width


def test_a_cut_can_be_left_out_and_another_put_in(config):
    own = {"name": "early", "observable": "f_prs", "max": 0.2, "reason": "test"}
    changed = with_selection(config, impact_cell=None, windows=[own])
    names = [cut.name for cut in make_cuts(changed, "V")]
    assert names == [
        *(name for name in ORDER[:-2] if name != "impact_cell"),
        "early",
        *ORDER[-2:],
    ]


def test_too_many_cuts_are_refused(config):
    windows = [
        {"name": f"cut_{i}", "observable": "f_prs", "max": 0.5, "reason": "test"} for i in range(20)
    ]
    with pytest.raises(ConfigError, match="at most 31"):
        make_cuts(with_selection(config, windows=windows), "V")


def test_a_template_of_another_period_is_refused(config, templates):
    with pytest.raises(ConfigError, match="shower template is of period I; calibrate V"):
        make_context(config, "V", {"V": templates["I"]})


def test_chi2_from_cells_needs_a_template(config, arrays):
    observables = Observables(arrays, make_context(config, "V"), len(arrays["event"]))
    with pytest.raises(ConfigError, match="needs the shower template of a calibration"):
        _ = observables["chi2_shower"]


def test_columns_are_those_of_the_observables():
    assert needed_columns(["r_hcal", "e_hcal"], SCALARS) == ("r_hcal", "e_hcal_module")


def test_a_beam_electron_is_no_physics_trigger(arrays):
    observables = Observables(arrays, SCALARS, len(arrays["event"]))
    beam = arrays["class_true"] == EventClass.BEAM_ELECTRON
    assert (observables["beam_trigger"] == beam).all()
