"""The compiled part of the package. Private, but for what `siftstream` shows of it."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any, final

from typing_extensions import disjoint_base

from ._arguments import Columns, Timeout, Timestamp, Timestamps, Value, Values
from ._schema import Flow, IngestionConfig, Run
from ._types import Event, Metrics, Recovery, Watermarks

__all__ = [
    "BackupTable",
    "BoundFlow",
    "LocalServerBase",
    "StreamBase",
    "SyncStreamBase",
    "__version__",
    "flush_all",
    "forget_logs",
    "next_logs",
    "option_names",
    "read_backup",
    "run_command",
    "set_log_level",
]

__version__: str

@disjoint_base
class StreamBase:
    def __new__(cls, *_args: Any, **_options: Any) -> StreamBase: ...
    def _start(
        self,
        config: IngestionConfig | None,
        options: Mapping[str, Any],
        timeout: Timeout,
        event_loop: asyncio.AbstractEventLoop | None = None,
    ) -> Any: ...
    def _offer(self, flow: str, values: Values, timestamp: Timestamp | None) -> bool: ...
    def _send_columns(
        self,
        flow: str,
        timestamps: Timestamps,
        columns: Columns,
        wait: bool,
        timeout: Timeout,
        event_loop: asyncio.AbstractEventLoop | None = None,
    ) -> Any: ...
    def _flush(
        self, level: str, timeout: Timeout, event_loop: asyncio.AbstractEventLoop | None = None
    ) -> Any: ...
    def _finish(self, timeout: Timeout, event_loop: asyncio.AbstractEventLoop | None = None) -> Any: ...
    def _attach_run(
        self, run: Run | str, timeout: Timeout, event_loop: asyncio.AbstractEventLoop | None = None
    ) -> Any: ...
    def _add_flows(
        self, flows: Sequence[Flow], timeout: Timeout, event_loop: asyncio.AbstractEventLoop | None = None
    ) -> Any: ...
    def _mark(
        self,
        offsets: dict[str, int],
        state: dict[str, bytes],
        metadata: dict[str, str],
        event_time: Timestamp | None,
    ) -> None: ...
    @property
    def _events_over(self) -> bool: ...
    @property
    def _is_open(self) -> bool: ...
    def flow(self, name: str) -> BoundFlow:
        """The flow of this name, found once: for rows by place, and for sending many rows of it."""

    def stage_flows(self, *flows: Flow) -> None:
        """Keep flows for their first rows, with `auto_register_flows`: units, enums and bits are what a row does not tell."""

    def detach_run(self) -> None:
        """Rows sent from now on belong to no run."""

    @property
    def run_id(self) -> str | None:
        """The ID of the run that rows are attached to, or `None`."""

    def checkpoint(self) -> None:
        """Ask Sift to confirm what was accepted so far, and wait for nothing."""

    def cancel(self, reason: str) -> None:
        """End the stream now: calls that wait raise `Cancelled` with the reason."""

    def set_api_key(self, key: str) -> None:
        """Replace the API key; requests that begin later carry the new one."""

    @property
    def watermarks(self) -> Watermarks:
        """How far the rows have come."""

    @property
    def metrics(self) -> Metrics:
        """The counters of this moment."""

    def recover(self) -> Recovery:
        """Where inputs resume."""

    def poll_event(self) -> Event | None:
        """The oldest event that was not read, or `None`. Never waits."""

    def wait_event(self, timeout: Timeout = None) -> Event | None:
        """The next event; waits for one for at most `timeout` seconds, then returns `None`."""

class SyncStreamBase(StreamBase):
    def __new__(cls, *_args: Any, **_options: Any) -> SyncStreamBase: ...
    def send(
        self, flow: str, values: Values, timestamp: Timestamp | None = None, *, timeout: Timeout = None
    ) -> None:
        """Send one row, `{channel: value}`; waits for room as long as it takes, or for `timeout` seconds."""

    def try_send(self, flow: str, values: Values, timestamp: Timestamp | None = None) -> None:
        """Send one row, `{channel: value}`, without ever waiting: raises `Full` if there is no room."""

@final
class BoundFlow:
    """One flow of a stream, found once: rows by place, and without a look-up of the flow's name."""

    @property
    def name(self) -> str:
        """The flow's name."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels, in the order in which `row` takes their values."""

    def row(self, *values: Value, timestamp: Timestamp | None = None, timeout: Timeout = None) -> None:
        """Send one value for each channel, in the order of the flow; waits for room."""

    def try_row(self, *values: Value, timestamp: Timestamp | None = None) -> None:
        """The same without ever waiting: raises `Full` if there is no room."""

    def send(self, values: Values, timestamp: Timestamp | None = None, *, timeout: Timeout = None) -> None:
        """Send `{channel: value}`; waits for room."""

    def try_send(self, values: Values, timestamp: Timestamp | None = None) -> None:
        """The same without ever waiting: raises `Full` if there is no room."""

    def send_columns(
        self, timestamps: Timestamps, columns: Columns, *, timeout: Timeout = None
    ) -> None:
        """Send many rows: one array a channel. As `Stream.send_columns`."""

@final
class BackupTable:
    """The rows of one flow in backup files: an Arrow table."""

    @property
    def column_names(self) -> list[str]:
        """The names of the columns: `timestamp`, `run_id`, and the channels."""

    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow's C interface: pyarrow, polars, pandas and DuckDB take the table by this."""

@disjoint_base
class LocalServerBase:
    def __new__(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        keep_rows: bool = True,
        count_only: bool = False,
    ) -> LocalServerBase: ...
    @property
    def uri(self) -> str:
        """Where clients find it, such as `http://127.0.0.1:50051`."""

    @property
    def port(self) -> int:
        """The port it listens at; the same after a restart."""

    @property
    def row_count(self) -> int:
        """How many valid rows have arrived, repeated ones included."""

    @property
    def schema_error_count(self) -> int:
        """How many rows were refused because they do not fit the schema."""

    @property
    def schema_errors(self) -> list[str]:
        """What was wrong with the first rows that were refused."""

    @property
    def streams_opened(self) -> int:
        """How many ingest streams were opened."""

    @property
    def streams_confirmed(self) -> int:
        """How many ingest streams ended so that the client may take its rows for confirmed."""

    @property
    def runs(self) -> list[str]:
        """The names of the runs that clients made."""

    @property
    def flows(self) -> dict[str, int]:
        """The names of the flows that are registered, with how many valid rows each has."""

    def _rows(self, flow: str | None, *, take: bool) -> list[tuple[str, int, dict[str, object], str]]: ...
    def wait_for_rows(self, count: int, timeout: Timeout = None) -> bool:
        """Wait until so many valid rows have arrived; returns whether they have within `timeout` seconds."""

    def inject(self, fault: str) -> None:
        """Misbehave on ingest streams to come: `kind[,key=value…]`."""

    def inject_call(self, fault: str, method: str | None = None) -> None:
        """Let calls other than sending fail, come late or hang."""

    def heal(self) -> None:
        """End all faults."""

    def set_api_key(self, key: str | None) -> None:
        """From now on calls must bear this key; `None` admits everybody."""

    def stop(self) -> None:
        """Close the listener and every connection, as when the machine goes down; what it knows is kept."""

    def start_again(self) -> None:
        """Listen again at the same port."""

    def close(self) -> None:
        """Stop for good. Doing it twice is harmless."""

def flush_all() -> None: ...
def set_log_level(level: int) -> None: ...
def next_logs(timeout: float) -> list[tuple[int, str, str]]: ...
def forget_logs() -> None: ...
def option_names() -> list[tuple[str, str]]: ...
def run_command(arguments: Sequence[str]) -> int: ...
def read_backup(
    path: str | os.PathLike[str], flows: Sequence[Flow] | None
) -> tuple[dict[str, BackupTable], int, int]: ...
