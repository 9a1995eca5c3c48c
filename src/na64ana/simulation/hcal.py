"""Hadrons and muons in the HCAL, cell by cell.

4 modules of 3 x 3 cells, 48 x (25 mm Fe + 4 mm Sc), 7.2 interaction lengths each, 60 %/sqrt(E);
one muon leaves about 2.5 GeV in a module. Numbers without a reference are choices.
"""

from functools import cache

import numpy as np
from scipy.special import erf

from na64ana.io.format import HCAL_SHAPE
from na64ana.simulation.classes import ECAL_LENGTH, PRS_LENGTH
from na64ana.simulation.ecal import cell_times
from na64ana.simulation.noise import draw_noise
from na64ana.simulation.pileup import Crossings
from na64ana.simulation.state import State
from na64ana.simulation.truth import Floats, Truth

#: Interaction lengths and length [mm] of a module.
MODULE_LENGTH, MODULE_DEPTH = 7.2, 1500.0
#: sigma/E at 1 GeV; noise of a cell [GeV].
STOCHASTIC, NOISE = 0.60, 0.02
#: Size of a cell [mm].
CELL = 194.0
#: Energy that a muon loses in a module, and that the module shows for it, calibrated to hadrons
#: [GeV]; 1.2 m of iron and 0.19 m of plastic at minimum ionisation and the rise (RPP tables).
MUON_LOSS, MUON_SEEN = 1.9, 2.5
#: Longitudinal profile of a hadronic shower from its first interaction, t exp(-t/beta): mean beta
#: [interaction lengths] and its relative spread, and beta of the neutral pions of the first
#: interaction; their share of the energy is beta-distributed with these two parameters.
BETA, BETA_SPREAD, BETA_PI0, PI0_SHARE = 0.8, 0.35, 0.25, (1.5, 3.0)
#: Scattering angle of a 1 GeV muon in a module of 70 X0, per projection [rad] (RPP, section 34.3).
SCATTERING = 0.0136 * np.sqrt(70) * (1 + 0.038 * np.log(70))
#: Lateral profile: weights and widths [mm] of two Gaussians.
_LATERAL = ((0.75, 50.0), (0.25, 160.0))
#: Spread [mm] of the hadrons of one event around the beam.
_SPREAD = 40.0
#: Time resolution of a cell: a/sqrt(E), and constant [ns].
TIME_STOCHASTIC, TIME_CONSTANT = 1.0, 0.8

_N_MODULES, _NX, _NY = HCAL_SHAPE
#: Module 3 stands at zero degrees, off the deflected beam (PRL 131 (2023) 161801).
_ON_BEAM = 3


def measure(
    rng: np.random.Generator, truth: Truth, state: State, modules: Floats, halo: Crossings
) -> tuple[Floats, Floats, Floats]:
    """Return energies and times of the cells ``(n, 4, 3, 3)``, and the true energy ``(n,)``.

    Parameters
    ----------
    rng : numpy.random.Generator
    truth : Truth
        The events.
    state : State
        The conditions that hold for them.
    modules : array (n, 3)
        Energy of hadrons in the modules 0 to 2 [GeV].
    halo : Crossings
        Muons of the beam halo.

    Returns
    -------
    e_cell, t_cell : array (n, 4, 3, 3)
        In GeV, and in ns after the master time; both 0 under threshold.
    e_true : array (n,)
        Mean energy that the event shows in modules 0 to 2, without the halo [GeV].
    """
    e_true = modules.sum(axis=1)
    cells = np.zeros((len(truth), *HCAL_SHAPE), np.float32)
    made = np.flatnonzero(e_true)
    seen = fluctuate(rng, modules[made])[:, :, None, None]
    cells[made, :_ON_BEAM] = seen * lateral_fractions(rng, len(made))
    e_true += add_muons(rng, cells, truth.e_muon, truth.slope_muon, state.hcal_distance)
    straight = np.flatnonzero(truth.e_zero_degree)
    seen = fluctuate(rng, truth.e_zero_degree[straight])[:, None, None]
    cells[straight, _ON_BEAM] = seen * lateral_fractions(rng, len(straight))[:, 0]

    n = len(halo.event)
    crossed = (
        np.repeat(halo.event, _ON_BEAM),
        np.tile(np.arange(_ON_BEAM), n),
        *np.repeat(rng.integers(_NX, size=(2, n)), _ON_BEAM, axis=1),
    )
    seen = MUON_SEEN * muon_fluctuation(rng, n * _ON_BEAM)
    np.add.at(cells, crossed, seen)
    late = np.repeat(halo.time, _ON_BEAM) * seen / cells[crossed]
    cells += np.float32(NOISE) * draw_noise(rng, cells.size).reshape(cells.shape)
    np.copyto(cells, 0, where=cells < state.threshold_hcal_cell[:, None, None, None])
    times = cell_times(rng, cells, TIME_STOCHASTIC, TIME_CONSTANT)
    np.add.at(times, crossed, late * (cells[crossed] > 0))
    return cells, times, e_true


def fluctuate(rng: np.random.Generator, energy: Floats) -> Floats:
    """Return measured energies of hadronic showers [GeV]: sigma^2 = 0.36 GeV E, never negative."""
    unit = STOCHASTIC**2
    return (unit * rng.standard_gamma(energy / unit)).astype(np.float32)


def contained(depth: Floats, beta: Floats | float) -> Floats:
    """Return the share of a shower within `depth` [interaction lengths] of its start."""
    t = np.maximum(depth, 0) / beta
    return np.asarray(1 - (1 + t) * np.exp(-t), np.float32)


def split_hadrons(
    rng: np.random.Generator, e_hadron: Floats, depth: Floats
) -> tuple[Floats, Floats, Floats]:
    """Share the energy of hadrons between PRS, the rest of the ECAL, and HCAL modules 0 to 2.

    Parameters
    ----------
    rng : numpy.random.Generator
    e_hadron, depth : array (n, k)
        Energy [GeV], and depth of the first interaction [interaction lengths] from the front of
        the ECAL. What lies behind module 2 is lost: punch-through.

    Returns
    -------
    e_prs, e_main : array (n,)
    e_modules : array (n, 3)
    """
    parts = np.zeros((len(e_hadron), 2 + _ON_BEAM), np.float32)
    ends = (0.0, PRS_LENGTH, *(ECAL_LENGTH + MODULE_LENGTH * np.arange(_ON_BEAM + 1)))
    event, which = np.nonzero(e_hadron)
    n = len(event)
    start = depth[event, which]
    beta = BETA * np.exp(BETA_SPREAD * rng.standard_normal(n, dtype=np.float32))
    pi0 = rng.beta(*PI0_SHARE, n).astype(np.float32)
    inside = [
        pi0 * contained(end - start, BETA_PI0) + (1 - pi0) * contained(end - start, beta)
        for end in ends
    ]
    np.add.at(parts, event, e_hadron[event, which, None] * np.diff(inside, axis=0).T)
    return parts[:, 0], parts[:, 1], parts[:, 2:]


def lateral_fractions(rng: np.random.Generator, n: int) -> Floats:
    """Draw the shares ``(n, 1, 3, 3)`` of the cells in hadronic showers, alike in each module.

    The HCAL is calibrated with hadrons, so that on average they sum to one.
    """
    return _geometric_fractions(rng, n) / _containment()


@cache
def _containment() -> np.float32:
    """Return the share of hadronic showers that the cells hold on average."""
    return np.float32(_geometric_fractions(np.random.default_rng(64), 20_000).sum() / 20_000)


def _geometric_fractions(rng: np.random.Generator, n: int) -> Floats:
    """Draw the shares ``(n, 1, 3, 3)`` of the cells before calibration."""
    edges = CELL * (np.arange(_NX + 1, dtype=np.float32) - np.float32(_NX / 2))
    centre = np.float32(_SPREAD) * rng.standard_normal((2, n, 1), dtype=np.float32)
    width = np.exp(np.float32(0.2) * rng.standard_normal((n, 1), dtype=np.float32))
    fractions = np.zeros((n, 1, _NX, _NY), np.float32)
    for weight, sigma in _LATERAL:
        scale = np.float32(1 / (2**0.5 * sigma)) / width
        in_x, in_y = (np.diff(erf((edges - at) * scale)) / 2 for at in centre)
        fractions[:, 0] += np.float32(weight) * in_x[:, :, None] * in_y[:, None, :]
    return fractions


def add_muons(
    rng: np.random.Generator, cells: Floats, energy: Floats, slope: Floats, distance: Floats
) -> Floats:
    """Add muons to the cells that they cross; a slow one stops, a steep one leaves sideways.

    Parameters
    ----------
    rng : numpy.random.Generator
    cells : array (n, 4, 3, 3)
        Deposits [GeV], changed in place.
    energy : array (n, k)
        Muon energies behind the ECAL [GeV].
    slope : array (n, k, 2)
        Directions (x, y).
    distance : array (n,)
        From ECAL to HCAL [mm].

    Returns
    -------
    array (n,)
        Mean energy that the muons of an event show [GeV].
    """
    mean = np.zeros(len(cells), np.float32)
    for muon in range(energy.shape[1]):
        event = np.flatnonzero(energy[:, muon])
        left, direction = energy[event, muon], slope[event, muon]
        x = distance[event, None] * direction
        for module in range(_ON_BEAM):
            x = x + direction * np.float32(MODULE_DEPTH / 2)
            place = np.floor(x / CELL + 1.5).astype(np.intp)
            alive = (left > 0) & ((place >= 0) & (place < (_NX, _NY))).all(axis=1)
            event, left, place = event[alive], left[alive], place[alive]
            shown = MUON_SEEN * np.minimum(left / np.float32(MUON_LOSS), 1)
            mean[event] += shown
            seen = shown * muon_fluctuation(rng, len(event))
            cells[event, module, place[:, 0], place[:, 1]] += seen
            kick = rng.standard_normal((len(event), 2), dtype=np.float32)
            kick *= np.float32(SCATTERING) / np.maximum(left, 1)[:, None]
            direction, left = direction[alive] + kick, left - np.float32(MUON_LOSS)
            x = x[alive] + direction * np.float32(MODULE_DEPTH / 2)
    return mean


def muon_fluctuation(rng: np.random.Generator, n: int) -> Floats:
    """Return energies of muons in a module relative to the mean one: 15 %, and a Landau tail."""
    tail = 0.1 * rng.standard_exponential(n, dtype=np.float32)
    return 0.9 + tail + np.float32(0.12) * rng.standard_normal(n, dtype=np.float32)
