"""Expected limits against a cut."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from na64ana.plotting.style import PALETTE
from na64ana.stats.optimise import Scan


def plot_scan(scans: Mapping[str, Scan], ax: Axes, *, title: str = "") -> Axes:
    """Draw the mean expected limit on epsilon of each period over its best, and the flat range.

    Parameters
    ----------
    scans : mapping of str to Scan
        By period; cuts in GeV, limits on mu.
    ax : Axes
        Where to draw.
    title : str
    """
    for i, (name, scan) in enumerate(scans.items()):
        colour = PALETTE[i % len(PALETTE)]
        ratio = np.sqrt(scan.limits / scan.limits.min())
        low, high = scan.flat
        label = f"{name}: {scan.best:g} GeV (1 %: {low:g} to {high:g})"
        ax.plot(scan.cuts, ratio, color=colour, lw=1.8, label=label)
        ax.plot(scan.best, 1.0, "o", color=colour)
    ax.set(
        xlabel=r"upper edge of the box in $E_\mathrm{ECAL}$ [GeV]",
        ylabel=r"mean expected $\epsilon$ / best",
        title=title,
    )
    ax.set_ylim(bottom=0.998)
    ax.legend(title="period, best cut", alignment="left")
    return ax
