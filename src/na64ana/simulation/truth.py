"""What is in an event before the detector sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from na64ana.io.format import EventClass

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Columns = TypeVar("Columns", bound="DataclassInstance")
Floats = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[Any]]

#: Most hadrons and muons of an event that are followed.
N_HADRONS, N_MUONS = 3, 2


@dataclass(frozen=True)
class Truth:
    """Particles and vertices of `n` events; energies in GeV.

    Attributes
    ----------
    kind : array (n,)
        `EventClass` of the event.
    p_beam : array (n,)
        Momentum of the beam particle in the spectrometer.
    e_em : array (n,)
        Energy of the electromagnetic shower in the ECAL.
    depth : array (n,)
        Depth [X0] by which the shower starts late.
    e_side, x_side : array (n,)
        Energy of a second shower in the ECAL, and its distance [mm] from the first.
    e_hadron, depth_hadron : array (n, 3)
        Hadrons at the ECAL, and the depth of their first interaction [interaction lengths] from
        its front; no energy is no hadron.
    e_muon : array (n, 2)
        Muons that leave the ECAL.
    slope_muon : array (n, 2, 2)
        Their directions, (x, y) per length.
    n_charged : array (n,)
        Charged particles through the VETO.
    e_zero_degree : array (n,)
        Neutral energy that hits HCAL module 3.
    e_missing : array (n,)
        Energy that leaves the detector unseen by its nature; leakage is not counted.
    z : array (n,)
        Vertex along the beam [mm], from the front of the ECAL.
    p_hit : array (n,)
        Probability of a further hit in each plane behind the magnets.
    """

    kind: npt.NDArray[np.uint8]
    p_beam: Floats
    e_em: Floats
    depth: Floats
    e_side: Floats
    x_side: Floats
    e_hadron: Floats
    depth_hadron: Floats
    e_muon: Floats
    slope_muon: Floats
    n_charged: npt.NDArray[np.int64]
    e_zero_degree: Floats
    e_missing: Floats
    z: Floats
    p_hit: Floats

    def __len__(self) -> int:
        return len(self.kind)

    def scaled(self, factor: npt.NDArray[np.float64]) -> "Truth":
        """Return the events with all energies and momenta times a factor ``(n,)`` each."""
        scaled = {}
        for name in _ENERGIES:
            array = getattr(self, name)
            scaled[name] = (array.T * factor.astype(np.float32)).T
        return replace(self, **scaled)


_ENERGIES = ("p_beam", "e_em", "e_side", "e_hadron", "e_muon", "e_zero_degree", "e_missing")
#: Shape per event and type of the attributes that are not single floats.
_SHAPES = {
    "e_hadron": (N_HADRONS,),
    "depth_hadron": (N_HADRONS,),
    "e_muon": (N_MUONS,),
    "slope_muon": (N_MUONS, 2),
}
_TYPES = {"kind": np.uint8, "n_charged": np.int64}


def take(sample: Columns, index: npt.NDArray[np.intp]) -> Columns:
    """Return the events of a dataclass of arrays ``(n, ...)`` at the places `index`."""
    columns = {field.name: getattr(sample, field.name)[index] for field in fields(sample)}
    return type(sample)(**columns)


def make_truth(kind: EventClass, n: int, **given: Any) -> Truth:
    """Return `n` events of one class; attributes that are not given are zero."""
    arrays: Arrays = {}
    for field in fields(Truth):
        shape, dtype = (n, *_SHAPES.get(field.name, ())), _TYPES.get(field.name, np.float32)
        value = kind if field.name == "kind" else given.pop(field.name, 0)
        array = np.empty(shape, dtype)
        array[...] = value
        arrays[field.name] = array
    if given:
        msg = f"no attributes of Truth: {', '.join(given)}"
        raise TypeError(msg)
    return Truth(**arrays)


def join(samples: Sequence[Truth]) -> Truth:
    """Return the events of all samples."""
    return Truth(
        **{
            field.name: np.concatenate([getattr(sample, field.name) for sample in samples])
            for field in fields(Truth)
        }
    )
