"""`na64ana check` and `na64ana toys`, as they are typed."""

import json
from pathlib import Path

import pytest

from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_workspace


@pytest.fixture
def workspace(tmp_path) -> Path:
    background = (Sample("b", 0.5, {"bkg": symmetric(0.25)}),)
    model = CountingModel((Channel("one", 0, (Sample("signal", 1.0, {}),), background),))
    path = tmp_path / "workspace.json"
    path.write_text(json.dumps(make_workspace(model)))
    return path


def test_a_good_workspace_passes(run, workspace):
    code, out, err = run("check", workspace)
    assert code == 0, err
    assert "1 channels, 2 samples, 2 parameters; nothing is wrong" in out
    assert "warning: 0.5 background events" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[1]", "holds no JSON object"),
        ("{}", "not a workspace of pyhf"),
        ("[" * 100_000, "is no JSON"),
    ],
)
@pytest.mark.parametrize("command", ["check", "toys"])
def test_what_is_no_workspace_is_one_line(run, tmp_path, command, text, message):
    path = tmp_path / "bad.json"
    path.write_text(text)
    code, _, err = run(command, path)
    assert code == 4
    assert message in err
    assert len(err.strip().splitlines()) == 1
    code, _, err = run(command, tmp_path / "nowhere.json")
    assert code == 4
    assert "no such file" in err


def test_toys_beside_the_other_methods(run, workspace):
    code, out, err = run("toys", workspace, "--n-toys", "4000", "--seed", "3")
    assert code == 0, err
    rows = {
        line.split("│")[1].strip(): line.split("│")[2].strip()
        for line in out.splitlines()
        if line.startswith("│")
    }
    assert rows["marginalised"] == "2.303"
    assert rows["asymptotic"].startswith("1.6")
    assert 2.0 < float(rows["toys"].split()[0]) < 2.6
    assert "4,000 toys of either kind, seed 3" in out
    again = run("toys", workspace, "--n-toys", "4000", "--seed", "3", "--workers", "2")[1]
    assert again == out
    code, _, err = run("toys", workspace, "--n-toys", "50")
    assert code == 4
    assert "too few for 90 % CL" in err


def test_other_models_are_refused(run, workspace):
    content = json.loads(workspace.read_text())
    content["channels"][0]["samples"][1]["modifiers"].append(
        {"name": "mc", "type": "staterror", "data": [0.1]}
    )
    workspace.write_text(json.dumps(content))
    code, _, err = run("toys", workspace)
    assert code == 4
    assert "staterror is not a log-normal error" in err
