"""The signal efficiency against the energy of the dark photon."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from na64ana.plotting.style import PALETTE
from na64ana.tally.efficiency import Efficiency


def plot_efficiency(
    edges: npt.NDArray[np.float64],
    by_mass: Mapping[float, Sequence[Efficiency]],
    ax: Axes,
    *,
    title: str = "",
) -> Axes:
    """Draw efficiencies in bins of the energy of the A', one set of points per mass.

    Parameters
    ----------
    edges : array (k + 1,)
        Energies [GeV].
    by_mass : mapping of float to sequence of Efficiency
        By mass [GeV]; one efficiency per bin, drawn with its interval.
    ax : Axes
        Where to draw.
    title : str
        Which events these are.
    """
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    for i, (mass, parts) in enumerate(by_mass.items()):
        value, low, high = (
            np.array([getattr(one, name) if one.total else np.nan for one in parts])
            for name in ("value", "low", "high")
        )
        shift = width * 0.12 * (i - (len(by_mass) - 1) / 2)  # bars must not hide one another
        ax.errorbar(
            middle + shift,
            value,
            yerr=[value - low, high - value],
            fmt="o",
            ms=4,
            lw=1.2,
            color=PALETTE[i % len(PALETTE)],
            label=rf"$m_{{A'}}$ = {1e3 * mass:g} MeV",
        )
    ax.set(xlabel=r"$E_{A'}$ [GeV]", ylabel="signal efficiency", title=title, ylim=(0, 0.8))
    ax.legend(ncols=2, loc="upper left")
    return ax
