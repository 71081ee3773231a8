"""The stream for asyncio: the same calls, and none of them blocks the event loop.

    async with siftstream.aio.Stream(config, uri=…, api_key=…) as stream:
        await stream.send("engine", {"temperature": 21.5})

It needs no thread of its own in Python and works with every event loop, uvloop's too. A task that sends without a pause
lets the other tasks run each millisecond. Cancelling a task that waits in `send` leaves its row not accepted;
cancelling one that waits in `flush` or `finish` does not undo these.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self, Unpack, cast

from . import _exit, _logs
from ._arguments import Columns, Timeout, Timestamp, Timestamps, Values
from ._errors import Full
from ._errors import Timeout as TimeoutReached
from ._options import Mode, Options, given
from ._schema import Flow, IngestionConfig, Run
from ._siftstream import StreamBase
from ._types import Event, Level, Report

__all__ = ["Stream"]

_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.01
_EVENT_PAUSE = 0.02


class _Line:
    """The tasks that wait to send rows of one flow, in the order of their calls."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.length = 0


class Stream(StreamBase):
    """A stream of telemetry to Sift that never loses a row, for asyncio. The arguments are those of `siftstream.Stream`.

    What `flow(name)` gives is shared with threads: of its calls, `try_row` and `try_send` never block the loop.
    """

    def __init__(
        self,
        config: IngestionConfig | None = None,
        *,
        mode: Mode | None = None,
        open_timeout: Timeout = 30.0,
        finish_timeout: Timeout = 30.0,
        **options: Unpack[Options],
    ) -> None:
        """Prepare the stream; `async with` or `await stream.open()` opens it."""
        super().__init__()
        self._config = config
        self._options = given(mode, options)
        self._open_timeout = open_timeout
        self._finish_timeout = finish_timeout
        self._lines: dict[str, _Line] = {}

    async def open(self) -> Self:
        """Open the stream; raises what `siftstream.Stream` raises."""
        _logs.start()
        _exit.register()
        loop = asyncio.get_running_loop()
        await cast(Awaitable[None], self._start(self._config, self._options, self._open_timeout, loop))
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.finish(self._finish_timeout)
        except Exception as unfinished:
            if error is None:
                raise
            # What ended the block is told first.
            error.add_note(f"siftstream: {unfinished}")

    async def send(
        self, flow: str, values: Values, timestamp: Timestamp | None = None, *, timeout: Timeout = None
    ) -> None:
        """Send one row, `{channel: value}`; waits for room. As `siftstream.Stream.send`.

        Rows of one flow go in the order of the calls; one that `try_send` gets in while others wait may come before them.
        """
        if flow not in self._lines:
            try:
                if self._offer(flow, values, timestamp):
                    await asyncio.sleep(0)
            except Full:
                pass
            else:
                return
        await self._send_in_turn(flow, values, timestamp, timeout)

    def try_send(self, flow: str, values: Values, timestamp: Timestamp | None = None) -> None:
        """Send one row without ever waiting: raises `Full` if there is no room."""
        self._offer(flow, values, timestamp)

    async def _send_in_turn(
        self, flow: str, values: Values, timestamp: Timestamp | None, timeout: Timeout
    ) -> None:
        if timestamp is None:
            timestamp = time.time_ns()
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        full: Full | None = None
        line = self._lines.setdefault(flow, _Line())
        line.length += 1
        try:
            async with asyncio.timeout(seconds), line.turn:
                pause = _FIRST_PAUSE
                while True:
                    try:
                        self._offer(flow, values, timestamp)
                    except Full as now:
                        full = now
                    else:
                        return
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except TimeoutError:
            late = TimeoutReached(f"no room within {seconds} s: send again later, or wait longer")
            late.code, late.retryable, late.data = 2, True, values
            raise late from full
        finally:
            line.length -= 1
            if line.length == 0:
                del self._lines[flow]

    async def send_columns(
        self, flow: str, timestamps: Timestamps, columns: Columns, *, timeout: Timeout = None
    ) -> None:
        """Send many rows in one call; waits for room. As `siftstream.Stream.send_columns`.

        The arrays must not be changed until this is done, even if the task that waits for it is cancelled.
        """
        loop = asyncio.get_running_loop()
        sending = self._send_columns(flow, timestamps, columns, True, timeout, loop)
        await cast(Awaitable[int], sending)

    async def flush(self, level: Level = "confirmed", timeout: Timeout = 30.0) -> None:
        """Bring everything accepted so far to `level`, and wait for it. As `siftstream.Stream.flush`."""
        await cast(Awaitable[None], self._flush(level, timeout, asyncio.get_running_loop()))

    async def finish(self, timeout: Timeout = 30.0) -> Report:
        """End the stream: deliver what was accepted. As `siftstream.Stream.finish`."""
        return await cast(Awaitable[Report], self._finish(timeout, asyncio.get_running_loop()))

    async def attach_run(self, run: Run | str, timeout: Timeout = 30.0) -> None:
        """Attach rows sent from now on to a run. As `siftstream.Stream.attach_run`."""
        await cast(Awaitable[None], self._attach_run(run, timeout, asyncio.get_running_loop()))

    async def add_flows(self, *flows: Flow, timeout: Timeout = 30.0) -> None:
        """Register more flows with Sift, so that their rows can be sent."""
        await cast(Awaitable[None], self._add_flows(flows, timeout, asyncio.get_running_loop()))

    def mark(
        self,
        offsets: Mapping[str, int] | None = None,
        *,
        state: Mapping[str, bytes] | None = None,
        metadata: Mapping[str, str] | None = None,
        event_time: Timestamp | None = None,
    ) -> None:
        """Note where your inputs stand, now that the rows sent so far cover them. As `siftstream.Stream.mark`."""
        self._mark(dict(offsets or {}), dict(state or {}), dict(metadata or {}), event_time)

    async def events(self) -> AsyncIterator[Event]:
        """What happens to the stream, as it happens; ends with the stream."""
        while True:
            over = self._events_over
            while (event := self.poll_event()) is not None:
                yield event
            if over:
                return
            await asyncio.sleep(_EVENT_PAUSE)
