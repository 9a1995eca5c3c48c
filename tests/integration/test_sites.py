"""Sites: SLURM and HTCondor through dask-jobqueue, XRootD, a standing scheduler over TLS."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from na64ana.config.load import load_config
from na64ana.config.sites import HTCondorSite, ProcessesSite, SchedulerSite, Site, SlurmSite, Tls
from na64ana.errors import ConfigError, UnreadableError
from na64ana.io.location import expand
from na64ana.processing.processors import load_processor
from na64ana.processing.run import open_files, process
from na64ana.processing.sites import job_script, open_site

pytestmark = pytest.mark.slow


SLOW = """
import time
from na64ana.processing.processors import load_processor, processor_path

class Processor:
    def __init__(self, config, blinded, templates):
        source = processor_path("invisible")
        self.inner = load_processor(source, config, blinded=blinded, templates=templates)

    def columns(self, period):
        return self.inner.columns(period)

    def process(self, events):
        time.sleep(0.5)
        return self.inner.process(events)
"""


@pytest.fixture(scope="module")
def clean(config, event_paths, closed):
    return process(open_files({"I": event_paths["I"]}, config, closed), config, closed)


@pytest.mark.usefixtures("slurm")
def test_jobs_of_slurm_find_the_same(config, event_paths, closed, clean, tmp_path):
    site = SlurmSite(
        kind="slurm", jobs=2, memory="2 GB", walltime="10 min", queue="main", interface="lo",
        wait="2 min", logs=str(tmp_path), scratch=str(tmp_path), timeout="2 min",
    )  # fmt: skip
    files = open_files({"I": event_paths["I"]}, config, closed)
    with open_site(site) as make_pool:
        run = process(files, config, closed, chunk_size=5000, make_pool=make_pool)
        listed = subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True)
        assert "dask-wor" in listed.stdout
    assert run.tallies["I"].same_content(clean.tallies["I"])
    assert all(record.worker for record in run.records)


def jobs_of_slurm() -> int:
    listed = subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True)
    return listed.stdout.count("dask-wor")


@pytest.mark.usefixtures("slurm")
def test_adaptive_jobs_come_with_tasks_and_go_without(
    config, event_paths, templates, clean, tmp_path, monkeypatch
):
    """Tasks of half a second, as for a selection that thinks longer than the shipped one."""
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    monkeypatch.setattr("na64ana.processing.sites.IDLE", 5)
    slow = load_processor(path, config, blinded=True, templates=templates)
    files = open_files({"I": event_paths["I"]}, config, slow)
    site = SlurmSite(
        kind="slurm", jobs=2, memory="1 GB", walltime="10 min", queue="main", interface="lo",
        wait="2 min", logs=str(tmp_path), scratch=str(tmp_path), adaptive=True,
    )  # fmt: skip
    with open_site(site) as make_pool:
        for _ in range(2):  # they come again
            seen = []
            run = process(
                files, config, slow, chunk_size=2000, make_pool=make_pool,
                report=lambda _, seen=seen: seen.append(jobs_of_slurm()),
            )  # fmt: skip
            assert run.tallies["I"].same_content(clean.tallies["I"])
            assert max(seen) == 2
            end = time.monotonic() + 60
            while jobs_of_slurm():
                assert time.monotonic() < end
                time.sleep(0.5)


def test_files_of_an_xrootd_server(config, event_paths, closed, clean, tmp_path, xrootd):
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(event_paths["I"][0], folder / "I.root")
    with xrootd(folder) as (address, server):
        (found,) = expand(f"{address}/*.root")
        assert expand(address) == (found,)
        assert str(found).startswith("root://")
        files = open_files({"I": (found,)}, config, closed)
        for workers in (1, 2):
            run = process(files, config, closed, chunk_size=10_000, workers=workers)
            assert run.tallies["I"].same_content(clean.tallies["I"])
            assert all(record.bytes > 0 for record in run.records)
        with pytest.raises(UnreadableError, match=r"none\.root: no such file, or nobody answers"):
            open_files({"I": (f"{address}/none.root",)}, config, closed)

        # it hangs before anything is read: the command says so, and ends
        server.send_signal(signal.SIGSTOP)
        environment = {"NA64ANA_OPEN_TIMEOUT": "1", "NA64ANA_CACHE": str(tmp_path)}
        command = [str(Path(sys.executable).with_name("na64ana")), "process", "--events"]
        stopped = subprocess.run(
            [*command, f"I={found}", "--output", str(tmp_path / "out")],
            env=os.environ | environment, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert stopped.returncode == 3
        assert f"{found}: does not answer within 1 s" in stopped.stderr


def test_the_submit_file_of_htcondor():
    """By the submit syntax of HTCondor's manual; there is no HTCondor server here."""
    site = load_config().site("lxplus")
    assert isinstance(site, HTCondorSite)
    lines = job_script(site).splitlines()
    assert lines[0].startswith("#!")
    commands = dict(line.split(" = ", 1) for line in lines if " = " in line)
    assert commands["+JobFlavour"] == '"longlunch"'
    assert "+MaxRuntime" not in commands
    assert commands["MY.DaskWorkerMemory"] == "3000000000"
    assert commands["MY.DaskWorkerDisk"] == "5000000000"
    assert commands["Executable"] == "/bin/sh"
    arguments = commands["Arguments"]
    # one argument of the new syntax: double quotes around all, single ones around the shell's line
    assert arguments.startswith("\"-c '")
    assert arguments.endswith("'\"")
    assert arguments.count('"') == 2
    assert ". $HOME/na64/bin/activate; " in arguments
    assert "dask_worker tcp://SCHEDULER:PORT" in arguments
    assert lines[-1] == "Queue" or lines[-2] == "Queue"
    timed = HTCondorSite(
        kind="htcondor", jobs=1, memory="1 GB", walltime="90 min", worker_ports="10000:10100"
    )
    assert "+MaxRuntime = 5400" in job_script(timed)
    assert "--worker-port 10000:10100" in job_script(timed)


def test_the_job_script_of_slurm():
    text = job_script(load_config().site("slurm"))
    for line in ("#SBATCH -p main", "#SBATCH --mem=3G", "#SBATCH -t 02:00:00"):
        assert line in text.splitlines()
    assert "export MALLOC_TRIM_THRESHOLD_=1073741824" in text


def test_the_examples_of_the_documentation_are_complete():
    text = (Path(__file__).parents[2] / "docs/scaling.md").read_text()
    blocks = re.findall(r"^    sites:\n(?:(?:    .*)?\n)+", text, re.MULTILINE)
    sites = [
        site for one in blocks for site in yaml.safe_load(textwrap.dedent(one))["sites"].items()
    ]
    assert [name for name, _ in sites] == ["batch", "lxplus"]
    scripts = [job_script(TypeAdapter(Site).validate_python(site)) for _, site in sites]
    assert "module load python/3.11" in scripts[0].splitlines()
    assert "+SendCredential = True" in scripts[1].splitlines()
    assert "--worker-port 10000:10100" in scripts[1]


def test_a_site_without_jobs_has_no_script():
    with pytest.raises(ConfigError, match="has no jobs"):
        job_script(ProcessesSite(kind="processes", workers=1))


def certificates(folder: Path) -> Tls:
    """Make an authority of its own that signs itself, by openssl."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-keyout", str(key), "-out", str(certificate),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return Tls(ca_file=str(certificate), certificate=str(certificate), key=str(key))


def test_a_standing_scheduler_over_tls(config, event_paths, closed, clean, tmp_path):
    tls = certificates(tmp_path)
    options = ["--tls-ca-file", tls.ca_file, "--tls-cert", tls.certificate, "--tls-key", tls.key]
    dask, file = str(Path(sys.executable).parent / "dask"), tmp_path / "scheduler.json"
    quiet = {"stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [
            dask, "scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", "18786",
            "--no-dashboard", "--scheduler-file", str(file), *options,
        ],
        **quiet,
    )  # fmt: skip
    worker = subprocess.Popen(
        [
            dask, "worker", "tls://127.0.0.1:18786", "--nthreads", "1", "--no-dashboard",
            "--local-directory", str(tmp_path), *options,
        ],
        **quiet,
    )  # fmt: skip
    site = SchedulerSite(kind="scheduler", address="tls://127.0.0.1:18786", tls=tls)
    try:
        end = time.monotonic() + 90
        run = None
        while run is None and time.monotonic() < end:
            try:
                with open_site(site) as make_pool:
                    files = open_files({"I": event_paths["I"]}, config, closed)
                    run = process(files, config, closed, chunk_size=9000, make_pool=make_pool)
            except ConfigError as error:
                assert "answer" in str(error) or "no workers" in str(error)
                time.sleep(0.5)
        assert run.tallies["I"].same_content(clean.tallies["I"])
    finally:
        for one in (worker, scheduler):
            one.kill()
            one.wait()


def test_a_tls_address_needs_its_files():
    with pytest.raises(ValueError, match="needs the files of tls"):
        SchedulerSite(kind="scheduler", address="tls://host:1")
