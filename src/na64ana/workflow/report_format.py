"""How a report writes tables and numbers."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from na64ana.workflow.presentation import SMALL

Cell = str | Markup


@dataclass(frozen=True)
class PageTable:
    """A table of the page; the first `texts` columns are text, the others numbers.

    `strong` are the numbers of rows that are set bold.
    """

    caption: Cell
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    texts: int = 1
    strong: tuple[int, ...] = ()


def scientific(number: float | None, digits: int = 3) -> Markup:
    """Return a number for readers, for example 4.90 × 10⁻⁵; a dash for none."""
    if number is None or np.isnan(number):
        return Markup("–")
    if np.isinf(number):
        return Markup("∞")
    if number == 0 or 0.01 <= abs(number) < 1e4:
        return Markup(f"{number:.{digits}g}".replace("-", "−"))
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    power = str(int(exponent)).replace("-", "−")
    return Markup("{}&nbsp;×&nbsp;10<sup>{}</sup>").format(mantissa.replace("-", "−"), power)


def events(number: float) -> str:
    """Return expected events with two digits."""
    if number < SMALL:
        return f"<{SMALL:g}"
    return f"{number:#.2g}" if number < 10 else f"{number:,.0f}"


def between(low: float, high: float) -> str:
    """Return an interval of expected events."""
    if low < SMALL:
        return f"<{max(high, SMALL):.1g}"
    return f"{events(low)} – {events(high)}"
