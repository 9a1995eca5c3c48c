"""The (E_ECAL, E_HCAL) plane."""

from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from na64ana.plotting.style import ORANGE
from na64ana.tally.regions import Box
from na64ana.tally.tally import Plane

#: The box is drawn this high [GeV], as in the papers: at its true height it would not be seen.
DRAWN_HEIGHT = 5.0


def plot_plane(plane: Plane, ax: Axes, *, box: Box, vmax: float, title: str = "") -> QuadMesh:
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
    QuadMesh
        For a colour bar.
    """
    counts = plane.values().astype(float)
    counts[counts == 0] = float("nan")
    edges = [axis.edges for axis in plane.axes]
    mesh = ax.pcolormesh(
        *edges, counts.T, cmap="cividis", norm=LogNorm(1, max(vmax, 2.0)), rasterized=True
    )
    ax.add_patch(
        Rectangle(
            (0, 0), box.e_ecal_max, DRAWN_HEIGHT, facecolor="white", edgecolor=ORANGE,
            hatch="////", lw=1.5,
        )
    )
    label = {"color": ORANGE, "fontsize": 12, "ha": "center", "va": "center"}
    ax.text(box.e_ecal_max / 2, DRAWN_HEIGHT + 4, "signal box", **label)
    ax.text(box.e_ecal_max / 2 - 15, 25, "A", **label, fontweight="bold")
    ax.text(box.e_ecal_max + 18, DRAWN_HEIGHT + 4, "C", **label, fontweight="bold")
    ax.set(
        xlim=(0, 110), ylim=(0, 110), xlabel=r"$E_\mathrm{ECAL}$ [GeV]",
        ylabel=r"$E_\mathrm{HCAL}$ [GeV]", title=title,
    )
    return mesh
