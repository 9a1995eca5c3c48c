"""Monte Carlo of an electromagnetic cascade in lead: an independent check of the track lengths.

What it does: follows the cascade of one electron, positron or photon in an infinite medium and
scores the track length per primary of electrons, positrons and photons, in radiation lengths, in
bins of energy and in bins of (energy, depth).  Photonuclear and trident production, the LPM effect,
the masses and the lateral spread are left out.

Method: every process is sampled exactly, from its formula, with no table in between.  Screening
only ever lowers the cross sections, so the unscreened-in-energy (complete screening) forms give a
majorant: ``C/y`` per radiation length for bremsstrahlung, 1 for pair production.  Flights are drawn
with the constant rate of the majorant and an interaction is accepted with the ratio of the true
density to it; a refusal is a null collision and the flight goes on.  The mean free path thus
follows the energy by itself, also while it changes along a flight.  Photons below ``y_cut`` times
the energy of the electron are a continuous loss, ``dE/dt = -b E - a`` with ionisation ``a``; its
solution is used in closed form, cut at the edges of the bins.  Errors come from independent
batches.

Sources: Y.-S. Tsai, Rev. Mod. Phys. 46 (1974) 815 (cross sections, radiation length); W. R. Nelson
et al., The EGS4 code system, SLAC-265 (1985) (screening functions); H. Davies, H. A. Bethe,
L. C. Maximon, Phys. Rev. 93 (1954) 788 (Coulomb correction); B. Rossi, High-energy particles (1952)
(approximation A).
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.integrate import quad

PARTICLES = ("e-", "e+", "photon")
ELECTRON, POSITRON, PHOTON = range(3)
DROPPED, SOFT, IONISED = range(3)
ALPHA = 1 / 137.036
ELECTRON_MASS = 0.51099895e-3  # GeV
LEAD = 82  # Z
BATCHES = 20
SLICES, DEPTH = 60, 30.0  # depth bins and where they end [X0]
THRESHOLDS = (90.0, 80.0, 70.0, 60.0, 50.0, 30.0, 10.0, 5.0, 2.0, 1.0)  # GeV

Array = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile with numba and keep the type."""
    return cast("Function", njit(function))


class Medium(NamedTuple):
    """What the kernels need to know; energies in GeV, lengths in radiation lengths."""

    y_cut: float  # softer photons, relative to the electron, are a continuous loss
    ionisation: float  # GeV per radiation length
    screening: float  # 136 Z^(-1/3) m_e; 0 is complete screening at every energy
    offset: float  # (4/3) ln Z + 4 f(Z)


class Score(NamedTuple):
    """Track lengths per primary [X0]; results of `simulate` have the batch as first index."""

    edges: Array  # energy bins, rising, from the cut to the energy of the primary
    step: float  # width of a depth bin
    track: Array  # [kind, energy]
    moment: Array  # [kind, energy], track length times depth
    profile: Array  # [kind, energy, depth], the last depth bin takes everything deeper
    tally: Array  # energy of particles below the cut, lost to soft photons, to ionisation


def medium(
    y_cut: float = 1e-3, ionisation: float = 0.0, charge: int = LEAD, *, screening: bool = True
) -> Medium:
    """Describe an element; without `screening`, screening is complete at every energy."""
    a2 = (ALPHA * charge) ** 2  # Davies, Bethe, Maximon
    coulomb = a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)
    scale = 136 * charge ** (-1 / 3) * ELECTRON_MASS if screening else 0.0
    return Medium(y_cut, ionisation, scale, 4 / 3 * math.log(charge) + 4 * coulomb)


@compiled
def screened(d: float, offset: float) -> tuple[float, float]:
    """Return F1 and F2, the screening functions over their common normalisation."""
    if d <= 1.0:
        phi1 = 20.867 + d * (-3.242 + 0.625 * d)
        phi2 = 20.209 + d * (-1.930 - 0.086 * d)
    else:
        phi1 = phi2 = 21.12 - 4.184 * math.log(d + 0.952)
    norm = 20.867 - offset
    return max(phi1 - offset, 0.0) / norm, max(phi2 - offset, 0.0) / norm


@compiled
def brems_density(y: float, energy: float, med: Medium) -> float:
    """Return y dN/dy per radiation length of photons of energy y times the electron's."""
    f1, f2 = screened(med.screening * y / (energy * (1.0 - y)), med.offset)
    return (1.0 + (1.0 - y) ** 2) * f1 - 2.0 / 3.0 * (1.0 - y) * f2


@compiled
def pair_density(x: float, energy: float, med: Medium) -> float:
    """Return dN/dx per radiation length of pairs whose electron takes the fraction x."""
    xx = x * (1.0 - x)
    f1, f2 = screened(med.screening / (energy * xx), med.offset) if xx > 0.0 else (0.0, 0.0)
    return (1.0 - 2.0 * xx) * f1 + 2.0 / 3.0 * xx * f2


@compiled
def soft_loss(med: Medium) -> float:
    """Return b, the fraction of its energy an electron loses to soft photons per X0.

    Below y_cut screening is complete: d = 0.016 y_cut GeV/E.
    """
    f2, c = screened(0.0, med.offset)[1], med.y_cut
    return c * (2.0 - c + c * c / 3.0) - 2.0 / 3.0 * f2 * c * (1.0 - 0.5 * c)


@compiled
def fly(
    kind: int, energy: float, depth: float, length: float, med: Medium, score: Score
) -> tuple[float, float]:
    """Move a particle by `length` or down to the cut; score; return its energy and depth."""
    charged = kind != PHOTON
    b, a = soft_loss(med), med.ionisation
    start, left = energy, length
    i = np.searchsorted(score.edges, energy) - 1
    last = score.profile.shape[2] - 1
    j = min(int(depth / score.step), last)
    while left > 0.0 and i >= 0:
        step, to_edge, loss = left, False, 0.0
        room = (j + 1) * score.step - depth
        crosses = j < last and room < step
        if crosses:
            step = max(room, 0.0)
        if charged:
            loss = -(energy + a / b) * math.expm1(-b * step)
            to_edge = energy - loss <= score.edges[i]
        if to_edge:
            below = score.edges[i]
            step = min(step, math.log1p((energy - below) * b / (b * below + a)) / b)
            loss, crosses = energy - below, False
        score.track[kind, i] += step
        score.moment[kind, i] += step * (depth + 0.5 * step)
        score.profile[kind, i, j] += step
        left -= step
        depth += step
        energy -= loss
        j += crosses
        if to_edge:
            energy = score.edges[i]
            i -= 1
    if charged:
        ionised = a * (length - left)
        score.tally[IONISED] += ionised
        score.tally[SOFT] += start - energy - ionised
    return energy, depth


@compiled
def cascade(rng: np.random.Generator, count: int, kind: int, med: Medium, score: Score) -> None:
    """Follow `count` primaries of the energy of the topmost edge and add to the score."""
    top_energy, cut = score.edges[-1], score.edges[0]
    size = int(top_energy / cut) + 4  # every particle on the stack is above the cut
    kinds, energies, depths = np.empty(size, np.int64), np.empty(size), np.empty(size)
    ceiling = 2.0 - 2.0 / 3.0 * screened(0.0, med.offset)[1]
    log_cut = math.log(med.y_cut)
    rate = -ceiling * log_cut
    for _ in range(count):
        kinds[0], energies[0], depths[0] = kind, top_energy, 0.0
        top = 1
        while top:
            top -= 1
            now, e, z = kinds[top], energies[top], depths[top]
            while e > cut:
                if now == PHOTON:
                    e, z = fly(now, e, z, rng.standard_exponential(), med, score)
                    part = rng.random()
                    if rng.random() > pair_density(part, e, med):
                        continue
                    now, new = ELECTRON, POSITRON
                else:
                    e, z = fly(now, e, z, rng.standard_exponential() / rate, med, score)
                    if e <= cut:
                        break
                    part = math.exp((1.0 - rng.random()) * log_cut)
                    if rng.random() * ceiling > brems_density(part, e, med):
                        continue
                    new = PHOTON
                if part * e > cut:
                    kinds[top], energies[top], depths[top] = new, part * e, z
                    top += 1
                else:
                    score.tally[DROPPED] += part * e
                e *= 1.0 - part
            score.tally[DROPPED] += e


def energy_edges(cut: float, energy: float, bins: int = 80, *, linear: bool = False) -> Array:
    """Return energy bins, even in E or ln E, that have the thresholds among their edges."""
    grid = np.linspace(cut, energy, bins + 1) if linear else np.geomspace(cut, energy, bins + 1)
    extra = [value for value in THRESHOLDS if cut < value < energy]
    edges = np.unique(np.round(np.concatenate((grid[1:-1], extra)), 9))
    return np.concatenate(([cut], edges, [energy]))


def simulate(
    med: Medium, edges: Array, primaries: int, kind: int = ELECTRON, seed: int = 1
) -> Score:
    """Follow primaries of energy ``edges[-1]`` down to ``edges[0]``, in independent batches."""
    count, n, step = max(1, primaries // BATCHES), len(edges) - 1, DEPTH / SLICES
    shapes = ((3, n), (3, n), (3, n, SLICES + 1), (3,))
    batches = []
    for sequence in np.random.SeedSequence(seed).spawn(BATCHES):
        score = Score(edges, step, *(np.zeros(shape) for shape in shapes))
        cascade(np.random.default_rng(sequence), count, kind, med, score)
        batches.append(score[2:])
    return Score(edges, step, *(np.stack(x) / count for x in zip(*batches, strict=True)))


def mean_and_error(batches: Array) -> tuple[Array, Array]:
    """Return the mean over the batches and its standard error."""
    return batches.mean(axis=0), batches.std(axis=0, ddof=1) / math.sqrt(len(batches))


def above(score: Score, threshold: float) -> tuple[Array, Array, Array, Array]:
    """Return T(>threshold), its error, the mean depth, its error; of e-, e+ and photons."""
    first = int(np.searchsorted(score.edges, threshold * (1 - 1e-9)))
    track, moment = score.track[..., first:].sum(axis=2), score.moment[..., first:].sum(axis=2)
    depth = moment.sum(axis=0) / track.sum(axis=0)
    depth_error = mean_and_error((moment - depth * track) / track.mean(axis=0))[1]
    return *mean_and_error(track), depth, depth_error


def rossi_constant(med: Medium) -> float:
    """Return lim T(>E) E/E0 of e- and e+ for E0/E to infinity, complete screening.

    With dT/dE = C E0/E^2 the energy that crosses E downwards is E0, which fixes C.
    """
    full = med._replace(screening=0.0)

    def xlogx(u: float) -> float:
        return u * math.log(u) if u > 0 else 0.0

    def entropy(y: float) -> float:
        return -(xlogx(y) + xlogx(1 - y)) * brems_density(y, 1.0, full) / y

    brems = quad(entropy, 0, 1)[0]
    pairs = quad(lambda x: -2 * xlogx(x) * pair_density(x, 1.0, full), 0, 1)[0]
    radiated = quad(lambda y: brems_density(y, 1.0, full), 0, 1)[0]
    absorbed = quad(lambda x: pair_density(x, 1.0, full), 0, 1)[0]
    return float(1 / (brems + pairs * radiated / absorbed))


def summary(score: Score) -> dict[str, Any]:
    """Return track lengths T and mean depths z with errors, and the energy balance, for JSON."""
    rows = {}
    for limit in (t for t in THRESHOLDS if score.edges[0] <= t < score.edges[-1]):
        columns = zip(*(x.tolist() for x in above(score, limit)), strict=True)
        cells = (dict(zip(("T", "dT", "z", "dz"), column, strict=True)) for column in columns)
        rows[f"{limit:g}"] = dict(zip(PARTICLES, cells, strict=True))
    tally = score.tally.mean(axis=0).tolist()
    balance = dict(zip(("dropped", "soft", "ionised"), tally, strict=True))
    return {"above": rows, "energy": balance | {"sum": math.fsum(tally)}}


def main() -> None:
    """Run one Monte Carlo and write the table of T(>E)."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--primaries", type=float, default=1e5)
    parser.add_argument("--energy", type=float, default=100.0, help="of the primary [GeV]")
    parser.add_argument("--particle", choices=PARTICLES, default="e-")
    parser.add_argument("--cut", type=float, default=1.0, help="follow down to this energy [GeV]")
    parser.add_argument("--y-cut", type=float, default=1e-3, help="softest discrete photon")
    parser.add_argument("--ionisation", type=float, default=0.0, help="GeV per X0; lead: 0.009")
    parser.add_argument("--complete-screening", action="store_true", help="at every energy")
    parser.add_argument("--bins", type=int, default=80, help="energy bins")
    parser.add_argument("--linear", action="store_true", help="bins even in E, not in ln E")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="JSON file for the numbers and the spectra")
    opts = parser.parse_args()
    med = medium(opts.y_cut, opts.ionisation, screening=not opts.complete_screening)
    edges = energy_edges(opts.cut, opts.energy, opts.bins, linear=opts.linear)
    kind = PARTICLES.index(opts.particle)
    score = simulate(med, edges, int(opts.primaries), kind, opts.seed)
    numbers = summary(score)
    lines = ["T(>E) [X0] per primary and mean depth [X0]"]
    lines.append(f"{'E/GeV':>6}" + "".join(f"{name:>38}" for name in PARTICLES))
    cell = "{T:12.5f} +-{dT:8.5f} {z:6.3f} +-{dz:6.3f}"
    for limit, row in numbers["above"].items():
        lines.append(f"{limit:>6}" + "".join(cell.format(**c) for c in row.values()))
    lines.append(f"energy balance [GeV]: {numbers['energy']}")
    sys.stdout.write("\n".join(lines) + "\n")
    if opts.output:
        numbers |= {"edges": edges.tolist(), "depth_step": score.step}
        for name in ("track", "profile"):
            mean, error = mean_and_error(getattr(score, name))
            numbers |= {name: mean.tolist(), f"{name}_error": error.tolist()}
        opts.output.write_text(json.dumps(numbers), encoding="utf-8")


if __name__ == "__main__":
    main()
