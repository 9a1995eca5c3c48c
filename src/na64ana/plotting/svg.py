"""N-1 figures as SVG text: small, sharp at any size, and drawn in milliseconds.

For pages with a hundred of them. `plotting.selection` draws the same for papers.
"""

import re
from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from na64ana.plotting.selection import COLOURS, stack
from na64ana.tally.cut_flow import CLASSES
from na64ana.tally.tally import MEASURED, Histogram

Floats = npt.NDArray[np.float64]

#: Size of a panel, and its margins: left, top, right, bottom.
WIDTH, HEIGHT = 300, 220
_LEFT, _TOP, _RIGHT, _BOTTOM = 38, 22, 16, 40
_SIGNS = {r"\theta": "θ", r"\chi": "χ", "^2": "²"}
#: Lowest count that is drawn on the logarithmic axis.
_LEAST = 0.5


def colour(kind: int) -> str:
    """Return the colour of a class; what was measured takes that of the text."""
    return "currentColor" if kind == MEASURED else to_hex(COLOURS[kind % len(COLOURS)])


def svg_n_minus_1(
    histogram: Histogram, *, window: Sequence[float | None] = (), title: str = ""
) -> str:
    """Return an observable for events that pass all other cuts, stacked by class, as SVG.

    All names are escaped: the text can stand in a page as it is.

    Parameters
    ----------
    histogram : Hist
        Axes (observable, class), from a `Tally`.
    window : sequence of float or None
        Lower and upper edge of the cut; drawn as dashed lines.
    title : str
        Which cut this is.
    """
    layers, edges, marks = stack(histogram, window)
    top = max((float(high.max()) for _, _, high in layers), default=0.0)
    frame = _Frame(float(edges[0]), float(edges[-1]), 20 * max(top, 1.0))
    label = str(histogram.axes[0].label)
    asked = ", ".join(f"{mark:.3g}" for mark in marks) or "none in range"
    said = f"N-1 of {title}: {_plain(label)}; edges of the cut: {asked}; highest bin {top:g} events"
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">',
        *(_area(kind, low, high, edges, frame) for kind, low, high in layers),
        *(
            f'<line class="cut" x1="{frame.x(mark):.1f}" x2="{frame.x(mark):.1f}" '
            f'y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>'
            for mark in marks
        ),
        _axes(frame, drawn=bool(layers)),
        f'<text class="title" x="{WIDTH / 2}" y="15">{escape(title)}</text>',
        f'<text class="label" x="{WIDTH / 2}" y="{HEIGHT - 6}">{_tspans(label)}</text>',
        "</svg>",
    ]
    return "".join(parts)


def classes_of(histogram: Histogram) -> list[int]:
    """Return the classes that have events in a histogram, by number."""
    counts = histogram.values(flow=True).sum(axis=0)
    return [i for i in range(len(CLASSES)) if counts[i]]


class _Frame:
    """Where numbers stand in a panel; the vertical axis is logarithmic."""

    def __init__(self, low: float, high: float, top: float) -> None:
        self.low, self.high, self.top = low, high, top

    def x(self, value: float) -> float:
        inside = (value - self.low) / (self.high - self.low)
        return _LEFT + inside * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        least = np.log(_LEAST)
        inside = (np.log(max(value, _LEAST)) - least) / (np.log(self.top) - least)
        return float(HEIGHT - _BOTTOM - inside * (HEIGHT - _BOTTOM - _TOP))


def _area(kind: int, low: Floats, high: Floats, edges: Floats, frame: _Frame) -> str:
    """Return a layer as a path: one closed shape per run of bins that have something."""
    shapes = []
    filled = np.flatnonzero(high > low)
    for run in np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1):
        if not len(run):
            continue
        there = [f"M{frame.x(edges[run[0]]):.1f} {frame.y(low[run[0]]):.1f}"]
        there += [f"V{frame.y(high[i]):.1f}H{frame.x(edges[i + 1]):.1f}" for i in run]
        there += [f"V{frame.y(low[i]):.1f}H{frame.x(edges[i]):.1f}" for i in run[::-1]]
        shapes.append("".join(there) + "Z")
    style = 'class="measured"' if kind == MEASURED else f'fill="{colour(kind)}"'
    return f'<path {style} d="{"".join(shapes)}"/>'


def _axes(frame: _Frame, *, drawn: bool) -> str:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    width, height = right - _LEFT, bottom - _TOP
    parts = [f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}"/>']
    whole = frame.low == -0.5  # whole numbers have a bin each
    locator = MaxNLocator(5, integer=whole, steps=[1, 2, 2.5, 5, 10])
    ticks = np.asarray(locator.tick_values(frame.low, frame.high))
    for tick in ticks[(ticks >= frame.low) & (ticks <= frame.high)]:
        x = frame.x(float(tick))
        parts.append(f'<path class="tick" d="M{x:.1f} {bottom}v-4"/>')
        parts.append(f'<text class="x" x="{x:.1f}" y="{bottom + 13}">{tick:g}</text>')
    if not drawn:
        parts.append(f'<text class="title" x="{WIDTH / 2}" y="{HEIGHT / 2}">no events</text>')
        return "".join(parts)
    for power in range(int(np.floor(np.log10(frame.top))) + 1):
        y = frame.y(10.0**power)
        parts.append(f'<path class="tick" d="M{_LEFT} {y:.1f}h4"/>')
        number = f"{10**power:g}" if power < 3 else f'10<tspan dy="-4" class="s">{power}</tspan>'
        parts.append(f'<text class="y" x="{_LEFT - 4}" y="{y + 4:.1f}">{number}</text>')
    return "".join(parts)


def _simple(label: str) -> str:
    """Return a label without the signs of TeX, with subscripts in braces."""
    for tex, sign in _SIGNS.items():
        label = label.replace(tex, sign)
    return label.replace("$", "")


def _plain(label: str) -> str:
    return re.sub(r"[{}]", "", _simple(label))


def _tspans(label: str) -> str:
    """Return a label with its subscripts set low."""
    parts = re.split(r"_\{([^{}]*)\}", _simple(label))
    text = []
    for i, part in enumerate(parts):
        inner = escape(part)
        if i % 2:
            inner = f'<tspan dy="3" class="s">{inner}</tspan><tspan dy="-3">\u200b</tspan>'
        text.append(inner)
    return "".join(text)
