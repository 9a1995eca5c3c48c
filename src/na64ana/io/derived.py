"""Numbers made of cells: written beside them for a first pass, and made again by the selection.

The loops are compiled by numba and written so that the order of every sum is fixed: the same
cells give the same bits, however many events stand around them and whatever the machine.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.io.format import ECAL_SHAPE

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]
#: HCAL modules on the deflected beam; module 3 stands at zero degrees (PRL 131 (2023) 161801).
ON_BEAM, ZERO_DEGREE = slice(0, 3), 3
#: Least energy [GeV] that noise below the pedestal can make; markers such as -9999 lie below.
LEAST_ENERGY = -1.0

_LEAST = np.float32(LEAST_ENERGY)
_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _sum_half(c, i, start):  # type: ignore[no-untyped-def]  # pragma: no cover
    # Twelve sums side by side: the compiler makes vector instructions of them.
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = np.float32(0)
    for k in range(3):
        b = start + 12 * k
        a0 += c[i, b]
        a1 += c[i, b + 1]
        a2 += c[i, b + 2]
        a3 += c[i, b + 3]
        a4 += c[i, b + 4]
        a5 += c[i, b + 5]
        a6 += c[i, b + 6]
        a7 += c[i, b + 7]
        a8 += c[i, b + 8]
        a9 += c[i, b + 9]
        a10 += c[i, b + 10]
        a11 += c[i, b + 11]
    low = (a0 + a1) + (a2 + a3)
    return low + ((a4 + a5) + (a6 + a7)) + ((a8 + a9) + (a10 + a11))


@_compiled
def _impossible(c, i):  # type: ignore[no-untyped-def]  # pragma: no cover
    bad = np.int32(0)
    for k in range(c.shape[1]):
        bad += np.int32(not (c[i, k] >= _LEAST))
    return bad


@_compiled
def _sum_ecal(c, e_prs, e_ecal, bad):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(c.shape[0]):
        e_prs[i] = _sum_half(c, i, 0)
        e_ecal[i] = e_prs[i] + _sum_half(c, i, 36)
        bad[i] = _impossible(c, i) > 0 or not (e_ecal[i] < np.inf)


@_compiled
def _sum_hcal(c, module, bad):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(c.shape[0]):
        total = np.float32(0)
        for m in range(4):
            b = 9 * m
            low = (c[i, b] + c[i, b + 1]) + (c[i, b + 2] + c[i, b + 3])
            high = (c[i, b + 4] + c[i, b + 5]) + (c[i, b + 6] + c[i, b + 7])
            module[i, m] = low + high + c[i, b + 8]
            total += module[i, m]
        bad[i] = _impossible(c, i) > 0 or not (total < np.inf)


@_compiled
def largest_of(cells, i):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the place of the largest ECAL cell of event `i` of cells ``(n, 2 m)``."""
    n_cells = cells.shape[1] // 2
    largest, best = 0, np.float32(-np.inf)
    for j in range(n_cells):
        both = cells[i, j] + cells[i, n_cells + j]
        if both > best:
            best = both
            largest = j
    return largest


@_compiled
def share_outside_of(cells, i, largest, n_y):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the share outside 3 x 3 cells of event `i`, and its energy."""
    n_cells = cells.shape[1] // 2
    middle_x, middle_y = largest // n_y, largest % n_y
    total = inside = 0.0
    for j in range(2 * n_cells):
        total += cells[i, j]
    for x in range(max(middle_x - 1, 0), min(middle_x + 2, n_cells // n_y)):
        for y in range(max(middle_y - 1, 0), min(middle_y + 2, n_y)):
            inside += cells[i, n_y * x + y] + cells[i, n_cells + n_y * x + y]
    return (max(total - inside, 0.0) / total if total > 0 else 0.0), total


@_compiled
def _find_largest(cells, largest):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(len(cells)):
        largest[i] = largest_of(cells, i)


@_compiled
def _share_outside(cells, n_y, share):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(len(cells)):
        share[i] = share_outside_of(cells, i, largest_of(cells, i), n_y)[0]


def sum_ecal_cells(cells: Floats) -> tuple[Floats, Floats, Mask]:
    """Return E_PRS and E_ECAL ``(n,)`` [GeV] of cells ``(n, 72)``, and which events are impossible.

    Impossible is a cell with NaN, an infinite energy, or one below `LEAST_ENERGY`.
    """
    e_prs, e_ecal = np.empty((2, len(cells)), np.float32)
    bad = np.empty(len(cells), np.bool_)
    _sum_ecal(cells, e_prs, e_ecal, bad)
    return e_prs, e_ecal, bad


def sum_hcal_cells(cells: Floats) -> tuple[Floats, Mask]:
    """Return the energies ``(n, 4)`` [GeV] of the HCAL modules, from cells ``(n, 36)``.

    Also which events are impossible, as `sum_ecal_cells`.
    """
    module, bad = np.empty((len(cells), 4), np.float32), np.empty(len(cells), np.bool_)
    _sum_hcal(cells, module, bad)
    return module, bad


def find_largest(cells: Floats) -> Index:
    """Return the place ``(n,)`` of the ECAL cell with the largest energy, both depths together.

    `cells` are energies ``(n, 2, n_x, n_y)``, the place is ``n_y x + y``; of equal ones the first
    counts.
    """
    largest = np.zeros(len(cells), np.intp)
    _find_largest(flatten(cells), largest)
    return largest


def compute_impact_cell(cells: Floats) -> npt.NDArray[np.uint8]:
    """Return the number ``(n,)``, 6 x + y, of the ECAL cell with the largest energy."""
    x, y = np.divmod(find_largest(cells), cells.shape[3])
    return (ECAL_SHAPE[2] * x + y).astype(np.uint8)


def shower_window(cells: Floats, side: int) -> tuple[Floats, Mask]:
    """Return the ECAL cells around the largest, and which of them exist.

    Parameters
    ----------
    cells : array (n, 2, n_x, n_y)
        Energies [GeV].
    side : int
        Cells of the window along x and y, an odd number.

    Returns
    -------
    window : array (n, 2, side * side)
        Energies; 0 beyond the edge of the matrix.
    exists : array (n, side * side)
    """
    n, depths, n_x, n_y = cells.shape
    middle_x, middle_y = np.divmod(find_largest(cells), n_y)
    step_x, step_y = np.divmod(np.arange(side**2), side)
    x = middle_x[:, None] + step_x - side // 2
    y = middle_y[:, None] + step_y - side // 2
    exists = (x >= 0) & (x < n_x) & (y >= 0) & (y < n_y)
    place = np.where(exists, x * n_y + y, 0)
    window = np.take_along_axis(cells.reshape(n, depths, n_x * n_y), place[:, None], axis=2)
    return window * exists[:, None], exists


def compute_r_ecal(cells: Floats) -> Floats:
    """Return the share ``(n,)`` of the energy outside the 3 x 3 cells around the largest.

    `cells` ``(n, 2, n_x, n_y)`` [GeV]; events without energy have 0.
    """
    share = np.empty(len(cells), np.float32)
    _share_outside(flatten(cells), cells.shape[3], share)
    return share


def compute_r_hcal(cells: Floats) -> Floats:
    """Return the share ``(n,)`` of the energy of HCAL modules 0 to 2 outside their central cells.

    `cells` ``(n, 4, 3, 3)`` [GeV]; events without energy have 0.
    """
    modules = cells[:, ON_BEAM]
    total = flatten(modules).sum(axis=1)
    outside = total - modules[:, :, 1, 1].sum(axis=1)
    return np.asarray(np.maximum(outside, 0) / np.where(total > 0, total, 1))


def compute_t_ecal(times: Floats, cells: Floats) -> Floats:
    """Return the mean time ``(n,)`` [ns] of ECAL cells, weighted by their energies.

    Both ``(n, ...)``, times in ns; events without energy have 0.
    """
    weights = np.maximum(flatten(cells), 0)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore"):  # impossible energies are refused elsewhere
        mean = np.einsum("ij,ij->i", weights, flatten(times)) / np.where(total > 0, total, 1)
    return np.asarray(mean, np.float32)


def flatten(cells: Floats) -> Floats:
    """Return cells ``(n, ...)`` as ``(n, cells)``, also for no events."""
    return cells.reshape(len(cells), math.prod(cells.shape[1:]))
