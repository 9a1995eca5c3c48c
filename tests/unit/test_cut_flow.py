"""The cut flow as a table, in every form, and efficiencies as a figure."""

import csv
import io
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from na64ana.plotting.efficiency import plot_efficiency
from na64ana.tally.cut_flow import CLASSES, CutFlow, percent, to_csv, to_json, to_latex
from na64ana.tally.efficiency import Efficiency


@pytest.fixture
def flow() -> CutFlow:
    passed, only = np.zeros((3, len(CLASSES)), int), np.zeros((3, len(CLASSES)), int)
    passed[:, 0], passed[:, 4] = (80, 40, 0), (20, 10, 5)
    only[1:, 4] = 3, 1
    return CutFlow(("events", "trigger", "box_50%"), passed, only)


def test_rows(flow):
    first, second, third = flow.rows()
    assert (first.events, first.relative, first.absolute, first.only) == (100, 1.0, 1.0, None)
    assert (second.events, second.relative, second.absolute, second.only) == (50, 0.5, 0.5, 3)
    assert (third.events, third.relative, third.absolute, third.only) == (5, 0.1, 0.05, 1)
    assert flow["trigger"] == 50
    assert "trigger" in flow
    assert list(flow) == ["events", "trigger", "box_50%"]
    assert flow.counts() == {"events": 100, "trigger": 50, "box_50%": 5}


def test_classes(flow):
    classes = flow.classes()
    assert list(classes) == ["beam_electron", "signal"]
    assert classes["signal"].counts() == {"events": 20, "trigger": 10, "box_50%": 5}


def test_nothing_is_a_share_of_nothing(flow):
    empty = CutFlow(flow.cuts, flow.passed * 0, flow.only * 0)
    assert np.isnan(empty.rows()[1].relative)
    assert percent(empty.rows()[1].relative) == "-"
    assert "nan" not in to_csv({"I": empty}) + to_json({"I": empty}) + to_latex({"I": empty})
    assert "nan" not in empty._repr_html_()


def test_flows_add_if_their_cuts_are_the_same(flow):
    assert (flow + flow)["trigger"] == 100
    other = CutFlow(("events", "other"), flow.passed[:2], flow.only[:2])
    with pytest.raises(ValueError, match="different cuts do not add"):
        flow + other


def test_forms_hold_the_same_numbers(flow):
    rows = list(csv.DictReader(io.StringIO(to_csv({"V": flow}))))
    assert [int(row["events"]) for row in rows if row["class"] == "all"] == [100, 50, 5]
    assert json.loads(to_json({"V": flow}))["V"]["classes"]["signal"]["events"] == [20, 10, 5]
    assert r"trigger & 50 & 50\,\% & 50\,\% & 3 \\" in to_latex({"V": flow})
    latex = to_latex({"V": flow, "I": flow})
    assert r"box\_50\% & 5 & 10\,\% & 5 & 10\,\% \\" in latex
    assert "<td>box_50%</td><td>5</td><td>10 %</td>" in flow._repr_html_()


def test_efficiencies_are_drawn_with_their_intervals():
    edges = np.array([50.0, 75.0, 100.0])
    parts = [Efficiency.of(40, 100), Efficiency.of(0, 0)]
    ax = plot_efficiency(edges, {0.001: parts, 1.0: parts}, Figure().subplots(), title="t")
    (line, _, (bars,)) = ax.containers[0]
    assert line.get_ydata()[0] == 0.4
    assert np.isnan(line.get_ydata()[1])
    (low, high) = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((parts[0].low, parts[0].high))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "$m_{A'}$ = 1 MeV",
        "$m_{A'}$ = 1000 MeV",
    ]
