"""Open a site: processes of this machine, a Dask cluster, jobs of a batch system."""

import contextlib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from na64ana.config.sites import (
    BatchSite,
    DaskSite,
    HTCondorSite,
    ProcessesSite,
    SchedulerSite,
    Site,
    SlurmSite,
)
from na64ana.errors import ConfigError, IncompleteDataError
from na64ana.processing.pools import DEATHS, MakePool, local_pool

if TYPE_CHECKING:
    from distributed import Client

#: What workers keep of freed memory [bytes]: dask's nanny would give it back after each chunk,
#: which costs a third of the reading time.
KEPT = 1 << 30
_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": str(KEPT),
    "MALLOC_MMAP_THRESHOLD_": str(KEPT),
    # a worker has one core: threads of libraries would wait for each other
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
}
#: Options of Dask.
_OPTIONS = {
    "distributed.scheduler.allowed-failures": DEATHS - 1,
    "distributed.nanny.pre-spawn-environ": _ENVIRONMENT,
    "distributed.worker.daemon": True,
    # workers on a busy machine take long to start
    "distributed.comm.timeouts.connect": "120s",
    # a worker that dies is started again by its nanny, and imports for long on a busy machine or
    # from a slow disk; after this time its cluster closes it, job and all (Dask: 15 s)
    "distributed.deploy.lost-worker-timeout": "120s",
    # a sampling profiler runs beside each task
    "distributed.worker.profile.enabled": False,
}
#: Seconds without a task after which an adaptive job is given back: less would lose places in the
#: queue between two passes.
IDLE = 30
#: Time for a standing scheduler to answer [s].
ANSWER = 20

Tell = Callable[[str], None]


def _quiet(message: str) -> None:
    """Take no note."""


@contextlib.contextmanager
def open_site(site: Site, tell: Tell = _quiet) -> Iterator[MakePool]:
    """Open a site, and close it in the end.

    Parameters
    ----------
    site : Site
    tell : callable
        Told where the dashboard is.

    Yields
    ------
    callable
        Makes the pool of a run.

    Raises
    ------
    ConfigError
        If Dask is not installed, a scheduler does not answer, or workers have another version.
    IncompleteDataError
        If no worker comes.
    """
    if isinstance(site, ProcessesSite):
        memory = None if site.memory is None else int(site.memory)
        yield local_pool(site.workers, timeout=site.timeout, memory=memory)
        return
    _need_dask(site.kind)
    import dask  # noqa: PLC0415

    from na64ana.processing.cluster import DaskWorkers  # noqa: PLC0415

    with dask.config.set(_OPTIONS), _client(site) as client:
        if client.dashboard_link:
            tell(f"dashboard: {client.dashboard_link}")
        check_workers(client)
        adaptive = site.jobs if isinstance(site, BatchSite) and site.adaptive else 0
        yield lambda work: DaskWorkers(work, client, timeout=site.timeout, adaptive=adaptive)


def job_script(site: Site) -> str:
    """Return the script of a job of a batch system.

    Raises
    ------
    ConfigError
        If the site has no jobs, or Dask is not installed.
    """
    if not isinstance(site, BatchSite):
        msg = f"a site of kind {site.kind} has no jobs, so there is no script"
        raise ConfigError(msg)
    _need_dask(site.kind)
    cluster, options = _batch(site)
    # the address is known when the cluster starts
    job = cluster.job_cls(scheduler="tcp://SCHEDULER:PORT", name="na64ana", **options)
    return str(job.job_script())


def check_workers(client: "Client") -> None:
    """Check that workers have this version of na64ana.

    Raises
    ------
    ConfigError
        If not, or it is not installed there.
    """
    ours = version("na64ana")
    # one that just goes says nothing
    for address, theirs in client.run(_version, on_error="ignore").items():
        if theirs != ours:
            found = f"na64ana {theirs}" if theirs else "no na64ana"
            msg = (
                f"worker {address} has {found}, this is {ours}; install the same there, for "
                "example by the prologue of the site"
            )
            raise ConfigError(msg)


def _version() -> str | None:
    try:
        return version("na64ana")
    except Exception:  # noqa: BLE001 - whatever keeps a worker from knowing
        return None


def _need_dask(kind: str) -> None:
    try:
        import dask_jobqueue  # noqa: F401, PLC0415
        import distributed  # noqa: F401, PLC0415
    except ImportError as error:
        msg = f"a site of kind {kind} needs Dask; install na64ana[cluster]"
        raise ConfigError(msg) from error


@contextlib.contextmanager
def _client(site: Site) -> Iterator["Client"]:
    from distributed import Client, LocalCluster  # noqa: PLC0415

    if isinstance(site, SchedulerSite):
        with _standing(site) as client:
            yield client
    elif isinstance(site, DaskSite):
        memory = "auto" if site.memory is None else int(site.memory)
        with (
            LocalCluster(
                n_workers=site.workers, threads_per_worker=1, memory_limit=memory,
                dashboard_address=":0", silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client
    else:
        batch = _as_batch(site)
        make, options = _batch(batch)
        with (
            # any port: several runs on a machine have a dashboard each
            make(
                **options,
                scheduler_options={"dashboard_address": ":0", "port": batch.port},
                silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):
            if batch.adaptive:
                cluster.adapt(minimum=0, maximum=batch.jobs, wait_count=IDLE)
            else:
                cluster.scale(jobs=batch.jobs)
            _wait(client, batch)
            yield client


def _as_batch(site: Site) -> SlurmSite | HTCondorSite:
    if not isinstance(site, SlurmSite | HTCondorSite):
        msg = f"unknown kind of site {site.kind}"
        raise ConfigError(msg)
    return site


@contextlib.contextmanager
def _standing(site: SchedulerSite) -> Iterator["Client"]:
    from distributed import Client  # noqa: PLC0415
    from distributed.security import Security  # noqa: PLC0415

    security = None
    if site.tls is not None:
        security = Security(
            tls_ca_file=site.tls.ca_file,
            tls_client_cert=site.tls.certificate,
            tls_client_key=site.tls.key,
            require_encryption=True,
        )
    try:
        client = Client(site.address, security=security, timeout=ANSWER)
    except (OSError, TimeoutError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"the scheduler {site.address} does not answer ({reason}); check address and tls"
        raise ConfigError(msg) from error
    with client:
        if not client.nthreads():
            msg = f"the scheduler {site.address} has no workers; start some"
            raise ConfigError(msg)
        yield client


def _wait(client: "Client", site: BatchSite) -> None:
    # an adaptive job comes when there is a task, which is one while its future is held
    first = client.submit(int, 1) if site.adaptive else None
    try:
        client.wait_for_workers(1, timeout=site.wait)
    except TimeoutError as error:
        msg = (
            f"no job started within {site.wait:g} s; look at the queue and at the jobs' logs, or "
            "give the site a longer wait"
        )
        raise IncompleteDataError(msg) from error
    del first


def _batch(site: BatchSite) -> tuple[Any, dict[str, Any]]:
    """Return the class of a cluster, and its options."""
    from dask_jobqueue.htcondor import HTCondorCluster  # noqa: PLC0415
    from dask_jobqueue.slurm import SLURMCluster  # noqa: PLC0415

    exports = [f"export {name}={value}" for name, value in _ENVIRONMENT.items()]
    options: dict[str, Any] = {
        "cores": 1,
        "processes": 1,
        "memory": f"{site.memory / 1e9:g} GB",
        "interface": site.interface,
        "job_script_prologue": [*exports, *site.prologue],
        "log_directory": site.logs,
        "local_directory": site.scratch,
        # a worker that lost its scheduler ends, and gives its slot back
        "death_timeout": 120,
    }
    if site.worker_ports is not None:
        options["worker_extra_args"] = ["--worker-port", site.worker_ports]
    if site.python is not None:
        options["python"] = site.python
    directives = list(site.directives)
    if isinstance(site, SlurmSite):
        seconds = int(site.walltime)
        walltime = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return SLURMCluster, options | {
            "queue": site.queue,
            "account": site.account,
            "walltime": walltime,
            "job_extra_directives": directives,
        }
    extra = dict(line.partition("=")[::2] for line in directives)
    extra = {key.strip(): value.strip() for key, value in extra.items()}
    if isinstance(site, HTCondorSite):
        # CERN's flavours are maximal times, too
        flavour = {"+JobFlavour": f'"{site.flavour}"'}
        extra |= flavour if site.flavour else {"+MaxRuntime": str(int(site.walltime))}
        options["disk"] = f"{site.disk / 1e9:g} GB"
    return HTCondorCluster, options | {"job_extra_directives": extra}
