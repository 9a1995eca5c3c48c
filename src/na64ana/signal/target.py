"""Active dumps: which nuclei and electrons a shower meets in a radiation length."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from na64ana.constants import M_U, N_AVOGADRO
from na64ana.errors import ModelError

_DATA = Path(__file__).resolve().parent.parent / "data" / "materials.yaml"


#: Elements with less than this share of the production are left out: 1 % in the ECAL.
LIGHT = 0.02


@dataclass(frozen=True)
class Element:
    """An element.

    Attributes
    ----------
    symbol : str
    z : int
    mass_number : float
        Molar mass [g/mol].
    shells : tuple of (float, int)
        Binding energy [GeV] and number of electrons.
    """

    symbol: str
    z: int
    mass_number: float
    shells: tuple[tuple[float, int], ...] = ()

    @property
    def nuclear_mass(self) -> float:
        """Mass of the nucleus [GeV]."""
        return self.mass_number * M_U


@dataclass(frozen=True)
class Component:
    """An element of a dump: its atoms per cm^2 in a radiation length, and its share of 1/X0."""

    element: Element
    atoms_per_x0: float
    share: float


@dataclass(frozen=True)
class Target:
    """A dump as a shower sees it.

    Attributes
    ----------
    x0 : float
        Radiation length [cm].
    components : tuple of Component
        By element, that with most of 1/X0 first.
    """

    x0: float
    components: tuple[Component, ...]

    @property
    def nucleus(self) -> Element:
        """The element with most of 1/X0."""
        return self.components[0].element

    @property
    def producers(self) -> tuple[Component, ...]:
        """The elements on which dark photons are made: all but `LIGHT` of Z^2 times nuclei."""
        weight = {one: one.element.z**2 * one.atoms_per_x0 for one in self.components}
        return tuple(one for one in self.components if weight[one] > LIGHT * sum(weight.values()))

    @property
    def electrons_per_x0(self) -> float:
        """Electrons per cm^2 in one radiation length of the dump, of all elements."""
        return sum(one.atoms_per_x0 * one.element.z for one in self.components)


def make_target(layers: Mapping[str, float]) -> Target:
    """Return a dump of layers.

    Parameters
    ----------
    layers : mapping of str to float
        Thickness of each material in one period of the sandwich, any unit; names as in
        data/materials.yaml.

    Raises
    ------
    ModelError
        If a material is unknown, or a thickness is not positive.
    """
    elements, materials = _load()
    for name, thickness in layers.items():
        if name not in materials:
            msg = f"unknown material {name!r}; there are {', '.join(sorted(materials))}"
            raise ModelError(msg)
        if not 0 < thickness < np.inf:
            msg = f"material {name}: thickness {thickness:g} must be positive"
            raise ModelError(msg)
    if not layers:
        msg = "a dump without layers; give at least one material with its thickness"
        raise ModelError(msg)
    total = sum(layers.values())
    per_cm, atoms, share = 0.0, dict.fromkeys(elements, 0.0), dict.fromkeys(elements, 0.0)
    for name, thickness in layers.items():
        material = materials[name]
        density = material["density"] * thickness / total
        weights = {
            symbol: part * _radiates(elements[symbol])
            for symbol, part in material["composition"].items()
        }
        for symbol, part in material["composition"].items():
            atoms[symbol] += density * part * N_AVOGADRO / elements[symbol].mass_number
            share[symbol] += density / material["x0"] * weights[symbol] / sum(weights.values())
        per_cm += density / material["x0"]
    used = sorted((s for s in elements if atoms[s]), key=lambda s: -share[s])
    parts = (Component(elements[s], atoms[s] / per_cm, share[s] / per_cm) for s in used)
    return Target(1 / per_cm, tuple(parts))


def _radiates(element: Element) -> float:
    """Return 1/X0 of an element per mass, up to a factor (Tsai, RMP 46 (1974) 815, eq. 3.66)."""
    z = element.z
    log = np.log(184.15 * z ** (-1 / 3)) - coulomb_correction(z)
    return float((z**2 * log + z * np.log(1194 * z ** (-2 / 3))) / element.mass_number)


def coulomb_correction(z: int) -> float:
    """Return f(Z) of Davies, Bethe and Maximon in the form of Tsai (RMP 46 (1974) 815, eq. 3.3)."""
    a2 = (z / 137.036) ** 2
    return a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)


@cache
def _load() -> tuple[dict[str, Element], dict[str, Any]]:
    content = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    elements = {
        symbol: Element(
            symbol, said["z"], said["a"], tuple((1e-6 * b, n) for b, n in said["shells"])
        )
        for symbol, said in content["elements"].items()
    }
    return elements, content["materials"]


#: The ECAL of NA64: 150 times 1.5 mm of lead and 1.5 mm of scintillator (arXiv:1610.02988).
ECAL = make_target({"Pb": 1.5, "plastic": 1.5})
