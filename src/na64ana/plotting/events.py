"""Simulated events by class: spectra, planes, and the cells of one event."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from na64ana.io.format import ECAL_SHAPE, HCAL_SHAPE
from na64ana.plotting.style import PALETTE

Arrays = Mapping[str, npt.NDArray[Any]]
#: Least energy [GeV] on the colour scale of event displays.
LEAST = 0.01


def plot_spectra(
    samples: Mapping[str, npt.NDArray[Any]],
    ax: Axes,
    *,
    bins: npt.NDArray[np.float64],
    label: str,
    log: bool = True,
    window: Sequence[float] = (),
) -> Axes:
    """Draw normalised spectra of several samples.

    Parameters
    ----------
    samples : mapping of str to array (n,)
        Values by name.
    ax : Axes
        Where to draw.
    bins : array (k + 1,)
        Edges; what lies outside is drawn in the first and last bin.
    label : str
        Name and unit of the value.
    log : bool
        Whether the vertical axis is logarithmic.
    window : sequence of float
        Where the cuts are; drawn as dashed lines.
    """
    for (name, values), colour in zip(samples.items(), PALETTE, strict=False):
        inside = np.clip(values, bins[0], np.nextafter(bins[-1], bins[0]))
        counts = np.histogram(inside, bins)[0]
        ax.stairs(counts / max(counts.sum(), 1), bins, label=name, color=colour, lw=1.6)
    for edge in window:
        ax.axvline(edge, color="0.4", ls="--", lw=1)
    ax.set(xlabel=label, ylabel="share of events per bin")
    if log:
        ax.set_yscale("log")
    return ax


def plot_event(event: Arrays, fig: Figure, *, title: str) -> None:
    """Draw the cells of one event: PRS, ECAL, HCAL modules 0 to 3, on one colour scale.

    Parameters
    ----------
    event : mapping
        Branches of a single event: ``e_ecal_cell`` (72,), ``e_hcal_cell`` (36,) and scalars.
    fig : Figure
        A figure or subfigure.
    title : str
        What the event is.
    """
    ecal = event["e_ecal_cell"].reshape(ECAL_SHAPE)
    hcal = event["e_hcal_cell"].reshape(HCAL_SHAPE)
    panels = {"PRS": ecal[0], "ECAL": ecal[1]} | {f"HCAL{i}": hcal[i] for i in range(len(hcal))}
    axes = fig.subplots(1, len(panels), width_ratios=[1.3, 1.3, *[1.0] * len(hcal)])
    norm = LogNorm(LEAST, 100.0)
    for ax, (name, cells) in zip(axes, panels.items(), strict=True):
        shown = np.where(cells > 0, cells, np.nan)
        mesh = ax.pcolormesh(shown.T, cmap="cividis", norm=norm, edgecolor="0.85", lw=0.4)
        ax.set(title=f"{name} {cells.sum():.3g}", aspect="equal", xticks=[], yticks=[])
        ax.title.set_fontsize(9)
        ax.minorticks_off()
    fig.colorbar(mesh, ax=axes, label="GeV", pad=0.01, fraction=0.03)
    fig.suptitle(title, fontsize=11, x=0.01, ha="left")
