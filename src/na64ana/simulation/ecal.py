"""Showers in the ECAL, cell by cell.

Longitudinal profile: gamma distributions whose maximum and width fluctuate, correlated
(na64ana.calorimeter).
Lateral profile: three components, each a product of 1/cosh^2(x/length) in x and y, with 90 % of
the energy inside one Moliere radius and 99 % inside 3.5 (RPP, section 34.4). Energies in GeV,
lengths in cells unless stated otherwise.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from na64ana.calorimeter import CONSTANT, PRS_DEPTH, STOCHASTIC, mean_profile
from na64ana.constants import BEAM_ENERGY
from na64ana.io.format import ECAL_SHAPE
from na64ana.simulation.noise import draw_noise
from na64ana.simulation.pileup import Crossings
from na64ana.simulation.state import State
from na64ana.simulation.truth import Floats, Truth

#: Cell pitch, and Moliere radius [mm]. The collaboration's figure for the latter is 3.5 to 4 cm;
#: 21.2 MeV X0 / E_c of the plates alone would be 2.8 cm.
PITCH, MOLIERE_RADIUS = 38.2, 35.0
#: Electronic noise of a cell [GeV] (choice).
NOISE = 5e-3
#: Time resolution of a cell [ns]: a/sqrt(E), and the electronics (choices).
TIME_STOCHASTIC, TIME_CONSTANT = 0.5, 0.3
#: Weights of the three components, and their lengths in Moliere radii.
LATERAL_WEIGHTS, LATERAL_LENGTHS = (0.72, 0.20, 0.08), (0.22, 0.55, 1.80)
#: Width of the profile in the PRS relative to that of the main part, and its fluctuation (choices).
PRS_WIDTH, WIDTH_FLUCTUATION = 0.6, 0.08
#: Width of a hadronic deposit relative to an electromagnetic one, and its resolution at 1 GeV
#: (choices).
HADRON_WIDTH, HADRON_STOCHASTIC = 3.5, 0.5
#: Spread of the beam at the ECAL [mm] (choice).
BEAM_SPOT = 8.0

_, _NX, _NY = ECAL_SHAPE


def draw_prs_share(
    rng: np.random.Generator, energy: Floats, depth: Floats
) -> tuple[Floats, Floats]:
    """Draw the longitudinal development of electromagnetic showers.

    Parameters
    ----------
    rng : numpy.random.Generator
    energy : array (n,)
        Energy of the showers [GeV].
    depth : array (n,)
        Depth [X0] at which they start.

    Returns
    -------
    share : array (n,)
        Energy fraction in the PRS, the first 4 X0.
    late : array (n,)
        How late the maximum comes, in standard deviations.
    """
    mean = mean_profile(energy)
    one, other = rng.standard_normal((2, len(energy)))
    late = np.sqrt((1 + mean.rho) / 2) * one + np.sqrt((1 - mean.rho) / 2) * other
    long = np.sqrt((1 + mean.rho) / 2) * one - np.sqrt((1 - mean.rho) / 2) * other
    return mean.share(late, long, PRS_DEPTH - depth).astype(np.float32), late.astype(np.float32)


def lateral_fractions(x: Floats, y: Floats, width: Floats) -> Floats:
    """Return the energy fractions ``(n, 6, 6)`` in the cells.

    Parameters
    ----------
    x, y : array (n,)
        Impact point in cells; cell i reaches from i to i + 1.
    width : array (n,)
        Width of the profile relative to the mean one.
    """
    scale = np.float32(PITCH / MOLIERE_RADIUS) / (width[:, None] * np.array(LATERAL_LENGTHS))
    edges = np.arange(_NX + 1, dtype=np.float32)
    distance = edges - np.stack([x, y])[..., None]
    rising = np.tanh(distance[:, :, None] * scale.astype(np.float32)[:, :, None])
    # Each difference is twice the fraction, by component and cell.
    in_x, in_y = rising[..., 1:] - rising[..., :-1]
    in_x *= np.array(LATERAL_WEIGHTS, np.float32)[:, None] / 4
    return np.asarray(np.matmul(in_x.transpose(0, 2, 1), in_y))


@cache
def _containment() -> np.float32:
    """Return the share of a shower in the middle that the matrix holds; the calibration."""
    middle, one = (np.array([value], np.float32) for value in (_NX / 2, 1.0))
    return np.float32(lateral_fractions(middle, middle, one).sum())


def shower_cells(
    rng: np.random.Generator, energy: Floats, depth: Floats, x: Floats, y: Floats
) -> Floats:
    """Return mean deposits ``(n, 2, 6, 6)`` [GeV] of fluctuating electromagnetic showers.

    Longitudinal and lateral development fluctuate; sampling and noise are not yet in. A shower
    that develops late is narrow at any given depth.
    """
    share, late = draw_prs_share(rng, energy, depth)
    spread = rng.standard_normal(len(energy), dtype=np.float32)
    width = np.exp(np.float32(WIDTH_FLUCTUATION) * (np.float32(0.75**0.5) * spread - 0.5 * late))
    cells = np.empty((len(energy), *ECAL_SHAPE), np.float32)
    for i, (fraction, scale) in enumerate(((share, PRS_WIDTH), (1 - share, 1.0))):
        cells[:, i] = lateral_fractions(x, y, np.float32(scale) * width)
        cells[:, i] *= (energy * fraction)[:, None, None]
    return cells


def hadron_cells(
    rng: np.random.Generator, e_prs: Floats, e_main: Floats, x: Floats, y: Floats
) -> Floats:
    """Return deposits ``(n, 2, 6, 6)`` [GeV] of hadronic showers with their wider profile.

    They fluctuate by `HADRON_STOCHASTIC`; what leaves the ECAL sideways is not in the cells.
    """
    width = HADRON_WIDTH * rng.gamma(9.0, 1 / 9.0, len(x)).astype(np.float32)
    fractions = lateral_fractions(x, y, width)[:, None]
    unit = HADRON_STOCHASTIC**2
    energy = unit * rng.standard_gamma(np.stack([e_prs, e_main], axis=1) / unit)
    return np.asarray(energy.astype(np.float32)[:, :, None, None] * fractions)


def measure(
    rng: np.random.Generator,
    truth: Truth,
    state: State,
    position: Floats,
    hadronic: tuple[Floats, Floats],
    electrons: Crossings,
) -> tuple[Floats, Floats, Floats]:
    """Return energies and times of the cells ``(n, 2, 6, 6)``, and the true energy ``(n,)``.

    Parameters
    ----------
    rng : numpy.random.Generator
    truth : Truth
        The events.
    state : State
        The conditions that hold for them.
    position : array (n, 2)
        Impact point from the centre of the beam cell [mm].
    hadronic : tuple of two arrays (n,)
        Energy [GeV] that hadrons leave in PRS and in the main part.
    electrons : Crossings
        Electrons near in time.

    Returns
    -------
    e_cell, t_cell : array (n, 2, 6, 6)
        In GeV, and in ns after the master time; both 0 under threshold.
    e_true : array (n,)
        Energy of the showers in the ECAL, without the electrons near in time [GeV].
    """
    centre = state.beam_cell.astype(np.float32) + np.float32(0.5)
    x, y = (centre + position / np.float32(PITCH)).T
    cells = shower_cells(rng, truth.e_em, truth.depth, x, y)
    side = np.flatnonzero(truth.e_side)
    beside = x[side] + truth.x_side[side] / np.float32(PITCH)
    cells[side] += shower_cells(rng, truth.e_side[side], truth.depth[side], beside, y[side])
    e_prs, e_main = hadronic
    made = np.flatnonzero(e_prs + e_main)
    cells[made] += hadron_cells(rng, e_prs[made], e_main[made], x[made], y[made])
    e_true = truth.e_em + truth.e_side + e_prs + e_main

    piled, extra, late = _near_in_time(rng, centre, electrons)
    cells[piled] += extra
    late /= np.maximum(cells[piled], np.float32(1e-6))

    cells *= (state.ecal_scale / _containment())[:, None, None, None]
    respond(rng, cells, state.threshold_ecal_cell)
    for axis, shape in ((0, (-1, 1, _NX, 1)), (1, (-1, 1, 1, _NY))):
        beyond = np.arange(_NX) >= state.ecal_matrix[:, axis, None]
        if beyond.any():  # these cells do not exist, and what falls on them is lost
            np.copyto(cells, 0, where=beyond.reshape(shape))
    times = cell_times(rng, cells, TIME_STOCHASTIC, TIME_CONSTANT)
    times[piled] += late * (cells[piled] > 0)
    return cells, times, e_true


def _near_in_time(
    rng: np.random.Generator, centre: Floats, electrons: Crossings
) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Return the events with other electrons, their cells, and cells times time [GeV ns]."""
    event, place = np.unique(electrons.event, return_inverse=True)
    n = len(electrons.event)
    spot = centre[electrons.event] + rng.standard_normal((n, 2)) * (BEAM_SPOT / PITCH)
    x, y = spot.astype(np.float32).T
    zero = np.zeros(n, np.float32)
    each = shower_cells(rng, zero + np.float32(BEAM_ENERGY), zero, x, y)
    # The integration takes the part of a pulse that overlaps with the gate.
    each *= electrons.overlap[:, None, None, None]
    extra, late = (np.zeros((len(event), *ECAL_SHAPE), np.float32) for _ in range(2))
    np.add.at(extra, place, each)
    np.add.at(late, place, each * electrons.time[:, None, None, None])
    return event, extra, late


def respond(rng: np.random.Generator, cells: Floats, threshold: Floats) -> None:
    """Add sampling and constant term and noise to cells, and empty those under threshold.

    Parameters
    ----------
    rng : numpy.random.Generator
    cells : array (n, 2, 6, 6)
        Deposits [GeV]; changed in place.
    threshold : array (n,)
        Least energy [GeV] of a cell that is read out.
    """
    scale = 1 + np.float32(CONSTANT) * rng.standard_normal(len(cells), dtype=np.float32)
    cells *= scale[:, None, None, None]
    smear(rng, cells, STOCHASTIC, NOISE)
    np.copyto(cells, 0, where=cells < threshold[:, None, None, None])


def smear(rng: np.random.Generator, cells: Floats, stochastic: float, noise: float) -> None:
    """Smear cells [GeV] with sigma^2 = stochastic^2 E + noise^2."""
    width = np.float32(stochastic**2) * cells
    width += np.float32(noise**2)
    np.sqrt(width, out=width)
    width *= draw_noise(rng, cells.size).reshape(cells.shape)
    cells += width


def cell_times(
    rng: np.random.Generator, cells: Floats, stochastic: float, constant: float
) -> Floats:
    """Return times [ns] of calorimeter cells in time with the trigger; 0 for empty cells.

    The resolution is `stochastic` over the square root of the energy, and `constant` [ns].
    """
    times = np.zeros(cells.size, np.float32)
    seen = np.flatnonzero(cells)
    width = np.sqrt(np.float32(stochastic**2) / cells.ravel()[seen] + np.float32(constant**2))
    width *= draw_noise(rng, len(seen))
    times[seen] = width
    return times.reshape(cells.shape)
