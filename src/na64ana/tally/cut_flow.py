"""The cut flow: what each cut keeps, as a table that prints itself."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.display import html_table
from na64ana.io.format import EventClass

Counts = npt.NDArray[np.int64]

#: Names of the classes, and of what is not simulated.
CLASSES = (*(kind.name.lower() for kind in EventClass), "measured")


@dataclass(frozen=True)
class Row:
    """One cut: `events` left after it, `relative` to the row before, `absolute` to the first.

    `only` are the events that this cut alone removes: they pass all others. None in the first row.
    """

    cut: str
    events: int
    relative: float
    absolute: float
    only: int | None


@dataclass(frozen=True, eq=False)
class CutFlow:
    """Events left after each cut, in order.

    Attributes
    ----------
    cuts : tuple of str
        The first is ``"events"``, all that were read.
    passed : array (k, classes)
        Events that pass a cut and all before it, by class.
    only : array (k, classes)
        Events that fail this cut and no other.
    """

    cuts: tuple[str, ...]
    passed: Counts
    only: Counts

    @classmethod
    def from_histograms(cls, cut_flow: Any, only: Any) -> "CutFlow":
        """Return the table of two histograms (cut, class)."""
        cuts = tuple(str(name) for name in cut_flow.axes[0])
        return cls(cuts, cut_flow.values().astype(np.int64), only.values().astype(np.int64))

    def __getitem__(self, cut: str) -> int:
        """Return the events left after a cut."""
        return int(self.passed[self.cuts.index(cut)].sum())

    def __iter__(self) -> Iterator[str]:
        return iter(self.cuts)

    def __contains__(self, cut: object) -> bool:
        return cut in self.cuts

    def __add__(self, other: "CutFlow") -> "CutFlow":
        """Return the sum, for example of two periods with the same cuts."""
        if self.cuts != other.cuts:
            msg = f"cut flows of different cuts do not add: {self.cuts} and {other.cuts}"
            raise ValueError(msg)
        return CutFlow(self.cuts, self.passed + other.passed, self.only + other.only)

    def counts(self) -> dict[str, int]:
        """Return the events left after each cut."""
        return {cut: int(n) for cut, n in zip(self.cuts, self.passed.sum(axis=1), strict=True)}

    def classes(self) -> dict[str, "CutFlow"]:
        """Return a cut flow for each class that has events."""
        found = np.flatnonzero(self.passed[0])
        return {
            CLASSES[i]: CutFlow(self.cuts, self.passed[:, [i]], self.only[:, [i]]) for i in found
        }

    def rows(self) -> tuple[Row, ...]:
        """Return the rows of the table."""
        events, only = self.passed.sum(axis=1), self.only.sum(axis=1)
        before = np.concatenate([events[:1], events[:-1]])
        return tuple(
            Row(
                cut,
                int(events[i]),
                _ratio(events[i], before[i]),
                _ratio(events[i], events[0]),
                int(only[i]) if i else None,
            )
            for i, cut in enumerate(self.cuts)
        )

    def _repr_html_(self) -> str:
        rows = (
            (row.cut, row.events, percent(row.relative), percent(row.absolute), row.only)
            for row in self.rows()
        )
        return html_table(("cut", "events", "relative", "absolute", "only"), rows)


def _ratio(part: np.int64, whole: np.int64) -> float:
    return float(part / whole) if whole else float("nan")


def count(number: int | None) -> str:
    """Return a number of events; nothing where there is none."""
    return "" if number is None else f"{number:,}"


def percent(ratio: float) -> str:
    """Return a ratio in percent with three digits; a dash if there is none."""
    return "-" if np.isnan(ratio) else f"{100 * ratio:.3g} %"


def to_csv(flows: Mapping[str, CutFlow]) -> str:
    """Return cut flows, by period, as CSV with a row per period, class and cut."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["period", "class", "cut", "events", "relative", "absolute", "only"])
    for period, whole in flows.items():
        for name, flow in {"all": whole, **whole.classes()}.items():
            for row in flow.rows():
                ratios = ("" if np.isnan(r) else f"{r:.6g}" for r in (row.relative, row.absolute))
                only = "" if row.only is None else row.only
                writer.writerow([period, name, row.cut, row.events, *ratios, only])
    return text.getvalue()


def to_json(flows: Mapping[str, CutFlow]) -> str:
    """Return cut flows, by period, as JSON: counts only, by class and cut."""
    return json.dumps(describe_flows(flows), indent=2) + "\n"


def describe_flows(flows: Mapping[str, CutFlow]) -> dict[str, Any]:
    """Return cut flows, by period, as JSON-like content."""
    return {
        period: {
            "cuts": list(whole.cuts),
            "classes": {
                name: {
                    "events": flow.passed.sum(axis=1).tolist(),
                    "only": flow.only.sum(axis=1).tolist(),
                }
                for name, flow in {"all": whole, **whole.classes()}.items()
            },
        }
        for period, whole in flows.items()
    }


def to_latex(flows: Mapping[str, CutFlow]) -> str:
    """Return cut flows, by period, as a LaTeX table.

    Events and their share of the row before; of a single period also the share of the first row,
    and what only this cut removes.
    """
    if len(flows) == 1:
        return _latex_of_one(*flows.items())
    cuts = dict.fromkeys(cut for flow in flows.values() for cut in flow.cuts)
    columns = "l" + "rr" * len(flows)
    head = " & ".join(
        ["cut", *(rf"\multicolumn{{2}}{{c}}{{{_latex(period)}}}" for period in flows)]
    )
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", head + r" \\", r"\hline"]
    tables = [{row.cut: row for row in flow.rows()} for flow in flows.values()]
    for cut in cuts:
        cells = [_latex(cut)]
        for table in tables:
            row = table.get(cut)
            cells += ["", ""] if row is None else [f"{row.events}", _latex(percent(row.relative))]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def _latex_of_one(flow_of: tuple[str, CutFlow]) -> str:
    period, flow = flow_of
    lines = [r"\begin{tabular}{lrrrr}", r"\hline"]
    lines += [rf"cut, period {_latex(period)} & events & relative & absolute & only \\", r"\hline"]
    for row in flow.rows():
        ratios = (_latex(percent(ratio)) for ratio in (row.relative, row.absolute))
        only = "" if row.only is None else str(row.only)
        lines.append(" & ".join([_latex(row.cut), str(row.events), *ratios, only]) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def _latex(text: str) -> str:
    for sign in "_%&#$":
        text = text.replace(sign, "\\" + sign)
    return text.replace(" \\%", r"\,\%")
