"""What backup files hold, and the command beside the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

import siftstream as ss
from conftest import ALL, CONFIG, Open
from siftstream.testing import LocalServer


def record(open_stream: Open, directory: Path) -> None:
    stream = open_stream(mode="file_backup", disk_backup_policy={"backups_dir": directory})
    stream.send("all", ALL, 5)
    stream.send("all", {}, 6)
    for step in range(1_000):
        stream.send("engine", {"step": step, "state": "burn"}, step)
    stream.finish(20)


def test_a_backup_is_a_table_for_each_flow(open_stream: Open, tmp_path: Path) -> None:
    record(open_stream, tmp_path)
    backup = ss.read_backup(tmp_path)
    assert sorted(backup) == ["all", "engine"]
    assert (backup.unfit_rows, backup.damaged_bytes) == (0, 0)
    assert len(backup["engine"]) == 1_000
    assert backup["engine"].column_names == ["timestamp", "run_id", "temperature", "state", "step"]
    first, second = backup.to_pyarrow("all").to_pylist()
    assert {name: first[name] for name in ALL} == {**ALL, "enum": 1}
    assert first["timestamp"].nanosecond == 5
    assert {second[name] for name in ALL} == {None}
    assert backup.to_pandas("engine")["step"].tolist() == list(range(1_000))
    assert backup.to_polars("engine")["step"].to_list() == list(range(1_000))
    table = backup["engine"]
    total = duckdb.connect().from_arrow(table).sum("step")
    assert total.fetchall() == [(sum(range(1_000)),)]
    assert repr(backup) == "<siftstream.Backup of 'all': 2 rows, 'engine': 1000 rows>"


def test_a_backup_can_be_sent_as_it_is(sift_server: LocalServer, open_stream: Open, tmp_path: Path) -> None:
    record(open_stream, tmp_path)
    table = ss.read_backup(tmp_path).to_polars("all").drop("run_id")
    stream = open_stream()
    stream.send_columns("all", "timestamp", table)
    stream.flush(timeout=20)
    assert [dict(row.values) for row in sift_server.rows()] == [{**ALL, "enum": 1}, {}]


def test_a_file_outside_its_slot_needs_the_config(open_stream: Open, tmp_path: Path) -> None:
    record(open_stream, tmp_path / "slots")
    (file,) = (tmp_path / "slots").rglob("*.pbfs")
    copy = tmp_path / "copy.pbfs"
    copy.write_bytes(file.read_bytes() + b"torn")
    with pytest.raises(KeyError, match="not known here"):
        ss.read_backup(copy)
    backup = ss.read_backup(copy, CONFIG)
    assert len(backup["engine"]) == 1_000
    assert backup.damaged_bytes == 4


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LookupError) as missing:
        ss.read_backup(tmp_path / "nothing")
    assert isinstance(missing.value, ss.NotFound)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "siftstream", *arguments], capture_output=True, text=True, timeout=60
    )


def test_the_command_looks_into_backups(open_stream: Open, tmp_path: Path) -> None:
    record(open_stream, tmp_path)
    assert "1002" in command("backups", "ls", str(tmp_path)).stdout.replace(",", "")
    lines = command("backups", "cat", "--flow", "engine", str(tmp_path)).stdout.splitlines()
    assert [json.loads(line)["values"]["step"] for line in lines] == list(range(1_000))


def test_the_command_serves() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "siftstream", "serve", "--quiet", "--summary-json", "--once-idle-exit", "0.5"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    uri = json.loads(server.stdout.readline())["uri"]
    with ss.Stream(CONFIG, uri=uri, api_key="local", insecure=True) as stream:
        stream.send_columns("engine", np.arange(10), {"step": np.arange(10)})
    output, _ = server.communicate(timeout=60)
    assert json.loads(output.splitlines()[-1])["rows"] == 10


def test_wrong_arguments_of_the_command_are_told() -> None:
    done = command("backup")
    assert done.returncode == 2
    assert "unrecognized subcommand" in done.stderr
