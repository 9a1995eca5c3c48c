"""The compiled likelihood against pyhf, closed forms and finite differences."""

import math

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhf.infer.test_statistics import qmu_tilde
from scipy.optimize import brentq
from scipy.stats import norm, poisson

from na64ana.errors import LimitError
from na64ana.stats import asymptotic, toys
from na64ana.stats.interpolation import LARGEST, coefficients, factor
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_workspace


def one_channel(n, b, s=1.0, **errors):
    factors = {name: symmetric(error) for name, error in errors.items()}
    return CountingModel(
        (Channel("one", n, (Sample("signal", s, {}),), (Sample("b", b, factors),)),)
    )


@pytest.mark.parametrize("edges", [(1 / 1.3, 1.3), (0.4, 1.5), (0.9, 1.02), (0.2, 4.0)])
def test_factors_are_those_of_pyhf(edges):
    pulls = np.array([-3.0, -1.0, -0.7, -0.1, 0.0, 0.3, 0.99, 1.0, 2.5])
    interpolate = pyhf.interpolators.code4([[[[edges[0]], [1.0], [edges[1]]]]])
    theirs = np.ravel(interpolate(pyhf.tensorlib.astensor([pulls])))
    assert factor(pulls, *edges) == pytest.approx(theirs, rel=1e-12)


def test_factors_stay_positive():
    """For one standard deviation of up to a factor of twenty, either way."""
    pulls = np.linspace(-1, 1, 201)
    edges = np.exp(np.linspace(0.01, np.log(LARGEST), 12))
    assert min(factor(pulls, 1 / down, up).min() for down in edges for up in edges) > 0.04


def test_factors_join_smoothly():
    """Value, slope and curvature at one standard deviation."""
    log_up, log_down, *inside = coefficients(0.5, 1.7)
    polynomial = np.polynomial.Polynomial([1.0, *inside])
    for place, edge, rate in ((1.0, 1.7, log_up), (-1.0, 0.5, -log_down)):
        for order in range(3):
            wanted = edge * rate**order
            assert polynomial.deriv(order)(place) == pytest.approx(wanted, rel=1e-9)


@st.composite
def models(draw, n_max=20):
    """Return models with shared and own errors up to 100 %, tiny backgrounds, empty signals."""
    counts = st.integers(0, n_max)
    channels, n_channels = [], draw(st.integers(1, 4))
    error = st.floats(0.01, 1.0)
    for i in range(n_channels):
        signal = {"yield": symmetric(draw(error)), f"eff_{i}": symmetric(draw(error))}
        up, down = 1 + draw(error), 1 + draw(error)
        backgrounds = (
            Sample("b", draw(st.floats(1e-4, 10.0)), {"shared": (1 / down, up)}),
            Sample("c", draw(st.floats(1e-4, 1.0)), {f"own_{i}": symmetric(draw(error))}),
        )
        share = draw(st.sampled_from([0.0, 0.1, 1.0])) if i else 1.0
        channels.append(
            Channel(f"c{i}", draw(counts), (Sample("signal", share, signal),), backgrounds)
        )
    return CountingModel(tuple(channels)).unit()


def statistic_of_pyhf(model, mu):
    workspace = pyhf.Workspace(make_workspace(model))
    pdf = workspace.model()
    config = pdf.config
    bounds = config.suggested_bounds()
    bounds[config.poi_index] = (0.0, 500.0)
    return float(
        qmu_tilde(
            mu, workspace.data(pdf), pdf, config.suggested_init(), bounds, config.suggested_fixed()
        )
    )


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(models(), st.floats(0.1, 20.0))
def test_test_statistics_are_those_of_pyhf(model, mu):
    """Within 1e-6, or better: pyhf's minimiser may end too early, never too low."""
    likelihood = Likelihood(model)
    (ours,) = likelihood.q_tilde(mu, np.array(model.observed, float))
    theirs = statistic_of_pyhf(model, mu)
    if abs(ours - theirs) > 1e-6 * max(1.0, theirs):
        check_minima(likelihood, model, mu)


def check_minima(likelihood, model, mu):
    """Check that both fits behind q-tilde are minima: no random step goes lower."""
    counts, rng = np.array(model.observed, float), np.random.default_rng(1)

    def nll(x):
        rates = likelihood.rates(x[-1], x[:-1])
        return float((rates - counts * np.log(rates)).sum() + 0.5 * (x[:-1] ** 2).sum())

    for held in (mu, None):
        fit = likelihood.fit(counts, mu=held)
        best = np.append(fit.pulls, fit.mu)
        assert nll(best) == pytest.approx(fit.nll, abs=1e-9)
        for scale in (1e-4, 1e-2, 0.3):
            for _ in range(200):
                step = scale * rng.normal(size=len(best))
                step[-1] *= held is None
                moved = best + step
                moved[:-1] = np.clip(moved[:-1], -5, 5)
                moved[-1] = max(moved[-1], 0.0)
                assert nll(moved) > fit.nll - 1e-9


def test_gradient_and_errors_by_finite_differences():
    signal, background = {"y": (0.8, 1.3)}, {"k": (0.5, 1.9)}
    channels = [
        Channel(name, n, (Sample("s", s, signal),), (Sample("b", b, background),))
        for name, n, s, b in (("a", 3, 0.7, 1.2), ("b", 0, 0.3, 0.4))
    ]
    model = CountingModel(tuple(channels))
    likelihood, counts = Likelihood(model), np.array([3.0, 0.0])
    fit = likelihood.fit(counts, mu=1.4)

    def nll(mu, pulls):
        rates = likelihood.rates(mu, np.asarray(pulls))
        return (rates - counts * np.log(rates)).sum() + 0.5 * np.square(pulls).sum()

    h = 1e-5
    slope = (nll(1.4 + h, fit.pulls) - nll(1.4 - h, fit.pulls)) / (2 * h)
    assert fit.slope == pytest.approx(slope, abs=1e-8)
    step = 1e-4
    hessian = np.array(
        [
            [
                (
                    nll(1.4, fit.pulls + step * (a + b)) - nll(1.4, fit.pulls + step * (a - b))
                    - nll(1.4, fit.pulls - step * (a - b)) + nll(1.4, fit.pulls - step * (a + b))
                ) / (4 * step**2)
                for b in np.eye(2)
            ]
            for a in np.eye(2)
        ]
    )  # fmt: skip
    assert fit.errors == pytest.approx(np.sqrt(np.diag(np.linalg.inv(hessian))), rel=1e-5)


def test_the_best_fit_of_one_channel_is_the_excess():
    fit = Likelihood(one_channel(7, 2.5)).fit(np.array([7.0]))
    assert fit.mu == pytest.approx(4.5)
    assert Likelihood(one_channel(1, 2.5)).fit(np.array([1.0])).mu == 0


def test_q_tilde_is_the_closed_form():
    """-2 ln lambda of one channel with a known background."""
    (q,) = Likelihood(one_channel(3, 1.0)).q_tilde(5.0, np.array([3.0]))
    assert q == pytest.approx(2 * (6.0 - 3 * math.log(6.0) - (3.0 - 3 * math.log(3.0))))
    (zero,) = Likelihood(one_channel(3, 1.0)).q_tilde(1.5, np.array([3.0]))
    assert zero == 0  # mu-hat is 2


@settings(max_examples=30, deadline=None)
@given(models(6))
def test_asymptotic_limits_solve_their_equations(model):
    """CLs at the limits is 1 - CL, by pyhf's statistics of data and Asimov data."""
    limit = asymptotic.compute_limit(model, 0.9)
    likelihood = Likelihood(model)
    counts = np.array(model.observed, float)
    pulls = likelihood.fit(counts, mu=0.0).pulls
    expected = likelihood.rates(0.0, pulls)
    for sigma, mu in zip(asymptotic.SIGMAS, limit.expected, strict=True):
        (q,) = likelihood.q_tilde(mu, expected, pulls[None])
        cls = norm.sf(math.sqrt(q) - sigma) / norm.cdf(sigma)
        assert cls == pytest.approx(0.1, rel=1e-6)
    assert list(limit.expected) == sorted(limit.expected)


@pytest.mark.parametrize("power", [-6, 6])
def test_signals_twelve_orders_apart_have_the_same_limit_on_events(power):
    model = one_channel(1, 0.7, k=0.3)
    one, scaled = (asymptotic.compute_limit(m, 0.9) for m in (model, model.scaled(10.0**power)))
    assert scaled.observed == pytest.approx(one.observed, rel=1e-8)


def exact_limit(n, b, level=0.9):
    return brentq(lambda s: poisson.cdf(n, s + b) / poisson.cdf(n, b) - (1 - level), 0, 100)


@pytest.mark.parametrize("n", [0, 1, 4])
@pytest.mark.parametrize("b", [0.1, 2.0])
def test_toys_of_one_channel_are_the_textbook_formula(n, b):
    """Within three Monte Carlo errors."""
    limit = toys.compute_limit(one_channel(n, b), 0.9, n_toys=20_000, expected=False)
    assert abs(limit.observed - exact_limit(n, b)) < 3 * limit.error
    assert 0 < limit.error < 0.1 * limit.observed


def test_expected_limits_of_toys_are_those_of_the_counts():
    b = 2.3
    limit = toys.compute_limit(one_channel(None, b), 0.9, n_toys=20_000)
    assert limit.observed is None
    for sigma, value in zip(asymptotic.SIGMAS, limit.expected, strict=True):
        n = poisson.ppf(norm.cdf(sigma), b)
        assert value == pytest.approx(exact_limit(n, b), rel=0.06)


def test_toys_are_the_same_for_any_chunks_and_workers():
    model = one_channel(1, 0.7, k=0.3).unit()
    one, other = (
        toys.ToyLimits(model, n_toys=12_000, workers=workers).sample(2.0) for workers in (1, 2)
    )
    assert np.array_equal(one.with_signal, other.with_signal)
    assert one.chunks == (0, 1, 2)
    likelihood = Likelihood(model)
    pulls = tuple(likelihood.fit(np.array([1.0]), mu=mu).pulls for mu in (2.0, 0.0))
    parts = [
        toys.make_toys(likelihood, 2.0, pulls, toys.SEED, i, n)
        for i, n in ((0, 5000), (1, 5000), (2, 2000))
    ]
    total = parts[0] + parts[1] + parts[2]
    assert np.array_equal(total.with_signal, one.with_signal)
    with pytest.raises(ValueError, match="each chunk once"):
        _ = total + parts[0]


def test_toys_with_large_counts():
    """b = 300: Gaussian, so that toys and asymptotic formulas agree."""
    model = one_channel(300, 300.0)
    limit = toys.compute_limit(model, 0.9, n_toys=20_000, expected=False)
    letter = asymptotic.compute_limit(model, 0.9, expected=False)
    assert limit.observed == pytest.approx(letter.observed, rel=0.03)


def test_what_toys_refuse():
    with pytest.raises(LimitError, match="too few for 90 % CL, take 250"):
        toys.compute_limit(one_channel(0, 1.0), 0.9, n_toys=100)
    with pytest.raises(LimitError, match="no signal") as caught:
        toys.compute_limit(one_channel(0, 1.0, s=0.0), 0.9)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(("n", "b"), [(20, 0.01), (19, 5.0), (52, 1.0)])
def test_toys_of_many_events_are_the_textbook_formula(n, b):
    """Where ln CLs is bent at the best fit: the mean of seeds within 1 %."""
    found = [
        toys.compute_limit(one_channel(n, b), 0.9, n_toys=5000, expected=False, seed=seed)
        for seed in range(8)
    ]
    values = [limit.observed for limit in found]
    assert np.mean(values) == pytest.approx(exact_limit(n, b), rel=0.01)
    assert np.std(values) < 2.5 * np.mean([limit.error for limit in found])


def test_a_second_minimum_is_found():
    """Large errors of a shared background: one minimum without a signal, one with."""
    channels = [
        Channel(f"c{i}", n, (Sample("s", 0.2, {}),), (Sample("b", 0.1, {"k": (0.05, 7.4)}),))
        for i, n in enumerate((0, 0, 6, 0, 4))
    ]
    likelihood = Likelihood(CountingModel(tuple(channels)))
    counts = np.array([0.0, 0.0, 6.0, 0.0, 4.0])
    (found,) = likelihood.q_zero(counts)
    zero = likelihood.fit(counts, mu=0.0).nll
    scanned = min(
        likelihood.fit(counts, mu=mu, start=np.array([pull])).nll
        for mu in np.linspace(0, 15, 61)
        for pull in (-2.0, 0.0, 2.0)
    )
    assert found == pytest.approx(2 * (zero - scanned), abs=0.02)


def test_many_expected_events_do_not_hang():
    counts = toys.draw_counts(np.full((3, 2), 0.5), np.array([0.5, 1e6]))
    assert counts[:, 0] == pytest.approx([0, 0, 0])
    assert counts[:, 1] == pytest.approx([1e6] * 3, rel=1e-5)


def test_factors_too_far_apart_are_refused():
    with pytest.raises(LimitError, match="at most a factor of 20"):
        CountingModel(
            (Channel("a", 0, (Sample("s", 1.0, {}),), (Sample("b", 1.0, {"k": (1e-3, 1e3)}),)),)
        )
