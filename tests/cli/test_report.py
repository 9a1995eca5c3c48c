"""`na64ana report` and `na64ana export`, as they are typed."""

import shutil
from pathlib import Path

import pytest


def one_line(err: str) -> str:
    lines = [line for line in err.splitlines() if line.startswith("na64ana: error:")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


def test_a_page_and_a_submission_of_a_folder(run, published_folder):
    code, out, err = run("report", published_folder)
    assert code == 0, err
    assert "report.html" in out
    assert "<h1>" in Path("report.html").read_text()
    code, _, err = run("report", published_folder)
    assert code == 1
    assert "exists already; choose another name or say --overwrite" in one_line(err)
    assert run("report", published_folder, "--overwrite")[0] == 0

    code, out, err = run("export", published_folder, "--output", "mine")
    assert code == 0, err
    assert "valid, by hepdata-validator" in out
    assert Path("mine.tar.gz").is_file()
    code, _, err = run("export", published_folder, "--output", "mine")
    assert code == 1
    assert "exists already" in one_line(err)


@pytest.mark.parametrize("command", ["report", "export"])
def test_no_limit_there(run, command, published_folder):
    code, _, err = run(command, "nowhere")
    assert code == 1
    assert "holds no manifest.json" in one_line(err)
    shutil.copytree(published_folder, "half")
    Path("half/limits.csv").unlink()
    code, _, err = run(command, "half")
    assert code == 1
    assert "limits.csv: cannot be read" in one_line(err)
    assert [path.name for path in Path().iterdir()] == ["half"]


def test_usage(run, published_folder):
    for arguments in (
        (published_folder, "--seed", 7),
        (published_folder, "--published"),
        ("--published", "--events", "V=a.root"),
    ):
        code, _, err = run("report", *arguments)
        assert code == 2, arguments
        assert "Usage" in err


def test_an_existing_page_stops_before_anything_long(run):
    Path("report.html").write_text("mine")
    code, _, err = run("report", "--published")
    assert code == 1
    assert "exists already" in one_line(err)
    assert "computing" not in err
    assert Path("report.html").read_text() == "mine"


@pytest.mark.slow
def test_the_shortest_way_to_a_page(run):
    """Without a folder a limit is computed, and only the page is kept."""
    code, _, err = run("report", "--published", "--period", "IV", "--period", "V")
    assert code == 0, err
    assert [path.name for path in Path().iterdir()] == ["report.html"]
    text = Path("report.html").read_text()
    assert "signal box published" in text
    assert "IV, V" in text
    assert "IV, V, " not in text
