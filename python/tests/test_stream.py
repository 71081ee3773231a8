"""The life of a stream: what it tells, how it ends, where its inputs resume."""

from __future__ import annotations

import dataclasses
import gc
import logging
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

import siftstream as ss
from conftest import CONFIG, Open
from siftstream.testing import LocalServer


def on_disk(path: Path) -> dict[str, Any]:
    return {"mode": "live_with_backups", "disk_backup_policy": {"backups_dir": path}}


def test_the_end_of_the_block_delivers(sift_server: LocalServer) -> None:
    with ss.Stream(CONFIG, **sift_server.options()) as stream:
        for step in range(1_000):
            stream.send("engine", {"step": step})
    assert sift_server.row_count == 1_000
    report = stream.finish()
    assert report == ss.Report(1_000, 0, 1_000, 0, 0, 0, 0)
    with pytest.raises(ss.Closed) as closed:
        stream.send("engine", {"step": 1})
    assert closed.value.code == 3


def test_an_error_in_the_block_is_told_first(sift_server: LocalServer) -> None:
    with pytest.raises(ZeroDivisionError):
        with ss.Stream(CONFIG, **sift_server.options()) as stream:
            stream.send("engine", {"step": 1})
            1 / 0  # noqa: B018
    assert sift_server.row_count == 1


def test_what_was_not_delivered_is_on_the_exception(sift_server: LocalServer, open_stream: Open) -> None:
    sift_server.inject("silence,times=always")
    stream = open_stream()
    for step in range(10):
        stream.send("engine", {"step": step})
    with pytest.raises(ss.Timeout) as failed:
        stream.finish(0.5)
    report = failed.value.report
    assert report is not None
    assert (report.accepted, report.confirmed, report.in_memory) == (10, 0, 10)
    assert report.unconfirmed == (range(10),)
    assert failed.value.data_status == "unknown"


def test_rows_survive_an_outage_on_disk(sift_server: LocalServer, open_stream: Open, tmp_path: Path) -> None:
    stream = open_stream(**on_disk(tmp_path))
    sift_server.stop()
    for step in range(100):
        stream.send("engine", {"step": step})
    stream.flush("durable", 20)
    marks = stream.watermarks
    assert (marks.accepted, marks.durable, marks.confirmed) == (100, 100, 0)
    report = stream.finish(1)
    assert report.on_disk == 100
    del stream
    gc.collect()
    sift_server.start_again()
    again = open_stream(**on_disk(tmp_path))
    assert sift_server.wait_for_rows(100, 20)
    kinds = set()
    for event in again.events(20):
        kinds.add(event.kind)
        if event.kind == "caught_up":
            break
    assert "recovered" in kinds
    assert again.finish(20).recovered == 100


def test_files_only(sift_server: LocalServer, open_stream: Open, tmp_path: Path) -> None:
    stream = open_stream(mode="file_backup", disk_backup_policy={"backups_dir": str(tmp_path)})
    stream.send("engine", {"step": 1})
    assert stream.finish(20).on_disk == 1
    assert sift_server.row_count == 0
    with pytest.raises(ss.NotConfigured):
        open_stream(mode="file_backup", disk_backup_policy={"backups_dir": tmp_path}).flush("confirmed")


def test_metrics_are_plain_data(stream: ss.Stream) -> None:
    stream.send("engine", {"step": 1})
    stream.flush(timeout=20)
    metrics = stream.metrics
    assert metrics.rows_accepted == metrics.rows_confirmed == 1
    assert metrics.as_dict()["statuses"] == metrics.statuses
    assert set(metrics.as_dict()) == {field.name for field in dataclasses.fields(ss.Metrics)}
    assert pickle.loads(pickle.dumps(metrics)) == metrics


def test_events_tell_what_happens(stream: ss.Stream) -> None:
    stream.send("engine", {"step": 1})
    stream.flush(timeout=20)
    events = list(stream.events(timeout=0.1))
    kinds = [event.kind for event in events]
    assert "connected" in kinds
    checkpoint = events[kinds.index("checkpoint")]
    assert (checkpoint.rows, checkpoint.ranges) == (1, (range(1),))
    assert str(checkpoint).startswith("checkpoint: 1 rows")
    assert checkpoint.time.tzinfo is not None
    assert stream.poll_event() is None


def test_the_iterator_of_events_ends_with_the_stream(stream: ss.Stream) -> None:
    seen: list[ss.Event] = []
    thread = threading.Thread(target=lambda: seen.extend(stream.events()))
    thread.start()
    stream.send("engine", {"step": 1})
    stream.finish(20)
    thread.join(20)
    assert not thread.is_alive()
    assert "checkpoint" in {event.kind for event in seen}


def test_errors_of_events_are_exceptions(sift_server: LocalServer, open_stream: Open) -> None:
    sift_server.inject("status=UNAVAILABLE,after=1")
    stream = open_stream()
    stream.send("engine", {"step": 1})
    stream.flush(timeout=20)
    failed = [event for event in stream.events(0.1) if event.error is not None]
    assert isinstance(failed[0].error, ss.SiftStreamError)


def test_a_cancelled_stream_tells_why(stream: ss.Stream) -> None:
    stream.cancel("the rig caught fire")
    with pytest.raises(ss.Cancelled, match="the rig caught fire"):
        stream.send("engine", {"step": 1})


def test_inputs_resume_where_rows_are_safe(
    sift_server: LocalServer, open_stream: Open, tmp_path: Path
) -> None:
    stream = open_stream(**on_disk(tmp_path))
    assert stream.recover().offset("log") == 0
    for step in range(10):
        stream.send("engine", {"step": step})
    stream.mark({"log": 10}, state={"filter": b"\x01"}, metadata={"by": "test"})
    stream.flush("durable", 20)
    assert stream.recover().offset("log") == 10
    stream.finish(20)
    del stream
    gc.collect()
    recovery = open_stream(**on_disk(tmp_path)).recover()
    assert recovery.offset("log") == 10
    assert recovery.durable is not None
    assert recovery.durable.state == {"filter": b"\x01"}
    assert recovery.durable.metadata == {"by": "test"}


def test_a_wrong_key_is_told_and_a_new_one_heals(sift_server: LocalServer) -> None:
    sift_server.set_api_key("right")
    options: Any = {**sift_server.options(), "api_key": "wr0ng"}
    with pytest.raises(ss.AuthError) as refused:
        ss.Stream(CONFIG, open_timeout=20, **options)
    assert "wr0ng" not in str(refused.value)
    assert refused.value.code == 10


def test_nobody_there_is_a_connection_error(sift_server: LocalServer) -> None:
    options = sift_server.options()
    sift_server.close()
    with pytest.raises((ConnectionError, TimeoutError)) as failed:
        ss.Stream(CONFIG, open_timeout=2, **options)
    assert isinstance(failed.value, ss.SiftStreamError)
    assert failed.value.retryable


def test_a_changed_flow_is_told(open_stream: Open) -> None:
    open_stream()
    changed = ss.IngestionConfig("rig", "rig-v1", [ss.Flow("engine", [ss.Channel.string("temperature")])])
    with pytest.raises(ss.SchemaMismatch, match="engine"):
        open_stream(changed)


@pytest.mark.parametrize("options", [{"checkpoint_interval": -1}])
def test_a_wrong_option_is_a_value_error(open_stream: Open, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        open_stream(**options)


def test_logs_go_to_logging(open_stream: Open, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "siftstream"):
        stream = open_stream(api_key="k3y-that-stays-secret")
        stream.send("engine", {"step": 1})
        stream.flush(timeout=20)
        waited = threading.Event()
        for _ in range(200):
            if any("checkpoint" in record.message for record in caplog.records):
                break
            waited.wait(0.05)
    assert any("checkpoint" in record.message for record in caplog.records)
    assert all(record.name.startswith("siftstream") for record in caplog.records)
    assert "k3y-that" not in caplog.text
