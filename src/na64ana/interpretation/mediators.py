"""Limits on other bosons that electrons emit and that nobody sees decay.

Generic scalars, pseudoscalars, vectors and axial vectors (UFN2021, section 3.4.2), and gauge bosons
that decay to neutrinos: B-L (NA64, PRL 129 (2022) 161801) and L_mu-L_tau (UFN2021, section 2.4).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.constants import ALPHA, M_E, M_MU, M_TAU
from na64ana.errors import ModelError
from na64ana.interpretation.magnetic_moment import contribution
from na64ana.signal.table import YieldTable
from na64ana.signal.widths import DarkMatter, decay_length, lepton_width
from na64ana.stats.curve import LimitCurve

Floats = npt.NDArray[np.float64]

#: Unit charge: epsilon = g/e.
E_CHARGE = float(np.sqrt(4 * np.pi * ALPHA))
#: Gauge bosons, and the left-handed neutrinos that they couple to.
NEUTRINOS = {"b_minus_l": 3, "l_mu_minus_l_tau": 2}
#: A width to neutrinos is so small that the resonance is a line: dark matter that gives one.
NARROW = DarkMatter("dirac", alpha_d=1e-3, mass_ratio=0.01)
#: What a boson has to leave behind to be invisible [mm]: 150 layers of 1.5 mm + 1.5 mm of the ECAL
#: and 4 modules of 48 layers of 25 mm + 4 mm of the HCAL (arXiv:1710.00971), without gaps.
DETECTOR_LENGTH = 150 * 3.0 + 4 * 48 * 29.0
#: Least energy of an invisible boson [GeV].
E_MISS = 50.0
#: Steps for the coupling of a boson whose decays may be seen; 20 suffice for 1e-6.
_N_STEPS = 60


@dataclass(frozen=True, eq=False)
class MediatorLimit:
    """The limit on epsilon_X = g_X/e of a boson that decays invisibly.

    Attributes
    ----------
    mediator : {"S", "P", "V", "A"}
        S, P, A are made by bremsstrahlung, V by annihilation too.
    curve : LimitCurve
    """

    mediator: str
    curve: LimitCurve

    @property
    def epsilon(self) -> Floats:
        """Limits on epsilon_X ``(m,)``: observed, or the expected median."""
        return self.curve.headline

    @property
    def delta_a(self) -> Floats:
        """Largest contribution to a_e ``(m,)`` that is left, with its sign."""
        return contribution(self.mediator, self.curve.masses, E_CHARGE * self.epsilon)


@dataclass(frozen=True, eq=False)
class GaugeBosonLimit:
    """The limit on the coupling of a gauge boson that decays to neutrinos.

    Attributes
    ----------
    model : {"b_minus_l", "l_mu_minus_l_tau"}
    confidence_level : float
    masses, coupling : array (m,)
        [GeV], and the largest g.
    invisible : array (m,)
        Branching fraction to neutrinos.
    escaping : array (m,)
        Share of the visible decays that are behind the detector.
    """

    model: str
    confidence_level: float
    masses: Floats
    coupling: Floats
    invisible: Floats
    escaping: Floats


def neutrino_fraction(model: str, m: npt.ArrayLike) -> Floats:
    """Return the branching fraction to neutrinos, of the shape of `m` [GeV].

    Each left-handed neutrino has half the width of a Dirac fermion. Hadrons are left out: B-L
    couples to them as the omega does, mostly near 782 MeV.

    Raises
    ------
    ModelError
        If there is no such model, or a mass is not positive.
    """
    invisible, visible = _widths(model, m)
    return np.asarray(invisible / (invisible + visible))


def compute_b_minus_l(curve: LimitCurve, table: YieldTable) -> GaugeBosonLimit:
    """Compute the limit on g of a B-L boson.

    It is emitted with g where a dark photon is with epsilon e. To neutrinos it is invisible, to
    charged leptons only if it decays behind the detector.

    Parameters
    ----------
    curve : LimitCurve
        On epsilon, with the yield of a narrow resonance (`NARROW`).
    table : YieldTable
        Of that yield; gives the energies.
    """
    masses, g_0 = curve.masses, E_CHARGE * curve.headline
    invisible = neutrino_fraction("b_minus_l", masses)
    g, escaping = g_0, np.ones(len(masses))
    # g^2 (BR + (1-BR) P(g)) rises with g: the steps become smaller and change their sign
    for _ in range(_N_STEPS):
        escaping = _escaping(masses, g, table)
        g = g_0 / np.sqrt(invisible + (1 - invisible) * escaping)
    return GaugeBosonLimit("b_minus_l", curve.confidence_level, masses, g, invisible, escaping)


def compute_l_mu_minus_l_tau(curve: LimitCurve) -> GaugeBosonLimit:
    """Compute the limit on g of an L_mu-L_tau boson, which mixes with photons by loops.

    Parameters
    ----------
    curve : LimitCurve
        On epsilon, with the yield of a narrow resonance (`NARROW`).
    """
    invisible = neutrino_fraction("l_mu_minus_l_tau", curve.masses)
    g = curve.headline / loop_mixing(curve.masses) / np.sqrt(invisible)
    hidden = np.zeros(len(curve.masses))
    return GaugeBosonLimit(
        "l_mu_minus_l_tau", curve.confidence_level, curve.masses, g, invisible, hidden
    )


def loop_mixing(m: npt.ArrayLike) -> Floats:
    """Return abs(epsilon)/g of an L_mu-L_tau boson on its mass shell, of the shape of `m` [GeV].

    e/(2 pi^2) int dx x(1-x) ln[(m_tau^2 - x(1-x) m^2)/(m_mu^2 - x(1-x) m^2)]; about 1/70 below
    the muon's mass (UFN2021, section 2.4).
    """
    x, weight = np.polynomial.legendre.leggauss(400)
    x, weight = (1 + x) / 2, weight / 2
    q2 = np.asarray(m, float)[..., None] ** 2 + 0j
    part = x * (1 - x)
    logs = np.log((M_TAU**2 - part * q2) / (M_MU**2 - part * q2))
    return np.asarray(E_CHARGE / (2 * np.pi**2) * np.abs((weight * part * logs).sum(axis=-1)))


def _widths(model: str, m: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the widths to neutrinos and to charged leptons for g = e [GeV]."""
    if model not in NEUTRINOS:
        msg = f"unknown gauge boson {model!r}; there are {', '.join(NEUTRINOS)}"
        raise ModelError(msg)
    m = np.asarray(m, float)
    # those of a massless Dirac fermion, halved
    invisible = NEUTRINOS[model] * lepton_width(m, 1.0, 0.0) / 2
    leptons = (M_E, M_MU, M_TAU) if model == "b_minus_l" else (M_MU, M_TAU)
    return invisible, np.asarray(sum(lepton_width(m, 1.0, mass) for mass in leptons))


def _escaping(masses: Floats, g: Floats, table: YieldTable) -> Floats:
    """Return the shares ``(m,)`` of bosons above `E_MISS` that fly through the whole detector."""
    spectra = table.bremsstrahlung
    nearest = np.abs(np.log(spectra.masses / masses[:, None])).argmin(axis=1)
    energy = (spectra.edges[1:] + spectra.edges[:-1]) / 2
    weight = np.where(energy > E_MISS, spectra.per_bin[nearest], 0.0)
    width = (g / E_CHARGE) ** 2 * np.sum(_widths("b_minus_l", masses), axis=0)
    m = masses[:, None]
    # at rest a boson flies nowhere
    length = np.maximum(decay_length(m, np.maximum(energy, m), width[:, None]), 1e-9)
    passed = np.exp(-DETECTOR_LENGTH / length)
    return np.asarray((weight * passed).sum(axis=1) / weight.sum(axis=1))
