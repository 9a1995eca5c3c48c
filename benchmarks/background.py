"""Speed of the background estimate: `python benchmarks/background.py`.

Five periods with all families, errors, goodness of fit and control samples, in a fresh process
with nothing tabulated (limit 5 s); 1000 pseudo-experiments (limit 60 s); and a fit of all families
by tables against iminuit on the same events, binned and unbinned.
"""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from iminuit import Minuit

from na64ana.background.dimuon import Normalisation, Probe
from na64ana.background.estimate import PeriodInputs, estimate_background
from na64ana.background.extrapolation import extrapolate, extrapolate_counts, fit_edges
from na64ana.background.families import FAMILIES, SCALE_RANGE, expected_counts, profile_likelihood
from na64ana.config import Config, load_config
from na64ana.workflow.background import simulated_pairs

Floats = npt.NDArray[np.float64]

#: Limits in seconds.
ALL_PERIODS, PSEUDO_EXPERIMENTS = 5.0, 60.0
EDGE, TOP = 50.0, 86.0


def tail(rng: np.random.Generator, n: int, slope: float = 5.0) -> Floats:
    """Return energies [GeV] of a sideband."""
    return np.asarray(TOP + slope * np.log1p(rng.random(n) * np.expm1(-(TOP - EDGE) / slope)))


def seconds(call: Callable[[], object]) -> float:
    """Return the time of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def five_periods(config: Config, rng: np.random.Generator) -> dict[str, PeriodInputs]:
    """Return inputs of the size that simulated events have."""
    muons = {name: Probe(1400, 1) for name in ("srd", "veto", "hcal_front", "hcal_rear")}
    sizes = dict(zip(config.periods, (80, 110, 360, 30, 230), strict=True))
    return {
        name: PeriodInputs(
            sideband_c=tail(rng, sizes[name]).tolist(),
            eot=period.eot,
            starts=(500, 0, 0),
            weight=10.0,
            normalisation=Normalisation(7000, 1400.0, 0.64, 0.01, 1.0, 0.005),
            probes=muons,
        )
        for name, period in config.periods.items()
    }


def by_iminuit(name: str, counts: npt.NDArray[np.int64], edges: Floats) -> float:
    """Return ln b of a binned likelihood, minimised, with its MINOS errors."""
    axes = FAMILIES[name].axes
    start = profile_likelihood(name, counts, edges, EDGE)

    def nll(p: Floats) -> float:
        mean = expected_counts(name, p[0], (np.exp(p[1]), *p[2:]), edges, EDGE)
        return float((mean - counts * np.log(mean)).sum())

    minuit = Minuit(nll, np.array([start.ln_b, np.log(start.shape[0]), *start.shape[1:]]))
    minuit.errordef = Minuit.LIKELIHOOD
    minuit.limits = [(-30, 10), tuple(np.log(SCALE_RANGE)), *((a[0], a[-1]) for a in axes)]
    minuit.migrad()
    if minuit.valid:
        minuit.minos(0)
    return float(minuit.values[0])


def main() -> None:
    """Print times, and ratios to the limits and to iminuit."""
    config, rng = load_config(), np.random.default_rng(1)
    options = config.background
    inputs = five_periods(config, rng)
    cold = seconds(lambda: estimate_background(config, inputs, simulated_pairs(config)))
    warm = seconds(lambda: estimate_background(config, inputs, simulated_pairs(config)))
    print(f"five periods, nothing tabulated: {cold:.2f} s, {cold / ALL_PERIODS:.2f} of the limit")
    print(f"five periods, again: {warm:.2f} s")
    alone = config.model_copy(update={"background": options.model_copy(update={"fit": "period"})})
    one_by_one = seconds(lambda: estimate_background(alone, inputs, simulated_pairs(config)))
    print(f"five periods, each fitted by itself: {one_by_one:.2f} s")

    edges = fit_edges(EDGE, options)
    toys = [np.histogram(tail(rng, rng.poisson(300)), edges)[0] for _ in range(1000)]
    many = seconds(lambda: [extrapolate_counts(toy, edges, options) for toy in toys])
    share = many / PSEUDO_EXPERIMENTS
    print(f"1000 pseudo-experiments, all families: {many:.1f} s, {share:.2f} of the limit")

    some = toys[:10]
    tables = seconds(
        lambda: [profile_likelihood(f, n, edges, EDGE) for n in some for f in options.families]
    )
    minimised = seconds(lambda: [by_iminuit(f, n, edges) for n in some for f in options.families])
    free = options.model_copy(update={"likelihood": "unbinned"})
    energies = [tail(rng, rng.poisson(300)) for _ in some]
    unbinned = seconds(lambda: [extrapolate(e.tolist(), EDGE, free) for e in energies])
    print(f"one sideband, all families: tables {1e3 * tables / len(some):.1f} ms")
    print(f"  iminuit, same bins {minimised / tables:.0f} times as long")
    print(f"  iminuit, unbinned, with average {unbinned / tables:.0f} times as long")


if __name__ == "__main__":
    main()
