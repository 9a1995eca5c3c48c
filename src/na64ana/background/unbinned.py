"""Sideband C by unbinned extended maximum likelihood, with iminuit.

The second way to the same numbers: `na64ana.background.families` tabulates binned likelihoods,
this one minimises (H. Dembinski et al., iminuit; R. Barlow, NIM A 297 (1990) 496 for extended
likelihoods). ln b is a parameter of the fit, so that its errors are those of MINOS.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from iminuit import Minuit

from na64ana.background.families import FAMILIES, SCALE_RANGE, Profile, log_integral

Floats = npt.NDArray[np.float64]


#: What the minimiser is told of parameters that overflow.
_IMPOSSIBLE = 1e30


def make_nll(
    name: str, energies: Floats, fit_range: tuple[float, float], e_ecal_max: float
) -> Callable[[Floats], float]:
    """Return the negative logarithm of the extended likelihood, up to a constant of the data.

    Its parameters are ln b, the logarithm of the scale [1/GeV], and those of the shape.

    Parameters
    ----------
    name : str
        Family.
    energies : array (n,)
        E_ECAL [GeV] of the events in the fit range.
    fit_range : tuple of float
        Its edges [GeV].
    e_ecal_max : float
        Upper edge of the box [GeV].
    """
    family, n = FAMILIES[name], len(energies)

    def nll(parameters: Floats) -> float:
        ln_b, scale = parameters[0], np.exp(parameters[1:2])
        shape = [parameters[i : i + 1] for i in range(2, len(parameters))]
        in_box = log_integral(family, scale, shape, (0.0, e_ecal_max))
        in_side = log_integral(family, scale, shape, fit_range)
        density = family.log_density(energies, scale, shape).sum()
        value = np.exp(ln_b + in_side - in_box) - n * (ln_b - in_box) - density
        return float(value) if np.isfinite(value) else _IMPOSSIBLE

    return nll


def fit_unbinned(
    name: str,
    energies: Floats,
    fit_range: tuple[float, float],
    e_ecal_max: float,
    start: Profile,
) -> Profile | None:
    """Fit one family, beginning where the binned fit `start` ended.

    Returns
    -------
    Profile or None
        With ln b, its MINOS errors and a profile that is a parabola on either side of it; the
        likelihood stays the binned one, on which weights are made. None if MIGRAD or MINOS do not
        converge.
    """
    axes = FAMILIES[name].axes
    nll = make_nll(name, energies, fit_range, e_ecal_max)
    minuit = Minuit(nll, np.array([start.ln_b, np.log(start.shape[0]), *start.shape[1:]]))
    minuit.errordef = Minuit.LIKELIHOOD
    minuit.limits = [
        (None, None),
        tuple(np.log(SCALE_RANGE)),
        *((float(axis[0]), float(axis[-1])) for axis in axes),
    ]
    minuit.errors = [0.5, 0.1, *((axis[-1] - axis[0]) / 20 for axis in axes)]
    with np.errstate(all="ignore"):  # a step too far is no error
        minuit.migrad()
        if not minuit.valid:
            return None
        error = minuit.minos(0).merrors[0]
    if not error.is_valid:
        return None
    ln_b, grid = float(minuit.values[0]), start.ln_b_grid
    down, up = max(-error.lower, 1e-3), max(error.upper, 1e-3)
    edges = [(axis[0], axis[-1]) for axis in axes]
    return replace(
        start,
        ln_b=ln_b,
        down=float(down),
        up=float(up),
        shape=(float(np.exp(minuit.values[1])), *(float(value) for value in minuit.values[2:])),
        at_limit=any(
            min(value - low, high - value) < 1e-3 * (high - low)
            for value, (low, high) in zip(minuit.values[2:], edges, strict=True)
        ),
        roots=(grid - ln_b) / np.where(grid < ln_b, down, up),
    )
