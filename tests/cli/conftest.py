"""Results of runs, for commands that read them."""

from pathlib import Path

import pytest

from na64ana.workflow.process import run_process
from na64ana.workflow.results import read_templates


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
