"""The exclusion curve."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from na64ana.config.reference import ReferenceCurve
from na64ana.plotting.style import BLACK, BLUE, INNER_BAND, ORANGE, OUTER_BAND
from na64ana.stats.curve import LimitCurve

Floats = npt.NDArray[np.float64]


def plot_limit(
    curve: LimitCurve,
    ax: Axes,
    *,
    beside: Sequence[LimitCurve] = (),
    references: Sequence[ReferenceCurve] = (),
    title: str = "",
) -> Axes:
    """Draw observed and expected limits on epsilon against the mass of the A'.

    Parameters
    ----------
    curve : LimitCurve
        The headline; without an observed limit only the expected one is drawn.
    ax : Axes
        Where to draw.
    beside : sequence of LimitCurve
        Observed limits by other methods.
    references : sequence of ReferenceCurve
        Published points, drawn as markers.
    title : str
        What the curve was made from.

    Returns
    -------
    Axes
    """
    masses = curve.masses
    if curve.has_expected:
        _draw_expected(masses, curve.expected, ax)
    for other, style in zip(beside, (":", "-.", "--"), strict=False):
        if other.observed is not None:
            label = f"observed, {other.method}"
            ax.plot(masses, other.observed, color=BLUE, ls=style, label=label)
    if curve.observed is not None:
        ax.plot(masses, curve.observed, color=BLACK, lw=2, label=f"observed, {curve.method}")
    for reference in references:
        mass, epsilon = zip(*reference.points, strict=True)
        ax.plot(mass, epsilon, "D", color=ORANGE, ms=6, label=reference.label)
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(masses[0], masses[-1]),
        xlabel=r"$m_{A'}$ [GeV]",
        ylabel=r"mixing strength $\epsilon$",
    )
    level = f"{100 * curve.confidence_level:g} % CL upper limit"
    ax.legend(loc="upper left", title=f"$A'\\to$ invisible, {level}", alignment="left")
    ax.text(0.97, 0.04, title, transform=ax.transAxes, ha="right", va="bottom")
    return ax


def _draw_expected(masses: Floats, expected: Floats, ax: Axes) -> None:
    for n, colour in ((2, OUTER_BAND), (1, INNER_BAND)):
        label = rf"expected $\pm{n}\sigma$"
        ax.fill_between(
            masses, expected[:, 2 - n], expected[:, 2 + n], color=colour, lw=0, label=label
        )
    ax.plot(masses, expected[:, 2], color=BLUE, ls="--", label="expected median")
