"""Speed of the interpretation: `python benchmarks/interpretation.py FOLDER`.

FOLDER is that of `na64ana limits`. A cold start is another process with nothing kept from earlier:
imports, and thermal targets of 50 masses for the four kinds of dark matter. The whole
interpretation is `na64ana interpret`, with an empty cache folder and with what it left there.
"""

import os
import subprocess
import sys
import tempfile
import time

#: Seconds allowed.
TARGETS, WHOLE = 20.0, 10.0
COLD = """
import numpy as np
from na64ana.interpretation.relic import compute_target
from na64ana.signal.widths import KINDS, DarkMatter
for kind in KINDS:
    compute_target(np.geomspace(1e-3, 1.0, 50), DarkMatter(kind))
"""


def timed(arguments: list[str], **environment: str) -> float:
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - begin


def main() -> None:
    took = timed(["-c", COLD])
    print(f"thermal targets, 50 masses, 4 kinds, cold: {took:.1f} s, {took / TARGETS:.2f} of 20 s")
    with tempfile.TemporaryDirectory() as folder:
        command = ["-c", "from na64ana.cli.main import main; main()", "interpret", *sys.argv[1:]]
        for what in ("nothing kept", "targets and yields kept"):
            options = ["--output", f"{folder}/out", "--overwrite"]
            took = timed([*command, *options], NA64ANA_CACHE=f"{folder}/cache")
            print(f"whole interpretation, {what}: {took:.1f} s, {took / WHOLE:.2f} of 10 s")


if __name__ == "__main__":
    main()
