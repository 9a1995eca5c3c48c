import shutil
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import uproot

from na64ana.errors import ConfigError, DataError, IncompleteDataError, ProcessorError
from na64ana.io.format import FileMetadata
from na64ana.io.reading import open_event_file
from na64ana.io.writing import write_events
from na64ana.processing.processors import load_processor
from na64ana.processing.run import ProcessedRun, open_files, process
from na64ana.simulation.events import make_events, write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.limits import limits_from_events


def same(one: ProcessedRun, other: ProcessedRun) -> bool:
    assert one.tallies.keys() == other.tallies.keys()
    return all(one.tallies[p].same_content(other.tallies[p]) for p in one.tallies)


@pytest.fixture(scope="module")
def files(config, event_paths, closed):
    return open_files(event_paths, config, closed)


@pytest.fixture(scope="module")
def reference(closed_run):
    return closed_run


@pytest.mark.parametrize("chunk_size", [7919, 50_000, 1_000_000])
def test_the_chunk_size_changes_nothing(config, files, closed, reference, chunk_size):
    assert same(process(files, config, closed, chunk_size=chunk_size), reference)


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(config, files, closed, reference):
    assert same(process(files, config, closed, workers=2, chunk_size=20_000), reference)


def test_all_that_was_read_is_accounted_for(files, reference, config):
    for period, opened in files.items():
        read = reference.tallies[period].entries_read
        assert read == {file.uuid_text: file.metadata.entries for file in opened}
        assert sum(file.metadata.eot for file in opened) == config.periods[period].eot


def test_the_cut_flow_falls_and_ends_at_the_histograms(reference):
    for tally in reference.tallies.values():
        counts = list(tally.cut_flow.counts().values())
        assert counts == sorted(counts, reverse=True)
        assert all(count >= 0 for count in counts)
        for stage, cut in (("electron", "srd_electron"), ("selected", "shower_shape")):
            assert tally.planes[stage].sum(flow=True) == tally.cut_flow[cut]
        # every quiet event lies in sideband C, as the box is closed
        assert tally.cut_flow["hcal_quiet"] == tally.regions["sideband_c"]
        assert len(tally.sideband_c) == tally.regions["sideband_c"]


def test_opening_the_box_only_adds(config, files, opened, reference):
    run = process(files, config, opened)
    for period, tally in run.tallies.items():
        closed_tally = reference.tallies[period]
        assert tally.regions["sideband_c"] == closed_tally.regions["sideband_c"]
        assert tally.cut_flow["missing_energy"] == tally.regions["signal_box"]
        assert tally.cut_flow["events"] >= closed_tally.cut_flow["events"]


def test_the_same_file_is_refused_under_another_name(config, closed, event_file, tmp_path):
    copy = shutil.copy(event_file, tmp_path / "copy.root")
    with pytest.raises(DataError, match="is the same file as"):
        open_files({"I": (event_file, Path(copy))}, config, closed)


def test_missing_electrons_on_target_stop_the_run(config, closed, tmp_path):
    events, metadata = make_events(Plan(config, "I", 1), events=2000)
    half = FileMetadata(period="I", eot=2.15e10, entries=metadata.entries)
    write_events(tmp_path / "half.root", events, half)
    with pytest.raises(IncompleteDataError, match=r"2\.15e\+10 EOT.*declares 4\.3e\+10") as caught:
        open_files({"I": (tmp_path / "half.root",)}, config, closed)
    assert caught.value.exit_code == 3


def test_a_file_of_another_period_is_refused(config, closed, event_file):
    with pytest.raises(DataError, match="list it under I"):
        open_files({"II": (event_file,)}, config, closed)


def test_a_file_without_events_has_empty_tallies(config, closed, tmp_path):
    events, _ = make_events(Plan(config, "I", 1), events=2000)
    none = {name: array[:0] for name, array in events.items()}
    metadata = FileMetadata(period="I", eot=config.periods["I"].eot, entries=0)
    write_events(tmp_path / "a.root", none, metadata)
    run = process(open_files({"I": (tmp_path / "a.root",)}, config, closed), config, closed)
    assert set(run.tallies["I"].cut_flow.counts().values()) == {0}


def test_files_without_a_triggered_event_stop_the_analysis(config, tmp_path):
    events, metadata = make_events(Plan(config, "I", 1), events=2000)
    metadata = metadata.model_copy(update={"eot": config.periods["I"].eot})
    spoilt = {
        "none": (events | {"e_ecal_cell": events["e_ecal_cell"] * 1000}, metadata),  # MeV
        "empty": (
            {name: array[:0] for name, array in events.items()},
            metadata.model_copy(update={"entries": 0}),
        ),
    }
    for name, (content, meta) in spoilt.items():
        path = tmp_path / f"{name}.root"
        write_events(path, content, meta)
        said = {
            "none": r"passes the trigger; check.*none\.root",
            "empty": "I: its files hold no events",
        }
        with pytest.raises(DataError, match=said[name]):
            limits_from_events(config, {"I": (path,)}, unblind=True)


def spoil_energy(events):
    events["e_ecal_cell"][[7, 9], 30] = np.nan


def spoil_identity(events):
    for name in ("run_number", "spill", "event"):
        events[name][11] = events[name][3]


def spoil_run(events):
    events["run_number"][-5:] = 7000


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            spoil_energy,
            "branch 'e_ecal_cell' is NaN, infinite or below -1 GeV in 2 events, .* is entry 7",
        ),
        (spoil_identity, r"run 1, spill \d+, event \d+ stands there twice"),
        (spoil_run, "run 7000 is none of period I, runs 1-2466"),
    ],
)
def test_bad_events_stop_the_run(config, closed, tmp_path, spoil, said, workers):
    events, metadata = make_events(Plan(config, "I", 1), events=2000)
    metadata = metadata.model_copy(update={"eot": config.periods["I"].eot})
    spoil(events)
    write_events(tmp_path / "a.root", events, metadata)
    files = open_files({"I": (tmp_path / "a.root",)}, config, closed)
    with pytest.raises(DataError, match=rf"^{tmp_path}/a\.root: {said}"):
        process(files, config, closed, workers=workers)


def test_a_track_that_is_nan_fails_the_cut(config, closed, tmp_path):
    events, metadata = make_events(Plan(config, "I", 1), events=2000)
    metadata = metadata.model_copy(update={"eot": config.periods["I"].eot})
    write_events(tmp_path / "a.root", events | {"p_track": events["p_track"] * np.nan}, metadata)
    files = open_files({"I": (tmp_path / "a.root",)}, config, closed)
    tally = process(files, config, closed).tallies["I"]
    assert tally.cut_flow["trigger"] > 0
    assert tally.cut_flow["single_track"] == 0
    assert list(tally.not_a_number) == ["p_track"]  # of the events outside the closed box
    assert tally.cut_flow["trigger"] <= tally.not_a_number["p_track"] <= tally.cut_flow["events"]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_file_that_breaks_while_it_is_read(config, closed, event_file, tmp_path, workers, capfd):
    path = tmp_path / "a.root"
    shutil.copy(event_file, path)
    files = open_files({"I": (path,)}, config, closed)
    content = bytearray(path.read_bytes())
    content[content.index(b"L4", 5000) + 20 :][:50] = b""
    path.write_bytes(content[: len(content) // 3])
    with pytest.raises(DataError, match=r"a\.root: damaged \(.*make or copy it again"):
        process(files, config, closed, workers=workers)
    assert "Traceback" not in capfd.readouterr().err


def test_flipped_bits_are_noticed(config, tmp_path):
    """One bit in the payload: an error, or (in bytes that nobody reads) the same events."""
    path = tmp_path / "events.root"
    write_simulated_file(path, Plan(config, "I", 6), events=2000)
    with uproot.open(path) as file:
        reference = file["events"].arrays(library="np")
    content = path.read_bytes()
    rng = np.random.default_rng(6)
    caught = 0
    for i, place in enumerate(rng.integers(20_000, len(content) - 20_000, 30)):
        broken = bytearray(content)
        broken[place] ^= 1 << int(rng.integers(8))
        flipped = tmp_path / f"{i}.root"
        flipped.write_bytes(broken)
        try:
            open_event_file(flipped)
            with uproot.open(flipped) as file:
                found = file["events"].arrays(library="np")
        except Exception:  # noqa: BLE001 - whatever notices
            caught += 1
        else:
            assert all(np.array_equal(found[name], reference[name]) for name in reference)
    assert caught > 25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such processor"),
        ("x = 1", "has no class Processor"),
        ("1 / 0", "cannot be executed: ZeroDivisionError"),
        ("def f(:", "cannot be executed: SyntaxError"),
        (
            "class Processor: pass",
            r"Processor\(config, .*\) cannot be made: TypeError",
        ),
    ],
)
def test_a_processor_that_cannot_be_used(config, tmp_path, text, said):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_processor(path, config, blinded=True)


@pytest.mark.slow
def test_a_mistake_in_a_processor_is_named(config, event_paths, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from na64ana.config import Config\n"
        "class Processor:\n"
        "    def __init__(self, config, blinded, templates): pass\n"
        "    def columns(self, period): return ('e_ecal',)\n"
        "    def process(self, events): raise KeyError('e_none')\n"
    )
    mine = load_processor(path, config, blinded=True)
    files = open_files({"I": event_paths["I"]}, config, mine)
    said = r"I\.root, events 0 to \d+: the processor failed with KeyError\('e_none'\)"
    for workers in (1, 2):
        with pytest.raises(ProcessorError, match=said):
            process(files, config, mine, workers=workers)


def test_a_branch_that_was_not_declared_is_named(config, event_paths, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "class Processor:\n"
        "    def __init__(self, config, blinded, templates): pass\n"
        "    def columns(self, period): return ('e_ecal',)\n"
        "    def process(self, events): return events['p_track']\n"
    )
    mine = load_processor(path, config, blinded=True)
    files = open_files({"I": event_paths["I"]}, config, mine)
    with pytest.raises(DataError, match=r"'p_track' is asked for, .* the processor declares"):
        process(files, config, mine)


def test_a_processor_travels_with_its_helpers(config, tmp_path, monkeypatch):
    """Workers elsewhere have neither the processor's file nor a module beside it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "helper_travels.py").write_text("def edge():\n    return 7\n")
    (folder / "mine.py").write_text(
        "from helper_travels import edge\n"
        "class Processor:\n"
        "    def __init__(self, config, blinded, templates): pass\n"
        "    def columns(self, period): return ('e_ecal',)\n"
        "    def process(self, events): return edge()\n"
    )
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        content = cloudpickle.dumps(load_processor(folder / "mine.py", config, blinded=True))
    (tmp_path / "content").write_bytes(content)
    code = "import pickle; print(pickle.load(open('content', 'rb')).process(None))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "7\n"
