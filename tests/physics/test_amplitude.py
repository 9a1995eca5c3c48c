"""The squared amplitude against explicit gamma-matrix traces with explicit four-vectors."""

import numpy as np
import pytest

from na64ana.constants import M_E
from na64ana.signal.bremsstrahlung import Point, averaged_amplitude
from na64ana.signal.target import ECAL

METRIC = np.diag([1.0, -1.0, -1.0, -1.0])


def gamma_matrices() -> np.ndarray:
    """Return gamma^mu in the Dirac representation."""
    one, zero = np.eye(2), np.zeros((2, 2))
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    time = np.block([[one, zero], [zero, -one]])
    return np.array([time, *(np.block([[zero, s], [-s, zero]]) for s in pauli)])


GAMMA = gamma_matrices()


def slash(vector: np.ndarray) -> np.ndarray:
    return np.einsum("m,mn,nij->ij", vector, METRIC, GAMMA)


def traced(p: np.ndarray, k: np.ndarray, p_out: np.ndarray, big_p: np.ndarray) -> float:
    """Return sum over spins and A' polarisations of |amplitude|^2, averaged over the e- spin."""
    s = (p_out + k) @ METRIC @ (p_out + k) - M_E**2
    u = (p - k) @ METRIC @ (p - k) - M_E**2
    nucleus = slash(big_p)
    after = (slash(p_out + k) + M_E * np.eye(4)) @ nucleus / s
    before = nucleus @ (slash(p - k) + M_E * np.eye(4)) / u
    total = 0.0
    for i in range(4):
        vertex = GAMMA[i] @ after + before @ GAMMA[i]
        conjugate = GAMMA[0] @ vertex.conj().T @ GAMMA[0]
        spins = (slash(p_out) + M_E * np.eye(4)) @ vertex @ (slash(p) + M_E * np.eye(4))
        total -= METRIC[i, i] * np.trace(spins @ conjugate).real
    return total / 2


def explicit(point: Point, t: float) -> float:
    """Average the traces over the azimuth of the nucleus around p - k."""
    mass, kt = point.nuclear_mass, np.sqrt(point.kt2)
    p = np.array([point.energy, 0.0, 0.0, point.p])
    k = np.array([point.x * point.energy, kt, 0.0, point.kz])
    v = p - k
    q0 = t / (2 * mass)
    v_length = np.linalg.norm(v[1:])
    # the outgoing electron is on its mass shell
    along = (M_E**2 - v @ METRIC @ v + 2 * v[0] * q0 + t) / (2 * v_length)
    across = np.sqrt(t + q0**2 - along**2)
    axis = v[1:] / v_length
    side = np.cross(axis, [0.0, 1.0, 0.0])
    values = []
    for phi in np.linspace(0, 2 * np.pi, 400, endpoint=False):
        direction = np.cos(phi) * side + np.sin(phi) * np.array([0.0, 1.0, 0.0])
        q = np.array([q0, *(along * axis + across * direction)])
        p_out = v - q
        assert p_out @ METRIC @ p_out == pytest.approx(M_E**2, abs=1e-9)
        big_p = 2 * np.array([mass, 0.0, 0.0, 0.0]) + q
        values.append(traced(p, k, p_out, big_p))
    return float(np.mean(values))


@pytest.mark.parametrize(
    ("m_ap", "energy", "x", "kt", "position"),
    [
        (1.0, 20.0, 0.90, 0.3, 0.2),
        (1.0, 20.0, 0.50, 1.0, 0.5),
        (0.5, 30.0, 0.95, 0.2, 0.3),
        (0.2, 40.0, 0.70, 0.1, 0.4),
        (0.1, 20.0, 0.30, 0.5, 0.6),
    ],
)
def test_the_amplitude_is_that_of_the_feynman_diagrams(m_ap, energy, x, kt, position):
    kz = np.sqrt((x * energy) ** 2 - m_ap**2 - kt**2)
    arrays = (np.array(value) for value in (x, 1 - x, kt**2, kz))
    point = Point(m_ap, energy, ECAL.nuclear_mass, *arrays)
    t_min, t_max = point.limits_of_t()
    t = float(t_min * (min(t_max, 1.0) / t_min) ** position)
    ours = 8 * ECAL.nuclear_mass**2 * averaged_amplitude(point, np.array(t))
    assert ours == pytest.approx(explicit(point, t), rel=1e-5)
