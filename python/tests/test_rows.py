"""Rows one by one: every type of channel, every form of time, every way to send."""

from __future__ import annotations

import enum
import math
import threading
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import siftstream as ss
from conftest import ALL, CONFIG, Open
from siftstream.testing import LocalServer

NOON = 1_700_000_000_123_456_789


def values_of(server: LocalServer, stream: ss.Stream) -> list[dict[str, Any]]:
    stream.flush(timeout=20)
    return [dict(row.values) for row in server.rows()]


def test_every_type_of_channel_arrives_bit_for_bit(sift_server: LocalServer, stream: ss.Stream) -> None:
    stream.send("all", ALL, NOON)
    stream.flush(timeout=20)
    (row,) = sift_server.rows("all")
    assert row.timestamp_ns == NOON
    assert row.values == {**ALL, "enum": 1}
    assert sift_server.schema_errors == []


def test_floats_arrive_as_they_are(sift_server: LocalServer, stream: ss.Stream) -> None:
    given = [math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, math.nan]
    for value in given:
        stream.send("all", {"double": value})
    arrived = [row["double"] for row in values_of(sift_server, stream)]
    assert [math.copysign(1, value) for value in arrived[:5]] == [math.copysign(1, value) for value in given[:5]]
    assert arrived[:5] == given[:5]
    assert math.isnan(arrived[5])


def test_what_behaves_as_a_number_is_one(sift_server: LocalServer, stream: ss.Stream) -> None:
    class State(enum.IntEnum):
        ON = 1

    given: dict[str, Any] = {
        "double": np.float32(0.5),
        "float": np.float64(0.5),
        "bool": np.True_,
        "int32": np.int8(-3),
        "uint64": np.uint64(2**63),
        "enum": State.ON,
        "string": np.str_("text"),
        "bytes": bytearray(b"ab"),
        "bits": memoryview(b"\x01"),
    }
    stream.send("all", given)
    stream.send("all", {"double": 3})
    first, second = values_of(sift_server, stream)
    assert first == {
        "double": 0.5,
        "float": 0.5,
        "bool": True,
        "int32": -3,
        "uint64": 2**63,
        "enum": 1,
        "string": "text",
        "bytes": b"ab",
        "bits": b"\x01",
    }
    assert second == {"double": 3.0}


def test_channels_that_are_not_named_or_none_have_no_news(sift_server: LocalServer, stream: ss.Stream) -> None:
    stream.send("engine", {"step": 1})
    stream.send("engine", {"temperature": 2.0, "step": None})
    stream.send("engine", {})
    assert values_of(sift_server, stream) == [{"step": 1}, {"temperature": 2.0}, {}]


def test_enums_are_given_by_name_or_number(sift_server: LocalServer, stream: ss.Stream) -> None:
    states: list[str | int] = ["idle", "burn", 0, 7]
    for state in states:
        stream.send("engine", {"state": state})
    assert [row["state"] for row in values_of(sift_server, stream)] == [0, 7, 0, 7]


def test_keys_may_change_their_order_and_be_made_anew(sift_server: LocalServer, stream: ss.Stream) -> None:
    for step in range(50):
        row = {"step": step, "temperature": step / 2}
        items = list(row.items())[:: 1 if step % 2 else -1]
        stream.send("engine", {"".join(list(name)): value for name, value in items})
    arrived = values_of(sift_server, stream)
    assert arrived == [{"temperature": step / 2, "step": step} for step in range(50)]


def test_any_mapping_is_a_row(sift_server: LocalServer, stream: ss.Stream) -> None:
    stream.send("engine", MappingProxyType({"step": 1}))
    assert values_of(sift_server, stream) == [{"step": 1}]


def test_rows_by_place(sift_server: LocalServer, stream: ss.Stream) -> None:
    engine = stream.flow("engine")
    assert engine.name == "engine"
    assert engine.channels == ("temperature", "state", "step")
    engine.row(1.0, "burn", 3, timestamp=NOON)
    engine.try_row(None, None, 4, timestamp=NOON + 1)
    engine.send({"step": 5}, NOON + 2)
    engine.try_send({"step": 6}, NOON + 3)
    stream.flush(timeout=20)
    rows = sift_server.rows("engine")
    assert [row.timestamp_ns - NOON for row in rows] == [0, 1, 2, 3]
    assert [dict(row.values) for row in rows] == [
        {"temperature": 1.0, "state": 7, "step": 3},
        {"step": 4},
        {"step": 5},
        {"step": 6},
    ]


@pytest.mark.parametrize(
    ("given", "nanos"),
    [
        (NOON, NOON),
        (-1, -1),
        (1.5, 1_500_000_000),
        (-0.25, -250_000_000),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), 1_709_208_000_000_000_000),
        (datetime(2024, 2, 29, 13, 0, 0, 1, tzinfo=timezone(timedelta(hours=1))), 1_709_208_000_000_001_000),
        (datetime(1, 1, 1, tzinfo=UTC), None),
        (np.datetime64("2024-02-29T12:00:00"), 1_709_208_000_000_000_000),
        (np.datetime64("2024-02-29T12:00:00.000000001"), 1_709_208_000_000_000_001),
        (np.datetime64("2024-02"), 1_706_745_600_000_000_000),
        (np.datetime64(7, ("ms", 25)), 175_000_000),
        (np.int64(5), 5),
        (np.float64(0.5), 500_000_000),
        (pd.Timestamp("2024-02-29T12:00:00.000000001Z"), 1_709_208_000_000_000_001),
    ],
)
def test_every_form_of_time(
    sift_server: LocalServer, stream: ss.Stream, given: Any, nanos: int | None
) -> None:
    stream.send("engine", {"step": 1}, given)
    stream.flush(timeout=20)
    (row,) = sift_server.rows()
    if nanos is not None:
        assert row.timestamp_ns == nanos


def test_a_row_without_a_time_gets_that_of_the_call(sift_server: LocalServer, stream: ss.Stream) -> None:
    before = datetime.now(UTC)
    stream.send("engine", {"step": 1})
    after = datetime.now(UTC)
    stream.flush(timeout=20)
    (row,) = sift_server.rows()
    assert before.timestamp() - 0.001 <= row.timestamp_ns / 1e9 <= after.timestamp() + 0.001


def test_a_full_stream_says_so_and_send_waits(sift_server: LocalServer, open_stream: Open) -> None:
    sift_server.inject("silence,times=always")
    stream = open_stream(ingestion_data_channel_capacity=10, replay_window_bytes=10_000)
    row = {"string": "x" * 5_000}
    with pytest.raises(ss.Full) as full:
        for _ in range(1_000):
            stream.try_send("all", row)
    assert (full.value.code, full.value.retryable, full.value.data_status) == (1, True, "not_accepted")
    assert full.value.data is row
    with pytest.raises(ss.Timeout, match="no room within 200ms") as late:
        for _ in range(1_000):
            stream.send("all", row, timeout=0.2)
    assert late.value.data is row
    assert isinstance(late.value, TimeoutError)
    accepted = stream.watermarks.accepted
    sift_server.heal()
    stream.send("all", row, timeout=20)
    assert stream.finish(30).confirmed == accepted + 1


def test_threads_share_a_stream(sift_server: LocalServer, stream: ss.Stream) -> None:
    def send(first: int) -> None:
        for step in range(first, first + 500):
            stream.send("engine", {"step": step})

    threads = [threading.Thread(target=send, args=(at * 500,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row["step"] for row in values_of(sift_server, stream)) == list(range(2_000))


def test_a_conversion_may_send_to_the_same_flow(sift_server: LocalServer, stream: ss.Stream) -> None:
    class Sends:
        def __float__(self) -> float:
            stream.send("engine", {"step": 1, "temperature": 1.0})
            return 2.0

    stream.send("engine", {"temperature": Sends(), "step": 2})
    assert values_of(sift_server, stream) == [{"temperature": 1.0, "step": 1}, {"temperature": 2.0, "step": 2}]


def test_values_that_change_while_they_are_read_are_refused(stream: ss.Stream) -> None:
    row: dict[str, Any] = {}

    class Grows:
        def __float__(self) -> float:
            row["state"] = "idle"
            return 2.0

    row["temperature"] = Grows()
    with pytest.raises(ss.InvalidArgument, match="changed while they were read"):
        stream.send("engine", row)
    assert stream.watermarks.accepted == 0


def test_a_schema_is_told_to_sift(sift_server: LocalServer, stream: ss.Stream) -> None:
    assert sorted(sift_server.flows) == ["all", "engine"]
    stream.add_flows(ss.Flow("late", [ss.Channel.double("x"), ss.Channel.enumeration("e", ["a", "b"])]))
    stream.send("late", {"x": 1.0, "e": "b"})
    assert values_of(sift_server, stream) == [{"x": 1.0, "e": 1}]


def test_rows_belong_to_the_run_that_is_attached(sift_server: LocalServer, open_stream: Open) -> None:
    run = ss.Run("hot fire 3", "hot-fire-3", tags=["hot"], metadata={"rig": 7, "cold": False, "by": "us"})
    stream = open_stream(CONFIG, run=run)
    stream.send("engine", {"step": 1})
    run_id = stream.run_id
    stream.detach_run()
    stream.send("engine", {"step": 2})
    stream.attach_run(run)
    stream.send("engine", {"step": 3})
    assert stream.run_id == run_id
    stream.flush(timeout=20)
    assert [row.run_id for row in sift_server.rows()] == [run_id, "", run_id]
    assert sift_server.runs == ["hot fire 3"]
