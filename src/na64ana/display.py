"""How results show themselves in Jupyter: small HTML tables, with all text escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> str:
    """Return a table as HTML.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : iterable of sequence
        One cell per column; text as it is, None as nothing, whole numbers with separators, others
        with three digits.
    title : str
        Stands above the table.
    """
    lines = "".join(_row("td", [cell_text(cell) for cell in row]) for row in rows)
    caption = html_line(title) if title else ""
    return f"{caption}<table>{_row('th', head)}{lines}</table>"


def html_line(text: str) -> str:
    """Return a line of text as HTML."""
    return f"<p>{escape(text)}</p>"


def cell_text(cell: object) -> str:
    """Return what a cell shows."""
    if cell is None:
        return ""
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def some(n: int, most: int = 12) -> list[int]:
    """Return which of `n` rows of a long table are shown: all, or `most` at equal distances."""
    if n <= most:
        return list(range(n))
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)})


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
