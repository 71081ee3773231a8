"""What streams tell of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from ._errors import SiftStreamError

Level: TypeAlias = Literal["written", "durable", "confirmed"]
"""How far a row has come: it survives a crash of the process, a power failure, or Sift has it."""

EventKind: TypeAlias = Literal[
    "connected",
    "disconnected",
    "checkpoint",
    "checkpoint_failed",
    "disk_degraded",
    "disk_recovered",
    "quarantined",
    "rejected",
    "gave_up",
    "flow_registered",
    "recovered",
    "caught_up",
    "dropped",
]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of each row, counted once at the furthest state that it reached.

    `accepted + recovered = confirmed + on_disk + in_memory + dropped + rejected`.

    Attributes:
        accepted: Rows that a send returned for without an exception.
        recovered: Rows taken over from earlier streams of this name.
        confirmed: Rows that Sift has confirmed.
        on_disk: Rows that are on disk, to be sent later.
        in_memory: Rows that were only in memory, and are not confirmed.
        dropped: Rows given up by a choice of yours.
        rejected: Rows that Sift refused.
        unconfirmed: The message IDs (rows counted from 0) that are not confirmed.
    """

    accepted: int
    recovered: int
    confirmed: int
    on_disk: int
    in_memory: int
    dropped: int
    rejected: int
    unconfirmed: tuple[range, ...] = ()


@dataclass(frozen=True, slots=True)
class Watermarks:
    """How many rows, from the first one on, are at each level without a gap; `None` where the mode has no such level."""

    accepted: int
    written: int | None
    durable: int | None
    confirmed: int | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The counters of a stream at one moment.

    Attributes:
        rows_accepted: Rows accepted from callers.
        bytes_accepted: Bytes of these rows as they are sent.
        rows_sent: Rows given to gRPC streams; a row that is sent again counts again.
        bytes_sent: Bytes given to gRPC streams.
        rows_confirmed: Rows that Sift has confirmed.
        bytes_confirmed: Bytes that confirmed gRPC streams carried.
        rows_dropped: Rows given up by a choice of yours.
        rows_written: Rows that survive a crash of the process; 0 without a disk.
        rows_durable: Rows that survive a power failure; 0 without a disk.
        backup_files: Backup files created by this stream.
        backup_bytes: Bytes of all backup files of the slot.
        disk_errors: How often the disk failed.
        disk_degraded: The disk fails at this moment: rows wait in memory.
        rows_recovered: Unconfirmed rows of earlier streams that were found on disk.
        recovered_rows_confirmed: Those of them that Sift has confirmed since.
        rows_reingested: Rows of this stream that were confirmed when they were sent again from the disk.
        files_to_reingest: Backup files of earlier streams that are yet to be sent again.
        reingestion_streams_opened: gRPC streams opened to send rows again from the disk.
        reingestion_checkpoints: Re-ingestion's gRPC streams that ended with a confirmation.
        reingestion_checkpoints_failed: Re-ingestion's gRPC streams that ended without one.
        rows_owed: Rows that are to be sent again from the disk.
        ingestion_channel_rows: Rows that wait to be sent.
        ingestion_channel_bytes: Memory held by them.
        backup_channel_rows: Rows that wait to be written.
        backup_channel_bytes: Memory held by them.
        streams_opened: gRPC streams opened.
        checkpoints: gRPC streams that ended with a confirmation.
        checkpoints_failed: gRPC streams that ended without one.
        checkpoints_by_timer: Checkpoints made because their interval had passed.
        checkpoints_by_request: Checkpoints that a call asked for.
        checkpoint_time: Seconds of all confirmed gRPC streams together, from the first row to the confirmation.
        checkpoints_awaited: Half-closed gRPC streams whose answer is awaited.
        early_oks: Answers OK that came too early to be a confirmation.
        retries: Waits before another attempt.
        current_backoff: The wait that goes on now, in seconds.
        replay_window_bytes: Memory held by rows that were sent and are not confirmed, for sending them again.
        statuses: How often a gRPC stream ended with each status code, by number.
    """

    rows_accepted: int
    bytes_accepted: int
    rows_sent: int
    bytes_sent: int
    rows_confirmed: int
    bytes_confirmed: int
    rows_dropped: int
    rows_written: int
    rows_durable: int
    backup_files: int
    backup_bytes: int
    disk_errors: int
    disk_degraded: bool
    rows_recovered: int
    recovered_rows_confirmed: int
    rows_reingested: int
    files_to_reingest: int
    reingestion_streams_opened: int
    reingestion_checkpoints: int
    reingestion_checkpoints_failed: int
    rows_owed: int
    ingestion_channel_rows: int
    ingestion_channel_bytes: int
    backup_channel_rows: int
    backup_channel_bytes: int
    streams_opened: int
    checkpoints: int
    checkpoints_failed: int
    checkpoints_by_timer: int
    checkpoints_by_request: int
    checkpoint_time: float
    checkpoints_awaited: int
    early_oks: int
    retries: int
    current_backoff: float
    replay_window_bytes: int
    statuses: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as a plain dict."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a stream.

    Attributes:
        number: Its place among all events of the stream, from 0; a gap means that events were not read in time.
        at: When it happened, in seconds since 1970.
        kind: What happened.
        text: The same in words.
        rows: How many rows it is about; `None` if it is not about rows.
        ranges: The message IDs that it is about, where these are known.
        file: The number of the backup file that it is about.
        error: The error behind it.
    """

    number: int
    at: float
    kind: EventKind
    text: str
    rows: int | None = None
    ranges: tuple[range, ...] = ()
    file: int | None = None
    error: SiftStreamError | None = None

    @property
    def time(self) -> datetime:
        """When it happened."""
        return datetime.fromtimestamp(self.at, UTC)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a stream's inputs when the rows before it had come far enough.

    Attributes:
        stream: The stream and the level that it belongs to.
        sequence: Its number; a later one replaces an earlier one.
        created_at: When it was made, in seconds since 1970.
        event_time_watermark: The latest time of a row, in nanoseconds since 1970.
        row_count: How many rows had been handed over.
        offsets: The next offset to read from each source.
        state: Your own state, by name.
        metadata: Anything else that was noted.
    """

    stream: str
    sequence: int
    created_at: float
    event_time_watermark: int | None
    row_count: int
    offsets: Mapping[str, int] = field(default_factory=dict)
    state: Mapping[str, bytes] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The newest stored checkpoints of a stream.

    Attributes:
        durable: The rows before it are on disk or confirmed; `None` without a disk.
        confirmed: Sift has the rows before it.
    """

    durable: Checkpoint | None
    confirmed: Checkpoint | None

    @property
    def resume(self) -> Checkpoint | None:
        """The checkpoint from which inputs resume without losing a row."""
        return self.durable or self.confirmed

    def offset(self, source: str) -> int:
        """The next offset to read from `source`; 0 if nothing is known of it."""
        checkpoint = self.resume
        return checkpoint.offsets.get(source, 0) if checkpoint else 0
