"""Speed of the limits: `python benchmarks/limits.py [--root-python PYTHON]`.

The reference model of docs/statistics.md: five periods, eight nuisance parameters, none observed.
Observed and expected limits by the asymptotic formulas, per mass, and one toy test statistic,
against pyhf with scipy on the same model in the same run, and RooStats if a Python with ROOT 6.40
is named; then the whole curve of 100 masses by each method.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyhf
from pyhf.infer.intervals.upper_limits import toms748_scan
from pyhf.infer.test_statistics import qmu_tilde

from na64ana.stats import asymptotic
from na64ana.stats.curve import compute_curve
from na64ana.stats.hs3 import make_hs3
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_workspace

EOT = {"I": 4.3, "II": 5.4, "III": 18.6, "IV": 3.8, "V": 61.6}
N_MASSES = 100
#: Wanted: ratios to pyhf per mass and per toy, seconds for a curve by toys and by the others.
PER_MASS, PER_TOY, TOYS, OTHERS = 5000.0, 1000.0, 30.0, 1.0
#: Wanted ratio to RooStats per toy, and its toys.
PER_ROOSTATS_TOY, N_ROOSTATS = 200.0, 500


def five_periods() -> CountingModel:
    """Return the letter's published totals, divided by EOT."""
    channels = []
    for period, eot in EOT.items():
        early = period in {"I", "II", "III"}
        b, error, total = (0.53, 0.17, 28.3) if early else (0.51, 0.13, 65.4)
        signal = {"yield_signal": symmetric(0.10), f"eff_overall_{period}": symmetric(0.112)}
        background = Sample("all", b * eot / total, {f"bkg_{early}": symmetric(error / b)})
        one = Sample("signal", eot * (0.5 if early else 0.45), signal)
        channels.append(Channel(f"period_{period}", 0, (one,), (background,)))
    return CountingModel(tuple(channels)).unit()


def seconds(call: Callable[[], object]) -> float:
    """Return the time of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def roostats_toy(python: str, model: CountingModel) -> float:
    """Return the seconds that RooStats needs for a toy, in a Python of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hs3.json"
        path.write_text(json.dumps(make_hs3(make_workspace(model))), encoding="utf-8")
        script = Path(__file__).with_name("roostats.py")
        command = [python, str(script), str(path), "2.2", str(N_ROOSTATS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Print times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root-python", help="a Python that imports ROOT 6.40")
    root_python = parser.parse_args().root_python
    model = five_periods()
    likelihood = Likelihood(model)
    rng = np.random.default_rng(1)
    shares = rng.dirichlet([5.0] * 5, 2000)
    asymptotic.compute_limits(likelihood, shares[:1], 0.9)  # compiled, or taken from the cache
    per_mass = seconds(lambda: asymptotic.compute_limits(likelihood, shares, 0.9)) / len(shares)

    workspace = pyhf.Workspace(make_workspace(model))
    pdf = workspace.model()
    data = workspace.data(pdf)
    theirs = seconds(lambda: toms748_scan(data, pdf, 0.05, 25.0, level=0.1, rtol=1e-4))
    ratio = theirs / per_mass
    print(f"asymptotic, observed and five expected, per mass: {1e6 * per_mass:.0f} us")
    print(f"  pyhf {theirs:.2f} s, {ratio:.0f} times as long; wanted {PER_MASS:.0f}")

    n = 50_000
    counts = rng.poisson(likelihood.rates(2.2, likelihood.nominal_aux), (n, 5)).astype(float)
    aux = rng.normal(size=(n, likelihood.n_parameters))
    per_toy = seconds(lambda: likelihood.q_tilde(2.2, counts, aux)) / n
    config, few = pdf.config, 30
    names = [name for name in config.par_order if name != "mu"]
    order = [likelihood.parameters.index(name) for name in names]
    start, bounds, fixed = (
        config.suggested_init(), config.suggested_bounds(), config.suggested_fixed()
    )  # fmt: skip
    toys = [[*counts[i], *aux[i][order]] for i in range(few)]
    pyhf_toy = (
        seconds(lambda: [qmu_tilde(2.2, toy, pdf, start, bounds, fixed) for toy in toys]) / few
    )
    print(f"one toy: {1e6 * per_toy:.1f} us")
    print(f"  pyhf {1e3 * pyhf_toy:.1f} ms, {pyhf_toy / per_toy:.0f} times; wanted {PER_TOY:.0f}")

    if root_python is not None:
        roostats = roostats_toy(root_python, model)
        ratio = roostats / per_toy
        print(
            f"  RooStats {1e3 * roostats:.1f} ms, {ratio:.0f} times; wanted {PER_ROOSTATS_TOY:.0f}"
        )

    masses = np.geomspace(1e-3, 1.0, N_MASSES)
    models = [model.scaled(10.0**power) for power in np.linspace(10, 3, N_MASSES)]
    for method, limit in (("asymptotic", OTHERS), ("marginalised", OTHERS), ("toys", TOYS)):
        took = seconds(lambda m=method: compute_curve(masses, models, 0.9, m, n_toys=100_000))  # type: ignore[misc]
        share = took / limit
        print(f"{N_MASSES} masses with bands, {method}: {took:.2f} s, {share:.2f} of {limit:g} s")


if __name__ == "__main__":
    main()
