"""The options are the core's keys, and files and the environment may give them too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import siftstream as ss
from conftest import CONFIG, Open
from siftstream import _siftstream
from siftstream.testing import LocalServer

GROUPS: dict[str, Any] = {
    "tcp_keepalive": ss.TcpKeepalive,
    "control_retry_policy": ss.RetryPolicy,
    "retry_policy": ss.RetryPolicy,
    "disk_backup_policy": ss.DiskBackupPolicy,
}
OF_THE_CONFIG = {"mode", "asset_name", "client_key"}
PYTHONS_OWN = {"config_file", "environment", "asset_metadata", "flow_failure_policies", "run"}


def test_every_key_of_the_core_is_an_option_and_no_other() -> None:
    keys = {name for name, _ in _siftstream.option_names() if not name.startswith("run.")} - OF_THE_CONFIG
    options = set(get_type_hints(ss.Options)) - PYTHONS_OWN
    flat = options - set(GROUPS)
    grouped = {f"{group}.{key}" for group, kind in GROUPS.items() for key in get_type_hints(kind)}
    assert flat | grouped == keys


def test_times_and_sizes_have_many_forms(open_stream: Open, tmp_path: Path) -> None:
    stream = open_stream(
        checkpoint_interval=timedelta(seconds=30),
        idle_timeout="45s",
        response_timeout=12.5,
        linger=0,
        replay_window_bytes="16MiB",
        max_row_size=1 << 20,
        checkpoint_rows=None,
        retry_policy={"max_attempts": 3, "initial_backoff": "10ms"},
        tcp_keepalive={"idle": 5},
        asset_tags=["hot"],
        asset_metadata={"rig": 7, "cold": False, "by": "us"},
        checkpoint_file=tmp_path / "checkpoints",
    )
    stream.send("engine", {"step": 1})
    assert stream.finish(20).confirmed == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lingr": 1}, ["lingr", "linger"]),
        ({"retry_policy": {"max_attemps": 1}}, ["max_attempts"]),
        ({"mode": "live"}, ["live_only"]),
        ({"checkpoint_interval": "soon"}, ["checkpoint_interval"]),
        ({"ingestion_data_channel_capacity": -1}, ["ingestion_data_channel_capacity"]),
        ({"ingestion_data_channel_capacity": 2**70}, ["ingestion_data_channel_capacity"]),
        ({"linger": object()}, ["linger", "object"]),
        ({"flow_failure_policies": {"engine": "ignore"}}, ["ignore", "skip"]),
    ],
)
def test_a_wrong_option_is_told_by_name(
    open_stream: Open, options: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises((ValueError, TypeError)) as refused:
        open_stream(**options)
    assert isinstance(refused.value, ss.SiftStreamError)
    for word in words:
        assert word in str(refused.value)


def test_a_file_gives_options_and_the_schema(sift_server: LocalServer, tmp_path: Path) -> None:
    file = tmp_path / "stream.toml"
    file.write_text(
        f"""
asset_name = "rig"
client_key = "from-a-file"
uri = "{sift_server.uri}"
api_key = "local"
insecure = true
checkpoint_interval = "1s"

[[flows]]
name = "engine"

[[flows.channels]]
name = "state"
data_type = "enum"
enum_types = [{{ name = "idle", key = 0 }}, {{ name = "burn", key = 7 }}]
"""
    )
    with ss.Stream(config_file=file) as stream:
        stream.send("engine", {"state": "burn"})
    assert [dict(row.values) for row in sift_server.rows()] == [{"state": 7}]


def test_the_environment_is_looked_at_only_when_asked(
    sift_server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIFTSTREAM_URI", sift_server.uri)
    monkeypatch.setenv("SIFTSTREAM_API_KEY", "local")
    monkeypatch.setenv("SIFTSTREAM_INSECURE", "true")
    with ss.Stream(CONFIG, environment=True) as stream:
        stream.send("engine", {"step": 1})
    assert sift_server.row_count == 1
    with pytest.raises(ss.SiftStreamError):
        ss.Stream(CONFIG, open_timeout=2)
