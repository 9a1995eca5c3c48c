"""Pulls, impacts, agreement of the channels, CLs at the limit."""

import math

import numpy as np
import pytest
from scipy.stats import poisson

from na64ana.errors import LimitError
from na64ana.stats import asymptotic, marginalised, toys
from na64ana.stats.consistency import compute_consistency
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.parameters import compute_parameters, hold


def model(*counts, b=1.0):
    return CountingModel(
        tuple(
            Channel(
                f"c{i}",
                n,
                (Sample("signal", 1.0, {"yield": symmetric(0.1)}),),
                (Sample("b", b, {f"bkg_{i}": symmetric(0.5)}),),
            )
            for i, n in enumerate(counts)
        )
    )


def test_impacts_are_those_of_the_signal_where_nothing_is_observed():
    """None observed: a yield 10 % lower makes the limit 10 % weaker, the background nothing."""
    found = {one.name: one for one in compute_parameters(model(0), 0.9, 2.3)}
    assert list(found) == ["yield", "bkg_0"]
    low, high = found["yield"].limit
    nominal = marginalised.compute_limit(model(0), 0.9, expected=False).observed
    assert low == pytest.approx(1.1 * 2.302585 / nominal - 1, abs=1e-3)
    assert high == pytest.approx(2.302585 / 1.1 / nominal - 1, abs=1e-3)
    assert found["bkg_0"].size < 2e-3
    assert found["yield"].signal == (0.0, 0.0)
    assert found["yield"].pull == 0.0
    assert found["yield"].error == pytest.approx(1.0)
    assert found["yield"].pull_at_limit < 0


def test_a_background_pulls_where_more_is_seen():
    found = {one.name: one for one in compute_parameters(model(8), 0.9, 12.0)}
    background = found["bkg_0"]
    low, high = background.signal
    assert low > 0 > high  # more background, less signal
    assert background.limit[0] > 0 > background.limit[1]


def test_a_closed_box_has_impacts_on_the_median():
    found = compute_parameters(model(None), 0.9, 3.0)
    assert found[0].size > 0.01


def test_a_held_parameter_multiplies_and_is_gone():
    held = hold(model(0), {"bkg_0": 2.0})
    assert held.parameters == ("yield",)
    assert held.channels[0].background == pytest.approx(1.5**2)


def test_channels_that_agree_and_that_do_not():
    good = compute_consistency(model(1, 1, 1), n_toys=4000)
    bad = compute_consistency(model(0, 0, 4, b=0.3), n_toys=20_000)
    assert good.p_value > 0.5
    assert 0 < bad.p_value < 0.05
    assert bad.p_low < bad.p_value < bad.p_high


def test_the_p_value_is_that_of_the_poisson_distribution():
    """Known background, hardly any signal: the deviance orders counts, and toys count the worse."""
    b, n = 2.0, 0
    channels = tuple(
        Channel(f"c{i}", n, (Sample("s", 1.0, {}),), (Sample("b", b, {}),)) for i in range(2)
    )
    found = compute_consistency(CountingModel(channels), n_toys=20_000)

    def deviance(counts):
        mean = max(np.mean(counts), b)  # one signal in both
        logs = sum(k * math.log(k / mean) - (k - mean) if k else mean for k in counts)
        return 2 * logs

    exact = sum(
        poisson.pmf(i, b) * poisson.pmf(j, b)
        for i in range(30)
        for j in range(30)
        if deviance((i, j)) >= deviance((n, n)) - 1e-9
    )
    assert found.p_value == pytest.approx(exact, abs=0.012)


def test_a_closed_box_has_no_consistency():
    with pytest.raises(LimitError, match="closed"):
        compute_consistency(model(None, None))


@pytest.mark.parametrize("counts", [(0, 0), (2, 1)])
def test_cls_at_every_limit_is_one_minus_the_confidence_level(counts):
    for level in (0.9, 0.95):
        one = model(*counts)
        for method in (marginalised, asymptotic):
            limit = method.compute_limit(one, level, expected=False)
            assert method.compute_cls(one, limit.observed) == pytest.approx(1 - level, rel=1e-5)
        limit = toys.compute_limit(one, level, expected=False, n_toys=20_000)
        value, error = toys.compute_cls(one, limit.observed, n_toys=20_000, seed=3)
        # other toys: two independent errors
        assert abs(value - (1 - level)) < 4 * 1.5 * error


def test_a_closed_box_has_no_cls():
    for method in (marginalised, asymptotic, toys):
        with pytest.raises(LimitError, match="closed"):
            method.compute_cls(model(None), 2.0)
