"""Numbers derived from cells and stored beside them, so that a first pass needs no cells."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.io.format import ECAL_SHAPE

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]
#: HCAL modules on the deflected beam; module 3 stands at zero degrees (PRL 131 (2023) 161801).
ON_BEAM, ZERO_DEGREE = slice(0, 3), 3


def find_impact_cell(cells: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return x and y ``(n,)`` of the ECAL cell with the largest energy, both depths together.

    `cells` are energies ``(n, 2, n_x, n_y)``.
    """
    both = cells[:, 0] + cells[:, 1]
    largest = flatten(both).argmax(axis=1)
    x, y = np.divmod(largest, cells.shape[3])
    return x, y


def compute_impact_cell(cells: Floats) -> npt.NDArray[np.uint8]:
    """Return the number ``(n,)``, 6 x + y, of the ECAL cell with the largest energy."""
    x, y = find_impact_cell(cells)
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
    middle_x, middle_y = find_impact_cell(cells)
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
    window, _ = shower_window(cells, 3)
    inside, total = (flatten(part).sum(axis=1) for part in (window, cells))
    return np.asarray(np.maximum(total - inside, 0) / np.where(total > 0, total, 1))


def compute_r_hcal(cells: Floats) -> Floats:
    """Return the share ``(n,)`` of the energy of HCAL modules 0 to 2 outside their central cells.

    `cells` ``(n, 4, 3, 3)`` [GeV]; events without energy have 0.
    """
    modules = cells[:, ON_BEAM]
    total = flatten(modules).sum(axis=1)
    outside = total - modules[:, :, 1, 1].sum(axis=1)
    return np.asarray(np.maximum(outside, 0) / np.where(total > 0, total, 1))


def flatten(cells: Floats) -> Floats:
    """Return cells ``(n, ...)`` as ``(n, cells)``, also for no events."""
    return cells.reshape(len(cells), math.prod(cells.shape[1:]))
