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
_COLOURS = dict(zip(KIND_LABELS, (PALETTE[i] for i in (1, 2, 4, 5)), strict=True))
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
    alphas = list(dict.fromkeys(one.dark_matter.alpha_d for one in limits))
    for alpha in alphas:
        curves = {
            one.dark_matter.kind: one.curve.headline
            for one in limits
            if one.dark_matter.alpha_d == alpha
        }
        style = ("-", "--", ":", "-.")[alphas.index(alpha) % 4]
        for kind, name, epsilon in _distinct(curves):
            label = rf"{name}, $\alpha_D$ = {alpha:g}"
            ax.plot(limits[0].curve.masses, epsilon, color=_COLOURS[kind], ls=style, label=label)
    _draw_references(references, ax)
    masses = limits[0].curve.masses
    _loglog(ax, masses, r"$m_{A'}$ [GeV]", r"mixing strength $\epsilon$")
    _legend(ax, f"NA64, {100 * limits[0].curve.confidence_level:g} % CL")
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
    for kind, name, y in _distinct({one.dark_matter.kind: one.y for one in limits}):
        main = kind == first.dark_matter.kind
        colour, width = (BLACK, 2.2) if main else (_COLOURS[kind], 1.0)
        ax.plot(m_chi, y, color=colour, lw=width, label=f"NA64, {name}")
    for kind, name, y in _distinct({one.dark_matter.kind: one.y for one in targets}):
        label = f"relic density, {name}"
        ax.plot(targets[0].m_chi, y, color=_COLOURS[kind], ls="--", lw=1.8, label=label)
    _draw_references(references, ax)
    _loglog(ax, m_chi, r"$m_\chi$ [GeV]", r"$y=\epsilon^2\alpha_D\,(m_\chi/m_{A'})^4$")
    _legend(ax, _assumed(limits))
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
    for kind, name, alpha in _distinct({one.kind: one.alpha_d for one in limits}):
        low, high = limits[0].tested
        colour = _COLOURS[kind]
        shown = np.clip(np.where(alpha > 0, alpha, np.nan), low, high)
        ax.plot(limits[0].m_chi, shown, color=colour, lw=1.8, label=f"{name}: excluded below")
        if np.isinf(alpha).any():  # all that were tested: said, not drawn as a limit
            top = np.where(np.isinf(alpha), high, np.nan)
            ax.plot(limits[0].m_chi, top, color=colour, lw=6, label=f"{name}: all are excluded")
    for name, bound in _bounds(bounds).items():
        pole = f"{name}: Landau pole at 1 TeV"
        ax.axhline(bound, color="0.5", ls=_DASHES[len(ax.lines) % 3], lw=1.0, label=pole)
    _loglog(ax, limits[0].m_chi, r"$m_\chi$ [GeV]", r"$\alpha_D$")
    ax.set_ylim(top=1.3 * limits[0].tested[1])
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


def _distinct(curves: Mapping[str, Floats]) -> list[tuple[str, str, Floats]]:
    """Return kind, name and values of curves; kinds whose curves are the same share one."""
    found: list[tuple[str, str, Floats]] = []
    for kind, values in curves.items():
        for i, (first, name, known) in enumerate(found):
            if np.allclose(values, known, rtol=1e-3, atol=0.0):
                found[i] = (first, f"{name}, {KIND_LABELS[kind]}", known)
                break
        else:
            found.append((kind, KIND_LABELS[kind], values))
    return found


def _bounds(bounds: Mapping[str, float]) -> dict[str, float]:
    """Return bounds by the names of all kinds that share one."""
    by_value: dict[float, list[str]] = {}
    for kind, bound in bounds.items():
        by_value.setdefault(bound, []).append(KIND_LABELS[kind])
    return {", ".join(names): bound for bound, names in by_value.items()}


def _assumed(limits: Sequence[DarkMatterLimit]) -> str:
    """Return the assumptions, and for which kinds alpha_D is beyond its Landau pole."""
    limit = limits[0]
    dark = limit.dark_matter
    beyond = [KIND_LABELS[one.dark_matter.kind] for one in limits if one.notes]
    poles = f"\nLandau pole below 1 TeV: {', '.join(beyond)}" if beyond else ""
    ratio = rf"$m_{{A'}}$ = {1 / dark.mass_ratio:.3g} $m_\chi$"
    level = f"{100 * limit.curve.confidence_level:g} % CL"
    return rf"{level}, $\alpha_D$ = {dark.alpha_d:g}, {ratio}{poles}"


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
