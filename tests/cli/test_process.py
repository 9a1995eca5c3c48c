"""`na64ana process` and `na64ana cutflow`, as they are typed."""

import csv
import io
import json
import zipfile
from pathlib import Path

import hist
import numpy as np
import pyarrow.parquet as pq
import pytest
import uhi.io.zip
from matplotlib.image import imread

from na64ana.config.shipped import shipped_path
from na64ana.plotting.selection import plot_n_minus_1
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.results import read_result


def test_process_in_an_empty_folder(run, event_paths):
    code, out, err = run("process", "--events", f"I={event_paths['I'][0]}")
    assert code == 0, err
    assert {path.name for path in Path("results").iterdir()} == {
        "templates.npz",
        "calibration.csv",
        "calibration.zip",
        "dimuon.zip",
        "invisible.zip",
        "history.jsonl",
        "run.json",
    }
    assert "Efficiencies of beam electrons" in out
    assert "Cut flow of I, signal box closed" in out
    history = [json.loads(line) for line in Path("results/history.jsonl").read_text().splitlines()]
    assert [line["processor"] for line in history] == ["calibration", "dimuon", "invisible"]
    assert history[0]["files"][0]["path"] == str(event_paths["I"][0])
    code, out, err = run("process", "--events", f"I={event_paths['I'][0]}")
    assert code == 1
    assert "exists already" in err
    # with the templates of the first run, only the processor runs
    mine = Path("mine.py")
    mine.write_text((shipped_path("processors") / "invisible.py").read_text())
    code, out, err = run(
        "process", "--events", f"I={event_paths['I'][0]}", "--calibration", "results",
        "--processor", mine, "--output", "mine",
    )  # fmt: skip
    assert code == 0, err
    assert {path.name for path in Path("mine").iterdir()} == {
        "mine.zip",
        "history.jsonl",
        "run.json",
    }
    assert (
        read_result(Path("mine/mine.zip"))
        .tallies["I"]
        .same_content(read_result(Path("results")).tallies["I"])
    )


@pytest.mark.slow
def test_two_workers_and_an_open_box(run, event_paths):
    code, _, err = run(
        "process", "--events", f"I={event_paths['I'][0]}", "--workers", 2, "--unblind"
    )
    assert code == 0, err
    found = read_result(Path("results"))
    assert "signal_box" in found.tallies["I"].regions
    assert found.about["blinded"] is False


@pytest.mark.parametrize(
    ("arguments", "expected", "said"),
    [
        (("--processor", "none"), 1, "no such processor"),
        (("--calibration", "nowhere"), 1, "templates.npz: no such file"),
        (("--events", "VI=a.root"), 1, "unknown period 'VI'"),
        (("--events", "I=none.root"), 3, "none.root: no such file"),
        (("--site", "mars"), 1, "there is no site 'mars' under sites. Allowed: "),
        (("--dry-run",), 2, "--dry-run shows the job script of a --site"),
        (("--site", "here", "--workers", 3), 2, "the site says how many it has"),
    ],
)
def test_mistakes_of_process_are_one_line(run, event_paths, arguments, expected, said):
    given = () if "--events" in arguments else ("--events", f"I={event_paths['I'][0]}")
    code, _, err = run("process", *given, *arguments)
    assert code == expected
    assert said in err
    assert not Path("results").exists()


@pytest.mark.slow
def test_all_events_cut_away(run, config, tmp_path):
    """A selection that keeps nothing is a result, with zeros in it."""
    path = tmp_path / "I.root"
    write_simulated_file(path, Plan(config, "I", 9))
    text = shipped_path("datasets.yaml").read_text()
    window = "windows: [{name: nothing, observable: f_prs, min: 1.5, reason: test}]"
    quiet = "    hcal_quiet: {e_hcal_max: 1 GeV}\n"
    own = text.replace(quiet, f"{quiet}    {window}\n", 1)
    Path("own.yaml").write_text(own)
    # no electron passes such a cut either, so there is no template
    code, _, err = run("process", "--events", f"I={path}", "--config", "own.yaml")
    assert code == 1
    assert "0 calibration electrons, 200 are needed" in err
    Path("own.yaml").write_text(own.replace("energies_from: cells", "energies_from: scalars"))
    code, _, err = run("process", "--events", f"I={path}", "--config", "own.yaml")
    assert code == 0, err
    tally = read_result(Path("results")).tallies["I"]
    assert tally.cut_flow["nothing"] == tally.cut_flow["hcal_quiet"] == 0
    assert tally.regions["sideband_c"] == 0
    assert tally.sideband_c == []
    assert run("cutflow", "results", "--figures", "fig")[0] == 0


def test_a_result_says_where_it_comes_from(stored):
    found = read_result(stored)
    about = found.about
    assert about["processor"] == "invisible"
    assert about["blinded"] is True
    assert len(about["lineage"]) == len(about["processor_sha256"]) == 64
    assert set(about["shower_templates_sha256"]) == {"I", "V"}
    assert about["exposures"]["V"]["eot"] == pytest.approx(6.16e11, rel=1e-3)
    assert about["exposures"]["V"]["bad_spills"] == 2
    assert about["simulated"] == {"I": True, "V": True}
    cuts = {cut["name"]: cut for cut in about["cuts"]["I"]}
    assert cuts["single_track"]["windows"][0] == ["p_track", 97.0, 103.0]
    assert cuts["missing_energy"]["windows"] == [["e_ecal", None, 50.0]]
    assert all(cut["reason"] and cut["source"] for cut in cuts.values())
    assert found.tallies["I"].entries_read
    assert "<table>" in found._repr_html_()
    assert "lineage" in found._repr_html_()


def test_the_result_opens_in_other_tools(stored):
    with zipfile.ZipFile(stored / "invisible.zip") as archive:
        histogram = hist.Hist(uhi.io.zip.read(archive, "V/n_minus_1_srd_electron_e_srd"))
        survivors = pq.read_table(io.BytesIO(archive.read("V/survivors.parquet")))
    assert histogram.axes[0].name == "e_srd"
    assert set(survivors["region"].to_pylist()) == {"sideband_c"}
    assert {"run_number", "spill", "event", "e_ecal", "chi2_shower"} <= set(survivors.column_names)
    assert min(survivors["e_ecal"].to_pylist()) >= 50


def test_n_minus_1_contains_n(stored):
    """Inside the window of its cut, a histogram holds exactly the selected events."""
    for period, tally in read_result(stored).tallies.items():
        flow = tally.cut_flow
        selected = flow["hcal_quiet"]
        for row in flow.rows()[1:]:
            names = [n for n in tally.histograms if n.startswith(f"n_minus_1_{row.cut}_")]
            assert names, row.cut
            for name in names:
                total = tally.histograms[name].sum(flow=True)
                assert total == selected + row.only, (period, name)
    missing = tally.histograms["n_minus_1_missing_energy_e_ecal"]
    assert missing.sum(flow=True) == selected
    assert missing[:50, sum].sum() == 0


@pytest.mark.parametrize("form", ["csv", "json", "latex", "table"])
def test_cutflow_in_every_form(run, stored, form):
    code, out, err = run("cutflow", stored, "--format", form)
    assert code == 0, err
    flow = read_result(stored).tallies["V"].cut_flow
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(out)))
        (row,) = [r for r in rows if (r["period"], r["class"], r["cut"]) == ("V", "all", "trigger")]
        assert int(row["events"]) == flow["trigger"]
        assert float(row["absolute"]) == pytest.approx(flow["trigger"] / flow["events"], rel=1e-5)
        by_class = [
            int(r["events"]) for r in rows
            if (r["period"], r["cut"]) == ("V", "trigger") and r["class"] != "all"
        ]  # fmt: skip
        assert sum(by_class) == flow["trigger"]
    elif form == "json":
        content = json.loads(out)["V"]
        assert content["cuts"] == list(flow.cuts)
        assert content["classes"]["all"]["events"] == list(flow.counts().values())
    elif form == "latex":
        assert out.startswith(r"\begin{tabular}{lrrrr}")
        assert (
            rf"single\_track & {read_result(stored).tallies['I'].cut_flow['single_track']}" in out
        )
    else:
        assert "signal box closed" in out


def test_cutflow_of_one_period(run, stored):
    code, out, _ = run("cutflow", stored, "--period", "V", "--classes", "--sources")
    assert code == 0
    assert "Cut flow of V by class" in out
    assert "e_ecal < 50 GeV" in " ".join(out.split())
    code, _, err = run("cutflow", stored, "--period", "II")
    assert code == 1
    assert "has no period 'II'; it has I, V" in err
    code, _, err = run("cutflow", "nowhere.zip")
    assert code == 1
    assert "no such file" in err


@pytest.mark.slow
def test_figures_with_their_numbers(run, stored):
    code, _, err = run("cutflow", stored, "--period", "V", "--figures", "fig")
    assert code == 0, err
    assert {path.name for path in Path("fig").iterdir()} == {
        f"n_minus_1_V.{end}" for end in ("png", "pdf", "csv")
    }
    pixels = imread("fig/n_minus_1_V.png")[..., :3]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    with Path("fig/n_minus_1_V.csv").open() as file:
        rows = list(csv.DictReader(file))
    tally = read_result(stored).tallies["V"]
    for cut, name in (("hcal_quiet", "e_hcal"), ("shower_shape", "chi2_shower")):
        total = sum(int(row["events"]) for row in rows if row["observable"] == name)
        assert total == tally.histograms[f"n_minus_1_{cut}_{name}"].sum(flow=True) > 0


def test_a_figure_shows_all_events_and_the_cut(stored):
    from matplotlib.figure import Figure  # noqa: PLC0415

    histogram = read_result(stored).tallies["V"].histograms["n_minus_1_no_multiple_hits_n_st"]
    ax = plot_n_minus_1(histogram, Figure().subplots(), window=(None, 2.0), title="n_st")
    drawn = ax.patches[-1].get_data()
    assert drawn.values.sum() == histogram.sum(flow=True)
    (line,) = ax.lines
    assert line.get_xdata()[0] == 1.5  # between one hit, which stays, and two
    assert ax.get_xlabel() == "hits in ST3, ST4"


@pytest.mark.slow
def test_skim_and_then_process(run, event_paths):
    code, out, err = run("skim", "--events", f"I={event_paths['I'][0]}")
    assert code == 0, err
    assert "Skim" in out
    code, out, err = run("process", "--events", "I=skim/I.root")
    assert code == 0, err
    assert "a skim," in out
    assert "the upper rows count these alone" in out


@pytest.mark.slow
def test_a_site_and_a_missing_file(run, event_paths, tmp_path):
    given = ("--events", f"I={event_paths['I'][0]}", "--events", f"I={tmp_path}/gone.root")
    code, _, err = run("process", *given, "--site", "here")
    assert code == 3
    assert "gone.root: no such file" in err
    code, out, err = run("process", *given, "--site", "here", "--allow-missing")
    assert code == 0, err
    assert "left out" in out
    assert "4.3e10 EOT read, 100 % of the declared" in " ".join(out.split())
    summary = json.loads(Path("results/run.json").read_text())["invisible"]
    assert list(summary["missing"]) == [f"{tmp_path}/gone.root"]
    (file,) = summary["files"].values()
    assert file["events"] > 1000
    assert file["workers"]
    assert read_result(Path("results")).about["missing"] == summary["missing"]


def test_a_dry_run_shows_the_job(run):
    code, out, err = run("process", "--site", "slurm", "--dry-run")
    assert code == 0, err
    assert "#SBATCH -p main" in out
    assert "dask_worker tcp://SCHEDULER:PORT" in out
