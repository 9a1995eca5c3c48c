"""Time of a report from finished results, over the 15 s that it may take.

Usage: python benchmarks/report.py [FOLDER of 'na64ana limits'; without one, it is made first]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 15.0


def main() -> None:
    command = Path(sys.executable).with_name("na64ana")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "limits"
        if len(sys.argv) == 1:
            subprocess.run([command, "limits", "--output", folder], check=True, capture_output=True)
        for arguments in (["report", "--output", "report.html"], ["export", "--output", "hepdata"]):
            name, *rest = arguments
            start = time.perf_counter()
            subprocess.run(
                [command, name, folder.absolute(), *rest],
                cwd=scratch,
                check=True,
                capture_output=True,
            )
            seconds = time.perf_counter() - start
            print(f"na64ana {name:8s} {seconds:6.2f} s = {seconds / LIMIT:.3f} of {LIMIT:g} s")
        print(f"the page: {(Path(scratch) / 'report.html').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
