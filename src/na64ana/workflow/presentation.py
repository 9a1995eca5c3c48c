"""What tables for readers have in common: rounding, titles, masses, the published limit."""

import numpy as np
import numpy.typing as npt

from na64ana.config.reference import ReferenceCurve, load_reference

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


def published_limit() -> ReferenceCurve:
    """Return the published limit, for comparison."""
    return load_reference("na64_2023")


def is_comparable(eot: float, confidence_level: float) -> bool:
    """Whether a limit is of the published electrons on target, within 1 %, and level."""
    published = published_limit()
    wanted = (published.eot or 0.0, published.confidence_level or 0.0)
    return bool(np.allclose((eot, confidence_level), wanted, rtol=0.01))


def compare_points(masses: Floats, epsilon: Floats) -> list[tuple[float, float, float]]:
    """Return mass [GeV], published epsilon and that of a curve over it, at the published points.

    Interpolated in both logarithms. Points outside the masses ``(n,)`` [GeV] are left out.
    """
    rows = []
    for mass, published in published_limit().points:
        if masses[0] <= mass <= masses[-1]:
            logs = np.interp(np.log(mass), np.log(masses), np.log(epsilon))
            rows.append((mass, published, float(np.exp(logs)) / published))
    return rows
