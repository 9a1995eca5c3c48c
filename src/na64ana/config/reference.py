"""Published curves that travel in the package, for comparison."""

from pathlib import Path

import yaml
from pydantic import Field

from na64ana.config.selection import Block

_DATA = Path(__file__).resolve().parent.parent / "data"


class ReferenceCurve(Block):
    """A published curve: where it stands, how it was read, and its points."""

    label: str
    doi: str
    figure: str
    confidence_level: float = Field(gt=0, lt=1)
    eot: float = Field(gt=0)
    method: str
    read: str
    axes: tuple[str, str]
    points: tuple[tuple[float, float], ...] = Field(min_length=1)


def load_reference(name: str) -> ReferenceCurve:
    """Load a curve by name, for example ``"na64_2023"``."""
    text = (_DATA / f"{name}.yaml").read_text(encoding="utf-8")
    return ReferenceCurve.model_validate(yaml.safe_load(text))
