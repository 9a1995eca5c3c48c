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
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

CHUNK = 4000
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
    files = open_files({"I": event_paths["I"]}, config, closed)
    return process(files, config, closed, chunk_size=CHUNK)


@pytest.fixture(scope="module")
def dask_site() -> Iterator[Callable]:
    """A Dask cluster of two processes, for all tests: what a user of `kind: dask` gets."""
    with open_site(DaskSite(kind="dask", workers=2, memory="3 GB", timeout="8 s")) as make_pool:
        yield make_pool


@pytest.fixture
def faulty(config, templates, tmp_path) -> Callable[[str], TallyProcessor]:
    def make(fault: str) -> TallyProcessor:
        path = tmp_path / "mine.py"
        body = textwrap.indent(textwrap.dedent(fault), "    ").strip()
        path.write_text(TEMPLATE.format(folder=str(tmp_path), fault=body))
        return load_processor(path, config, blinded=True, templates=templates)

    return make


@contextmanager
def pool(kind: str, request: pytest.FixtureRequest) -> Iterator[Callable]:
    if kind == "dask":
        yield request.getfixturevalue("dask_site")
        return
    site = ProcessesSite(kind="processes", workers=2, timeout="4 s", memory="3 GB")
    with open_site(site) as make_pool:
        yield make_pool


ONCE = {
    "killed": 'if start > 3000 and first_time("x"): os.kill(os.getpid(), signal.SIGKILL)',
    "hanging": 'if start > 3000 and first_time("x"): time.sleep(120)',
    "twice killed": """
        if start > 3000 and (first_time("x") or first_time("y")):
            os.kill(os.getpid(), signal.SIGKILL)
    """,
    "out of memory": "if len(events) > 2500 and 7000 < start < 10_000: np.ones(500_000_000)",
}


@pytest.mark.parametrize("kind", ["processes", "dask"])
@pytest.mark.parametrize("fault", ONCE)
def test_what_happens_to_a_worker_changes_nothing(
    config, event_paths, clean, faulty, request, kind, fault
):
    mine = faulty(ONCE[fault])
    files = open_files({"I": event_paths["I"]}, config, mine)
    with pool(kind, request) as make_pool:
        run = process(files, config, mine, chunk_size=CHUNK, make_pool=make_pool)
    assert run.tallies["I"].same_content(clean.tallies["I"])
    # Dask tries again on its own
    assert sum(run.retries.values()) >= (kind == "processes")
    assert run.exposures == clean.exposures


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_a_task_that_always_kills_is_named(config, event_paths, faulty, request, kind):
    mine = faulty("if start < 3000: os._exit(9)")
    files = open_files({"I": event_paths["I"]}, config, mine)
    with (
        pool(kind, request) as make_pool,
        pytest.raises(IncompleteDataError, match=r"I\.root, events \d+ to \d+: its .* times"),
    ):
        process(files, config, mine, chunk_size=CHUNK, make_pool=make_pool, tries=2)


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
def test_a_broken_file_is_missing_and_the_rest_is_kept(two_files, closed, tmp_path, what, workers):
    config, (first, second) = two_files
    files = open_files({"I": (first,), "II": (second,)}, config, closed)
    reference = process(files, config, closed, chunk_size=CHUNK)
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
        assert resumed.tallies[period].same_content(reference.tallies[period])
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


def test_a_lost_client_resumes(event_paths, tmp_path):
    """The command is killed in the middle; run again, it does only what is left."""
    environment = {**os.environ, "NA64ANA_CACHE": str(tmp_path / "cache")}
    command = [
        str(Path(sys.executable).with_name("na64ana")), "process", "--workers", "2",
        "--config", str(_config_of(event_paths, tmp_path)), "--output",
    ]  # fmt: skip
    running = subprocess.Popen(
        [*command, str(tmp_path / "a")], env=environment, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: len(list((tmp_path / "cache").rglob("*.zip"))) > 2 or running.poll() == 0)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert running.returncode == -signal.SIGKILL
    assert not (tmp_path / "a").exists() or not list((tmp_path / "a").glob("*.zip"))
    for name in ("a", "fresh"):
        more = [] if name == "a" else ["--no-resume"]
        subprocess.run([*command, str(tmp_path / name), *more], env=environment, check=True)
    summary = json.loads((tmp_path / "a/run.json").read_text())
    kept = [f["from_checkpoints"] for one in summary.values() for f in one["files"].values()]
    assert sum(kept) > 0
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


def test_a_full_disk_at_the_output(event_paths, tmp_path):
    """A limit on file sizes stands for it: nothing half-written, and the next run ends well."""
    config, environment = _config_of(event_paths, tmp_path), {**os.environ}
    environment["NA64ANA_CACHE"] = str(tmp_path / "cache")
    code = (
        "import resource, sys\n"
        "limit = int(sys.argv.pop())\n"
        "if limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "from na64ana.cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, "process", "--config", str(config), "--output", "out"]
    options = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True}
    full = subprocess.run([*command, "30000"], check=False, **options)
    assert full.returncode == 1
    assert "cannot be written (" in full.stderr
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True
    subprocess.run([*command, "0"], check=True, **options)
    assert read_result(tmp_path / "out").tallies["I"].entries_read
