"""What results show in Jupyter."""

import numpy as np
import pytest

from na64ana.background.table import BackgroundRow, BackgroundTable, Estimate
from na64ana.config import Config
from na64ana.display import html_line, html_table, some
from na64ana.io.inspection import inspect_file
from na64ana.signal.yields import Spectra
from na64ana.stats.curve import LimitCurve
from na64ana.stats.model import EventLimit
from na64ana.workflow.events import Paths
from na64ana.workflow.limits import LimitsResult


def cells(text: str) -> list[list[str]]:
    lines = (row.replace("<th>", "<td>").split("<td>")[1:] for row in text.split("<tr>")[1:])
    return [[part.split("<")[0] for part in line] for line in lines]


def test_all_text_is_escaped() -> None:
    text = html_table(["<a>"], [["<script>alert(1)</script>"], [None]], title="x & <b>")
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text
    assert html_line("<i>") == "<p>&lt;i&gt;</p>"


def test_numbers() -> None:
    (_, row) = cells(html_table(["a", "b", "c", "d"], [[12345, 0.00123456, "x_%", None]]))
    assert row == ["12,345", "0.00123", "x_%", ""]


@pytest.mark.parametrize("n", [0, 1, 12, 13, 121])
def test_a_long_table_shows_both_ends(n: int) -> None:
    shown = some(n)
    assert len(shown) == min(n, 12)
    assert not n or (shown[0], shown[-1]) == (0, n - 1)


@pytest.mark.parametrize("observed", [2.3, None])
def test_limit_curve(observed: float | None) -> None:
    limit = EventLimit("marginalised", 0.9, observed, (2.0, 2.1, 2.3, 3.0, 4.0))
    curve = LimitCurve("marginalised", 0.9, np.array([0.02]), np.array([1e-5]), (limit,))
    head, row = cells(curve._repr_html_())
    assert ("observed" in head) == (observed is not None)
    assert row[0] == "20"
    assert float(row[head.index("expected")]) == pytest.approx(1e-5 * 2.3**0.5, rel=5e-3)


def test_background_table() -> None:
    rows = tuple(
        BackgroundRow(period, "upstream", Estimate(events, (0.5, 2.0), "m"), "I-II")
        for period, events in (("I", 0.1), ("II", 0.3))
    )
    found = {row[0]: row[1:] for row in cells(BackgroundTable(rows)._repr_html_())}
    assert found["upstream"] == ["0.1", "0.3", ""]
    # one parameter moves both: medians and ends add
    assert float(found["sum"][2]) == pytest.approx(0.4, rel=0.03)
    assert float(found["1 sigma up"][2]) == pytest.approx(0.8, rel=0.03)


def test_spectra() -> None:
    edges = np.array([50.0, 60.0, 70.0])
    spectra = Spectra(np.array([0.02, 0.1]), edges, np.array([[1e-3, 3e-3], [0.0, 0.0]]))
    _, one, nothing = cells(spectra._repr_html_())
    assert one == ["20", "0.004", "62.5"]
    assert nothing == ["100", "0", "nan"]


def test_inspected_file(config: Config, event_paths: Paths) -> None:
    path = event_paths["I"][0]
    text = inspect_file(path, config)._repr_html_()
    ranges = {row[0]: row for row in cells(text)}
    assert path.name in text
    assert ranges["e_ecal"][2] == "GeV"
    assert 0 <= float(ranges["e_ecal"][3]) < float(ranges["e_ecal"][4]) < float(ranges["e_ecal"][5])


@pytest.mark.slow
def test_result_of_limits(from_published: LimitsResult) -> None:
    text = from_published._repr_html_()
    assert "signal box published" in text
    rows = {row[0]: row for row in cells(text)}
    assert 0.9 < float(rows["sum"][-1]) < 1.2  # 0.53 + 0.51 are published
