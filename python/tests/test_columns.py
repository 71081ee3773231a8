"""Many rows at once, from whatever holds them."""

from __future__ import annotations

import array
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import siftstream as ss
from conftest import Open
from siftstream.testing import LocalServer

TIMES = np.arange(4, dtype=np.int64) * 1_000_000_000


def rows_of(server: LocalServer, stream: ss.Stream, flush: bool = True) -> list[dict[str, Any]]:
    if flush:
        stream.flush(timeout=20)
    assert server.schema_errors == []
    return [dict(row.values) for row in server.rows()]


def column_of(server: LocalServer, stream: ss.Stream, channel: str) -> list[Any]:
    return [row.get(channel) for row in rows_of(server, stream)]


@pytest.mark.parametrize(
    ("channel", "values", "arrived"),
    [
        ("double", np.array([1.5, np.inf, -0.0, 2.0]), None),
        ("double", np.array([1, 2, 3, 4]), [1.0, 2.0, 3.0, 4.0]),
        ("double", np.array([0.5, 1, 2, 3], np.float32), None),
        ("double", np.arange(8.0)[::2], [0.0, 2.0, 4.0, 6.0]),
        ("double", np.arange(4.0)[::-1], [3.0, 2.0, 1.0, 0.0]),
        ("double", np.arange(8.0).reshape(4, 2)[:, 1], [1.0, 3.0, 5.0, 7.0]),
        ("double", np.arange(4.0).astype(">f8"), [0.0, 1.0, 2.0, 3.0]),
        ("double", array.array("d", [1, 2, 3, 4]), [1.0, 2.0, 3.0, 4.0]),
        ("double", [1.5, None, 2, np.float32(3)], [1.5, None, 2.0, 3.0]),
        ("double", (1.0, 2.0, 3.0, 4.0), [1.0, 2.0, 3.0, 4.0]),
        ("float", np.array([0.5, 1, 2, 3], np.float32), None),
        ("float", np.array([1, 2, 3, 4], np.int16), [1.0, 2.0, 3.0, 4.0]),
        ("bool", np.array([True, False, True, True]), None),
        ("bool", [True, None, np.False_, False], [True, None, False, False]),
        ("int32", np.array([1, -2, 3, -4], np.int32), None),
        ("int32", np.array([1, -2, 3, -4]), None),
        ("uint32", np.array([1, 2, 3, 2**32 - 1]), None),
        ("int64", np.array([1, -2, 3, -(2**63)]), None),
        ("uint64", np.array([1, 2, 3, 2**64 - 1], np.uint64), None),
        ("enum", np.array([0, 1, 0, 1], np.uint32), None),
        ("enum", np.array([0, 1, 0, 1]), None),
        ("enum", ["on", "off", None, 1], [1, 0, None, 1]),
        ("enum", np.array(["on", "off", "on", "off"]), [1, 0, 1, 0]),
        ("string", ["a", "é", "", None], ["a", "é", "", None]),
        ("string", np.array(["a", "b", "c", "d"]), None),
        ("string", np.array(["a", None, "c", "d"], object), None),
        ("bits", np.array([1, 2, 3, 4], np.uint8), [b"\x01", b"\x02", b"\x03", b"\x04"]),
        ("bytes", np.arange(8, dtype=np.uint8).reshape(4, 2), [b"\0\1", b"\2\3", b"\4\5", b"\6\7"]),
        ("bytes", [b"a", b"", bytearray(b"c"), None], [b"a", b"", b"c", None]),
        ("double", pa.array([1.5, None, 2.5, 3.5]), [1.5, None, 2.5, 3.5]),
        ("double", pa.chunked_array([[1.0, 2.0], [3.0], [None]], pa.float64()), [1.0, 2.0, 3.0, None]),
        ("double", pa.array([0.0, 1.5, None, 2.5, 3.5])[1:], [1.5, None, 2.5, 3.5]),
        ("double", pa.nulls(4), [None] * 4),
        ("int32", pa.array([1, None, 3, 4], pa.int64()), [1, None, 3, 4]),
        ("bool", pa.array([False, True, None, True, False])[1:], [True, None, True, False]),
        ("string", pa.array(["x", "a", None, "c", "d"])[1:], ["a", None, "c", "d"]),
        ("string", pa.array(["a", None, "c", "d"], pa.large_string()), ["a", None, "c", "d"]),
        ("string", pa.array(["a", None, "a longer text than a view holds", "d"], pa.string_view()), None),
        ("string", pa.array(["a", None, "a", "d"]).dictionary_encode(), ["a", None, "a", "d"]),
        ("enum", pa.array(["on", None, "off", "on"]).dictionary_encode(), [1, None, 0, 1]),
        ("enum", pa.array(["on", None, "off", "on"]), [1, None, 0, 1]),
        ("bytes", pa.array([b"a", None, b"", b"d"]), [b"a", None, b"", b"d"]),
        ("bytes", pa.array([b"xx", b"ab", None, b"cd", b"ef"], pa.binary(2))[1:], [b"ab", None, b"cd", b"ef"]),
        ("double", pl.Series([1.0, None, 3.0, 4.0]), [1.0, None, 3.0, 4.0]),
        ("string", pl.Series(["a", None, "c", "d"]), ["a", None, "c", "d"]),
        ("enum", pl.Series(["on", "off", None, "on"], dtype=pl.Categorical), [1, 0, None, 1]),
        ("double", pd.Series([1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0]),
        ("int64", pd.Series([1, None, 3, 4], dtype="Int64"), [1, None, 3, 4]),
        ("string", pd.Series(["a", None, "c", "d"]), ["a", None, "c", "d"]),
        ("enum", pd.Series(["on", "off", None, "on"], dtype="category"), [1, 0, None, 1]),
    ],
)
def test_arrays_arrive(
    sift_server: LocalServer, stream: ss.Stream, channel: str, values: Any, arrived: list[Any] | None
) -> None:
    stream.send_columns("all", TIMES, {channel: values})
    expected = list(values) if arrived is None else arrived
    if isinstance(expected[0], pa.Scalar):
        expected = values.to_pylist()
    assert column_of(sift_server, stream, channel) == expected


def test_nan_is_a_value(sift_server: LocalServer, stream: ss.Stream) -> None:
    nan = np.array([1.0, np.nan])
    for values in [nan, pd.Series(nan), list(nan), pa.array(nan), pl.Series(nan)]:
        stream.send_columns("all", [1, 2], {"double": values})
    arrived = np.array(column_of(sift_server, stream, "double")).reshape(5, 2)
    assert (arrived[:, 0] == 1.0).all()
    assert np.isnan(arrived[:, 1]).all()


@pytest.mark.parametrize(
    "times",
    [
        TIMES,
        TIMES / 1e9,
        TIMES.astype("datetime64[ns]"),
        TIMES.astype("datetime64[ns]").astype("datetime64[s]"),
        list(TIMES.astype("datetime64[ns]")),
        [0, 1.0, datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC), np.datetime64(3, "s")],
        pd.to_datetime(TIMES),
        pd.to_datetime(TIMES, utc=True).tz_convert("Asia/Tokyo"),
        pd.Series(pd.to_datetime(TIMES, utc=True)),
        pl.from_epoch(pl.Series(TIMES), "ns"),
        pa.array(TIMES, pa.timestamp("ns", "UTC")),
        pa.array(TIMES // 1000, pa.timestamp("us")),
        pa.array(TIMES // 1_000_000, pa.timestamp("ms")),
        pa.array(TIMES // 1_000_000_000, pa.timestamp("s")),
        pa.chunked_array([TIMES[:1], TIMES[1:]]),
        array.array("q", list(TIMES)),
    ],
)
def test_times_have_many_forms(sift_server: LocalServer, stream: ss.Stream, times: Any) -> None:
    stream.send_columns("all", times, {"int64": TIMES})
    stream.flush(timeout=20)
    assert [row.timestamp_ns for row in sift_server.rows()] == list(TIMES)


def frame() -> dict[str, list[Any]]:
    return {"temperature": [1.0, 2.0, 3.0, 4.0], "state": ["idle", "burn", "idle", "burn"], "step": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    "make",
    [
        lambda data: data,
        lambda data: pd.DataFrame(data),
        lambda data: pd.DataFrame(data).convert_dtypes(),
        lambda data: pl.DataFrame(data),
        lambda data: pa.table(data),
        lambda data: pa.table(data).combine_chunks().to_batches()[0],
        lambda data: pa.concat_tables([pa.table(data).slice(0, 1), pa.table(data).slice(1)]),
        lambda data: duckdb.from_arrow(pa.table(data)),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_tables_arrive(sift_server: LocalServer, stream: ss.Stream, make: Any, named: bool) -> None:
    if named:
        stream.send_columns("engine", "time", make({"time": TIMES, **frame()}))
    else:
        stream.send_columns("engine", TIMES, make(frame()))
    stream.flush(timeout=20)
    rows = sift_server.rows()
    assert [row.timestamp_ns for row in rows] == list(TIMES)
    assert [row.values["state"] for row in rows] == [0, 7, 0, 7]
    assert [row.values["temperature"] for row in rows] == [1.0, 2.0, 3.0, 4.0]
    assert [row.values["step"] for row in rows] == [1, 2, 3, 4]


def test_no_rows_are_no_rows(stream: ss.Stream) -> None:
    stream.send_columns("engine", [], {})
    stream.send_columns("engine", np.array([], np.int64), {"temperature": np.array([])})
    stream.send_columns("engine", "time", pa.table({"time": pa.array([], pa.int64())}))
    assert stream.watermarks.accepted == 0


def test_a_full_stream_tells_how_many_rows_it_took(sift_server: LocalServer, open_stream: Open) -> None:
    sift_server.inject("silence,times=always")
    stream = open_stream(ingestion_data_channel_capacity=2_000, replay_window_bytes=100_000)
    count = 100_000
    times, columns = np.arange(count), {"int64": np.arange(count)}
    accepted = stream.try_send_columns("all", times, columns)
    assert 0 < accepted < count
    with pytest.raises(ss.Timeout, match="no room within 300ms") as late:
        stream.send_columns("all", times[accepted:], {"int64": columns["int64"][accepted:]}, timeout=0.3)
    accepted += late.value.accepted
    assert stream.watermarks.accepted == accepted
    sift_server.heal()
    stream.flow("all").send_columns(times[accepted:], {"int64": columns["int64"][accepted:]}, timeout=60)
    assert stream.finish(60).confirmed == count
    assert sorted(int(row["int64"]) for row in rows_of(sift_server, stream, False)) == list(range(count))


def test_a_million_rows_of_ten_arrive_without_a_copy(sift_server: LocalServer, open_stream: Open) -> None:
    from subprocess import run
    from sys import executable

    script = """
import resource, sys
import numpy as np, pandas as pd
import siftstream as ss
rows = 1_000_000
flow = ss.Flow("wide", [ss.Channel.double(f"c{at}") for at in range(10)])
frame = pd.DataFrame({f"c{at}": np.arange(rows, dtype=float) + at for at in range(10)})
times = np.arange(rows)
config = ss.IngestionConfig("rig", "wide", [flow])
stream = ss.Stream(config, uri=sys.argv[1], api_key="local", insecure=True, ingestion_data_channel_bytes=16 << 20,
                   replay_window_bytes=16 << 20)
stream.send_columns("wide", times[:1], frame[:1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stream.send_columns("wide", times, frame)
assert stream.finish(120).confirmed == rows + 1
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    with LocalServer(count_only=True) as server:
        done = run([executable, "-c", script, server.uri], capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        assert server.row_count == 1_000_001
    assert int(done.stdout) <= 64, "MiB more than before"
