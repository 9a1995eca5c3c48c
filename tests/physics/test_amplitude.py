"""The cross section against explicit gamma-matrix traces with explicit four-vectors."""

import numpy as np
import pytest

from na64ana.constants import ALPHA, M_E
from na64ana.signal.bremsstrahlung import Nodes, Process, double_differential_cross_section
from na64ana.signal.form_factors import FormFactor
from na64ana.signal.target import ECAL

METRIC = np.diag([1.0, -1.0, -1.0, -1.0])


def gamma_matrices() -> np.ndarray:
    """Return gamma^mu in the Dirac representation."""
    one, zero = np.eye(2), np.zeros((2, 2))
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    time = np.block([[one, zero], [zero, -one]])
    return np.array([time, *(np.block([[zero, s], [-s, zero]]) for s in pauli)])


GAMMA = gamma_matrices()


GAMMA_5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
NUCLEUS = ECAL.nucleus
MASS = NUCLEUS.nuclear_mass
MUON = 0.1056584


def slash(vector: np.ndarray) -> np.ndarray:
    return np.einsum("m,mn,nij->ij", vector, METRIC, GAMMA)


def vertices(mediator: str, k: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Return weights and matrices that sum to the sum over polarisations."""
    if mediator == "S":
        return [(1.0, np.eye(4))]
    if mediator == "P":
        return [(1.0, 1j * GAMMA_5)]
    chiral = GAMMA_5 if mediator == "A" else np.eye(4)
    some = [(-METRIC[i, i], GAMMA[i] @ chiral) for i in range(4)]
    return [*some, (1 / (k @ METRIC @ k), slash(k) @ chiral)]


def traced(mediator, lepton, p, k, p_out, big_p) -> float:
    """Return the sum over spins and polarisations of |amplitude|^2, over that of the lepton's."""
    s = (p_out + k) @ METRIC @ (p_out + k) - lepton**2
    u = (p - k) @ METRIC @ (p - k) - lepton**2
    nucleus, one = slash(big_p), lepton * np.eye(4)
    after = (slash(p_out + k) + one) @ nucleus / s
    before = nucleus @ (slash(p - k) + one) / u
    total = 0.0
    for weight, matrix in vertices(mediator, k):
        vertex = matrix @ after + before @ matrix
        conjugate = GAMMA[0] @ vertex.conj().T @ GAMMA[0]
        total += (
            weight * np.trace((slash(p_out) + one) @ vertex @ (slash(p) + one) @ conjugate).real
        )
    return total / 2


def explicit(mediator, lepton, m, energy, x, theta, nodes=32, turns=24) -> float:
    """Return d^2 sigma / dx dcos(theta), integrated over t and azimuth point by point."""
    momentum, k_length = np.sqrt(energy**2 - lepton**2), np.sqrt((x * energy) ** 2 - m**2)
    p = np.array([energy, 0.0, 0.0, momentum])
    k = np.array([x * energy, k_length * np.sin(theta), 0.0, k_length * np.cos(theta)])
    v = p - k
    v_length = np.linalg.norm(v[1:])
    big_u = lepton**2 - v @ METRIC @ v

    def along(t):
        return (big_u + t + v[0] * t / MASS) / (2 * v_length)

    # t is possible where the momentum along p - k is not all there is: a quadratic in t
    rise = (1 + v[0] / MASS) / (2 * v_length)
    start = big_u / (2 * v_length)
    t_min, t_max = np.sort(
        np.roots([1 / (4 * MASS**2) - rise**2, 1 - 2 * start * rise, -(start**2)]).real
    )
    node, weight = np.polynomial.legendre.leggauss(nodes)
    half = np.log(t_max / t_min) / 2
    axis = v[1:] / v_length
    side = np.cross(axis, [0.0, 1.0, 0.0])
    total = 0.0
    for t, w in zip(t_min * np.exp(half * (1 + node)), half * weight, strict=True):
        q0 = t / (2 * MASS)
        across = np.sqrt(t + q0**2 - along(t) ** 2)
        values = []
        for phi in np.linspace(0, 2 * np.pi, turns, endpoint=False):
            turn = np.cos(phi) * side + np.sin(phi) * np.array([0.0, 1.0, 0.0])
            q = np.array([q0, *(along(t) * axis + across * turn)])
            p_out = v - q
            assert p_out @ METRIC @ p_out == pytest.approx(lepton**2, abs=1e-9)
            big_p = 2 * np.array([MASS, 0.0, 0.0, 0.0]) + q
            values.append(traced(mediator, lepton, p, k, p_out, big_p))
        form = FormFactor()(np.array([t]), NUCLEUS)[0]
        total += w * form / t * np.mean(values) / (8 * MASS**2)
    return ALPHA**3 * k_length * energy / (momentum * v_length) * total


@pytest.mark.parametrize("mediator", ["V", "A", "S", "P"])
@pytest.mark.parametrize(
    ("m", "lepton", "energy", "x", "theta"),
    [
        (1.0, M_E, 20.0, 0.90, 0.02),
        (1.0, MUON, 20.0, 0.50, 0.1),
        (0.5, MUON, 30.0, 0.95, 0.01),
        (0.2, M_E, 40.0, 0.70, 0.01),
        (0.1, MUON, 10.0, 0.30, 0.1),
        (0.4, M_E, 2.0, 0.40, 1.0),
    ],
)
def test_the_cross_section_is_that_of_the_feynman_diagrams(mediator, m, lepton, energy, x, theta):
    process = Process(mediator, lepton_mass=lepton, nodes=Nodes(t=120))
    ours = double_differential_cross_section(process, np.array([x]), np.array([theta]), m, energy)
    assert ours[0] == pytest.approx(explicit(mediator, lepton, m, energy, x, theta), rel=2e-4)
