"""From limits on events to limits on epsilon, over a grid of masses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.errors import LimitError
from na64ana.stats import asymptotic, marginalised, toys
from na64ana.stats.model import CountingModel, EventLimit, Method

Floats = npt.NDArray[np.float64]

#: Masses whose channels share the signal alike to this much have the same limit on events; half of
#: it in one share moves a limit by less than 1e-3 (tests/physics/test_limits.py).
SHARE_STEP = 2e-3


@dataclass(frozen=True)
class LimitCurve:
    """Upper limits on epsilon.

    Attributes
    ----------
    method, confidence_level
        As in `EventLimit`.
    masses : array (n,)
        Masses of the A' [GeV].
    epsilon_0 : array (n,)
        The epsilon that gives one signal event in all channels together.
    event_limits : tuple of EventLimit
        The limit on events at each mass.
    """

    method: Method
    confidence_level: float
    masses: Floats
    epsilon_0: Floats
    event_limits: tuple[EventLimit, ...]

    @property
    def observed(self) -> Floats | None:
        """Observed limits on epsilon ``(n,)``; None while the box is closed."""
        events = [limit.observed for limit in self.event_limits if limit.observed is not None]
        if len(events) < len(self.masses):
            return None
        return np.asarray(self.epsilon_0 * np.sqrt(events))

    @property
    def has_expected(self) -> bool:
        """Whether the expected limits were computed."""
        return all(limit.expected is not None for limit in self.event_limits)

    @property
    def expected(self) -> Floats:
        """Limits on epsilon ``(n, 5)`` expected without a signal, at -2 to 2 sigma.

        Raises
        ------
        LimitError
            If they were not computed.
        """
        events = [limit.expected for limit in self.event_limits if limit.expected is not None]
        if not self.has_expected:
            msg = "the expected limits were not computed; ask for them with expected=True"
            raise LimitError(msg)
        return np.asarray(self.epsilon_0[:, None] * np.sqrt(np.array(events)))


def compute_event_limit(
    model: CountingModel,
    confidence_level: float,
    method: Method,
    *,
    expected: bool = True,
    n_toys: int = toys.N_TOYS,
    seed: int = toys.SEED,
) -> EventLimit:
    """Compute a limit on events by the method named; raises `LimitError`."""
    if method == "toys":
        return toys.compute_limit(
            model, confidence_level, expected=expected, n_toys=n_toys, seed=seed
        )
    compute = {
        "marginalised": marginalised.compute_limit,
        "asymptotic": asymptotic.compute_limit,
    }[method]
    return compute(model, confidence_level, expected=expected)


def compute_curve(
    masses: Sequence[float] | Floats,
    models: Sequence[CountingModel],
    confidence_level: float,
    method: Method,
    *,
    expected: bool = True,
    n_toys: int = toys.N_TOYS,
    seed: int = toys.SEED,
) -> LimitCurve:
    """Compute limits on epsilon for one model per mass.

    Parameters
    ----------
    masses : sequence of float
        Masses of the A' [GeV].
    models : sequence of CountingModel
        One per mass, with the signal of epsilon = 1. They may differ in the signal only.
    confidence_level : float
    method : {"toys", "marginalised", "asymptotic"}
    expected : bool
        Whether to compute the expected limits, too.
    n_toys, seed : int
        Of toys (`na64ana.stats.toys`).

    Raises
    ------
    LimitError
        If a model has no signal or its limit cannot be computed.
    """
    # A limit on events knows of the mass only through the share of each channel in the signal.
    by_shares: dict[tuple[int, ...], EventLimit] = {}
    limits = []
    for mass, model in zip(masses, models, strict=True):
        if not model.signal > 0:
            msg = f"no signal is expected at {mass:g} GeV for any epsilon"
            raise LimitError(msg)
        if method == "asymptotic":  # all masses at once, below
            continue
        shares = tuple(round(c.signal.events / model.signal / SHARE_STEP) for c in model.channels)
        if shares not in by_shares:
            by_shares[shares] = compute_event_limit(
                model, confidence_level, method, expected=expected, n_toys=n_toys, seed=seed
            )
        limits.append(by_shares[shares])
    if method == "asymptotic":
        limits = list(
            asymptotic.compute_event_limits(models[0], models, confidence_level, expected=expected)
        )
    return LimitCurve(
        method=method,
        confidence_level=confidence_level,
        masses=np.asarray(masses, float),
        epsilon_0=np.array([model.signal for model in models]) ** -0.5,
        event_limits=tuple(limits),
    )
