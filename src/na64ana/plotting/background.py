"""Sideband C, the functions fitted to it, and what they say of the box."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from scipy.stats import chi2

from na64ana.background.extrapolation import Extrapolation, compute_band
from na64ana.background.families import expected_counts
from na64ana.plotting.style import BLACK, INNER_BAND, ORANGE, PALETTE

Floats = npt.NDArray[np.float64]

#: Width of the bins of curves and band in the box [GeV].
BIN_WIDTH = 2.0
_COLOURS = [colour for colour in PALETTE if colour not in {BLACK, ORANGE}]
_STYLES = ("-", "--", "-.", ":", (0, (5, 1)))


def curve_edges(fit: Extrapolation, low: float = 20.0) -> Floats:
    """Return edges [GeV] from `low` to the end of the fit range, with the edge of the box."""
    below = np.arange(fit.e_ecal_max, low - 1e-9, -BIN_WIDTH)[::-1]
    n_bins = max(1, round((fit.fit_range[1] - fit.e_ecal_max) / BIN_WIDTH))
    return np.concatenate([below, np.linspace(fit.e_ecal_max, fit.fit_range[1], n_bins + 1)[1:]])


def curves(fit: Extrapolation, edges: Floats) -> dict[str, Floats]:
    """Return what is drawn, events ``(n,)`` per bin: the band, and each family."""
    low, median, high = compute_band(fit, edges)
    drawn = {"band_low": low, "band_median": median, "band_high": high}
    for one in fit.fits:
        drawn[one.family] = expected_counts(one.family, one.ln_b, one.shape, edges, fit.e_ecal_max)
    return drawn


def _poisson_errors(counts: npt.NDArray[np.int64]) -> Floats:
    """Return the distances ``(2, n)`` to the ends of the central 68 % intervals."""
    low, high = chi2.ppf(0.1587, 2 * counts) / 2, chi2.ppf(0.8413, 2 * counts + 2) / 2
    return np.array([counts - low, high - counts])


def plot_sideband(
    fit: Extrapolation, energies: Floats, ax: Axes, *, title: str = "", observed: int | None = None
) -> Axes:
    """Draw the events of sideband C, all fits with their band, and the box.

    Parameters
    ----------
    fit : Extrapolation
    energies : array (n,)
        E_ECAL [GeV] of the events.
    ax : Axes
        Where to draw.
    title : str
        Which events these are.
    observed : int or None
        Events in the box; None while it is closed.
    """
    edges = curve_edges(fit)
    centres = (edges[1:] + edges[:-1]) / 2
    drawn = curves(fit, edges)
    down, up = fit.factors
    ax.axvspan(0, fit.e_ecal_max, facecolor="none", hatch="////", edgecolor=ORANGE, alpha=0.35)
    ax.axvline(fit.e_ecal_max, color=ORANGE, lw=1.5)
    ax.stairs(
        drawn["band_high"],
        edges,
        baseline=drawn["band_low"],
        fill=True,
        color=INNER_BAND,
        label="average, 68 %",
    )
    for i, one in enumerate(fit.fits):
        name = one.family.replace("_", " ")
        weight = f", {one.weight:.0%}" if one.weight else ", not used"
        ax.plot(
            centres,
            drawn[one.family],
            color=_COLOURS[i % len(_COLOURS)],
            ls=_STYLES[i % len(_STYLES)],
            lw=1.6,
            label=f"{name}{weight}",
        )
    above = edges[edges >= fit.e_ecal_max - 1e-9]
    counts = np.histogram(energies, above)[0]
    fitted = above[:-1] >= fit.fit_range[0] - 1e-9
    for some, label, face in ((fitted, "sideband C", BLACK), (~fitted, "not fitted", "white")):
        filled = (counts > 0) & some
        if filled.any():
            ax.errorbar(
                ((above[1:] + above[:-1]) / 2)[filled],
                counts[filled],
                yerr=_poisson_errors(counts[filled]),
                fmt="o",
                ms=4,
                color=BLACK,
                markerfacecolor=face,
                label=label,
            )
    found = "closed" if observed is None else f"{observed} observed"
    ax.text(
        0.03,
        0.97,
        f"signal box: {found}\nexpected {fit.events:.2g} "
        f"({fit.events * down:.2g} to {fit.events * up:.2g})",
        transform=ax.transAxes,
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none"},
    )
    top = max(10.0, 3.0 * float(counts.max(initial=0)))
    ax.set(
        xlabel=r"$E_\mathrm{ECAL}$ [GeV]",
        ylabel=f"events / {BIN_WIDTH:g} GeV",
        xlim=(edges[0], edges[-1]),
        ylim=(1e-4, top),
        yscale="log",
        title=title,
    )
    ax.legend(loc="lower right", fontsize=10)
    return ax
