"""Real services for tests: a SLURM of one node, an XRootD server on loopback, a browser.

Where one cannot start, the test fails in CI (NA64ANA_CI=1) and is skipped elsewhere, with a reason.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

SLURM_CONF = """
ClusterName=na64ana
SlurmctldHost=localhost
SlurmUser=root
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=localhost CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def unavailable(reason: str) -> NoReturn:
    """Skip the test; in CI, let it fail."""
    if os.environ.get("NA64ANA_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            unavailable(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.1)


@contextlib.contextmanager
def running_slurm(folder: Path) -> Iterator[None]:
    """Run a SLURM of one node with two places."""
    if os.geteuid() != 0:
        unavailable("SLURM's daemons want root")
    for name in ("slurmctld", "slurmd", "munged", "mungekey", "sbatch"):
        if shutil.which(name) is None:
            unavailable(f"{name} is not installed (Debian: slurm-wlm munge)")
    # squeue and sbatch, which dask-jobqueue calls, look for their configuration here
    conf = folder / "slurm.conf"
    for name in ("state", "spool"):
        (folder / name).mkdir()
    conf.write_text(SLURM_CONF.format(folder=folder, cpus=max(os.cpu_count() or 1, 2)))
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(conf)
    started: list[subprocess.Popen[bytes]] = []
    try:
        if not Path("/etc/munge/munge.key").exists():
            subprocess.run(["mungekey", "--create"], check=True)
            shutil.chown("/etc/munge/munge.key", "munge", "munge")
        munge = pwd.getpwnam("munge").pw_uid
        for name in ("/etc/munge", "/var/lib/munge", "/var/log/munge", "/run/munge"):
            Path(name).mkdir(parents=True, exist_ok=True)
            os.chown(name, munge, -1)
        Path("/run/munge").chmod(0o755)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run(["munge", "-n"], check=False, **quiet).returncode:
            started.append(
                subprocess.Popen(["munged", "--foreground", "--force"], user=munge, **quiet)
            )
        wait_for(
            lambda: not subprocess.run(["munge", "-n"], check=False, **quiet).returncode, "munge"
        )
        started.append(subprocess.Popen(["slurmctld", "-D", "-f", conf], **quiet))
        started.append(subprocess.Popen(["slurmd", "-D", "-N", "localhost", "-f", conf], **quiet))

        def idle() -> bool:
            found = subprocess.run(
                ["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False
            )
            return "idle" in found.stdout

        wait_for(idle, "an idle node of SLURM", 60.0)
        yield
    finally:
        subprocess.run(["scancel", "--user=root"], check=False, capture_output=True)
        for process in reversed(started):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before


@contextlib.contextmanager
def running_xrootd(folder: Path, user: str = "nobody") -> Iterator[str]:
    """Run an XRootD server that exports a folder; give the address of the folder."""
    if shutil.which("xrootd") is None:
        unavailable("xrootd is not installed (Debian: xrootd-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    admin = folder.parent / "xrootd"
    admin.mkdir(exist_ok=True)
    root = os.geteuid() == 0
    if root:  # it refuses to run as root
        shutil.chown(admin, user)
        for part in (folder, *folder.parents):
            if part.stat().st_uid == 0 and part != Path("/"):
                part.chmod(part.stat().st_mode | 0o055)
    conf = admin / "xrootd.cfg"
    conf.write_text(
        f"all.export {folder}\nxrd.port {port}\nxrd.network nodnr\n"
        f"all.adminpath {admin}\nall.pidpath {admin}\n"
    )
    command = ["xrootd", *(["-R", user] if root else []), "-c", str(conf), "-l", f"{admin}/log"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        wait_for(answers, "the XRootD server")
        yield f"root://127.0.0.1:{port}/{folder}"
    finally:
        server.terminate()
        server.wait(10)


#: A browser that stays by itself: no sandbox (tests run as root), nothing in the background.
CHROMIUM = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
    *("disable-background-networking", "disable-component-update", "disable-sync"),
)


@contextlib.contextmanager
def running_chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    """Run a headless Chromium with a new profile, which logs its console and its requests."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        unavailable("no chromium or chromedriver (Debian: chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    for name in (*CHROMIUM, f"user-data-dir={folder / 'profile'}"):
        options.add_argument(f"--{name}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        driver = webdriver.Chrome(options, webdriver.ChromeService(str(programs[1])))
    except WebDriverException as error:
        unavailable(f"chromium does not start: {error.msg}")
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Return a running browser."""
    with running_chromium(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[None]:
    """Run a SLURM during a test."""
    with running_slurm(tmp_path):
        yield


@pytest.fixture
def xrootd() -> Callable[[Path], contextlib.AbstractContextManager[str]]:
    """Return what serves a folder."""
    return running_xrootd
