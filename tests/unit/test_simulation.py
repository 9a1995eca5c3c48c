"""The first form of the simulation has the shapes that the plane is known to have."""

import numpy as np
import pytest

from na64ana.cuts.hcal import compute_e_hcal
from na64ana.io.format import BRANCHES, TRUTH_BRANCHES, EventClass, TriggerBit
from na64ana.io.reading import open_event_file
from na64ana.simulation.events import make_events, simulation_lineage, write_simulated_file


@pytest.fixture(scope="module")
def sample(config):
    events, metadata = make_events(config, "V", seed=1, e_ap=np.full(3000, 80.0))
    return events, metadata


def of(sample, kind: EventClass) -> dict[str, np.ndarray]:
    mask = sample[0]["class_true"] == kind
    return {name: array[mask] for name, array in sample[0].items()}


def test_all_branches_of_the_format_are_made(sample):
    for branch in BRANCHES + TRUTH_BRANCHES:
        array = sample[0][branch.name]
        assert array.dtype == np.dtype(branch.dtype)
        assert array.shape == (sample[1].entries, *branch.shape)
        assert np.isfinite(array).all()


def test_the_same_seed_gives_the_same_events(config):
    one, other = (make_events(config, "I", seed=3)[0] for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    different = make_events(config, "I", seed=4)[0]
    assert not np.array_equal(one["e_ecal"], different["e_ecal"])


def test_periods_are_independent(config):
    one, other = (make_events(config, period, seed=3)[0]["p_track"] for period in ("I", "II"))
    assert np.isin(one, other).mean() < 0.1  # equal only by the resolution of 32 bit floats


def test_calibration_electrons(sample):
    events = of(sample, EventClass.BEAM_ELECTRON)
    assert (events["trigger"] & TriggerBit.BEAM).all()
    # 10 %/sqrt(E) of 100 GeV is 1 GeV
    assert events["e_ecal"].mean() == pytest.approx(100, abs=0.05)
    assert events["e_ecal"].std() == pytest.approx(1.0, rel=0.03)
    assert events["p_track"].std() == pytest.approx(1.0, rel=0.03)
    # a few per cent of the energy in the first 4 X0
    assert 0.02 < (events["e_prs"] / events["e_ecal"]).mean() < 0.07


def test_the_diagonal(sample):
    events = of(sample, EventClass.ELECTRO_NUCLEAR)
    total = events["e_ecal"] + compute_e_hcal(events["e_hcal_module"])
    assert np.median(total) == pytest.approx(100, abs=1.0)
    assert ((total > 80) & (total < 120)).mean() > 0.95


def test_dimuons_are_a_band(sample):
    events = of(sample, EventClass.DIMUON)
    e_hcal = compute_e_hcal(events["e_hcal_module"])
    assert np.median(e_hcal) == pytest.approx(14.8, abs=0.5)  # 5.5 + 5.2 + 4.1 GeV
    low = events["e_ecal"] < 50
    assert np.median(e_hcal[low]) == pytest.approx(np.median(e_hcal[~low]), rel=0.03)


def test_the_upstream_tail(config, sample):
    energy = of(sample, EventClass.UPSTREAM)["e_ecal"]
    inside = energy[(energy > 60) & (energy < 86)]
    # mean of a truncated exponential that rises with 1/slope
    slope, width = config.simulation.upstream_slope, 26.0
    mean = 86 - slope + width / np.expm1(width / slope)
    assert inside.mean() == pytest.approx(mean, abs=4 * inside.std() / np.sqrt(len(inside)))


def test_signal_energy_is_missing(sample):
    events = of(sample, EventClass.SIGNAL)
    assert (events["e_missing_true"] == 80).all()
    assert events["e_ecal"].mean() == pytest.approx(20, abs=0.05)
    assert (events["e_prs"] > 0.3).all()  # or the trigger would not have kept them


def test_only_triggered_events_are_kept(sample):
    events = sample[0]
    physics = (events["trigger"] & TriggerBit.PHYSICS) != 0
    assert (physics | ((events["trigger"] & TriggerBit.BEAM) != 0)).all()
    assert (events["e_prs"][physics] > 0.3).all()


@pytest.mark.parametrize(("period", "veto", "hcal"), [("V", 0.94, 0.95), ("I", 0.97, 0.975)])
def test_pileup_makes_the_published_efficiencies(config, closed, period, veto, hcal):
    """VETO 0.94 and HCAL 0.95 at 6e6 electrons per spill (PRL 2023); fewer electrons, less loss."""
    events, _ = make_events(config, period, seed=5)
    beam = events["class_true"] == EventClass.BEAM_ELECTRON
    columns = {name: array[beam] for name, array in events.items()}
    cuts = {cut.name: cut for cut in closed.cuts(period)}
    assert cuts["veto_quiet"].keep(columns).mean() == pytest.approx(veto, abs=0.01)
    assert cuts["hcal_quiet"].keep(columns).mean() == pytest.approx(hcal, abs=0.01)


def test_large_classes_are_prescaled_and_weighted(config, sample):
    events, metadata = of(sample, EventClass.ELECTRO_NUCLEAR), sample[1]
    factor = metadata.prescale["electro_nuclear"]
    assert factor == 62
    assert set(metadata.prescale) == {"electro_nuclear"}
    assert (events["weight_true"] == factor).all()
    rate = config.simulation.rates["IV-V"].electro_nuclear
    kept = len(events["e_ecal"]) * factor / (rate * metadata.eot)
    assert 0.85 < kept < 1.0  # the rest is what the trigger does not see
    assert (of(sample, EventClass.DIMUON)["weight_true"] == 1).all()


def test_selected_events_are_about_as_many_as_published(config, closed_run):
    """9.6e5 in the plane for IV+V (PRL 2023), 1.6e4 for I-III (UFN 2021); within a factor 2."""
    run = closed_run
    prescale = {p: run.prescales().get(p, {}).get("electro_nuclear", 1) for p in config.periods}
    selected = {p: run.tallies[p].cut_flow["veto_quiet"] * prescale[p] for p in config.periods}
    assert 0.5 < (selected["IV"] + selected["V"]) / 9.6e5 < 2
    assert 0.5 < (selected["I"] + selected["II"] + selected["III"]) / 1.6e4 < 2


def test_numbering_is_inside_the_period(config, sample):
    runs = config.periods["V"].runs
    run_number = sample[0]["run_number"]
    assert runs.first == run_number.min()
    assert run_number.max() <= runs.last
    identity = np.stack([run_number, sample[0]["event"]], axis=1)
    assert len(np.unique(identity, axis=0)) == len(identity)


def test_a_file_says_what_made_it(config, tmp_path):
    path = tmp_path / "I.root"
    metadata = write_simulated_file(path, config, "I", seed=9)
    assert open_event_file(path, period="I").metadata == metadata
    assert metadata.simulated
    assert metadata.eot == config.periods["I"].eot
    assert metadata.lineage == simulation_lineage(config, "I", 9)
    assert metadata.lineage != simulation_lineage(config, "I", 10)
    with_signal = make_events(config, "I", seed=9, e_ap=np.array([80.0]))[1]
    assert with_signal.lineage not in (metadata.lineage, "")
    other = config.simulation.model_copy(update={"upstream_slope": 6.0})
    changed = config.model_copy(update={"simulation": other})
    assert metadata.lineage != simulation_lineage(changed, "I", 9)
