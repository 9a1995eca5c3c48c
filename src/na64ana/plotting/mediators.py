"""Limits on other bosons, their part of the magnetic moment, and projections."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from na64ana.interpretation.magnetic_moment import BERKELEY, LKB, epsilon_of
from na64ana.interpretation.mediators import GaugeBosonLimit, MediatorLimit
from na64ana.interpretation.projection import Projection
from na64ana.plotting.style import BLACK, BLUE, INNER_BAND, ORANGE, PALETTE
from na64ana.stats.curve import LimitCurve

_NAMES = {"V": "vector", "A": "axial vector", "S": "scalar", "P": "pseudoscalar"}
_COLOURS = dict(zip(_NAMES, PALETTE, strict=False))
_MEASURED = {LKB: "--", BERKELEY: ":"}
_BOSONS = {"b_minus_l": r"$B-L$", "l_mu_minus_l_tau": r"$L_\mu-L_\tau$"}
_MASS = r"$m_X$ [GeV]"


def plot_mediators(limits: Sequence[MediatorLimit], ax: Axes) -> Axes:
    """Draw limits on epsilon_X, and what the magnetic moment of the electron says.

    Parameters
    ----------
    limits : sequence of MediatorLimit
    ax : Axes
    """
    for limit in limits:
        colour, masses = _COLOURS[limit.mediator], limit.curve.masses
        ax.plot(masses, limit.epsilon, color=colour, lw=1.8, label=_NAMES[limit.mediator])
        for measurement, style in _MEASURED.items():
            allowed = epsilon_of(limit.mediator, masses, measurement)
            ax.plot(masses, allowed, style, color=colour, lw=1.1)
    for name, style in (
        ("NA64", "-"),
        *((f"$a_e$, {m.name}, 95 %", s) for m, s in _MEASURED.items()),
    ):
        ax.plot([], [], style, color="0.4", label=name)
    level = f"{100 * limits[0].curve.confidence_level:g} % CL"
    _finish(ax, limits[0].curve, r"$\epsilon_X = g_X/e$", level)
    return ax


def plot_magnetic_moment(limits: Sequence[MediatorLimit], ax: Axes) -> Axes:
    """Draw the largest absolute contribution to a_e that is left to each boson.

    Parameters
    ----------
    limits : sequence of MediatorLimit
    ax : Axes
    """
    for limit in limits:
        colour, label = _COLOURS[limit.mediator], _NAMES[limit.mediator]
        sign = "+" if limit.delta_a[-1] > 0 else "-"
        ax.plot(
            limit.curve.masses,
            np.abs(limit.delta_a),
            color=colour,
            lw=1.8,
            label=f"NA64, {label} ({sign})",
        )
    for measurement, colour in ((LKB, "0.35"), (BERKELEY, "0.6")):
        low, high = sorted(
            abs(measurement.value) + sign * measurement.error for sign in (-1.0, 1.0)
        )
        sign = "+" if measurement.value > 0 else "-"
        label = rf"{measurement.name} $\pm1\sigma$ ({sign})"
        ax.axhspan(low, high, color=colour, alpha=0.35, lw=0, label=label)
    level = f"{100 * limits[0].curve.confidence_level:g} % CL"
    _finish(ax, limits[0].curve, r"$|\Delta a_e|$", f"{level}, sign in brackets")
    return ax


def plot_gauge_bosons(limits: Sequence[GaugeBosonLimit], ax: Axes) -> Axes:
    """Draw limits on the coupling of bosons that decay to neutrinos.

    Parameters
    ----------
    limits : sequence of GaugeBosonLimit
    ax : Axes
    """
    for limit, colour in zip(limits, (BLUE, ORANGE), strict=False):
        ax.plot(limit.masses, limit.coupling, color=colour, lw=1.8, label=_BOSONS[limit.model])
    ax.set(xscale="log", yscale="log", xlabel=r"$m_{Z'}$ [GeV]", ylabel=r"coupling $g$")
    ax.set_xlim(limits[0].masses[0], limits[0].masses[-1])
    level = f"{100 * limits[0].confidence_level:g} % CL"
    ax.legend(loc="upper left", title=f"NA64, {level}, invisible", alignment="left")
    return ax


def plot_projections(now: LimitCurve, projections: Sequence[Projection], ax: Axes) -> Axes:
    """Draw limits expected of more electrons on target beside that of now.

    Parameters
    ----------
    now : LimitCurve
    projections : sequence of Projection
        The first with a background has its band drawn.
    ax : Axes
    """
    ax.plot(now.masses, now.headline, color=BLACK, lw=2, label="now, observed")
    banded = next((one for one in projections if one.background == "scaled"), None)
    eots = list(dict.fromkeys(one.eot for one in projections))
    for one in projections:
        colour = PALETTE[eots.index(one.eot) % len(PALETTE)]
        style = "-" if one.background == "free" else "--"
        what = "no background" if one.background == "free" else "background scaled"
        median = one.curve.expected[:, 2]
        ax.plot(one.curve.masses, median, color=colour, ls=style, label=f"{_eot(one.eot)}, {what}")
        if one is banded:
            low, high = one.curve.expected[:, 1], one.curve.expected[:, 3]
            label = r"the same, $\pm1\sigma$"
            ax.fill_between(one.curve.masses, low, high, color=INNER_BAND, lw=0, label=label)
    level = f"{100 * now.confidence_level:g} % CL"
    _finish(ax, now, r"mixing strength $\epsilon$", f"expected, {level}")
    ax.set_xlabel(r"$m_{A'}$ [GeV]")
    return ax


def _eot(number: float) -> str:
    mantissa, exponent = f"{number:.2e}".split("e")
    return rf"${float(mantissa):g}\times10^{{{int(exponent)}}}$ EOT"


def _finish(ax: Axes, curve: LimitCurve, ylabel: str, title: str) -> None:
    limits = (curve.masses[0], curve.masses[-1])
    ax.set(xscale="log", yscale="log", xlabel=_MASS, ylabel=ylabel, xlim=limits)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), title=title, alignment="left")
