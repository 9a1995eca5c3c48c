"""How the steps tell what they do."""

from typing import Protocol


class Progress(Protocol):
    """Told of every step: what it is, how much is done, how much there is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Take note; ``done == total`` ends a step."""


def silent(step: str, done: int, total: int) -> None:
    """Take no note of progress."""
