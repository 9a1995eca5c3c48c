"""Progress on the terminal or in a notebook, or one line per step in a log."""

import time
from importlib.util import find_spec
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

#: A log has a line per tenth of a step that takes longer than this [s].
SLOW = 10.0


class TerminalProgress:
    """Draws a bar per step on a terminal's stderr, or in Jupyter if ipywidgets is there.

    Elsewhere it prints a line when a step ends, and one per tenth of a step that is slow.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<26}"),
            BarColumn(20),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
        )
        widgets = console.is_jupyter and find_spec("ipywidgets") is not None
        self._live = console.is_terminal or widgets
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._bars.stop()

    def __call__(self, step: str, done: int, total: int, detail: str = "") -> None:
        """Show how far a step is."""
        if not self._live:
            self._log(step, done, total, detail)
            return
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total, detail=detail)
        self._bars.update(self._tasks[step], completed=done, total=total, detail=detail)

    def note(self, message: str) -> None:
        """Print a line that stays."""
        if self._live:
            self._bars.console.print(message, highlight=False)
        else:
            click.echo(message, err=True)

    def _log(self, step: str, done: int, total: int, detail: str) -> None:
        begin, tenth = self._told.setdefault(step, (time.monotonic(), 0))
        end = f" ({detail})" if detail else ""
        if done == total:
            del self._told[step]
            click.echo(f"{step}: done{end}", err=True)
        elif time.monotonic() - begin > SLOW and 10 * done // max(total, 1) > tenth:
            tenth = 10 * done // total
            self._told[step] = (begin, tenth)
            click.echo(f"{step}: {10 * tenth} %{end}", err=True)
