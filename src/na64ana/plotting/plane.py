"""The (E_ECAL, E_HCAL) plane."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from na64ana.plotting.style import ORANGE
from na64ana.tally.regions import Box
from na64ana.tally.tally import Histogram

#: The box is drawn this high [GeV], as in the papers: at its true height it would not be seen.
DRAWN_HEIGHT = 5.0


def plot_plane(plane: Histogram, ax: Axes, *, box: Box, vmax: float, title: str = "") -> Axes:
    """Draw events per bin, and the signal box and sidebands.

    Parameters
    ----------
    plane : Hist
        From a `Tally`, summed over periods.
    ax : Axes
        Where to draw.
    box : Box
        The signal box.
    vmax : float
        Upper end of the colour scale, common to panels side by side.
    title : str
        Which events these are.

    Returns
    -------
    Axes
        The mesh is its first collection, for a colour bar.
    """
    counts = plane.values().astype(float)
    counts[counts == 0] = float("nan")
    edges = [axis.edges for axis in plane.axes]
    ax.pcolormesh(
        *edges, counts.T, cmap="cividis", norm=LogNorm(1, max(vmax, 2.0)), rasterized=True
    )
    right = plane.axes[0].edges[-1]
    strip: dict[str, Any] = {"edgecolor": ORANGE, "lw": 1.5}
    ax.add_patch(
        Rectangle((0, 0), box.e_ecal_max, DRAWN_HEIGHT, facecolor="white", hatch="////", **strip)
    )
    ax.add_patch(Rectangle((box.e_ecal_max, 0), right, DRAWN_HEIGHT, fill=False, ls="--", **strip))
    white = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    for x, y, text, size in (
        (box.e_ecal_max / 2, DRAWN_HEIGHT / 2, "signal box", 9),
        (100.0, DRAWN_HEIGHT / 2, "C", 10),
        (box.e_ecal_max / 5, 40.0, "A", 14),
    ):
        ax.text(
            x,
            y,
            text,
            color=ORANGE,
            fontsize=size,
            weight="bold",
            ha="center",
            va="center",
            bbox=white,
        )
    ax.set(
        xlim=(0, 110),
        ylim=(0, 110),
        xlabel=r"$E_\mathrm{ECAL}$ [GeV]",
        ylabel=r"$E_\mathrm{HCAL}$ [GeV]",
        title=title,
    )
    return ax
