"""Wait for storage, but not for ever: a disk or server that hangs says nothing by itself."""

import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from na64ana.errors import ConfigError, UnreadableError

#: Seconds to open or find a file, unless the variable says otherwise.
PATIENCE, VARIABLE = 60.0, "NA64ANA_OPEN_TIMEOUT"

T = TypeVar("T")

#: Seconds after which what hung is tried again.
AGAIN = 600.0

_hanging: dict[str, float] = {}


def patience() -> float:
    """Return how long a file may take to be opened [s].

    Raises
    ------
    ConfigError
        If the environment variable is no positive number.
    """
    text = os.environ.get(VARIABLE, str(PATIENCE))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        msg = f"{VARIABLE}={text}: is no number of seconds; give one, for example 300"
        raise ConfigError(msg)
    return seconds


def within(location: object, call: Callable[[], T]) -> T:
    """Return what `call` returns, if that does not take too long.

    A read that never returns cannot be stopped, only left behind, in a thread that does not
    outlive the process. A location that hung is not tried again for some time.

    Parameters
    ----------
    location : object
        What the error names.
    call : callable
        Finds, opens or reads it.

    Raises
    ------
    UnreadableError
        If it takes too long; and whatever `call` raises.
    """
    seconds, name = patience(), str(location)
    if time.monotonic() < _hanging.get(name, -AGAIN) + AGAIN:
        raise _too_long(name, seconds)
    outcomes: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            outcomes.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised by who waits
            outcomes.put((None, error))

    thread = threading.Thread(target=attempt, daemon=True, name=f"opens {name}")
    thread.start()
    try:
        value, error = outcomes.get(timeout=seconds)
    except queue.Empty:
        _hanging[name] = time.monotonic()
        raise _too_long(name, seconds) from None
    thread.join()  # processes are forked only while there are no other threads
    if error is not None:
        raise error
    found: T = value
    return found


def _too_long(name: str, seconds: float) -> UnreadableError:
    return UnreadableError(
        f"{name}: does not answer within {seconds:g} s; look at the disk or server, or give it "
        f"longer by {VARIABLE}"
    )
