"""Imported by the server that worker processes are copies of: what every task needs, once.

The first call of a compiled function brings numba and its extensions, 1.5 s in each worker.
"""

import numpy as np

from na64ana.cuts.cut import Window
from na64ana.processing import base, work

__all__ = ["base", "work"]

Window("nothing", 0.0, 1.0).mark(np.zeros(1, np.float32), np.zeros(1, np.uint32), np.uint32(1))
