"""Speed of the signal yields: `python benchmarks/yields.py`.

A cold start is another process without any compiled code, until the yields of 100 masses in all
bins; the peer is a straightforward `scipy.integrate.nquad` of the same cross section at the same
accuracy.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.integrate import nquad

from na64ana.constants import ALPHA, M_E
from na64ana.signal.bremsstrahlung import Nodes, Process, total_cross_section
from na64ana.signal.form_factors import FormFactor
from na64ana.signal.shower import compute_profile, compute_track_lengths
from na64ana.signal.table import load_or_compute
from na64ana.signal.target import ECAL
from na64ana.signal.widths import DarkMatter
from na64ana.signal.yields import Beamline, compute_annihilation, compute_bremsstrahlung

MASS, ENERGY = 0.1, 100.0
#: Relative accuracy that the peer is asked for, that of the product.
ACCURACY = 5e-4
COLD = """
import sys, time
from pathlib import Path
from na64ana.signal.table import load_or_compute
load_or_compute(Path(sys.argv[1]))
"""


def peer() -> float:
    """Return the cross section by nested adaptive quadrature, in the same variables."""
    lead = ECAL.nucleus
    big, z = lead.nuclear_mass, lead.z
    d, a2 = 0.164 * lead.mass_number ** (-2 / 3), (111 * z ** (-1 / 3) / M_E) ** 2
    p = np.sqrt(ENERGY**2 - M_E**2)

    def point(logit: float, v: float) -> tuple[float, ...]:
        x, y = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(logit))
        k = np.sqrt((x * ENERGY) ** 2 - MASS**2)
        plus = (x * ENERGY + k) / (ENERGY + p)
        first = (MASS**2 * (1 - plus) / plus + M_E**2 * plus) / (2 * p * k)
        w = first * np.expm1(v)
        u = 2 * p * k * (first + w)
        v0 = ENERGY * y
        difference = (ENERGY**2 * y * (1 + x) + MASS**2 - M_E**2) / (p + k)
        return x, y, k, w, first, u, v0, difference + k * w, difference**2 + 2 * p * k * w

    def limits_t(v: float, logit: float) -> tuple[float, float]:
        *_, u, v0, _, v2 = point(logit, v)
        a, b = (1 + v0 / big) ** 2 - v2 / big**2, 2 * u * (1 + v0 / big) - 4 * v2
        discriminant = b * b - 4 * a * u * u
        if a <= 0 or b >= 0 or discriminant <= 0:
            return 0.0, 0.0
        root = np.sqrt(discriminant)
        low, high = max(2 * u * u / (root - b), 1e-2 / a2), min((root - b) / (2 * a), 1e4 * d)
        return (np.log(low), np.log(high)) if high > low else (0.0, 0.0)

    def integrand(log_t: float, v: float, logit: float) -> float:
        t = np.exp(log_t)
        x, y, k, w, first, u, v0, along, v2 = point(logit, v)
        kt2, kz = k * k * w * (2 - w), k * (1 - w)
        q0 = t / (2 * big)
        s_big = 2 * v0 * q0 + t + u
        qt2 = max(t + q0**2 - s_big**2 / (4 * v2), 0.0)
        delta = (along * (x**2 * M_E**2 - MASS**2 - kt2) / (kz + x * p) - kt2) / v2
        s0 = (u + x * t + delta * s_big) / y
        s1 = 2 * p * np.sqrt(qt2 * kt2 / v2)
        if s1 >= s0:
            return 0.0
        inv, inv2 = (s0**2 - s1**2) ** -0.5, s0 * (s0**2 - s1**2) ** -1.5
        p2, pp0 = 4 * big**2 + t, 2 * big * ENERGY - t / 2
        pp1 = 2 * big * v0 - (t + u) / 2
        c1, c2 = 4 * t * p2 + 8 * t * pp0, 2 * p2 - 2 * t
        c0 = p2 * (2 * u**2 - 4 * t * u + 4 * t**2 - 8 * t * MASS**2) - 8 * t * (pp0**2 + pp1**2)
        w1, w0 = 2 * big * v0 - t / 2, u * (t / 2 - 2 * big * ENERGY)
        e2, e1 = t * p2 - 4 * w1**2, -2 * t * p2 * u - 8 * w1 * w0
        second = (e2 + e1 * inv + (t * p2 * u**2 - 4 * w0**2) * inv2) / u**2
        both = -(c2 * s0 + c1 + c0 * inv) / u + 2 * (MASS**2 + 2 * M_E**2) * second
        form = (z * a2 * t / (1 + a2 * t) / (1 + t / d)) ** 2
        flux = ALPHA**3 * k * ENERGY / (p * np.sqrt(v2))
        return flux * both / (8 * big**2) * form / t * first * np.exp(v) * x * y

    def limits_v(logit: float) -> tuple[float, float]:
        _, _, _, _, first, *_ = point(logit, 0.0)
        return 0.0, min(np.log1p(2 / first), 13.0)

    low, high = MASS / ENERGY * (1 + 1e-9), 1 - M_E / ENERGY
    ends = (np.log(low / (1 - low)), np.log(high / (1 - high)))
    options = {"epsrel": ACCURACY, "epsabs": 0.0, "limit": 100}
    return float(nquad(integrand, [limits_t, limits_v, ends], opts=[options] * 3)[0])


def cold_start() -> float:
    """Return the time [s] of a process without any compiled code."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(Path(folder) / "numba")}
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", COLD, folder], env=environment, check=True)
        return time.perf_counter() - start


def timed(work, repetitions: int = 3) -> float:  # type: ignore[no-untyped-def]
    """Return the least time [s] of some work."""
    least = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - start)
    return float(least)


def main() -> None:
    """Print times and ratios."""
    cold = cold_start()
    masses = np.geomspace(1e-3, 1.0, 100)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load_or_compute(folder)
        cached = timed(lambda: load_or_compute(folder))
    total = total_cross_section(Process(), MASS, ENERGY)
    one = timed(lambda: total_cross_section(Process(), MASS, ENERGY), 20)
    dense = total_cross_section(Process(nodes=Nodes(30, 6, 60, 300)), MASS, ENERGY)
    start = time.perf_counter()
    other = peer()
    slow = time.perf_counter() - start
    parts = {
        "track lengths": timed(lambda: compute_track_lengths(ENERGY)),
        "profile with depth": timed(lambda: compute_profile(ENERGY, points=201), 1),
        "bremsstrahlung, 100 masses": timed(lambda: compute_bremsstrahlung(masses, Beamline())),
        "annihilation, 600 masses": timed(
            lambda: compute_annihilation(np.geomspace(1e-3, 1, 600), Beamline(), DarkMatter())
        ),
        "form factor of Helm, one total": timed(
            lambda: total_cross_section(Process(form_factor=FormFactor("helm")), MASS, ENERGY), 20
        ),
    }
    rows = [
        ("cold start to 100 masses, import and compilation too", f"{cold:8.2f} s, <= 20"),
        ("the same from the cache", f"{cached:8.3f} s, <= 0.1"),
        ("one ETL total", f"{1e3 * one:8.2f} ms, <= 50"),
        ("over a denser quadrature", f"{total / dense:8.5f}"),
        ("nquad, over the same", f"{other / dense:8.5f}"),
        ("time of nquad over ours", f"{slow / one:8.0f}, >= 100"),
        *((f"  {what}", f"{seconds:8.3f} s") for what, seconds in parts.items()),
    ]
    for what, value in rows:
        print(f"{what:<54} {value}")


if __name__ == "__main__":
    main()
