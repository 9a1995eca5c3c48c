"""Speed of the simulation and of writing, as ratios against what numpy and uproot can do.

Run with ``python benchmarks/simulation.py [EVENTS]``; all is taken in one run, in one process.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import uproot

from na64ana.config import load_config
from na64ana.io.format import BRANCHES, TREE, TRUTH_BRANCHES, branch_types
from na64ana.io.writing import BASKET_SIZE, write_events
from na64ana.simulation.block import simulate_block
from na64ana.simulation.events import make_events, simulate
from na64ana.simulation.plan import Plan, draw_spills

#: Values that are drawn for an event: one per stored number.
VALUES = sum(branch.length for branch in BRANCHES + TRUTH_BRANCHES)


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least CPU time of several repeats."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def draw_normal(n: int) -> None:
    """Draw as many normal numbers as `n` events have values, block by block."""
    rng = np.random.default_rng(1)
    for _ in range(0, n, 4096):
        rng.standard_normal((4096, VALUES), dtype=np.float32)


def write_plainly(path: Path, arrays: dict[str, np.ndarray], n: int) -> None:
    """Write arrays with uproot alone, in the baskets and with the compression of the product."""
    with uproot.recreate(path, compression=uproot.LZ4(4)) as file:
        tree = file.mktree(TREE, branch_types(truth=True))
        for start in range(0, n, BASKET_SIZE):
            tree.extend({k: array[start : start + BASKET_SIZE] for k, array in arrays.items()})


def peak_memory(n: int, container: str) -> float:
    """Return the peak memory [GB] of a process that writes `n` events."""
    with tempfile.TemporaryDirectory() as folder:
        code = (
            "from pathlib import Path;"
            "from na64ana.config import load_config;"
            "from na64ana.simulation.plan import Plan;"
            "from na64ana.simulation.events import write_simulated_file;"
            f"write_simulated_file(Path({folder!r}) / 'a', Plan(load_config(), 'V', 64),"
            f" events={n}, container={container!r});"
            # Unlike ru_maxrss, this is no heritage of the process that started this one.
            "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return int(done.stdout) / 1e6


def main() -> None:
    """Print the ratios."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    plan = Plan(load_config(), "V", 64)
    simulate_block(plan, 0, draw_spills(plan, 0))  # tables are made once

    def run() -> None:
        for _ in simulate(plan, events=n):
            pass

    simulated, drawn = seconds(run), seconds(lambda: draw_normal(n))
    print(f"background mix of period V, {n} triggered events, cells included, not written:")
    print(f"  {n / simulated:,.0f} events per CPU second and core")
    print(f"  {simulated / drawn:.2f} times the time of numpy drawing {VALUES} normals per event")

    events, metadata = make_events(plan, events=n)
    zeros = {name: np.zeros_like(array) for name, array in events.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.root"
        ours = seconds(lambda: write_events(path, events, metadata, overwrite=True))
        size = path.stat().st_size / n
        with uproot.open(path) as file:  # what the product stores: rounded
            stored = file[TREE].arrays(library="np")
        same = seconds(lambda: write_plainly(path, stored, n))
        raw = seconds(lambda: write_plainly(path, events, n))
        nothing = seconds(lambda: write_plainly(path, zeros, n))
    print(f"writing the same events, {size:.0f} bytes each:")
    print(f"  {n / ours:,.0f} events per CPU second")
    print(f"  {same / ours:.2f} of the speed of uproot writing the same, rounded arrays")
    print(f"  {raw / ours:.2f} of the speed of uproot writing the arrays before rounding")
    print(f"  {nothing / ours:.2f} of the speed of uproot writing zeros of the same shapes")
    for container in ("ttree", "rntuple", "parquet"):
        memory = " and ".join(f"{peak_memory(k, container):.2f}" for k in (n, 4 * n))
        print(f"peak memory for {n} and {4 * n} events, {container}: {memory} GB of 1 GB")


if __name__ == "__main__":
    main()
