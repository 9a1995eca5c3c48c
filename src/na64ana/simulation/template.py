"""The mean electron shower, made as a calibration makes it: from electrons of known energy."""

from functools import cache

import numpy as np
from scipy.interpolate import PchipInterpolator

from na64ana.cuts.template import ShowerTemplate
from na64ana.io.derived import shower_window
from na64ana.io.format import ECAL_SHAPE
from na64ana.simulation import ecal

#: Energies [GeV] of the electrons and how many of each; the cell that they hit, and the threshold
#: of the cells [GeV].
_ENERGIES, _N = np.geomspace(2.0, 100.0, 6), 4000
_CELL, _THRESHOLD = 2, 0.015
#: Energies of the template, between which the shower hardly changes.
_N_ENERGIES = 51


@cache
def shower_template() -> ShowerTemplate:
    """Return the template; the impact points are even over the cell."""
    rng = np.random.default_rng(64)
    means, widths = [], []
    for energy in _ENERGIES:
        x, y = _CELL + rng.random((2, _N), dtype=np.float32)
        zero = np.zeros(_N, np.float32)
        cells = ecal.shower_cells(rng, zero + np.float32(energy), zero, x, y)
        ecal.respond(rng, cells, zero + np.float32(_THRESHOLD))
        fraction = shower_window(cells, 5)[0].reshape(_N, -1)
        fraction /= cells.sum(axis=(1, 2, 3))[:, None]
        means.append(fraction.mean(axis=0))
        # A cell that is mostly empty still has its noise.
        widths.append(np.hypot(fraction.std(axis=0), ecal.NOISE / energy))
    fine = np.geomspace(_ENERGIES[0], _ENERGIES[-1], _N_ENERGIES)
    mean, width = (
        PchipInterpolator(np.log(_ENERGIES), np.array(table))(np.log(fine)).astype(np.float32)
        for table in (means, widths)
    )
    everywhere = np.zeros(ECAL_SHAPE[1] * ECAL_SHAPE[2], np.int64)
    return ShowerTemplate(
        "simulation", fine.astype(np.float32), everywhere, mean[None], width[None]
    )
