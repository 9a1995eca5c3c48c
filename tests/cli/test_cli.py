"""The command line as its users meet it: output, errors in one line, exit codes."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyhf
import pytest
import uproot
from matplotlib.image import imread

from na64ana.config.shipped import shipped_path
from na64ana.io.format import TREE, EventClass

PERIODS = ["I", "II", "III", "IV", "V"]
PUBLISHED = {
    "limits.csv",
    "limit.png",
    "limit.pdf",
    "combinations.csv",
    "parameters.csv",
    "parameters.png",
    "parameters.pdf",
    "background.csv",
    "signal.csv",
    "yields.csv",
    "yields.png",
    "yields.pdf",
    "workspace.json",
    "patchset.json",
    "hs3.json",
    "limits.json",
    "manifest.json",
}
OUTPUTS = PUBLISHED | {
    "selection.zip",
    *(
        f"{stem}.{end}"
        for stem in ("plane", "efficiency", "sideband_I-III", "sideband_IV-V")
        for end in ("png", "pdf", "csv")
    ),
}


def one_line(err: str) -> str:
    lines = [line for line in err.splitlines() if line.startswith("na64ana: error:")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_the_main_job_in_an_empty_folder(run, cache):
    code, out, err = run("limits")
    assert code == 0, err
    assert {path.name for path in Path().iterdir()} == OUTPUTS
    assert f"simulating event files into {cache}" in err
    assert f"{cache}: done" in err
    for said in ("Cut flow", "hcal_quiet", "upstream", "Upper limits on epsilon at 90 % CL"):
        assert said in out
    assert "9.37e11 EOT" in out

    with Path("limits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 121
    at_20_mev = min(rows, key=lambda row: abs(float(row["m_ap_GeV"]) - 0.02))
    assert 4.0e-5 / 1.5 < float(at_20_mev["epsilon_observed_marginalised"]) < 4.0e-5 * 1.5

    manifest = json.loads(Path("manifest.json").read_text())
    assert manifest["inputs"]["seed"] == 7
    assert manifest["box"] == "opened: simulated events"
    assert sum(p["eot"] for p in manifest["periods"].values()) == pytest.approx(9.37e11)
    for period in PERIODS:
        (file,) = manifest["periods"][period]["files"]
        assert len(file["sha256"]) == len(file["lineage"]) == 64
        assert Path(file["path"]).is_relative_to(cache)

    workspace = pyhf.Workspace(json.loads(Path("workspace.json").read_text()))
    assert workspace.channels == [f"period_{p}" for p in PERIODS]

    for figure in ("plane.png", "limit.png"):
        pixels = imread(figure)[..., :3]
        assert pixels.shape[0] > 800
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100

    with Path("plane.csv").open() as file:
        plane = [row for row in csv.DictReader(file) if row["stage"] == "selected"]
    selected = sum(int(row["events"]) for row in plane)
    in_range = sum(flow["shower_shape"] for flow in manifest["cut_flow"].values())
    assert 0.99 * in_range < selected <= in_range  # pile-up puts a few above 120 GeV
    assert not [r for r in plane if float(r["e_ecal_low_GeV"]) < 50 and r["e_hcal_low_GeV"] == "0"]


@pytest.mark.slow
def test_the_same_inputs_give_the_same_lineage_and_limits(run):
    for folder in ("a", "b"):
        assert run("limits", "--output", folder)[0] == 0
    one, other = (json.loads((Path(f) / "manifest.json").read_text()) for f in ("a", "b"))
    assert one["lineage"] == other["lineage"]
    assert Path("a/limits.csv").read_text() == Path("b/limits.csv").read_text()


@pytest.mark.slow
def test_published_inputs_alone(run):
    code, out, err = run("limits", "--published", "--output", "published")
    assert code == 0, err
    assert set(left(Path("published"))) == PUBLISHED
    assert "Cut flow" not in out
    assert "2.32 (marginalised)" in out
    assert "simulating" not in err


@pytest.mark.slow
def test_a_subset_of_the_periods(run):
    code, out, err = run(
        "limits", "--published", "--period", "V", "--period", "IV", "--output", "new"
    )
    assert code == 0, err
    assert "Periods IV V: 6.54e11 EOT" in out
    workspace = json.loads(Path("new/workspace.json").read_text())
    assert [one["name"] for one in workspace["channels"]] == ["period_IV", "period_V"]
    code, _, err = run("limits", "--published", "--period", "VI")
    assert code == 1
    assert "there is no period 'VI'. Allowed: I, II, III, IV, V" in one_line(err)


@pytest.mark.slow
def test_own_files_stay_closed_unless_unblinded(run, event_paths, tmp_path):
    """Files that do not say that they are simulated are measured: no observed limit."""
    measured = tmp_path / "V.root"
    as_measured(event_paths["V"][0], measured)
    code, out, err = run("limits", "--events", f"V={measured}", "--output", "closed")
    assert code == 0, err
    assert "signal box closed" in out
    assert "Observed in the box" not in out
    with Path("closed/limits.csv").open() as file:
        assert {row["epsilon_observed_marginalised"] for row in csv.DictReader(file)} == {""}
    manifest = json.loads(Path("closed/manifest.json").read_text())
    assert (manifest["box"], manifest["observed"]) == ("closed", None)
    assert list(manifest["periods"]) == ["V"]

    code, out, err = run("limits", "--events", f"V={measured}", "--unblind", "--output", "open")
    assert code == 0, err
    assert "Observed in the box: V" in out
    manifest = json.loads(Path("open/manifest.json").read_text())
    assert (manifest["box"], manifest["inputs"]["unblind"]) == ("opened: --unblind", True)


def as_measured(source: Path, target: Path) -> None:
    """Copy an event file without what only a simulation knows."""
    with uproot.open(source) as old, uproot.recreate(target, compression=uproot.LZ4(4)) as new:
        arrays = old[TREE].arrays(library="np")
        kept = {name: a for name, a in arrays.items() if not name.endswith("_true")}
        types = {name: np.dtype((a.dtype, a.shape[1:])) for name, a in kept.items()}
        new.mktree(TREE, types).extend(kept)
        metadata = json.loads(str(old["na64ana_metadata"]))
        new["na64ana_metadata"] = json.dumps(
            {key: metadata[key] for key in ("period", "eot", "entries", "format_version")}
        )


@pytest.mark.slow
def test_files_from_the_configuration(run, event_paths, tmp_path):
    text = shipped_path("datasets.yaml").read_text()
    folder = event_paths["IV"][0].parent
    text = text.replace("    year: 2021\n", f"    year: 2021\n    files: [{folder}/IV.ro*]\n")
    (tmp_path / "mine.yaml").write_text(text)
    code, out, err = run("limits", "--config", tmp_path / "mine.yaml")
    assert code == 0, err
    assert "Periods IV: 3.8e10 EOT" in out


@pytest.mark.slow
def test_simulate_mixes_signal_in(run):
    arguments = ("simulate", "--period", "I", "--signal-mass", "20 MeV", "--signal-events", "200")
    code, out, err = run(*arguments, "--output", "I.root")
    assert code == 0, err
    assert "period I" in out
    with uproot.open("I.root") as file:
        classes = file[TREE]["class_true"].array(library="np")
        missing = file[TREE]["e_missing_true"].array(library="np")
    signal = classes == EventClass.SIGNAL
    assert 130 < signal.sum() < 240
    assert (missing[signal] > 46).all()
    code, _, err = run("limits", "--events", "I=I.root", "--output", "x")
    assert code == 0, err
    observed = json.loads(Path("x/manifest.json").read_text())["observed"]["I"]
    assert 0.35 * signal.sum() < observed < 0.65 * signal.sum()


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda p: p.unlink(), 3, "no such file"),
        (lambda p: p.write_bytes(b""), 3, "is empty"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1000]), 3, "truncated"),
        (lambda p: p.write_text("text " * 500), 1, "no ROOT file"),
    ],
)
def test_a_bad_event_file_is_one_line_and_no_output(run, event_file, tmp_path, spoil, code, said):
    path = tmp_path / "I.root"
    shutil.copy(event_file, path)
    spoil(path)
    found, out, err = run("limits", "--events", f"I={path}")
    assert found == code
    assert said in one_line(err)
    assert str(path) in one_line(err)
    assert out == ""
    assert left(Path()) == []


def test_a_period_with_the_wrong_file(run, event_file):
    code, _, err = run("limits", "--events", f"II={event_file}")
    assert code == 1
    assert "list it under I" in one_line(err)


def test_incomplete_data_have_their_own_code(run, event_paths, tmp_path):
    text = shipped_path("datasets.yaml").read_text().replace("eot: 4.3e10 EOT", "eot: 5e10 EOT")
    (tmp_path / "more.yaml").write_text(text)
    file = event_paths["I"][0]
    code, _, err = run("limits", "--config", tmp_path / "more.yaml", "--events", f"I={file}")
    assert code == 3
    assert "declares 5e+10" in one_line(err)
    assert left(Path()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("limits", "--events", "VI=x.root"), 1, "unknown period 'VI'; datasets.yaml has I, II"),
        (("limits", "--config", "none.yaml"), 1, "none.yaml: cannot be read"),
        (("limits", "--processor", "none.py"), 1, "none.py: no such processor"),
        (("limits", "--output", "/proc/na64ana"), 1, "/proc/na64ana: cannot be written"),
        (("simulate", "--period", "VI", "--output", "a.root"), 1, "unknown period 'VI'"),
        (
            ("simulate", "--period", "I", "--output", "a.root", "--signal-mass", "50 GeV"),
            1,
            "mass 50 GeV lies outside 1e-06 to 3 GeV",
        ),
    ],
)
def test_wrong_input_is_one_line(run, arguments, code, said):
    found, _, err = run(*arguments)
    assert found == code
    assert said in one_line(err)
    assert left(Path()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("limits", "--published", "--unblind"), "--published starts without events"),
        (("limits", "--events", "run.root"), "is no PERIOD=FILE"),
        (("simulate", "--period", "I", "--output", "a", "--signal-events", "5"), "--signal-mass"),
        (("limits", "--workers", "0"), "0 is not in the range"),
        (("limits", "--seed", "-1"), "-1 is not in the range"),
        (("simulate", "--events", "5"), "Missing option '--period'"),
        (("simulate", "--period", "I", "--events", "-5"), "no whole number of at least 1"),
        (("simulate", "--period", "I", "--events", "1.5"), "no whole number"),
        (("simulate", "--period", "I", "--events", "inf"), "no whole number"),
        (
            ("simulate", "--period", "I", "--signal-mass", "1 MeV", "--class", "dimuon"),
            "no use without --class signal",
        ),
        (
            ("simulate", "--period", "I", "--signal-mass", "1 MeV", "--signal-events", "nan"),
            "give a number",
        ),
        (("simulate", "--period", "I", "--class", "muon"), "is not one of"),
        (("simulate", "--period", "I", "--output", "a", "--signal-mass", "20"), "has no unit"),
        (("nothing",), "No such command"),
    ],
)
def test_wrong_usage_is_exit_code_2(run, arguments, said):
    code, _, err = run(*arguments)
    assert code == 2
    assert said in " ".join(err.split())


@pytest.mark.slow
def test_earlier_results_are_kept(run):
    Path("limits.csv").write_text("mine")
    code, _, err = run("limits", "--published")
    assert code == 1
    assert "limits.csv: exists already" in one_line(err)
    assert Path("limits.csv").read_text() == "mine"
    assert run("limits", "--published", "--overwrite")[0] == 0
    assert Path("limits.csv").read_text().startswith("m_ap_GeV")


def test_debug_shows_the_traceback(run):
    _, _, err = run("--debug", "limits", "--config", "none.yaml")
    assert "Traceback" in err
    assert "na64ana: error:" in err


@pytest.mark.parametrize("command", ["limits", "simulate"])
def test_the_help_of_a_command_has_an_example_per_line(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "\\b" not in out
    assert f"\n    na64ana {command} --" in out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_leaves_nothing(tmp_path, number):
    command = Path(sys.executable).with_name("na64ana")
    process = subprocess.Popen(
        [command, "limits", "--output", "out"],
        cwd=tmp_path,
        env=os.environ | {"NA64ANA_CACHE": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "box closed: done" in line:
            break
    process.send_signal(number)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert "nothing half-written was left" in rest
    assert "Traceback" not in rest
    assert left(tmp_path) == ["cache"]


def test_help_is_light():
    """`--help` imports none of the heavy packages, in a process of its own."""
    code = (
        "import sys; sys.argv = ['na64ana', '--help']\n"
        "import na64ana.cli.main as m\n"
        "try: m.main()\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'coffea', 'pyhf', 'matplotlib', 'numpy', 'pydantic', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "limits" in done.stdout
    assert "simulate" in done.stdout


@pytest.mark.slow
def test_the_installed_command_works_in_a_process(tmp_path):
    command = Path(sys.executable).with_name("na64ana")
    done = subprocess.run(
        [command, "limits", "--published"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "limits.csv").is_file()
    assert done.stderr.count("Warning") == 0, done.stderr


@pytest.mark.slow
def test_a_reader_that_leaves_early_loses_nothing(tmp_path):
    command = Path(sys.executable).with_name("na64ana")
    done = subprocess.run(
        f"{command} limits --published | head -1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert left(tmp_path) == sorted(PUBLISHED)


def test_a_mistake_of_a_processor_is_one_line_too(run, event_file, tmp_path):
    source = (shipped_path("processors") / "invisible.py").read_text()
    mine = tmp_path / "mine.py"
    mine.write_text(source.replace("count_cuts(passed", "cut_flaw(passed"))
    code, _, err = run("limits", "--processor", mine, "--events", f"I={event_file}")
    assert code == 1
    assert "cut_flaw" in one_line(err)
    assert left(Path()) == []


def test_simulate_and_inspect(run):
    code, out, err = run("simulate", "--period", "IV", "--events", "2e3", "--seed", "3")
    assert code == 0, err
    assert "events_IV.root: period IV, 2000 triggered events" in out
    code, out, err = run("inspect", "events_IV.root")
    assert code == 0, err
    assert "TTree, 2000 events" in out
    assert "layout: event format" in out
    assert "2000 in period IV" in out
    assert "simulated, seed 3" in out
    assert "e_hcal_cell" in out


@pytest.mark.slow
def test_the_same_seed_writes_the_same_events(run):
    for name, workers in (("a.root", 1), ("b.root", 2)):
        arguments = ("--period", "I", "--events", 9000, "--workers", workers, "--output", name)
        assert run("simulate", *arguments)[0] == 0
    one, other = (uproot.open(name)[TREE].arrays(library="np") for name in ("a.root", "b.root"))
    assert len(one) > 30
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_damaged_events_are_reported_at_the_end(run):
    assert run("simulate", "--period", "II", "--events", "50", "--output", "a.root")[0] == 0
    with uproot.open("a.root") as file:
        arrays, text = file[TREE].arrays(library="np"), str(file["na64ana_metadata"])
    arrays["e_prs"][4] = np.nan
    with uproot.recreate("b.root") as file:
        types = {name: np.dtype((a.dtype, a.shape[1:])) for name, a in arrays.items()}
        file.mktree(TREE, types).extend(arrays)
        file["na64ana_metadata"] = text
    code, out, err = run("inspect", "b.root")
    assert code == 1
    assert "branch 'e_prs' is NaN, infinite or below -1 GeV in 1 events" in one_line(err)
    assert "First events" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("inspect", "none.root"), "no such file"),  # incomplete data
        (("inspect", "x.root", "--map", "na64_1999"), "unknown branch map"),
        (("simulate", "--period", "VI"), "unknown period 'VI'"),
        (("simulate", "--period", "I", "--events", 10**16), "ask for fewer events"),
    ],
)
def test_wrong_event_input(run, arguments, said):
    code, _, err = run(*arguments)
    assert code == (3 if said == "no such file" else 1)
    assert said in one_line(err)
    assert left(Path()) == []


@pytest.mark.slow
@pytest.mark.parametrize("container", ["ttree", "rntuple", "parquet"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, container):
    """The limit on file sizes stands for a disk that is full in the middle of the writing."""
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))\n"
        "sys.argv = ['na64ana', 'simulate', '--period', 'I', '--events', '60000', '--output',"
        f" 'a.file', '--container', '{container}']\n"
        "from na64ana.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 3
    assert "a.file: the disk is full (" in one_line(done.stderr)
    assert "File too large" in one_line(done.stderr)
    assert list(tmp_path.iterdir()) == []
