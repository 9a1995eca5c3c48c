"""`na64ana report`: one page of a limit."""

import tempfile
from pathlib import Path

import click
from click.core import ParameterSource

from na64ana.cli.options import (
    config_option,
    events_option,
    overwrite_option,
    period_option,
    seed_option,
    workers_option,
)

#: Options of a limit that is computed first.
_OF_LIMITS = ("published", "event_files", "periods", "workers", "seed", "config_path")


@click.command()
@click.argument("limits", type=click.Path(path_type=Path), required=False)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="A result of 'na64ana process' (zip file or folder) for cut flow and N-1 figures, "
    "instead of that of the limit.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page.",
)
@click.option("--published", is_flag=True, help="Without LIMITS: from published numbers.")
@events_option
@period_option
@workers_option
@seed_option
@config_option
@overwrite_option
@click.pass_context
def report(  # noqa: PLR0913 - an argument per option
    context: click.Context,
    *,
    limits: Path | None,
    results: Path | None,
    output: Path,
    published: bool,
    event_files: tuple[tuple[str, str], ...],
    periods: tuple[str, ...],
    workers: int,
    seed: int,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Make one page of a limit, with all its figures and tables.

    And where every number comes from. LIMITS is a folder of 'na64ana limits'. Without it, a limit
    is computed first, as 'na64ana limits' does with the same options, and only the page is kept;
    its tables can be saved from it. The page is one HTML file that needs no network.

    \b
    Examples:
      na64ana report
      na64ana report first-look --output first-look/report.html
      na64ana report --published --output published.html
    """  # noqa: D301 - click wants the character behind \\b
    if limits is not None:
        for name in _OF_LIMITS:
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                msg = "a limit is there already; give LIMITS, or the options of a new one"
                raise click.UsageError(msg)
    if published and event_files:
        msg = "--published starts without events; leave --events away"
        raise click.UsageError(msg)

    from na64ana.io.atomic import check_writable  # noqa: PLC0415
    from na64ana.workflow.report import write_report  # noqa: PLC0415

    if limits is not None:
        write_report(output, limits, results=results, overwrite=overwrite)
    else:
        check_writable(output, overwrite=overwrite)
        from na64ana.cli.limits import run_limits  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="na64ana-") as folder:
            run_limits(
                Path(folder),
                published=published,
                event_files=event_files,
                periods=periods,
                workers=workers,
                seed=seed,
                config_path=config_path,
            )
            write_report(output, Path(folder), results=results, overwrite=overwrite)
    click.echo(f"written: {output.resolve()} ({output.stat().st_size / 1e6:.1f} MB)")
