"""The siftstream command: `python -m siftstream serve`, `python -m siftstream backups ls …`."""

from __future__ import annotations

import signal
import sys

from . import _siftstream


def main() -> int:
    """Run the command with the arguments of the process."""
    # The command stops at Ctrl+C by itself, or as every program does.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _siftstream.run_command(["siftstream", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
