"""Thermal targets: the mixing for which freeze-out leaves the dark matter that is there.

For each mass of chi the y = eps^2 alpha_D (m_chi/m_A')^4 for which Omega_c h^2 is the measured one,
with chi chi -> A'* -> Standard Model as the only way to annihilate. Assumed: chi is all of the dark
matter and was in equilibrium; no asymmetry between particles and antiparticles; the splitting of a
pseudo-Dirac pair is small against the temperature at freeze-out, so that both states are there and
chi_1 chi_2 annihilate as Dirac particles and antiparticles do; chi adds nothing to the expansion.
docs/interpretation.md says how good that is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.constants import OMEGA_C_H2
from na64ana.errors import ModelError
from na64ana.interpretation.annihilation import (
    Excess,
    check_ratio,
    couplings,
    make_excess,
    propagator,
    thermal_weights,
)
from na64ana.interpretation.estimates import SPIN_STATES, estimate_target, is_own_antiparticle
from na64ana.interpretation.freeze_out import END, START, FreezeOut, compute_freeze_out
from na64ana.interpretation.plasma import Plasma, standard_plasma
from na64ana.signal.widths import DarkMatter, total_width

Floats = npt.NDArray[np.float64]

#: Range of m_chi [GeV]: electrons below, charmonium (not in the R ratio) above.
LIGHTEST, HEAVIEST = 1e-3, 1.0
#: Nodes in x of the thermal average, and per panel of the energy; with fewer, for the error.
_NODES, _FEWER = (160, 8), (100, 5)
#: Omega_c h^2 is met that well, or there is an error after so many turns.
_CLOSE, _TURNS = 1e-6, 30


@dataclass(frozen=True)
class ThermalTarget:
    """The thermal target of one kind of dark matter.

    Attributes
    ----------
    dark_matter : DarkMatter
    omega_h2 : float
        The relic density that is met.
    m_chi : array, shape (n,)
        [GeV]
    y : array, shape (n,)
        eps^2 alpha_D (m_chi/m_A')^4. Stronger coupling leaves less dark matter.
    estimate : array, shape (n,)
        The same by the analytic estimate, electrons only.
    x_freeze_out : array, shape (n,)
        m_chi/T where the density has become 2.5 times that of equilibrium.
    numerical_error : array, shape (n,)
        Relative, of y, from step sizes and quadratures.
    """

    dark_matter: DarkMatter
    omega_h2: float
    m_chi: Floats
    y: Floats
    estimate: Floats
    x_freeze_out: Floats
    numerical_error: Floats

    @property
    def m_ap(self) -> Floats:
        """Masses of the A' [GeV], shape ``(n,)``."""
        return self.m_chi / self.dark_matter.mass_ratio

    @property
    def epsilon(self) -> Floats:
        """Mixing at this alpha_D, shape ``(n,)``."""
        strength = self.y / self.dark_matter.mass_ratio**4
        return np.asarray(np.sqrt(strength / self.dark_matter.alpha_d))


def compute_target(
    m_chi: npt.ArrayLike,
    dark_matter: DarkMatter,
    omega_h2: float = OMEGA_C_H2,
    plasma: Plasma | None = None,
) -> ThermalTarget:
    """Return the thermal target.

    Parameters
    ----------
    m_chi : array_like, shape (n,)
        Masses of dark matter, 1 MeV to 1 GeV [GeV]; a single number is a list of one.
    dark_matter : DarkMatter
        alpha_D matters only through the width of the A'.
    omega_h2 : float
        The density to be met.
    plasma : Plasma, optional
        Instead of that of the Standard Model.

    Raises
    ------
    ModelError
        If a mass lies outside the range, m_A' is below 2.1 m_chi, the density is not positive, or
        the target needs a mixing of 1 or more.
    """
    check_ratio(dark_matter)
    m = np.atleast_1d(np.asarray(m_chi, np.float64))
    if m.ndim != 1 or not np.all((m >= LIGHTEST * (1 - 1e-9)) & (m <= HEAVIEST * (1 + 1e-9))):
        msg = "m_chi must be a list of masses from 1 MeV to 1 GeV, where thermal targets are known"
        raise ModelError(msg)
    if not 0 < omega_h2 < np.inf:
        msg = f"Omega_c h^2 = {omega_h2:g} must be positive"
        raise ModelError(msg)
    plasma = standard_plasma() if plasma is None else plasma
    estimate = estimate_target(m, dark_matter, omega_h2)
    solver = _Solver(m, dark_matter, plasma, _NODES)
    strength, left = _solve(solver, omega_h2, estimate)
    if np.any(strength >= dark_matter.alpha_d):
        msg = (
            f"alpha_D = {dark_matter.alpha_d:g} is so small that the thermal target needs a "
            "mixing above 1; take a larger alpha_D, or lighter particles"
        )
        raise ModelError(msg)
    check = _Solver(m, dark_matter, plasma, _FEWER).leave(strength)
    error = np.hypot(left.error, check.omega_h2 / left.omega_h2 - 1)
    y = strength * dark_matter.mass_ratio**4
    return ThermalTarget(dark_matter, omega_h2, m, y, estimate, left.x, np.maximum(error, _CLOSE))


class _Solver:
    """Density for given eps^2 alpha_D; what does not depend on it is kept."""

    def __init__(
        self, m: Floats, dark_matter: DarkMatter, plasma: Plasma, nodes: tuple[int, int]
    ) -> None:
        self.m, self.dark_matter, self.plasma = m, dark_matter, plasma
        self.x = np.geomspace(START, END, nodes[0])
        self.excess: Excess = make_excess(dark_matter, nodes[1])
        self.weights = thermal_weights(self.x, self.excess)
        self.s = (2 * m[:, None] * (1 + self.excess.nodes)) ** 2
        self.couplings = couplings(self.s, m[:, None], dark_matter)

    def sigma_v(self, strength: Floats) -> Floats:
        """Return <sigma v> of the total density [GeV^-2], shape ``(n, n_x)``."""
        m_ap = self.m[:, None] / self.dark_matter.mass_ratio
        # no mixing above 1 on the way: the width would outgrow what it should widen
        epsilon = np.sqrt(np.minimum(strength / self.dark_matter.alpha_d, 1.0))[:, None]
        width = total_width(m_ap, epsilon, self.dark_matter)
        sigma = (self.couplings * propagator(self.s, m_ap, width)) @ self.weights.T
        share = 1.0 if is_own_antiparticle(self.dark_matter) else 0.5
        return np.asarray(share * strength[:, None] * sigma)

    def leave(self, strength: Floats) -> FreezeOut:
        """Return what is left for eps^2 alpha_D, shape ``(n,)``."""
        degrees = SPIN_STATES[self.dark_matter.kind]
        return compute_freeze_out(self.m, degrees, self.x, self.sigma_v(strength), self.plasma)


def _solve(solver: _Solver, omega_h2: float, estimate: Floats) -> tuple[Floats, FreezeOut]:
    """Return eps^2 alpha_D, and what it leaves, by secants in the logarithms."""
    strength = estimate / solver.dark_matter.mass_ratio**4
    slope = np.full(strength.shape, -1.0)  # nearly inversely proportional
    left = solver.leave(strength)
    for _ in range(_TURNS):
        miss = np.log(left.omega_h2 / omega_h2)
        if np.all(np.abs(miss) < _CLOSE):
            return strength, left
        step = -miss / slope
        strength = strength * np.exp(step)
        left = solver.leave(strength)
        change = np.log(left.omega_h2 / omega_h2) - miss
        moved = np.abs(step) > _CLOSE
        slope[moved] = np.clip(change[moved] / step[moved], -2.0, -0.5)
    msg = "no thermal target found; take a mass ratio further from the resonance"
    raise ModelError(msg)
