"""Limits by the asymptotic formulas, the letter's method: all masses in one compiled call.

CLs with q-tilde (G. Cowan et al., EPJC 71 (2011) 1554). For fewer than about ten background events
they exclude too much: 1.75 instead of 2.30 signal events for none observed and none expected to
matter. Every result says by how much.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from na64ana.errors import LimitError
from na64ana.stats import kernels
from na64ana.stats.likelihood import FIT_LIMITS, Likelihood
from na64ana.stats.model import CountingModel, EventLimit

Floats = npt.NDArray[np.float64]

#: Standard deviations of the expected limits.
SIGMAS = np.arange(-2.0, 3.0)


def compute_limits(
    likelihood: Likelihood,
    signals: Floats,
    confidence_level: float,
    *,
    expected: bool = True,
) -> Floats:
    """Compute limits on mu of models that differ in their signals only.

    Parameters
    ----------
    likelihood : Likelihood
    signals : array (n, signal samples)
        Signal events at mu = 1; best of order one in total, as limits are searched around it.
    confidence_level : float
    expected : bool
        Whether to compute the expected limits.

    Returns
    -------
    array (n, 6)
        Observed, NaN while the box is closed; expected at -2 to 2 standard deviations.

    Raises
    ------
    LimitError
        If a limit is not found.
    """
    alpha = 1 - confidence_level
    observed = likelihood.model.observed
    counts = np.array([] if observed is None else observed, float)
    nominal = likelihood.nominal_aux
    if observed is None:
        asimov, pulls = likelihood.rates(0.0, nominal), nominal
    else:
        pulls = likelihood.fit(counts, mu=0.0).pulls
        asimov = likelihood.rates(0.0, pulls)
    # At N standard deviations CLs is alpha where the root of q-tilde of the Asimov data is this.
    targets = SIGMAS + norm.isf(alpha * norm.cdf(SIGMAS)) if expected else np.empty(0)
    out = np.full((len(signals), 1 + len(targets)), np.nan)
    kernels.asymptotic_limits(
        np.ascontiguousarray(signals, float), alpha, targets, counts, nominal, asimov, pulls,
        likelihood.packed, FIT_LIMITS, out,
    )  # fmt: skip
    wanted = out if observed is not None else out[:, 1:]
    if not np.isfinite(wanted).all():
        place = int(np.flatnonzero(~np.isfinite(wanted).all(axis=1))[0])
        shares = np.round(signals[place] / max(signals[place].sum(), 1e-300), 4).tolist()
        msg = f"the asymptotic limit was not found for signal shares {shares}; check the model"
        raise LimitError(msg)
    if not expected:
        out = np.hstack([out, np.full((len(signals), 5), np.nan)])
    return out


def compute_limit(
    model: CountingModel, confidence_level: float, *, expected: bool = True
) -> EventLimit:
    """Compute observed and expected limits on the signal events.

    Parameters
    ----------
    model : CountingModel
        Any scale of the signal; the limit counts the events of all channels.
    confidence_level : float
    expected : bool
        Whether to compute the expected limits.

    Raises
    ------
    LimitError
        If there is no signal, or a limit is not found.
    """
    (one,) = compute_event_limits(model, [model], confidence_level, expected=expected)
    return one


def compute_cls(model: CountingModel, events: float) -> float:
    """Return CLs of the data for a number of signal events in all channels.

    Raises
    ------
    LimitError
        If there is no signal, the box is closed, or a fit fails.
    """
    likelihood = Likelihood(model.unit().merged())
    if likelihood.model.observed is None:
        msg = "the box is closed: there is no observed CLs"
        raise LimitError(msg)
    counts = np.array(likelihood.model.observed, float)
    pulls = likelihood.fit(counts, mu=0.0).pulls
    (q,) = likelihood.q_tilde(events, counts)
    (asimov,) = likelihood.q_tilde(events, likelihood.rates(0.0, pulls), pulls[None])
    return float(np.exp(kernels.log_cls_asymptotic(float(q), float(asimov))))


def compute_event_limits(
    model: CountingModel,
    models: Sequence[CountingModel],
    confidence_level: float,
    *,
    expected: bool = True,
) -> tuple[EventLimit, ...]:
    """Compute limits on events of models that differ from the first in their signal only."""
    units = [one.unit().merged() for one in models]
    signals = np.array([unit.signals for unit in units])
    rows = compute_limits(
        Likelihood(model.unit().merged()), signals, confidence_level, expected=expected
    )
    return tuple(
        EventLimit(
            "asymptotic",
            confidence_level,
            None if np.isnan(row[0]) else float(row[0]),
            (row[1], row[2], row[3], row[4], row[5]) if expected else None,
        )
        for row in rows.tolist()
    )
