"""From one limit to what it means: other dark matter, other bosons, more electrons on target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from na64ana.errors import DataError
from na64ana.interpretation.acceptance import signal_events, with_events
from na64ana.interpretation.dark_matter import landau_bound
from na64ana.interpretation.mediators import (
    NARROW,
    GaugeBosonLimit,
    MediatorLimit,
    compute_b_minus_l,
    compute_l_mu_minus_l_tau,
)
from na64ana.interpretation.planes import (
    ALPHAS,
    AlphaLimit,
    DarkMatterLimit,
    Search,
    compute_alpha_limit,
    compute_dark_matter_limit,
)
from na64ana.interpretation.projection import Projection, project
from na64ana.interpretation.relic import ThermalTarget
from na64ana.signal.bremsstrahlung import Process
from na64ana.signal.table import Model, YieldTable
from na64ana.signal.widths import KINDS, DarkMatter
from na64ana.workflow.progress import Progress, silent
from na64ana.workflow.stored_limits import StoredLimits
from na64ana.workflow.targets import load_target
from na64ana.workflow.yields import load_model

T = TypeVar("T")

#: Electrons on target of projections (NA64's plans: PRL 131 (2023) 161801; UFN2021).
EOTS = (5e12, 1e13)
#: The yield of annihilation no longer depends on alpha_D below (tests/physics/test_planes.py).
NARROW_ALPHA = 1e-3
#: How well a stored limit must be found again from its own yields: files keep all digits.
_SAME = 1e-6


@dataclass(frozen=True)
class Choices:
    """What is asked of an interpretation.

    Attributes
    ----------
    kinds : tuple of str
        Of dark matter.
    alphas : tuple of float
        alpha_D of the (m_chi, y) planes.
    mass_ratio : float
        m_chi/m_A'.
    eots : tuple of float
        Electrons on target of projections.
    """

    kinds: tuple[str, ...] = KINDS
    alphas: tuple[float, ...] = (0.1, 0.5)
    mass_ratio: float = 1 / 3
    eots: tuple[float, ...] = EOTS


@dataclass(frozen=True, eq=False)
class Interpretation:
    """All that `na64ana interpret` prints, writes and draws.

    `dark_matter` has a limit for each kind and alpha_D, `targets` what makes the relic density of
    it, and `alpha` the (m_chi, alpha_D) plane by kind.
    """

    stored: StoredLimits
    choices: Choices
    dark_matter: tuple[DarkMatterLimit, ...]
    targets: tuple[ThermalTarget, ...]
    alpha: tuple[AlphaLimit, ...]
    mediators: tuple[MediatorLimit, ...]
    gauge_bosons: tuple[GaugeBosonLimit, ...]
    projections: tuple[Projection, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to mind, each once."""
        said = [note for one in self.dark_matter for note in one.notes]
        return tuple(dict.fromkeys(said))

    def of_alpha(
        self, alpha_d: float
    ) -> tuple[tuple[DarkMatterLimit, ...], tuple[ThermalTarget, ...]]:
        """Return limits and targets of one alpha_D, by kind."""
        pairs = zip(self.dark_matter, self.targets, strict=True)
        chosen = [pair for pair in pairs if pair[0].dark_matter.alpha_d == alpha_d]
        return tuple(limit for limit, _ in chosen), tuple(target for _, target in chosen)

    def bounds(self) -> dict[str, float]:
        """Return the largest alpha_D without a Landau pole below 1 TeV, by kind."""
        return {kind: landau_bound(kind) for kind in self.choices.kinds}


def interpret(
    stored: StoredLimits, choices: Choices | None = None, *, progress: Progress = silent
) -> Interpretation:
    """Compute what a limit means.

    Parameters
    ----------
    stored : StoredLimits
    choices : Choices or None
    progress : Progress
        Told of every step.

    Raises
    ------
    DataError
        If the limit is not that of the present yields: it is of another version.
    ModelError
        If a choice lies outside its range.
    LimitError
        If a limit is not found.
    """
    choices = choices or Choices()
    load = partial(_load, stored)
    search = make_search(stored)
    steps = partial(_step, progress)
    alphas = tuple(sorted({*ALPHAS, *choices.alphas}))
    # whatever is wrong with the choices shows before anything long
    dark_matter = {
        kind: [DarkMatter(kind, alpha, choices.mass_ratio) for alpha in alphas]
        for kind in choices.kinds
    }
    limits, targets = {}, {}
    for kind, every in dark_matter.items():
        targets[kind] = steps(f"relic density, {kind}", partial(_each, load_target, every))
        one = partial(compute_dark_matter_limit, search, load=load)
        limits[kind] = steps(f"limits, {kind}", partial(_each, one, every))
    chosen = [alphas.index(alpha) for alpha in choices.alphas]
    return Interpretation(
        stored=stored,
        choices=choices,
        dark_matter=tuple(limits[kind][i] for kind in choices.kinds for i in chosen),
        targets=tuple(targets[kind][i] for kind in choices.kinds for i in chosen),
        alpha=tuple(compute_alpha_limit(limits[kind], targets[kind]) for kind in choices.kinds),
        mediators=steps("other mediators", lambda: _mediators(stored, search)),
        gauge_bosons=steps("gauge bosons", lambda: _gauge_bosons(search, load(NARROW))),
        projections=steps(
            "projections",
            lambda: tuple(
                project(search, eot, background)
                for eot in choices.eots
                for background in ("free", "scaled")
            ),
        ),
    )


def make_search(stored: StoredLimits) -> Search:
    """Return what limits for other models are computed from.

    Raises
    ------
    DataError
        If the limit is not that of the present yields: it is of another version.
    """
    masses = stored.curve.masses
    table = _load(stored, stored.dark_matter)
    events = signal_events(stored.acceptances, table, masses)
    models = tuple(with_events(stored.model, events, i) for i in range(len(masses)))
    again = np.array([model.signal for model in models]) ** -0.5
    if not np.allclose(again, stored.curve.epsilon_0, rtol=_SAME):
        msg = "the limits are of other signal yields than this version has; run 'limits' again"
        raise DataError(msg)
    return Search(stored.curve, models, stored.acceptances)


def _load(stored: StoredLimits, dark_matter: DarkMatter) -> YieldTable:
    """Return the yields of a dark matter at the masses of the limit.

    Pseudo-Dirac pairs of nearly equal mass are made as Dirac ones are, and below `NARROW_ALPHA` a
    resonance is a line. The limit itself comes from a table that is interpolated.
    """
    model = replace(_model(stored), dark_matter=dark_matter)
    if dark_matter == stored.dark_matter:
        return load_model(model)
    alike = replace(
        dark_matter,
        kind="dirac" if dark_matter.kind == "pseudo_dirac" else dark_matter.kind,
        alpha_d=max(dark_matter.alpha_d, NARROW_ALPHA),
    )
    masses = tuple(stored.curve.masses.tolist())
    return load_model(replace(model, masses=masses, dark_matter=alike))


def _model(stored: StoredLimits) -> Model:
    usual, masses = Model(), stored.curve.masses
    low, high = min(usual.mass_min, masses[0]), max(usual.mass_max, masses[-1])
    return replace(usual, mass_min=float(low), mass_max=float(high))


def _each(work: Callable[[DarkMatter], T], every: Sequence[DarkMatter]) -> tuple[T, ...]:
    return tuple(work(one) for one in every)


def _mediators(stored: StoredLimits, search: Search) -> tuple[MediatorLimit, ...]:
    """Return the limits on S, P, A by bremsstrahlung, and on V."""
    model = replace(_model(stored), dark_matter=stored.dark_matter)
    tables = {name: load_model(replace(model, process=Process(name))) for name in ("S", "P", "A")}
    others = [MediatorLimit(name, search.limit(table)) for name, table in tables.items()]
    return (MediatorLimit("V", search.curve), *others)


def _gauge_bosons(search: Search, table: YieldTable) -> tuple[GaugeBosonLimit, ...]:
    curve = search.limit(table)
    return compute_b_minus_l(curve, table), compute_l_mu_minus_l_tau(curve)


def _step(progress: Progress, name: str, work: Callable[[], T]) -> T:
    """Do some work, and tell of its beginning and its end."""
    progress(name, 0, 1)
    result = work()
    progress(name, 1, 1)
    return result
