"""A first stream: say what you measure, open, send.

Runs by itself against a local Sift; give `uri` and `api_key` of yours instead.
"""

from __future__ import annotations

import math

import siftstream as ss
from siftstream.testing import LocalServer

config = ss.IngestionConfig(
    asset="rig-7",
    client_key="rig-7-v1",
    flows=[
        ss.Flow(
            "engine",
            [
                ss.Channel.double("temperature", unit="°C"),
                ss.Channel.enumeration("state", ["idle", "burn"]),
                ss.Channel.bit_field("valves", ["fuel", "oxidizer", ss.Bits("mode", 2, 3)]),
            ],
        )
    ],
)

with LocalServer() as server:
    with ss.Stream(config, **server.options()) as stream:
        for step in range(100):
            burning = step > 50
            stream.send(
                "engine",
                {
                    "temperature": 20 + 5 * math.sin(step / 10),
                    "state": "burn" if burning else "idle",
                    "valves": bytes([0b11 if burning else 0]),
                },
            )
        stream.flush("confirmed")
        print(f"Sift has {stream.watermarks.confirmed} rows")
