import math

import pytest

from na64ana.background.table import BackgroundTable, published_rows
from na64ana.stats import names
from na64ana.stats.build import build_model


def test_a_channel_has_signal_and_background(config):
    table = BackgroundTable(published_rows(config, "V"))
    model = build_model(config, table, {"V": 2e8}, None)
    (channel,) = model.channels
    assert channel.signal.events == 2e8
    assert channel.name == "period_V"
    assert channel.observed is None
    assert channel.background == pytest.approx(0.51 * 6.16 / 6.54)


def test_the_errors_of_the_signal_add_up_to_the_published_15_percent(config):
    table = BackgroundTable(published_rows(config, "I"))
    (channel,) = build_model(config, table, {"I": 1.0}, {"I": 0}).channels
    errors = {name: up - 1 for name, (_, up) in channel.signal.factors.items()}
    assert errors == pytest.approx(
        {"yield_signal": 0.10, "eot": 0.05, "eff_overall_I": math.sqrt(0.15**2 - 0.1**2 - 0.05**2)}
    )
    assert math.hypot(*errors.values()) == pytest.approx(0.15)


def test_an_efficiency_measured_badly_has_its_own_error(config):
    table = BackgroundTable(published_rows(config, "I"))
    for measured, expected in ((0.02, math.sqrt(0.01)), (0.3, 0.3)):
        (channel,) = build_model(config, table, {"I": 1.0}, None, {"I": measured}).channels
        assert channel.signal.factors["eff_overall_I"][1] - 1 == pytest.approx(expected)


def test_background_errors_are_shared_in_a_group(config):
    table = BackgroundTable(tuple(r for p in config.periods for r in published_rows(config, p)))
    model = build_model(config, table, dict.fromkeys(config.periods, 1.0), None)
    of = {
        channel.name: {name for sample in channel.backgrounds for name in sample.factors}
        for channel in model.channels
    }
    assert of["period_I"] == of["period_III"]
    assert "bkg_upstream_I_III" in of["period_I"]
    assert not of["period_I"] & of["period_V"]


def test_names_are_what_pyhf_takes():
    assert names.background("upstream", "I-III") == "bkg_upstream_I_III"
    assert names.background("upstream", "I+III") == "bkg_upstream_I_and_III"
    assert names.efficiency("veto_quiet", "IV") == "eff_veto_quiet_IV"
