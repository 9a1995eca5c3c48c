"""How simulated events are assembled: streams, blocks, numbering, files."""

import numpy as np
import pytest
import uproot

from na64ana.cli.simulate import CLASSES
from na64ana.errors import ConfigError, OutputError
from na64ana.io.format import BRANCHES, TRUTH_BRANCHES, EventClass, TriggerBit
from na64ana.io.reading import open_event_file
from na64ana.simulation import plan as module
from na64ana.simulation.block import simulate_block
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import make_events, simulate, write_simulated_file
from na64ana.simulation.plan import Plan, draw_spills


def signal_of(energy: float, expected: float) -> Signal:
    return Signal(np.full(1, energy, np.float32), np.full(1, 2.0, np.float32), expected)


@pytest.fixture(scope="module")
def sample(config):
    return make_events(Plan(config, "V", 1), events=20_000)


def test_all_branches_of_the_format_are_made(sample):
    events, metadata = sample
    assert metadata.entries == 20_000
    for branch in BRANCHES + TRUTH_BRANCHES:
        array = events[branch.name]
        assert array.dtype == np.dtype(branch.dtype)
        assert array.shape == (metadata.entries, *branch.shape)
        assert np.isfinite(array).all()


def test_derived_numbers_are_those_of_the_cells(sample):
    events = sample[0]
    cells = events["e_ecal_cell"].reshape(-1, 2, 6, 6)
    assert events["e_ecal"] == pytest.approx(cells.sum(axis=(1, 2, 3)), rel=1e-5)
    assert events["e_prs"] == pytest.approx(cells[:, 0].sum(axis=(1, 2)), rel=1e-5, abs=1e-6)
    modules = events["e_hcal_cell"].reshape(-1, 4, 9).sum(axis=2)
    assert events["e_hcal_module"] == pytest.approx(modules, rel=1e-5, abs=1e-6)
    for name in ("ecal", "hcal"):
        empty = events[f"e_{name}_cell"] == 0
        assert (events[f"t_{name}_cell"][empty] == 0).all()


def test_the_matrix_of_2022_has_five_columns(config, sample):
    cells = sample[0]["e_ecal_cell"].reshape(-1, 2, 6, 6)
    assert (cells[:, :, 5] == 0).all()
    assert (cells[:, :, 4].sum(axis=(1, 2)) > 0).any()
    earlier = make_events(Plan(config, "I", 1), events=500)[0]["e_ecal_cell"]
    assert (earlier.reshape(-1, 2, 6, 6)[:, :, 5] > 0).any()


def test_the_same_seed_gives_the_same_events(config):
    one, other = (make_events(Plan(config, "I", 3), events=3000)[0] for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    different = make_events(Plan(config, "I", 4), events=3000)[0]
    assert not np.array_equal(one["e_ecal"], different["e_ecal"])
    assert np.isin(one["p_track"], different["p_track"]).mean() < 0.5  # 0 without a track


def test_more_events_begin_with_the_same(config):
    few, many = (make_events(Plan(config, "II", 3), events=n)[0] for n in (1234, 9000))
    assert all(np.array_equal(few[name], many[name][:1234]) for name in few)


@pytest.mark.slow
def test_workers_make_the_same_events(config):
    plan = Plan(config, "III", 5)
    alone, metadata = make_events(plan, events=20_000)
    together, same = make_events(plan, events=20_000, workers=2)
    assert metadata == same
    assert len(alone) == len(BRANCHES + TRUTH_BRANCHES)
    assert all(np.array_equal(alone[name], together[name]) for name in alone)


@pytest.mark.parametrize("basket", [700, 50_000])
def test_the_file_does_not_depend_on_the_chunks(config, tmp_path, monkeypatch, basket):
    plan = Plan(config, "I", 5)
    expected, metadata = make_events(plan, events=3000)
    monkeypatch.setattr("na64ana.io.writing.BASKET_SIZE", basket)
    assert write_simulated_file(tmp_path / "a.root", plan, events=3000) == metadata
    with uproot.open(tmp_path / "a.root") as file:
        arrays = file["events"].arrays(library="np")
    assert arrays["event"].tolist() == expected["event"].tolist()
    assert arrays["e_ecal"] == pytest.approx(expected["e_ecal"], rel=1e-3)


def test_periods_are_independent(config):
    one, other = (
        make_events(Plan(config, period, 3), events=2000)[0]["t_master"] for period in ("I", "II")
    )
    assert np.isin(one, other).mean() < 0.1


def test_only_triggered_events_are_kept(sample):
    events = sample[0]
    physics = (events["trigger"] & TriggerBit.PHYSICS) != 0
    beam = (events["trigger"] & TriggerBit.BEAM) != 0
    assert (physics | beam).all()
    assert beam.any()
    assert physics.any()
    assert (events["e_prs"][physics] > 0.3).all()
    assert (events["class_true"][beam] == EventClass.BEAM_ELECTRON).all()


def test_large_classes_are_prescaled_and_weighted(config, sample):
    events, metadata = sample
    plan = Plan(config, "V", 1)
    for kind, factor in plan.prescales().items():
        of_class = events["class_true"] == kind
        assert (events["weight_true"][of_class] == factor).all()
        assert metadata.prescale.get(kind.name.lower(), 1) == factor
        most = (
            config.simulation.max_beam_events
            if kind in module.BEAM_PARTICLES
            else config.simulation.max_events
        )
        assert plan.rates()[kind] * plan.eot <= most * (1 + 1e-9)
    # Leading neutrals are not prescaled and all fire the trigger: rate times electrons on target.
    expected = config.simulation.rates["IV-V"].leading_neutral * metadata.eot
    found = (events["class_true"] == EventClass.LEADING_NEUTRAL).sum()
    assert found == pytest.approx(0.97 * expected, abs=4 * expected**0.5)


def test_numbering_is_that_of_a_daq(config, sample):
    events = sample[0]
    runs = config.periods["V"].runs
    assert events["run_number"][0] == runs.first
    assert events["run_number"].max() <= runs.last
    key = (events["event"], events["spill"], events["run_number"])
    assert np.array_equal(np.lexsort(key), np.arange(len(events["event"])))
    assert len(np.unique(np.stack(key), axis=1).T) == len(events["event"])
    same = np.diff(events["spill"]) == 0
    assert (np.diff(events["t_spill"])[same] >= 0).all()
    assert events["t_spill"].max() < 4.8e9


def test_spills_add_up_to_the_electrons_on_target(config):
    plan = Plan(config, "IV", 2)
    blocks = list(simulate(plan))
    assert sum(spills.eot for _, spills in blocks) == pytest.approx(plan.eot, rel=1e-9)
    runs = np.concatenate([arrays["run_number"] for arrays, _ in blocks])
    assert runs.max() == pytest.approx(config.periods["IV"].runs.last, abs=5)
    first = module.draw_spills(plan, 0)
    assert ((first.intensity >= 4e6) & (first.intensity <= 5e6)).all()


def test_conditions_change_with_the_run(config):
    """The ECAL scale of run 6300 on is 0.997, before it is 1.001."""
    plan = Plan(config, "V", 2, classes=(EventClass.BEAM_ELECTRON,))
    events = make_events(plan)[0]
    clean = events["n_pileup_true"] == 0
    before = clean & (events["run_number"] < 6300)
    after = clean & (events["run_number"] >= 6300) & (events["run_number"] < 6700)
    ratio = events["e_ecal"][after].mean() / events["e_ecal"][before].mean()
    assert ratio == pytest.approx(0.997 / 1.001, abs=1e-3)


def test_the_srd_is_off_in_bad_spills(config):
    bad = config.conditions.bad_spills[1].model_copy(update={"spills": tuple(range(1, 50))})
    first = config.periods["V"].runs.first
    conditions = config.conditions.model_copy(
        update={"bad_spills": (bad.model_copy(update={"run": first}),)}
    )
    changed = config.model_copy(update={"conditions": conditions})
    events = make_events(Plan(changed, "V", 2), events=3000)[0]
    off = (events["run_number"] == first) & (events["spill"] < 50)
    assert off.any()
    assert (events["e_srd_module"][off] == 0).all()
    assert (events["e_srd_module"][~off] > 0).any()


def test_more_than_the_period_comes_in_further_spills_of_the_same_runs(config):
    plan = Plan(config, "IV", 2, classes=(EventClass.DECAY,))
    events, metadata = make_events(plan, events=400)
    assert metadata.eot > 2 * plan.eot
    runs = config.periods["IV"].runs
    middle = (runs.first + runs.last) / 2
    assert events["run_number"].mean() == pytest.approx(middle, abs=15)
    key = np.stack([events[name] for name in ("run_number", "spill", "event")])
    assert len(np.unique(key, axis=1).T) == 400


def test_signal_is_mixed_in(config):
    plan = Plan(config, "II", 8, signal_of(80.0, 500.0))
    events = make_events(plan)[0]
    signal = events["class_true"] == EventClass.SIGNAL
    # 500 expected, and most pass the trigger
    assert 350 < signal.sum() < 560
    assert events["e_missing_true"][signal] == pytest.approx(80, rel=0.06)
    assert plan.lineage() != Plan(config, "II", 8).lineage()


def test_a_single_class(config):
    events, _ = make_events(Plan(config, "II", 8, classes=(EventClass.DIMUON,)), events=300)
    assert set(events["class_true"]) == {EventClass.DIMUON}
    with pytest.raises(ConfigError, match="chosen classes have no events"):
        make_events(Plan(config, "II", 8, classes=(EventClass.SIGNAL,)), events=300)


@pytest.mark.parametrize("eot", [0.5, 1e4])
def test_a_block_in_which_nothing_happens(config, eot):
    """The last block of a period can be this short."""
    plan = Plan(config, "II", 3)
    arrays = simulate_block(plan, 0, draw_spills(plan, 0).up_to(eot))
    assert set(arrays) == {branch.name for branch in BRANCHES + TRUTH_BRANCHES}
    for branch in BRANCHES + TRUTH_BRANCHES:
        assert arrays[branch.name].shape == (0, *branch.shape)


def test_no_events(config, tmp_path):
    events, metadata = make_events(Plan(config, "I", 1), events=0)
    assert metadata.entries == 0
    assert all(len(array) == 0 for array in events.values())
    write_simulated_file(tmp_path / "a.root", Plan(config, "I", 1), events=0)
    assert open_event_file(tmp_path / "a.root").metadata.entries == 0


def test_more_events_than_the_disk_holds(config, tmp_path):
    with pytest.raises(OutputError, match="GB left; ask for fewer events"):
        write_simulated_file(tmp_path / "a.root", Plan(config, "I", 1), events=10**15)
    assert list(tmp_path.iterdir()) == []


def test_a_file_says_what_made_it(config, tmp_path):
    path, plan = tmp_path / "I.root", Plan(config, "I", 9)
    metadata = write_simulated_file(path, plan, events=1000)
    assert open_event_file(path, period="I").metadata == metadata
    assert metadata.simulated
    assert metadata.lineage == plan.lineage(1000)
    assert metadata.lineage != plan.lineage()
    assert metadata.lineage != Plan(config, "I", 10).lineage(1000)
    other = config.simulation.model_copy(update={"upstream_slope": 6.0})
    changed = config.model_copy(update={"simulation": other})
    assert metadata.lineage != Plan(changed, "I", 9).lineage(1000)


def test_the_command_knows_all_classes():
    assert [EventClass[name.upper()] for name in CLASSES] == list(EventClass)
