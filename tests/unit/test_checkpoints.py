"""Checkpoints: resumed is fresh, and what changed is never found."""

import os
import sys
from dataclasses import replace

import pytest
import uproot

from na64ana.errors import ConfigError, DataError, IncompleteDataError, ProcessorError
from na64ana.io import writing
from na64ana.io.maps import find_map
from na64ana.io.reading import open_event_file
from na64ana.processing.checkpoints import (
    Checkpoints,
    file_key,
    selection_lineage,
    template_digest,
)
from na64ana.processing.processors import load_processor, processor_digest, processor_path
from na64ana.processing.run import open_files, process
from na64ana.provenance import sha256_file
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.selection import Settings, select

CHUNK = 10_000


@pytest.fixture
def paths(event_paths):
    return {"I": event_paths["I"]}


def settings(folder):
    return Settings(chunk_size=CHUNK, checkpoints=folder)


def run(config, paths, templates, folder, **changes):
    given = {"blinded": True, "templates": templates, "settings": settings(folder)} | changes
    return select(config, paths, given.pop("source", processor_path("invisible")), **given)


def test_what_is_resumed_is_what_is_fresh(config, paths, templates, tmp_path):
    fresh = run(config, paths, templates, tmp_path)
    entries = fresh.run.tallies["I"].cut_flow["events"]
    assert fresh.run.from_checkpoints == 0
    again = run(config, paths, templates, tmp_path)
    assert again.run.from_checkpoints == entries
    assert again.lineage == fresh.lineage
    assert again.run.tallies["I"].same_content(fresh.run.tallies["I"])
    assert again.run.exposures == fresh.run.exposures


def test_a_run_goes_on_where_it_was(config, paths, templates, tmp_path):
    fresh = run(config, paths, templates, tmp_path / "a").run.tallies["I"]
    (folder,) = (tmp_path / "a").iterdir()
    stored = sorted(folder.iterdir())
    assert len(stored) > 2
    stored[0].unlink()
    stored[1].write_bytes(stored[1].read_bytes()[:100])  # cut off
    resumed = run(config, paths, templates, tmp_path / "a").run
    assert 0 < resumed.from_checkpoints < fresh.cut_flow["events"]
    assert resumed.tallies["I"].same_content(fresh)


def test_what_was_done_before_a_failure_is_kept(config, paths, templates, tmp_path):
    """A processor that fails in its third chunk, mended without a change of its lineage."""
    source = tmp_path / "mine.py"
    text = processor_path("invisible").read_text()
    flag = tmp_path / "fail"
    text = text.replace(
        "        box = signal_box(self.config, period)\n",
        "        box = signal_box(self.config, period)\n"
        "        late = events.metadata['entrystart'] >= 10_000\n"
        f"        if late and Path({str(flag)!r}).exists():\n"
        "            raise RuntimeError('power cut')\n",
    ).replace("from na64ana", "from pathlib import Path\nfrom na64ana", 1)
    source.write_text(text)
    flag.touch()
    with pytest.raises(ProcessorError, match="power cut"):
        run(config, paths, templates, tmp_path / "kept", source=source)
    flag.unlink()
    resumed = run(config, paths, templates, tmp_path / "kept", source=source).run
    fresh = run(config, paths, templates, tmp_path / "other").run
    read = sorted(fresh.tallies["I"].reads)
    assert resumed.from_checkpoints == sum(r.stop - r.start for r in read if r.start < 10_000)
    assert resumed.from_checkpoints < read[-1].stop
    assert resumed.tallies["I"].same_content(fresh.tallies["I"])


def changed_cut(config):
    selection = config.selections["runs_I_III"]
    track = selection.single_track.model_copy(update={"p_track_min": 98.0})
    changed = selection.model_copy(update={"single_track": track})
    return config.model_copy(update={"selections": {**config.selections, "runs_I_III": changed}})


def test_whatever_changes_is_another_lineage(config, templates):
    digest = sha256_file(processor_path("invisible"))

    def identity(config=config, digest=digest, blinded=True, templates=templates):
        return selection_lineage(config, ("I",), digest, blinded=blinded, templates=templates)

    wider = {**templates, "I": type(templates["I"])(
        "I", templates["I"].energy, templates["I"].row, templates["I"].mean,
        templates["I"].width * 1.01,
    )}  # fmt: skip
    conditions = config.conditions.model_copy(update={"bad_spills": ()})
    others = [
        identity(config=changed_cut(config)),
        identity(config=config.model_copy(update={"conditions": conditions})),
        identity(digest="0" * 64),
        identity(blinded=False),
        identity(templates=wider),
        identity(templates=None),
    ]
    assert len({identity(), *others}) == 1 + len(others)
    assert identity() == identity()
    assert template_digest(wider["I"]) != template_digest(templates["I"])


def test_a_changed_cut_does_not_find_the_old_result(config, paths, templates, tmp_path):
    before = run(config, paths, templates, tmp_path).run.tallies["I"]
    after = run(changed_cut(config), paths, templates, tmp_path).run
    assert after.from_checkpoints == 0
    assert after.tallies["I"].cut_flow["single_track"] < before.cut_flow["single_track"]


def test_a_file_that_breaks_in_the_middle_keeps_what_was_read(
    config, closed, tmp_path, monkeypatch
):
    monkeypatch.setattr(writing, "BASKET_SIZE", 2000)
    path = tmp_path / "I.root"
    metadata = write_simulated_file(path, Plan(config, "I", 5), events=8000)
    period = config.periods["I"].model_copy(update={"eot": metadata.eot})
    config = config.model_copy(update={"periods": {"I": period}})
    files = open_files({"I": (path,)}, config, closed)
    content = path.read_bytes()
    with uproot.open(path) as file:
        last = int(file["events/e_ecal_cell"].member("fBasketSeek")[3])
    broken = bytearray(content)
    broken[last + 500] ^= 1
    time = path.stat().st_mtime_ns
    path.write_bytes(broken)
    os.utime(path, ns=(time, time))
    checkpoints = Checkpoints(tmp_path / "kept", "0" * 64)
    with pytest.raises(DataError, match=r"I\.root: damaged"):
        process(files, config, closed, chunk_size=2000, checkpoints=checkpoints)
    path.write_bytes(content)
    os.utime(path, ns=(time, time))
    resumed = process(files, config, closed, chunk_size=2000, checkpoints=checkpoints)
    assert resumed.from_checkpoints == 6000
    assert resumed.tallies["I"].same_content(process(files, config, closed).tallies["I"])


def test_a_changed_helper_of_a_processor_is_another_lineage(config, tmp_path, monkeypatch):
    helper, source = tmp_path / "helper_cut.py", tmp_path / "mine.py"
    monkeypatch.syspath_prepend(tmp_path)
    text = processor_path("invisible").read_text()
    source.write_text(text.replace("AXES = (", "from helper_cut import EDGE\n\nAXES = (", 1))
    digests = []
    for edge in (1, 2):
        helper.write_text(f"EDGE = {edge}")
        monkeypatch.delitem(sys.modules, "helper_cut", raising=False)
        load_processor(source, config, blinded=True)
        digests.append(processor_digest(source))
    assert digests[0] != digests[1]
    shipped = processor_path("invisible")
    load_processor(shipped, config, blinded=True)
    assert processor_digest(shipped) == sha256_file(shipped)


def test_a_file_read_through_another_map_is_another_chunk(event_file):
    file = open_event_file(event_file)
    mapped = replace(file, branch_map=find_map("na64_2022"))
    assert file_key(file) != file_key(mapped)
    assert file_key(file) == file_key(open_event_file(event_file))


def test_a_dead_worker_is_one_line(config, event_paths, tmp_path):
    source = tmp_path / "mine.py"
    source.write_text(
        "import os\n"
        "class Processor:\n"
        "    def __init__(self, config, blinded, templates): pass\n"
        "    def columns(self, period): return ('e_ecal',)\n"
        "    def process(self, events): os._exit(9)\n"
    )
    mine = load_processor(source, config, blinded=True)
    files = open_files({"I": event_paths["I"]}, config, mine)
    with pytest.raises(IncompleteDataError, match=r"its process ended with code 9, 3 times"):
        process(files, config, mine, workers=2)


@pytest.mark.parametrize("returned", ["{}", "{'II': 1}", "None", "{events.period: 3}"])
def test_a_processor_must_return_a_tally(config, event_paths, tmp_path, returned):
    source = tmp_path / "mine.py"
    source.write_text(
        "class Processor:\n"
        "    def __init__(self, config, blinded, templates): pass\n"
        "    def columns(self, period): return ('e_ecal',)\n"
        f"    def process(self, events): return {returned}\n"
    )
    mine = load_processor(source, config, blinded=True)
    files = open_files({"I": event_paths["I"]}, config, mine)
    with pytest.raises(ProcessorError, match=r"I\.root: process must return {events.period"):
        process(files, config, mine)


def test_templates_of_another_period_stop_at_once(config, paths, templates, tmp_path):
    with pytest.raises(ConfigError, match="period I: has no shower template, only V"):
        run(config, paths, {"V": templates["V"]}, tmp_path)
