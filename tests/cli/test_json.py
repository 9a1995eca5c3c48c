"""`--json` of commands that print tables: stdout is one JSON document, all else is on stderr."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from na64ana.cli.json_output import print_json
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_workspace


@pytest.fixture
def json_of(run):
    """Return a function that runs a command with --json: exit code, content, stderr."""

    def call(*arguments: object) -> tuple[int, Any, str]:
        code, out, err = run(*arguments, "--json")
        return code, json.loads(out, parse_constant=pytest.fail), err

    return call


def workspace(path: Path, background: float = 0.5) -> Path:
    rows = (Sample("b", background, {"bkg": symmetric(0.25)}),)
    model = CountingModel((Channel("one", 0, (Sample("signal", 1.0, {}),), rows),))
    path.write_text(json.dumps(make_workspace(model)))
    return path


def test_what_json_does_not_know(capsys):
    @dataclass(frozen=True)
    class Thing:
        path: Path
        array: np.ndarray
        number: float

    one = Thing(Path("a"), np.array([[1.0, np.nan], [np.inf, 2.0]]), -math.inf)
    print_json({"one": one, 2: (np.float32(0.5), np.int64(3), np.bool_(True), None)})
    found = json.loads(capsys.readouterr().out)
    assert found["one"] == {"path": "a", "array": [[1.0, None], [None, 2.0]], "number": None}
    assert found["2"] == [0.5, 3, True, None]


def test_toys_and_check(json_of, tmp_path):
    path = workspace(tmp_path / "workspace.json")
    code, found, err = json_of("toys", path, "--n-toys", "2000")
    assert (code, err) == (0, "")
    limits = {one["method"]: one for one in found["limits"]}
    assert limits["marginalised"]["observed"] == pytest.approx(-math.log(0.1), rel=1e-4)
    assert limits["marginalised"]["cls_at_limit"] == pytest.approx(0.1, rel=1e-3)
    assert limits["toys"]["n_toys"] == 2000
    code, found, err = json_of("check", path)
    assert code == 0
    assert (found["errors"], found["channels"]) == ([], 1)


def test_a_bad_workspace_is_json_and_one_line(json_of, tmp_path):
    content = json.loads(workspace(tmp_path / "workspace.json").read_text())
    content["channels"][0]["samples"][0]["data"] = [-1.0]
    (tmp_path / "workspace.json").write_text(json.dumps(content))
    code, found, err = json_of("check", tmp_path / "workspace.json")
    assert code == 4
    assert found["errors"]
    assert len(err.splitlines()) == 1


def test_inspect(json_of, event_file):
    code, found, _ = json_of("inspect", event_file)
    assert code == 0
    assert found["path"] == str(event_file)
    assert found["periods"] == {"I": found["entries"]}
    assert found["metadata"]["simulated"] is True
    e_ecal = next(one for one in found["branches"] if one["name"] == "e_ecal")
    assert e_ecal["low"] < e_ecal["mean"] < e_ecal["high"]
    assert len(e_ecal["first"]) == 3


def test_process_skim_and_what_reads_their_result(json_of, event_file, tmp_path):
    events = ("--events", f"I={event_file}")
    code, found, _ = json_of("process", *events, "--output", tmp_path / "results")
    assert code == 0
    assert found["blinded"] is True
    counts = found["cut_flow"]["I"]["classes"]["all"]["events"]
    assert counts == sorted(counts, reverse=True)
    assert found["calibration"]["I"]["overall"]["total"] > 0
    assert set(found["files"]) <= {path.name for path in (tmp_path / "results").iterdir()}

    again = json_of("cutflow", tmp_path / "results", "--sources")[1]
    assert again == found["cut_flow"]
    code, skimmed, _ = json_of("skim", *events, "--output", tmp_path / "skim")
    assert code == 0
    assert 0 < skimmed[0]["kept"] < skimmed[0]["events"]


@pytest.mark.slow
def test_background_and_optimize(json_of, stored, tmp_path):
    code, found, err = json_of("background", stored, "--output", tmp_path / "b")
    assert code == 0, err
    assert found["box"] == "closed"
    assert "written to" in err
    code, found, err = json_of("optimize", stored, "--output", tmp_path / "o")
    assert code == 0, err
    assert found["m_ap_GeV"] == pytest.approx(0.02)
    for one in found["periods"].values():
        low, high = one["within_1_percent_GeV"]
        assert low <= one["best_GeV"] <= high
        assert len(one["scan"]["cuts"]) == len(one["scan"]["limits"])


def test_yields(json_of):
    code, found, _ = json_of("yields", "--mass", "20 MeV", "--mass", "1 GeV")
    assert code == 0
    columns = found["yields"]
    assert columns["m_ap_GeV"] == pytest.approx([0.02, 1.0])
    assert columns["bremsstrahlung_in_box"][0] > columns["bremsstrahlung_in_box"][1] > 0
    assert {len(column) for column in columns.values()} == {2}


@pytest.mark.slow
def test_limits(json_of):
    code, found, err = json_of("limits", "--published", "--output", "published")
    assert code == 0, err
    assert "written to" not in err
    columns = found["limits"]
    at_20_mev = int(np.argmin(np.abs(np.array(columns["m_ap_GeV"]) - 0.02)))
    assert 3e-5 < columns["epsilon_observed_toys"][at_20_mev] < 5e-5
    assert {len(column) for column in columns.values()} == {121}
    assert {row["period"] for row in found["background"]} == set(found["periods"])
    assert set(found["files"]) == {path.name for path in Path("published").iterdir()}
