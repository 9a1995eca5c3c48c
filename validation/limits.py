"""Coverage of the limits: `python validation/limits.py [data sets]`.

For true signals of 0.5 to 6 events, data sets with fluctuating counts and auxiliary measurements:
how often is the true signal not excluded at 90 % CL, by toys and by the asymptotic formulas. Exit
code 0 if toys never cover less than 0.89, within two standard deviations of so many data sets.
"""

import math
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from na64ana.stats import kernels
from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.toys import make_toys

Floats = npt.NDArray[np.float64]

ALPHA, LEAST, N_TOYS, WORKERS = 0.1, 0.89, 4000, 2
SIGNALS = (0.5, 1.0, 1.7, 2.2, 3.0, 4.5, 6.0)
EOT = {"I": 4.3, "II": 5.4, "III": 18.6, "IV": 3.8, "V": 61.6}


def five_periods(scale: float) -> CountingModel:
    """Return the published totals, divided by EOT, times a factor."""
    channels = []
    for period, eot in EOT.items():
        early = period in {"I", "II", "III"}
        b, error, total = (0.53, 0.17, 28.3) if early else (0.51, 0.13, 65.4)
        signal = {"yield_signal": symmetric(0.10), f"eff_overall_{period}": symmetric(0.112)}
        factors = {f"bkg_{early}": symmetric(error / b)}
        background = Sample("all", scale * b * eot / total, factors)
        one = Sample("signal", eot * (0.5 if early else 0.45), signal)
        channels.append(Channel(f"period_{period}", None, (one,), (background,)))
    return CountingModel(tuple(channels)).unit()


MODELS = {
    "published, b = 1.04": five_periods(1.0),
    "b = 1e-3": five_periods(1e-3 / 1.04),
    "b = 5.2": five_periods(5.0),
    "one channel, b = 0.5, no errors": CountingModel(
        (Channel("one", None, (Sample("signal", 1.0, {}),), (Sample("b", 0.5, {}),)),)
    ),
}


def log_cls(likelihood: Likelihood, mu: float, counts: Floats, aux: Floats, seed: int) -> Floats:
    """Return ln CLs of one data set at the true mu: by toys, by the asymptotic formulas."""
    fits = [likelihood.fit(counts, mu=at, aux=aux) for at in (mu, 0.0)]
    (q,) = likelihood.q_tilde(mu, counts, aux[None])
    toys = make_toys(likelihood, mu, (fits[0].pulls, fits[1].pulls), seed, 0, N_TOYS)
    expected = likelihood.rates(0.0, fits[1].pulls)
    (asimov,) = likelihood.q_tilde(mu, expected, fits[1].pulls[None])
    return np.array([toys.cls(float(q))[0], kernels.log_cls_asymptotic(float(q), float(asimov))])


def coverage(likelihood: Likelihood, mu: float, n: int) -> Floats:
    """Return how often the true mu is not excluded, by each method."""
    rng = np.random.default_rng([int(10 * mu), n])
    nominal = likelihood.nominal_aux
    counts = rng.poisson(likelihood.rates(mu, nominal), (n, len(likelihood.signal))).astype(float)
    aux = rng.normal(size=(n, likelihood.n_parameters))
    with ThreadPoolExecutor(WORKERS) as threads:
        found = threads.map(lambda i: log_cls(likelihood, mu, counts[i], aux[i], i + 1), range(n))
        return np.asarray((np.array(list(found)) >= math.log(ALPHA)).mean(axis=0))


def main() -> int:
    """Print coverages; return 1 if toys cover too rarely."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    allowed = LEAST - 2 * math.sqrt(LEAST * (1 - LEAST) / n)
    print(f"coverage of 90 % CL limits, {n} data sets, {N_TOYS} toys each: toys, asymptotic")
    print("| model |" + "".join(f" s = {s:g} |" for s in SIGNALS))
    print("|---|" + "---|" * len(SIGNALS))
    least = 1.0
    for name, model in MODELS.items():
        likelihood = Likelihood(model)
        cells = [coverage(likelihood, s, n) for s in SIGNALS]
        least = min(least, *(float(toys) for toys, _ in cells))
        print(f"| {name} |" + "".join(f" {a:.2f} {b:.2f} |" for a, b in cells), flush=True)
    print(f"least coverage of toys: {least:.3f}; asked {LEAST}, {allowed:.3f} with two sigma")
    return 0 if least >= allowed else 1


if __name__ == "__main__":
    raise SystemExit(main())
