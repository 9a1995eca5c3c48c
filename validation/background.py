"""Coverage of the sideband extrapolation on toys: `python validation/background.py [toys]`.

First the product's estimate, then the recipe of the papers: best fit, and half of the spread of
the functions with its statistical error in quadrature.
"""

import sys

import numpy as np
import numpy.typing as npt

from na64ana.background.extrapolation import extrapolate, published_recipe
from na64ana.config import load_config
from na64ana.constants import BEAM_ENERGY

Floats = npt.NDArray[np.float64]

GRID = np.linspace(0.0, 86.0, 8601)
EDGE = 50.0
#: Mean events in the sideband.
SIZES = (30, 60, 200, 700, 1000)
MISSING = BEAM_ENERGY - GRID
TRUTHS: dict[str, Floats] = {
    "exponential, 5 GeV": np.exp(GRID / 5),
    "exponential, 6 GeV": np.exp(GRID / 6),
    "stretched, power 0.7": np.exp(-5 / 0.7 * (MISSING / 30) ** 0.7),
    "stretched, power 1.4": np.exp(-5 / 1.4 * (MISSING / 30) ** 1.4),
    "power law, 14": (GRID / BEAM_ENERGY) ** 14,
    "4 GeV + 5 % of 12 GeV": np.exp((GRID - 86) / 4) / 4 + 0.05 * np.exp((GRID - 86) / 12) / 12,
}


def main() -> None:
    """Print coverage of the 68 % interval, and the mean of ln(estimate/truth)."""
    toys = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    options, rng = load_config().background, np.random.default_rng(1)
    print(f"coverage of the 68 % interval (mean of ln estimate/truth), usual recipe; {toys} toys")
    print(f"{'truth':24s}" + "".join(f"{n:>20d}" for n in SIZES))
    for name, density in TRUTHS.items():
        inside = GRID >= EDGE
        box = np.trapezoid(density[~inside], GRID[~inside])
        side = np.trapezoid(density[inside], GRID[inside])
        cumulative = np.cumsum(density[inside]) / density[inside].sum()
        cells = []
        for n in SIZES:
            ln_b, covered, usual, bias = np.log(n * box / side), 0, 0, []
            for _ in range(toys):
                size = rng.poisson(n)
                while size < options.n_events_min:  # such a sideband is not extrapolated
                    size = rng.poisson(n)
                energies = np.interp(rng.random(size), cumulative, GRID[inside])
                fit = extrapolate(energies.tolist(), EDGE, options)
                low, high = fit.ln_b + np.log(fit.factors)
                covered += low <= ln_b <= high
                bias.append(fit.ln_b - ln_b)
                centre, error = published_recipe(fit)
                usual += abs(centre - ln_b) <= error
            shares = f"{covered / toys:.2f} ({np.mean(bias):+.1f}) {usual / toys:.2f}"
            cells.append(f"{shares:>20s}")
        print(f"{name:24s}" + "".join(cells))


if __name__ == "__main__":
    main()
