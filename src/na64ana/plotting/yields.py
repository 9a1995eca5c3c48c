"""Yields against mass, and spectra of E_ECAL."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from na64ana.plotting.style import BLACK, BLUE, ORANGE, PALETTE

Floats = npt.NDArray[np.float64]


def plot_yields(masses: Floats, by_channel: Mapping[str, Floats], ax: Axes, *, title: str) -> Axes:
    """Draw yields per electron on target for epsilon = 1, and their sum.

    Parameters
    ----------
    masses : array (n,)
        [GeV]
    by_channel : mapping of str to array (n,)
    ax : Axes
    title : str
    """
    for (name, values), color in zip(by_channel.items(), (BLUE, ORANGE), strict=False):
        shown = np.where(values > 0, values, np.nan)
        ax.plot(1e3 * masses, shown, color=color, lw=1.8, label=name)
    total = np.sum(list(by_channel.values()), axis=0)
    ax.plot(1e3 * masses, total, color=BLACK, lw=1.2, ls="--", label="sum")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=r"$m_{A'}$ [MeV]",
        ylabel=r"dark photons in the box / EOT / $\epsilon^2$",
        xlim=(1e3 * masses[0], 1e3 * masses[-1]),
        ylim=(0.3 * total.min(), 3 * total.max()),
        title=title,
    )
    ax.legend(loc="lower left")
    return ax


def plot_spectra(
    edges: Floats, by_mass: Mapping[float, Floats], ax: Axes, *, e_ecal_max: float, title: str
) -> Axes:
    """Draw spectra of E_ECAL, each with area 1, and the edge of the box.

    Parameters
    ----------
    edges : array (k + 1,)
        Of E_ECAL [GeV].
    by_mass : mapping of float to array (k,)
        By mass [GeV].
    ax : Axes
    e_ecal_max : float
        Edge of the signal box [GeV].
    title : str
    """
    width = np.diff(edges)
    for i, (mass, values) in enumerate(by_mass.items()):
        area = values.sum()
        density = values / width / area if area > 0 else values
        color, style = PALETTE[i % len(PALETTE)], ("-", "--")[i // len(PALETTE) % 2]
        label = rf"$m_{{A'}}$ = {1e3 * mass:g} MeV"
        ax.stairs(density, edges, color=color, ls=style, lw=1.5, label=label)
    ax.axvspan(edges[0], e_ecal_max, color="0.93", zorder=0, label="signal box")
    ax.set(
        yscale="log",
        xlabel=r"$E_{ECAL}$ [GeV]",
        ylabel="share per GeV",
        xlim=(edges[0], edges[-1]),
        ylim=(1e-4, 10 ** (0.6 + 0.25 * (len(by_mass) // 3))),
        title=title,
    )
    ax.legend(loc="upper center", ncols=3)
    return ax
