"""One look for all figures: readable in print and on a projector, colour-blind safe."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

#: Okabe and Ito's palette, distinguishable with any colour vision.
BLUE, ORANGE, BLACK = "#0072B2", "#D55E00", "#000000"
PALETTE = (BLUE, ORANGE, "#009E73", BLACK, "#CC79A7", "#56B4E9", "#E69F00", "#F0E442")
#: Lines of other experiments.
GREYS = ("0.25", "0.5", "0.4", "0.65")
#: Inner and outer band of expected limits.
INNER_BAND, OUTER_BAND = "#8FB8DE", "#D3E2F2"

_RC: Any = {
    "font.size": 12,
    "axes.labelsize": 14,
    "axes.grid": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "figure.constrained_layout.use": True,
}


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Give a figure of a size in inches, and save it as PNG to `path` and as PDF beside it."""
    with mpl.rc_context(_RC):
        fig = Figure(figsize=(width, height))
        yield fig
        fig.savefig(path, dpi=160, format="png", metadata={"Software": "na64ana"})
        fig.set_layout_engine("none")  # it stays as it was laid out
        about = {"Creator": "na64ana", "CreationDate": None}  # the same bytes for the same figure
        fig.savefig(path.with_suffix(".pdf"), format="pdf", metadata=about)
