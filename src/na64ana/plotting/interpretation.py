"""What a limit means for dark matter: the (epsilon, y, alpha_D) planes and scattering."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from na64ana.config.reference import ReferenceCurve
from na64ana.interpretation.dark_matter import electron_cross_section
from na64ana.interpretation.planes import AlphaLimit, DarkMatterLimit
from na64ana.interpretation.relic import ThermalTarget
from na64ana.plotting.style import BLACK, BLUE, GREYS, INNER_BAND, OUTER_BAND, PALETTE

Floats = npt.NDArray[np.float64]

KIND_LABELS = {
    "scalar": "complex scalar",
    "majorana": "Majorana",
    "pseudo_dirac": "pseudo-Dirac",
    "dirac": "Dirac",
}
_COLOURS = dict(zip(KIND_LABELS, PALETTE[1:5], strict=False))
_DASHES = ("--", "-.", ":", (0, (6, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)))


def plot_epsilon(
    limits: Sequence[DarkMatterLimit], ax: Axes, *, references: Mapping[str, ReferenceCurve]
) -> Axes:
    """Draw limits on epsilon for some dark matter, and those of other experiments.

    Parameters
    ----------
    limits : sequence of DarkMatterLimit
        They differ where the resonance is.
    ax : Axes
    references : mapping of str to ReferenceCurve
        In the plane of m_A' and epsilon.
    """
    for limit in limits:
        dark = limit.dark_matter
        colour = _COLOURS[dark.kind]
        same = [one for one in limits if one.dark_matter.kind == dark.kind]
        style = ("-", "--", ":")[same.index(limit) % 3]
        label = rf"{KIND_LABELS[dark.kind]}, $\alpha_D$ = {dark.alpha_d:g}"
        epsilon = limit.curve.headline
        ax.plot(limit.curve.masses, epsilon, color=colour, ls=style, label=label)
    _draw_references(references, ax)
    masses = limits[0].curve.masses
    _loglog(ax, masses, r"$m_{A'}$ [GeV]", r"mixing strength $\epsilon$")
    _legend(ax, "NA64, 90 % CL")
    return ax


def plot_y(
    limits: Sequence[DarkMatterLimit],
    targets: Sequence[ThermalTarget],
    ax: Axes,
    *,
    references: Mapping[str, ReferenceCurve],
) -> Axes:
    """Draw limits on y of one alpha_D, and what makes the relic density.

    Parameters
    ----------
    limits : sequence of DarkMatterLimit
        Of one alpha_D; the first has its expected band drawn.
    targets : sequence of ThermalTarget
    ax : Axes
    references : mapping of str to ReferenceCurve
        In the plane of m_chi and y, with the same assumptions.
    """
    first = limits[0]
    m_chi = first.m_chi
    if first.curve.has_expected:
        for n, colour in ((2, OUTER_BAND), (1, INNER_BAND)):
            low, high = first.expected[:, 2 - n], first.expected[:, 2 + n]
            label = rf"expected $\pm{n}\sigma$"
            ax.fill_between(m_chi, low, high, color=colour, lw=0, label=label)
    for limit in limits:
        y = limit.expected[:, 2] if limit.observed is None else limit.observed
        kind = limit.dark_matter.kind
        colour = BLACK if limit is first else _COLOURS[kind]
        width = 2.2 if limit is first else 1.0
        label = f"NA64, {KIND_LABELS[kind]}"
        ax.plot(limit.m_chi, y, color=colour, lw=width, label=label)
    for target in targets:
        kind = target.dark_matter.kind
        label = f"relic density, {KIND_LABELS[kind]}"
        ax.plot(target.m_chi, target.y, color=_COLOURS[kind], ls="--", lw=1.8, label=label)
    _draw_references(references, ax)
    _loglog(ax, m_chi, r"$m_\chi$ [GeV]", r"$y=\epsilon^2\alpha_D\,(m_\chi/m_{A'})^4$")
    _legend(ax, _assumed(first))
    return ax


def plot_alpha(limits: Sequence[AlphaLimit], bounds: Mapping[str, float], ax: Axes) -> Axes:
    """Draw which alpha_D are excluded for dark matter of the relic density.

    Parameters
    ----------
    limits : sequence of AlphaLimit
    bounds : mapping of str to float
        The largest alpha_D without a Landau pole below 1 TeV, by kind.
    ax : Axes
    """
    for limit in limits:
        colour, label = _COLOURS[limit.kind], KIND_LABELS[limit.kind]
        inside = np.isfinite(limit.alpha_d)
        alpha = np.where(inside, limit.alpha_d, np.nan)
        ax.plot(limit.m_chi, alpha, color=colour, lw=1.8, label=f"{label}: excluded below")
        if not inside.all():  # all alpha_D up to 1: said at the top, not drawn as a limit
            shown = np.where(inside, np.nan, 1.0)
            ax.plot(limit.m_chi, shown, color=colour, lw=5, label=f"{label}: all up to 1 excluded")
        pole = f"{label}: Landau pole at 1 TeV"
        ax.axhline(bounds[limit.kind], color=colour, ls=":", lw=1.2, label=pole)
    _loglog(ax, limits[0].m_chi, r"$m_\chi$ [GeV]", r"$\alpha_D$")
    ax.set_ylim(top=1.15)
    ratio = 1 / limits[0].mass_ratio
    _legend(ax, rf"relic density, $m_{{A'}}$ = {ratio:.3g} $m_\chi$")
    return ax


def plot_scattering(limits: Sequence[DarkMatterLimit], ax: Axes) -> Axes:
    """Draw limits on the scattering of slow dark matter on electrons.

    Parameters
    ----------
    limits : sequence of DarkMatterLimit
        Of dark matter that scatters elastically.
    ax : Axes
    """
    for limit in limits:
        dark, masses = limit.dark_matter, limit.curve.masses
        sigma = electron_cross_section(masses, limit.curve.headline, dark)
        style = "-" if dark.alpha_d == limits[0].dark_matter.alpha_d else "--"
        label = rf"{KIND_LABELS[dark.kind]}, $\alpha_D$ = {dark.alpha_d:g}"
        ax.plot(limit.m_chi, sigma, color=_COLOURS[dark.kind], ls=style, label=label)
    _loglog(ax, limits[0].m_chi, r"$m_\chi$ [GeV]", r"$\sigma_e$ [cm$^2$]")
    ratio = 1 / limits[0].dark_matter.mass_ratio
    _legend(ax, rf"$\chi e\to\chi e$ left by NA64, $m_{{A'}}$ = {ratio:.3g} $m_\chi$")
    return ax


def _assumed(limit: DarkMatterLimit) -> str:
    dark = limit.dark_matter
    level = f"{100 * limit.curve.confidence_level:g} % CL"
    return (
        rf"{level}, $\alpha_D$ = {dark.alpha_d:g}, $m_{{A'}}$ = {1 / dark.mass_ratio:.3g} $m_\chi$"
    )


def _draw_references(references: Mapping[str, ReferenceCurve], ax: Axes) -> None:
    """Draw lines of others in grey; few points, as of NA64, as markers."""
    for i, curve in enumerate(references.values()):
        mass, value = zip(*curve.points, strict=True)
        if len(mass) < 6:
            ax.plot(mass, value, "D", color=BLUE, ms=5, label=curve.label)
            continue
        style, grey = _DASHES[i % len(_DASHES)], GREYS[i % len(GREYS)]
        ax.plot(mass, value, color=grey, ls=style, lw=1.3, label=curve.label)


def _loglog(ax: Axes, masses: Floats, xlabel: str, ylabel: str) -> None:
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel, xlim=(masses[0], masses[-1]))


def _legend(ax: Axes, title: str) -> None:
    """Put the legend beside the axes, where it hides no curve."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), title=title, alignment="left")
