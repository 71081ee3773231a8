"""A rig in asyncio: sensors are read by tasks, and one task follows what happens to the stream."""

from __future__ import annotations

import asyncio
import random

import siftstream as ss
from siftstream.testing import LocalServer

config = ss.IngestionConfig(
    "rig-7", "rig-7-sensors", [ss.Flow(name, [ss.Channel.double("value")]) for name in ("left", "right")]
)


async def sensor(stream: ss.aio.Stream, flow: str) -> None:
    """Read a sensor some times."""
    for _ in range(50):
        await stream.send(flow, {"value": random.random()})
        await asyncio.sleep(0.001)


async def follow(stream: ss.aio.Stream) -> None:
    """Print what happens."""
    async for event in stream.events():
        print(event)


async def main() -> None:
    """Run the rig."""
    with LocalServer() as server:
        async with ss.aio.Stream(config, **server.options()) as stream:
            following = asyncio.create_task(follow(stream))
            await asyncio.gather(sensor(stream, "left"), sensor(stream, "right"))
        await following
        print(f"Sift has {server.row_count} rows")


asyncio.run(main())
