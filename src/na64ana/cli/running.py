"""Options of commands that read event files, and what they mean."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from na64ana.cli.options import workers_option

if TYPE_CHECKING:
    from na64ana.config import Config
    from na64ana.workflow.selection import Settings

_OPTIONS = (
    workers_option,
    click.option(
        "--site",
        help="Where tasks are done, a key of sites in datasets.yaml: a Dask cluster, SLURM, "
        "HTCondor, or processes here.",
    ),
    click.option(
        "--resume/--no-resume",
        default=True,
        show_default=True,
        help="Do only what is left of an interrupted run, or all of it again.",
    ),
    click.option(
        "--allow-missing",
        is_flag=True,
        help="Leave files out that cannot be read; their electrons on target do not count.",
    ),
)


@dataclass(frozen=True)
class Running:
    """What a user asked for."""

    workers: int
    site: str | None
    resume: bool
    allow_missing: bool


def running_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --workers, --site, --resume and --allow-missing; the command gets them as `running`."""

    @functools.wraps(command)
    def packed(
        *, workers: int, site: str | None, resume: bool, allow_missing: bool, **others: Any
    ) -> Any:
        if site is not None and workers != 1:
            msg = "--workers is for this machine; the site says how many it has"
            raise click.UsageError(msg)
        return command(running=Running(workers, site, resume, allow_missing), **others)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed


@contextlib.contextmanager
def open_settings(
    config: "Config", running: Running, tell: Callable[[str], None]
) -> Iterator["Settings"]:
    """Open the site that was asked for, and give the settings of the run."""
    from na64ana.workflow.selection import Settings  # noqa: PLC0415

    usual = Settings(running.workers, resume=running.resume, allow_missing=running.allow_missing)
    if running.site is None:
        yield usual
        return
    from na64ana.processing.sites import open_site  # noqa: PLC0415

    site = config.site(running.site)
    folder = None if site.checkpoints is None else Path(site.checkpoints)
    with open_site(site, tell) as make_pool:
        yield replace(usual, make_pool=make_pool, tries=site.tries, checkpoints=folder)
