"""What the tests share: a schema with every type of channel, and streams to a local server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import siftstream as ss
from siftstream.testing import LocalServer

CONFIG = ss.IngestionConfig(
    asset="rig",
    client_key="rig-v1",
    flows=[
        ss.Flow(
            "engine",
            [
                ss.Channel.double("temperature", unit="°C", description="of the casing"),
                ss.Channel.enumeration("state", {"idle": 0, "burn": 7}),
                ss.Channel.int32("step"),
            ],
        ),
        ss.Flow(
            "all",
            [
                ss.Channel.double("double"),
                ss.Channel.float("float"),
                ss.Channel.bool("bool"),
                ss.Channel.int32("int32"),
                ss.Channel.uint32("uint32"),
                ss.Channel.int64("int64"),
                ss.Channel.uint64("uint64"),
                ss.Channel.enumeration("enum", ["off", "on"]),
                ss.Channel.bit_field("bits", ["fuel", "lox", ss.Bits("mode", 2, 3)]),
                ss.Channel.string("string"),
                ss.Channel.bytes("bytes"),
            ],
        ),
    ],
)

ALL: dict[str, Any] = {
    "double": 1.5,
    "float": 0.25,
    "bool": True,
    "int32": -(2**31),
    "uint32": 2**32 - 1,
    "int64": -(2**63),
    "uint64": 2**64 - 1,
    "enum": "on",
    "bits": b"\x05",
    "string": "é",
    "bytes": b"\x00\xff",
}

Open = Callable[..., ss.Stream]


@pytest.fixture
def open_stream(sift_server: LocalServer) -> Iterator[Open]:
    """Opens streams to the test's server, and ends those that the test did not."""
    opened: list[ss.Stream] = []

    def open_one(config: ss.IngestionConfig = CONFIG, **options: Any) -> ss.Stream:
        stream = ss.Stream(config, **{**sift_server.options(), **options})
        opened.append(stream)
        return stream

    yield open_one
    for stream in opened:
        try:
            stream.finish(5)
        except ss.SiftStreamError:
            pass


@pytest.fixture
def stream(open_stream: Open) -> ss.Stream:
    """A live-only stream."""
    return open_stream()
