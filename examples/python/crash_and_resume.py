"""A program that is killed, and goes on where it stopped: no row is lost, and no input is read again.

The inputs are the lines of a log. `mark` notes how far they were read; `recover` tells after a restart.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import siftstream as ss
from siftstream.testing import LocalServer

LINES = 1_000
config = ss.IngestionConfig("rig-7", "rig-7-log", [ss.Flow("log", [ss.Channel.int64("line")])])


def work(uri: str, directory: str, die_at: int) -> None:
    """Send the lines that were not sent, and die at one of them."""
    with ss.Stream(
        config,
        uri=uri,
        api_key="local",
        insecure=True,
        mode="live_with_backups",
        disk_backup_policy={"backups_dir": directory},
    ) as stream:
        first = stream.recover().offset("log")
        print(f"begins at line {first}", flush=True)
        for line in range(first, LINES):
            stream.send("log", {"line": line})
            if line % 100 == 99:
                stream.mark({"log": line + 1})
                stream.flush("durable")
            if line == die_at:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the program until it does not die any more."""
    with LocalServer() as server, tempfile.TemporaryDirectory() as directory:
        for die_at in (250, 777, -1):
            subprocess.run([sys.executable, Path(__file__), server.uri, directory, str(die_at)], check=False)
        arrived = {row.values["line"] for row in server.rows("log")}
        print(f"Sift has {len(arrived)} of {LINES} lines")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main()
