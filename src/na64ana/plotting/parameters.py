"""Pulls and impacts of nuisance parameters."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from na64ana.plotting.style import BLUE, ORANGE
from na64ana.stats.parameters import Parameter

#: Height of a bar, and how far it lies above the place of its parameter, of which each has one.
HEIGHT, OFFSETS = 0.34, (0.18, -0.18)


def plot_parameters(
    parameters: Sequence[Parameter], pulls: Axes, impacts: Axes, *, title: str = ""
) -> tuple[Axes, Axes]:
    """Draw pulls with their errors beside the impacts on the limit on epsilon.

    Parameters
    ----------
    parameters : sequence of Parameter
        Drawn from top to bottom.
    pulls, impacts : Axes
        With a common vertical axis.
    title : str
    """
    places = np.arange(len(parameters))[::-1]
    values, errors = ([getattr(one, key) for one in parameters] for key in ("pull", "error"))
    pulls.errorbar(values, places, xerr=errors, fmt="o", ms=4, color=BLUE, label="best fit")
    at_limit = [one.pull_at_limit for one in parameters]
    pulls.plot(at_limit, places, "D", ms=5, mfc="none", color=ORANGE, label="at the limit")
    pulls.axvline(0.0, color="0.6", lw=0.8, zorder=0)
    for edge in (-1, 1):
        pulls.axvline(edge, color="0.8", lw=0.8, ls="--", zorder=0)
    pulls.set(xlabel="pull [standard deviations]", xlim=(-2.2, 2.2), title=title)
    pulls.set_yticks(places, [one.name for one in parameters])
    pulls.tick_params(axis="y", which="both", right=False, length=0)
    pulls.minorticks_off()
    # side by side: both may move the limit the same way
    for i, (label, colour) in enumerate((("-1", ORANGE), ("+1", BLUE))):
        change = [100 * (np.sqrt(1 + one.limit[i]) - 1) for one in parameters]
        impacts.barh(places + OFFSETS[i], change, height=HEIGHT, color=colour, label=label)
    impacts.axvline(0.0, color="0.3", lw=0.8)
    impacts.set_xlabel(r"change of the limit on $\epsilon$ [%]")
    impacts.tick_params(axis="y", which="both", right=False, left=False)
    impacts.minorticks_off()
    pulls.set_ylim(-0.8, len(parameters) + 0.9)
    pulls.legend(loc="upper left", ncols=2, fontsize=9)
    impacts.legend(loc="upper left", title="held at", ncols=2, fontsize=9, title_fontsize=9)
    return pulls, impacts
