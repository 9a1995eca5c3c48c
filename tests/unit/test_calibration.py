"""Calibration: template, efficiencies, thresholds; and the signal efficiency made with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from na64ana.cuts.template import ENERGIES, SIDE, STEPS, compute_chi2_shower, sum_showers
from na64ana.errors import ConfigError, DataError
from na64ana.io.chunk import ArrayChunk
from na64ana.io.format import EventClass
from na64ana.processing.processors import load_processor, processor_path
from na64ana.simulation import ecal
from na64ana.simulation.events import make_events
from na64ana.simulation.plan import Plan
from na64ana.simulation.template import shower_template
from na64ana.tally.calibration import make_template, summarise
from na64ana.tally.efficiency import ONE_SIGMA, Efficiency
from na64ana.workflow.efficiency import MASSES, signal_efficiencies
from na64ana.workflow.results import read_templates, write_templates


def electrons(energy, n, seed=1):
    """Return cells of electrons where the beam hits, in the middle of a cell."""
    rng = np.random.default_rng(seed)
    zero = np.zeros(n, np.float32)
    spot = ecal.BEAM_SPOT / ecal.PITCH
    x, y = (2.5 + spot * rng.standard_normal((2, n))).astype(np.float32)
    cells = ecal.shower_cells(rng, zero + np.float32(energy), zero, x, y)
    ecal.respond(rng, cells, zero + np.float32(0.015))
    return cells


def test_sums_of_showers_are_their_moments():
    cells = electrons(80.0, 300)
    sums = sum_showers(cells)
    assert (sums[:, :, 12, 0].sum(axis=0) == [0] * 8 + [300, 0]).all()
    fraction = cells / cells.sum(axis=(1, 2, 3), keepdims=True)
    cell = np.argmax(sums[:, 8, 12, 0])
    hit = (cells[:, 0] + cells[:, 1]).reshape(300, -1).argmax(axis=1) == cell
    x, y = divmod(int(cell), 6)
    mean = sums[cell, 8, SIDE**2 + 12, 1] / sums[cell, 8, SIDE**2 + 12, 0] / STEPS
    assert mean == pytest.approx(fraction[hit, 1, x, y].mean(), abs=2e-6)


def test_sums_add_whatever_the_chunks():
    cells = electrons(60.0, 500)
    parts = sum(sum_showers(part) for part in np.array_split(cells, 7))
    assert (parts == sum_showers(cells)).all()
    assert sum_showers(cells[:0]).sum() == 0
    assert sum_showers(np.zeros((3, 2, 6, 6), np.float32)).sum() == 0


def test_the_template_of_a_calibration_is_the_mean_shower(config, calibrated):
    """Electrons of any energy have a chi2 per cell of about one."""
    assert set(calibrated.templates) == set(config.periods)
    template = calibrated.templates["IV"]
    assert template.period == "IV"
    assert len(template.energy) == len(ENERGIES)
    for energy in (30.0, 60.0, 100.0):
        cells = electrons(energy, 2000, seed=3)
        made = compute_chi2_shower(cells, template)
        known = compute_chi2_shower(cells, shower_template())
        assert 0.3 < np.median(made) < 1.0
        assert np.corrcoef(made, known)[0, 1] > 0.6
        assert (made < 5).mean() > 0.95


def test_chi2_of_a_mean_shower_is_zero_and_at_most_the_largest():
    template = shower_template()
    cells = np.zeros((1, 2, 6, 6), np.float32)
    cells[0, :, :5, :5] = 100 * template.mean[0, -1].reshape(2, 5, 5)
    cells[0] *= 100 / cells.sum()
    assert compute_chi2_shower(cells, template)[0] < 0.05
    none = np.zeros((2, 2, 6, 6), np.float32)
    assert compute_chi2_shower(none, template).tolist() == [1e4, 1e4]


def test_too_few_electrons_make_no_template(config):
    events, _ = make_events(Plan(config, "I", 4), events=300)
    tallies = []
    for name in ("calibration", "dimuon"):
        processor = load_processor(processor_path(name), config, blinded=True)
        tallies.append(processor.process(ArrayChunk(events, "I"))["I"])
    with pytest.raises(DataError, match=r"period I: \d+ calibration electrons, 200 are needed"):
        make_template("I", tallies, 0.005)


def test_calibration_finds_the_published_efficiencies(config, calibrated):
    """VETO 0.94 and HCAL 0.95 of PRL 2023, weighted by EOT over IV and V."""
    eot = {name: config.periods[name].eot for name in ("IV", "V")}
    for cut, published in (("veto_quiet", 0.94), ("hcal_quiet", 0.95)):
        found = sum(
            calibrated.calibrations[name].efficiencies[cut].value * weight
            for name, weight in eot.items()
        ) / sum(eot.values())
        assert found == pytest.approx(published, abs=0.02)


def test_calibration_is_right_for_each_cut(config, templates):
    """Efficiencies of beam electrons that are known to be electrons."""
    events, _ = make_events(Plan(config, "V", 8, classes=(EventClass.BEAM_ELECTRON,)))
    name = processor_path("calibration")
    processor = load_processor(name, config, blinded=True, templates=templates)
    found = summarise("V", processor.process(ArrayChunk(events, "V"))["V"])
    n = len(events["event"])
    quiet = events["n_pileup_true"] == 0  # others fail two cuts at once
    track = ((events["n_tracks"] == 1) & (events["p_track"] > 0))[quiet]
    assert found.efficiencies["single_track"].value == pytest.approx(track.mean(), abs=0.03)
    assert found.overall.total <= n
    assert found.electrons == found.overall.passed
    # what the data suggest lies where the published windows are
    assert 0.001 < found.thresholds["e_veto_max"] < 0.005
    assert found.thresholds["e_hcal_max"] < 1.0
    assert 0.001 < found.thresholds["e_srd_min"] < found.thresholds["e_srd_max"] < 0.1
    assert found.pileup["VETO"] == pytest.approx(0.06, abs=0.02)


def test_muon_pairs_are_pure(calibrated):
    for tally in calibrated.dimuon.run.tallies.values():
        flow = tally.cut_flow
        classes = flow.classes()
        last = flow.cuts[-1]
        assert classes["dimuon"][last] > 0.99 * flow[last] > 300


def test_templates_are_stored(calibrated, tmp_path):
    write_templates(calibrated, tmp_path)
    found = read_templates(tmp_path)
    for period, template in calibrated.templates.items():
        for name in ("energy", "row", "mean", "width"):
            np.testing.assert_array_equal(getattr(found[period], name), getattr(template, name))
    with pytest.raises(DataError, match="no such file"):
        read_templates(tmp_path / "none")
    (tmp_path / "templates.npz").write_text("text")
    with pytest.raises(DataError, match="holds no shower templates"):
        read_templates(tmp_path)


def test_scalars_need_no_template(config, event_paths):
    """Periods without cells are calibrated in one pass."""
    from na64ana.workflow.selection import calibrate  # noqa: PLC0415

    selection = config.selections["runs_I_III"].model_copy(update={"energies_from": "scalars"})
    changed = config.model_copy(
        update={"selections": {**config.selections, "runs_I_III": selection}}
    )
    found = calibrate(changed, {"I": event_paths["I"]})
    assert found.templates == {}
    assert found.calibrations["I"].efficiencies["shower_shape"].value > 0.9


def test_a_template_must_be_of_its_period(config, templates):
    with pytest.raises(ConfigError, match="shower template is of period V"):
        load_processor(
            processor_path("calibration"), config, blinded=True, templates={"I": templates["V"]}
        ).context("I")


# The signal efficiency.


@pytest.fixture(scope="module")
def efficiencies(config, calibrated):
    return signal_efficiencies(config, calibrated)


@pytest.mark.slow
def test_the_signal_efficiency_is_the_published_one(efficiencies):
    """Overall 0.4-0.5 (PRL 2023); heavy dark photons leave little for the preshower."""
    for one in efficiencies.values():
        values = one.at(np.geomspace(1e-3, 1.0, 7))
        assert ((values > 0.36) & (values < 0.52)).all()
        assert 0.9 < one.scale[0] < 1.1
        assert one.relative_error < 0.06


def test_the_signal_efficiency_is_that_of_its_parts(efficiencies):
    for one in efficiencies.values():
        assert len(one.overall) == len(MASSES)
        for overall, parts, flow in zip(one.overall, one.by_energy, one.cut_flow, strict=True):
            inside = sum(part.total for part in parts)
            counts = list(flow.values())
            assert 0.95 * counts[0] < inside <= counts[0]
            # of those that are made, some below the threshold, most reach the box
            assert 0.7 * counts[0] < overall.total < 0.9 * counts[0]
            assert counts[-1] == overall.passed
            assert counts == sorted(counts, reverse=True)
        # little energy is left in the preshower if the dark photon takes nearly all
        assert one.by_energy[-1][-1].value < one.by_energy[-1][4].value


def test_the_mass_dependence_is_common(efficiencies):
    """So the ratio of two periods is the same for all masses."""
    masses = np.geomspace(1e-3, 1.0, 7)
    ratio = efficiencies["V"].at(masses) / efficiencies["I"].at(masses)
    assert ratio == pytest.approx(ratio[0], rel=1e-12)


# Intervals.


@given(st.integers(0, 300), st.integers(0, 300))
def test_intervals_hold_the_estimate(passed, failed):
    one = Efficiency.of(passed, passed + failed)
    if passed + failed == 0:
        assert np.isnan(one.value)
        assert (one.low, one.high) == (0.0, 1.0)
        return
    assert 0 <= one.low <= one.value <= one.high <= 1
    mirrored = Efficiency.of(failed, passed + failed)
    assert mirrored.low == pytest.approx(1 - one.high, abs=1e-9)


def test_intervals_are_those_of_clopper_and_pearson():
    """10 of 20 at 95 %: 0.272 to 0.728; none of 10: up to 0.308 (their paper, by tables)."""
    one = Efficiency.of(10, 20, level=0.95)
    assert (one.low, one.high) == pytest.approx((0.2720, 0.7280), abs=1e-4)
    assert Efficiency.of(0, 10, level=0.95).high == pytest.approx(0.3085, abs=1e-4)


def test_intervals_cover():
    from scipy.stats import binom  # noqa: PLC0415

    for p in (0.02, 0.3, 0.94):
        k = np.arange(61)
        inside = [one.low <= p <= one.high for one in (Efficiency.of(int(i), 60) for i in k)]
        assert binom.pmf(k, 60, p)[inside].sum() >= ONE_SIGMA


def test_more_than_all_cannot_pass():
    with pytest.raises(ValueError, match="5 of 4 events pass"):
        Efficiency.of(5, 4)
