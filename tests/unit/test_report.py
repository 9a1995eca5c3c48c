"""The report of a limit: what stands on it, what does not, and what it refuses."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import hist
import numpy as np
import pytest

from na64ana.errors import DataError, OutputError
from na64ana.plotting.selection import stack
from na64ana.plotting.svg import svg_n_minus_1
from na64ana.tally.cut_flow import CLASSES
from na64ana.tally.storage import write_tallies
from na64ana.workflow.limits_folder import read_limits
from na64ana.workflow.report import make_report, write_report
from na64ana.workflow.report_format import between, events, scientific
from na64ana.workflow.results import read_result

SECTIONS = {
    *("summary", "selection", "background", "signal", "limits", "parameters", "combinations"),
    *("provenance", "files"),
}


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def opened_page(limits_folder) -> str:
    return make_report(limits_folder)


@pytest.fixture(scope="module")
def closed_page(closed_folder) -> str:
    return make_report(closed_folder)


@pytest.fixture(scope="module")
def published_page(published_folder) -> str:
    return make_report(published_folder)


@pytest.mark.parametrize("name", ["opened_page", "closed_page", "published_page"])
def test_a_page_is_whole_and_needs_nothing_else(name, request):
    text = request.getfixturevalue(name)
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(ids) >= SECTIONS
    anchors = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
    assert set(anchors) <= set(ids)
    assert set(anchors) >= SECTIONS
    for _, attributes in page.tags:
        for key in ("src", "href"):
            if key in attributes:
                assert attributes[key].startswith(("data:", "#"))
    assert "url(" not in text
    assert "@import" not in text
    assert not page.all("script")
    assert all(image["alt"] for image in page.all("img"))
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert [len(page.all(tag)) for tag in ("h1", "main", "nav")] == [1, 1, 1]


def test_the_numbers_are_those_of_the_files(opened_page, limits_folder):
    folder = read_limits(limits_folder)
    page = Page(opened_page)
    i = folder.reference
    for what in ("observed", "expected_median"):
        assert scientific(float(folder.limit(what)[i])) in opened_page
    assert folder.manifest["lineage"] in page.words
    assert "opened: simulated events" in page.words
    for counts in folder.manifest["cut_flow"].values():
        for number in counts.values():
            assert f"{number:,}" in page.words
    for row in folder.rows("parameters.csv"):
        assert row["parameter"] in page.words
    for period in folder.manifest["periods"].values():
        for file in period["files"]:
            assert file["sha256"] in page.words
    saved = {a["download"]: a["href"] for a in page.all("a") if "download" in a}
    assert {"limits.csv", "workspace.json", "manifest.json"} <= set(saved)
    for name, link in saved.items():
        content = base64.b64decode(link.partition(",")[2], validate=True)
        assert content == (limits_folder / name).read_bytes()


def test_the_figures_are_there(opened_page, limits_folder):
    page = Page(opened_page)
    drawn = {base64.b64decode(one["src"].partition(",")[2]) for one in page.all("img")}
    there = {path.read_bytes() for path in limits_folder.glob("*.png")}
    assert drawn == there
    assert len(list(limits_folder.glob("sideband_*.png"))) == 2
    result = read_result(limits_folder / "selection.zip")
    windows = sum(len(result.windows(period)) for period in result.tallies)
    assert len([one for one in page.all("svg") if "N-1 of" in one.get("aria-label", "")]) == windows


def test_a_closed_box_stays_closed(closed_page, closed_folder):
    """Sixty events were planted in it."""
    page = Page(closed_page)
    assert "signal box closed" in page.words
    assert "expected; the box is closed" in page.words
    assert "no event of it was read into any table or figure" in page.words
    assert "opened" not in page.words
    folder = read_limits(closed_folder)
    assert folder.closed
    assert folder.limit("observed") is None
    assert folder.limit("expected_median") is not None
    result = read_result(closed_folder / "selection.zip")
    assert result.about["blinded"]
    for tally in result.tallies.values():
        assert "signal_box" not in tally.regions
        assert float(tally.survivors["e_ecal"].min()) >= 50.0
        assert "missing_energy" not in tally.cut_flow
    for rows in (folder.rows("sideband_IV-V.csv"), folder.rows("plane.csv")):
        inside = [row for row in rows if float(row["e_ecal_low_GeV"]) < 49]
        quiet = [row for row in inside if float(row.get("e_hcal_low_GeV", 0)) < 0.5]
        assert all(row["events"] == "" for row in quiet)


def test_names_of_files_are_text(closed_page, closed_folder):
    page = Page(closed_page)
    (hostile,) = (path.name for path in closed_folder.parent.glob("*.root"))
    assert "<img src=x onerror" in hostile
    assert hostile in page.words
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert len(page.all("img")) == closed_page.count("<img ")


def test_names_in_tallies_are_text():
    label = '$E_{<script>}$ ]]><b onload="x">'
    axes = hist.axis.Regular(10, 0, 1, label=label), hist.axis.Regular(len(CLASSES), -0.5, 9.5)
    one = hist.Hist(*axes, storage=hist.storage.Int64())
    one.fill([0.5] * 3, [0] * 3)
    page = Page(svg_n_minus_1(one, window=(0.2, None), title='</svg><script>"'))
    assert [tag for tag, _ in page.tags].count("svg") == 1
    assert not page.all("script")
    assert not page.all("b")


def test_a_panel_shows_all_events(limits_folder):
    """The paths hold the heights of the stack, on a logarithmic axis."""
    result = read_result(limits_folder / "selection.zip")
    histogram = result.tallies["V"].histograms["n_minus_1_hcal_quiet_e_hcal"]
    layers, _, marks = stack(histogram, result.windows("V")[("hcal_quiet", "e_hcal")])
    total = histogram.values(flow=True).sum(axis=1)
    assert layers[-1][2].sum() == total.sum() > 100
    assert marks == [1.0]
    assert len(layers) > 1
    text = svg_n_minus_1(histogram, window=(None, 1.0), title="hcal_quiet")
    paths = re.findall(r'<path fill="#[0-9a-f]{6}" d="([^"]*)"', text)
    assert len(paths) == len(layers)
    places = {p.strip() for path in paths for p in re.findall(r"V([0-9.]+)", path)}
    top = 20 * layers[-1][2].max()
    for _, _, high in layers:
        y = 180 - np.log(high.max() / 0.5) / np.log(top / 0.5) * (180 - 22)
        assert f"{y:.1f}" in places


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (4.904e-5, "4.90&nbsp;×&nbsp;10<sup>−5</sup>"),
        (9.37e11, "9.37&nbsp;×&nbsp;10<sup>11</sup>"),
        (-0.5, "−0.5"),
        (0.0, "0"),
        (None, "–"),
        (float("inf"), "∞"),
    ],
)
def test_numbers_are_written_for_readers(number, text):
    assert scientific(number) == text


def test_small_backgrounds_are_upper_limits():
    assert [events(n) for n in (0.0, 1e-4, 0.1, 1.04, 12.6)] == [
        "<0.001",
        "<0.001",
        "0.10",
        "1.0",
        "13",
    ]
    assert [between(1e-5, 1e-4), between(1e-5, 0.002)] == ["<0.001", "<0.002"]
    assert between(0.1, 2.0) == "0.10 – 2.0"


@pytest.fixture
def copy(limits_folder, tmp_path) -> Path:
    return Path(shutil.copytree(limits_folder, tmp_path / "copy"))


def _edit(folder: Path, **changes) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _write(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)


def _lead_elsewhere(folder: Path) -> None:
    outputs = json.loads((folder / "manifest.json").read_text())["outputs"]
    _edit(folder, outputs={**outputs, "../x": ""})


BROKEN = {
    "none": (shutil.rmtree, "holds no manifest.json"),
    "empty": (lambda f: [p.unlink() for p in f.iterdir()], "holds no manifest.json"),
    "half": (lambda f: (f / "limit.png").unlink(), "limit.png: cannot be read"),
    "changed": (lambda f: (f / "limits.csv").write_text("m_ap_GeV\n1\n"), "is not what"),
    "no json": (lambda f: _write(f, "{"), "is no JSON"),
    "list": (lambda f: _write(f, "[]"), "says nothing of lineage"),
    "foreign": (lambda f: _write(f, '{"lineage": 1}'), "says nothing of box"),
    "outputs": (lambda f: _edit(f, outputs=[1]), "list of files is damaged"),
    "elsewhere": (_lead_elsewhere, "list of files is damaged"),
    "numbers": (lambda f: _edit(f, background=[{"period": 1}]), "not those of this na64ana"),
    "types": (lambda f: _edit(f, periods=3), "not those of this na64ana"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_one_clear_line(copy, tmp_path, name):
    change, said = BROKEN[name]
    change(copy)
    page = tmp_path / "report.html"
    with pytest.raises(DataError, match=said) as error:
        write_report(page, copy)
    assert len(str(error.value).splitlines()) == 1
    assert not page.exists()
    assert [path.name for path in tmp_path.iterdir() if path != copy] == []


def test_a_page_is_not_overwritten_unasked(limits_folder, tmp_path):
    page = tmp_path / "report.html"
    write_report(page, limits_folder)
    first = page.read_text()
    with pytest.raises(OutputError, match="exists already"):
        write_report(page, limits_folder)
    write_report(page, limits_folder, overwrite=True)
    assert page.read_text() == first  # the same input, the same page


def test_an_open_result_is_not_shown_beside_a_closed_box(closed_folder, opened_run, tmp_path):
    path = tmp_path / "opened.zip"
    write_tallies(path, opened_run.tallies, {"blinded": False})
    with pytest.raises(DataError, match=r"is open, that of .* is closed"):
        make_report(closed_folder, results=path)
