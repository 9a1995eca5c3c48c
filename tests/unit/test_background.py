from dataclasses import replace

import numpy as np
import pytest
from iminuit import Minuit
from scipy.optimize import minimize_scalar

from na64ana.background.extrapolation import (
    compute_band,
    extrapolate,
    fit_edges,
    goodness,
    published_recipe,
)
from na64ana.background.families import control_likelihood, expected_counts
from na64ana.background.table import (
    BackgroundRow,
    BackgroundTable,
    Estimate,
    published_rows,
)
from na64ana.background.upstream import ControlSample, estimate_upstream, make_control
from na64ana.config import load_config
from na64ana.errors import BackgroundError

EDGE, TOP = 50.0, 86.0


def exponential_tail(rng: np.random.Generator, n: int, slope: float) -> np.ndarray:
    u = rng.random(n)
    return TOP + slope * np.log1p(u * np.expm1(-(TOP - EDGE) / slope))


def truth(n: int, slope: float) -> float:
    """Return ln of the events that an exponential with `n` in the sideband puts in the box."""
    box = np.exp(EDGE / slope) - 1
    return np.log(n * box / (np.exp(TOP / slope) - np.exp(EDGE / slope)))


def only(config, *families):
    return config.background.model_copy(update={"families": families})


def test_a_large_sideband_gives_the_truth(config):
    energies = exponential_tail(np.random.default_rng(1), 5000, 6.0)
    (fit,) = extrapolate(energies, EDGE, only(config, "exponential")).fits
    assert fit.ln_b == pytest.approx(truth(5000, 6.0), abs=3 * fit.up)
    assert fit.down == pytest.approx(fit.up, rel=0.1)
    assert fit.up < 0.15


def test_pulls_of_the_true_family(config):
    """Mean of the pulls of ln b within 0.25 of 0, width within 25 % of 1: 100 experiments."""
    options = only(config, "exponential")
    rng, pulls = np.random.default_rng(2), []
    for _ in range(100):
        (fit,) = extrapolate(exponential_tail(rng, rng.poisson(200), 6.0), EDGE, options).fits
        error = fit.down if fit.ln_b > truth(200, 6.0) else fit.up
        pulls.append((fit.ln_b - truth(200, 6.0)) / error)
    assert abs(np.mean(pulls)) < 0.25
    assert 0.75 < np.std(pulls) < 1.25


def log_density(name, energy, scale, shape):
    """Return log densities, written down once more."""
    missing = 100.0 - energy
    if name == "exponential":
        return scale * energy
    if name == "power_law":
        return 60 * scale * np.log(energy / 100)
    return -30 * scale / shape[0] * (missing / 30) ** shape[0]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("name", "start", "limits"),
    [
        ("exponential", (), ()),
        ("power_law", (), ()),
        ("stretched_exponential", (1.0,), ((0.1, 2.0),)),
    ],
)
def test_tables_find_what_iminuit_finds(config, name, start, limits, seed):
    """ln b within 0.03 and its errors within 5 %."""
    energies = exponential_tail(np.random.default_rng(seed), 300, 6.0)
    edges = fit_edges(EDGE, config.background)
    counts = np.histogram(energies, edges)[0]
    fine = np.linspace(0.0, TOP, 8601)

    def nll(p):
        density = np.exp(log_density(name, fine[1:], p[1], p[2:]))
        whole = np.concatenate([[0.0], np.cumsum(density)])
        below = np.interp(edges, fine, whole)
        mean = np.exp(p[0]) * np.diff(below) / below[0]
        return float((mean - counts * np.log(mean)).sum())

    minuit = Minuit(nll, np.array([-1.0, 0.17, *start]))
    minuit.errordef = Minuit.LIKELIHOOD
    minuit.limits = [(-20, 10), (0.01, 2.0), *limits]
    minuit.migrad()
    minuit.minos(0)
    (fit,) = extrapolate(energies, EDGE, only(config, name)).fits
    assert fit.ln_b == pytest.approx(minuit.values[0], abs=0.03)
    assert fit.down == pytest.approx(-minuit.merrors[0].lower, rel=0.05, abs=0.02)
    assert fit.up == pytest.approx(minuit.merrors[0].upper, rel=0.05, abs=0.02)


def two_components(rng, n):
    """Return a tail of 4 GeV and 5 % of 12 GeV, and ln of what it has in the box."""
    flat = rng.random(n) < 0.05
    energies = np.where(flat, TOP - rng.exponential(12.0, n), TOP - rng.exponential(4.0, n))
    return energies[energies > EDGE]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_exponentials_find_what_iminuit_finds(config, seed):
    """ln b within a fifth of its error; the likelihood is never above what a minimiser reaches."""
    energies = two_components(np.random.default_rng(seed), 700)
    edges = fit_edges(EDGE, config.background)
    counts = np.histogram(energies, edges)[0]
    (fit,) = extrapolate(energies, EDGE, only(config, "two_exponentials")).fits

    def nll(p):
        shape = (np.exp(p[1]), *p[2:])
        mean = expected_counts("two_exponentials", p[0], shape, edges, EDGE)
        return float((mean - counts * np.log(mean)).sum())

    minuit = Minuit(nll, np.array([fit.ln_b, np.log(fit.shape[0]), *fit.shape[1:]]))
    minuit.errordef = Minuit.LIKELIHOOD
    minuit.limits = [(-20, 10), (-5, 2), (0.006, 0.8), (1.1, 5.0)]
    minuit.migrad()
    assert minuit.valid
    assert fit.ln_b == pytest.approx(minuit.values[0], abs=max(fit.down, fit.up) / 5)
    assert fit.profile.log_likelihood == pytest.approx(-minuit.fval, abs=0.2)


def test_the_scale_of_a_control_sample_is_found_between_the_grid_points():
    """Against a minimiser, for a sample that knows its scale 20 times better than the grid."""
    control = control_sample(np.random.default_rng(2), 100_000, 5.0)
    (found,) = np.atleast_1d(control_likelihood("exponential", control))

    def nll(scale):
        weights = np.exp(scale * control.edges)
        share = np.diff(weights) / (weights[-1] - weights[0])
        return -float(control.counts @ np.log(share))

    exact = minimize_scalar(nll, bounds=(0.15, 0.25), method="bounded", options={"xatol": 1e-9})
    assert found == pytest.approx(-exact.fun, abs=0.01)


def test_a_second_component_is_covered(config):
    """The interval of the usual recipe covers it in a quarter of the cases."""
    shares = [(0.95, 4.0), (0.05, 12.0)]
    box = sum(f * (np.exp(-(TOP - EDGE) / s) - np.exp(-TOP / s)) for f, s in shares)
    rng, n, covered, usual = np.random.default_rng(6), 200, 0, 0
    for _ in range(60):
        fit = extrapolate(two_components(rng, rng.poisson(n)), EDGE, config.background)
        down, up = np.log(fit.factors)
        covered += fit.ln_b + down <= np.log(n * box) <= fit.ln_b + up
        centre, error = published_recipe(fit)
        usual += abs(centre - np.log(n * box)) < error
    assert covered >= 36
    assert covered > usual


def test_the_interval_covers_a_truth_of_another_family(config):
    """A power law, fitted with all families: 68 % interval covers in at least 60 % of 50."""
    rng, power = np.random.default_rng(3), 14.0
    covered = 0
    for _ in range(50):
        u = rng.random(rng.poisson(200))
        low, high = (EDGE / TOP) ** (power + 1), 1.0
        energies = TOP * (low + u * (high - low)) ** (1 / (power + 1))
        ln_b = np.log(200 * low / (1 - low))
        fit = extrapolate(energies, EDGE, config.background)
        down, up = np.log(fit.factors)
        covered += fit.ln_b + down <= ln_b <= fit.ln_b + up
    assert covered >= 30


def test_an_extrapolation_says_what_it_is_made_of(config):
    fit = extrapolate(exponential_tail(np.random.default_rng(4), 300, 6.0), EDGE, config.background)
    assert [one.family for one in fit.fits] == list(config.background.families)
    weights = {one.family: one.weight for one in fit.fits}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["exponential"] == 0
    assert weights["stretched_exponential"] > 0.1
    squares = np.square([fit.statistical, fit.families, fit.window]).sum(axis=0)
    assert fit.errors == pytest.approx(np.sqrt(squares))
    assert np.log(fit.factors) == pytest.approx([-fit.errors[0], fit.errors[1]])
    assert fit.n_events == 300
    assert fit.fit_range == (EDGE, TOP)


def test_the_description_of_the_data_is_judged_by_toys(config):
    rng = np.random.default_rng(9)
    edges = fit_edges(EDGE, config.background)
    good = np.histogram(exponential_tail(rng, 300, 6.0), edges)[0]
    assert goodness(good, edges) > 0.02
    bump = good.copy()
    bump[4] += 40
    assert goodness(bump, edges) < 0.01


def test_a_fit_predicts_what_it_was_fitted_to(config):
    energies = exponential_tail(np.random.default_rng(5), 2000, 6.0)
    (fit,) = extrapolate(energies, EDGE, only(config, "exponential")).fits
    edges = np.linspace(EDGE, TOP, 19)
    counts = expected_counts(fit.family, fit.ln_b, fit.shape, edges, EDGE)
    assert counts.sum() == pytest.approx(2000, rel=0.01)
    below = expected_counts(fit.family, fit.ln_b, fit.shape, np.array([0.0, EDGE]), EDGE)
    assert below[0] == pytest.approx(np.exp(fit.ln_b), rel=1e-4)


@pytest.mark.parametrize("n", [0, 3, 19])
def test_too_few_events_are_named(config, n):
    with pytest.raises(BackgroundError, match=f"{n} events in sideband C, at least 20") as caught:
        extrapolate([70.0] * n, EDGE, config.background)
    assert caught.value.exit_code == 4


def test_events_outside_the_range_do_not_count(config):
    with pytest.raises(BackgroundError, match="0 events in sideband C"):
        extrapolate([20.0] * 50 + [95.0] * 50, EDGE, config.background)


@pytest.mark.parametrize("energy", [51.0, 85.9])
def test_events_at_one_energy_still_have_an_error(config, energy):
    """Just above the box, as many are in it as above it; at the upper edge, next to none."""
    fit = extrapolate([energy] * 30, EDGE, config.background)
    assert np.isfinite([fit.ln_b, *fit.errors]).all()
    assert (fit.events > 20) == (energy == 51.0)
    assert fit.factors[0] < 1 < fit.factors[1]


def test_published_rows_divide_the_group_by_eot(config):
    rows = [row for name in config.periods for row in published_rows(config, name)]
    by_source = {
        (row.scope, row.source): sum(r.events for r in rows if (r.scope, r.source) == key)
        for row in rows
        for key in [(row.scope, row.source)]
    }
    assert by_source["I-III", "upstream"] == pytest.approx(0.43)
    assert by_source["IV-V", "decay"] == pytest.approx(0.30)
    first = published_rows(config, "I")[0]
    assert first.events == pytest.approx(0.024 * 4.3e10 / 2.83e11)
    assert first.factors[1] == pytest.approx(1 + 0.007 / 0.024)


def test_a_part_of_a_group_gets_its_part(config):
    """Without period II, I and III keep their shares; nothing is spread over what is left."""
    periods = {name: period for name, period in config.periods.items() if name != "II"}
    smaller = config.model_copy(update={"periods": periods})
    assert published_rows(smaller, "I") == published_rows(config, "I")


def test_totals_draw_shared_errors_together():
    factors = (1 / 1.1, 1.1)
    one = Estimate(1.0, factors, "")
    shared = [BackgroundRow(p, "a", one, "all") for p in ("I", "II")]
    alone = [BackgroundRow(p, "b", one, p) for p in ("I", "II")]
    events, low, high = BackgroundTable(tuple(shared)).total(["I", "II"])
    assert (events, low, high) == pytest.approx((2, 2 / 1.1, 2 * 1.1), rel=3e-3)
    events, low, high = BackgroundTable(tuple(alone)).total(["I", "II"])
    assert (high - low) / 2 == pytest.approx(np.sqrt(2) * np.log(1.1), rel=0.03)
    assert BackgroundTable(tuple(shared)).total(["I"])[0] == pytest.approx(1, rel=3e-3)
    assert BackgroundTable(tuple(shared)).of("II") == (shared[1],)


def test_a_family_at_a_limit_is_said(config):
    """A tail with a sharp edge drives the power of the stretched exponential to its limit."""
    rng = np.random.default_rng(7)
    energies = np.concatenate([TOP - 3 * rng.random(60), 86 - 20 * rng.random(6)])
    fit = extrapolate(energies, EDGE, config.background)
    at_limit = {f.family: f.at_limit for f in fit.fits}
    assert at_limit["stretched_exponential"]
    assert not at_limit["exponential"]


@pytest.fixture(scope="module")
def sidebands():
    rng = np.random.default_rng(8)
    sizes = {"I": 60, "II": 80, "III": 250, "IV": 10, "V": 150}
    return {name: exponential_tail(rng, n, 5.0).tolist() for name, n in sizes.items()}


def test_periods_of_a_group_are_fitted_together(config, sidebands):
    found = estimate_upstream(config, sidebands)
    fits, rows = found.extrapolations, found.rows
    assert {scope: fit.n_events for scope, fit in fits.items()} == {"I-III": 390, "IV-V": 160}
    assert rows["I"].events / rows["III"].events == pytest.approx(60 / 250)
    assert rows["III"].events == pytest.approx(fits["I-III"].events * 250 / 390)
    assert rows["I"].factors == rows["III"].factors != rows["V"].factors
    assert all(0 < p <= 1 for p in found.goodness.values())


def test_each_period_can_be_fitted_by_itself(config, sidebands):
    options = config.background.model_copy(update={"fit": "period"})
    found = estimate_upstream(config.model_copy(update={"background": options}), sidebands)
    assert found.rows["I"].scope == "I"
    assert found.extrapolations["III"].n_events == 250
    # ten events of IV are too few: its number, the ratio of its group
    assert found.rows["IV"].scope == "IV-V"
    assert found.extrapolations["IV+V for IV"].n_events == 160


def test_few_events_take_the_ratio_of_others(config, sidebands):
    """Another box is fitted apart; the ratio of the group is that for this box."""
    five = config.periods["V"].model_copy(update={"e_ecal_max": 47.0})
    other = config.model_copy(update={"periods": config.periods | {"V": five}})
    found = estimate_upstream(other, sidebands)
    assert list(found.extrapolations) == ["I-III", "IV+V for IV", "V"]
    assert found.extrapolations["V"].fit_range[0] == 47.0
    lent, row = found.extrapolations["IV+V for IV"], found.rows["IV"]
    assert lent.fit_range[0] == 50.0
    assert row.scope == "IV-V"
    # the median of the mean of which ten were seen is 10.67
    assert row.events == pytest.approx(10.668 * lent.events / lent.n_events, rel=1e-3)
    assert row.factors[0] < lent.factors[0]
    assert row.factors[1] > lent.factors[1]
    assert row.estimate.upper_limit > row.events
    assert any("IV: 10 events in sideband C" in note for note in found.notes)
    part = estimate_upstream(config, {name: sidebands[name] for name in ("I", "III")})
    assert {row.scope for row in part.rows.values()} == {"I+III"}


def test_an_empty_sideband_has_an_upper_limit(config, sidebands):
    """None seen is a mean of 0.69 (median), below 2.303 at 90 %."""
    found = estimate_upstream(config, sidebands | {"IV": []})
    row, fit = found.rows["IV"], found.extrapolations["IV-V"]
    assert row.events == pytest.approx(np.log(2) * fit.events / fit.n_events, rel=1e-6)
    limit = 2.302585 * fit.events / fit.n_events * fit.factors[1]
    assert row.estimate.upper_limit == pytest.approx(limit, rel=1e-5)
    assert 0 < row.factors[0] < 1 < row.factors[1]
    assert any("IV: no events in sideband C" in note for note in found.notes)


@pytest.mark.parametrize("n", [0, 3])
def test_without_any_shape_the_published_number_stands_in(config, n):
    found = estimate_upstream(config, {"IV": [70.0] * n})
    assert found.rows["IV"].method == "published, by EOT"
    assert found.extrapolations == {}
    (note,) = found.notes
    assert "no other period to borrow from: published number" in note


def test_without_any_number_a_spectrum_that_does_not_fall_is_the_limit(config):
    group = config.published["IV-V"]
    others = {k: v for k, v in group.backgrounds.items() if k != "upstream"}
    published = config.published | {"IV-V": group.model_copy(update={"backgrounds": others})}
    found = estimate_upstream(config.model_copy(update={"published": published}), {"IV": []})
    row = found.rows["IV"]
    assert row.estimate.upper_limit == pytest.approx(2.302585 * 50 / 36, rel=1e-5)
    assert row.factors == (0.5, 2.0)
    assert "an upper limit, for a spectrum that does not fall" in found.notes[0]


def test_a_fit_range_inside_the_box_is_refused(config, sidebands):
    options = config.background.model_copy(update={"sideband_c_min": 45.0})
    with pytest.raises(BackgroundError, match="begins at 45 GeV, inside the signal box"):
        extrapolate(sidebands["III"], EDGE, options)
    narrow = config.background.model_copy(update={"sideband_c_min": 82.0})
    with pytest.raises(BackgroundError, match="fewer than three bins"):
        extrapolate(sidebands["III"], EDGE, narrow)


def test_a_fit_range_that_begins_above_the_box(config):
    """The box stays where it is, and the estimate agrees with that of the whole range."""
    energies = exponential_tail(np.random.default_rng(11), 2000, 6.0)
    options = only(config, "exponential").model_copy(update={"sideband_c_min": 56.0})
    fit = extrapolate(energies, EDGE, options)
    assert fit.fit_range == (56.0, TOP)
    assert fit.e_ecal_max == EDGE
    assert fit.fits[0].ln_b == pytest.approx(truth(2000, 6.0), abs=3 * fit.fits[0].up)


def test_an_unbinned_likelihood_finds_the_same(config):
    """Mean difference to the binned one below half an error, errors within 25 %."""
    options = config.background
    unbinned = options.model_copy(update={"likelihood": "unbinned"})
    energies = exponential_tail(np.random.default_rng(12), 300, 6.0)
    one, other = extrapolate(energies, EDGE, options), extrapolate(energies, EDGE, unbinned)
    assert [fit.family for fit in one.fits] == [fit.family for fit in other.fits]
    compared = 0
    for binned, free in zip(one.fits, other.fits, strict=True):
        if not free.converged or binned.at_limit:
            continue
        compared += 1
        assert free.ln_b == pytest.approx(binned.ln_b, abs=binned.up / 2)
        assert free.up == pytest.approx(binned.up, rel=0.25)
        assert free.weight == binned.weight
    assert compared >= 3
    assert abs(one.ln_b - other.ln_b) < one.errors[1] / 2


def test_an_unbinned_fit_that_fails_is_named(config, monkeypatch):
    unbinned = config.background.model_copy(update={"likelihood": "unbinned"})
    energies = exponential_tail(np.random.default_rng(4), 40, 3.0)
    monkeypatch.setattr("na64ana.background.extrapolation.fit_unbinned", lambda *_: None)
    fit = extrapolate(energies, EDGE, unbinned)
    assert not any(one.converged for one in fit.fits)
    assert "power_law: the unbinned fit did not converge, the binned one stands in" in fit.notes
    assert fit.fits == extrapolate_binned_twin(config, energies)


def extrapolate_binned_twin(config, energies):
    fits = extrapolate(energies, EDGE, config.background).fits
    return tuple(replace(one, converged=False) for one in fits)


def control_sample(rng, n, slope):
    energies = TOP + slope * np.log1p(rng.random(n) * np.expm1(-TOP / slope))
    return make_control(
        ControlSample(energies.tolist(), 0.0), fit_edges(EDGE, load_config().background)
    )


def test_a_control_sample_narrows_the_error(config):
    """Its shape is that of the sideband, its slope need not be."""
    rng = np.random.default_rng(13)
    energies = exponential_tail(rng, 300, 6.0)
    alone = extrapolate(energies, EDGE, config.background)
    for slope in (6.0, 5.0):
        helped = extrapolate(energies, EDGE, config.background, control_sample(rng, 20_000, slope))
        assert helped.n_control == 20_000
        assert sum(helped.errors) < 0.6 * sum(alone.errors)
        low, high = helped.ln_b + 2 * np.log(helped.factors)
        assert low < truth(300, 6.0) < high
    unbinned = config.background.model_copy(update={"likelihood": "unbinned"})
    with pytest.raises(BackgroundError, match="a control sample needs binned likelihoods"):
        extrapolate(energies, EDGE, unbinned, control_sample(rng, 100, 6.0))


def test_a_control_sample_of_another_shape_is_named(config):
    rng = np.random.default_rng(21)
    energies = exponential_tail(rng, 1000, 6.0)
    same = extrapolate(energies, EDGE, config.background, control_sample(rng, 10_000, 5.0))
    assert same.control_p > 0.05
    bent = (100 - 14 - rng.weibull(2.0, 20_000) * 20).tolist()
    control = make_control(ControlSample(bent, 0.0), fit_edges(EDGE, config.background))
    other = extrapolate(energies, EDGE, config.background, control)
    assert other.control_p < 0.01
    assert any("another shape than sideband C" in note for note in other.notes)


def test_a_control_sample_of_a_closed_box_has_no_bins_in_it(config):
    edges = fit_edges(EDGE, config.background)
    assert make_control(ControlSample([60.0, 70.0], EDGE), edges).edges[0] == EDGE
    opened = make_control(ControlSample([10.0, 60.0, 70.0], 0.0), edges)
    assert opened.edges[0] == pytest.approx(0.0)
    assert opened.counts.sum() == 3
    # a fit range that begins above the box: the closed sample has events below it, not in the box
    above = config.background.model_copy(update={"sideband_c_min": 60.0})
    wider = make_control(ControlSample([52.0, 70.0], EDGE), fit_edges(EDGE, above))
    assert wider.edges[0] == pytest.approx(EDGE)
    assert wider.counts.sum() == 2


def test_a_fit_range_above_the_trigger_is_refused(config, sidebands):
    options = config.background.model_copy(update={"sideband_c_max": 95.0})
    with pytest.raises(BackgroundError, match="above the edge of the trigger at 90 GeV"):
        estimate_upstream(config.model_copy(update={"background": options}), sidebands)


def test_published_numbers_follow_the_electrons_that_were_read(config):
    """With a tenth of them, a tenth is expected."""
    whole = estimate_upstream(config, {"IV": []}).rows["IV"]
    eot = {"IV": config.periods["IV"].eot / 10}
    part = estimate_upstream(config, {"IV": []}, eot=eot).rows["IV"]
    assert part.events == pytest.approx(whole.events / 10)


def test_the_sum_lies_inside_its_interval():
    one = Estimate(1.0, (0.1, 10.0), "")
    rows = [BackgroundRow(p, "a", one, p) for p in ("I", "II", "III", "IV", "V")]
    middle, low, high = BackgroundTable(tuple(rows)).total(["I", "II", "III", "IV", "V"])
    assert low < middle < high
    assert middle > 5  # more than the sum of the medians


def test_the_band_holds_what_the_estimate_says(config):
    """In the whole box the band is the average itself."""
    energies = exponential_tail(np.random.default_rng(14), 400, 6.0)
    fit = extrapolate(energies, EDGE, config.background)
    low, median, high = compute_band(fit, np.array([0.0, EDGE]))[:, 0]
    assert np.log(median) == pytest.approx(fit.ln_b, abs=0.1)
    inner = np.hypot(fit.statistical, fit.families)
    assert np.log(median / low) == pytest.approx(inner[0], abs=0.1)
    assert np.log(high / median) == pytest.approx(inner[1], abs=0.1)
    above = compute_band(fit, np.array([EDGE, TOP]))[1, 0]
    assert above == pytest.approx(400, rel=0.02)


def test_correlations_of_periods_are_those_of_shared_errors():
    factors, one = (1 / 1.3, 1.3), "all"
    rows = [
        BackgroundRow(period, source, Estimate(1.0, factors, ""), scope)
        for period in ("I", "II")
        for source, scope in (("a", one), ("b", period))
    ]
    matrix = BackgroundTable(tuple(rows)).correlation()
    assert matrix[0, 1] == pytest.approx(0.5, abs=0.02)
    assert np.diag(matrix) == pytest.approx([1, 1])


def test_the_lineage_of_a_row_is_that_of_its_inputs():
    def row(**inputs):
        return BackgroundRow("I", "a", Estimate(1.0, (0.5, 2.0), "m", inputs), "I")

    assert row(n=1).lineage == row(n=1).lineage != row(n=2).lineage
