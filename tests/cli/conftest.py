"""Run the command line as users do."""

import sys
from pathlib import Path

import pytest

from na64ana.cli.main import main
from na64ana.workflow.process import run_process
from na64ana.workflow.results import read_templates


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, cache):
    """Return a function that runs na64ana in an empty folder: exit code, stdout, stderr."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NA64ANA_CACHE", str(cache))

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["na64ana", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def stored(config, event_paths, tmp_path_factory) -> Path:
    """Return the folder of a run over I and V."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NA64ANA_CACHE", str(folder / "cache"))
        paths = {name: event_paths[name] for name in ("I", "V")}
        run_process(config, paths, "invisible", folder, inputs={"seed": 1})
    return folder


@pytest.fixture(scope="session")
def stored_open(config, event_paths, stored, tmp_path_factory) -> Path:
    """Return the folder of the same run with the box open."""
    folder = tmp_path_factory.mktemp("opened")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NA64ANA_CACHE", str(folder / "cache"))
        paths = {name: event_paths[name] for name in ("I", "V")}
        templates = read_templates(stored)
        run_process(config, paths, "invisible", folder, blinded=False, templates=templates)
    return folder
