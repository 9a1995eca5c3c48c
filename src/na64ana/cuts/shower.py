"""Shape of the shower in the ECAL."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.config.selection import ShowerShape
from na64ana.cuts.cut import Columns, Cut, Mask

Floats = npt.NDArray[np.float32]

#: Largest chi2 that is told apart; also that of events without a shower.
CHI2_MAX = 1e4
#: The 3 x 3 cells in the middle of a window of 5 x 5.
_INNER = (6, 7, 8, 11, 12, 13, 16, 17, 18)


@dataclass(frozen=True)
class ShowerTemplate:
    """Mean electron shower in 5 x 5 cells around the largest, PRS and main part.

    Attributes
    ----------
    energy : array (k,)
        Energies [GeV], rising by equal factors.
    mean, width : array (k, 50)
        Energy fractions of the cells (depth, x, y) = (2, 5, 5), and their standard deviations.
    """

    energy: Floats
    mean: Floats
    width: Floats

    def nearest(self, energy: Floats) -> npt.NDArray[np.intp]:
        """Return the index ``(n,)`` of the nearest energy."""
        step = np.log(self.energy[1] / self.energy[0])
        place = np.rint(np.log(energy / self.energy[0]) / step).astype(np.intp)
        return np.asarray(np.clip(place, 0, len(self.energy) - 1))


def shower_window(cells: Floats, side: int) -> tuple[Floats, Mask]:
    """Return the cells around the largest, and which of them exist.

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
    largest = (cells[:, 0] + cells[:, 1]).reshape(n, -1).argmax(axis=1)
    step_x, step_y = np.divmod(np.arange(side**2), side)
    x = (largest // n_y)[:, None] + step_x - side // 2
    y = (largest % n_y)[:, None] + step_y - side // 2
    exists = (x >= 0) & (x < n_x) & (y >= 0) & (y < n_y)
    place = np.where(exists, x * n_y + y, 0)
    window = np.take_along_axis(cells.reshape(n, depths, -1), place[:, None], axis=2)
    return window * exists[:, None], exists


def compute_shape(cells: Floats, template: ShowerTemplate) -> tuple[Floats, Floats]:
    """Compare showers with the mean electron shower.

    Parameters
    ----------
    cells : array (n, 2, n_x, n_y)
        Energies [GeV].
    template : ShowerTemplate
        The mean shower by energy. Its impact cell is the one with the largest energy.

    Returns
    -------
    r_ecal : array (n,)
        Share of the energy outside the 3 x 3 cells around the largest; 0 without energy.
    chi2_shower : array (n,)
        chi2 per cell, at most `CHI2_MAX`, which is also that of events without energy.
    """
    window, exists = shower_window(cells, 5)
    total = cells.reshape(len(cells), -1).sum(axis=1)
    seen = np.where(total > 0, total, 1)
    r_ecal = 1 - window[:, :, _INNER].reshape(len(cells), -1).sum(axis=1) / seen
    energy = template.nearest(seen)
    pull = window.reshape(len(cells), -1) / seen[:, None]
    pull -= template.mean[energy]
    pull /= template.width[energy]
    pull *= np.concatenate([exists, exists], axis=1)
    chi2 = np.einsum("ij,ij->i", pull, pull) / (2 * exists.sum(axis=1))
    chi2 = np.where(total > 0, np.minimum(chi2, CHI2_MAX), CHI2_MAX)
    return np.where(total > 0, r_ecal, 0).astype(np.float32), chi2.astype(np.float32)


def shower_shape(parameters: ShowerShape) -> Cut:
    """Longitudinal and lateral shape as of a single electron shower."""

    def keep(columns: Columns) -> Mask:
        return np.asarray(columns["chi2_shower"] < np.float32(parameters.chi2_shower_max))

    return Cut(
        name="shower_shape",
        reason="hadrons and several particles make wider or deeper showers",
        source="PRL 131 (2023) 161801, criterion (iv)",
        columns=("chi2_shower",),
        keep=keep,
        parameters=parameters,
    )
