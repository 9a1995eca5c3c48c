import numpy as np
import pytest

from na64ana.background.estimate import estimate_background
from na64ana.background.extrapolation import Extrapolation, expected_counts, extrapolate
from na64ana.background.table import (
    BackgroundRow,
    BackgroundTable,
    extrapolated_rows,
    published_rows,
)
from na64ana.errors import BackgroundError

EDGE, TOP = 50.0, 86.0


def exponential_tail(rng: np.random.Generator, n: int, slope: float) -> np.ndarray:
    u = rng.random(n)
    return TOP + slope * np.log1p(u * np.expm1(-(TOP - EDGE) / slope))


def truth(n: int, slope: float) -> float:
    """Return ln of the events that an exponential with `n` in the sideband puts in the box."""
    box = np.exp(EDGE / slope) - 1
    return np.log(n * box / (np.exp(TOP / slope) - np.exp(EDGE / slope)))


def test_a_large_sideband_gives_the_truth(config):
    options = config.background.model_copy(update={"families": ("exponential",)})
    fit = extrapolate(exponential_tail(np.random.default_rng(1), 100_000, 6.0), EDGE, options)
    down, up = fit.statistical
    assert fit.ln_b == pytest.approx(truth(100_000, 6.0), abs=3 * up)
    assert down == pytest.approx(up, rel=0.1)
    assert up < 0.05
    assert fit.function_choice == 0


def test_pulls_of_the_true_family(config):
    """Mean of the pulls of ln b within 0.25 of 0, width within 25 % of 1: 100 experiments."""
    options = config.background.model_copy(update={"families": ("exponential",)})
    rng, pulls = np.random.default_rng(2), []
    for _ in range(100):
        fit = extrapolate(exponential_tail(rng, rng.poisson(200), 6.0), EDGE, options)
        error = fit.statistical[0] if fit.ln_b > truth(200, 6.0) else fit.statistical[1]
        pulls.append((fit.ln_b - truth(200, 6.0)) / error)
    assert abs(np.mean(pulls)) < 0.25
    assert 0.75 < np.std(pulls) < 1.25


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


def test_the_interval_is_the_envelope_of_the_families(config):
    fit = extrapolate(exponential_tail(np.random.default_rng(4), 300, 6.0), EDGE, config.background)
    used = [f for f in fit.fits if f.family in fit.used]
    assert len(used) >= 2
    assert np.log(fit.factors[1]) + fit.ln_b == pytest.approx(max(f.ln_b + f.up for f in used))
    assert np.log(fit.factors[0]) + fit.ln_b == pytest.approx(min(f.ln_b - f.down for f in used))
    assert fit.n_events == 300
    assert fit.fit_range == (EDGE, TOP)


def test_a_fit_predicts_what_it_was_fitted_to(config):
    energies = exponential_tail(np.random.default_rng(5), 2000, 6.0)
    fit = extrapolate(energies, EDGE, config.background).fits[0]
    edges = np.linspace(EDGE, TOP, 19)
    shape = np.array(fit.shape)
    counts = expected_counts(fit.family, fit.ln_b, shape, edges, EDGE)
    assert counts.sum() == pytest.approx(2000, rel=1e-3)
    below = expected_counts(fit.family, fit.ln_b, shape, np.array([0.0, EDGE]), EDGE)
    assert below[0] == pytest.approx(np.exp(fit.ln_b), rel=1e-6)


@pytest.mark.parametrize("n", [0, 3, 19])
def test_too_few_events_are_named(config, n):
    with pytest.raises(BackgroundError, match=f"{n} events in sideband C, at least 20") as caught:
        extrapolate([70.0] * n, EDGE, config.background)
    assert caught.value.exit_code == 4


def test_events_outside_the_range_do_not_count(config):
    with pytest.raises(BackgroundError, match="0 events in sideband C"):
        extrapolate([20.0] * 50 + [95.0] * 50, EDGE, config.background)


def test_events_at_one_energy_end_at_the_limits_of_all_shapes(config):
    """Just above the box: the flattest shapes there are, about as many events in the box."""
    fit = extrapolate([51.0] * 30, EDGE, config.background)
    assert all(f.at_limit for f in fit.fits)
    assert len(fit.fits) == 3
    assert fit.events > 20
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


def test_extrapolated_rows_are_divided_by_sideband_events():
    fit = Extrapolation(np.log(0.4), (0.5, 0.7), 0.2, (), ("exponential",), (), 40, (50.0, 86.0))
    rows = extrapolated_rows({"I": 10, "II": 30}, "I-II", fit)
    assert [row.events for row in rows] == pytest.approx([0.1, 0.3])
    assert {row.scope for row in rows} == {"I-II"}
    assert np.log(rows[0].factors) == pytest.approx([-0.7, 0.9])


def test_totals_draw_shared_errors_together():
    factors = (1 / 1.1, 1.1)
    shared = [BackgroundRow(p, "a", 1.0, factors, "all", "") for p in ("I", "II")]
    alone = [BackgroundRow(p, "b", 1.0, factors, p, "") for p in ("I", "II")]
    events, low, high = BackgroundTable(tuple(shared)).total(["I", "II"])
    assert (events, low, high) == pytest.approx((2, 2 / 1.1, 2 * 1.1), rel=3e-3)
    events, low, high = BackgroundTable(tuple(alone)).total(["I", "II"])
    assert (high - low) / 2 == pytest.approx(np.sqrt(2) * np.log(1.1), rel=0.03)
    assert BackgroundTable(tuple(shared)).total(["I"])[0] == 1
    assert BackgroundTable(tuple(shared)).of("II") == (shared[1],)


def test_a_fit_whose_profile_fails_still_has_errors(config):
    """Counts for which Hesse or Minos of one family fails (found in toys)."""
    counts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 1, 3, 8, 6, 11, 15, 19]
    energies = np.repeat(51.0 + 2.0 * np.arange(18), counts)
    fit = extrapolate(energies, EDGE, config.background)
    assert np.isfinite([fit.ln_b, *fit.statistical, *fit.factors]).all()
    assert fit.factors[0] < 1 < fit.factors[1]


def test_a_family_at_a_limit_is_kept_and_said(config):
    """A tail with a sharp edge drives the power of the stretched exponential to its limit."""
    rng = np.random.default_rng(7)
    energies = np.concatenate([TOP - 3 * rng.random(60), 86 - 20 * rng.random(6)])
    fit = extrapolate(energies, EDGE, config.background)
    assert fit.failed == ()
    at_limit = {f.family: f.at_limit for f in fit.fits}
    assert at_limit == {
        "exponential": False,
        "stretched_exponential": True,
        "power_law": False,
    }


@pytest.fixture(scope="module")
def sidebands():
    rng = np.random.default_rng(8)
    sizes = {"I": 60, "II": 80, "III": 250, "IV": 10, "V": 150}
    return {name: exponential_tail(rng, n, 5.0).tolist() for name, n in sizes.items()}


def test_periods_of_a_group_are_fitted_together(config, sidebands):
    table, fits = estimate_background(config, sidebands)
    assert {scope: fit.n_events for scope, fit in fits.items()} == {"I-III": 390, "IV-V": 160}
    upstream = {row.period: row for row in table.rows if row.source == "upstream"}
    assert upstream["I"].events / upstream["III"].events == pytest.approx(60 / 250)
    assert upstream["I"].factors == upstream["III"].factors != upstream["V"].factors
    others = [row for row in table.rows if row.source != "upstream"]
    published = [r for p in sidebands for r in published_rows(config, p) if r.source != "upstream"]
    assert others == published


def test_another_box_is_fitted_apart_and_few_events_are_left_to_the_papers(config, sidebands):
    five = config.periods["V"].model_copy(update={"e_ecal_max": 47.0})
    other = config.model_copy(update={"periods": config.periods | {"V": five}})
    table, fits = estimate_background(other, sidebands)
    assert list(fits) == ["I-III", "V"]
    assert fits["V"].fit_range[0] == 47.0
    (fourth,) = (row for row in table.of("IV") if row.source == "upstream")
    assert fourth.method == "published, by EOT"
    part, _ = estimate_background(config, {name: sidebands[name] for name in ("I", "III")})
    assert {row.scope for row in part.rows if row.source == "upstream"} == {"I+III"}
