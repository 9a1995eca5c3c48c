"""Where tasks are done: blocks of `sites` in datasets.yaml."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from na64ana.config.quantities import Duration, Memory
from na64ana.config.selection import Block


class Limits(Block):
    """What a task may need.

    `timeout` [s] ends a task that hangs, `tries` are its attempts, `checkpoints` is a folder that
    all workers see, where the tallies of tasks are kept; the default is in the user's cache.
    """

    timeout: Duration | None = None
    tries: int = Field(default=3, ge=1, le=20)
    checkpoints: str | None = None


class ProcessesSite(Limits):
    """Processes of this machine. `memory` [bytes] is what each may allocate."""

    kind: Literal["processes"]
    workers: int = Field(ge=1, le=1024)
    memory: Memory | None = None


class Tls(Block):
    """Files for an encrypted connection: authority, certificate, key."""

    ca_file: str
    certificate: str
    key: str


class DaskSite(Limits):
    """A Dask cluster that is started on this machine, and ends with the run."""

    kind: Literal["dask"]
    workers: int = Field(ge=1, le=1024)
    memory: Memory | None = None


class SchedulerSite(Limits):
    """A Dask cluster that stands already, at `address`."""

    kind: Literal["scheduler"]
    address: str = Field(pattern=r"^(tcp|tls|ucx|ws|wss)://\S+$")
    tls: Tls | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.address.startswith("tls://") and self.tls is None:
            msg = "a tls:// address needs the files of tls: ca_file, certificate, key"
            raise ValueError(msg)
        return self


class BatchSite(Limits):
    """Jobs of a batch system, one worker each.

    Attributes
    ----------
    jobs : int
        Most jobs at a time.
    adaptive : bool
        Whether jobs are asked for as there are tasks, and given back; else all at once.
    memory : float
        Of a job [bytes].
    walltime : float
        Of a job [s].
    interface : str or None
        Network interface over which workers reach this machine; None takes the usual one.
    port : int
        Where this machine's scheduler listens; 0 takes a free one.
    worker_ports : str or None
        Where workers listen, ``"10000:10100"``, if a firewall lets only some through.
    prologue : tuple of str
        Lines of shell before the worker starts: modules, environments.
    directives : tuple of str
        Further lines of the job's head.
    python : str or None
        The workers' Python; None takes this one.
    logs, scratch : str or None
        Folders of the jobs' output, and of what workers spill.
    wait : float
        How long the first worker may take to come [s].
    """

    jobs: int = Field(ge=1, le=10_000)
    adaptive: bool = False
    memory: Memory
    walltime: Duration = 7200.0
    interface: str | None = None
    port: int = Field(default=0, ge=0, le=65535)
    worker_ports: str | None = Field(default=None, pattern=r"^[0-9]+:[0-9]+$")
    prologue: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    python: str | None = None
    logs: str | None = None
    scratch: str | None = None
    wait: Duration = 1800.0


class SlurmSite(BatchSite):
    """Jobs of SLURM."""

    kind: Literal["slurm"]
    queue: str | None = None
    account: str | None = None


class HTCondorSite(BatchSite):
    """Jobs of HTCondor. `disk` [bytes] is that of a job; `flavour` CERN's +JobFlavour."""

    kind: Literal["htcondor"]
    disk: Memory = 2e9
    flavour: str | None = Field(default=None, pattern=r"^[a-z]+$")


Site = Annotated[
    ProcessesSite | DaskSite | SchedulerSite | SlurmSite | HTCondorSite,
    Field(discriminator="kind"),
]
