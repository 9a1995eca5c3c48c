"""Extrapolate sideband C into the signal box.

Events with a quiet HCAL and E_ECAL above the box are lost neutrals of upstream interactions, with
a tail that falls towards low E_ECAL (PRL 131 (2023) 161801). Functions are fitted to the binned
tail by extended Poisson likelihood, with ln b, the logarithm of the events in the box, as one of
their parameters.

Which function the tail follows is not known, and the sideband hardly tells. Therefore every family
gives a confidence distribution of ln b, from its profile likelihood, and these are averaged with
weights: a prior weight times the largest likelihood. The median is the estimate, the quantiles of
one standard deviation are its errors. The averaged distributions are those of the profile
likelihoods widened by `WIDENING`, and the weights carry no penalty for parameters: both were
chosen by coverage on pseudo-experiments (validation/background.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, xlogy

from na64ana.background.families import FAMILIES, STEP, profile_likelihood, quantiles, tabulate
from na64ana.config.models import Background
from na64ana.errors import BackgroundError

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: By how much the confidence distributions are wider than the profile likelihoods.
WIDENING = 1.4
#: The family that tests shifts of the fit range, and whose fit the toys of `goodness` follow.
DEFAULT_FAMILY = "stretched_exponential"
#: What the fit range loses at its lower and upper edge [GeV] to test it.
WINDOWS = ((4.0, 0.0), (0.0, 4.0))


@dataclass(frozen=True)
class FamilyFit:
    """One family fitted.

    Attributes
    ----------
    family : str
    ln_b, down, up : float
        Logarithm of the events in the box, and its errors from the profile likelihood, both
        positive.
    shape : tuple of float
        Scale of the slope [1/GeV], and the nearest shape parameters on the grid.
    aicc : float
        Akaike's criterion for small samples, up to a constant of the data.
    at_limit : bool
        Whether a shape parameter is at its limit.
    weight : float
        Weight in the average.
    """

    family: str
    ln_b: float
    down: float
    up: float
    shape: tuple[float, ...]
    aicc: float
    at_limit: bool
    weight: float


@dataclass(frozen=True)
class Extrapolation:
    """Events expected in the box.

    Attributes
    ----------
    ln_b : float
        Logarithm of the expected events.
    statistical, families, window : tuple of float
        Errors of `ln_b` downwards and upwards, all positive, to be added in quadrature: the
        average of the families' own errors; what their disagreement and `WIDENING` add; and by
        how much the estimate moves with the fit range beyond its statistical error.
    fits : tuple of FamilyFit
    n_events : int
        Events in the fit range.
    fit_range : tuple of float
        E_ECAL from and to [GeV]; the box lies below.
    """

    ln_b: float
    statistical: tuple[float, float]
    families: tuple[float, float]
    window: tuple[float, float]
    fits: tuple[FamilyFit, ...]
    n_events: int
    fit_range: tuple[float, float]

    @property
    def events(self) -> float:
        """Expected events in the box (median)."""
        return float(np.exp(self.ln_b))

    @property
    def errors(self) -> tuple[float, float]:
        """Total errors of `ln_b` downwards and upwards, both positive."""
        down, up = np.hypot(np.hypot(self.statistical, self.families), self.window)
        # At the end of the tables an error is nothing, which none is.
        return max(float(down), STEP), max(float(up), STEP)

    @property
    def factors(self) -> tuple[float, float]:
        """What one standard deviation down or up multiplies the events by."""
        down, up = self.errors
        return float(np.exp(-down)), float(np.exp(up))


def extrapolate(energies: Sequence[float], e_ecal_max: float, options: Background) -> Extrapolation:
    """Extrapolate the energies of sideband C into the box.

    Parameters
    ----------
    energies : sequence of float
        E_ECAL [GeV] of the events of sideband C; those outside the fit range are left out.
    e_ecal_max : float
        Upper edge of the box, which is the lower edge of the fit range [GeV].
    options : Background
        Upper edge of the fit range, bin width, families.

    Raises
    ------
    BackgroundError
        If there are fewer than `options.n_events_min` events.
    """
    edges = fit_edges(e_ecal_max, options)
    return extrapolate_counts(np.histogram(energies, edges)[0], edges, options)


def fit_edges(e_ecal_max: float, options: Background) -> Floats:
    """Return the edges of the bins of the fit range [GeV]."""
    n_bins = max(1, round((options.sideband_c_max - e_ecal_max) / options.bin_width))
    return np.linspace(e_ecal_max, options.sideband_c_max, n_bins + 1)


def extrapolate_counts(counts: Counts, edges: Floats, options: Background) -> Extrapolation:
    """Extrapolate the events ``(n,)`` between `edges` ``(n + 1,)`` [GeV] below `edges[0]`.

    Raises
    ------
    BackgroundError
        If there are fewer than `options.n_events_min` events.
    """
    n_events = int(counts.sum())
    if n_events < options.n_events_min:
        msg = f"{n_events} events in sideband C, at least {options.n_events_min} are needed"
        raise BackgroundError(msg)
    profiles = [
        profile_likelihood(name, counts, edges, float(edges[0])) for name in options.families
    ]
    prior = np.array([FAMILIES[name].weight for name in options.families])
    if not prior.any():
        prior = np.ones_like(prior)
    log_likelihood = np.array([profile.log_likelihood for profile in profiles])
    weights = prior * np.exp(np.minimum(log_likelihood - log_likelihood[prior > 0].max(), 0.0))
    weights /= weights.sum()
    roots = np.array([profile.roots for profile in profiles])
    low, ln_b, high = quantiles(weights @ ndtr(roots / WIDENING), profiles[0].ln_b_grid)
    statistical = np.sqrt(weights @ np.square([(p.down, p.up) for p in profiles]))
    families = np.sqrt(np.maximum(np.square([ln_b - low, high - ln_b]) - statistical**2, 0.0))
    statistical = np.minimum(statistical, [ln_b - low, high - ln_b])
    return Extrapolation(
        ln_b=ln_b,
        statistical=(float(statistical[0]), float(statistical[1])),
        families=(float(families[0]), float(families[1])),
        window=_window(counts, edges, options),
        fits=tuple(
            FamilyFit(
                family=name,
                ln_b=profile.ln_b,
                down=profile.down,
                up=profile.up,
                shape=profile.shape,
                aicc=_aicc(profile.log_likelihood, 2 + len(FAMILIES[name].axes), n_events),
                at_limit=profile.at_limit,
                weight=float(weight),
            )
            for name, profile, weight in zip(options.families, profiles, weights, strict=True)
        ),
        n_events=n_events,
        fit_range=(float(edges[0]), float(edges[-1])),
    )


def published_recipe(extrapolation: Extrapolation) -> tuple[float, float]:
    """Return ln b and its error as in the letters: best fit, and half of the spread of functions.

    The error of the best fit is added in quadrature. It covers too rarely: for comparison only.
    """
    best = min(extrapolation.fits, key=lambda fit: fit.aicc)
    spread = np.ptp([fit.ln_b for fit in extrapolation.fits]) / 2
    return best.ln_b, float(np.hypot(spread, (best.down + best.up) / 2))


def goodness(
    counts: Counts, edges: Floats, family: str = DEFAULT_FAMILY, n_toys: int = 500, seed: int = 1
) -> float:
    """Return how often toys of the fitted family describe themselves worse than the data do.

    The measure is the Poisson deviance of the bins, with every toy fitted again.
    """
    table = tabulate(family, tuple(edges), float(edges[0]))
    flat = table.log_probability.reshape(-1, counts.size)
    best = np.exp(flat[np.argmax(flat @ counts)])
    rng = np.random.default_rng(seed)
    toys = rng.poisson(counts.sum() * best / best.sum(), (n_toys, counts.size))
    deviance = [
        2.0 * (xlogy(n, n).sum() - xlogy(n.sum(), n.sum()) - (flat @ n).max())
        for n in (counts, *toys)
    ]
    return float((np.array(deviance[1:]) >= deviance[0] - 1e-9).mean())


def _window(counts: Counts, edges: Floats, options: Background) -> tuple[float, float]:
    """Return by how much ln b moves with the fit range, beyond what statistics explain.

    Of two fits, one to a part of the other's data, the difference varies by the difference of
    their variances.
    """
    name = DEFAULT_FAMILY if DEFAULT_FAMILY in options.families else options.families[0]
    e_ecal_max = float(edges[0])
    whole = profile_likelihood(name, counts, edges, e_ecal_max)
    down = up = 0.0
    for cut_low, cut_high in WINDOWS:
        inside = (edges[:-1] >= edges[0] + cut_low) & (edges[1:] <= edges[-1] - cut_high)
        part = counts[inside]
        if part.size < 3 or part.sum() < options.n_events_min:
            continue
        kept = edges[:-1][inside]
        part_edges = np.append(kept, edges[1:][inside][-1])
        fit = profile_likelihood(name, part, part_edges, e_ecal_max)
        move = fit.ln_b - whole.ln_b
        variance = ((fit.down + fit.up) ** 2 - (whole.down + whole.up) ** 2) / 4
        excess = float(np.sqrt(max(move**2 - max(variance, 0.0), 0.0)))
        if move > 0:
            up = max(up, excess)
        else:
            down = max(down, excess)
    return down, up


def _aicc(log_likelihood: float, n_parameters: int, n: int) -> float:
    correction = 2 * n_parameters * (n_parameters + 1) / max(n - n_parameters - 1, 1)
    return -2 * log_likelihood + 2 * n_parameters + correction
