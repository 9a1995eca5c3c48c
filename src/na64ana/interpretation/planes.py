"""Limits on dark matter: (m_A', epsilon), (m_chi, y) and (m_chi, alpha_D).

Resonant annihilation depends on alpha_D, on the kind of dark matter and on its mass, by the width
of the A'. So a limit for another dark matter is computed anew from its yield, not rescaled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from na64ana.errors import ModelError
from na64ana.interpretation.acceptance import Acceptance, signal_events, with_events
from na64ana.interpretation.dark_matter import compute_epsilon, compute_y, landau_note
from na64ana.interpretation.relic import ThermalTarget
from na64ana.signal.table import YieldTable
from na64ana.signal.widths import DarkMatter
from na64ana.stats.curve import LimitCurve, compute_curve, signal_shares
from na64ana.stats.model import CountingModel, EventLimit

Floats = npt.NDArray[np.float64]

#: Values of alpha_D at which limits and targets are computed for the (m_chi, alpha_D) plane; in
#: between the logarithms of epsilon and y are linear in ln alpha_D, within 3 %.
ALPHAS = (1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0)


@dataclass(frozen=True, eq=False)
class Search:
    """What limits for any model are computed from.

    Attributes
    ----------
    curve : LimitCurve
        A limit that is known, and the masses, method and confidence level of all.
    models : tuple of CountingModel
        That of each mass in it, with the signal of epsilon = 1.
    acceptances : mapping of str to Acceptance
        By period.
    """

    curve: LimitCurve
    models: tuple[CountingModel, ...]
    acceptances: Mapping[str, Acceptance]

    @property
    def masses(self) -> Floats:
        """Masses of the A' ``(m,)`` [GeV]."""
        return self.curve.masses

    def models_of(self, table: YieldTable) -> tuple[CountingModel, ...]:
        """Return the models of another yield, one per mass."""
        events = signal_events(self.acceptances, table, self.masses)
        return tuple(with_events(model, events, i) for i, model in enumerate(self.models))

    def limit(self, table: YieldTable) -> LimitCurve:
        """Return the limit of another yield, by the method of `curve`.

        Limits on events that are known are used again: they depend on how the signal is shared by
        the periods and processes alone.

        Raises
        ------
        LimitError
            If there is no signal at some mass.
        """
        one = self.curve.event_limits[0]
        return compute_curve(
            self.masses,
            self.models_of(table),
            self.curve.confidence_level,
            self.curve.method,
            expected=self.curve.has_expected,
            **({} if one.n_toys is None else {"n_toys": one.n_toys, "seed": one.seed or 0}),
            known=self._known,
        )

    @cached_property
    def _known(self) -> tuple[tuple[Floats, EventLimit], ...]:
        shares = (signal_shares(model) for model in self.models)
        return tuple(zip(shares, self.curve.event_limits, strict=True))


@dataclass(frozen=True, eq=False)
class DarkMatterLimit:
    """The limit for one dark matter.

    Attributes
    ----------
    dark_matter : DarkMatter
    curve : LimitCurve
        On epsilon, over the mass of the A'.
    notes : tuple of str
        What to mind.
    """

    dark_matter: DarkMatter
    curve: LimitCurve
    notes: tuple[str, ...] = ()

    @property
    def m_chi(self) -> Floats:
        """Masses of the dark matter ``(m,)`` [GeV]."""
        return self.dark_matter.mass_ratio * self.curve.masses

    @property
    def y(self) -> Floats:
        """Limits on y ``(m,)``: observed, or the expected medians while the box is closed."""
        return compute_y(self.curve.headline, self.dark_matter)

    @property
    def observed(self) -> Floats | None:
        """Observed limits on y ``(m,)``; None while the box is closed."""
        epsilon = self.curve.observed
        return None if epsilon is None else compute_y(epsilon, self.dark_matter)

    @property
    def expected(self) -> Floats:
        """Limits on y ``(m, 5)`` expected without a signal, at -2 to 2 sigma."""
        return compute_y(self.curve.expected, self.dark_matter)


@dataclass(frozen=True, eq=False)
class AlphaLimit:
    """Which alpha_D are excluded for dark matter that makes the relic density.

    Attributes
    ----------
    kind : str
    mass_ratio : float
    m_chi : array (m,)
        [GeV]
    alpha_d : array (m,)
        Those below are excluded, as far as `tested`; infinite where all up to 1 are, zero where
        none is.
    y_target : array (m,)
        Of the relic density, at `alpha_d`; at the nearest that is tested if there is none.
    tested : tuple of float
        Least and largest alpha_D.
    """

    kind: str
    mass_ratio: float
    m_chi: Floats
    alpha_d: Floats
    y_target: Floats
    tested: tuple[float, float]


def compute_dark_matter_limit(
    search: Search, dark_matter: DarkMatter, load: Callable[[DarkMatter], YieldTable]
) -> DarkMatterLimit:
    """Compute the limit for a dark matter.

    Parameters
    ----------
    search : Search
    dark_matter : DarkMatter
    load : callable
        Gives the yields of a dark matter.

    Raises
    ------
    ModelError
        If m_A' is not well above 2 m_chi: there is no decay to chi chi, or a threshold on the pole.
    """
    if dark_matter.mass_ratio >= 0.5:
        msg = (
            f"m_A' = {1 / dark_matter.mass_ratio:.3g} m_chi lies below 2 m_chi: the A' decays "
            "visibly, which this search does not see; choose m_A' above 2 m_chi"
        )
        raise ModelError(msg)
    note = landau_note(dark_matter)
    return DarkMatterLimit(
        dark_matter, search.limit(load(dark_matter)), () if note is None else (note,)
    )


def compute_alpha_limit(
    limits: Sequence[DarkMatterLimit], targets: Sequence[ThermalTarget]
) -> AlphaLimit:
    """Compute the least alpha_D with which dark matter of the relic density is not excluded.

    The relic density fixes y, so that a small alpha_D needs a large epsilon. Excluded is where
    this epsilon is above its limit for the same alpha_D.

    Parameters
    ----------
    limits : sequence of DarkMatterLimit
        Of one kind and mass ratio, alpha_D rising; the observed limits, or the expected medians
        while the box is closed.
    targets : sequence of ThermalTarget
        Of the same dark matter; between its masses y is a power of the mass.

    Returns
    -------
    AlphaLimit
        At the masses of the limits inside the targets'; no target is extrapolated.

    Raises
    ------
    ModelError
        If the limits are of different dark matter, their alpha_D does not rise, or the targets are
        of others.
    """
    first = limits[0].dark_matter
    alphas = np.array([one.dark_matter.alpha_d for one in limits])
    alike = all(
        replace(one.dark_matter, alpha_d=first.alpha_d) == first
        and np.array_equal(one.curve.masses, limits[0].curve.masses)
        for one in limits
    )
    same = [one.dark_matter for one in limits] == [one.dark_matter for one in targets]
    if not (alike and same and (np.diff(alphas) > 0).all()):
        msg = "limits and targets of one dark matter with rising alpha_D are needed"
        raise ModelError(msg)
    low, high = targets[0].m_chi[[0, -1]] * (1 - 1e-9, 1 + 1e-9)
    inside = (limits[0].m_chi >= low) & (limits[0].m_chi <= high)
    m_chi = limits[0].m_chi[inside]
    log_y = np.array([np.interp(np.log(m_chi), np.log(t.m_chi), np.log(t.y)) for t in targets])
    needed = np.array(
        [compute_epsilon(np.exp(y), t.dark_matter) for y, t in zip(log_y, targets, strict=True)]
    )
    allowed = np.array([one.curve.headline[inside] for one in limits])
    excess = np.log(needed / allowed)  # falls with alpha_D: excluded where it is positive
    alpha = np.array([_crossing(np.log(alphas), one) for one in excess.T])
    at = np.log(np.clip(alpha, alphas[0], alphas[-1]))
    y = np.exp([np.interp(x, np.log(alphas), of) for x, of in zip(at, log_y.T, strict=True)])
    tested = (float(alphas[0]), float(alphas[-1]))
    return AlphaLimit(first.kind, first.mass_ratio, m_chi, alpha, np.asarray(y), tested)


def _crossing(log_alpha: Floats, excess: Floats) -> float:
    """Return the alpha_D below which the epsilon that is needed is above its limit."""
    excluded = np.flatnonzero(excess > 0)
    if len(excluded) == 0:
        return 0.0
    last = int(excluded[-1])
    if last == len(excess) - 1:
        return np.inf
    part = slice(last, last + 2)
    return float(np.exp(np.interp(0.0, -excess[part], log_alpha[part])))
