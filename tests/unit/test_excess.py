"""P-values and best signals: closed forms, and signals that were put in."""

import numpy as np
import pytest
from scipy.stats import norm, poisson

from na64ana.errors import LimitError
from na64ana.stats.excess import compute_excess
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric


def model(*counts, b=0.5, error=0.0):
    channels = [
        Channel(
            f"c{i}",
            n,
            (Sample("signal", 1 / len(counts), {"yield": symmetric(0.1)}),),
            (Sample("b", b, {"bkg": symmetric(error)} if error else {}),),
        )
        for i, n in enumerate(counts)
    ]
    return CountingModel(tuple(channels))


@pytest.mark.parametrize(("n", "b"), [(3, 0.5), (5, 2.0), (1, 0.1), (880, 800.0)])
def test_one_channel_is_the_poisson_tail(n, b):
    found = compute_excess(model(n, b=b), n_toys=40_000)
    exact = poisson.sf(n - 1, b)
    assert abs(found.p_value - exact) < 3 * (found.p_high - found.p_low) / 2 + 1e-9
    assert found.significance == pytest.approx(norm.isf(exact), abs=0.15)
    assert found.events == pytest.approx(n - b, rel=0.01)


def test_nothing_observed_is_no_excess():
    found = compute_excess(model(0, 0), n_toys=2000)
    assert (found.p_value, found.significance, found.events) == (1.0, 0.0, 0.0)
    assert found.down == 0
    assert 0.3 < found.up < 0.7  # -2 ln L rises by two per event


def test_the_interval_of_many_events_is_the_root():
    found = compute_excess(model(100, b=1e-3), n_toys=2000)
    assert found.p_value == 0
    assert found.significance > 3  # no toy: a lower limit
    assert found.up == pytest.approx(
        np.hypot(10, 10), rel=0.08
    )  # statistics, and 10 % of the yield


def test_more_background_error_is_less_significance():
    sure, unsure = (compute_excess(model(4, error=e), n_toys=20_000) for e in (0.01, 1.0))
    assert unsure.significance < sure.significance - 0.3


def test_injected_signals_are_found():
    """Six events over 0.5: the best signal is unbiased, and its interval covers 60 to 80 %."""
    likelihood = Likelihood(model(0, 0, b=0.25, error=0.3).unit())
    rng, truth, best, covered = np.random.default_rng(4), 6.0, [], 0
    for _ in range(200):
        counts = rng.poisson(likelihood.rates(truth, likelihood.nominal_aux))
        found = compute_excess(model(*counts.tolist(), b=0.25, error=0.3), n_toys=10)
        best.append(found.events)
        covered += found.events - found.down <= truth <= found.events + found.up
    assert np.mean(best) == pytest.approx(truth, abs=0.5)
    assert 0.6 < covered / 200 < 0.8


def test_a_closed_box_has_no_excess():
    with pytest.raises(LimitError, match="the box is closed"):
        compute_excess(model(None))
