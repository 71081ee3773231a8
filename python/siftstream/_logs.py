"""The library's log records, given to `logging` on a thread of its own.

Handlers may do anything, even send to a stream: they never run inside the library.
"""

from __future__ import annotations

import logging
import os
import threading

from . import _siftstream

LOGGER = logging.getLogger("siftstream")
LOGGER.addHandler(logging.NullHandler())

_started = threading.Lock()


def _follow() -> None:
    """Hand over records for as long as the process lives."""
    while True:
        _siftstream.set_log_level(_level())
        for level, name, message in _siftstream.next_logs(1.0):
            logger = logging.getLogger(name)
            if logger.isEnabledFor(level):
                try:
                    logger.handle(logger.makeRecord(name, level, "siftstream", 0, message, (), None))
                except Exception:  # What a handler cannot do must not end the others' records.
                    LOGGER.exception("a log handler failed")


def _level() -> int:
    return min(max(LOGGER.getEffectiveLevel(), 1), 255)


def start() -> None:
    """Begin to hand over records, once in a process."""
    _siftstream.set_log_level(_level())
    if _started.acquire(blocking=False):
        threading.Thread(target=_follow, name="siftstream-logs", daemon=True).start()


def _in_forked_child() -> None:
    global _started
    _started = threading.Lock()
    _siftstream.forget_logs()


os.register_at_fork(after_in_child=_in_forked_child)
