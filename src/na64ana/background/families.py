"""Falling shapes for sideband C, and the profile likelihood of what they have in the box.

The likelihoods are tabulated on grids of the shape parameters, once for each fit range, so that a
fit is a product of matrices: it cannot fail to converge, follows likelihoods with two maxima, and
takes milliseconds. iminuit finds the same (`na64ana.background.unbinned`, and the tests).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, xlogy

from na64ana.constants import BEAM_ENERGY

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: Missing energy [GeV] in the middle of the sideband.
PIVOT = 30.0
#: E_ECAL [GeV] above which there is no sideband; fractions of components are counted below it.
TOP = 86.0

#: Step and number of the tabulated logarithms of events in the box per event in the fit range.
STEP = 0.1
_N_RATIOS = 304
#: Smallest and largest scale of the slope [1/GeV].
SCALE_RANGE = (5e-4, 12.0)
_SCALES = np.geomspace(*SCALE_RANGE, 60)
_NODE, _WEIGHT = np.polynomial.legendre.leggauss(6)
_ONE_SIGMA = float(ndtr(1.0))


@dataclass(frozen=True)
class Family:
    """A falling shape.

    Attributes
    ----------
    log_density : callable
        Log density at energies [GeV], for a scale of the slope [1/GeV], and shape parameters.
    axes : tuple of array
        Values of each shape parameter on the grid.
    weight : float
        Prior weight in the average; a family without is reported only.
    """

    log_density: Callable[[Floats, Floats, Sequence[Floats]], Floats]
    axes: tuple[Floats, ...]
    weight: float


def _polynomial(e: Floats, s: Floats, p: Sequence[Floats]) -> Floats:
    x = BEAM_ENERGY - PIVOT - e
    return -s * (x + p[0] * x**2 / 2)


def _two_exponentials(e: Floats, s: Floats, p: Sequence[Floats]) -> Floats:
    steep, flat = np.log1p(-p[0]) - s * (TOP - e), np.log(p[0] / p[1]) - s / p[1] * (TOP - e)
    return np.logaddexp(steep, flat)


#: Weights and the ranges of the axes are choices, by coverage (docs/decisions/0005-background.md).
FAMILIES = {
    "exponential": Family(lambda e, s, _: s * e, (), 0.0),  # the others contain it
    # exponential of a polynomial; its parameter is curvature per slope at PIVOT, bounded so that
    # the density falls from TOP to zero
    "exponential_polynomial": Family(
        _polynomial,
        (np.linspace(-1 / (BEAM_ENERGY - PIVOT), 1 / (TOP + PIVOT - BEAM_ENERGY), 24),),
        0.25,
    ),
    "power_law": Family(lambda e, s, _: s * 60 * np.log(e / BEAM_ENERGY), (), 0.25),
    # the parameter is the power of the missing energy
    "stretched_exponential": Family(
        lambda e, s, p: -s * PIVOT / p[0] * ((BEAM_ENERGY - e) / PIVOT) ** p[0],
        (np.linspace(0.1, 2.0, 39),),
        1.0,
    ),
    # the parameters are the fraction of the flatter component and by how much it is flatter
    "two_exponentials": Family(
        _two_exponentials, (np.geomspace(0.006, 0.8, 40), np.geomspace(1.1, 5.0, 32)), 1.0
    ),
}


@dataclass(frozen=True)
class Profile:
    """Profile likelihood of one family: its maximum, errors and signed roots on a grid of ln b."""

    ln_b: float
    down: float
    up: float
    shape: tuple[float, ...]
    at_limit: bool
    log_likelihood: float
    roots: Floats
    ln_b_grid: Floats
    #: Scale and shape parameters (n, 1 + k) that are best for each value on the grid.
    shapes: Floats


@dataclass(frozen=True, eq=False)
class Control:
    """A control sample of upstream interactions, tagged or simulated.

    Its shape parameters are those of sideband C, its scale is its own: what another detector
    response or another material makes of the slope is free.

    Attributes
    ----------
    counts : array (n,)
        Events by energy in the ECAL.
    edges : array (n + 1,)
        Of the bins [GeV]; those inside the signal box may be there, as the sample is another one.
    """

    counts: Counts
    edges: Floats


@dataclass(frozen=True)
class Table:
    """Bins of one family on a grid: (n_ratios, grid of shapes..., bins) log probabilities.

    `scale` is (n_ratios, grid of shapes...). Shapes that reach no such ratio of box to fit range
    have the probability `_NEVER`.
    """

    log_ratio: Floats
    scale: Floats
    log_probability: Floats


_NEVER = -1e6
#: Curvature per step above which three points of a likelihood are no parabola: where steps are too
#: coarse, and beside a shape that is never reached.
_CLIFF = 8.0


def _log_integrals(family: Family, scale: Floats, shape: Sequence[Floats], edges: Floats) -> Floats:
    """Return the logarithm of the integral over each bin (..., bins)."""
    half = np.diff(edges)[:, None] / 2
    energy = edges[:-1, None] + half * (1 + _NODE)
    expand = (..., None, None)
    log_density = family.log_density(energy, scale[expand], [p[expand] for p in shape])
    top = log_density.max(axis=-1, keepdims=True)
    integral = (half * _WEIGHT * np.exp(log_density - top)).sum(axis=-1)
    return np.asarray(top[..., 0] + np.log(integral))


def log_integral(
    family: Family, scale: Floats, shape: Sequence[Floats], limits: tuple[float, float]
) -> float:
    """Return the logarithm of the integral [GeV] between two energies for one set of parameters."""
    n_bins = max(1, round((limits[1] - limits[0]) / 2))
    edges = np.linspace(*limits, n_bins + 1)
    return float(np.logaddexp.reduce(_log_integrals(family, scale, shape, edges), axis=-1)[0])


def box_edges(e_ecal_max: float) -> Floats:
    """Return edges [GeV] of the bins in which the box is integrated, from zero up."""
    return np.linspace(0.0, e_ecal_max, max(2, round(e_ecal_max / 2) + 1))


@lru_cache(maxsize=64)
def tabulate(name: str, edges: tuple[float, ...], e_ecal_max: float) -> Table:
    """Tabulate a family for bins of the fit range and the upper edge of the box [GeV]."""
    family, side = FAMILIES[name], np.array(edges)
    box = box_edges(e_ecal_max)
    flattest = np.log(e_ecal_max / (side[-1] - side[0]))
    log_ratio = flattest - 0.03 - STEP * np.arange(_N_RATIOS)[::-1]
    grid = [p.ravel() for p in np.meshgrid(*family.axes, indexing="ij")]
    columns, scales = [], []
    for i in range(max(1, grid[0].size if grid else 1)):
        shape = [p[i : i + 1] for p in grid]
        ratio = _log_ratio(family, _SCALES, shape, side, box)
        # the ratio is nearly proportional to the scale: interpolation of the logarithms is exact
        # enough
        scale = np.exp(
            np.interp(np.log(flattest - log_ratio), np.log(flattest - ratio), np.log(_SCALES))
        )
        log_bins = _log_integrals(family, scale, shape, side)
        log_bins -= np.logaddexp.reduce(log_bins, axis=-1, keepdims=True)
        log_bins[(log_ratio < ratio[-1]) | (log_ratio > ratio[0])] = _NEVER
        columns.append(log_bins)
        scales.append(scale)
    shape_of_grid = tuple(axis.size for axis in family.axes)
    return Table(
        log_ratio,
        np.stack(scales, axis=1).reshape(_N_RATIOS, *shape_of_grid),
        np.stack(columns, axis=1).reshape(_N_RATIOS, *shape_of_grid, side.size - 1),
    )


def _log_ratio(
    family: Family, scale: Floats, shape: Sequence[Floats], side: Floats, box: Floats
) -> Floats:
    """Return the logarithm of events in the box per event in the fit range."""
    in_box, in_side = (
        np.logaddexp.reduce(_log_integrals(family, scale, shape, edges), axis=-1)
        for edges in (box, side)
    )
    return np.asarray(in_box - in_side)


@lru_cache(maxsize=16)
def _tabulate_control(name: str, edges: tuple[float, ...]) -> Floats:
    """Return log probabilities (bins, cells of shapes, scales) of a control sample."""
    cells = _cells(FAMILIES[name])
    columns = [
        _log_probabilities(name, _SCALES, [p[i : i + 1] for p in cells], np.array(edges))
        for i in range(len(cells[0]) if cells else 1)
    ]
    return np.ascontiguousarray(np.moveaxis(np.stack(columns), -1, 0))


def _cells(family: Family) -> list[Floats]:
    """Return each shape parameter (cells,) on the whole grid."""
    return [p.ravel() for p in np.meshgrid(*family.axes, indexing="ij")] if family.axes else []


def _log_probabilities(name: str, scale: Floats, shape: Sequence[Floats], edges: Floats) -> Floats:
    """Return the log probabilities of the bins (..., bins)."""
    log_bins = _log_integrals(FAMILIES[name], scale, shape, edges)
    return np.asarray(log_bins - np.logaddexp.reduce(log_bins, axis=-1, keepdims=True))


def control_likelihood(name: str, control: Control) -> Floats:
    """Return the log likelihood of a control sample on the grid of shapes, its scale profiled.

    A large sample knows its scale better than the grid: around the best one on it, two steps of a
    minimiser follow.
    """
    cells, counts = _cells(FAMILIES[name]), control.counts.astype(float)
    coarse = np.tensordot(counts, _tabulate_control(name, tuple(control.edges)), axes=1)
    centre, step = np.log(_SCALES)[coarse.argmax(axis=-1)], float(np.log(_SCALES[1] / _SCALES[0]))
    best = coarse
    for width in (step / 3, step / 20):
        left, middle, right = (
            _log_probabilities(name, np.exp(centre + shift), cells, control.edges) @ counts
            for shift in (-width, 0.0, width)
        )
        slope, curvature = (right - left) / 2, np.maximum(2 * middle - left - right, 1e-9)
        move = np.clip(slope / curvature, -3.0, 3.0)
        centre = centre + width * move
        best = middle + slope * move - curvature * move**2 / 2
    return np.asarray(best).reshape([axis.size for axis in FAMILIES[name].axes])


def profile_likelihood(
    name: str, counts: Counts, edges: Floats, e_ecal_max: float, control: Control | None = None
) -> Profile:
    """Fit one family to the events between `edges` [GeV], for the box below `e_ecal_max`.

    With a control sample the shape parameters are fitted to both.
    """
    table, n = tabulate(name, tuple(edges), e_ecal_max), float(counts.sum())
    likelihood = table.log_probability @ counts.astype(float)
    if control is not None:
        likelihood += control_likelihood(name, control)
    axes = FAMILIES[name].axes
    cells = likelihood.reshape(_N_RATIOS, -1).argmax(axis=1)
    for _ in axes:
        likelihood = _peak(likelihood)
    # b is the events in the fit range times the ratio, both of which fluctuate
    half = int(np.ceil(min(4 / np.sqrt(n), 2.0) / STEP))
    shift = STEP * np.arange(-half, half + 1)
    padded = np.pad(likelihood, half, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, shift.size)
    likelihood = (windows - n * (shift + np.expm1(-shift))).max(axis=-1)
    ln_b, top = _maximum(likelihood, table.log_ratio)
    below = table.log_ratio < ln_b
    roots = np.sqrt(2 * np.maximum(top - likelihood, 0.0)) * np.where(below, -1.0, 1.0)
    # of several maxima, the farthest counts
    roots = np.where(below, np.maximum.accumulate(roots), np.minimum.accumulate(roots[::-1])[::-1])
    low, _, high = quantiles(ndtr(roots), table.log_ratio)
    cell = cells[np.abs(table.log_ratio - ln_b).argmin()]
    position = np.unravel_index(cell, [axis.size for axis in axes]) if axes else ()
    return Profile(
        ln_b=ln_b + float(np.log(n)),
        down=ln_b - low,
        up=high - ln_b,
        shape=(
            float(np.interp(ln_b, table.log_ratio, table.scale.reshape(_N_RATIOS, -1)[:, cell])),
            *(float(axis[i]) for axis, i in zip(axes, position, strict=True)),
        ),
        at_limit=any(i in {0, a.size - 1} for a, i in zip(axes, position, strict=True)),
        log_likelihood=top + float(xlogy(n, n)) - n,
        roots=roots,
        ln_b_grid=table.log_ratio + np.log(n),
        shapes=_best_shapes(axes, table, cells),
    )


def _best_shapes(axes: Sequence[Floats], table: Table, cells: npt.NDArray[np.intp]) -> Floats:
    """Return scale and shape parameters ``(n_ratios, 1 + k)`` of one cell per ratio."""
    scale = table.scale.reshape(_N_RATIOS, -1)[np.arange(_N_RATIOS), cells]
    places = np.unravel_index(cells, [axis.size for axis in axes]) if axes else ()
    return np.stack([scale, *(axis[i] for axis, i in zip(axes, places, strict=True))], axis=1)


def _peak(values: Floats) -> Floats:
    """Return the maximum along the last axis, of the parabola through its highest points."""
    i = np.clip(values.argmax(axis=-1), 1, values.shape[-1] - 2)[..., None]
    left, centre, right = (np.take_along_axis(values, i + d, -1)[..., 0] for d in (-1, 0, 1))
    slope, curvature = (right - left) / 2, 2 * centre - left - right
    inside = (np.abs(slope) < curvature) & (curvature < _CLIFF)
    gain = np.where(inside, slope**2 / (2 * np.where(inside, curvature, 1.0)), 0.0)
    return np.where(inside, centre + gain, values.max(axis=-1))


def _maximum(values: Floats, grid: Floats) -> tuple[float, float]:
    """Return position and height of the maximum, by the parabola through its highest points."""
    i = int(np.clip(values.argmax(), 1, values.size - 2))
    left, centre, right = values[i - 1 : i + 2]
    slope, curvature = (right - left) / 2, 2 * centre - left - right
    if not abs(slope) < curvature < _CLIFF:
        return float(grid[values.argmax()]), float(values.max())
    return float(grid[i] + STEP * slope / curvature), float(centre + slope**2 / (2 * curvature))


def quantiles(cumulative: Floats, grid: Floats) -> tuple[float, float, float]:
    """Return the quantiles one standard deviation down, the median, and one up."""
    rising = np.maximum.accumulate(cumulative) + 1e-12 * np.arange(grid.size)
    low, middle, high = np.interp([1 - _ONE_SIGMA, 0.5, _ONE_SIGMA], rising, grid)
    return float(low), float(middle), float(high)


def expected_counts(
    family: str, ln_b: float, shape: Sequence[float], edges: Floats, e_ecal_max: float
) -> Floats:
    """Return the events ``(n,)`` expected between `edges` ``(n + 1,)`` [GeV].

    `ln_b` is the logarithm of the events from zero to `e_ecal_max` [GeV], `shape` the scale and
    the parameters of the family, as in `FamilyFit`.
    """
    return np.asarray(np.exp(ln_b + log_shares(family, np.array([shape]), edges, e_ecal_max)[0]))


def log_shares(family: str, shapes: Floats, edges: Floats, e_ecal_max: float) -> Floats:
    """Return the logarithm of events between `edges` per event in the box ``(m, n)``.

    For scales and shape parameters ``(m, 1 + k)``, and `n` bins [GeV].
    """
    scale, *shape = shapes.T
    in_bins, in_box = (
        _log_integrals(FAMILIES[family], scale, shape, e) for e in (edges, box_edges(e_ecal_max))
    )
    return np.asarray(in_bins - np.logaddexp.reduce(in_box, axis=-1, keepdims=True))
