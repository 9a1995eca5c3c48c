"""Closed forms, published and measured numbers, and invariants of the limits."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyhf
import pytest
from scipy.optimize import brentq
from scipy.stats import poisson

from na64ana.errors import LimitError
from na64ana.stats.asymptotic import compute_limit as compute_asymptotic_limit
from na64ana.stats.curve import SHARE_STEP, _along, _between, compute_curve
from na64ana.stats.marginalised import compute_limit
from na64ana.stats.model import Channel, CountingModel, EventLimit, Sample, symmetric
from na64ana.stats.workspace import make_workspace

EOT = {"I": 4.3, "II": 5.4, "III": 18.6, "IV": 3.8, "V": 61.6}


def one_channel(n: int | None, b: float, s: float = 1.0, b_error: float = 0.0) -> CountingModel:
    background = Sample("b", b, {"bkg": symmetric(b_error)} if b_error else {})
    return CountingModel((Channel("one", n, (Sample("signal", s, {}),), (background,)),))


def five_periods(counts=(0, 0, 0, 0, 0), *, systematics: bool = True, b_scale: float = 1.0):
    """Return the model of the letter: published totals, divided by EOT."""
    channels = []
    for (period, eot), n in zip(EOT.items(), counts, strict=True):
        early = period in ("I", "II", "III")
        b, error, total = (0.53, 0.17, 28.3) if early else (0.51, 0.13, 65.4)
        signal, background = {}, {}
        if systematics:
            signal = {"yield_signal": symmetric(0.10), f"eff_overall_{period}": symmetric(0.112)}
            background = {f"bkg_{early}": symmetric(error / b)}
        channels.append(
            Channel(
                f"period_{period}",
                n,
                (Sample("signal", eot * (0.5 if early else 0.45), signal),),
                (Sample("all", b_scale * b * eot / total, background),),
            )
        )
    return CountingModel(tuple(channels))


def exact_limit(n: int, b: float, level: float) -> float:
    """Return the textbook CLs limit of one counting experiment with a known background."""
    return brentq(lambda s: poisson.cdf(n, s + b) / poisson.cdf(n, b) - (1 - level), 0, 100)


@pytest.mark.parametrize("level", [0.68, 0.90, 0.95, 0.999])
@pytest.mark.parametrize("b", [1e-4, 0.5, 8.0])
def test_zero_observed_without_errors_is_exact(level, b):
    limit = compute_limit(one_channel(0, b), level)
    assert limit.observed == pytest.approx(-math.log(1 - level), rel=1e-6)
    many = compute_limit(five_periods(systematics=False), level)
    assert many.observed == pytest.approx(-math.log(1 - level), rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("b", [0.1, 1.0, 6.0])
def test_one_channel_is_the_textbook_formula(n, b):
    limit = compute_limit(one_channel(n, b), 0.9).observed
    assert limit == pytest.approx(exact_limit(n, b, 0.9), rel=1e-6)


def test_expected_limits_are_quantiles_of_the_observed_ones():
    b = 2.3
    counts = np.arange(40)
    cumulative = poisson.cdf(counts, b)
    limits = [exact_limit(n, b, 0.9) for n in counts[:15]]
    expected = compute_limit(one_channel(None, b), 0.9).expected
    for quantile, value in zip((0.0228, 0.1587, 0.5, 0.8413, 0.9772), expected, strict=True):
        assert value == pytest.approx(limits[int(np.argmax(cumulative >= quantile))], rel=1e-6)


def test_the_measured_numbers_of_the_five_periods():
    """Other programs found 2.317 (marginalised), 1.745 and 1.762 (asymptotic)."""
    assert compute_limit(five_periods(), 0.9).observed == pytest.approx(2.317, rel=2e-3)
    plain = compute_asymptotic_limit(five_periods(systematics=False), 0.9)
    assert plain.observed == pytest.approx(1.745, rel=1e-3)
    assert compute_asymptotic_limit(five_periods(), 0.9).observed == pytest.approx(1.762, rel=1e-3)


def test_asymptotic_and_exact_meet_at_large_counts():
    """Nothing observed: exact over asymptotic is 1.40 for b = 0.5 and 1.02 for b = 50."""
    for b, ratio in ((0.1, 1.58), (0.5, 1.40), (5.0, 1.13), (50.0, 1.02)):
        asymptotic = compute_asymptotic_limit(one_channel(0, b), 0.9).observed
        assert -math.log(0.1) / asymptotic == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize("factor", [1e-9, 1e6])
@pytest.mark.parametrize("compute", [compute_limit, compute_asymptotic_limit])
def test_the_scale_of_the_signal_does_not_matter(compute, factor):
    model = one_channel(1, 0.7, b_error=0.3)
    one, scaled = (compute(model.scaled(f), 0.9) for f in (1.0, factor))
    assert scaled.observed == pytest.approx(one.observed, rel=1e-5)
    assert scaled.expected == pytest.approx(one.expected, rel=1e-5)


def test_the_order_of_periods_does_not_matter():
    model = five_periods((0, 1, 0, 0, 2))
    turned = CountingModel(model.channels[::-1])
    assert compute_limit(turned, 0.9).observed == pytest.approx(
        compute_limit(model, 0.9).observed, rel=1e-9
    )


def test_a_period_without_sensitivity_changes_nothing():
    model = five_periods((0, 0, 1, 0, 0))
    blind = Channel("blind", 7, (Sample("signal", 0.0, {}),), (Sample("b", 3.0, {}),))
    wider = CountingModel((*model.channels, blind))
    assert compute_limit(wider, 0.9) == compute_limit(model, 0.9)


def test_splitting_a_period_changes_nothing():
    factors = {"common": symmetric(0.3)}

    def part(name: str, n: int, fraction: float) -> Channel:
        return Channel(
            name,
            n,
            (Sample("signal", fraction, {"yield": symmetric(0.1)}),),
            (Sample("b", 2.0 * fraction, factors),),
        )

    whole = compute_limit(CountingModel((part("a", 3, 1.0),)), 0.9)
    split = compute_limit(CountingModel((part("a", 1, 0.4), part("b", 2, 0.6))), 0.9)
    assert split.observed == pytest.approx(whole.observed, rel=1e-6)


@pytest.mark.parametrize(("n", "tolerance"), [(0, 1e-6), (1, 1e-6), (3, 1e-3), (5, 6e-3)])
def test_more_background_uncertainty_does_not_tighten(n, tolerance):
    """Where more is seen than expected, the median of a log-normal stays but its mean rises.

    That takes up to 0.6 % off the limit (n = 5 for b = 1 with 100 % error).
    """
    limits = [
        compute_limit(one_channel(n, 1.0, b_error=e), 0.9).observed for e in (0, 0.2, 0.5, 1.0)
    ]
    assert all(b >= a * (1 - tolerance) for a, b in pairwise(limits))


def test_signal_uncertainty_weakens_the_limit():
    model = one_channel(0, 0.5)
    channel = model.channels[0]
    signal = Sample("signal", 1.0, {"yield": symmetric(0.15)})
    wide = Channel("one", 0, (signal,), channel.backgrounds)
    limit = compute_limit(CountingModel((wide,)), 0.9).observed
    assert 2.303 < limit < 2.40


def test_the_workspace_opens_in_pyhf_and_gives_the_same_limit():
    model = five_periods((0, 0, 1, 0, 0))
    unit = model.scaled(1 / model.signal)
    workspace = pyhf.Workspace(make_workspace(unit))
    assert workspace.channels == [f"period_{p}" for p in sorted(EOT)]
    pdf = workspace.model()
    assert pdf.config.poi_name == "mu"
    shared = [name for name in pdf.config.par_order if name == "yield_signal"]
    assert len(shared) == 1
    limit = compute_asymptotic_limit(model, 0.9).observed
    cls = pyhf.infer.hypotest(limit, workspace.data(pdf), pdf, test_stat="qtilde")
    assert float(cls) == pytest.approx(0.1, abs=1e-4)


def test_a_closed_box_has_expected_limits_only():
    model = five_periods((None,) * 5)
    for compute in (compute_limit, compute_asymptotic_limit):
        limit = compute(model, 0.9)
        assert limit.observed is None
        assert len(limit.expected) == 5
        assert list(limit.expected) == sorted(limit.expected)
    curve = compute_curve([0.1], [model], 0.9, "marginalised")
    assert curve.observed is None
    assert curve.expected.shape == (1, 5)


def test_epsilon_follows_from_events():
    """N = epsilon^2 N_1, so a limit of s events is epsilon = sqrt(s / N_1)."""
    models = [five_periods().scaled(f) for f in (1e10, 1e6)]
    curve = compute_curve([0.01, 0.1], models, 0.9, "marginalised")
    events = curve.event_limits[0].observed
    expected = [math.sqrt(events / model.signal) for model in models]
    assert curve.observed == pytest.approx(expected)
    assert curve.epsilon_0**2 * [m.signal for m in models] == pytest.approx([1.0, 1.0])


def test_masses_with_nearly_equal_shares_may_have_one_limit():
    def model(extra: float) -> CountingModel:
        channels = five_periods((0, 1, 0, 0, 1)).channels
        last = channels[-1]
        more = Sample("signal", last.signal * (1 + extra), last.signals[0].factors)
        return CountingModel(
            (*channels[:-1], Channel(last.name, last.observed, (more,), last.backgrounds))
        )

    shares = [model(e).channels[-1].signal / model(e).signal for e in (0.0, 0.005)]
    assert 0.5 * SHARE_STEP < abs(shares[1] - shares[0]) < SHARE_STEP
    for compute in (compute_limit, compute_asymptotic_limit):
        one, other = (compute(model(e), 0.9, expected=False).observed for e in (0.0, 0.005))
        assert other == pytest.approx(one, rel=1e-3)


def test_what_cannot_be_limited_is_refused():
    for compute in (compute_limit, compute_asymptotic_limit):
        with pytest.raises(LimitError, match="no signal") as caught:
            compute(one_channel(0, 0.5, s=0.0), 0.9)
        assert caught.value.exit_code == 4
    with pytest.raises(LimitError, match="too many for the sum"):
        compute_limit(five_periods((20, 0, 0, 0, 0)), 0.9)
    with pytest.raises(LimitError, match="background must be more than zero"):
        one_channel(1, 0.0)
    with pytest.raises(LimitError, match="-1 observed"):
        one_channel(-1, 0.5)
    with pytest.raises(LimitError, match="expected events"):
        one_channel(0, 0.5, s=math.nan)
    with pytest.raises(LimitError, match="factors must be positive"):
        one_channel(0, 0.5, b_error=-2.0)
    with pytest.raises(LimitError, match="different names"):
        CountingModel(one_channel(0, 0.5).channels * 2)
    with pytest.raises(LimitError, match=r"no signal is expected at 0\.1 GeV"):
        compute_curve([0.1], [one_channel(0, 0.5, s=0.0)], 0.9, "marginalised")


def test_far_tails_of_the_background_are_not_clipped():
    """With a 600 % error, +2 sigma data lie beyond the sum: infinite, not a wrong number."""
    model = one_channel(0, 30.0, b_error=6.0)
    wide = CountingModel(
        tuple(
            Channel(f"c{i}", 0, model.channels[0].signals, model.channels[0].backgrounds)
            for i in range(5)
        )
    )
    limit = compute_limit(wide, 0.9)
    assert limit.observed == pytest.approx(2.3026, rel=1e-3)
    assert limit.expected[0] < math.inf
    assert math.isinf(limit.expected[4])


def test_limits_of_all_masses_are_those_computed_there():
    """Shares move along a line and turn; an event in a small period makes limits jump."""

    def model(share: float) -> CountingModel:
        channels = five_periods((0, 1, 0, 0, 1)).channels
        moved = [replace(s, events=s.events * (1 + 4 * share)) for s in channels[1].signals]
        return CountingModel((channels[0], replace(channels[1], signals=(*moved,)), *channels[2:]))

    shares = [*np.linspace(0, 1, 6), *np.linspace(0.9, 0.2, 3)]
    models = [model(share) for share in shares]
    masses = np.geomspace(0.01, 0.1, len(shares))
    curve = compute_curve(masses, models, 0.9, "marginalised", expected=False)
    for one, limit in zip(models, curve.event_limits, strict=True):
        exact = compute_limit(one, 0.9, expected=False).observed
        assert limit.observed == pytest.approx(exact, rel=1.5e-3)


def test_few_limits_are_computed_where_shares_lie_on_a_line():
    """Along two lines with a corner, in uneven steps; a smooth limit comes back within 1e-3."""
    rng = np.random.default_rng(2)
    along = np.sort(rng.uniform(0, 2, 200))
    first = np.where(along < 1, 0.2 + 0.3 * along, 0.5 - 0.2 * (along - 1))
    shares = np.column_stack([first, 1 - first])
    computed = []

    def compute(i: int) -> EventLimit:
        computed.append(i)
        limit = float(np.exp(0.5 * shares[i, 0]) * 2.3)
        return EventLimit("toys", 0.9, limit, (limit,) * 5, error=0.01 * limit)

    limits = _along(shares, compute, 0.05)
    assert len(computed) < 25
    for share, limit in zip(first, limits, strict=True):
        exact = np.exp(0.5 * share) * 2.3
        assert limit.observed == pytest.approx(exact, rel=1e-3)
        assert limit.expected == pytest.approx((exact,) * 5, rel=1e-3)
        assert limit.error == pytest.approx(0.01 * exact, rel=1e-3)
    same = _along(np.tile([0.4, 0.6], (50, 1)), compute, 0.05)
    assert len({id(one) for one in same}) == 1


def test_an_infinite_limit_stays_infinite_between_masses():
    ends = [EventLimit("toys", 0.9, None, (1.0, 1.0, 2.0, 3.0, e)) for e in (4.0, math.inf)]
    for one, other in (ends, ends[::-1]):
        between = _between(one, other, 0.5)
        assert between.observed is None
        assert between.expected == pytest.approx((1.0, 1.0, 2.0, 3.0, math.inf))
