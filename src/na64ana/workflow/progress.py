"""How the steps tell what they do."""

import time
from typing import Protocol

from na64ana.processing.campaign import Report, Status


class Progress(Protocol):
    """Told of every step: what it is, how much is done, how much there is, and how fast it goes."""

    def __call__(self, step: str, done: int, total: int, detail: str = "") -> None:
        """Take note; ``done == total`` ends a step."""


def silent(step: str, done: int, total: int, detail: str = "") -> None:
    """Take no note of progress."""


def report_events(progress: Progress, step: str) -> Report:
    """Return what tells a progress of the events of a step: speed, volume, what went wrong."""
    begin = time.monotonic()

    def report(status: Status) -> None:
        seconds = max(time.monotonic() - begin, 1e-3)
        parts = [f"{status.events / seconds / 1e3:,.0f} kevents/s"]
        if status.bytes:
            parts.append(f"{status.bytes / seconds / 1e6:,.0f} MB/s")
        if status.retries:
            parts.append(f"{status.retries} attempts failed")
        if status.failed:
            parts.append(f"{status.failed} tasks missing")
        progress(step, status.events, status.events_total, ", ".join(parts))

    return report
