"""Speed of the interpretation: `python benchmarks/interpretation.py`.

A cold start is another process with nothing kept from earlier: imports, and thermal targets of 50
masses for the four kinds of dark matter.
"""

import subprocess
import sys
import time

#: Seconds allowed.
TARGETS = 20.0
COLD = """
import numpy as np
from na64ana.interpretation.relic import compute_target
from na64ana.signal.widths import KINDS, DarkMatter
for kind in KINDS:
    compute_target(np.geomspace(1e-3, 1.0, 50), DarkMatter(kind))
"""


def main() -> None:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", COLD], check=True)
    took = time.perf_counter() - begin
    print(
        f"thermal targets, 50 masses, 4 kinds, cold: {took:.1f} s, {took / TARGETS:.2f} of", end=""
    )
    print(f" {TARGETS:g} s")


if __name__ == "__main__":
    main()
