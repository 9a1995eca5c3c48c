"""The workspace and its patch set, as pyhf, cabinetry and spey read them."""

import json
import warnings

import cabinetry
import numpy as np
import pyhf
import pytest

from na64ana.stats import asymptotic
from na64ana.stats.check import check_workspace, read_model
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_patchset, make_workspace


def two_periods(share: float = 0.3) -> CountingModel:
    channels = []
    for period, part, n, b in (("I", share, 0, 0.4), ("V", 1 - share, 2, 0.9)):
        signal = {"yield_signal": symmetric(0.1), f"eff_overall_{period}": symmetric(0.11)}
        backgrounds = (
            Sample("upstream", b, {"bkg_upstream": (0.5, 2.5)}),
            Sample("decay", 0.1, {f"bkg_decay_{period}": symmetric(0.2)}),
        )
        channels.append(
            Channel(f"period_{period}", n, (Sample("signal", part, signal),), backgrounds)
        )
    return CountingModel(tuple(channels))


@pytest.fixture(scope="module")
def workspace():
    return make_workspace(two_periods())


@pytest.fixture(scope="module")
def limit():
    return asymptotic.compute_limit(two_periods(), 0.9)


def test_pyhf_finds_the_same_limits(workspace, limit):
    """Observed and expected within 1e-3."""
    read = pyhf.Workspace(json.loads(json.dumps(workspace)))
    pdf = read.model()
    observed, expected = pyhf.infer.intervals.upper_limits.toms748_scan(
        read.data(pdf), pdf, 0.1, 30.0, level=0.1, rtol=1e-5
    )
    assert limit.observed == pytest.approx(float(observed), rel=1e-3)
    assert limit.expected == pytest.approx([float(x) for x in expected], rel=1e-3)


def test_cabinetry_finds_the_same_limits(workspace, limit):
    model, data = cabinetry.model_utils.model_and_data(workspace)
    found = cabinetry.fit.limit(model, data, confidence_level=0.9, bracket=(0.1, 30.0))
    assert limit.observed == pytest.approx(found.observed_limit, rel=1e-2)
    assert limit.expected == pytest.approx(found.expected_limit.tolist(), rel=1e-2)


def test_spey_finds_the_same_limit(workspace, limit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of spey and what it imports
        import spey  # noqa: PLC0415

        signals = [
            {
                "op": "add",
                "path": f"/channels/{i}/samples/0",
                "value": channel["samples"][0],
            }
            for i, channel in enumerate(workspace["channels"])
        ]
        background = json.loads(json.dumps(workspace))
        for channel in background["channels"]:
            del channel["samples"][0]
        wrapper = spey.get_backend("pyhf")
        model = wrapper(analysis="na64ana", background_only_model=background, signal_patch=signals)
        found = model.poi_upper_limit(confidence_level=0.9)
    assert limit.observed == pytest.approx(float(found), rel=1e-2)


def test_the_patch_set_has_the_signal_of_each_mass(workspace):
    masses = [0.002, 0.02, 0.25]
    models = [two_periods(share).scaled(10.0**k) for share, k in ((0.3, 9), (0.3, 7), (0.5, 4))]
    patchset = pyhf.PatchSet(make_patchset(workspace, models, masses))
    patchset.verify(workspace)
    assert patchset.labels == ["m_ap_GeV", "epsilon_0"]
    patch = patchset["m_ap_250p0000_MeV"]
    assert patch.values == pytest.approx((0.25, 1e-2))
    patched = pyhf.Workspace(patchset.apply(workspace, "m_ap_250p0000_MeV"))
    signals = [channel["samples"][0]["data"][0] for channel in patched["channels"]]
    assert signals == pytest.approx([0.5, 0.5])
    again = read_model(dict(patched))
    assert again.signal == pytest.approx(1)
    assert not check_workspace(dict(patched)).errors


def test_a_model_comes_back_from_its_workspace():
    model = two_periods()
    again = read_model(make_workspace(model))
    assert again.observed == model.observed
    one, other = (asymptotic.compute_limit(m, 0.9) for m in (model, again))
    assert other.observed == pytest.approx(one.observed, rel=1e-12)
    assert other.expected == pytest.approx(one.expected, rel=1e-12)


def broken(workspace, change):
    copy = json.loads(json.dumps(workspace))
    change(copy)
    return copy


def _twice(w):
    w["channels"][0]["samples"][1]["modifiers"] *= 2


def _clash(w):
    w["channels"][0]["samples"][1]["modifiers"].append(
        {"name": "mu", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    )


def _unshared(w):
    for channel in w["channels"]:
        channel["samples"][1]["modifiers"].append(
            {"name": "mc", "type": "staterror", "data": [0.1]}
        )


CHANGES = {
    "would keep only the last": _twice,
    "is the name of modifiers of types": _clash,
    "does not share it between channels": _unshared,
    "is empty|not a workspace": lambda w: w["channels"][0].update(samples=[]),
    "a bin is negative": lambda w: w["channels"][0]["samples"][1].update(data=[-0.1]),
    "a bin is no finite number": lambda w: w["channels"][0]["samples"][1].update(data=[np.nan]),
    "two channels are called": lambda w: w["channels"][0].update(name="period_V"),
    "has no background": lambda w: w["channels"][0].update(samples=w["channels"][0]["samples"][:1]),
    "expects no background": lambda w: [
        s.update(data=[0.0]) for s in w["channels"][0]["samples"][1:]
    ],
    "events were observed": lambda w: w["observations"][0].update(data=[-1.0]),
    "has no observation": lambda w: w["observations"].pop(),
    "scales no signal": lambda w: w["measurements"][0]["config"].update(poi="nobody"),
    "not a workspace of pyhf": lambda w: w.pop("channels"),
    "has two observations": lambda w: w["observations"].append(w["observations"][0]),
    "different numbers of bins": lambda w: w["observations"][0].update(data=[0.0, 1.0]),
    "events were observed in bin": lambda w: w["observations"][0].update(data=[1e308]),
}


@pytest.mark.parametrize("message", CHANGES)
def test_what_is_wrong_is_named(workspace, message):
    found = check_workspace(broken(workspace, CHANGES[message]))
    assert any(part in error for part in message.split("|") for error in found.errors), found.errors


def test_what_is_doubtful_is_a_warning(workspace):
    found = check_workspace(workspace)
    assert not found.errors
    assert len(found.warnings) == 1
    assert "asymptotic formulas exclude too much" in found.warnings[0]
    scaled = check_workspace(make_workspace(two_periods().scaled(1e6)))
    assert any("scale the signal" in warning for warning in scaled.warnings)
