"""Shape of the shower in the ECAL."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.config.selection import Block, ShowerShape
from na64ana.cuts.cut import Columns, Cut, Mask
from na64ana.io.derived import flatten, shower_window
from na64ana.io.format import ECAL_SHAPE

Floats = npt.NDArray[np.float32]

#: Largest chi2 that is told apart; also that of events without a shower.
CHI2_MAX = 1e4


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


def compute_chi2_shower(cells: Floats, template: ShowerTemplate) -> Floats:
    """Return chi2 per cell ``(n,)`` of showers against the mean electron shower.

    Parameters
    ----------
    cells : array (n, 2, n_x, n_y)
        Energies [GeV].
    template : ShowerTemplate
        The mean shower by energy. Its impact cell is the one with the largest energy.

    Returns
    -------
    array (n,)
        At most `CHI2_MAX`, which is also the chi2 of events without energy.
    """
    window, exists = shower_window(cells, 5)
    total = flatten(cells).sum(axis=1)
    seen = np.where(total > 0, total, 1)
    energy = template.nearest(seen)
    pull = flatten(window) / seen[:, None]
    pull -= template.mean[energy]
    pull /= template.width[energy]
    pull *= np.concatenate([exists, exists], axis=1)
    chi2 = np.einsum("ij,ij->i", pull, pull) / (2 * exists.sum(axis=1))
    return np.where(total > 0, np.minimum(chi2, CHI2_MAX), CHI2_MAX).astype(np.float32)


class BeamCell(Block):
    """The cell that the beam hits, and how far from it a shower may lie, in cells."""

    x: int
    y: int
    distance_max: int


def impact_cell(parameters: BeamCell) -> Cut:
    """Shower where the beam hits the ECAL."""

    def keep(columns: Columns) -> Mask:
        x, y = np.divmod(columns["impact_cell"].astype(np.int64), ECAL_SHAPE[2])
        away = np.maximum(np.abs(x - parameters.x), np.abs(y - parameters.y))
        return np.asarray(away <= parameters.distance_max)

    return Cut(
        name="impact_cell",
        reason="particles that do not belong to the beam",
        source="shower shape by impact cell: PRL 131 (2023) 161801, criterion (iv)",
        columns=("impact_cell",),
        keep=keep,
        parameters=parameters,
    )


def shower_shape(parameters: ShowerShape) -> Cut:
    """Longitudinal and lateral shape as of a single electron shower."""

    def keep(columns: Columns) -> Mask:
        alike = columns["chi2_shower"] < np.float32(parameters.chi2_shower_max)
        return np.asarray(alike & (columns["r_ecal"] < np.float32(parameters.r_ecal_max)))

    return Cut(
        name="shower_shape",
        reason="hadrons and several particles make wider or deeper showers",
        source="PRL 131 (2023) 161801, criterion (iv)",
        columns=("chi2_shower", "r_ecal"),
        keep=keep,
        parameters=parameters,
    )
