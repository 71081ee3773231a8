"""The options of a stream, the same keys in every language of siftstream.

Times are seconds, a `timedelta`, or a text such as `"250ms"`; sizes are bytes, or a text such as `"64MiB"`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, TypeAlias, TypedDict

from ._schema import MetadataValue, Run

Mode: TypeAlias = Literal["live_only", "live_with_backups", "file_backup"]
Time: TypeAlias = float | timedelta | str
Size: TypeAlias = int | str
PathLike: TypeAlias = str | os.PathLike[str]


class RetryPolicy(TypedDict, total=False):
    """How to repeat what failed for a passing reason."""

    max_attempts: int
    """How often a connection is tried where rows are not kept; where they are, there is no end to it."""
    initial_backoff: Time
    """The longest wait after the first failure."""
    max_backoff: Time
    """The longest wait of all."""
    backoff_multiplier: int
    """By what the longest wait grows with each failure."""
    max_retry_after: Time
    """The longest wait that Sift can ask for; after it, it is asked again."""


class DiskBackupPolicy(TypedDict, total=False):
    """How rows are kept on disk."""

    backups_dir: PathLike
    """Where files are kept; in the user's data directory by default."""
    max_backup_file_size: Size
    """At which size a file is finished and the next one begins."""
    max_file_count: int | None
    """At how many files a checkpoint is made early."""
    retain_backups: bool
    """Whether files stay after everything in them was confirmed."""
    max_bytes: Size | None
    """What all files may take together, those of earlier starts included."""
    min_free: Size
    """How much of the disk to leave free."""
    when_full: Literal["block", "error", "drop_oldest", "drop_newest"]
    """What happens when there is no room."""
    fsync: Time | Literal["never", "every_chunk"]
    """When written rows are made to survive a power failure."""


class TcpKeepalive(TypedDict, total=False):
    """When TCP asks a silent endpoint whether it still lives."""

    idle: Time
    interval: Time
    retries: int


class Options(TypedDict, total=False):
    """What can be chosen of a stream beside its schema and mode."""

    config_file: PathLike
    """A TOML file with any of these keys, and with flows and channels; what is given here wins over it."""
    environment: bool
    """Whether to look at variables such as `SIFTSTREAM_API_KEY`; they win over the file. Off by default."""
    uri: str
    """The address of Sift's gRPC endpoint, such as `https://grpc-api.siftstack.com`."""
    api_key: str
    """The API key."""
    api_key_file: PathLike
    """A file that holds the API key and nothing else; writing a new key to it rotates the key."""
    profile: str
    """Takes `uri` and `api_key` from this table of your `sift.toml`, or from its top level if it is empty."""
    insecure: bool
    """Allows `http://`: the key and all data then travel unencrypted."""
    stream_name: str
    """Tells streams of one schema apart, on disk and where checkpoints of inputs are kept."""
    worker_threads: int
    thread_name: str
    thread_cpus: Sequence[str]
    thread_nice: str
    thread_fifo_priority: int | None
    extra_ca_file: PathLike
    extra_ca_pem: str
    client_certificate_file: PathLike
    client_key_file: PathLike
    client_certificate_pem: str
    client_key_pem: str
    proxy: str
    """The HTTP proxy to connect through, or `"none"`; by default that of the environment."""
    no_proxy: Sequence[str]
    """Hosts that are reached without it."""
    enable_compression_for_ingestion: bool
    """Compresses each row by gzip on its way to Sift, where that makes it shorter; off by default."""
    server_name: str
    min_tls_version: Literal["1.2", "1.3"]
    connect_timeout: Time
    handshake_timeout: Time
    tcp_keepalive: TcpKeepalive
    http2_keepalive_interval: Time
    http2_keepalive_timeout: Time
    request_timeout: Time
    overall_timeout: Time
    control_retry_policy: RetryPolicy
    max_decoding_message_size: Size
    ingestion_config_id: str
    """The ID under which Sift knows the schema, if you have it: then Sift is not asked."""
    asset_tags: Sequence[str]
    asset_metadata: Mapping[str, MetadataValue]
    run: Run | str
    """The run to attach all rows to: a `Run`, or the ID of an existing one."""
    max_row_size: Size
    end_stream_on_validation_error: bool
    auto_register_flows: bool
    """Registers a flow that is not part of the schema when its first row is sent by name: as `stage_flows` was given it, else
    with the types of that row's values (`float` is double, `int` is int64)."""
    failure_policy: Literal["stop", "skip"]
    """What happens at a row that Sift rejects: the stream stops, or the row is kept in quarantine and skipped."""
    flow_failure_policies: Mapping[str, Literal["stop", "skip"]]
    """The same for the rows of single flows."""
    quarantine_dir: PathLike
    overflow_policy: Literal["block", "drop_newest", "drop_oldest"]
    """What happens to rows for which there is no room: callers wait, or rows are dropped, counted and reported."""
    linger: Time
    ingestion_data_channel_capacity: int
    ingestion_data_channel_bytes: Size
    replay_window_bytes: Size
    checkpoint_interval: Time
    checkpoint_rows: int | None
    checkpoint_bytes: Size | None
    checkpoint_file: PathLike
    idle_timeout: Time
    response_timeout: Time
    no_retry: bool
    retry_policy: RetryPolicy
    disk_backup_policy: DiskBackupPolicy
    offline_after: Time
    backup_data_channel_capacity: int
    backup_data_channel_bytes: Size
    batch_size: int
    flush_interval: Time
    recover_on_start: bool
    reingestion_bytes_per_second: Size | None


def given(mode: Mode | None, options: Options) -> dict[str, object]:
    """The options that were given, with the mode if it was."""
    return {**options} if mode is None else {"mode": mode, **options}
