"""Extrapolate sideband C into the signal box.

Events with a quiet HCAL and E_ECAL above the box are lost neutrals of upstream interactions, with
a tail that falls towards low E_ECAL (PRL 131 (2023) 161801). A function is fitted to the binned
tail by extended Poisson likelihood, with ln b, the logarithm of the events in the box, as one of
its parameters, so that the fit gives the error of what is wanted.

The letter varies the functions and quotes best fit and spread. That covers too rarely; here the
centre is the midpoint of the families that describe the data (AICc within 4 of the best), and the
interval is the envelope of their profile-likelihood intervals: half of their spread, which is the
choice of the function, and beyond it the statistical error, upwards and downwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from iminuit import Minuit

from na64ana.config.models import Background
from na64ana.constants import BEAM_ENERGY
from na64ana.errors import BackgroundError

Floats = npt.NDArray[np.float64]

#: Families within this AICc of the best take part.
AICC_WINDOW = 4.0
#: Missing energy [GeV] in the middle of the sideband, where its slope is a parameter.
PIVOT = 30.0
_NODE, _WEIGHT = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class Family:
    """A falling shape: log density at energies [GeV] for shape parameters with (start, limits)."""

    log_density: Callable[[Floats, Floats], Floats]
    start: tuple[float, ...]
    limits: tuple[tuple[float, float], ...]


FAMILIES = {
    "exponential": Family(lambda e, p: e / p[0], (6.0,), ((0.5, 100.0),)),
    "stretched_exponential": Family(
        # p[0] is the slope at PIVOT below the beam energy, p[1] the power of the missing energy
        lambda e, p: -p[0] * PIVOT / p[1] * ((BEAM_ENERGY - e) / PIVOT) ** p[1],
        (0.17, 1.0),
        ((0.01, 2.0), (0.3, 2.0)),
    ),
    "power_law": Family(lambda e, p: p[0] * np.log(e / BEAM_ENERGY), (10.0,), ((0.1, 100.0),)),
}


@dataclass(frozen=True)
class FamilyFit:
    """One family fitted.

    Attributes
    ----------
    family : str
    ln_b, down, up : float
        Logarithm of the events in the box, and its statistical errors, both positive.
    shape : tuple of float
        Shape parameters.
    aicc : float
        Akaike's criterion for small samples, up to a constant of the data.
    at_limit : bool
        Whether a shape parameter was held at its limit.
    """

    family: str
    ln_b: float
    down: float
    up: float
    shape: tuple[float, ...]
    aicc: float
    at_limit: bool


@dataclass(frozen=True)
class Extrapolation:
    """Events expected in the box.

    Attributes
    ----------
    ln_b : float
        Logarithm of the expected events.
    statistical : tuple of float
        Statistical error of ln b downwards and upwards, both positive.
    function_choice : float
        Half of the spread of the families; adds linearly to the statistical error.
    fits : tuple of FamilyFit
        Every family that converged.
    used, failed : tuple of str
        The families that took part, and those that did not converge. The others describe the
        data worse.
    n_events : int
        Events in the fit range.
    fit_range : tuple of float
        E_ECAL from and to [GeV]; the box lies below.
    """

    ln_b: float
    statistical: tuple[float, float]
    function_choice: float
    fits: tuple[FamilyFit, ...]
    used: tuple[str, ...]
    failed: tuple[str, ...]
    n_events: int
    fit_range: tuple[float, float]

    @property
    def events(self) -> float:
        """Expected events in the box (median of the log-normal)."""
        return float(np.exp(self.ln_b))

    @property
    def factors(self) -> tuple[float, float]:
        """What one standard deviation down or up multiplies the events by."""
        down, up = (error + self.function_choice for error in self.statistical)
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
        If there are fewer than `options.n_events_min` events, or no family converges.
    """
    n_bins = max(1, round((options.sideband_c_max - e_ecal_max) / options.bin_width))
    edges = np.linspace(e_ecal_max, options.sideband_c_max, n_bins + 1)
    counts = np.histogram(energies, edges)[0]
    n_events = int(counts.sum())
    if n_events < options.n_events_min:
        msg = f"{n_events} events in sideband C, at least {options.n_events_min} are needed"
        raise BackgroundError(msg)
    fits = [fit for name in options.families if (fit := _fit(name, counts, edges)) is not None]
    if not fits:
        msg = f"no family describes the {n_events} events of sideband C; choose other families"
        raise BackgroundError(msg)
    best = min(fit.aicc for fit in fits)
    used = [fit for fit in fits if fit.aicc - best <= AICC_WINDOW]
    low, high = min(fit.ln_b for fit in used), max(fit.ln_b for fit in used)
    return Extrapolation(
        ln_b=(low + high) / 2,
        statistical=(
            low - min(fit.ln_b - fit.down for fit in used),
            max(fit.ln_b + fit.up for fit in used) - high,
        ),
        function_choice=(high - low) / 2,
        fits=tuple(fits),
        used=tuple(fit.family for fit in used),
        failed=tuple(name for name in options.families if name not in {f.family for f in fits}),
        n_events=n_events,
        fit_range=(e_ecal_max, options.sideband_c_max),
    )


def _log_integrals(family: Family, shape: Floats, edges: Floats) -> Floats:
    """Return the logarithm of the integral over each bin."""
    half = np.diff(edges)[:, None] / 2
    energy = edges[:-1, None] + half * (1 + _NODE)
    log_density = family.log_density(energy, shape)
    top = log_density.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log((half * _WEIGHT * np.exp(log_density - top)).sum(axis=1)))


def expected_counts(
    family: str, ln_b: float, shape: Floats, edges: Floats, e_ecal_max: float
) -> Floats:
    """Return the events ``(n,)`` expected between `edges` ``(n + 1,)`` [GeV].

    `ln_b` is the logarithm of the events from zero to `e_ecal_max` [GeV], `shape` the parameters
    of the family.
    """
    box = np.linspace(0.0, e_ecal_max, 9)
    in_box = np.logaddexp.reduce(_log_integrals(FAMILIES[family], shape, box))
    log_mean = ln_b + _log_integrals(FAMILIES[family], shape, edges) - in_box
    return np.asarray(np.exp(np.clip(log_mean, -300.0, 300.0)))


def _fit(name: str, counts: npt.NDArray[np.int64], edges: Floats) -> FamilyFit | None:
    """Fit one family; None if it does not converge.

    A shape parameter that runs to its limit stays there and the others are fitted again: dropping
    the family would drop the widest interval when it is needed most.
    """
    family = FAMILIES[name]
    n, n_parameters = int(counts.sum()), 1 + len(family.start)
    if n <= n_parameters + 1:
        return None

    def nll(parameters: Floats) -> float:  # without ln n!, which all families have in common
        mean = expected_counts(name, parameters[0], parameters[1:], edges, edges[0])
        return float((mean - counts * np.log(mean)).sum())

    total = expected_counts(name, 0.0, np.array(family.start), edges, edges[0]).sum()
    minuit = Minuit(nll, np.array([np.log(n / total), *family.start]))
    minuit.errordef = Minuit.LIKELIHOOD
    minuit.limits = [(-60.0, 20.0), *family.limits]
    minuit.strategy = 2
    minuit.migrad()
    for i, (low, high) in enumerate(family.limits, start=1):
        value, margin = minuit.values[i], 1e-2 * (high - low)
        if value < low + margin or value > high - margin:
            minuit.values[i] = low if value < low + margin else high
            minuit.fixed[i] = True
    if any(minuit.fixed):
        minuit.migrad()
    minuit.hesse()
    if not minuit.valid or not minuit.accurate:
        return None
    down, up = _profile_errors(minuit)
    correction = 2 * n_parameters * (n_parameters + 1) / (n - n_parameters - 1)
    values = np.array(minuit.values)
    return FamilyFit(
        family=name,
        ln_b=float(values[0]),
        down=down,
        up=up,
        shape=tuple(map(float, values[1:])),
        aicc=2 * float(minuit.fval) + 2 * n_parameters + correction,
        at_limit=any(minuit.fixed),
    )


def _profile_errors(minuit: Minuit) -> tuple[float, float]:
    """Return the errors of ln b from the profile likelihood, or from Hesse where that fails."""
    hesse = float(minuit.errors[0])
    try:
        profile = minuit.minos(0).merrors[0]
    except RuntimeError:  # the profile found a lower minimum
        return hesse, hesse
    down = -float(profile.lower) if profile.lower_valid else hesse
    up = float(profile.upper) if profile.upper_valid else hesse
    return down, up
