"""Limits of some of the channels."""

import pytest

from na64ana.errors import LimitError
from na64ana.stats.combination import compute_combinations, take
from na64ana.stats.marginalised import compute_limit
from na64ana.stats.model import Channel, CountingModel, Sample


def model(*counts):
    return CountingModel(
        tuple(
            Channel(f"c{i}", n, (Sample("signal", 1.0 + i, {}),), (Sample("b", 0.3, {}),))
            for i, n in enumerate(counts)
        )
    )


def test_all_cumulated_is_the_whole():
    whole = model(0, 1, 0)
    found = {(c.kind, c.name): c for c in compute_combinations(whole, 0.9)}
    assert len(found) == 9
    last = found["cumulated", "c2"]
    assert last.channels == ("c0", "c1", "c2")
    assert last.limit == compute_limit(whole, 0.9, expected=False)
    assert last.mu == pytest.approx(last.limit.observed / 6.0)
    assert found["without", "c1"].channels == ("c0", "c2")
    assert found["alone", "c1"].limit == compute_limit(take(whole, ["c1"]), 0.9, expected=False)


def test_more_periods_expect_more():
    """Nothing seen anywhere: the limit on mu falls as one over the signal."""
    found = [c for c in compute_combinations(model(0, 0, 0), 0.9) if c.kind == "cumulated"]
    assert [c.mu * c.signal for c in found] == pytest.approx([2.302585] * 3)
    closed = [c for c in compute_combinations(model(*[None] * 3), 0.9) if c.kind == "cumulated"]
    assert [c.mu for c in closed] == sorted((c.mu for c in closed), reverse=True)


def test_channels_that_do_not_exist_are_refused():
    with pytest.raises(LimitError, match="no channel 'x'; there are c0, c1"):
        take(model(0, 0), ["x"])


def test_channels_without_a_signal_have_no_limit():
    empty = Channel("c9", 0, (Sample("signal", 0.0, {}),), (Sample("b", 1.0, {}),))
    wider = CountingModel((*model(0, 0).channels, empty))
    kinds = [(c.kind, c.name) for c in compute_combinations(wider, 0.9)]
    assert ("alone", "c9") not in kinds
    assert ("cumulated", "c9") in kinds
