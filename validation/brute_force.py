"""Toy limits against pyhf's own fits: `python validation/brute_force.py [toys] [data sets]`.

First, CLs of the data at our toy limit from toys that pyhf fits one by one, on three models: it is
1 - CL within the errors of both. Then, of data sets with a signal, how often the limit computed
for each of them lies above the true signal, and how often the shorter test of
`validation/limits.py`, CLs at the true signal alone, says otherwise. Exit code 0 if both agree.
"""

import math
import sys

import numpy as np
import pyhf
from limits import ALPHA, five_periods, log_cls
from pyhf.infer.mle import fixed_poi_fit
from pyhf.infer.test_statistics import qmu_tilde

from na64ana.stats.likelihood import Likelihood
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.toys import compute_limit
from na64ana.stats.workspace import make_workspace

TRUE_SIGNAL, SEED = 3.0, 5


def with_counts(model: CountingModel, counts: tuple[int, ...]) -> CountingModel:
    """Return a model with observed events."""
    pairs = zip(model.channels, counts, strict=True)
    return CountingModel(tuple(Channel(c.name, n, c.signals, c.backgrounds) for c, n in pairs))


def two_channels() -> CountingModel:
    """Return two channels with a shared error of 50 %, one and no event observed."""
    channels = []
    for name, n, s, b in (("a", 1, 0.7, 0.4), ("b", 0, 0.3, 1.5)):
        signal = Sample("signal", s, {"yield": symmetric(0.2)})
        background = Sample("b", b, {"shared": symmetric(0.5), f"own_{name}": symmetric(0.3)})
        channels.append(Channel(name, n, (signal,), (background,)))
    return CountingModel(tuple(channels))


MODELS = {
    "published, none observed": with_counts(five_periods(1.0), (0, 0, 0, 0, 0)),
    "one channel, 3 observed, 40 % error": CountingModel(
        (
            Channel(
                "one",
                3,
                (Sample("signal", 1.0, {"yield": symmetric(0.15)}),),
                (Sample("b", 1.2, {"bkg": symmetric(0.4)}),),
            ),
        )
    ),
    "two channels, shared error": two_channels(),
}


def pyhf_cls(model: CountingModel, mu: float, n_toys: int, seed: int = SEED) -> tuple[float, float]:
    """Return ln CLs of the data by toys that pyhf fits, and its error.

    Counts and auxiliary measurements fluctuate around the fits of the data at mu and at zero.
    """
    workspace = pyhf.Workspace(make_workspace(model.unit()))
    pdf = workspace.model()
    config, data = pdf.config, workspace.data(pdf)
    settings = config.suggested_init(), config.suggested_bounds(), config.suggested_fixed()
    n_channels, rng = len(model.channels), np.random.default_rng(seed)

    def statistic(values: list[float]) -> float:
        return max(float(qmu_tilde(mu, values, pdf, *settings)), 0.0)

    observed, shares = statistic(data), []
    for at in (mu, 0.0):
        fitted = np.asarray(fixed_poi_fit(at, data, pdf, *settings))
        means = np.asarray(pdf.expected_data(fitted))
        extreme = 0
        for _ in range(n_toys):
            counts = rng.poisson(means[:n_channels]).astype(float)
            aux = rng.normal(means[n_channels:], 1.0)
            extreme += statistic([*counts, *aux]) >= observed - 1e-6
        shares.append(extreme / n_toys)
    error = math.sqrt(sum((1 - p) / (p * n_toys) for p in shares))
    return math.log(shares[0] / shares[1]), error


def compare(n_toys: int) -> bool:
    """Print CLs at our limits; tell whether all are 1 - CL."""
    good = True
    for name, model in MODELS.items():
        limit = compute_limit(model, 1 - ALPHA, expected=False, n_toys=100_000)
        value, error = pyhf_cls(model, limit.observed or 0.0, n_toys)
        # the error of our limit, as one of ln CLs
        ours = (limit.error or 0.0) / (limit.observed or 1.0)
        away = (value - math.log(ALPHA)) / math.hypot(error, ours)
        good &= abs(away) < 3
        print(
            f"{name}: limit {limit.observed:.3f} +- {limit.error:.3f}; there pyhf has CLs = "
            f"{math.exp(value):.4f} +- {math.exp(value) * error:.4f} ({away:+.1f} sigma)",
            flush=True,
        )
    return good


def limits_of_data_sets(n: int) -> bool:
    """Print how often limits cover, and how often the shorter test differs."""
    likelihood, rng = Likelihood(five_periods(1.0)), np.random.default_rng(SEED)
    means = likelihood.rates(TRUE_SIGNAL, likelihood.nominal_aux)
    covered = different = 0
    for i in range(n):
        counts = rng.poisson(means)
        model = with_counts(five_periods(1.0), tuple(counts.tolist()))
        limit = compute_limit(model, 1 - ALPHA, expected=False, n_toys=4000, seed=i + 1)
        aux = np.zeros(likelihood.n_parameters)
        short = log_cls(likelihood, TRUE_SIGNAL, counts.astype(float), aux, i + 1)[0]
        covered += (limit.observed or 0.0) >= TRUE_SIGNAL
        different += ((limit.observed or 0.0) >= TRUE_SIGNAL) != (short >= math.log(ALPHA))
    print(
        f"{n} data sets with {TRUE_SIGNAL:g} signal events: {covered / n:.3f} of the limits cover"
    )
    print(f"the shorter test says otherwise in {different} of them")
    # both are made of 4000 toys: where CLs is 1 - CL within their error they may differ
    return different <= 0.02 * n


def main() -> int:
    """Run both comparisons."""
    n_toys, n_sets = (
        int(sys.argv[i]) if len(sys.argv) > i else usual for i, usual in ((1, 1000), (2, 200))
    )
    return 0 if all([compare(n_toys), limits_of_data_sets(n_sets)]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
