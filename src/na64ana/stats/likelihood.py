"""The profile likelihood of a counting model, compiled: fits, pulls and test statistics.

A `Likelihood` is made once from a model and serves all masses, which differ in the signal of each
channel only, and all data sets.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from na64ana.errors import LimitError
from na64ana.stats import kernels
from na64ana.stats.interpolation import coefficients
from na64ana.stats.model import CountingModel, Sample

Floats = npt.NDArray[np.float64]

FIT_LIMITS = (kernels.BOUND, float(kernels.MAX_STEPS), kernels.ENOUGH)


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit.

    Attributes
    ----------
    mu : float
    pulls : array (parameters,)
        Nuisance parameters in standard deviations.
    nll : float
        -ln L, up to a constant of the data.
    slope : float
        Its derivative in mu.
    errors : array (parameters,)
        Of the pulls, from the Hessian; 1 where the data say nothing.
    """

    mu: float
    pulls: Floats
    nll: float
    slope: float
    errors: Floats


class Likelihood:
    """Profile likelihood of a counting model.

    Parameters
    ----------
    model : CountingModel
        Its signal is that of mu = 1.
    """

    def __init__(self, model: CountingModel) -> None:
        self.model = model
        self.parameters = model.parameters
        place = {name: i for i, name in enumerate(self.parameters)}
        rows: list[tuple[int, float, Sample]] = []
        n_signals = 0
        for i, one in enumerate(model.channels):
            # signals are marked by -1 - their number: their events change with the mass
            rows += [(i, -1.0 - n_signals - k, sample) for k, sample in enumerate(one.signals)]
            rows += [(i, sample.events, sample) for sample in one.backgrounds]
            n_signals += len(one.signals)
        factors = [list(sample.factors.items()) for _, _, sample in rows]
        flat = [pair for pairs in factors for pair in pairs]
        self.packed = (
            np.array([channel for channel, _, _ in rows]),
            np.array([background for _, background, _ in rows]),
            np.concatenate([[0], np.cumsum([len(pairs) for pairs in factors])]).astype(np.int64),
            np.array([place[name] for name, _ in flat], np.int64),
            np.array([coefficients(*edges) for _, edges in flat]).reshape(-1, 8),
        )
        self.signal = np.array(model.signals, float)

    @property
    def n_channels(self) -> int:
        """Number of channels, bins counted."""
        return len(self.model.channels)

    @property
    def n_parameters(self) -> int:
        """Number of nuisance parameters."""
        return len(self.parameters)

    @cached_property
    def nominal_aux(self) -> Floats:
        """Auxiliary measurements of the real data: zero, by convention."""
        return np.zeros(self.n_parameters)

    def rates(self, mu: float, pulls: Floats) -> Floats:
        """Return the expected events ``(channels,)``."""
        out = np.zeros(self.n_channels)
        kernels.rates(np.append(pulls, mu), self.packed, self.signal, out)
        return out

    def fit(
        self,
        counts: Floats,
        mu: float | None = None,
        aux: Floats | None = None,
        start: Floats | None = None,
    ) -> Fit:
        """Fit the nuisance parameters, and mu unless it is given.

        Parameters
        ----------
        counts : array (channels,)
            Events; they need not be whole.
        mu : float or None
            Held there; None is free, from zero up.
        aux : array (parameters,) or None
            Auxiliary measurements; None is zero.
        start : array (parameters,) or None
            Pulls to begin with.

        Raises
        ------
        LimitError
            If the fit does not converge.
        """
        x = np.zeros(self.n_parameters + 1)
        if start is not None:
            x[:-1] = start
        x[-1] = 1.0 / max(self.signal.sum(), 1e-300) if mu is None else mu
        work = self._work()
        given = self.nominal_aux if aux is None else aux
        nll = kernels.fit(
            x, mu is None, np.asarray(counts, float), given, self.packed, self.signal, work,
            FIT_LIMITS,
        )  # fmt: skip
        if mu is None:  # a second minimum, as in the test statistics
            other = np.array(x)
            more = kernels.from_excess(
                other, np.asarray(counts, float), given, self.packed, self.signal, work, FIT_LIMITS
            )
            if more < nll or not np.isfinite(nll):
                x, nll = other, more
        if not np.isfinite(nll):
            at = "free mu" if mu is None else f"mu = {mu:g}"
            msg = f"the fit of {np.round(counts, 3).tolist()} events at {at} did not converge"
            raise LimitError(msg)
        # the last step was not evaluated
        kernels.derivatives(x, np.asarray(counts, float), given, self.packed, self.signal, work)
        gradient, hessian = work[0], work[1]
        size = self.n_parameters + (1 if mu is None and x[-1] > 0 else 0)
        errors = np.sqrt(np.diag(np.linalg.inv(hessian[:size, :size]))) if size else np.empty(0)
        # the kernels mark what they touched by 1e-300
        pulls = np.where(np.abs(x[:-1]) < 1e-100, 0.0, x[:-1])
        return Fit(
            float(x[-1]), pulls, float(nll), float(gradient[-1]),
            errors[: self.n_parameters],
        )  # fmt: skip

    def q_tilde(self, mu: float, counts: Floats, aux: Floats | None = None) -> Floats:
        """Return the test statistic q-tilde ``(n,)`` of data sets.

        G. Cowan et al., EPJC 71 (2011) 1554, eq. 16: -2 ln of the likelihood at mu over the
        largest one, that of mu from zero to mu; zero if more signal than mu fits best.

        Parameters
        ----------
        mu : float
        counts : array (n, channels)
        aux : array (n, parameters) or None
            None is zero.

        Returns
        -------
        array (n,)
            NaN where a fit failed.
        """
        counts = np.atleast_2d(np.asarray(counts, float))
        if aux is None:
            aux = np.zeros((len(counts), self.n_parameters))
        out = np.empty(len(counts))
        kernels.q_tilde_many(mu, counts, aux, self.packed, self.signal, FIT_LIMITS, out)
        return out

    def q_zero(self, counts: Floats, aux: Floats | None = None) -> Floats:
        """Return the test statistic of an excess, q0 ``(n,)``, of data sets.

        G. Cowan et al., EPJC 71 (2011) 1554, eq. 12: -2 ln of the likelihood at mu = 0 over the
        largest one; zero if fewer events were seen than expected. NaN where a fit failed.

        Parameters
        ----------
        counts : array (n, channels)
        aux : array (n, parameters) or None
            None is zero.
        """
        at_zero, best = self.fit_many(counts, aux).T
        return np.asarray(2 * (at_zero - best))

    def fit_many(self, counts: Floats, aux: Floats | None = None) -> Floats:
        """Return -ln L ``(n, 2)`` of data sets: at mu = 0, and with the best mu from zero up.

        NaN where a fit failed.

        Parameters
        ----------
        counts : array (n, channels)
        aux : array (n, parameters) or None
            None is zero.
        """
        counts = np.atleast_2d(np.asarray(counts, float))
        if aux is None:
            aux = np.zeros((len(counts), self.n_parameters))
        out = np.empty((len(counts), 2))
        kernels.fit_many(counts, aux, self.packed, self.signal, FIT_LIMITS, out)
        return out

    def _work(self) -> tuple[Floats, ...]:
        channel, _, _, parameter, _ = self.packed
        made: tuple[Floats, ...] = kernels.make_work(
            self.n_parameters, self.n_channels, len(channel), len(parameter)
        )
        return made
