"""Punch-through, muon pairs and decays in flight: closed forms, limits, published numbers."""

import numpy as np
import pytest

from na64ana.background.decays import channels, estimate_decays, share_below
from na64ana.background.dimuon import (
    MODEL_FACTOR,
    SCALE_WINDOW,
    Normalisation,
    Pairs,
    Probe,
    estimate_dimuon,
    find_energy_scale,
    loss_terms,
)
from na64ana.background.estimate import PeriodInputs, estimate_background
from na64ana.background.punch_through import estimate_punch_through
from na64ana.config.models import BeamComposition
from na64ana.constants import C_TAU_MU, M_KAON, M_MU, M_PI0
from na64ana.workflow.background import simulated_pairs

NORMAL = Normalisation(7000, 1400.0, 0.64, 0.01, 1.0, 0.005)
PERFECT = Probe(1_000_000_000, 0)


def test_punch_through_follows_the_transmission():
    """Of a law with t = 0.1, known to 1 %, a thousandth of what is seen is lost."""
    estimate = estimate_punch_through([90_000, 9_000, 900], 99_900, 1.0)
    assert estimate.inputs["transmission"] == pytest.approx(0.1, rel=0.02)
    assert estimate.events == pytest.approx(99_900 * 1e-3 / (1 - 1e-3), rel=0.05)
    assert 0.9 < estimate.factors[0] < 1 < estimate.factors[1] < 1.1


def test_punch_through_of_7_nuclear_lengths_is_published():
    """PRL 131 (2023) 161801, Table I: below 0.01, for 7.2 lambda per module (here drawn)."""
    rng = np.random.default_rng(1)
    starts = np.bincount((rng.standard_exponential(3000) / 7.2).astype(int), minlength=3)
    estimate = estimate_punch_through(starts[:3].tolist(), 3000, 100.0)
    assert estimate.upper_limit < 0.01


def test_nothing_seen_behind_the_first_module_is_a_limit():
    """t below 2.3/N at 90 %, and the cube of it of the events seen."""
    estimate = estimate_punch_through([1000, 0, 0], 1000, 1.0)
    assert estimate.upper_limit == pytest.approx(1000 * (2.3026 / 1000) ** 3, rel=0.05)
    more = estimate_punch_through([10_000, 0, 0], 1000, 1.0)
    assert more.upper_limit < estimate.upper_limit / 500


def test_an_empty_sideband_a_still_has_an_error():
    """Of no period with any start, the thickness of the HCAL; of one, the starts of the others."""
    alone = estimate_punch_through([0, 0, 0], 0, 1.0)
    assert 0 < alone.events < alone.upper_limit < 1e-4
    assert "empty" in alone.method
    beside = estimate_punch_through([5, 1, 0], 0, 1.0)
    assert 0 < beside.factors[0] < 1 < beside.factors[1] < np.inf
    assert beside.upper_limit > beside.events > 0


@pytest.mark.parametrize("scale", [0.96, 1.0, 1.05])
def test_the_energy_scale_is_found(config, scale):
    """Injected; the mean in the window falls where the scale rises."""
    pairs = simulated_pairs(config)
    low, high = SCALE_WINDOW
    means = []
    for factor in (scale, 1.0):
        e = factor * pairs.e_ecal
        means.append(e[(e > low) & (e < high)].mean())
    found, error = find_energy_scale(means[0] / means[1], 0.002, pairs)
    assert found == pytest.approx(scale, abs=0.006)
    assert 0.002 < error < 0.02


def one_pair(photon, *muons):
    """Return a pair of a photon; muons without energy stop."""
    return Pairs(np.array([100.0 - photon]), np.array([muons], dtype=float), 90.0)


def test_a_pair_is_lost_if_both_muons_are():
    """Element by element: both missed, one missed and one decayed, both decayed."""
    terms = loss_terms(one_pair(80.0, 40.0, 40.0), 50.0)
    decay = 400.0 / (40.0 / M_MU * C_TAU_MU)
    assert terms[2, 0] == 1
    # 20 GeV in the ECAL, and the electron of a decay may have 30 of 40 GeV
    assert terms[1, 1] == pytest.approx(2 * decay * share_below("muon", 0.75), rel=0.03)
    assert terms[0, 2] == pytest.approx(decay**2)
    assert terms[0, 0] == terms[1, 0] == 0


def test_a_muon_that_stops_is_lost_already():
    terms = loss_terms(one_pair(80.0, 79.0, 0.0), 50.0)
    decay = 400.0 / (79.0 / M_MU * C_TAU_MU)
    assert terms[1, 0] == 1
    assert terms[2].sum() == 0
    assert terms[0, 1] == pytest.approx(decay * share_below("muon", 30 / 79), rel=0.05)
    # with more than half of the energy left in the ECAL it is not in the box
    assert loss_terms(one_pair(40.0, 39.0, 0.0), 50.0).sum() == 0


def test_the_energy_scale_moves_pairs_into_the_box():
    pairs = Pairs(np.array([49.0, 51.0, 60.0, 95.0]), np.full((4, 2), 20.0), 90.0)
    assert loss_terms(pairs, 50.0)[2, 0] == pytest.approx(1 / 3)
    assert loss_terms(pairs, 50.0, 0.97)[2, 0] == pytest.approx(2 / 3)


def test_dimuon_losses_grow_with_what_is_missed(config):
    """Probes that miss 1 of 1000 each, against perfect ones."""
    pairs = simulated_pairs(config)
    perfect = estimate_dimuon(NORMAL, pairs, PERFECT, PERFECT, PERFECT, 50.0)
    bad = Probe(100_000, 10_000)
    worse = estimate_dimuon(NORMAL, pairs, bad, bad, bad, 50.0)
    n = NORMAL.pairs
    both = n * 1e-6 * loss_terms(pairs, 50.0)[2, 0]
    one = n * 1e-3 * loss_terms(pairs, 50.0)[1].sum()
    assert worse.events - perfect.events == pytest.approx(both + one, rel=0.1)
    assert perfect.events == pytest.approx(n * loss_terms(pairs, 50.0)[0].sum(), rel=0.05)


def test_dimuon_losses_are_never_surer_than_their_model(config):
    estimate = estimate_dimuon(NORMAL, simulated_pairs(config), PERFECT, PERFECT, PERFECT, 50.0)
    assert estimate.factors[0] < 1.02 / MODEL_FACTOR
    assert estimate.factors[1] > 0.98 * MODEL_FACTOR


def test_electrons_of_muon_decays_have_the_known_mean():
    """A third of a fast muon's energy is the electron's, 7/20 with the Michel spectrum."""
    x = np.linspace(0, 1, 10_001)
    cumulative = np.array([share_below("muon", value) for value in x])
    assert cumulative[0] == 0
    assert cumulative[-1] == pytest.approx(1)
    assert np.trapezoid(1 - cumulative, x) == pytest.approx(7 / 20, rel=1e-4)


def test_two_body_decays_are_flat():
    assert share_below("pion", 0.3) == 0.3


def test_kaon_neutrinos_take_what_is_left():
    """Everything is below all the energy; the neutrino has at most (1 - m_pi0^2/m_K^2) of it."""
    assert share_below("kaon", 1.0) == pytest.approx(1)
    least = M_PI0**2 / M_KAON**2
    assert share_below("kaon", least * 0.99) == 0
    shares = [share_below("kaon", x) for x in np.linspace(0, 1, 21)]
    assert (np.diff(shares) >= 0).all()
    # by an independent Monte Carlo of phase space with the same Dalitz density
    rng = np.random.default_rng(5)
    e_nu, e_e, flat = rng.random((3, 400_000))
    most = (M_KAON**2 - M_PI0**2) / (2 * M_KAON)
    e_nu, e_e = e_nu * most, e_e * most
    density = 2 * e_e * e_nu + M_KAON * (most - e_e - e_nu)
    # the neutral pion's energy is between its mass and its largest
    inside = (density > 0) & (e_e + e_nu >= most)
    x = 1 - e_nu * (1 + (2 * rng.random(len(e_nu)) - 1)) / M_KAON
    weight = 2 * e_e * e_nu - M_KAON * (e_nu + e_e - most)
    kept = inside & (flat * weight[inside].max() < weight)
    assert (x[kept] < 0.5).mean() == pytest.approx(share_below("kaon", 0.5), abs=0.005)


def test_decay_probabilities_on_15_metres():
    """Decay lengths at 100 GeV: 5.6 km (pion), 752 m (kaon), 624 km (muon)."""
    found = channels(50.0)
    lengths = {kind: 100 / one.mass * one.c_tau for kind, one in found.items()}
    assert lengths == pytest.approx({"pion": 5.59e6, "kaon": 7.52e5, "muon": 6.23e8}, rel=2e-3)
    assert found["pion"].probability(15e3) == pytest.approx(15e3 / 5.59e6 * 1.23e-4 / 2, rel=3e-3)


def test_decays_scale_with_their_factors():
    beam = BeamComposition(pion="0.7 %", kaon="0 %", muon="0 %", error=1.001, decay_way="15 m")
    srd = Probe(10_000_000, 20_000)
    estimate = estimate_decays(6.54e11, 0.45, beam, srd, 50.0)
    expected = 6.54e11 * 0.45 * 2e-3 * 0.007 * channels(50.0)["pion"].probability(15e3)
    assert estimate.events == pytest.approx(expected, rel=0.01)
    wide = beam.model_copy(update={"error": 3.0})
    assert estimate_decays(6.54e11, 0.45, wide, srd, 50.0).factors[1] == pytest.approx(3, rel=0.05)


@pytest.fixture(scope="module")
def inputs(config):
    rng = np.random.default_rng(3)
    probes = {"srd": Probe(1400, 3), "veto": Probe(1400, 1)}
    probes |= {"hcal_front": Probe(1400, 0), "hcal_rear": Probe(1400, 0)}
    return {
        name: PeriodInputs(
            sideband_c=(86 - rng.exponential(5.0, 200)).tolist(),
            eot=period.eot,
            starts=(500, 0, 0),
            weight=10.0,
            normalisation=NORMAL,
            probes=probes,
        )
        for name, period in config.periods.items()
    }


def test_measured_numbers_count_and_published_ones_stand_beside(config, inputs):
    found = estimate_background(config, inputs, simulated_pairs(config))
    methods = {row.source: row.method for row in found.table.of("V")}
    assert methods["decay"] == "published, by EOT"
    assert methods["upstream"] == "sideband C"
    assert methods["dimuon"] == "muon pairs, single muons"
    beside = {row.source: row.method for row in found.compared.of("V")}
    assert beside["decay"].startswith("beam composition")
    assert beside["dimuon"] == beside["upstream"] == "published, by EOT"
    # nothing of a source counts twice
    keys = [(row.period, row.source) for row in found.table.rows]
    assert len(keys) == len(set(keys))


def test_computed_decays_can_count(config, inputs):
    options = config.background.model_copy(update={"decays": "computed"})
    other = config.model_copy(update={"background": options})
    found = estimate_background(other, inputs, simulated_pairs(config))
    counted = {row.source: row for row in found.table.of("V")}
    assert counted["decay"].scope == "all"


def test_muons_and_starts_are_pooled(config, inputs):
    found = estimate_background(config, inputs, simulated_pairs(config))
    rows = {row.source: row.estimate.inputs for row in found.table.of("I")}
    assert rows["dimuon"]["muons_tagged"] == 3 * 1400
    assert rows["punch_through"]["starts_in_module_0"] == 5 * 500


def test_without_control_samples_published_numbers_count(config, inputs):
    bare = {name: PeriodInputs(one.sideband_c, one.eot) for name, one in inputs.items()}
    found = estimate_background(config, bare)
    methods = {row.source: row.method for row in found.table.of("V")}
    published = {source for source, method in methods.items() if method == "published, by EOT"}
    assert published == {"dimuon", "decay", "punch_through"}
