"""The submission to HEPData, checked by HEPData's own validator and read back."""

import json
import shutil
import tarfile
import warnings
from pathlib import Path

import pyhf
import pytest
import yaml
from hepdata_validator.full_submission_validator import FullSubmissionValidator

from na64ana.errors import DataError, OutputError
from na64ana.workflow.hepdata import SCHEMA, archive_path, write_submission
from na64ana.workflow.limits_folder import read_limits


@pytest.fixture(scope="module", params=["limits_folder", "closed_folder", "published_folder"])
def source(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def submission(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hepdata") / "submission"
    names, validated = write_submission(source, folder)
    assert validated
    assert {path.name for path in folder.iterdir()} == set(names)
    return folder


def _messages(**what: Path) -> list[str]:
    """Return what HEPData's validator says against a folder or an archive."""
    validator = FullSubmissionValidator(schema_version=SCHEMA, autoload_remote_schemas=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves files to the collector
        valid = validator.validate(**{name: str(path) for name, path in what.items()})
    found = [one.message for some in validator.get_messages().values() for one in some]
    assert valid == (not found)
    return found


def _tables(folder: Path) -> dict[str, dict]:
    with (folder / "submission.yaml").open() as file:
        _, *documents = yaml.safe_load_all(file)
    return {
        one["name"]: yaml.safe_load((folder / one["data_file"]).read_text()) for one in documents
    }


def test_hepdata_takes_folder_and_archive(submission):
    assert _messages(directory=submission) == []
    assert _messages(archive=archive_path(submission)) == []
    assert len(_tables(submission)) >= 8
    with tarfile.open(archive_path(submission)) as archive:
        assert set(archive.getnames()) == {path.name for path in submission.iterdir()}


def test_the_validator_would_notice(submission, tmp_path):
    copy = Path(shutil.copytree(submission, tmp_path / "copy"))
    (copy / "background.yaml").unlink()
    assert any("Missing data_file" in said for said in _messages(directory=copy))
    (copy / "background.yaml").write_text("independent_variables: []\n")
    assert any("background.yaml is invalid" in said for said in _messages(directory=copy))


def test_limits_are_those_of_the_folder(submission, source):
    folder, tables = read_limits(source), _tables(submission)
    for method in folder.methods:
        table = tables[f"Limits on epsilon by {method}"]
        (masses,) = table["independent_variables"]
        assert masses["header"] == {"name": "$m_{A'}$", "units": "GEV"}
        assert [one["value"] for one in masses["values"]] == pytest.approx(folder.masses, rel=1e-5)
        by_name = {one["header"]["name"].split()[0]: one for one in table["dependent_variables"]}
        assert ("observed" in by_name) != folder.closed
        for what, curve in (("observed", "observed"), ("expected", "expected_median")):
            if what not in by_name:
                continue
            values = [one["value"] for one in by_name[what]["values"]]
            assert values == pytest.approx(folder.limit(curve, method), rel=1e-5)
        said = {one["name"]: one["value"] for one in by_name["expected"]["qualifiers"]}
        assert said["CL"] == 90
        assert said["PLAB"] == 100
        assert said["Electrons on target"] == pytest.approx(sum(folder.eot.values()), rel=1e-5)
        assert said["Signal box"] == folder.manifest["box"]
        low, high = (folder.limit(f"expected_{side}1", method) for side in ("minus", "plus"))
        first = by_name["expected"]["values"][0]
        errors = {one["label"]: one["asymerror"] for one in first["errors"]}["1 sigma"]
        assert first["value"] + errors["minus"] == pytest.approx(low[0], rel=1e-4)
        assert first["value"] + errors["plus"] == pytest.approx(high[0], rel=1e-4)


def test_the_background_is_that_of_the_manifest(submission, source):
    table, folder = _tables(submission)["Background"], read_limits(source)
    sources = [one["value"] for one in table["independent_variables"][0]["values"]]
    assert ("observed" in sources) == (folder.manifest.get("observed") is not None)
    *columns, total = table["dependent_variables"]
    rows = {}
    for period, column in zip(folder.background.periods, columns, strict=True):
        parts = [one["value"] for one in column["values"][: sources.index("sum")]]
        rows[period] = [value for value in parts if value != "-"]
    for period, values in rows.items():
        expected = [row.events for row in folder.background.of(period)]
        assert sorted(values) == pytest.approx(sorted(expected), rel=1e-5)
    middle, low, high = folder.background.total(folder.background.periods)
    value = total["values"][sources.index("sum")]
    assert value["value"] == pytest.approx(middle, rel=1e-5)
    errors = value["errors"][0]["asymerror"]
    assert [value["value"] + errors[key] for key in ("minus", "plus")] == pytest.approx(
        [low, high], rel=1e-4
    )


def test_a_closed_box_stays_closed(closed_folder, tmp_path):
    write_submission(closed_folder, tmp_path / "submission")
    for table in _tables(tmp_path / "submission").values():
        for column in table["dependent_variables"]:
            assert not column["header"]["name"].startswith("observed")
    sideband = _tables(tmp_path / "submission")["Sideband C of IV-V"]
    energies = sideband["independent_variables"][0]["values"]
    counts = sideband["dependent_variables"][0]["values"]
    inside = [n["value"] for e, n in zip(energies, counts, strict=True) if e["low"] < 49.9]
    assert inside
    assert set(inside) == {"-"}
    assert any(isinstance(one["value"], int) for one in counts)


def test_the_likelihood_goes_along(submission):
    workspace = pyhf.Workspace(json.loads((submission / "workspace.json").read_text()))
    patches = pyhf.PatchSet(json.loads((submission / "patchset.json").read_text()))
    assert len(workspace.model(patches=[patches.patches[0].patch]).spec["channels"]) >= 1
    with (submission / "submission.yaml").open() as file:
        head = next(yaml.safe_load_all(file))
    assert {one["location"] for one in head["additional_resources"]} >= {
        *("workspace.json", "patchset.json", "manifest.json")
    }


def test_the_same_limit_gives_the_same_archive(published_folder, tmp_path):
    for name in ("one", "two"):
        write_submission(published_folder, tmp_path / name)
    archives = [archive_path(tmp_path / name).read_bytes() for name in ("one", "two")]
    assert archives[0] == archives[1]


def test_what_is_there_is_kept(published_folder, tmp_path):
    folder = tmp_path / "submission"
    write_submission(published_folder, folder)
    with pytest.raises(OutputError, match="exists already"):
        write_submission(published_folder, folder)
    (folder / "old_table.yaml").write_text("")
    write_submission(published_folder, folder, overwrite=True)
    assert not (folder / "old_table.yaml").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "datasets.yaml").write_text("a: 1\n")
    with pytest.raises(OutputError, match="something else"):
        write_submission(published_folder, mine, overwrite=True)
    assert (mine / "datasets.yaml").read_text() == "a: 1\n"


def test_no_limit_no_submission(published_folder, tmp_path):
    half = Path(shutil.copytree(published_folder, tmp_path / "half"))
    (half / "signal.csv").unlink()
    with pytest.raises(DataError, match=r"signal\.csv: cannot be read"):
        write_submission(half, tmp_path / "submission")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half"]
