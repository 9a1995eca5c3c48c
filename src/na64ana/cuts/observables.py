"""Observables of events, made of the branches of the event format when a cut asks for them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from numba import njit

from na64ana.config.conditions import BadSpills, find_bad_spills
from na64ana.config.observables import OBSERVABLES
from na64ana.cuts.template import NO_TEMPLATE, ShowerTemplate, compute_shapes
from na64ana.errors import ConfigError
from na64ana.io.derived import (
    LEAST_ENERGY,
    ON_BEAM,
    ZERO_DEGREE,
    compute_r_hcal,
    sum_ecal_cells,
    sum_hcal_cells,
)
from na64ana.io.format import ECAL_SHAPE, HCAL_SHAPE, TriggerBit

Array = npt.NDArray[Any]
Index = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]


class Columns(Protocol):
    """Arrays by branch name, ``(n,)`` or ``(n, length)``: a dict, or a chunk of a file."""

    def __getitem__(self, name: str, /) -> Array:
        """Return a branch."""


#: Told of a branch and of its events ``(n,)`` that are impossible; raises if there are any.
Refuse = Callable[[str, npt.NDArray[np.bool_]], None]

#: ST3 and ST4, which stand behind the magnets (PRL 131 (2023) 161801).
BEHIND_MAGNETS = slice(2, 4)
#: PMTs of a panel that differ by more than this, relative to the larger one, are not averaged.
PMT_ASYMMETRY_MAX = 0.3


@dataclass(frozen=True)
class Context:
    """What observables depend on beside the event.

    Attributes
    ----------
    energies_from : str
        ``"cells"`` or ``"scalars"``.
    beam_cell : tuple of int
        (x, y) of the ECAL cell that the beam hits.
    e_hcal_quiet : float
        Energy [GeV] under which the HCAL is quiet, and has no shape.
    bad_spills : tuple of BadSpills
    template : ShowerTemplate or None
        For `chi2_shower` from cells.
    """

    energies_from: Literal["cells", "scalars"]
    beam_cell: tuple[int, int]
    e_hcal_quiet: float
    bad_spills: tuple[BadSpills, ...] = ()
    template: ShowerTemplate | None = None


class Observables:
    """Observables of `n` events; each is made once, when it is first asked for.

    Parameters
    ----------
    columns : Columns
        Branches, read when they are needed.
    context : Context
    n : int
    refuse : callable or None
        Told of events with impossible cells.
    """

    def __init__(
        self, columns: Columns, context: Context, n: int, refuse: Refuse | None = None
    ) -> None:
        self.context = context
        self._columns, self._refuse = columns, refuse
        self._branches: dict[str, Array] = {}
        self._known: dict[str, Array] = {}
        # What is known of some events: their places, and observables by name.
        self._parts: list[tuple[Index, dict[str, Array]]] = []
        self._n = n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, name: str) -> Array:
        """Return an observable ``(n,)``."""
        if name not in self._known:
            self._known |= _makers(self.context)[name].make(self)
        return self._known[name]

    def take(self, index: Index) -> "Observables":
        """Return the observables of the events at the places `index`, which rise.

        What is made for one part is kept, and taken from there by other parts inside it.
        """
        part = _Part(self, index)
        self._parts.append((index, part._known))
        return part

    def column(self, name: str) -> Array:
        """Return a branch ``(n,)`` or ``(n, length)``."""
        if name not in self._branches:
            self._branches[name] = self._columns[name]
        return self._branches[name]

    def whole(self, name: str) -> tuple[Array, Index]:
        """Return a branch ``(m, length)`` of these and maybe more events, and their places."""
        return self.column(name), np.arange(self._n)

    def check(self, name: str, bad: npt.NDArray[np.bool_]) -> None:
        """Refuse impossible events ``(n,)`` of a branch."""
        if self._refuse is not None:
            self._refuse(name, bad)

    def _recall(self, name: str, index: Index) -> Array | None:
        """Return an observable of some events, if it is known of all of them."""
        if name in self._known:
            return np.asarray(self._known[name][index])
        for known_index, known in self._parts:
            if name in known and (place := _places(known_index, index)) is not None:
                return np.asarray(known[name][place])
        return None


class _Part(Observables):
    """Observables of some of the events."""

    def __init__(self, whole: Observables, index: Index) -> None:
        super().__init__({}, whole.context, len(index))
        self._whole, self._index = whole, index

    def __getitem__(self, name: str) -> Array:
        if name not in self._known:
            if not is_late(name, self.context):
                self._known[name] = self._whole[name][self._index]
            elif (recalled := self._whole._recall(name, self._index)) is not None:
                self._known[name] = recalled
        return super().__getitem__(name)

    def column(self, name: str) -> Array:
        if name not in self._branches:
            self._branches[name] = self._whole.column(name)[self._index]
        return self._branches[name]

    def whole(self, name: str) -> tuple[Array, Index]:
        return self._whole.column(name), self._index


def _places(known: Index, index: Index) -> Index | None:
    """Return where the events at the places `index` stand among those at `known`, if all do."""
    if not len(known):
        return index if not len(index) else None
    place = np.minimum(np.searchsorted(known, index), len(known) - 1)
    return place if (known[place] == index).all() else None


def is_late(name: str, context: Context) -> bool:
    """Tell whether an observable is dear: made only for the events whose fate depends on it."""
    return _makers(context)[name].late


def needed_columns(names: Iterable[str], context: Context) -> tuple[str, ...]:
    """Return the branches that observables are made of, each once, in order."""
    makers = _makers(context)
    wanted: dict[str, None] = {}
    for name in names:
        needs = dict.fromkeys(needed_columns(makers[name].needs, context))
        wanted |= dict.fromkeys(makers[name].columns) | needs
    return tuple(wanted)


def compute_e_veto(e_veto_pmt: Floats) -> Floats:
    """Return the energy [GeV] of the largest VETO panel.

    A panel is the geometric mean of its two PMTs, or the larger one where they differ by more
    than `PMT_ASYMMETRY_MAX` of it.

    Parameters
    ----------
    e_veto_pmt : array (n, 6)
        Energies [GeV]; PMTs 2i and 2i + 1 look at panel i.

    Returns
    -------
    array (n,)
    """
    return _veto(e_veto_pmt)[0]


def _veto(pmt: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the largest panel ``(n,)`` [GeV], and which events are impossible."""
    largest, bad = np.empty(len(pmt), np.float32), np.empty(len(pmt), np.bool_)
    _largest_panel(pmt, np.float32(PMT_ASYMMETRY_MAX), largest, bad)
    return largest, bad


def compute_e_hcal(module: Floats) -> Floats:
    """Return the energy [GeV] ``(n,)`` of HCAL modules 0 to 2, from all modules ``(n, 4)``."""
    return np.asarray(module[:, 0] + module[:, 1] + module[:, 2])


_LEAST = np.float32(LEAST_ENERGY)
_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _largest_panel(pmt, asymmetry, largest, bad):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(pmt.shape[0]):
        best, bad[i] = -np.float32(np.inf), False
        for panel in range(3):
            one, other = pmt[i, 2 * panel], pmt[i, 2 * panel + 1]
            bad[i] |= not (one >= _LEAST and other >= _LEAST and one + other < np.inf)
            high, low = (one, other) if one > other else (other, one)
            mean = np.sqrt(max(high * low, np.float32(0)))
            value = mean if high - low <= asymmetry * high else high
            best = max(best, value)
        largest[i] = best


@_compiled
def _srd(energy, time, found, bad):  # type: ignore[no-untyped-def]  # pragma: no cover
    total, least, second, late = found
    for i in range(energy.shape[0]):
        a, b, c = energy[i, 0], energy[i, 1], energy[i, 2]
        total[i] = a + b + c
        least[i] = min(a, b, c)
        bad[i] = not (a >= _LEAST and b >= _LEAST and c >= _LEAST and total[i] < np.inf)
        second[i] = max(min(a, b), min(max(a, b), c))
        far = max(abs(time[i, 0]), abs(time[i, 1]), abs(time[i, 2]))
        # A time that is no number must not hide behind those of the other modules.
        late[i] = far if time[i, 0] + time[i, 1] + time[i, 2] < np.inf else np.float32(np.nan)


@dataclass(frozen=True)
class _Maker:
    """How observables are made: of which branches, after which others, and whether late."""

    make: Callable[[Observables], dict[str, Array]]
    columns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    late: bool = False


def _branch(name: str) -> _Maker:
    return _Maker(lambda obs: {name: obs.column(name)}, (name,))


def _trigger(obs: Observables) -> dict[str, Array]:
    bits = obs.column("trigger")
    return {
        "physics_trigger": (bits & np.uint8(TriggerBit.PHYSICS)) != 0,
        "beam_trigger": (bits & np.uint8(TriggerBit.BEAM)) != 0,
    }


def _bad_spill(obs: Observables) -> dict[str, Array]:
    run, spill = obs.column("run_number"), obs.column("spill")
    return {"bad_spill": find_bad_spills(obs.context.bad_spills, run, spill)}


def _panels(obs: Observables) -> dict[str, Array]:
    e_veto, bad = _veto(obs.column("e_veto_pmt"))
    obs.check("e_veto_pmt", bad)
    return {"e_veto": e_veto}


def _hits(obs: Observables) -> dict[str, Array]:
    hits = obs.column("n_st")[:, BEHIND_MAGNETS]
    return {"n_st": np.maximum(hits[:, 0], hits[:, 1])}


def _radiation(obs: Observables) -> dict[str, Array]:
    made, bad = np.empty((4, len(obs)), np.float32), np.empty(len(obs), np.bool_)
    _srd(obs.column("e_srd_module"), obs.column("t_srd_module"), made, bad)
    obs.check("e_srd_module", bad)
    return dict(zip(("e_srd", "e_srd_least", "e_srd_second", "t_srd"), made, strict=True))


def _ecal(obs: Observables) -> dict[str, Array]:
    e_prs, e_ecal, bad = sum_ecal_cells(obs.column("e_ecal_cell"))
    obs.check("e_ecal_cell", bad)
    return {"e_prs": e_prs, "e_ecal": e_ecal}


def _prs_share(obs: Observables) -> dict[str, Array]:
    e_ecal = obs["e_ecal"]
    return {"f_prs": obs["e_prs"] / np.where(e_ecal > 0, e_ecal, np.float32(np.inf))}


def _distance(cell: Array, context: Context) -> dict[str, Array]:
    x, y = np.divmod(cell.astype(np.int8), np.int8(ECAL_SHAPE[2]))
    away = np.maximum(np.abs(x - context.beam_cell[0]), np.abs(y - context.beam_cell[1]))
    return {"impact_distance": away}


def _shapes(obs: Observables) -> dict[str, Array]:
    cells, index = obs.whole("e_ecal_cell")
    template = obs.context.template
    largest, share, chi2 = compute_shapes(
        cells.reshape(-1, *ECAL_SHAPE), index, NO_TEMPLATE if template is None else template
    )
    shapes = {"r_ecal": share, **_distance(largest, obs.context)}
    return shapes if template is None else {"chi2_shower": chi2, **shapes}


def _chi2(obs: Observables) -> dict[str, Array]:
    if obs.context.template is None:
        msg = (
            "chi2_shower from cells needs the shower template of a calibration; run it first, or "
            "set energies_from: scalars in the selection"
        )
        raise ConfigError(msg)
    return _shapes(obs)


def _hcal(obs: Observables) -> dict[str, Array]:
    module, bad = sum_hcal_cells(obs.column("e_hcal_cell"))
    obs.check("e_hcal_cell", bad)
    return _modules(module)


def _modules(module: Floats) -> dict[str, Array]:
    each = {f"e_hcal_{i}": module[:, i] for i in range(ON_BEAM.stop)}
    return {"e_hcal": compute_e_hcal(module), "e_zero_degree": module[:, ZERO_DEGREE], **each}


def _around_axis(obs: Observables, share: Floats) -> dict[str, Array]:
    active = obs["e_hcal"] > np.float32(obs.context.e_hcal_quiet)
    return {"r_hcal": np.where(active, share, np.float32(0))}


_MODULES = ("e_hcal", "e_zero_degree", "e_hcal_0", "e_hcal_1", "e_hcal_2")
_SRD = _Maker(_radiation, ("e_srd_module", "t_srd_module"))
_COMMON = {
    "physics_trigger": _Maker(_trigger, ("trigger",)),
    "beam_trigger": _Maker(_trigger, ("trigger",)),
    "bad_spill": _Maker(_bad_spill, ("run_number", "spill")),
    **{name: _branch(name) for name in ("t_ecal", "p_track", "theta_in", "n_tracks")},
    "intensity": _Maker(lambda obs: {"intensity": obs.column("eot_spill")}, ("eot_spill",)),
    "n_st": _Maker(_hits, ("n_st",)),
    **dict.fromkeys(("e_srd", "e_srd_least", "e_srd_second", "t_srd"), _SRD),
    "f_prs": _Maker(_prs_share, needs=("e_prs", "e_ecal"), late=True),
    "e_veto": _Maker(_panels, ("e_veto_pmt",)),
}
_FROM_CELLS = _COMMON | {
    **dict.fromkeys(("e_prs", "e_ecal"), _Maker(_ecal, ("e_ecal_cell",))),
    **dict.fromkeys(("impact_distance", "r_ecal"), _Maker(_shapes, ("e_ecal_cell",), late=True)),
    "chi2_shower": _Maker(_chi2, ("e_ecal_cell",), late=True),
    **dict.fromkeys(_MODULES, _Maker(_hcal, ("e_hcal_cell",))),
    "r_hcal": _Maker(
        lambda obs: _around_axis(
            obs, compute_r_hcal(obs.column("e_hcal_cell").reshape(-1, *HCAL_SHAPE))
        ),
        ("e_hcal_cell",),
        needs=("e_hcal",),
        late=True,
    ),
}
_FROM_SCALARS = _COMMON | {
    **{name: _branch(name) for name in ("e_prs", "e_ecal", "r_ecal", "chi2_shower")},
    "impact_distance": _Maker(
        lambda obs: _distance(obs.column("impact_cell"), obs.context), ("impact_cell",)
    ),
    **dict.fromkeys(
        _MODULES, _Maker(lambda obs: _modules(obs.column("e_hcal_module")), ("e_hcal_module",))
    ),
    "r_hcal": _Maker(
        lambda obs: _around_axis(obs, obs.column("r_hcal")), ("r_hcal",), needs=("e_hcal",)
    ),
}
assert _FROM_CELLS.keys() == _FROM_SCALARS.keys() == OBSERVABLES.keys()


def _makers(context: Context) -> dict[str, _Maker]:
    return _FROM_CELLS if context.energies_from == "cells" else _FROM_SCALARS
