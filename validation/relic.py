"""Thermal targets against drawn ones, brute force, closed values: `python validation/relic.py`.

Brute force shares the degrees of freedom and the R ratio with the product, nothing else: the cross
section is written out, the average integrated adaptively in s, the Boltzmann equation in x solved
by an implicit Runge-Kutta method of order five. Exit code 1 if the two differ by 0.1 %.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad, solve_ivp
from scipy.interpolate import CubicSpline
from scipy.special import k1e, kve

from na64ana.constants import (
    ALPHA,
    CRITICAL_DENSITY,
    HBAR_C,
    M_E,
    M_MU,
    M_PION,
    M_TAU,
    PLANCK_MASS,
    T_CMB,
)  # fmt: skip
from na64ana.interpretation.freeze_out import END, START, compute_freeze_out
from na64ana.interpretation.hadrons import r_ratio
from na64ana.interpretation.plasma import (
    Plasma,
    energy_degrees,
    entropy_degrees,
    standard_plasma,
)  # fmt: skip
from na64ana.interpretation.relic import compute_target
from na64ana.signal.widths import DarkMatter, total_width

Floats = npt.NDArray[np.float64]

#: Thermal targets as drawn by NA64 (PRL 131 (2023) 161801, Fig. 4, after A. Berlin et al., PRD 99
#: (2019) 075001), m_A' = 3 m_chi, read off to 5-10 %: mass [GeV] to y.
DRAWN = {
    "scalar": {
        0.001: 1.2e-13, 0.003: 9.6e-13, 0.01: 1.15e-11, 0.03: 1.30e-10, 0.1: 1.3e-9, 0.2: 3.4e-9,
        0.5: 1.3e-8, 1.0: 4.2e-8,
    },
    "majorana": {
        0.001: 5.7e-14, 0.003: 4.9e-13, 0.01: 5.5e-12, 0.03: 6.2e-11, 0.1: 6.3e-10, 0.2: 1.8e-9,
        0.5: 6.2e-9, 1.0: 2.2e-8,
    },
    "pseudo_dirac": {
        0.002: 2.1e-14, 0.003: 4.6e-14, 0.01: 4.9e-13, 0.03: 4.7e-12, 0.1: 4.7e-11, 0.2: 1.1e-10,
        0.5: 2.6e-10, 1.0: 1.3e-9,
    },
}  # fmt: skip
#: G. Steigman, B. Dasgupta, J. Beacom, PRD 86 (2012) 023506: <sigma v> [cm^3/s] of a particle that
#: is its own antiparticle, for Omega h^2 = 0.11, by mass [GeV]; the largest, and the plateau.
STEIGMAN = {0.3: 5.2e-26, 100.0: 2.2e-26}
#: GeV^-2 in cm^3/s.
CM3_PER_S = (HBAR_C / 10) ** 2 * 2.99792458e10
#: Where brute force ends: 0.1 % of an s-wave annihilates later.
LATEST = 3e4
#: Agreement with brute force that is asked for.
ASKED = 1e-3


def brute_sigma(s: float, m: float, dark_matter: DarkMatter, strength: float) -> float:
    """Return the cross section [GeV^-2], written out."""
    m_ap = m / dark_matter.mass_ratio
    width = float(total_width(m_ap, np.sqrt(strength / dark_matter.alpha_d), dark_matter))
    visible = float(r_ratio(np.sqrt(s)))
    for lepton in (M_E, M_MU, M_TAU):
        if s > 4 * lepton**2:
            visible += np.sqrt(1 - 4 * lepton**2 / s) * (1 + 2 * lepton**2 / s)
    beta = np.sqrt(max(1 - 4 * m**2 / s, 1e-300))
    dark = beta if dark_matter.kind in {"scalar", "majorana"} else (1 + 2 * m**2 / s) / beta
    breit_wigner = s / ((s - m_ap**2) ** 2 + (m_ap * width) ** 2)
    return float(4 * np.pi / 3 * ALPHA * strength * visible * dark * breit_wigner)


def brute_average(x: float, m: float, dark_matter: DarkMatter, strength: float) -> float:
    """Return <sigma v> by adaptive integration over the momentum in the centre of mass."""
    t, m_ap = m / x, m / dark_matter.mass_ratio
    width = float(total_width(m_ap, 0.0, dark_matter))
    top = np.sqrt((40 * t + 2 * m) ** 2 / 4 - m**2)

    def integrand(p: float) -> float:
        root = 2 * np.sqrt(m**2 + p**2)
        bessel = k1e(root / t) * np.exp(-(root - 2 * m) / t)
        return brute_sigma(root**2, m, dark_matter, strength) * p**3 * root * bessel

    energies = [2 * M_MU, 2 * M_PION, 0.70, 0.77, 0.79, 0.85, 1.01, 1.0194, 1.03, 1.05, 1.6]
    energies += [m_ap + k * width for k in (-30, -5, -1, 0, 1, 5, 30)]
    inner = sorted(np.sqrt(e**2 / 4 - m**2) for e in energies if e > 2.0001 * m)
    edges = [0.0, *(p for p in inner if p < top), top]
    total = sum(
        quad(integrand, low, high, epsabs=0.0, epsrel=1e-5, limit=200)[0]
        for low, high in pairwise(edges)
    )
    # ds = 8 p dp and s - 4 m^2 = 4 p^2
    return float(32 * total / (8 * m**4 * t * kve(2, x) ** 2))


def brute_density(m: float, dark_matter: DarkMatter, strength: float) -> float:
    """Return Omega h^2 by integrating the stiff equation in ln x for ln Y."""
    nodes = np.geomspace(3.9, LATEST, 110)
    values = [brute_average(x, m, dark_matter, strength) for x in nodes]
    share = 1.0 if dark_matter.kind == "majorana" else 0.5
    spline = CubicSpline(np.log(nodes), np.log(share * np.array(values)))
    states = {"dirac": 4, "pseudo_dirac": 4, "scalar": 2, "majorana": 2}[dark_matter.kind]

    def change(log_x: float, log_y: Floats) -> list[float]:
        x = float(np.exp(log_x))
        t = max(m / x, 1.1e-6)  # where nothing changes any more
        h = [float(entropy_degrees(t * k)) for k in (0.98, 1.0, 1.02)]
        slope = np.log(h[2] / h[0]) / np.log(1.02 / 0.98)
        g, t = float(energy_degrees(t)), m / x
        entropy = 2 * np.pi**2 / 45 * h[1] * t**3
        hubble = np.sqrt(8 * np.pi**3 * g / 90) * t**2 / PLANCK_MASS
        equilibrium = states * m**2 * t / (2 * np.pi**2) * kve(2, x) * np.exp(-x) / entropy
        y = np.exp(log_y[0])
        pull = y - equilibrium**2 / y
        return [-(1 + slope / 3) * entropy / hubble * np.exp(spline(log_x)) * pull]

    t = m / START
    entropy = 2 * np.pi**2 / 45 * float(entropy_degrees(t)) * t**3
    begin = states * m**2 * t / (2 * np.pi**2) * kve(2, START) * np.exp(-START) / entropy
    span = (np.log(START), np.log(LATEST))
    found = solve_ivp(change, span, [np.log(begin)], "Radau", rtol=1e-8, atol=1e-9)
    today = 2 * np.pi**2 / 45 * float(entropy_degrees(1e-6)) * T_CMB**3 * (10 / HBAR_C) ** 3
    return float(m * np.exp(found.y[0, -1]) * today / CRITICAL_DENSITY)


def heated(m: float, dark_matter: DarkMatter | None, decoupled: float = 2e-3) -> Plasma:
    """Return photons and electrons that dark matter heats, apart from neutrinos.

    Instantaneous decoupling of neutrinos at 2 MeV; nothing heavier than electrons: for light
    dark matter only, and for comparison with and without it.
    """
    gases = [(M_E, 4.0, 1.0)]
    if dark_matter is not None:
        fermions = dark_matter.kind != "scalar"
        gases.append((m, 2.0 if dark_matter.kind in {"scalar", "majorana"} else 4.0, fermions))
    t = np.geomspace(1e-6, 1.0, 500)
    g, h = np.full(t.shape, 2.0), np.full(t.shape, 2.0)
    e = np.geomspace(1e-4, 60, 4000)[:, None]  # (E - m)/T
    for mass, states, fermion in gases:
        ratio = mass / t
        total = e + ratio
        p = np.sqrt(e * (e + 2 * ratio))
        occupied = 1 / (np.exp(np.minimum(total, 600)) + (1.0 if fermion else -1.0))
        unit = 15 / np.pi**4 * states
        energy = unit * np.trapezoid(total**2 * p * occupied, e, axis=0)
        pressure = unit * np.trapezoid(p**3 / 3 * occupied, e, axis=0)
        g, h = g + energy, h + (energy + pressure) * 3 / 4
    cooler = np.minimum(h / np.interp(decoupled, t, h), 1.0)
    cooler[t > decoupled] = 1.0
    return Plasma(t, g + 5.25 * cooler ** (4 / 3), h + 5.25 * cooler)


def print_drawn() -> None:
    """Print what was found over what is drawn."""
    print("alpha_D = 0.1, m_A' = 3 m_chi; ratio: y over the drawn one")
    print("| kind | m_chi [MeV] | y | drawn | ratio | estimate/y | x_f |")
    print("|" + 7 * "---|")
    for kind, points in DRAWN.items():
        mass, drawn = np.array(list(points)), np.array(list(points.values()))
        target = compute_target(mass, DarkMatter(kind))
        for i, m in enumerate(mass):
            y = target.y[i]
            print(
                f"| {kind} | {1e3 * m:g} | {y:.2e} | {drawn[i]:.2e} | {y / drawn[i]:.2f} |"
                f" {target.estimate[i] / y:.2f} | {target.x_freeze_out[i]:.1f} |"
            )


def print_brute() -> float:
    """Print densities by brute force over 0.12; return the largest difference."""
    print("\nOmega h^2 by brute force at the target, over 0.1200")
    worst = 0.0
    for kind, alpha_d, ratio, m in (
        ("scalar", 0.1, 3, 1e-3), ("dirac", 0.1, 3, 1e-2), ("majorana", 0.5, 3, 0.1),
        ("scalar", 0.1, 3, 0.45), ("dirac", 0.5, 3, 0.37), ("majorana", 0.1, 3, 1.0),
        ("scalar", 1e-4, 3, 1e-2), ("dirac", 0.1, 2.2, 0.03), ("scalar", 0.1, 10, 0.2),
    ):  # fmt: skip
        dark_matter = DarkMatter(kind, alpha_d, 1 / ratio)
        target = compute_target(m, dark_matter)
        strength = float(target.epsilon[0]) ** 2 * alpha_d
        over = brute_density(m, dark_matter, strength) / target.omega_h2
        worst = max(worst, abs(over - 1))
        error = target.numerical_error[0]
        print(f"{kind:9} alpha_D {alpha_d:g}, ratio {ratio:g}, {1e3 * m:g} MeV: {over:.5f}", end="")
        print(f" (error of the product {error:.0e})", flush=True)
    return worst


def print_constant() -> None:
    """Print the constant <sigma v> for Omega h^2 = 0.11 beside that of Steigman et al."""
    print("\nconstant <sigma v> for Omega h^2 = 0.11 [1e-26 cm^3/s], own antiparticle, two states")
    x = np.geomspace(START, END, 50)
    for m in (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0):
        sigma_v = 2e-9
        for _ in range(20):
            flat = np.full((1, len(x)), sigma_v)
            left = compute_freeze_out(np.array([m]), 2, x, flat, standard_plasma())
            sigma_v *= left.omega_h2[0] / 0.11
        known = f", Steigman et al. {1e26 * STEIGMAN[m]:.1f}" if m in STEIGMAN else ""
        print(f"{m:g} GeV: {1e26 * sigma_v * CM3_PER_S:.2f}{known}")


def print_effects() -> None:
    """Print what is left out, and how much the width matters."""
    print("\ny with the heat of chi in the plasma over y without (neutrinos decouple at 2 MeV)")
    for kind in ("scalar", "majorana", "pseudo_dirac"):
        cells = []
        for m in (1e-3, 2e-3, 5e-3, 1e-2, 2e-2):
            plasmas = heated(m, DarkMatter(kind)), heated(m, None)
            y, cold = (compute_target(m, DarkMatter(kind), plasma=p).y[0] for p in plasmas)
            cells.append(f"{1e3 * m:g} MeV {y / cold:.3f}")
        print(f"{kind}: {', '.join(cells)}")
    print("\ny with neutrinos that decouple at once, at 2 MeV, over y")
    masses = np.array([1e-3, 3e-3, 1e-2])
    over = compute_target(masses, DarkMatter(), plasma=heated(1.0, None)).y
    print((over / compute_target(masses, DarkMatter()).y).round(4))
    print("\ny over that for alpha_D = 0.1, at 10 MeV, by alpha_D")
    for kind in ("pseudo_dirac", "scalar"):
        for ratio in (2.5, 3.0, 5.0):
            alphas = (1e-4, 1e-3, 1e-2, 0.1, 0.5)
            y = [compute_target(0.01, DarkMatter(kind, a, 1 / ratio)).y[0] for a in alphas]
            cells = [f"{a:g}: {value / y[3]:.3f}" for a, value in zip(alphas, y, strict=True)]
            print(f"{kind}, m_A' = {ratio:g} m_chi: {', '.join(cells)}")


def main() -> int:
    """Print all; return 1 if brute force differs."""
    print_drawn()
    worst = print_brute()
    print_constant()
    print_effects()
    print(f"\nlargest difference to brute force {worst:.1e}; asked {ASKED:g}")
    return int(worst > ASKED)


if __name__ == "__main__":
    raise SystemExit(main())
