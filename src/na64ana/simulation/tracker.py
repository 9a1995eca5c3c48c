"""The incoming track: momentum, angle, and hits in Micromegas, GEM and straw tubes."""

import numpy as np
import numpy.typing as npt

from na64ana.simulation.truth import Arrays, Floats, Truth

#: Relative momentum resolution (PRL 131 (2023) 161801).
MOMENTUM_RESOLUTION = 0.01
#: Spread of the angle to the deflected beam axis, per projection [rad] (choice).
ANGLE = 0.7e-3
#: Efficiency of a plane, and probability of a noise hit in it (choices).
PLANE_EFFICIENCY, NOISE_HIT = 0.985, 0.02
#: Degrees of freedom of the track fit (choice).
_DEGREES = 8

_PLANES = {"n_mm": 4, "n_gem": 2, "n_st": 4}
#: Planes behind the magnets: MM3, MM4, both GEMs, ST3 and ST4.
_BEHIND = {"n_mm": slice(2, 4), "n_gem": slice(0, 2), "n_st": slice(2, 4)}


def draw_track(
    rng: np.random.Generator,
    truth: Truth,
    efficiency: Floats,
    pileup: npt.NDArray[np.int64],
) -> Arrays:
    """Draw the branches of the tracker.

    Parameters
    ----------
    rng : numpy.random.Generator
    truth : Truth
        True momentum, and probability of further hits behind the magnets.
    efficiency : array (n,)
        Of finding the track.
    pileup : array (n,)
        Other beam particles in the read-out window of the chambers; each leaves a hit in each
        plane, and a track.
    """
    n = len(truth)
    found = rng.random(n, dtype=np.float32) < efficiency
    blur = 1 + np.float32(MOMENTUM_RESOLUTION) * rng.standard_normal(n, dtype=np.float32)
    arrays: Arrays = {
        "p_track": truth.p_beam * blur * found,
        "theta_in": rng.rayleigh(ANGLE, n).astype(np.float32) * found,
        "chi2_track": rng.chisquare(_DEGREES, n).astype(np.float32) / _DEGREES * found,
        "n_tracks": (found + pileup).astype(np.uint8),
    }
    for name, planes in _PLANES.items():
        hits = (rng.random((n, planes), dtype=np.float32) < PLANE_EFFICIENCY).astype(np.uint8)
        hits += pileup.astype(np.uint8)[:, None]
        u = rng.random((n, planes), dtype=np.float32)
        hits += u < NOISE_HIT
        hits[:, _BEHIND[name]] += u[:, _BEHIND[name]] > 1 - truth.p_hit[:, None]
        arrays[name] = hits
    return arrays
