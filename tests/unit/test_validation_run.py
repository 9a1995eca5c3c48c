"""`python validation/run.py`: nothing is forgotten, and what fails is told."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "validation"


@pytest.fixture
def runner(monkeypatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("validation_run", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_every_script_is_in_the_table_and_in_the_readme(runner):
    scripts = runner.find_scripts()
    assert set(scripts) == {path.stem for path in FOLDER.glob("*.py")} - {"run"}
    assert set(runner.SCRIPTS) <= set(scripts)
    text = (FOLDER / "README.md").read_text()
    assert [name for name in scripts if f"`{name}.py" not in text] == []


def test_verdicts(runner, monkeypatch, tmp_path, capsys):
    """A listed script, one that nobody listed, a failing one, and one that is skipped."""
    texts = {
        "good": "import sys\nprint('arguments', *sys.argv[1:])",
        "new": "print('first')\nprint('last')",
        "bad": "raise SystemExit('it is wrong')",
        "foreign": "raise SystemExit(9)",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(runner, "HERE", tmp_path)
    scripts = {
        "good": runner.Script("a with b", ("300",), ("20", "{out}")),
        "foreign": runner.Script("c", skip="wants ROOT"),
        "gone": runner.Script("d"),
    }
    monkeypatch.setattr(runner, "SCRIPTS", scripts)
    out = tmp_path / "out"

    def verdicts(*arguments: str) -> tuple[int, list[list[str]]]:
        monkeypatch.setattr(sys, "argv", ["run.py", "--output", str(out), *arguments])
        code = runner.main()
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
        return code, [[row[0], row[2], row[4]] for row in cells]

    code, rows = verdicts("--quick")
    assert code == 1
    assert rows == [
        ["good", "holds", f"arguments 20 {out}"],
        ["foreign", "skipped", "wants ROOT"],
        ["bad", "FAILS", "it is wrong"],
        ["new", "holds", "last"],
    ]
    assert verdicts("--only", "good") == (0, [["good", "holds", "arguments 300"]])
    assert (out / "new.txt").read_text() == "first\nlast\n"
    with pytest.raises(SystemExit):
        verdicts("--only", "nothing")
