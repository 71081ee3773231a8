"""The end of the interpreter with a stream that nobody finished: its rows get to the disk."""

from __future__ import annotations

import atexit
from functools import cache

from . import _siftstream


@cache
def register() -> None:
    """Have it done, once in a process. It takes less than a second."""
    atexit.register(_siftstream.flush_all)
