"""The whole way: near the published curve, from events and from numbers."""

import numpy as np
import pytest

from na64ana.signal.response import CHANNELS
from na64ana.workflow.limits import mass_grid
from na64ana.workflow.outputs import compare_with_published
from na64ana.workflow.yields import response_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("source", ["from_events", "from_published"])
def test_the_limit_is_near_the_published_one(source, request):
    result = request.getfixturevalue(source)
    curve = result.by("marginalised")
    ratios = {mass: ratio for mass, _, ratio in compare_with_published(curve)}
    assert list(ratios) == [0.002, 0.02, 0.1, 0.2, 0.7]
    # NA64 observed nothing: what is observed here counts as if it were nothing too
    events = curve.event_limits[0].observed
    for mass, ratio in ratios.items():
        as_published = ratio * np.sqrt(2.32 / events)
        assert 0.88 < as_published < 1.10, f"{as_published} at {mass} GeV"


def test_the_published_inputs_exclude_the_published_number_of_events(from_published):
    toys, exact, letter = (
        from_published.by(method).event_limits[0]
        for method in ("toys", "marginalised", "asymptotic")
    )
    assert from_published.curve.method == "toys"
    assert exact.observed == pytest.approx(2.32, abs=0.01)
    assert letter.observed == pytest.approx(1.76, abs=0.02)
    assert letter.observed < toys.observed < exact.observed
    assert 0 < toys.error < 0.2
    assert from_published.box == "published"


def test_both_ways_use_the_same_yields(from_events, from_published):
    """Signal events differ by efficiency, electrons in bad spills, and box instead of emission."""
    analysis = from_events.events
    for i, mass in enumerate(mass_grid(from_events.config)):
        for ours, theirs in zip(
            from_events.models[i].channels, from_published.models[i].channels, strict=True
        ):
            period = ours.name.removeprefix("period_")
            efficiency, where = analysis.efficiencies[period], np.array([mass])
            published = from_events.config.periods[period]
            response = response_of(from_events.config, period)
            box = [from_events.yields.in_box(where, 50.0, c, response) for c in CHANNELS]
            kept = efficiency.at(where) * box[0] + efficiency.of_annihilation * box[1]
            ratio = analysis.run.exposures[period].eot / published.efficiency / published.eot
            made = sum(from_published.yields.above(where, 50.0, c) for c in CHANNELS)
            ratio *= float(kept[0] / made[0])
            assert ours.signal == pytest.approx(ratio * theirs.signal, rel=1e-9)


def test_the_mass_grid_is_the_configured_one(config):
    grid = mass_grid(config)
    assert len(grid) == 121
    assert grid[[0, -1]] == pytest.approx([1e-3, 1.0])
    assert np.diff(np.log10(grid)) == pytest.approx(0.025)


def test_the_extrapolated_background_has_an_error(from_events):
    upstream = [row for row in from_events.background.rows if row.source == "upstream"]
    assert len(upstream) == 5
    for row in upstream:
        assert row.events > 0
        assert row.factors[0] < 1 < row.factors[1]
        assert "sideband C" in row.method
    fits = from_events.events.background.upstream.extrapolations
    assert list(fits) == ["I-III", "IV-V"]
    assert all(len(fit.fits) >= 2 for fit in fits.values())


def test_the_extrapolation_agrees_with_what_was_simulated(config, from_events):
    """Truth: the simulated tail, continued into the box, inside two standard deviations."""
    slope, edge, top = config.simulation.upstream_slope, 50.0, config.background.sideband_c_max
    run = from_events.events.run
    for scope, fit in from_events.events.background.upstream.extrapolations.items():
        n = sum(sum(e < top for e in run.tallies[p].sideband_c) for p in config.groups()[scope])
        truth = n * np.expm1(edge / slope) / (np.exp(top / slope) - np.exp(edge / slope))
        down, up = np.log(fit.factors)
        pull = (np.log(truth) - fit.ln_b) / (up if np.log(truth) > fit.ln_b else -down)
        assert abs(pull) < 2
