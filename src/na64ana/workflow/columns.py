"""Numbers as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

#: How columns of expected limits end, at -2 to 2 standard deviations.
SIGMAS = ("minus2", "minus1", "median", "plus1", "plus2")


def columns_csv(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return columns of equal length as CSV; None is an empty field, numbers have six digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_field(value) for value in row])
    return text.getvalue()


def _field(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.6g}"
