"""Damaged files of all kinds are refused in one line, or read: `validation/fuzz.py` for a while."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "validation/fuzz.py"


@pytest.mark.slow
def test_readers_survive_what_is_thrown_at_them():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "25", "11"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    counts = dict(line.rsplit(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    for kind in ("event file", "result", "workspace", "configuration", "list", "catalogue"):
        assert int(counts[f"{kind}: refused"]) > 20
