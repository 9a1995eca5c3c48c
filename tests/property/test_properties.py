"""What holds for any input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from na64ana.io.writing import round_mantissa
from na64ana.stats.marginalised import compute_limit
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.tally.regions import Box
from na64ana.units import UNITS, parse_quantity

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.sampled_from([(d, u) for d in UNITS for u in UNITS[d]]), finite)
def test_a_written_quantity_is_read_back(unit, number):
    dimension, name = unit
    assert parse_quantity(f"{number!r} {name}", dimension) == number * UNITS[dimension][name]


# Twice the largest of 32 bit floats is infinite.
energies = st.floats(-(2.0**100), 2.0**100, width=32)


@given(st.lists(st.tuples(energies, energies), max_size=50), st.floats(1, 99), st.floats(0.1, 10))
def test_regions_are_disjoint_and_the_box_is_one_of_them(points, e_ecal_max, e_hcal_max):
    box = Box(e_ecal_max, e_hcal_max)
    e_ecal, e_hcal = (np.array([p[i] for p in points], np.float32) for i in (0, 1))
    regions = box.regions(e_ecal, e_hcal)
    # The diagonal may reach into sideband A, never into what is quiet.
    diagonal = regions.pop("control_hadron")
    assert not (diagonal & (regions["signal_box"] | regions["sideband_c"])).any()
    assert (sum(mask.astype(int) for mask in regions.values()) <= 1).all()
    assert (regions["signal_box"] == box.holds(e_ecal, e_hcal)).all()


@given(st.lists(st.floats(width=32, allow_nan=True), max_size=50))
def test_rounding_is_small_and_idempotent(values):
    array = np.array(values, np.float32)
    array = array[~np.isfinite(array) | ((np.abs(array) < 1e38) & (np.abs(array) > 1e-37))]
    once = round_mantissa(array)
    np.testing.assert_allclose(once, array, rtol=2**-11)
    np.testing.assert_array_equal(round_mantissa(once), once)


@st.composite
def models(draw) -> CountingModel:
    n_channels = draw(st.integers(1, 3))
    error = st.floats(0.01, 0.5)
    channels = []
    for i in range(n_channels):
        signal = {"yield": symmetric(draw(error)), f"eff_{i}": symmetric(draw(error))}
        background = Sample("b", draw(st.floats(1e-4, 3.0)), {f"bkg_{i}": symmetric(draw(error))})
        channels.append(
            Channel(
                f"c{i}",
                draw(st.integers(0, 3)),
                (Sample("signal", draw(st.floats(0.05, 1.0)), signal),),
                (background,),
            )
        )
    return CountingModel(tuple(channels))


@settings(max_examples=25, deadline=None)
@given(models(), st.floats(1e-6, 1e6))
def test_limits_on_events_do_not_depend_on_the_scale_of_the_signal(model, factor):
    one, scaled = compute_limit(model, 0.9), compute_limit(model.scaled(factor), 0.9)
    assert scaled.observed == pytest.approx(one.observed, rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(models())
def test_no_limit_is_stronger_than_that_of_nothing_observed(model):
    """Counting more never strengthens a limit, and exp(-s), averaged, is above exp(-<s>)."""
    nothing = CountingModel(
        tuple(Channel(c.name, 0, c.signals, c.backgrounds) for c in model.channels)
    )
    strongest, limit = compute_limit(nothing, 0.9), compute_limit(model, 0.9)
    assert limit.observed >= strongest.observed * (1 - 1e-6)
    widths = [
        sum(math.log(up) ** 2 for _, up in channel.signals[0].factors.values())
        for channel in model.channels
    ]
    mean = math.exp(max(widths) / 2)  # of a log-normal, whose median is one
    assert strongest.observed >= -math.log(0.1) / mean * (1 - 2e-3)  # average over 512 draws
    assert list(limit.expected) == sorted(limit.expected)


@settings(max_examples=15, deadline=None)
@given(models(), st.floats(0.5, 0.9))
def test_a_higher_confidence_level_gives_a_weaker_limit(model, level):
    assert compute_limit(model, level + 0.05).observed > compute_limit(model, level).observed
