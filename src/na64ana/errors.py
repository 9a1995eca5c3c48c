"""The errors that reach a user: one clear line and an exit code each."""

from collections.abc import Iterable


class NA64AnaError(Exception):
    """Base of all errors that na64ana raises on purpose.

    The message is one line that names what is wrong, where, and the remedy.
    """

    exit_code = 1


class ConfigError(NA64AnaError):
    """The configuration is wrong; the message starts with file and line."""


class DataError(NA64AnaError):
    """An event file cannot be used; the message names the file and the branch."""


class IncompleteDataError(DataError):
    """What was read is not what was declared, for example fewer electrons on target."""

    exit_code = 3


class UnreadableError(IncompleteDataError):
    """A file, or a part of it, cannot be read: it is gone, damaged, or another one than before."""


class ProcessorError(NA64AnaError):
    """A processor, which users edit, raised an exception; --debug shows where."""


class OutputError(NA64AnaError):
    """A result cannot be written, or would overwrite an earlier one."""


class DiskFullError(OutputError):
    """There is no room for a result: what was done is complete, and only has to be written."""

    exit_code = 3


class ModelError(NA64AnaError):
    """A physics model was asked for something outside its range."""


class BackgroundError(NA64AnaError):
    """The background cannot be estimated from what was given."""

    exit_code = 4


class LimitError(NA64AnaError):
    """A limit cannot be computed."""

    exit_code = 4


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'NAME'?" for the known name closest to a misspelt one, or "."."""
    import difflib  # noqa: PLC0415 - only needed on the way to an error

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
