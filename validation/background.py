"""Closure of the sideband extrapolation: `python validation/background.py [toys]`.

Pseudo-experiments whose expected events in the box are known. Exit code 0 says that the default
covers for 0.05 to 1 events in the box, that true families are unbiased there, and that a single
exponential fails the same check; cells with more events in the box are printed only.
`--control` adds control samples, `--unbinned` compares the likelihoods; these only print.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.integrate import cumulative_trapezoid
from scipy.special import ndtr

from na64ana.background.extrapolation import Extrapolation, extrapolate, published_recipe
from na64ana.background.families import PIVOT, TOP, Control
from na64ana.config import load_config
from na64ana.constants import BEAM_ENERGY

Floats = npt.NDArray[np.float64]
Results = list[list[float]]

#: Upper edge of the box [GeV], and energies on which densities are given.
EDGE, GRID = 50.0, np.linspace(0.0, TOP, 8601)
MISSING = BEAM_ENERGY - GRID
#: Expected events in the box, from which the shape makes a sideband, and means of sidebands.
BOXES, SIZES = (0.05, 0.2, 1.0), (60.0, 200.0, 700.0)
B_MAX = 1.001  # above it, a cell is not judged
METHODS = ("default", "papers", "exponential")
COVERAGE, PULL, SECONDS = np.array([0.60, 0.95]), 0.2, 60.0
#: Of two exponentials the flatter is a handful of events; the fit is low by a quarter of its error.
PULL_TWO = 0.3
N_SIGMA = 2.0  # by which a finite number of toys may be off
#: Control samples: bins [GeV]; size in sidebands, and same shape, slope times 1.2, or `bent`.
CONTROL_EDGES = np.arange(0.0, TOP + 1, 2.0)
CONTROLS = [f"{n} x {k}" for n in (1, 10) for k in ("same", "steeper", "power 1.2", "power 0.8")]
OPTIONS = load_config().background


def stretched(s: float, power: float) -> Floats:
    # its slope is s / 6 GeV at `PIVOT`
    return np.asarray(np.exp(-s * 5 / power * (MISSING / PIVOT) ** power))


def threshold(s: float) -> Floats:
    tail = np.exp(s * GRID / 5) * ndtr((90 - GRID - s * 2**2 / 5) / 2)
    return np.asarray(0.99 * tail / np.trapezoid(tail, GRID) + 0.01 / TOP)


#: The family of each true shape, if there is one, and its density given a factor to its slope.
TRUTHS: dict[str, tuple[str | None, Callable[[float], Floats]]] = {
    "exponential, 5 GeV": ("exponential", lambda s: np.exp(s * GRID / 5)),
    "exponential, 6 GeV": ("exponential", lambda s: np.exp(s * GRID / 6)),
    "stretched, power 0.7": ("stretched_exponential", lambda s: stretched(s, 0.7)),
    "stretched, power 1.4": ("stretched_exponential", lambda s: stretched(s, 1.4)),
    "power law, 14": ("power_law", lambda s: (GRID / BEAM_ENERGY) ** (14 * s)),
    "4 GeV + 5 % of 12 GeV": (
        "two_exponentials",
        lambda s: np.exp(s * (GRID - TOP) / 4) / 4 + 0.05 * np.exp(s * (GRID - TOP) / 12) / 12,
    ),
    # power 1.3 that loses a third of its slope: large sidebands see it, small ones do not
    "kink at 65 GeV": (None, lambda s: stretched(s, 1.3) * np.exp(s * np.fmax(65 - GRID, 0) / 18)),
    # a tail that ends 4 GeV above the fit, smeared by 2 GeV; 1 % of the events know nothing of it
    "5 GeV to 90 GeV + 1 % flat": (None, threshold),
}


def bent(density: Floats, power: float) -> Floats:
    """Return a density with more curvature: an exponential becomes stretched, to this power."""
    at = int(np.searchsorted(GRID, BEAM_ENERGY - PIVOT))
    slope = np.log(density[at] / density[at - 1]) / (GRID[at] - GRID[at - 1])
    return np.asarray(density * np.exp(slope * MISSING) * stretched(6 * slope, power))


def draw(density: Floats, low: float, n: int, rng: Generator) -> list[float]:
    """Return `n` energies between `low` and `TOP` [GeV]."""
    inside = low <= GRID
    integral = cumulative_trapezoid(density[inside], GRID[inside], initial=0)
    return list(np.interp(rng.random(n) * integral[-1], integral, GRID[inside]))


def run(
    experiment: Callable[..., Results], means: tuple[float, ...], toys: int
) -> Iterator[tuple[str, str, Floats]]:
    """Yield label and truth of each cell, and what the experiment returns ``(toys, ...)``."""
    for i, (truth, (_, shape)) in enumerate(TRUTHS.items()):
        integral = cumulative_trapezoid(shape(1.0), GRID, initial=0)
        box = np.interp(EDGE, GRID, integral)
        share = float(box / (integral[-1] - box))
        for j, given in enumerate(means):
            mean = given / share if given in BOXES else given
            label = f"| {truth} | {mean * share:.3f} | {mean:.0f} |"
            if mean < OPTIONS.n_events_min:  # the product does not extrapolate it
                print(label, f"fewer than {OPTIONS.n_events_min} events: not extrapolated |")
                continue
            rng, results = np.random.default_rng([i, j]), list[list[list[float]]]()
            while len(results) < toys:
                if (n := int(rng.poisson(mean))) >= OPTIONS.n_events_min:
                    energies = draw(shape(1.0), EDGE, n, rng)
                    results.append(experiment(energies, truth, np.log(mean * share), rng))
            yield label, truth, np.array(results, dtype=float)


def print_head(*columns: str) -> None:
    print(f"| truth | b | events | {' | '.join(columns)} |\n{'|---' * (3 + len(columns))}|")


def covers(fit: Extrapolation, ln_b: float) -> bool:
    return -fit.errors[0] <= ln_b - fit.ln_b <= fit.errors[1]


def compare_methods(energies: list[float], truth: str, ln_b: float, _: Generator) -> Results:
    """Return what `METHODS` cover, the error of ln b, the pull of the true family alone, and b."""
    fit = extrapolate(energies, EDGE, OPTIONS)
    centre, error = published_recipe(fit)
    single, own = (
        extrapolate(energies, EDGE, OPTIONS.model_copy(update={"families": (name,)}))
        for name in ("exponential", TRUTHS[truth][0] or "exponential")
    )
    pull = (own.ln_b - ln_b) / own.errors[int(own.ln_b < ln_b)]
    covered = [covers(fit, ln_b), abs(centre - ln_b) <= error, covers(single, ln_b)]
    return [[*covered, fit.ln_b - ln_b, pull, np.exp(ln_b)]]


def close(toys: int) -> bool:
    """Print coverage and pulls of all cells; return whether all is as it has to be."""
    tail = stretched(1.0, 1.0)
    samples = [draw(tail, EDGE, 200, np.random.default_rng(i)) for i in range(1000)]
    start = time.perf_counter()
    for energies in samples:
        extrapolate(energies, EDGE, OPTIONS)
    seconds = time.perf_counter() - start
    low, high = COVERAGE + N_SIGMA * np.array([-1, 1]) * np.sqrt(COVERAGE * (1 - COVERAGE) / toys)
    print(f"Sidebands with fewer than {OPTIONS.n_events_min} events are drawn anew.\n")
    print_head(*METHODS, "ln estimate/truth", "pull")
    passed, failures, unbiased = [], [], []
    for label, truth, results in run(compare_methods, (*BOXES, *SIZES), toys):
        family = TRUTHS[truth][0]
        *covered, bias, pull, b = results.mean(axis=0)[0]
        judged = [low <= share <= high for share in covered]
        if b < B_MAX:
            passed.append(judged)
        if b < B_MAX and family != "exponential":
            failures.append(not judged[METHODS.index("exponential")])
        if b < B_MAX and family:
            most = PULL_TWO if family == "two_exponentials" else PULL
            unbiased.append(abs(pull) <= most + N_SIGMA * results[:, 0, -2].std() / np.sqrt(toys))
        shares = " | ".join(f"{c:.2f}{'' if low <= c <= high else '!'}" for c in covered)
        print(f"{label} {shares} | {bias:+.1f} | {f'{pull:+.2f}' if family else ''} |")
    counts = ", ".join(f"{m} {n}" for m, n in zip(METHODS, np.sum(passed, axis=0), strict=True))
    print(f"\nCells of {len(passed)} that cover {COVERAGE[0]} to {COVERAGE[1]}: {counts}")
    print(f"({N_SIGMA:g} sigma of {toys} toys allowed: {low:.3f} to {high:.3f}; others marked !)")
    verdicts = {
        "the default covers in every cell": all(default for default, *_ in passed),
        f"mean pull within {PULL} (two exponentials {PULL_TWO})": all(unbiased),
        f"a wrong exponential fails: {sum(failures)} of {len(failures)} cells": any(failures),
        f"1000 experiments in {seconds:.1f} s, of {SECONDS:g} s": seconds <= SECONDS,
    }
    for text, verdict in verdicts.items():
        print("yes:" if verdict else "NO:", text)
    return all(verdicts.values())


def compare_controls(energies: list[float], truth: str, ln_b: float, rng: Generator) -> Results:
    """Return whether covered, error of ln b, half of the interval, without and with `CONTROLS`."""
    fits, shape = [extrapolate(energies, EDGE, OPTIONS)], TRUTHS[truth][1]
    for size in (1, 10):
        for density in (shape(1.0), shape(1.2), bent(shape(1.0), 1.2), bent(shape(1.0), 0.8)):
            drawn = draw(density, 0.0, size * len(energies), rng)
            control = Control(np.histogram(drawn, CONTROL_EDGES)[0], CONTROL_EDGES)
            fits.append(extrapolate(energies, EDGE, OPTIONS, control))
    return [[covers(fit, ln_b), fit.ln_b - ln_b, sum(fit.errors) / 2] for fit in fits]


def compare_likelihoods(energies: list[float], _: str, ln_b: float, __: Generator) -> Results:
    """Return the same, binned and unbinned; by family failure, |change| of ln b, of ln(error)."""
    unbinned = OPTIONS.model_copy(update={"likelihood": "unbinned"})
    pair = [extrapolate(energies, EDGE, options) for options in (OPTIONS, unbinned)]
    return [[covers(fit, ln_b), fit.ln_b - ln_b, sum(fit.errors) / 2] for fit in pair] + [
        [not b.converged, abs(b.ln_b - a.ln_b), np.log((b.down + b.up) / (a.down + a.up))]
        for a, b in zip(*(fit.fits for fit in pair), strict=True)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("toys", type=int, nargs="?", default=60)
    parser.add_argument("--control", action="store_true", help="study control samples")
    parser.add_argument("--unbinned", action="store_true", help="compare the likelihoods")
    given = parser.parse_args()
    if not (given.control or given.unbinned):
        return 0 if close(given.toys) else 1
    print("Coverage, mean of ln estimate/truth, half of the interval; by family: see the code.\n")
    experiment = compare_controls if given.control else compare_likelihoods
    columns = ("none", *CONTROLS) if given.control else ("binned", "unbinned", *OPTIONS.families)
    print_head(*columns)
    for label, _, results in run(experiment, SIZES[:2], given.toys):
        print(label, *(f"{a:.2f} {b:+.2f} {c:+.2f} |" for a, b, c in results.mean(axis=0)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
