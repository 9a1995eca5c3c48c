"""A worker process of this machine."""

import contextlib
import ctypes
import pickle
import resource
import signal
from multiprocessing import connection
from typing import TYPE_CHECKING

import cloudpickle

if TYPE_CHECKING:
    from na64ana.processing.tasks import Task
    from na64ana.processing.work import Done, Work


def serve(pipe: connection.Connection, content: bytes, memory: int | None) -> None:
    """Do tasks until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    work: Work = cloudpickle.loads(content)
    pipe.send_bytes(b"")
    while True:
        try:
            task: Task = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        result: tuple[Done | None, BaseException | None]
        try:
            result = work(task), None
        except BaseException as error:  # noqa: BLE001 - told, not hidden
            result = None, portable(error)
        pipe.send_bytes(cloudpickle.dumps(result))


def portable(error: BaseException) -> BaseException:
    """Return an error without what cannot travel: tracebacks, and arrays in causes."""
    if isinstance(error, MemoryError):  # numpy's has arguments that pickle loses
        return MemoryError(str(error))
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _die_with_parent() -> None:
    """Ask Linux to end this process with its parent, however that ends."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
