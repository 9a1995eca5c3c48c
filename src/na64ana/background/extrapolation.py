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

A control sample of upstream interactions, tagged or simulated, narrows the shapes: its likelihood
multiplies that of the sideband, with the same shape parameters and a scale of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, xlogy
from scipy.stats import chi2

from na64ana.background.families import (
    FAMILIES,
    STEP,
    Control,
    Profile,
    control_likelihood,
    log_shares,
    profile_likelihood,
    quantiles,
    tabulate,
)
from na64ana.background.unbinned import fit_unbinned
from na64ana.config.models import Background
from na64ana.errors import BackgroundError

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: By how much the confidence distributions are wider than the profile likelihoods.
WIDENING = 1.4
#: The family that tests shifts of the fit range.
DEFAULT_FAMILY = "stretched_exponential"
#: Probability under which a control sample is said to have another shape (choice).
CONTROL_P_MIN = 0.05
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
    converged : bool
        Whether the unbinned fit did; if not, the numbers are those of the binned one.
    profile : Profile
        The likelihood, for bands.
    """

    family: str
    ln_b: float
    down: float
    up: float
    shape: tuple[float, ...]
    aicc: float
    at_limit: bool
    weight: float
    converged: bool
    profile: Profile = field(repr=False, compare=False)


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
    e_ecal_max : float
        Upper edge of the box [GeV].
    n_control : int
        Events of a control sample that the shapes were fitted to as well; 0 without one.
    control_p : float or None
        How often two samples of one shape differ more than these, by the likelihood ratio of
        `DEFAULT_FAMILY` with one shape and with two (Wilks' theorem).
    """

    ln_b: float
    statistical: tuple[float, float]
    families: tuple[float, float]
    window: tuple[float, float]
    fits: tuple[FamilyFit, ...]
    n_events: int
    fit_range: tuple[float, float]
    e_ecal_max: float
    n_control: int = 0
    control_p: float | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of the fits, a sentence each."""
        limits = [
            f"{fit.family}: a shape parameter is at the end of its range, where the errors stop"
            for fit in self.fits
            if fit.at_limit
        ]
        failed = [
            f"{fit.family}: the unbinned fit did not converge, the binned one stands in"
            for fit in self.fits
            if not fit.converged
        ]
        if self.control_p is None or self.control_p >= CONTROL_P_MIN:
            return (*limits, *failed)
        other = f"the control sample has another shape than sideband C (p = {self.control_p:.3f})"
        return (*limits, *failed, other)

    @property
    def best(self) -> FamilyFit:
        """The family with the smallest AICc."""
        return min(self.fits, key=lambda fit: fit.aicc)

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


def extrapolate(
    energies: Sequence[float],
    e_ecal_max: float,
    options: Background,
    control: Control | None = None,
) -> Extrapolation:
    """Extrapolate the energies of sideband C into the box.

    Parameters
    ----------
    energies : sequence of float
        E_ECAL [GeV] of the events of sideband C; those outside the fit range are left out.
    e_ecal_max : float
        Upper edge of the box [GeV].
    options : Background
        Fit range, kind of likelihood, bin width, families.
    control : Control or None
        A sample with the same shapes, for binned likelihoods.

    Raises
    ------
    BackgroundError
        If there are fewer than `options.n_events_min` events, the fit range begins in the box, or a
        control sample is given to unbinned likelihoods.
    """
    edges = fit_edges(e_ecal_max, options)
    counts = np.histogram(energies, edges)[0]
    if options.likelihood == "binned":
        return extrapolate_counts(counts, edges, options, e_ecal_max, control)
    if control is not None:
        msg = "a control sample needs binned likelihoods; set background.likelihood: binned"
        raise BackgroundError(msg)
    _check_number(counts, options)
    ends = (float(edges[0]), float(edges[-1]))
    inside = np.array([e for e in energies if ends[0] <= e <= ends[1]])
    fits = []
    for name in options.families:
        binned = profile_likelihood(name, counts, edges, e_ecal_max)
        found = fit_unbinned(name, inside, ends, e_ecal_max, binned)
        fits.append((binned if found is None else found, found is not None))
    return _average(fits, counts, edges, options, e_ecal_max)


def fit_edges(e_ecal_max: float, options: Background) -> Floats:
    """Return the edges of the bins of the fit range [GeV].

    Raises
    ------
    BackgroundError
        If the fit range begins inside the box below `e_ecal_max`, or does not reach beyond it.
    """
    low = e_ecal_max if options.sideband_c_min is None else options.sideband_c_min
    high = options.sideband_c_max
    if low < e_ecal_max:
        msg = (
            f"the fit range begins at {low:g} GeV, inside the signal box, which ends at "
            f"{e_ecal_max:g} GeV; raise background.sideband_c_min, or leave it out"
        )
        raise BackgroundError(msg)
    if high - low < 3 * options.bin_width:
        msg = (
            f"the fit range from {low:g} to {high:g} GeV has fewer than three bins of "
            f"{options.bin_width:g} GeV; widen background.sideband_c_min to sideband_c_max"
        )
        raise BackgroundError(msg)
    return np.linspace(low, high, round((high - low) / options.bin_width) + 1)


def extrapolate_counts(
    counts: Counts,
    edges: Floats,
    options: Background,
    e_ecal_max: float | None = None,
    control: Control | None = None,
) -> Extrapolation:
    """Extrapolate the events ``(n,)`` between `edges` ``(n + 1,)`` [GeV] by binned likelihoods.

    The box ends at `e_ecal_max` [GeV], by default where the bins begin.

    Raises
    ------
    BackgroundError
        If there are fewer than `options.n_events_min` events.
    """
    _check_number(counts, options)
    edge = float(edges[0]) if e_ecal_max is None else e_ecal_max
    fits = [
        (profile_likelihood(name, counts, edges, edge, control), True) for name in options.families
    ]
    found = _average(fits, counts, edges, options, edge, control)
    if control is None:
        return found
    return replace(found, control_p=_compare_shapes(counts, edges, edge, control))


def _compare_shapes(counts: Counts, edges: Floats, e_ecal_max: float, control: Control) -> float:
    """Return the probability that sideband and control sample have one shape."""
    apart = profile_likelihood(DEFAULT_FAMILY, counts, edges, e_ecal_max).log_likelihood
    apart += float(control_likelihood(DEFAULT_FAMILY, control).max())
    joint = profile_likelihood(DEFAULT_FAMILY, counts, edges, e_ecal_max, control).log_likelihood
    return float(chi2.sf(2 * max(apart - joint, 0.0), len(FAMILIES[DEFAULT_FAMILY].axes)))


def _check_number(counts: Counts, options: Background) -> None:
    n_events = int(counts.sum())
    if n_events < options.n_events_min:
        msg = f"{n_events} events in sideband C, at least {options.n_events_min} are needed"
        raise BackgroundError(msg)


def _average(
    fits: Sequence[tuple[Profile, bool]],
    counts: Counts,
    edges: Floats,
    options: Background,
    e_ecal_max: float,
    control: Control | None = None,
) -> Extrapolation:
    """Average the confidence distributions of the families, by their likelihoods."""
    profiles, names = [profile for profile, _ in fits], options.families
    n_events = int(counts.sum())
    prior = np.array([FAMILIES[name].weight for name in names])
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
        window=_window(counts, edges, options, e_ecal_max, control),
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
                converged=converged,
                profile=profile,
            )
            for name, (profile, converged), weight in zip(names, fits, weights, strict=True)
        ),
        n_events=n_events,
        fit_range=(float(edges[0]), float(edges[-1])),
        e_ecal_max=e_ecal_max,
        n_control=0 if control is None else int(control.counts.sum()),
    )


def compute_band(extrapolation: Extrapolation, edges: Floats) -> Floats:
    """Return low, median and high ``(3, n)`` of the events expected between `edges` ``(n + 1,)``.

    The average that gives ln b, for every bin [GeV]: each family has in a bin what its best shape
    for each ln b says.
    """
    values, masses = [], []
    for fit in extrapolation.fits:
        if not fit.weight:
            continue
        profile = fit.profile
        cumulative = ndtr(profile.roots / WIDENING)
        shares = log_shares(fit.family, profile.shapes, edges, extrapolation.e_ecal_max)
        values.append(profile.ln_b_grid[:, None] + shares)
        masses.append(fit.weight * np.maximum(np.gradient(cumulative), 0.0))
    value, mass = np.concatenate(values), np.concatenate(masses)
    band = []
    for column in value.T:
        order = np.argsort(column)
        cumulative = np.cumsum(mass[order]) / mass.sum()
        band.append(quantiles(cumulative, column[order]))
    return np.asarray(np.exp(np.array(band).T))


def published_recipe(extrapolation: Extrapolation) -> tuple[float, float]:
    """Return ln b and its error as in the letters: best fit, and half of the spread of functions.

    The error of the best fit is added in quadrature. It covers too rarely: for comparison only.
    """
    best = extrapolation.best
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


def _window(
    counts: Counts,
    edges: Floats,
    options: Background,
    e_ecal_max: float,
    control: Control | None,
) -> tuple[float, float]:
    """Return by how much ln b moves with the fit range, beyond what statistics explain.

    Of two fits, one to a part of the other's data, the difference varies by the difference of
    their variances.
    """
    name = DEFAULT_FAMILY if DEFAULT_FAMILY in options.families else options.families[0]
    whole = profile_likelihood(name, counts, edges, e_ecal_max, control)
    down = up = 0.0
    for cut_low, cut_high in WINDOWS:
        inside = (edges[:-1] >= edges[0] + cut_low) & (edges[1:] <= edges[-1] - cut_high)
        part = counts[inside]
        if part.size < 3 or part.sum() < options.n_events_min:
            continue
        kept = edges[:-1][inside]
        part_edges = np.append(kept, edges[1:][inside][-1])
        fit = profile_likelihood(name, part, part_edges, e_ecal_max, control)
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
