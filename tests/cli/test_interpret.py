"""`na64ana interpret`, as it is typed, on a limit from published numbers."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.image import imread
from rich.console import Console

from na64ana.cli.interpretation_tables import print_interpretation
from na64ana.workflow.interpretation import Choices, interpret
from na64ana.workflow.interpretation_files import output_names, write_interpretation
from na64ana.workflow.limits import limits_from_published
from na64ana.workflow.outputs import write_outputs
from na64ana.workflow.stored_limits import load_limits

pytestmark = pytest.mark.slow


#: Masses of the limit: ten per decade, so that the yields of all dark matter take seconds.
N_MASSES = 31


@pytest.fixture(scope="module")
def coarse(config):
    limits = config.limits.model_copy(update={"n_toys": 2000})
    signal = config.signal.model_copy(update={"masses_per_decade": 10})
    return limits_from_published(config.model_copy(update={"limits": limits, "signal": signal}))


@pytest.fixture(scope="module")
def published(coarse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    write_outputs(coarse, folder, inputs={})
    return folder


@pytest.fixture
def limits(published, tmp_path):
    shutil.copytree(published, tmp_path / "limits")
    return tmp_path / "limits"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_stored_limit_is_that_of_the_run(published, coarse):
    stored = load_limits(published)
    assert np.array_equal(stored.curve.masses, coarse.curve.masses)
    assert stored.curve.event_limits == coarse.curve.event_limits
    assert stored.curve.observed == pytest.approx(coarse.curve.observed, rel=1e-15)
    assert stored.model.parameters == coarse.models[0].parameters
    assert stored.model.observed == coarse.models[0].observed
    assert stored.eot == pytest.approx(9.37e11)


def test_all_is_computed_and_drawn(run, limits):
    code, out, err = run("interpret", limits, "--output", "out")
    assert code == 0, err
    assert {path.name for path in Path("out").iterdir()} == set(output_names(Choices()))
    assert "all to 1" not in out.splitlines()[0]
    assert "Landau pole below 1 TeV" in " ".join(out.split())
    for path in Path("out").glob("*.png"):
        image = imread(path)
        assert image[..., :3].std() > 0.03, path
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    # numbers: y and epsilon say the same, and the reference dark matter is that of the limit
    epsilon = {
        (row["kind"], row["alpha_d"], row["m_ap_GeV"]): float(row["epsilon_observed"])
        for row in rows(Path("out/epsilon.csv"))
    }
    assert len(epsilon) == 8 * N_MASSES
    y = rows(Path("out/y_alpha_d_0p1.csv"))
    assert len(y) == 4 * N_MASSES
    for row in y:
        key = (row["kind"], row["alpha_d"], row["m_ap_GeV"])
        assert float(row["y_observed"]) == pytest.approx(epsilon[key] ** 2 * 0.1 / 81, rel=1e-4)
    stored = load_limits(limits)
    ours = [
        value for (kind, alpha, _), value in epsilon.items() if (kind, alpha) == ("dirac", "0.1")
    ]
    assert ours == pytest.approx(stored.curve.observed, rel=1e-3)
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert (
        manifest["limits_lineage"] == json.loads((limits / "manifest.json").read_text())["lineage"]
    )
    for row in rows(Path("out/projections.csv")):
        assert row["background"] in {"free", "scaled"}
    code, _, err = run("interpret", limits, "--output", "out")
    assert code == 1
    assert "exists already" in err

    # all of it as tables for HEPData, which its validator takes
    code, said, err = run("export", limits, "--interpretation", "out", "--output", "submission")
    assert code == 0, err
    assert "valid, by hepdata-validator" in said
    table = yaml.safe_load(Path("submission/interpretation_y_alpha_d_0p1.yaml").read_text())
    column = table["dependent_variables"][0]
    kind = next(one["value"] for one in column["qualifiers"] if one["name"] == "kind")
    expected = [float(row["y_observed"]) for row in y if row["kind"] == kind]
    assert [cell["value"] for cell in column["values"]] == pytest.approx(expected, rel=1e-5)
    assert len(table["dependent_variables"]) == 8
    assert len(list(Path("submission").glob("interpretation_*.yaml"))) == 10
    about = json.loads(Path("out/manifest.json").read_text())
    Path("out/manifest.json").write_text(json.dumps({**about, "limits_lineage": "other"}))
    code, _, err = run("export", limits, "--interpretation", "out", "--output", "again")
    assert code == 1
    assert "interprets another limit" in err


def test_choices(run, limits):
    code, out, err = run(
        *("interpret", limits, "--kind", "majorana", "--alpha-d", "0.2", "--mass-ratio", "0.4"),
        *("--eot", "2e12", "--output", "out"),
    )
    assert code == 0, err
    assert not Path("out/scattering.csv").exists()
    assert {row["kind"] for row in rows(Path("out/y_alpha_d_0p2.csv"))} == {"majorana"}
    assert "m_A' = 2.5 m_chi" in " ".join(out.split())
    assert {row["eot"] for row in rows(Path("out/projections.csv"))} == {"2e+12"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--mass-ratio", "0.6"), 1, "at the resonance or below it"),
        (("--mass-ratio", "0.48"), 1, "at least 2.1 m_chi"),
        (("--mass-ratio", "-1"), 1, "must be positive"),
        (("--alpha-d", "2"), 1, "alpha_D = 2"),
        (("--alpha-d", "nan"), 1, "alpha_D = nan"),
        (("--eot", "0"), 2, "whole number"),
        (("--kind", "axion"), 2, "axion"),
    ],
)
def test_choices_out_of_range(run, limits, arguments, code, message):
    found, _, err = run("interpret", limits, "--kind", "dirac", *arguments)
    assert found == code
    assert message in err
    assert not Path("interpretation").exists() or not list(Path("interpretation").iterdir())


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("limits.json", lambda text: text[:100], "cannot be read"),
        ("limits.json", lambda _: "[]", "not format 1"),
        ("limits.json", lambda text: text.replace('"format": 1', '"format": 2'), "not format 1"),
        ("limits.json", lambda text: text.replace('"epsilon_0"', '"epsilon"'), "damaged"),
        ("limits.json", lambda text: text.replace('"IV"', '"VI"'), "not of one run"),
        ("limits.json", lambda text: text.replace("0.45", "0.35"), "other signal yields"),
        ("workspace.json", lambda _: "{", "no JSON"),
    ],
)
def test_damaged_limits_are_named(run, limits, name, change, message):
    path = limits / name
    path.write_text(change(path.read_text()))
    code, _, err = run("interpret", limits)
    assert code == 1
    assert message in err


def test_no_limits(run):
    code, _, err = run("interpret", "nowhere")
    assert code == 1
    assert "no such file" in err
    assert "na64ana limits --output" in err


def test_a_closed_box_stays_closed(limits):
    path = limits / "limits.json"
    content = json.loads(path.read_text())
    content["box"] = "closed"
    for one in content["event_limits"]:
        one["observed"] = None
    path.write_text(json.dumps(content))
    stored = load_limits(limits)
    assert stored.model.observed is None
    assert stored.curve.observed is None
    found = interpret(stored, Choices(kinds=("majorana",), alphas=(0.1,), eots=()))
    assert all(one.observed is None for one in found.dark_matter)
    assert found.dark_matter[0].y == pytest.approx(found.dark_matter[0].expected[:, 2])
    console = Console(record=True, width=100)
    print_interpretation(found, console)
    assert "box closed" in console.export_text()
    write_interpretation(found, limits, inputs={})
    assert all(row["epsilon_observed"] == "" for row in rows(limits / "epsilon.csv"))
    assert not (limits / "projections.csv").exists()
