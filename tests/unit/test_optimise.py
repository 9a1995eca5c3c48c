"""Cuts by the mean expected limit: closed forms, and optima that are known."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import poisson

from na64ana.stats.optimise import mean_expected_limit, scan_cuts


def exact_limit(n, b, level=0.9):
    return brentq(lambda s: poisson.cdf(n, s + b) / poisson.cdf(n, b) - (1 - level), 0, 100)


@pytest.mark.parametrize("b", [1e-3, 0.5, 2.0])
def test_the_mean_is_that_of_the_counts(b):
    """With next to no errors, the Poisson average of textbook limits."""
    n = np.arange(25)
    exact = (poisson.pmf(n, b) * [exact_limit(k, b) for k in n]).sum()
    found = mean_expected_limit(b, (1 / 1.001, 1.001), 1e-4, 0.9)
    assert found == pytest.approx(exact, rel=3e-3)


def test_more_background_and_more_error_expect_less():
    limits = [mean_expected_limit(b, (0.8, 1.25), 0.15, 0.9) for b in (0.1, 0.5, 2.0)]
    assert limits == sorted(limits)
    unsure = mean_expected_limit(0.5, (0.2, 5.0), 0.15, 0.9)
    assert unsure > limits[1]


def test_the_best_cut_balances_signal_and_background():
    """Linear signal, steep background: the optimum is inside, and the range around it is flat."""
    cuts = np.arange(34.0, 61.0, 2.0)
    background = 0.5 * np.exp((cuts - 50) / 3)
    factors = np.tile([0.7, 1.4], (len(cuts), 1))
    scan = scan_cuts(cuts, background, factors, cuts, signal_error=0.15, level=0.9)
    assert cuts[0] < scan.best < cuts[-1]
    low, high = scan.flat
    assert low <= scan.best <= high
    inside = (cuts >= low) & (cuts <= high)
    assert (scan.limits[inside] <= 1.01 * scan.limits.min()).all()


def test_without_background_the_largest_box_is_best():
    cuts = np.arange(40.0, 51.0)
    tiny = np.full(len(cuts), 1e-3)
    factors = np.tile([0.7, 1.4], (len(cuts), 1))
    scan = scan_cuts(cuts, tiny, factors, cuts, signal_error=0.15, level=0.9)
    assert scan.best == 50


def test_errors_of_a_factor_of_thirty_take_no_time():
    """The sum over outcomes ends, whatever the error."""
    assert 2.3 < mean_expected_limit(0.5, (0.05, 20.0), 0.15, 0.9) < 60
