"""Memory that numpy gives back and takes again, chunk after chunk."""

import ctypes
from functools import cache

#: Parameters of glibc's mallopt: when memory goes back to the system, and what is mapped alone.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: Arrays of a chunk are smaller than this [bytes].
_KEPT = 1 << 30


@cache
def keep_freed_memory() -> bool:
    """Keep freed memory in this process instead of giving it back to the system.

    The arrays of each chunk are as large as those before; fetching fresh pages for them, filled
    with zeros, costs a third of the reading time. Returns whether it could be set: other systems
    than glibc have no such choice.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(set_option(_M_TRIM_THRESHOLD, _KEPT)) and bool(set_option(_M_MMAP_THRESHOLD, _KEPT))
