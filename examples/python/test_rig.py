"""A rig's own test, with pytest and a Sift that fails: `pytest examples/python/test_rig.py`."""

from __future__ import annotations

import siftstream as ss
from siftstream.testing import LocalServer

CONFIG = ss.IngestionConfig("rig-7", "rig-7-v1", [ss.Flow("engine", [ss.Channel.double("temperature")])])


def measure(stream: ss.Stream) -> None:
    """What the rig does."""
    for step in range(1_000):
        stream.send("engine", {"temperature": float(step)})


def test_nothing_is_lost_when_sift_fails(sift_server: LocalServer) -> None:
    sift_server.inject("status=UNAVAILABLE,after=300,times=2")
    with ss.Stream(CONFIG, **sift_server.options()) as stream:
        measure(stream)
    arrived = {row.values["temperature"] for row in sift_server.rows("engine")}
    assert arrived == {float(step) for step in range(1_000)}
