"""The mean electron shower, and how far a shower is from it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.io.derived import find_largest
from na64ana.io.format import ECAL_SHAPE

Floats = npt.NDArray[np.float32]

#: Largest chi2 that is told apart; also that of events without a shower.
CHI2_MAX = 1e4
#: Cells of the window along x and y.
SIDE = 5


@dataclass(frozen=True)
class ShowerTemplate:
    """Mean electron shower in 5 x 5 cells around the largest, PRS and main part.

    Attributes
    ----------
    period : str
        The period whose electrons it was made of.
    energy : array (k,)
        Energies [GeV], rising by equal factors.
    row : array (36,)
        Which of the `rows` holds for each impact cell, 6 x + y.
    mean, width : array (rows, k, 50)
        Energy fractions of the cells (depth, x, y) = (2, 5, 5), and their standard deviations.
    """

    period: str
    energy: Floats
    row: npt.NDArray[np.int64]
    mean: Floats
    width: Floats


#: Energies [GeV] of a template, and edges between them: from the beam's downwards.
ENERGIES = 100.0 * 0.8 ** np.arange(10)[::-1]
EDGES = ENERGIES[0] / 0.8**0.5 * 0.8 ** -np.arange(-1, 10.0)
#: Fractions are added up in steps of 2^-20, as whole numbers: sums are exact in any order.
STEPS = 1 << 20


def sum_showers(cells: Floats) -> npt.NDArray[np.int64]:
    """Return what a template is made of: sums over showers.

    Parameters
    ----------
    cells : array (n, 2, 6, 6)
        Energies [GeV].

    Returns
    -------
    array (36, k, 50, 3)
        By impact cell, energy (bins of `EDGES`) and cell of the window: the number of showers,
        and the sums of the energy fractions and of their squares, in `STEPS`.
    """
    n_cells = cells.shape[2] * cells.shape[3]
    sums = np.zeros((n_cells, len(ENERGIES), 2 * SIDE**2, 3), np.int64)
    _sum_showers(cells, find_largest(cells), np.log(EDGES), sums)
    return sums


def compute_chi2_shower(
    cells: Floats, template: ShowerTemplate, largest: npt.NDArray[np.int64] | None = None
) -> Floats:
    """Return chi2 per cell ``(n,)`` of showers against the mean electron shower.

    Parameters
    ----------
    cells : array (n, 2, n_x, n_y)
        Energies [GeV].
    template : ShowerTemplate
        The mean shower by impact cell, the one with the largest energy, and by energy.
    largest : array (n,) or None
        The impact cell, ``n_y x + y``, where it is known.

    Returns
    -------
    array (n,)
        At most `CHI2_MAX`, which is also the chi2 of events without energy.
    """
    x, y = np.divmod(find_largest(cells) if largest is None else largest, cells.shape[3])
    chi2 = np.empty(len(cells), np.float32)
    rows = template.row[ECAL_SHAPE[2] * x + y]
    log_energy = np.log(template.energy.astype(np.float64))
    _chi2(cells, (x, y), rows, log_energy, template.mean, 1 / template.width, chi2)
    return chi2


@njit(cache=True, nogil=True, error_model="numpy")
def _chi2(cells, middle, rows, log_energy, mean, weight, chi2):  # type: ignore[no-untyped-def]  # pragma: no cover
    n, depths, n_x, n_y = cells.shape
    most = len(log_energy) - 1
    step = log_energy[1] - log_energy[0] if most else 1.0
    middle_x, middle_y = middle
    for i in range(n):
        total = 0.0
        for d in range(depths):
            for x in range(n_x):
                for y in range(n_y):
                    total += cells[i, d, x, y]
        if not total > 0:
            chi2[i] = CHI2_MAX
            continue
        k = min(max(int(np.rint((np.log(total) - log_energy[0]) / step)), 0), most)
        r = rows[i]
        first_x, first_y = middle_x[i] - SIDE // 2, middle_y[i] - SIDE // 2
        low_x, high_x = max(0, -first_x), min(SIDE, n_x - first_x)
        low_y, high_y = max(0, -first_y), min(SIDE, n_y - first_y)
        squares, scale = 0.0, 1 / total
        for d in range(depths):
            for a in range(low_x, high_x):
                j = SIDE * (SIDE * d + a)
                for b in range(low_y, high_y):
                    fraction = cells[i, d, first_x + a, first_y + b] * scale
                    pull = (fraction - mean[r, k, j + b]) * weight[r, k, j + b]
                    squares += pull * pull
        number = depths * (high_x - low_x) * (high_y - low_y)
        chi2[i] = min(squares / number, CHI2_MAX)


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_showers(cells, largest, log_edges, sums):  # type: ignore[no-untyped-def]  # pragma: no cover
    n, depths, n_x, n_y = cells.shape
    for i in range(n):
        total = 0.0
        for d in range(depths):
            for x in range(n_x):
                for y in range(n_y):
                    total += cells[i, d, x, y]
        k = np.searchsorted(log_edges, np.log(total)) - 1 if total > 0 else -1
        if k < 0 or k >= sums.shape[1]:
            continue
        for d in range(depths):
            for a in range(SIDE):
                x = largest[i] // n_y + a - SIDE // 2
                for b in range(SIDE):
                    y = largest[i] % n_y + b - SIDE // 2
                    if x < 0 or x >= n_x or y < 0 or y >= n_y:
                        continue
                    j = SIDE * (SIDE * d + a) + b
                    steps = np.int64(np.rint(cells[i, d, x, y] / total * STEPS))
                    sums[largest[i], k, j, 0] += 1
                    sums[largest[i], k, j, 1] += steps
                    sums[largest[i], k, j, 2] += steps * steps
