"""Compiled loops of the profile likelihood: value, gradient, Hessian, fits, test statistics.

-ln L = sum_i (r_i - n_i ln r_i) + sum_j (t_j - a_j)^2 / 2, with the rates r_i of the channels, the
nuisance parameters t_j and their auxiliary measurements a_j. Nuisance parameters stand first, mu
last. Fits are projected Newton steps with the exact Hessian inside the bounds of pyhf: mu from zero
up, nuisance parameters within five standard deviations.
"""

import math

import numpy as np
from numba import njit

_compiled = njit(cache=True, nogil=True, error_model="numpy")
#: Functions that are part of one other: each one less to be compiled saves seconds.
_inlined = njit(cache=True, nogil=True, error_model="numpy", inline="always")


@_compiled
def _factor(pull, c, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    # the factor, and first and second derivative of its logarithm
    if pull >= 1.0:
        out[0], out[1], out[2] = np.exp(pull * c[0]), c[0], 0.0
    elif pull <= -1.0:
        out[0], out[1], out[2] = np.exp(-pull * c[1]), -c[1], 0.0
    else:
        value, slope, curve = 0.0, 0.0, 0.0
        for k in range(6, 0, -1):
            curve = curve * pull + 2.0 * slope
            slope = slope * pull + value
            value = value * pull + c[k + 1]
        # Horner's scheme of 1 + pull * (...): one more step
        curve = curve * pull + 2.0 * slope
        slope = slope * pull + value
        value = max(value * pull + 1.0, 1e-300)
        out[0] = value
        out[1] = slope / value
        out[2] = curve / value - out[1] * out[1]


@_compiled
def rates(x, model, signal, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Fill the rates of the channels at (nuisance parameters, mu)."""
    channel, background, first, parameter, coefficient = model
    one = np.empty(3)
    out[:] = 0.0
    for s in range(len(channel)):
        rate = background[s]
        if rate < 0.0:  # signal number -1 - rate
            rate = x[-1] * signal[int(-1.0 - rate)]
        for m in range(first[s], first[s + 1]):
            _factor(x[parameter[m]], coefficient[m], one)
            rate *= one[0]
        out[channel[s]] += rate


@_compiled
def derivatives(x, counts, aux, model, signal, work):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return -ln L; gradient and Hessian go into `work`."""
    channel, background, first, parameter, coefficient = model
    gradient, hessian, rate, sample, logs, slope, touched, _, _, _, _ = work
    n_par = len(x) - 1
    value = 0.0
    one = np.empty(3)
    hessian[:, :] = 0.0
    for j in range(n_par):
        pull = x[j] - aux[j]
        gradient[j] = pull
        hessian[j, j] = 1.0
        value += 0.5 * pull * pull
    gradient[n_par] = 0.0
    rate[:] = 0.0
    for s in range(len(channel)):
        # of the signal, the rate at mu = 1
        r = background[s] if background[s] >= 0.0 else signal[int(-1.0 - background[s])]
        for m in range(first[s], first[s + 1]):
            _factor(x[parameter[m]], coefficient[m], one)
            r *= one[0]
            logs[m, 0], logs[m, 1] = one[1], one[2]
        sample[s] = r
        rate[channel[s]] += r if background[s] >= 0.0 else x[n_par] * r
    s = 0
    for i in range(len(counts)):
        n, r = counts[i], rate[i]
        value += r
        if n > 0.0:
            value -= n * np.log(r)
        weight = 1.0 - n / r
        n_touched = 0
        while s < len(channel) and channel[s] == i:
            is_signal = background[s] < 0.0
            part = x[n_par] * sample[s] if is_signal else sample[s]
            begin, end = first[s], first[s + 1]
            for m in range(begin, end):
                j = parameter[m]
                if slope[j] == 0.0:
                    touched[n_touched] = j
                    n_touched += 1
                    slope[j] = 1e-300
                slope[j] += part * logs[m, 0]
                for k in range(begin, end):
                    hessian[j, parameter[k]] += weight * part * logs[m, 0] * logs[k, 0]
                hessian[j, j] += weight * part * logs[m, 1]
                if is_signal:
                    mixed = weight * sample[s] * logs[m, 0]
                    hessian[j, n_par] += mixed
                    hessian[n_par, j] += mixed
            if is_signal:
                if slope[n_par] == 0.0:
                    touched[n_touched] = n_par
                    n_touched += 1
                    slope[n_par] = 1e-300
                slope[n_par] += sample[s]
            s += 1
        square = n / (r * r)
        for a in range(n_touched):
            j = touched[a]
            gradient[j] += weight * slope[j]
            if square > 0.0:
                for b in range(n_touched):
                    hessian[j, touched[b]] += square * slope[j] * slope[touched[b]]
        for a in range(n_touched):
            slope[touched[a]] = 0.0
    return value


@_compiled
def _solve(hessian, gradient, frozen, damping, size, lower, step):  # type: ignore[no-untyped-def]  # pragma: no cover
    # Cholesky of the free part; frozen variables do not move. False if it is not positive.
    for i in range(size):
        for j in range(i + 1):
            if frozen[i] or frozen[j]:
                total = 1.0 if i == j else 0.0
            else:
                total = hessian[i, j]
                if i == j:
                    total += damping
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 1e-14:
                    return False
                lower[i, i] = np.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    for i in range(size):
        total = 0.0 if frozen[i] else -gradient[i]
        for k in range(i):
            total -= lower[i, k] * step[k]
        step[i] = total / lower[i, i]
    for i in range(size - 1, -1, -1):
        total = step[i]
        for k in range(i + 1, size):
            total -= lower[k, i] * step[k]
        step[i] = total / lower[i, i]
    return True


#: Bounds of nuisance parameters, as in pyhf; most evaluations; twice the gain of a Newton step at
#: which a fit ends: by then the gain is known to its square root cubed.
BOUND, MAX_STEPS, ENOUGH = 5.0, 300, 1e-7


@_compiled
def fit(x, free_mu, counts, aux, model, signal, work, limits):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Minimise -ln L from `x`, in place; mu is free or stays. Return -ln L, NaN if it failed.

    Gradient and Hessian at the minimum are left in `work`.
    """
    bound, max_steps, enough = limits
    gradient, hessian, _, _, _, _, _, lower, step, trial, frozen = work
    n_par = len(x) - 1
    size = n_par + 1 if free_mu else n_par
    value, scale, last = np.inf, 1.0, False
    step[:] = 0.0
    for _ in range(int(max_steps)):
        trial[n_par] = x[n_par]
        for j in range(size):
            moved = x[j] + scale * step[j]
            trial[j] = max(moved, 0.0) if j == n_par else min(max(moved, -bound), bound)
        new = derivatives(trial, counts, aux, model, signal, work)
        if not new <= value + 1e-15 * abs(value):
            scale *= 0.4
            if scale < 1e-10:  # no descent is left in the numbers: stay
                value, scale, last = np.inf, 0.0, True
            continue
        last = last or (scale == 1.0 and value - new < 1e-12)
        x[:] = trial
        value = new
        if last:
            return value
        for j in range(size):
            low = 0.0 if j == n_par else -bound
            high = np.inf if j == n_par else bound
            frozen[j] = (x[j] <= low and gradient[j] > 0.0) or (x[j] >= high and gradient[j] < 0.0)
        damping = 0.0
        while not _solve(hessian, gradient, frozen, damping, size, lower, step):
            damping = max(10.0 * damping, 1e-3)
            if damping > 1e12:
                return np.nan
        decrement = 0.0
        for j in range(size):
            if not frozen[j]:
                decrement -= gradient[j] * step[j]
        if decrement < enough:  # what the last step gains is known without taking it
            for j in range(size):
                x[j] += step[j]
            return value - 0.5 * decrement
        scale = 1.0
    return np.nan


@_compiled
def from_excess(x, counts, aux, model, signal, work, limits):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return -ln L of a free fit that begins with all of an excess as signal.

    Where errors of the background are large, the likelihood has one minimum there and another one at
    zero. Infinite without an excess.
    """
    background, total = model[1], 0.0
    for s in range(len(background)):
        total += max(background[s], 0.0)
    more = counts.sum() - total
    if more <= 0.0 or signal.sum() <= 0.0:
        return np.inf
    n_par = len(x) - 1
    for j in range(n_par):
        x[j] = min(max(aux[j], -limits[0]), limits[0])
    x[n_par] = more / signal.sum()
    value = fit(x, True, counts, aux, model, signal, work, limits)
    return np.inf if math.isnan(value) else value


@_inlined
def q_tilde(mu, counts, aux, model, signal, work, limits, x):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the test statistic q-tilde of one data set; NaN if a fit failed."""
    gradient = work[0]
    n_par = len(x) - 1
    for j in range(n_par):  # the auxiliary measurements are a good begin: counts are few
        x[j] = min(max(aux[j], -limits[0]), limits[0])
    at_mu = 0.0
    for stage in range(3):  # at mu, at zero, free
        if stage < 2:
            x[n_par] = mu if stage == 0 else 0.0
        value = fit(x, stage == 2, counts, aux, model, signal, work, limits)
        if math.isnan(value):
            return np.nan
        slope = gradient[n_par]
        if stage == 0:
            at_mu = value
            if slope <= 0.0:  # more signal fits better
                return 0.0
        elif stage == 2 or slope >= 0.0:  # the best mu is zero, or was found
            break
    other = from_excess(x, counts, aux, model, signal, work, limits)
    if other < value:
        # the better minimum may lie beyond mu; then more signal fits better
        if x[n_par] >= mu:
            return 0.0
        value = other
    return max(2.0 * (at_mu - value), 0.0)


@_compiled
def make_work(n_par, n_channels, n_samples, n_modifiers):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the arrays that a fit works in.

    Gradient, Hessian, rates of channels, rates of samples, derivatives of the logarithms of factors,
    slopes of a channel's rate and the parameters that have one, Cholesky factor, step, trial point,
    and which variables are frozen at a bound.
    """
    size = n_par + 1
    return (
        np.zeros(size),
        np.zeros((size, size)),
        np.zeros(n_channels),
        np.zeros(n_samples),
        np.zeros((n_modifiers, 2)),
        np.zeros(size),
        np.zeros(size, np.int64),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size, np.bool_),
    )


@_compiled
def q_tilde_many(mu, counts, aux, model, signal, limits, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Fill q-tilde of many data sets: counts (toys, channels), aux (toys, parameters)."""
    n_par = aux.shape[1]
    work = make_work(n_par, counts.shape[1], len(model[0]), len(model[3]))
    x = np.empty(n_par + 1)
    for i in range(len(counts)):
        out[i] = q_tilde(mu, counts[i], aux[i], model, signal, work, limits, x)


@_compiled
def draw_counts(uniform, means, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Fill Poisson counts (toys, channels) at quantiles `uniform`, for means of up to some 100."""
    for i in range(uniform.shape[0]):
        for c in range(uniform.shape[1]):
            u, n = uniform[i, c], 0.0
            p = np.exp(-means[c])
            total = p
            while total < u and (p > 1e-18 or n < means[c]):
                n += 1.0
                p *= means[c] / n
                total += p
            counts[i, c] = n


@_compiled
def _normal_cdf(x):  # type: ignore[no-untyped-def]  # pragma: no cover
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@_compiled
def log_cls_asymptotic(q, q_asimov):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return ln CLs of q-tilde, with that of the Asimov data set (EPJC 71 (2011) 1554, eq. 66)."""
    root, asimov = math.sqrt(max(q, 0.0)), math.sqrt(max(q_asimov, 1e-300))
    if root <= asimov:
        signal, background = root, root - asimov
    else:
        signal, background = (q + q_asimov) / (2 * asimov), (q - q_asimov) / (2 * asimov)
    return math.log(_normal_cdf(-signal)) - math.log(_normal_cdf(-background))


@_inlined
def _fixed(mu, x, counts, aux, model, signal, work, limits):  # type: ignore[no-untyped-def]  # pragma: no cover
    # -ln L with mu held, from where the last fit ended; the slope in mu is left in work[0]
    x[-1] = mu
    return fit(x, False, counts, aux, model, signal, work, limits)


@_inlined
def _expected_root(target, mu, x, best, counts, aux, model, signal, work, limits):  # type: ignore[no-untyped-def]  # pragma: no cover
    # The mu at which the root of q-tilde of the Asimov data is `target`, by guarded Newton steps.
    low, high = 0.0, np.inf
    for _ in range(100):
        value = _fixed(mu, x, counts, aux, model, signal, work, limits)
        if math.isnan(value):
            return np.nan
        root = math.sqrt(max(2.0 * (value - best), 0.0))
        if root > target:
            high = mu
        else:
            low = mu
        slope = work[0][len(x) - 1]
        new = mu - (root - target) * root / slope if root > 0.0 and slope > 0.0 else np.inf
        if not low < new < high:
            new = 2.0 * mu if high == np.inf else 0.5 * (low + high)
        if abs(new - mu) < 1e-9 * mu:
            return new
        if new > 1e12 or new < 1e-12:
            return np.nan
        mu = new
    return np.nan


@_inlined
def _observed_root(  # type: ignore[no-untyped-def]  # pragma: no cover
    alpha, mu, counts, aux, n_asimov, aux_asimov, best_asimov, model, signal, work, limits
):
    # The mu at which CLs of the data is alpha: a bracket, then secants inside it.
    n_par = len(aux)
    x, y = np.empty(n_par + 1), np.empty(n_par + 1)
    x[:n_par], y[:n_par] = aux, aux_asimov
    x[n_par] = 0.0
    best = fit(x, False, counts, aux, model, signal, work, limits)
    mu_hat = 0.0
    if work[0][n_par] < 0.0:
        x[n_par] = mu
        best = fit(x, True, counts, aux, model, signal, work, limits)
        mu_hat = x[n_par]
    other = from_excess(x, counts, aux, model, signal, work, limits)
    if other < best:
        best, mu_hat = other, x[n_par]
    if math.isnan(best):
        return np.nan
    low, high, f_low, f_high = 0.0, np.inf, -math.log(alpha), -np.inf
    mu = max(mu, 1.5 * mu_hat)
    for _ in range(200):
        q = 0.0
        if mu > mu_hat:
            q = 2.0 * (_fixed(mu, x, counts, aux, model, signal, work, limits) - best)
        at = _fixed(mu, y, n_asimov, aux_asimov, model, signal, work, limits)
        f = log_cls_asymptotic(q, 2.0 * (at - best_asimov)) - math.log(alpha)
        if math.isnan(f):
            return np.nan
        if f > 0.0:
            low, f_low = mu, f
        else:
            high, f_high = mu, f
        if abs(f) < 1e-10 or high - low < 1e-9 * mu:
            return mu
        if high == np.inf:
            new = 1.6 * mu
        elif low == 0.0:
            new = mu / 1.6
        else:
            new = low + (high - low) * f_low / (f_low - f_high)
            # a secant that hugs one end is pulled towards the middle
            edge = 0.02 * (high - low)
            new = min(max(new, low + edge), high - edge) if high - low > 1e-3 * mu else new
        if new > 1e12 or new < 1e-12:
            return np.nan
        mu = new
    return np.nan


@_compiled
def asymptotic_limits(  # type: ignore[no-untyped-def]  # pragma: no cover
    signals, alpha, targets, counts, aux, n_asimov, aux_asimov, model, limits, out
):
    """Fill limits on mu (masses, 1 + targets): observed, then expected; NaN where there is none.

    signals are (masses, signal samples); `targets` the roots of q-tilde of the Asimov data at which each
    expected limit lies; no `counts`, no observed limit.
    """
    n_par = len(aux_asimov)
    work = make_work(n_par, len(n_asimov), len(model[0]), len(model[3]))
    x = np.empty(n_par + 1)
    for m in range(len(signals)):
        signal = signals[m]
        x[:n_par] = aux_asimov
        best = _fixed(0.0, x, n_asimov, aux_asimov, model, signal, work, limits)
        mu = 2.0
        for k in range(len(targets)):
            out[m, 1 + k] = _expected_root(
                targets[k], mu, x, best, n_asimov, aux_asimov, model, signal, work, limits
            )
            if not math.isnan(out[m, 1 + k]):
                mu = out[m, 1 + k]
        out[m, 0] = np.nan
        if len(counts):
            out[m, 0] = _observed_root(
                alpha, mu, counts, aux, n_asimov, aux_asimov, best, model, signal, work, limits
            )


@_compiled
def fit_many(counts, aux, model, signal, limits, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Fill -ln L of many data sets (n, 2): at mu = 0, and at the best mu; NaN if a fit failed."""
    n_par = aux.shape[1]
    work = make_work(n_par, counts.shape[1], len(model[0]), len(model[3]))
    x = np.empty(n_par + 1)
    for i in range(len(counts)):
        for j in range(n_par):
            x[j] = min(max(aux[i, j], -limits[0]), limits[0])
        for stage in range(2):
            x[n_par] = 0.0
            out[i, stage] = fit(x, stage == 1, counts[i], aux[i], model, signal, work, limits)
            if stage == 0:
                out[i, 1] = out[i, 0]
                if not work[0][n_par] < 0.0:  # less than expected is no excess
                    break
        other = from_excess(x, counts[i], aux[i], model, signal, work, limits)
        if x[n_par] > 0.0 and other < out[i, 1]:
            out[i, 1] = other
