"""`na64ana datasets check`: what became of files since they were catalogued."""

import json
import os
import shutil
from pathlib import Path

import pytest

from na64ana.config.shipped import shipped_path
from na64ana.io.catalogue import Catalogue
from na64ana.io.reading import open_event_file


@pytest.fixture
def mine(event_paths, tmp_path) -> Path:
    """A configuration whose periods I and II have a folder of files."""
    for period in ("I", "II"):
        folder = tmp_path / period
        folder.mkdir()
        shutil.copy(event_paths[period][0], folder / "a.root")
    text = shipped_path("datasets.yaml").read_text()
    for period, year in (("I", 2016), ("II", 2017)):
        line = f"    year: {year}\n"
        text = text.replace(line, f"{line}    files: ['{tmp_path}/{period}/*.root']\n")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def states(out: str) -> list[str]:
    return [file["state"] for file in json.loads(out)]


def test_new_then_unchanged_then_changed(run, mine, tmp_path):
    code, out, err = run("datasets", "check", "--config", mine, "--json")
    assert code == 0, err
    assert states(out) == ["new", "new"]
    assert all(len(file["structure"]) == 64 for file in json.loads(out))
    assert states(run("datasets", "check", "--config", mine, "--json")[1]) == ["unchanged"] * 2
    os.utime(tmp_path / "I/a.root")  # touched, not changed
    assert states(run("datasets", "check", "--config", mine, "--json")[1]) == ["unchanged"] * 2
    code, out, err = run("datasets", "check", "--config", mine)
    assert code == 0
    assert "4.3e10" in out
    assert "100 %" in out


def test_vanished_broken_and_wrong_files(run, mine, tmp_path):
    extra = tmp_path / "I/b.root"
    shutil.copy(tmp_path / "I/a.root", extra)
    assert run("datasets", "check", "--config", mine, "--period", "I")[0] == 3  # twice the EOT
    extra.unlink()
    code, out, err = run("datasets", "check", "--config", mine, "--period", "I", "--json")
    assert code == 3
    assert states(out) == ["unchanged", "vanished"]
    assert "b.root: has vanished since it was catalogued" in err
    # the next run notices, too, before anything is read
    code, _, err = run("process", "--config", mine)
    assert code == 3
    assert "b.root: has vanished since it was catalogued" in err
    assert run("datasets", "check", "--config", mine, "--forget")[0] == 0

    os.truncate(tmp_path / "I/a.root", 100_000)
    shutil.copy(tmp_path / "II/a.root", tmp_path / "I/c.root")
    code, out, err = run("datasets", "check", "--config", mine, "--period", "I", "--json")
    assert code == 3
    assert states(out) == ["unreadable", "wrong"]
    assert "truncated" in err
    assert "holds period II" in err


def test_no_files_is_one_line(run):
    code, _, err = run("datasets", "check")
    assert code == 1
    assert "there are no event files" in err


def test_what_the_catalogue_gives_is_what_was_opened(event_paths, tmp_path):
    path = event_paths["V"][0]
    fresh = open_event_file(path, period="V")
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        open_event_file(path, period="V", catalogue=catalogue)
        kept = open_event_file(path, period="V", catalogue=catalogue)
        assert catalogue.find(path, (1, 2)) is None
        (known,) = catalogue.known("V")
    assert kept == fresh
    assert all((kept.spills[name] == fresh.spills[name]).all() for name in fresh.spills)
    assert known.entries == fresh.metadata.entries


def test_a_damaged_catalogue_is_one_line(run, mine, tmp_path, monkeypatch):
    monkeypatch.setenv("NA64ANA_CACHE", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/catalogue.sqlite").write_text("no data base" * 100)
    code, _, err = run("datasets", "check", "--config", mine)
    assert code == 1
    assert "is no catalogue or is damaged" in err
