"""The command `na64ana`."""

import logging
import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from na64ana.cli.background import background
from na64ana.cli.check import check
from na64ana.cli.config import config
from na64ana.cli.cutflow import cutflow
from na64ana.cli.datasets import datasets
from na64ana.cli.export import export
from na64ana.cli.info import info
from na64ana.cli.inspect import inspect
from na64ana.cli.interpret import interpret
from na64ana.cli.limits import limits
from na64ana.cli.optimize import optimize
from na64ana.cli.process import process
from na64ana.cli.report import report
from na64ana.cli.simulate import simulate
from na64ana.cli.skim import skim
from na64ana.cli.steps import StepGroup
from na64ana.cli.toys import toys
from na64ana.cli.yields import yields
from na64ana.errors import NA64AnaError


@click.group(
    cls=StepGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="na64ana")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """From event files to exclusion curves for NA64.

    Start with 'na64ana limits' in an empty folder: it simulates five small event files and runs
    all steps, from the cuts to the 90 % CL limit on the mixing strength epsilon.

    Exit codes: 0 done, 1 wrong input, 2 wrong usage, 3 incomplete data or a full disk, 4 fit or
    limit failed, 130 and 143 interrupted.
    """
    del debug  # read by main, which is where errors arrive


cli.add_command(background)
cli.add_command(check)
cli.add_command(config)
cli.add_command(cutflow)
cli.add_command(datasets)
cli.add_command(export)
cli.add_command(info)
cli.add_command(inspect)
cli.add_command(interpret)
cli.add_command(limits)
cli.add_command(optimize)
cli.add_command(process)
cli.add_command(report)
cli.add_command(simulate)
cli.add_command(skim)
cli.add_command(toys)
cli.add_command(yields)


def main() -> NoReturn:
    """Run the command line; an error is one line and an exit code."""
    # pyhf logs a failing fit with its whole state; the error that follows says it in one line.
    logging.getLogger("pyhf").setLevel(logging.CRITICAL + 1)
    # Batch systems end a job with SIGTERM; temporary files go as they do after Ctrl-C.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        cli.main(standalone_mode=False)
    except NA64AnaError as error:
        _show_traceback()
        _fail(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; nothing half-written was left", 130)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush
        sys.exit(0)
    except MemoryError:
        _show_traceback()
        _fail("out of memory; use fewer --workers", 1)
    except Exception as error:  # noqa: BLE001 - whatever else is a mistake of a program
        _show_traceback()
        where = "" if "--debug" in sys.argv else "; 'na64ana --debug' with the rest shows where"
        _fail(f"unexpected {type(error).__name__}: {error}{where}", 1)
    sys.exit(0)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    _fail("terminated; nothing half-written was left", 128 + number)


def _show_traceback() -> None:
    if "--debug" in sys.argv:
        traceback.print_exc()


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"na64ana: error: {' '.join(message.split())}", err=True)
    sys.exit(code)
