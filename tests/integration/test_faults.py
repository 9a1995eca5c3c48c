"""What goes wrong in a night of running, caused for real.

After each the tally is that of a clean run, bit for bit; or the run stops and says what is missing,
and the next one does only what is left.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import pytest
from distributed import Client

from na64ana.config import Config
from na64ana.config.shipped import shipped_path
from na64ana.config.sites import DaskSite, ProcessesSite, SchedulerSite
from na64ana.errors import ConfigError, IncompleteDataError
from na64ana.processing.checkpoints import Checkpoints
from na64ana.processing.pools import PoolLost
from na64ana.processing.processors import TallyProcessor, load_processor
from na64ana.processing.run import ProcessedRun, open_files, process
from na64ana.processing.sites import open_site
from na64ana.workflow.results import read_result

pytestmark = pytest.mark.slow

CHUNK, SMALL = 4000, 3000
#: A processor that does something first, and is `invisible` then.
TEMPLATE = """
import os, signal, time
from pathlib import Path
import numpy as np
from na64ana.processing.pools import PoolLost
from na64ana.processing.processors import load_processor, processor_path

FOLDER = Path({folder!r})

def first_time(name):
    try:
        (FOLDER / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

def fault(events):
    start = events.metadata["entrystart"]
    {fault}

class Processor:
    def __init__(self, config, blinded, templates):
        source = processor_path("invisible")
        self.inner = load_processor(source, config, blinded=blinded, templates=templates)

    def columns(self, period):
        return self.inner.columns(period)

    def process(self, events):
        fault(events)
        return self.inner.process(events)
"""


@pytest.fixture(scope="module")
def clean(config, event_paths, closed) -> ProcessedRun:
    """What a run without a fault finds in periods I and II."""
    files = open_files({name: event_paths[name] for name in ("I", "II")}, config, closed)
    return process(files, config, closed, chunk_size=CHUNK)


@pytest.fixture(scope="module")
def dask_site() -> Iterator[Callable]:
    """A Dask cluster of two processes, for all tests: what a user of `kind: dask` gets."""
    with open_site(DaskSite(kind="dask", workers=2, memory="1500 MB", timeout="6 s")) as make_pool:
        yield make_pool


@pytest.fixture
def faulty(config, templates, tmp_path) -> Callable[[str], TallyProcessor]:
    def make(fault: str) -> TallyProcessor:
        path = tmp_path / "mine.py"
        body = textwrap.indent(textwrap.dedent(fault), "    ").strip()
        path.write_text(TEMPLATE.format(folder=str(tmp_path), fault=body))
        return load_processor(path, config, blinded=True, templates=templates)

    return make


@pytest.fixture(scope="module")
def processes_site() -> Iterator[Callable]:
    site = ProcessesSite(kind="processes", workers=2, timeout="2 s", memory="3 GB")
    with open_site(site) as make_pool:
        yield make_pool


#: What each does to a task of its own; the last one as long as the task is large.
FAULTS = {
    "killed": """
        if 2000 < start < 5000 and first_time("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
    """,
    "hanging": 'if 5000 < start < 8000 and first_time("hanging"): time.sleep(120)',
    "twice killed": """
        if 8000 < start < 11_000 and (first_time("twice") or first_time("killed again")):
            os.kill(os.getpid(), signal.SIGKILL)
    """,
    "out of memory": """
        if 11_000 < start < 14_000 and len(events) > 2000:
            first_time("out of memory")
            filled = np.ones(500_000_000)
            time.sleep(2)  # a nanny looks ten times a second
    """,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_happens_to_a_process_changes_nothing(
    config, event_paths, clean, faulty, processes_site, fault, tmp_path
):
    mine = faulty(FAULTS[fault])
    files = open_files({"I": event_paths["I"]}, config, mine)
    run = process(files, config, mine, chunk_size=SMALL, make_pool=processes_site)
    assert (tmp_path / fault.split()[0].replace("out", "out of memory")).exists()
    assert run.tallies["I"].same_content(clean.tallies["I"])
    assert sum(run.retries.values()) >= 1 + (fault == "twice killed")
    assert run.exposures["I"] == clean.exposures["I"]


def test_what_happens_to_workers_of_dask_changes_nothing(
    config, event_paths, clean, faulty, dask_site, tmp_path
):
    """All faults in one run, each in a task of its own: every dead worker costs seconds."""
    mine = faulty("".join(map(textwrap.dedent, (one + "\n" for one in FAULTS.values()))))
    files = open_files({"I": event_paths["I"]}, config, mine)
    run = process(files, config, mine, chunk_size=SMALL, make_pool=dask_site)
    for name in ("killed", "hanging", "twice", "killed again", "out of memory"):
        assert (tmp_path / name).exists()
    assert run.tallies["I"].same_content(clean.tallies["I"])
    assert sum(run.retries.values()) >= 2  # Dask tries again on its own, but once only
    assert run.exposures["I"] == clean.exposures["I"]


@pytest.mark.parametrize("kind", ["processes_site", "dask_site"])
def test_a_task_that_always_kills_is_named(config, event_paths, faulty, request, kind):
    mine = faulty("if start == 0: os._exit(9)  # too few events to be divided")
    files = open_files({"I": event_paths["I"]}, config, mine)
    make_pool = request.getfixturevalue(kind)
    with pytest.raises(IncompleteDataError, match=r"I\.root, events \d+ to \d+: its .* times"):
        process(files, config, mine, chunk_size=1900, make_pool=make_pool, tries=2)


def test_workers_that_their_cluster_gives_up_are_replaced(
    config, event_paths, clean, faulty, dask_site
):
    """Both die, and take longer to start again than Dask waits for them."""
    mine = faulty('if first_time("x") or first_time("y"): os._exit(9)')
    files = open_files({"I": event_paths["I"]}, config, mine)
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"}):
        run = process(files, config, mine, chunk_size=CHUNK, make_pool=dask_site)
    assert run.tallies["I"].same_content(clean.tallies["I"])


@pytest.fixture
def two_files(config, event_paths, tmp_path) -> tuple[Config, list[Path]]:
    """Periods I and II: two files, copied so that they can be broken."""
    paths = [Path(shutil.copy(event_paths[p][0], tmp_path / f"{p}.root")) for p in ("I", "II")]
    return config.only(["I", "II"]), paths


def flip(path: Path) -> None:
    """Flip a bit in each basket of the second half."""
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    while (place := content.find(b"L4", place + 100)) > 0:
        content[place + 40] ^= 4
    path.write_bytes(content)


BREAK = {
    "disappears": Path.unlink,
    "is truncated": lambda path: os.truncate(path, path.stat().st_size // 3),
    "has a flipped bit": flip,
    "is replaced": lambda path: shutil.copy(path.with_name("II.root"), path),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("what", BREAK)
def test_a_broken_file_is_missing_and_the_rest_is_kept(
    two_files, closed, clean, tmp_path, what, workers
):
    config, (first, second) = two_files
    files = open_files({"I": (first,), "II": (second,)}, config, closed)
    saved, times = first.read_bytes(), first.stat()
    BREAK[what](first)
    os.utime(first.parent)
    if first.exists():
        os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    kept = Checkpoints(tmp_path / "kept", "x" * 40)
    options = {"chunk_size": CHUNK, "checkpoints": kept, "workers": workers}
    with pytest.raises(IncompleteDataError, match=r"I\.root: .*run again") as caught:
        process(files, config, closed, **options)
    assert caught.value.exit_code == 3
    assert "II.root" not in str(caught.value)

    first.write_bytes(saved)
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = open_files({"I": (first,), "II": (second,)}, config, closed)
    resumed = process(again, config, closed, **options)
    for period in ("I", "II"):
        assert resumed.tallies[period].same_content(clean.tallies[period])
    done_before = {one.path for one in resumed.records if one.from_checkpoint}
    assert str(second) in done_before


def test_missing_files_may_be_left_out_with_their_electrons(two_files, closed):
    config, (first, second) = two_files
    gone = first.with_name("gone.root")
    missing: dict[str, str] = {}
    with pytest.raises(IncompleteDataError, match="no such file"):
        open_files({"I": (first, gone)}, config, closed)
    files = open_files({"I": (first, gone), "II": (second,)}, config, closed, missing=missing)
    assert list(missing) == [str(gone)]
    assert process(files, config, closed).exposures["I"].read == config.periods["I"].eot

    # the only file of a period breaks while it is read
    os.truncate(first, first.stat().st_size // 3)
    with pytest.raises(IncompleteDataError, match="period I: no file can be read"):
        process(files, config, closed, allow_missing=True)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_lost_client_resumes(event_paths, tmp_path, run, monkeypatch):
    """The command is killed in the middle; run again, it does only what is left."""
    monkeypatch.setenv("NA64ANA_CACHE", str(tmp_path / "cache"))
    options = ["process", "--config", _config_of(event_paths, tmp_path), "--output"]
    command = [str(Path(sys.executable).with_name("na64ana")), *map(str, options)]
    running = subprocess.Popen(
        [*command, str(tmp_path / "a"), "--workers", "2"], stderr=subprocess.DEVNULL
    )
    kept = (tmp_path / "cache").rglob
    # two passes for the templates are in no summary; a hidden file is being written
    wait_for(lambda: len(list(kept("[!.]*.zip"))) > 2 or running.poll() == 0)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert running.returncode == -signal.SIGKILL
    assert not (tmp_path / "a").exists() or not list((tmp_path / "a").glob("*.zip"))
    assert run(*options, tmp_path / "a")[0] == 0
    summary = json.loads((tmp_path / "a/run.json").read_text())
    kept = [f["from_checkpoints"] for one in summary.values() for f in one["files"].values()]
    assert sum(kept) > 0
    assert run(*options, tmp_path / "fresh", "--no-resume")[0] == 0
    one, other = (read_result(tmp_path / name).tallies for name in ("a", "fresh"))
    assert all(one[period].same_content(other[period]) for period in other)


def _config_of(event_paths, folder: Path) -> Path:
    text = shipped_path("datasets.yaml").read_text()
    path = folder / "mine.yaml"
    file = event_paths["I"][0]
    path.write_text(text.replace("    year: 2016\n", f"    year: 2016\n    files: [{file}]\n"))
    return path


def test_a_lost_scheduler_stops_the_run_which_resumes(config, event_paths, closed, clean, tmp_path):
    """A scheduler and a worker of their own; the scheduler is killed after the first tasks."""
    bin_folder = Path(sys.executable).parent
    file = tmp_path / "scheduler.json"
    scheduler = subprocess.Popen(
        [
            str(bin_folder / "dask"), "scheduler", "--host", "127.0.0.1", "--port", "0",
            "--no-dashboard", "--scheduler-file", str(file),
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = None
    try:
        wait_for(file.exists)
        worker = subprocess.Popen(
            [
                str(bin_folder / "dask"), "worker", "--scheduler-file", str(file), "--nthreads",
                "1", "--no-dashboard", "--death-timeout", "5", "--local-directory", str(tmp_path),
            ],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        address = json.loads(file.read_text())["address"]
        files = open_files({"I": event_paths["I"]}, config, closed)
        kept = Checkpoints(tmp_path / "kept", "x" * 40)
        with Client(address) as waiting:
            waiting.wait_for_workers(1, timeout=60)

        def kill(status) -> None:
            if status.tasks == 2:
                scheduler.kill()

        with (
            pytest.raises(IncompleteDataError, match=r"\d+ of \d+ tasks are missing; run again"),
            open_site(SchedulerSite(kind="scheduler", address=address)) as make_pool,
        ):
            process(
                files, config, closed, chunk_size=CHUNK, checkpoints=kept, make_pool=make_pool,
                report=kill,
            )  # fmt: skip
    finally:
        for one in (worker, scheduler):
            if one is not None:
                one.kill()
                one.wait()
    run = process(files, config, closed, chunk_size=CHUNK, checkpoints=kept)
    assert run.from_checkpoints >= 2 * CHUNK
    assert run.tallies["I"].same_content(clean.tallies["I"])


def test_a_pool_that_cannot_be_made_is_incomplete_data(config, event_paths, closed):
    def lost(_):
        raise PoolLost("the scheduler tcp://nowhere is gone")

    files = open_files({"I": event_paths["I"]}, config, closed)
    with pytest.raises(IncompleteDataError, match="is gone; nothing of this pass was done"):
        process(files, config, closed, make_pool=lost)


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr("na64ana.processing.sites.ANSWER", 1)
    site = SchedulerSite(kind="scheduler", address="tcp://127.0.0.1:9")
    with pytest.raises(ConfigError, match="does not answer"), open_site(site):
        pass


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 64 kB, of memory; not below pytest's folder, which it clears."""
    folder = Path(tempfile.mkdtemp(prefix="na64ana-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        folder.rmdir()
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def test_a_full_disk_at_the_output(event_paths, tmp_path, run, monkeypatch, small_disk):
    """Nothing half-written; with more room, the next run does only what is left."""
    monkeypatch.setenv("NA64ANA_CACHE", str(tmp_path / "cache"))
    options = ["process", "--config", _config_of(event_paths, tmp_path)]
    code, _, said = run(*options, "--output", small_disk / "out")
    assert code == 3
    assert "the disk is full (No space left on device); make room and run again with" in said
    assert "--resume" in said
    assert not list(small_disk.iterdir())

    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    assert run(*options, "--resume", "--output", small_disk / "out")[0] == 0
    summary = json.loads((small_disk / "out/run.json").read_text())
    for one in summary.values():
        for file in one["files"].values():
            assert file["from_checkpoints"] == file["events"] > 0


def test_a_full_disk_for_checkpoints_changes_nothing(
    config, event_paths, closed, clean, small_disk
):
    (small_disk / "full").write_bytes(b"0" * 60_000)
    files = open_files({"I": event_paths["I"]}, config, closed)
    kept = Checkpoints(small_disk / "kept", "x" * 40)
    run = process(files, config, closed, chunk_size=CHUNK, checkpoints=kept)
    assert run.tallies["I"].same_content(clean.tallies["I"])
    assert not list(small_disk.rglob("*.zip"))


def test_a_full_disk_for_the_catalogue_is_named(
    event_paths, tmp_path, run, monkeypatch, small_disk
):
    monkeypatch.setenv("NA64ANA_CACHE", str(small_disk))
    (small_disk / "full").write_bytes(b"0" * 62_000)
    code, _, said = run("datasets", "check", "--config", _config_of(event_paths, tmp_path))
    assert code == 3
    assert "catalogue.sqlite: the disk is full" in said
