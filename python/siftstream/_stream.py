"""The stream for programs whose calls wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self, Unpack

from . import _exit, _logs
from ._arguments import Columns, Timeout, Timestamp, Timestamps
from ._options import Mode, Options, given
from ._schema import Flow, IngestionConfig, Run
from ._siftstream import SyncStreamBase
from ._types import Event, Level, Report


class Stream(SyncStreamBase):
    """A stream of telemetry to Sift that never loses a row.

    Use it in a `with` block: at its end everything is delivered, and what could not be is told.

        with Stream(config, uri="https://…", api_key="…", mode="live_with_backups") as stream:
            stream.send("engine", {"temperature": 21.5, "state": "idle"})

    A stream is used from any number of threads. Calls that wait let other threads run, and Ctrl+C ends them. In a forked
    child each call raises `Forked`.
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
        """Open the stream: register the schema with Sift, or take it from the disk if Sift cannot be reached.

        Args:
            config: The asset, your name for the schema, and the flows. It may stand in a file instead: see
                `Options.config_file`.
            mode: `"live_only"` (the default) keeps unconfirmed rows in memory, `"live_with_backups"` on disk;
                `"file_backup"` only writes files.
            open_timeout: Seconds that opening may take.
            finish_timeout: Seconds that the end of a `with` block may take.
            **options: See `siftstream.Options`.

        Raises:
            ConnectionFailed: Sift cannot be reached, and this mode needs it to begin.
            AuthError: Sift refused the key.
            SchemaMismatch: Sift has a flow of this name with other channels.
            InvalidArgument: An option is unknown or out of range.
        """
        super().__init__()
        self._finish_timeout = finish_timeout
        _logs.start()
        _exit.register()
        self._start(config, given(mode, options), open_timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.finish(self._finish_timeout)
        except Exception as unfinished:
            if error is None:
                raise
            # What ended the block is told first.
            error.add_note(f"siftstream: {unfinished}")

    def send_columns(
        self, flow: str, timestamps: Timestamps, columns: Columns, *, timeout: Timeout = None
    ) -> None:
        """Send many rows in one call; waits for room.

        Arrays of a channel's own type that lie in one piece are read where they are; others are copied once. They must
        not be changed during the call. All arrays are checked before the first row is sent; a table that arrives in
        batches is checked batch by batch.

        Whole numbers fit every type that can hold them, each value is checked; a NaN is sent as it is; `None` and Arrow's
        nulls are "no news".

        Args:
            flow: The name of the flow.
            timestamps: One for each row, or the name of the column that has them.
            columns: `{channel: array}`, or a table: pandas, polars, pyarrow, DuckDB, or anything else with
                `__arrow_c_stream__`.
            timeout: Seconds to wait for room; `None` waits as long as it takes.

        Raises:
            UnknownFlow, UnknownChannel, WrongType, InvalidArgument: Nothing was sent (of a table in batches, nothing of
                this batch).
            Timeout, Closed: `error.accepted` says how many rows were accepted.
        """
        self._send_columns(flow, timestamps, columns, True, timeout)

    def try_send_columns(self, flow: str, timestamps: Timestamps, columns: Columns) -> int:
        """Send as many rows as there is room for, without waiting.

        Returns:
            How many rows were accepted, from the first one on.
        """
        accepted: int = self._send_columns(flow, timestamps, columns, False, None)
        return accepted

    def flush(self, level: Level = "confirmed", timeout: Timeout = 30.0) -> None:
        """Bring everything accepted so far to `level`, and wait for it.

        Args:
            level: `"written"` survives a crash of the process, `"durable"` a power failure, `"confirmed"`: Sift has it.
            timeout: Seconds to wait.

        Raises:
            Timeout: The rows are not there yet; what was begun goes on.
            NotConfigured: Rows of this mode never reach the level.
        """
        self._flush(level, timeout)

    def finish(self, timeout: Timeout = 30.0) -> Report:
        """End the stream: deliver what was accepted. Calling it again is harmless.

        Args:
            timeout: Seconds that this may take at most, whatever Sift and the disk do.

        Returns:
            What became of each row: confirmed, or on disk to be sent later.

        Raises:
            SiftStreamError: Rows are lost or only in memory; `error.report` says what became of each.
        """
        report: Report = self._finish(timeout)
        return report

    def attach_run(self, run: Run | str, timeout: Timeout = 30.0) -> None:
        """Attach rows sent from now on to a run: an existing one by its ID, or one that is made or brought up to date."""
        self._attach_run(run, timeout)

    def add_flows(self, *flows: Flow, timeout: Timeout = 30.0) -> None:
        """Register more flows with Sift, so that their rows can be sent."""
        self._add_flows(flows, timeout)

    def mark(
        self,
        offsets: Mapping[str, int] | None = None,
        *,
        state: Mapping[str, bytes] | None = None,
        metadata: Mapping[str, str] | None = None,
        event_time: Timestamp | None = None,
    ) -> None:
        """Note where your inputs stand, now that the rows sent so far cover them. All parts come into force together.

        `recover` tells after a restart, for rows that are durable and for rows that are confirmed.

        Args:
            offsets: The next offset to read, by source.
            state: Your own state, by name.
            metadata: Anything else worth noting.
            event_time: The latest event time, if you know it better than the timestamps of the rows say.
        """
        self._mark(dict(offsets or {}), dict(state or {}), dict(metadata or {}), event_time)

    def events(self, timeout: Timeout = None) -> Iterator[Event]:
        """What happens to the stream, as it happens: ends with the stream, or when nothing happens for `timeout` seconds."""
        while (event := self.wait_event(timeout)) is not None:
            yield event

    def __repr__(self) -> str:
        if not self._is_open:
            return "<siftstream.Stream, not open>"
        return f"<siftstream.Stream, {self.watermarks}>"


