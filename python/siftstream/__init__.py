"""Stream telemetry to Sift and never lose a row.

A first stream
--------------

Say what you measure, open a stream, send rows:

    import siftstream as ss

    config = ss.IngestionConfig(
        asset="rig-7",
        client_key="rig-7-v1",
        flows=[
            ss.Flow(
                "engine",
                [
                    ss.Channel.double("temperature", unit="°C"),
                    ss.Channel.enumeration("state", ["idle", "burn"]),
                ],
            )
        ],
    )

    with ss.Stream(config, uri="https://grpc-api.siftstack.com", api_key="…") as stream:
        stream.send("engine", {"temperature": 21.5, "state": "burn"})

At the end of the `with` block everything is delivered; if it cannot be, an exception says what became of each row.

Times
-----

A row gets the time of the call, or the one that you give: a `datetime` with its time zone, an `int` of nanoseconds or a
`float` of seconds since 1970, or a numpy `datetime64`.

    stream.send("engine", {"temperature": 21.5}, datetime.now(timezone.utc))

Where rows wait
---------------

`mode="live_only"` (the default) keeps rows in memory until Sift has confirmed them. `mode="live_with_backups"` keeps them
on disk, so that they survive a crash and any outage; the next stream of the same name sends what is left.
`mode="file_backup"` only writes files; `python -m siftstream backups send` sends them later.

`send` waits when there is no room; `try_send` raises `Full` instead. `flush("confirmed")` waits until Sift has everything
that was sent so far.

Flows that are not known beforehand
-----------------------------------

With `auto_register_flows=True` a flow is registered when its first row is sent; `stage_flows` says beforehand what a row
does not tell, such as units and enums.

    stream.stage_flows(ss.Flow("valves", [ss.Channel.enumeration("main", ["shut", "open"])]))
    stream.send("valves", {"main": "open"})
    stream.send("tank", {"level": 0.75, "refills": 3})  # a double and an int64

Fast
----

    engine = stream.flow("engine")
    engine.row(21.5, "burn", timestamp=now_ns)         # one value for each channel, in order
    stream.send_columns("engine", times, {"temperature": array, "state": codes})
    stream.send_columns("engine", "time", dataframe)   # pandas, polars, pyarrow, DuckDB

Columns are the fastest by far: arrays of the channels' types are read where they are.

asyncio
-------

    async with ss.aio.Stream(config, uri=…, api_key=…) as stream:
        await stream.send("engine", {"temperature": 21.5})

Tests without a cloud
---------------------

`siftstream.testing.LocalServer` is a Sift endpoint in your process that can also misbehave; pytest has it as the fixture
`sift_server`.

Exceptions
----------

All are `SiftStreamError`s with `code`, `retryable` and `data_status`. An unknown channel is also a `KeyError`, a wrong value
a `TypeError` or `ValueError`, a missed deadline a `TimeoutError`.

Logs go to the logger `siftstream` of `logging`.
"""

from __future__ import annotations

from . import aio
from ._errors import (
    AuthError,
    Busy,
    Cancelled,
    Closed,
    ConnectionFailed,
    Forked,
    Full,
    InternalError,
    InvalidArgument,
    NotConfigured,
    NotFound,
    RowTooLarge,
    SchemaMismatch,
    SiftStreamError,
    StorageError,
    Timeout,
    Undelivered,
    UnknownChannel,
    UnknownFlow,
    WrongType,
)
from ._options import DiskBackupPolicy, Options, RetryPolicy, TcpKeepalive
from ._schema import Bits, Channel, Flow, IngestionConfig, Run
from ._siftstream import BoundFlow, __version__
from ._stream import Stream
from ._types import Checkpoint, Event, Metrics, Recovery, Report, Watermarks
from .backups import Backup, read_backup

__all__ = [
    "AuthError",
    "Backup",
    "Bits",
    "BoundFlow",
    "Busy",
    "Cancelled",
    "Channel",
    "Checkpoint",
    "Closed",
    "ConnectionFailed",
    "DiskBackupPolicy",
    "Event",
    "Flow",
    "Forked",
    "Full",
    "IngestionConfig",
    "InternalError",
    "InvalidArgument",
    "Metrics",
    "NotConfigured",
    "NotFound",
    "Options",
    "Recovery",
    "Report",
    "RetryPolicy",
    "RowTooLarge",
    "Run",
    "SchemaMismatch",
    "SiftStreamError",
    "StorageError",
    "Stream",
    "TcpKeepalive",
    "Timeout",
    "Undelivered",
    "UnknownChannel",
    "UnknownFlow",
    "Watermarks",
    "WrongType",
    "__version__",
    "aio",
    "read_backup",
]
