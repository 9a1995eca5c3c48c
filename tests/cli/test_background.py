"""`na64ana background`, as it is typed: closed, opened, and what it refuses."""

import csv
import io
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from na64ana.background.extrapolation import extrapolate
from na64ana.config import load_config
from na64ana.config.selection import ObservableWindow
from na64ana.plotting.background import curve_edges, curves, plot_sideband
from na64ana.workflow.process import run_process
from na64ana.workflow.results import read_result, read_templates

pytestmark = pytest.mark.slow


@pytest.fixture
def results(stored, tmp_path) -> Path:
    """Return a copy of the stored results, to write beside."""
    return Path(shutil.copytree(stored, tmp_path / "results"))


def test_a_blinded_result_becomes_a_table(run, results):
    code, out, err = run("background", results)
    assert code == 0, err
    assert "signal box closed" in out
    assert "Sideband C, I+V" not in out  # other groups are not fitted together
    assert "observed" not in out
    written = {path.name for path in results.glob("background*")}
    assert {"background.csv", "background.tex", "background.json"} <= written
    assert {"background_plane.png", "background_plane.csv"} <= written
    rows = list(csv.DictReader(io.StringIO((results / "background.csv").read_text())))
    counted = [row for row in rows if row["counted"] == "yes"]
    assert {row["period"] for row in counted} == {"I", "V"}
    assert {row["source"] for row in counted if row["period"] == "V"} == {
        *("dimuon", "decay", "upstream", "punch_through"),
    }
    for row in rows:
        low, events, high = (
            float(row[name]) for name in ("events_minus_1_sigma", "events", "events_plus_1_sigma")
        )
        assert 0 < low < events < high
        assert len(row["lineage"]) == 64
    manifest = json.loads((results / "background.json").read_text())
    assert manifest["box"] == "closed"
    assert "opening" not in manifest
    (total,) = (row for row in rows if (row["period"], row["source"]) == ("sum", "total"))
    events = manifest["totals"]["sum"]["events"]
    assert float(total["events"]) == pytest.approx(events, rel=1e-4)
    assert events >= 0.9 * sum(float(row["events"]) for row in counted)
    (line,) = history(results)
    assert line["box"] == "closed"
    assert line["background_lineage"] == manifest["background_lineage"]
    code, _, err = run("background", results)
    assert code == 1
    assert "exists already" in err


def history(folder):
    lines = [json.loads(text) for text in (folder / "history.jsonl").read_text().splitlines()]
    return [line for line in lines if line.get("command") == "background"]


def opened_now(stored_open, folder):
    """Return a copy of the open result that was made now."""
    copy = Path(shutil.copytree(stored_open, folder))
    lines = [json.loads(text) for text in (copy / "history.jsonl").read_text().splitlines()]
    for line in lines:
        line["time"] = datetime.now(UTC).isoformat(timespec="microseconds")
    (copy / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return copy


def test_the_box_is_opened_on_record(run, results, stored_open, tmp_path):
    assert run("background", results)[0] == 0
    before = json.loads((results / "background.json").read_text())
    first = opened_now(stored_open, tmp_path / "open")
    code, out, err = run("background", results, "--unblind", first)
    assert code == 0, err
    assert "signal box opened" in out
    assert "the same estimate was on record" in out
    assert "NOT BLIND" not in out
    manifest = json.loads((results / "background_opened.json").read_text())
    opening = manifest["opening"]
    opened = read_result(first)
    assert opening["observed"] == {
        name: tally.regions["signal_box"] for name, tally in opened.tallies.items()
    }
    assert opening["selection_lineage"] == opened.about["lineage"]
    assert opening["recorded_before"] == history(results)[0]["time"]
    assert opening["date"][:10] == manifest["written"][:10]
    # before and after are the same estimate, and two results
    assert manifest["background_lineage"] == before["background_lineage"]
    assert manifest["lineage"] != before["lineage"]
    assert (results / "background.json").exists()
    assert [line["box"] for line in history(results)] == ["closed", "opened"]
    assert "observed &" in (results / "background_opened.tex").read_text()
    # another estimate, after the box was opened, is not a blind one, wherever it is written
    for output in (results, tmp_path / "elsewhere"):
        code, out, _ = run(
            *("background", results, "--family", "power_law", "--overwrite", "--output", output)
        )
        assert code == 0
        assert "NOT BLIND" in out
        manifest = json.loads((output / "background.json").read_text())
        assert manifest["opened_before_this_estimate"] == opening["first"]
    # the first one stays blind
    code, out, _ = run("background", results, "--overwrite")
    assert "NOT BLIND" not in out
    # opened again, the first opening is remembered
    code, out, _ = run("background", results, "--unblind", first, "--overwrite")
    again = json.loads((results / "background_opened.json").read_text())["opening"]
    assert again["first"] == opening["first"]
    assert again["recorded_before"] == opening["recorded_before"]


def test_a_record_after_the_opening_is_none(run, results, stored_open, tmp_path):
    first = opened_now(stored_open, tmp_path / "open")
    assert run("background", results, "--unblind", first)[0] == 0
    assert "NOT BLIND" in run("background", results)[1]
    _, out, _ = run("background", results, "--unblind", first, "--overwrite")
    assert "was not on record before the box was opened" in " ".join(out.split())


def test_an_opening_without_a_record_is_said(run, results, stored_open):
    code, out, _ = run("background", results, "--unblind", stored_open)
    assert code == 0
    assert "was not on record before the box was opened" in " ".join(out.split())


@pytest.mark.parametrize("form", ["latex", "csv", "json"])
def test_forms_are_those_of_the_files(run, results, form):
    code, out, err = run("background", results, "--format", form)
    assert code == 0, err
    end = {"latex": "tex"}.get(form, form)
    written = (results / f"background.{end}").read_text()
    if form == "json":
        assert json.loads(out)["lineage"] == json.loads(written)["lineage"]
    else:
        assert out == written
    if form == "latex":
        assert out.count(r"\\") == 7  # heading, five sources, total


def test_options_change_the_estimate(run, results):
    code, _, err = run(
        *("background", results, "--fit-range", "54 GeV", "84 GeV", "--family", "power_law"),
        *("--likelihood", "unbinned", "--output", "other"),
    )
    assert code == 0, err
    manifest = json.loads(Path("other/background.json").read_text())
    (fit, *_) = manifest["extrapolations"].values()
    assert fit["fit_range_GeV"] == [54.0, 84.0]
    assert [one["family"] for one in fit["fits"]] == ["power_law"]
    assert manifest["inputs"]["options"]["likelihood"] == "unbinned"


@pytest.fixture(scope="module")
def tagged(config, event_paths, stored, tmp_path_factory):
    """Return a result of upstream interactions that the zero-degree HCAL sees."""
    folder = tmp_path_factory.mktemp("tagged")
    window = {"name": "zero_degree_active", "observable": "e_zero_degree", "min": "2 GeV"}
    selections = {}
    for name, one in config.selections.items():
        extra = ObservableWindow.model_validate(window | {"reason": "an upstream interaction"})
        changes = {"zero_degree_quiet": None, "windows": (extra,)}
        selections[name] = one.model_copy(update=changes)
    other = config.model_copy(update={"selections": selections})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NA64ANA_CACHE", str(folder / "cache"))
        paths = {name: event_paths[name] for name in ("I", "V")}
        run_process(other, paths, "invisible", folder, templates=read_templates(stored))
    return folder


def test_a_control_sample_is_used_and_named(run, results, tagged):
    code, _, err = run("background", results, "--control", tagged, "--output", "helped")
    assert code == 0, err
    manifest = json.loads(Path("helped/background.json").read_text())
    assert manifest["control_sample_lineage"] == read_result(tagged).about["lineage"]
    assert all(fit["n_control"] > 0 for fit in manifest["extrapolations"].values())


def test_what_is_refused(run, results, stored_open, tmp_path):
    cases = {
        "its box is open": (stored_open,),
        "no such file": (tmp_path / "nowhere",),
        "its box is closed; make it with": (results, "--unblind", results),
        "begins at 45 GeV, inside the signal box": (*(results, "--fit-range", "45 GeV", "86 GeV"),),
        "not above its begin": (results, "--fit-range", "80 GeV", "60 GeV"),
        "give a result of invisible.py": (results / "dimuon.zip",),
        "holds no events with a quiet HCAL": (results, "--control", results / "calibration.zip"),
        "which would count twice": (results, "--control", results),
        "holds events of sideband C": (results, "--control", stored_open),
        "above the edge of the trigger": (results, "--fit-range", "52 GeV", "99 GeV"),
    }
    for message, arguments in cases.items():
        code, out, err = run("background", *arguments)
        assert code in {1, 4}, (message, out)
        assert message in err
        assert len(err.strip().splitlines()) == 1
    assert not list(results.glob("background*"))


def test_another_box_than_that_of_the_result_is_refused(run, results, tmp_path):
    text = Path(shipped()).read_text().replace("e_ecal_max: 50 GeV ", "e_ecal_max: 47 GeV ")
    other = tmp_path / "other.yaml"
    other.write_text(text)
    code, _, err = run("background", results, "--config", other)
    assert code == 1
    assert "from None to 50.0, in the configuration from None to 47.0" in err


def shipped():
    from na64ana.config.shipped import shipped_path  # noqa: PLC0415

    return shipped_path("datasets.yaml")


def test_other_templates_are_refused(run, results):
    with np.load(results / "templates.npz") as content:
        arrays = {name: content[name] * 1.01 for name in content}
    np.savez(results / "templates.npz", **arrays)
    code, _, err = run("background", results)
    assert code == 1
    assert "is not what invisible.zip was made with" in err


def test_without_muon_pairs_published_numbers_stand_in(run, results):
    (results / "dimuon.zip").unlink()
    code, out, err = run("background", results)
    assert code == 0, err
    assert "holds no muon pairs" in " ".join(out.split())
    rows = list(csv.DictReader(io.StringIO((results / "background.csv").read_text())))
    (method,) = {row["method"] for row in rows if row["source"] == "dimuon"}
    assert method == "published, by EOT"


def test_a_damaged_history_is_named(run, results):
    with (results / "history.jsonl").open("a") as file:
        file.write("{half a line\n")
    code, _, err = run("background", results)
    assert code == 1
    assert "is no JSON" in err


@pytest.mark.parametrize("line", ["[]", "null", "", '{"time": 1}'])
def test_other_lines_of_a_history_do_no_harm(run, results, line):
    with (results / "history.jsonl").open("a") as file:
        file.write(f"{line}\n")
    assert run("background", results)[0] == 0


def test_the_figure_draws_what_the_fits_say():
    energies = 86 - np.random.default_rng(1).exponential(5.0, 300)
    fit = extrapolate(energies, 50.0, load_config().background)
    edges = curve_edges(fit)
    drawn = curves(fit, edges)
    assert (drawn["band_low"] <= drawn["band_median"]).all()
    assert (drawn["band_median"] <= drawn["band_high"]).all()
    ax = plot_sideband(fit, energies, Figure().add_subplot(), observed=2)
    lines = {line.get_label().split(",")[0]: line for line in ax.get_lines()}
    y = np.asarray(lines["stretched exponential"].get_ydata())
    assert y == pytest.approx(drawn["stretched_exponential"])
    in_box = drawn["stretched_exponential"][edges[1:] <= 50.0].sum()
    assert in_box < np.exp(fit.fits[0].ln_b) * 1.001
    assert in_box > np.exp(fit.fits[0].ln_b) * 0.8  # the rest lies below 20 GeV
    assert "2 observed" in ax.texts[0].get_text()


def test_the_cut_is_optimised(run, results):
    code, out, err = run("optimize", results, "--mass", "100 MeV")
    assert code == 0, err
    assert "100 MeV" in out
    rows = list(csv.DictReader(io.StringIO((results / "optimise.csv").read_text())))
    assert {row["period"] for row in rows} == {"I", "V"}
    of_five = [row for row in rows if row["period"] == "V"]
    assert [float(row["e_ecal_max_GeV"]) for row in of_five] == list(range(40, 51))
    backgrounds = [float(row["background"]) for row in of_five]
    assert backgrounds == sorted(backgrounds)
    limits = [float(row["epsilon_mean_expected"]) for row in of_five]
    best = float(of_five[int(np.argmin(limits))]["e_ecal_max_GeV"])
    assert f"{best:g} │" in out
    assert (results / "optimise.png").exists()
    assert run("optimize", results, "--mass", "5 GeV", "--overwrite")[0] == 1
