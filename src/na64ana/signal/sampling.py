"""Samples of dark photons: their energies, and the depths at which they are made."""

import numpy as np
import numpy.typing as npt

from na64ana.errors import ModelError
from na64ana.signal.shower import DEPTH_STEP, compute_profile
from na64ana.signal.widths import DarkMatter
from na64ana.signal.yields import Beamline, compute_annihilation, compute_double_spectrum

Floats = npt.NDArray[np.float64]

#: Bins of the energy of the electron that emits (choice).
_N_PARENTS = 40


def sample_bremsstrahlung(
    rng: np.random.Generator,
    n: int,
    mass: float,
    *,
    e_miss_min: float,
    beamline: Beamline | None = None,
) -> tuple[Floats, Floats]:
    """Draw dark photons of one mass that electrons and positrons emit.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int
    mass : float
        [GeV]
    e_miss_min : float
        Least energy of the dark photon [GeV].
    beamline : Beamline or None

    Returns
    -------
    e_ap : array (n,)
        [GeV]
    depth : array (n,)
        In the dump [X0].

    Raises
    ------
    ModelError
        If the least energy lies outside the bins; else as `compute_bremsstrahlung`.
    """
    beamline = beamline or Beamline()
    kept = _kept(beamline, e_miss_min)
    parents = np.linspace(e_miss_min, beamline.energy, _N_PARENTS + 1)
    weight = compute_double_spectrum(mass, parents, beamline) * kept
    place = rng.choice(weight.size, n, p=weight.ravel() / weight.sum())
    parent, chosen = np.divmod(place, weight.shape[1])
    e_ap = _inside_bins(rng, beamline, chosen, e_miss_min)
    shower = compute_profile(beamline.energy, beam=beamline.particle, target=beamline.target)
    made_by = shower.electrons + shower.positrons
    middle = (parents[1:] + parents[:-1]) / 2
    return e_ap, _depths(rng, shower.energy, made_by, middle, parent)


def sample_annihilation(
    rng: np.random.Generator,
    n: int,
    mass: float,
    dark_matter: DarkMatter,
    *,
    e_miss_min: float,
    beamline: Beamline | None = None,
) -> tuple[Floats, Floats]:
    """Draw dark photons of one mass that positrons make on electrons.

    Parameters, results and errors as for `sample_bremsstrahlung`; the `dark_matter` decides the
    width of the resonance.
    """
    beamline = beamline or Beamline()
    weight = compute_annihilation([mass], beamline, dark_matter).per_bin[0]
    weight = weight * _kept(beamline, e_miss_min)
    if not weight.sum() > 0:
        msg = f"mass {mass:g} GeV: no annihilation above {e_miss_min:g} GeV"
        raise ModelError(msg)
    chosen = rng.choice(len(weight), n, p=weight / weight.sum())
    e_ap = _inside_bins(rng, beamline, chosen, e_miss_min)
    shower = compute_profile(beamline.energy, beam=beamline.particle, target=beamline.target)
    middle = (beamline.edges[1:] + beamline.edges[:-1]) / 2
    return e_ap, _depths(rng, shower.energy, shower.positrons, middle, chosen)


def _kept(beamline: Beamline, e_miss_min: float) -> Floats:
    """Return which part ``(n,)`` of each bin of the energy lies above a threshold."""
    edges = beamline.edges
    if not edges[0] <= e_miss_min < edges[-1]:
        msg = (
            f"missing energy above {e_miss_min:g} GeV: must lie between {edges[0]:g} and "
            f"{edges[-1]:g} GeV"
        )
        raise ModelError(msg)
    return np.clip((edges[1:] - e_miss_min) / np.diff(edges), 0.0, 1.0)


def _inside_bins(
    rng: np.random.Generator, beamline: Beamline, chosen: npt.NDArray[np.intp], e_miss_min: float
) -> Floats:
    """Return energies ``(n,)`` anywhere in bins, above a threshold."""
    edges = beamline.edges
    low = np.maximum(edges[chosen], e_miss_min)
    return np.asarray(low + (edges[chosen + 1] - low) * rng.random(len(chosen)))


def _depths(
    rng: np.random.Generator,
    energy: Floats,
    particles: Floats,
    parents: Floats,
    chosen: npt.NDArray[np.intp],
) -> Floats:
    """Return depths ``(n,)`` [X0] at which particles have the energies ``parents[chosen]``."""
    depth = np.empty(len(chosen))
    for k in np.unique(chosen):
        profile = particles[:, np.abs(energy - parents[k]).argmin()]
        cumulative = np.concatenate([[0.0], np.cumsum((profile[1:] + profile[:-1]) / 2)])
        some = chosen == k
        drawn = rng.random(some.sum()) * cumulative[-1]
        depth[some] = np.interp(drawn, cumulative, DEPTH_STEP * np.arange(len(cumulative)))
    return depth
