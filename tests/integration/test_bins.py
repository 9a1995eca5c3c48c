"""Bins of E_ECAL inside the box, from event files."""

import numpy as np
import pytest

from na64ana.errors import ConfigError
from na64ana.signal.response import CHANNELS
from na64ana.signal.uncertainty import compute_errors
from na64ana.workflow.bins import background_in_bins, bin_edges, count_in_bins
from na64ana.workflow.limits import limits_from_published
from na64ana.workflow.yields import load_yields, response_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def binned(config):
    limits = config.limits.model_copy(update={"e_ecal_edges": (25.0, 40.0)})
    return config.model_copy(update={"limits": limits})


def test_backgrounds_of_the_bins_add_up_to_the_box(binned, from_events):
    whole = from_events.background
    tables = background_in_bins(binned, whole, from_events.events.background)
    assert len(tables) == 3
    for rows in zip(whole.rows, *(table.rows for table in tables), strict=True):
        box, *bins = rows
        assert sum(row.events for row in bins) == pytest.approx(box.events)
        assert {(row.period, row.source, row.scope) for row in bins} == {
            (box.period, box.source, box.scope)
        }
        if box.source == "upstream":
            # it rises towards the sideband, where it is known best
            assert bins[0].events < bins[2].events
            assert bins[0].factors[1] > bins[2].factors[1]
        else:
            assert bins[0].events == pytest.approx(box.events * 25 / 50)
            assert bins[0].factors == box.factors


def test_one_bin_is_the_box(config, from_events):
    whole = from_events.background
    assert background_in_bins(config, whole, from_events.events.background) == (whole,)


def test_yields_of_the_bins_add_up_to_the_box(binned, config):
    masses, table = np.array([0.01, 0.1]), load_yields(config)
    response = response_of(config, "V")
    for process in CHANNELS:
        bins = table.spectrum(masses, bin_edges(binned, "V"), process, response)
        assert bins.shape == (2, 3)
        box = table.in_box(masses, 50.0, process, response)
        assert bins.sum(axis=1) == pytest.approx(box, rel=1e-9)


def test_events_of_the_bins_add_up_to_the_box(binned, opened_run, config):
    tallies = opened_run.tallies
    for name, counts in count_in_bins(binned, tallies).items():
        assert sum(counts) == tallies[name].regions["signal_box"]
        assert len(counts) == len(bin_edges(binned, name)) - 1
    assert count_in_bins(config, tallies).keys() == tallies.keys()


def test_published_numbers_have_no_bins(binned):
    with pytest.raises(ConfigError, match="those of whole boxes"):
        limits_from_published(binned)


def test_computed_errors_of_annihilation(config):
    """It knows no nuclear form factor, and errors are zero where it is closed."""
    table = load_yields(config)
    found = compute_errors(table, np.array([0.1, 0.9]), 50.0, channel="annihilation")
    assert set(found.by_source) == {
        *("yield_cross_section", "yield_shower", "yield_threshold", "yield_trigger")
    }
    assert 0.02 < found.total[0] < 0.2
    assert found.total[1] == 0.0


def test_yield_errors_by_source_in_the_model(config):
    limits = config.limits.model_copy(update={"yield_errors": "computed", "method": "asymptotic"})
    signal = config.signal.model_copy(update={"masses_per_decade": 2})
    changed = config.model_copy(update={"limits": limits, "signal": signal})
    parameters = set(limits_from_published(changed).models[0].parameters)
    assert {"yield_nuclear", "yield_shower", "yield_trigger"} <= parameters
    assert "yield_signal" not in parameters
