"""What tables for readers have in common: rounding, titles, masses, the published limit."""

import numpy as np
import numpy.typing as npt

from na64ana.config.reference import load_reference

Floats = npt.NDArray[np.float64]

#: Events below which tables for readers print no number; CSV and JSON have all.
SMALL = 1e-3
#: Masses [MeV] near which a table for readers has a row; limits.csv has all.
SHOWN_MASSES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
#: What the sources are called in a table that is read.
TITLES = {
    "dimuon": "dimuon losses and decays",
    "decay": "mu, pi, K decays in flight",
    "upstream": "upstream interactions, lost neutrals",
    "hadron": "hadrons from the dump",
    "punch_through": "punch-through of neutral hadrons",
}


def compare_points(masses: Floats, epsilon: Floats) -> list[tuple[float, float, float]]:
    """Return mass [GeV], published epsilon and that of a curve over it, at the published points.

    Interpolated in both logarithms. Points outside the masses ``(n,)`` [GeV] are left out.
    """
    rows = []
    for mass, published in load_reference("na64_2023").points:
        if masses[0] <= mass <= masses[-1]:
            logs = np.interp(np.log(mass), np.log(masses), np.log(epsilon))
            rows.append((mass, published, float(np.exp(logs)) / published))
    return rows
