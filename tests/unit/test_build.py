import math

import pytest

from na64ana.background.table import BackgroundTable, published_rows
from na64ana.config.models import Correlations
from na64ana.stats import names
from na64ana.stats.build import build_model

ONE = {"bremsstrahlung": [1.0]}


def test_a_channel_has_signal_and_background(config):
    table = BackgroundTable(published_rows(config, "V"))
    model = build_model(config, (table,), {"V": {"bremsstrahlung": [2e8]}}, None)
    (channel,) = model.channels
    assert channel.signal == 2e8
    assert channel.name == "period_V"
    assert channel.observed is None
    assert channel.background == pytest.approx(0.51 * 6.16 / 6.54)


def test_the_errors_of_the_signal_add_up_to_the_published_15_percent(config):
    table = BackgroundTable(published_rows(config, "I"))
    (channel,) = build_model(config, (table,), {"I": ONE}, {"I": [0]}).channels
    errors = {name: up - 1 for name, (_, up) in channel.signals[0].factors.items()}
    assert errors == pytest.approx(
        {"yield_signal": 0.10, "eot": 0.05, "eff_overall_I": math.sqrt(0.15**2 - 0.1**2 - 0.05**2)}
    )
    assert math.hypot(*errors.values()) == pytest.approx(0.15)


def test_an_efficiency_measured_badly_has_its_own_error(config):
    table = BackgroundTable(published_rows(config, "I"))
    for measured, expected in ((0.02, math.sqrt(0.01)), (0.3, 0.3)):
        (channel,) = build_model(
            config, (table,), {"I": ONE}, None, efficiency_errors={"I": measured}
        ).channels
        assert channel.signals[0].factors["eff_overall_I"][1] - 1 == pytest.approx(expected)


def test_background_errors_are_shared_in_a_group(config):
    table = BackgroundTable(tuple(r for p in config.periods for r in published_rows(config, p)))
    model = build_model(config, (table,), dict.fromkeys(config.periods, ONE), None)
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


def test_correlations_are_chosen(config):
    table = BackgroundTable(tuple(r for p in config.periods for r in published_rows(config, p)))

    def parameters(**changes):
        limits = config.limits.model_copy(update={"correlations": Correlations(**changes)})
        changed = config.model_copy(update={"limits": limits})
        model = build_model(changed, (table,), dict.fromkeys(config.periods, ONE), None)
        return set(model.parameters)

    assert {"yield_signal", "eot", "eff_overall_III"} <= parameters()
    by_group = parameters(signal_yield="group", efficiency="group")
    assert {"yield_signal_I_III", "yield_signal_IV_V", "eff_overall_I_III"} <= by_group
    assert "yield_signal" not in by_group
    assert {"eot_I", "eot_V"} <= parameters(eot="period")
    assert "eff_overall" in parameters(efficiency="all")
    alone = parameters(background="period")
    assert {"bkg_upstream_I", "bkg_upstream_II"} <= alone
    assert "bkg_upstream_I_III" not in alone


def test_errors_of_the_yield_by_source_and_process(config):
    table = BackgroundTable(published_rows(config, "V"))
    errors = {"bremsstrahlung": {"yield_nuclear": 0.03, "yield_shower": 0.01}, "annihilation": {}}
    signals = {"V": {"bremsstrahlung": [2.0], "annihilation": [1.0]}}
    (channel,) = build_model(config, (table,), signals, None, yield_errors=errors).channels
    one, other = channel.signals
    assert (one.name, one.events) == ("bremsstrahlung", 2.0)
    assert set(one.factors) == {"yield_nuclear", "yield_shower", "eot", "eff_overall_V"}
    assert set(other.factors) == {"eot", "eff_overall_V"}
    assert one.factors["yield_nuclear"] == pytest.approx((1 / 1.03, 1.03))
