"""N-1 figures: an observable without the cut on it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from na64ana.plotting.style import BLACK, PALETTE
from na64ana.tally.cut_flow import CLASSES
from na64ana.tally.tally import MEASURED, Histogram

Floats = npt.NDArray[np.float64]

#: A colour for each class, the same in all figures; black is for what was measured.
COLOURS = (*(colour for colour in PALETTE if colour != BLACK), "0.35", "0.55", "0.75")


def plot_n_minus_1(
    histogram: Histogram,
    ax: Axes,
    *,
    window: Sequence[float | None] = (),
    title: str = "",
) -> Axes:
    """Draw an observable for events that pass all other cuts, stacked by class.

    Parameters
    ----------
    histogram : Hist
        Axes (observable, class), from a `Tally`.
    ax : Axes
        Where to draw. What lies outside is drawn in the first and last bin.
    window : sequence of float or None
        Lower and upper edge of the cut; drawn as dashed lines.
    title : str
        Which cut this is.
    """
    layers, edges, marks = stack(histogram, window)
    for i, base, top in layers:
        name, colour = CLASSES[i].replace("_", " "), COLOURS[i % len(COLOURS)]
        if i == MEASURED:
            ax.stairs(top, edges, color=BLACK, lw=1.4, label=name)
        else:
            ax.stairs(top, edges, baseline=base, fill=True, color=colour, lw=0, label=name)
    for mark in marks:
        ax.axvline(mark, color="0.25", ls="--", lw=1.2)
    ax.set(xlabel=histogram.axes[0].label, ylabel="events", title=title)
    ax.set_xlim(edges[0], edges[-1])
    if layers:
        ax.set_yscale("log")
        ax.set_ylim(0.5, 20 * layers[-1][2].max())
    else:
        ax.text(0.5, 0.5, "no events", transform=ax.transAxes, ha="center", color="0.4")
    return ax


def stack(
    histogram: Histogram, window: Sequence[float | None] = ()
) -> tuple[list[tuple[int, Floats, Floats]], Floats, list[float]]:
    """Return what an N-1 figure shows.

    Returns
    -------
    layers : list of (int, array (n,), array (n,))
        Number of the class, lower and upper edge of its part of the stack; the smallest first, and
        none without events. What lies outside is in the first and last bin.
    edges : array (n + 1,)
        Of the bins.
    marks : list of float
        Edges of the cut inside the axis.
    """
    counts = histogram.values(flow=True).astype(float)
    counts[1] += counts[0]
    counts[-2] += counts[-1]
    counts, edges = counts[1:-1], np.asarray(histogram.axes[0].edges)
    layers, base = [], np.zeros(len(counts))
    for i in np.argsort(counts.sum(axis=0), kind="stable"):
        if counts[:, i].any():
            layers.append((int(i), base, base + counts[:, i]))
            base = layers[-1][2]
    # Whole numbers have a bin each, and their cut lies between two.
    inwards = (0.5, -0.5) if edges[0] == -0.5 else (0.0, 0.0)
    marks = [
        edge + step
        for edge, step in zip(window, inwards, strict=False)
        if edge is not None and edges[0] <= edge <= edges[-1]
    ]
    return layers, edges, marks
