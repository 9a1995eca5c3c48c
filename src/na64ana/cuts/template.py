"""The mean electron shower, and how far a shower is from it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.io.derived import find_largest, flatten, largest_of, share_outside_of
from na64ana.io.format import ECAL_SHAPE

Floats = npt.NDArray[np.float32]
Index = npt.NDArray[np.intp]

#: Largest chi2 that is told apart; also that of events without a shower.
CHI2_MAX = 1e4
#: Cells of the window along x and y.
SIDE = 5

_compiled = njit(cache=True, nogil=True, error_model="numpy")


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


#: Stands where there is no template yet; its chi2 means nothing.
NO_TEMPLATE = ShowerTemplate(
    period="",
    energy=np.ones(1, np.float32),
    row=np.zeros(ECAL_SHAPE[1] * ECAL_SHAPE[2], np.int64),
    mean=np.zeros((1, 1, 2 * SIDE**2), np.float32),
    width=np.ones((1, 1, 2 * SIDE**2), np.float32),
)
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


def compute_chi2_shower(cells: Floats, template: ShowerTemplate) -> Floats:
    """Return chi2 per cell ``(n,)`` of showers against the mean electron shower.

    Parameters
    ----------
    cells : array (n, 2, n_x, n_y)
        Energies [GeV].
    template : ShowerTemplate
        The mean shower by impact cell, the one with the largest energy, and by energy.

    Returns
    -------
    array (n,)
        At most `CHI2_MAX`, which is also the chi2 of events without energy.
    """
    return compute_shapes(cells, np.arange(len(cells)), template)[2]


def compute_shapes(
    cells: Floats, index: Index, template: ShowerTemplate
) -> tuple[Index, Floats, Floats]:
    """Return impact cell, share outside 3 x 3 cells and chi2 ``(k,)`` of some showers.

    All in one pass, as each event has to be fetched from memory.

    Parameters
    ----------
    cells : array (n, 2, n_x, n_y)
        Energies [GeV].
    index : array (k,)
        Places of the events.
    template : ShowerTemplate
    """
    largest, share = np.empty(len(index), np.intp), np.empty(len(index), np.float32)
    chi2, n_y = np.empty(len(index), np.float32), cells.shape[3]
    x, y = np.divmod(np.arange(cells.shape[2] * n_y), n_y)
    rows = template.row[ECAL_SHAPE[2] * x + y]
    log_energy = np.log(template.energy.astype(np.float64))
    shower = (rows, log_energy, template.mean, 1 / template.width)
    _shapes(flatten(cells), index, n_y, shower, (largest, share, chi2))
    return largest, share, chi2


@_compiled
def _shapes(cells, index, n_y, shower, found):  # type: ignore[no-untyped-def]  # pragma: no cover
    for k in range(len(index)):
        place = largest_of(cells, index[k])
        found[0][k] = place
        found[1][k], total = share_outside_of(cells, index[k], place, n_y)
        found[2][k] = _chi2_of(cells, index[k], n_y, place, total, shower)


@_compiled
def _chi2_of(cells, i, n_y, largest, total, shower):  # type: ignore[no-untyped-def]  # pragma: no cover
    if not total > 0:
        return CHI2_MAX
    rows, log_energy, mean, weight = shower
    n_cells, most = len(rows), len(log_energy) - 1
    step = log_energy[1] - log_energy[0] if most else 1.0
    e = min(max(int(np.rint((np.log(total) - log_energy[0]) / step)), 0), most)
    expected, weights = mean[rows[largest], e], weight[rows[largest], e]
    first_x, first_y = largest // n_y - SIDE // 2, largest % n_y - SIDE // 2
    low_x, high_x = max(0, -first_x), min(SIDE, n_cells // n_y - first_x)
    low_y, high_y = max(0, -first_y), min(SIDE, n_y - first_y)
    squares, scale = 0.0, 1 / total
    for d in range(2):
        for a in range(low_x, high_x):
            pixel = SIDE * (SIDE * d + a)
            cell = n_cells * d + n_y * (first_x + a) + first_y
            for b in range(low_y, high_y):
                pull = (cells[i, cell + b] * scale - expected[pixel + b]) * weights[pixel + b]
                squares += pull * pull
    return min(squares / (2 * (high_x - low_x) * (high_y - low_y)), CHI2_MAX)


@_compiled
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
