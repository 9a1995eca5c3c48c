"""The notebooks run from top to bottom, with the checks at their ends."""

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.py"))
#: Seconds that a cell may take on a busy machine.
CELL = 300


def test_all_notebooks_are_there() -> None:
    assert [name[:2] for name in NAMES] == [f"0{number}" for number in range(1, 8)]


@pytest.mark.parametrize("name", NAMES)
def test_each_ends_with_checks(name: str) -> None:
    notebook = jupytext.read(NOTEBOOKS / f"{name}.py", fmt="py:percent")
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.cells[-1].source.count("assert ") >= 3
    assert notebook.cells[-2].source == "## Checks"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebook(name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    converted = tmp_path / f"{name}.ipynb"
    jupytext.write(jupytext.read(NOTEBOOKS / f"{name}.py", fmt="py:percent"), converted)
    cache = tmp_path_factory.getbasetemp() / "notebook-cache"
    environment = os.environ | {"NA64ANA_CACHE": str(cache)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake"]
    done = subprocess.run(
        [*command, f"--nbmake-timeout={CELL}", str(converted)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
