"""Models with several bins of E_ECAL and several signal processes."""

from dataclasses import replace

import numpy as np
import pyhf
import pytest
from pyhf.infer.test_statistics import qmu_tilde

from na64ana.stats import asymptotic, marginalised
from na64ana.stats.check import read_model
from na64ana.stats.combination import compute_combinations
from na64ana.stats.hs3 import make_hs3
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_patchset, make_workspace


def binned(*counts: int | None) -> CountingModel:
    """Two periods of two bins; two processes with errors of their own; errors differ by bin."""
    channels = []
    for i, n in enumerate(counts):
        period, place = divmod(i, 2)
        common = {f"eff_{period}": symmetric(0.1)}
        signals = (
            Sample("bremsstrahlung", 0.2 + 0.1 * i, {"yield_a": symmetric(0.1)} | common),
            Sample("annihilation", 0.1, {"yield_b": symmetric(0.2)} | common),
        )
        backgrounds = (
            Sample("upstream", 0.3 * (1 + place), {"bkg_up": symmetric(0.8 - 0.4 * place)}),
            Sample("decay", 0.1, {"bkg_decay": symmetric(0.3)}),
        )
        channels.append(Channel(f"period_{period}", n, signals, backgrounds, place))
    return CountingModel(tuple(channels))


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (1, 0, 0, 2), (3, 1, 0, 0)])
def test_bins_and_processes_as_in_pyhf(counts):
    model = binned(*counts).unit()
    workspace = pyhf.Workspace(make_workspace(model))
    assert workspace.channel_nbins == {"period_0": 2, "period_1": 2}
    names = [sample["name"] for sample in workspace["channels"][0]["samples"]]
    assert names == ["bremsstrahlung", "annihilation", "upstream", "decay", "upstream_bin1"]
    pdf = workspace.model()
    config = pdf.config
    settings = config.suggested_init(), config.suggested_bounds(), config.suggested_fixed()
    likelihood = Likelihood(model)
    for mu in (0.7, 2.5):
        (ours,) = likelihood.q_tilde(mu, np.array(counts, float))
        theirs = max(float(qmu_tilde(mu, workspace.data(pdf), pdf, *settings)), 0.0)
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_workspace_of_bins_is_read_again():
    model = binned(1, 0, 0, 2).unit()
    again = read_model(make_workspace(model))
    for compute in (asymptotic.compute_limit, marginalised.compute_limit):
        one, other = (compute(m, 0.9, expected=False).observed for m in (model, again))
        assert other == pytest.approx(one, rel=1e-6)


def test_patches_change_both_processes():
    model = binned(0, 0, 0, 0)
    workspace = make_workspace(model.unit())
    without = CountingModel(
        tuple(
            replace(c, signals=(c.signals[0], replace(c.signals[1], events=0.0)))
            for c in model.channels
        )
    )
    patches = pyhf.PatchSet(make_patchset(workspace, [model, without], [0.1, 0.2]))
    patched = patches.apply(workspace, "m_ap_200p0000_MeV")
    expected = make_workspace(without.unit())
    assert patched["channels"] == expected["channels"]


def test_signals_of_the_same_errors_are_one():
    model = binned(0, 1, 0, 0)
    alike = CountingModel(
        tuple(
            replace(c, signals=tuple(replace(s, factors={"y": symmetric(0.1)}) for s in c.signals))
            for c in model.channels
        )
    )
    merged = alike.merged()
    assert all(len(channel.signals) == 1 for channel in merged.channels)
    assert merged.signal == pytest.approx(alike.signal)
    assert model.merged() == model
    one, other = (marginalised.compute_limit(m, 0.9, expected=False) for m in (alike, merged))
    assert other.observed == pytest.approx(one.observed, rel=1e-9)


def test_periods_are_combined_with_all_their_bins():
    found = {(c.kind, c.name): c for c in compute_combinations(binned(0, 1, 0, 0), 0.9)}
    assert set(found) == {
        (kind, f"period_{i}") for kind in ("cumulated", "without", "alone") for i in (0, 1)
    }
    whole = marginalised.compute_limit(binned(0, 1, 0, 0), 0.9, expected=False).observed
    assert found["cumulated", "period_1"].limit.observed == pytest.approx(whole)


def test_bins_help_where_the_signal_is_not():
    """An event where hardly any signal is expected weakens the limit less than it does in one box.

    One period; the signal lies in the lower bin, the background in the upper one.
    """
    names = {"signal": Sample("s", 1.0, {}), "rest": Sample("s", 0.05, {})}
    lower = Channel("p", 0, (names["signal"],), (Sample("b", 0.05, {}),), 0)
    upper = Channel("p", 1, (names["rest"],), (Sample("b", 0.5, {}),), 1)
    box = Channel("p", 1, (Sample("s", 1.05, {}),), (Sample("b", 0.55, {}),))
    bins, one = (
        marginalised.compute_limit(CountingModel(c), 0.9, expected=False).observed
        for c in ((lower, upper), (box,))
    )
    assert bins < 0.85 * one


def test_hs3_has_the_same_channels_data_and_parameters():
    workspace = make_workspace(binned(1, 0, 0, 2).unit())
    made = make_hs3(workspace)
    pdf = pyhf.Workspace(workspace).model()
    (point,) = made["parameter_points"]
    assert {one["name"] for one in point["parameters"]} == set(pdf.config.par_order)
    assert [one["contents"] for one in made["data"]] == [[1.0, 0.0], [0.0, 2.0]]
    for ours, theirs in zip(made["distributions"], workspace["channels"], strict=True):
        assert ours["axes"][0]["nbins"] == 2
        for one, other in zip(ours["samples"], theirs["samples"], strict=True):
            assert one["data"]["contents"] == other["data"]
            kinds = [(m["type"], m["name"]) for m in one["modifiers"]]
            assert kinds == [(m["type"], m["name"]) for m in other["modifiers"]]
            assert all(
                m["constraint"] == "Gauss" for m in one["modifiers"] if m["type"] == "normsys"
            )
