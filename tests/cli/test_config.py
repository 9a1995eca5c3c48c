"""`na64ana config`: template, schema, check."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from na64ana.config import load_config
from na64ana.config.schema import config_schema
from na64ana.config.shipped import shipped_path
from na64ana.units import UNITS, parse_quantity, quantity_pattern

SHIPPED = shipped_path("datasets.yaml")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def content() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    return loaded


def test_the_template_is_right_and_keeps_its_comments(run):
    code, out, err = run("config", "template")
    assert code == 0, err
    assert "--config datasets.yaml" in out
    assert Path("datasets.yaml").read_bytes() == SHIPPED.read_bytes()
    assert load_config(Path("datasets.yaml")) == load_config()
    Path("datasets.yaml").write_text("mine")
    code, out, err = run("config", "template")
    assert code == 1
    assert out == ""
    assert "datasets.yaml: exists already" in err
    assert Path("datasets.yaml").read_text() == "mine"
    assert run("config", "template", "--overwrite")[0] == 0
    assert Path("datasets.yaml").read_bytes() == SHIPPED.read_bytes()


def test_the_schema_takes_the_shipped_file(validator):
    validator.validate(content())


def test_the_schema_is_printed_or_written(run):
    code, out, err = run("config", "schema")
    assert code == 0, err
    assert json.loads(out) == config_schema()
    assert run("config", "schema", "--output", "datasets.schema.json")[0] == 0
    assert Path("datasets.schema.json").read_text() == out
    assert run("config", "schema", "--output", "datasets.schema.json")[0] == 1


OWN_CUT = {"name": "late", "observable": "f_prs", "max": 0.2, "reason": "why"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("periods.I.files", ["a.root", {"path": "b.root", "map": "na64_2018", "eot": "1e9 EOT"}]),
        ("selections.runs_IV_V.srd_electron", None),
        ("selections.runs_I_III.windows", [OWN_CUT]),
        ("selections.runs_I_III.windows", [OWN_CUT | {"observable": "e_ecal", "max": "9 GeV"}]),
        ("background.sideband_c_min", "52 GeV"),
        ("limits.e_ecal_edges", ["25 GeV", "40 GeV"]),
        ("sites.tls", {"kind": "scheduler", "address": "tcp://10.0.0.1:8786", "timeout": "1 h"}),
    ],
)
def test_the_schema_and_the_loader_take_the_same(validator, tmp_path, place, value):
    changed = edited(place, value)
    validator.validate(changed)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(changed))
    load_config(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("periods.I.eot", 4.3e10),
        ("periods.I.eot", "4.3e10"),
        ("periods.I.e_ecal_max", "50 m"),
        ("periods.I.eott", "4.3e10 EOT"),
        ("periods.I.year", "soon"),
        ("limits.method", "guess"),
        ("sites.slurm.kind", "pbs"),
        ("sites.slurm.walltime", "2 GB"),
        ("format", 2),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(validator, run, place, value):
    changed = edited(place, value)
    assert not validator.is_valid(changed)
    Path("mine.yaml").write_text(yaml.safe_dump(changed))
    code, out, err = run("config", "check", "mine.yaml")
    assert code == 1
    assert out == ""
    assert re.match(r"na64ana: error: mine\.yaml:\d+: ", err)
    assert len(err.splitlines()) == 1


def edited(place: str, value: object) -> dict[str, Any]:
    whole = content()
    *above, last = place.split(".")
    block = whole
    for key in above:
        block = block[key]
    block[last] = value
    return whole


def test_defaults_in_the_schema_are_what_may_be_written(validator):
    """An editor fills them in."""
    checked = 0

    def walk(part: Any) -> None:
        nonlocal checked
        if isinstance(part, dict):
            if "default" in part and "properties" not in part:
                rules = {"$defs": validator.schema["$defs"], **part}
                jsonschema.Draft202012Validator(rules).validate(part["default"])
                checked += 1
            for one in part.values():
                walk(one)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(validator.schema)
    assert checked > 20


@pytest.mark.parametrize("dimension", UNITS)
@pytest.mark.parametrize("number", ["5", "-5", "+.5", "5.", "1e3", "4.3e-10", "e5", "", "1 2"])
def test_the_pattern_of_a_quantity_is_what_is_read(dimension, number):
    for unit in (*UNITS[dimension], "parsec", ""):
        for text in (f"{number} {unit}", f"  {number}{unit} "):
            matched = re.search(quantity_pattern(dimension), text) is not None
            try:
                parse_quantity(text, dimension)
            except ValueError:
                assert not matched, text
            else:
                assert matched, text


def test_check_says_what_is_there(run):
    code, out, err = run("config", "check", SHIPPED)
    assert code == 0, err
    assert "nothing is wrong" in out
    assert "period V: 6.16e+11 EOT" in out
    found = json.loads(run("config", "check", SHIPPED, "--json")[1])
    assert list(found["periods"]) == ["I", "II", "III", "IV", "V"]
    assert sum(one["eot"] for one in found["periods"].values()) == pytest.approx(9.37e11)
    assert "slurm" in found["sites"]
