"""Published curves that travel in the package, for comparison."""

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import Field

from na64ana.config.selection import Block
from na64ana.errors import ConfigError

_FOLDER = Path(__file__).resolve().parent.parent / "data" / "reference"

#: What the axes of a curve may be: the plane in which it can be drawn.
Axes = Literal["m_ap_GeV", "m_chi_GeV", "epsilon", "y"]


class Assumptions(Block):
    """What a curve was drawn for; what is left out does not matter to it."""

    alpha_d: float | None = None
    m_ap_over_m_chi: float | None = None
    kind: str | None = None


class ReferenceCurve(Block):
    """A published curve: where it stands, how it was read, what it assumes, and its points.

    `role` is ``limit``, or ``target`` for a line on which a model makes the relic density.
    """

    label: str
    role: Literal["limit", "target"]
    doi: str
    figure: str
    confidence_level: float | None = Field(default=None, gt=0, lt=1)
    eot: float | None = Field(default=None, gt=0)
    method: str | None = None
    read: str
    axes: tuple[Axes, Axes]
    assumptions: Assumptions = Assumptions()
    points: tuple[tuple[float, float], ...] = Field(min_length=1)

    def differs(self, wanted: Assumptions) -> str | None:
        """Return which assumption is not the one wanted; None if all are, or do not matter."""
        for name in ("alpha_d", "m_ap_over_m_chi", "kind"):
            ours, theirs = getattr(self.assumptions, name), getattr(wanted, name)
            if ours is None or theirs is None:
                continue
            same = ours == theirs if isinstance(ours, str) else np.isclose(ours, theirs, rtol=1e-3)
            if not same:
                return f"{name} = {ours}, not {theirs}"
        return None

    def in_y_plane(self, alpha_d: float, mass_ratio: float) -> "ReferenceCurve":
        """Return a limit on epsilon of an invisible A' as one on y, for m_chi/m_A' = `mass_ratio`.

        Exact: such a limit does not depend on what the A' decays to, and y is
        epsilon^2 alpha_D (m_chi/m_A')^4. (That of NA64 depends on alpha_D at its resonance.)

        Raises
        ------
        ConfigError
            If it is no limit on epsilon.
        """
        if self.axes != ("m_ap_GeV", "epsilon"):
            msg = f"{self.label}: no limit in (m_ap_GeV, epsilon); only such become limits on y"
            raise ConfigError(msg)
        factor = alpha_d * mass_ratio**4
        changes = {
            "axes": ("m_chi_GeV", "y"),
            "points": tuple((mass_ratio * m, factor * epsilon**2) for m, epsilon in self.points),
            "assumptions": Assumptions(alpha_d=alpha_d, m_ap_over_m_chi=1 / mass_ratio),
            "read": f"{self.read}; turned into y",
        }
        return self.model_copy(update=changes)


@cache
def load_reference(name: str) -> ReferenceCurve:
    """Load a curve by name, for example ``"na64_2023"``.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    path = _FOLDER / f"{name}.yaml"
    if name not in reference_names():
        msg = f"no published curve {name!r}; there are {', '.join(reference_names())}"
        raise ConfigError(msg)
    return ReferenceCurve.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def reference_names() -> tuple[str, ...]:
    """Return the names of all curves."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def choose_references(
    axes: tuple[str, str],
    assumptions: Assumptions,
    *,
    names: tuple[str, ...] | None = None,
    role: str | None = None,
) -> dict[str, ReferenceCurve]:
    """Return the curves of a plane that assume the same.

    Parameters
    ----------
    axes : (str, str)
        Of the plane.
    assumptions : Assumptions
    names : tuple of str or None
        Curves that are asked for; None takes all that fit.
    role : str or None
        Only ``"limit"`` or ``"target"``.

    Raises
    ------
    ConfigError
        If a curve that was asked for is of another plane, or assumes something else.
    """
    found = {}
    for name in reference_names() if names is None else names:
        curve = load_reference(name)
        reason = curve.differs(assumptions)
        if curve.axes != axes:
            reason = f"it is drawn in ({', '.join(curve.axes)}), not ({', '.join(axes)})"
        if names is not None and reason is not None:
            msg = f"published curve {name}: {reason}; curves of other assumptions are not mixed"
            raise ConfigError(msg)
        if reason is None and role in {None, curve.role}:
            found[name] = curve
    return found
