"""What does not fit is an error of the right class that names flow and channel, and nothing of it is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import siftstream as ss

ROWS: list[tuple[dict[Any, Any], type[Exception], list[str]]] = [
    ({"double": "1.5"}, TypeError, ["'double'", "'all'", "str"]),
    ({"double": True}, TypeError, ["'double'", "bool"]),
    ({"double": np.True_}, TypeError, ["'double'", "bool"]),
    ({"double": 1j}, TypeError, ["'double'", "complex"]),
    ({"double": [1.0]}, TypeError, ["'double'", "list"]),
    ({"double": 10**400}, ValueError, ["'double'", "cannot hold"]),
    ({"float": 1e300}, ValueError, ["'float'", "cannot hold"]),
    ({"bool": 1}, TypeError, ["'bool'", "int"]),
    ({"bool": "yes"}, TypeError, ["'bool'", "str"]),
    ({"int32": 2**31}, ValueError, ["'int32'", "2147483648"]),
    ({"int32": -(2**31) - 1}, ValueError, ["'int32'"]),
    ({"int32": 1.0}, TypeError, ["'int32'", "float"]),
    ({"int32": Decimal(1)}, TypeError, ["'int32'", "Decimal"]),
    ({"uint32": -1}, ValueError, ["'uint32'", "-1"]),
    ({"int64": 2**63}, ValueError, ["'int64'"]),
    ({"uint64": -1}, ValueError, ["'uint64'"]),
    ({"uint64": 2**64}, ValueError, ["'uint64'"]),
    ({"enum": "onn"}, ValueError, ["'enum'", "'onn'"]),
    ({"enum": 1.0}, TypeError, ["'enum'"]),
    ({"enum": -1}, ValueError, ["'enum'"]),
    ({"string": b"text"}, TypeError, ["'string'", "bytes"]),
    ({"string": "\ud800"}, ValueError, ["'string'"]),
    ({"bits": 5}, TypeError, ["'bits'", "int"]),
    ({"bytes": "text"}, TypeError, ["'bytes'", "str"]),
    ({"doubel": 1.0}, KeyError, ["'doubel'", "'all'"]),
    ({1: 1.0}, TypeError, ["'all'"]),
]


@pytest.mark.parametrize(("row", "kind", "words"), ROWS)
def test_a_row_that_does_not_fit(
    stream: ss.Stream, row: dict[Any, Any], kind: type[Exception], words: list[str]
) -> None:
    for send in (stream.send, stream.try_send):
        with pytest.raises(kind) as refused:
            send("all", {"int64": 1, **row})
        assert isinstance(refused.value, ss.SiftStreamError)
        for word in words:
            assert word in str(refused.value)
        assert (refused.value.data_status, refused.value.retryable) == ("not_accepted", False)
    assert stream.watermarks.accepted == 0


@pytest.mark.parametrize(
    ("time", "kind"),
    [
        (datetime(2024, 1, 1), ValueError),
        (2**63, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (1e30, ValueError),
        (np.datetime64("NaT", "ns"), ValueError),
        (pd.NaT, ValueError),
        (np.datetime64(20_000, "Y"), ValueError),
        ("2024-01-01", TypeError),
        (True, TypeError),
        ([1], TypeError),
    ],
)
def test_a_time_that_is_none(stream: ss.Stream, time: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as refused:
        stream.send("all", {"double": 1.0}, time)
    assert isinstance(refused.value, ss.SiftStreamError)
    assert stream.watermarks.accepted == 0


CALLS: list[tuple[Callable[[ss.Stream], object], type[Exception]]] = [
    (lambda stream: stream.send("engin", {}), KeyError),
    (lambda stream: stream.send(1, {}), TypeError),  # type: ignore[arg-type]
    (lambda stream: stream.send("all", [1.0]), TypeError),  # type: ignore[arg-type]
    (lambda stream: stream.send("all", None), TypeError),  # type: ignore[arg-type]
    (lambda stream: stream.flow("engine").row(1.0), ValueError),
    (lambda stream: stream.flow("engine").row("1.0", "idle", 3), TypeError),
    (lambda stream: stream.send("all", {}, timeout=-1), ValueError),
    (lambda stream: stream.send("all", {}, timeout="soon"), ValueError),  # type: ignore[arg-type]
    (lambda stream: stream.flush("sent"), ValueError),  # type: ignore[arg-type]
    (lambda stream: stream.send("all", {"string": "x" * (5 << 20)}), ValueError),
    (lambda stream: stream.set_api_key("bad\r\nkey"), ValueError),
]


@pytest.mark.parametrize(("call", "kind"), CALLS)
def test_a_wrong_call(stream: ss.Stream, call: Callable[[ss.Stream], object], kind: type[Exception]) -> None:
    with pytest.raises(kind) as refused:
        call(stream)
    assert isinstance(refused.value, ss.SiftStreamError)
    assert stream.watermarks.accepted == 0


TIMES = np.arange(3)

COLUMNS: list[tuple[Any, Any, type[Exception], list[str]]] = [
    (TIMES, {"double": ["1", "2", "3"]}, TypeError, ["'double'", "'all'", "row 0"]),
    (TIMES, {"double": np.array(["1", "2", "3"])}, TypeError, ["'double'"]),
    (TIMES, {"double": np.array([True, False, True])}, TypeError, ["'double'", "bool"]),
    (TIMES, {"double": np.array([1j, 2, 3])}, TypeError, ["'double'"]),
    (TIMES, {"double": TIMES.astype("datetime64[s]")}, TypeError, ["'double'"]),
    (TIMES, {"double": "abc"}, TypeError, ["'double'", "str"]),
    (TIMES, {"double": 1.0}, TypeError, ["'double'", "float"]),
    (TIMES, {"double": np.zeros((3, 3))}, ValueError, ["'double'", "2 dimensions"]),
    (TIMES, {"double": np.array(1.0)}, TypeError, ["'double'", "ndarray"]),
    (TIMES, {"float": np.zeros(3)}, TypeError, ["'float'", "float64", "astype"]),
    (TIMES, {"int32": np.zeros(3)}, TypeError, ["'int32'", "float64"]),
    (TIMES, {"int32": np.array([0, 1, 2**31])}, ValueError, ["'int32'", "row 2", "2147483648"]),
    (TIMES, {"uint32": np.array([0, -1, 0])}, ValueError, ["'uint32'", "row 1"]),
    (TIMES, {"uint64": [0, 1, -1]}, ValueError, ["'uint64'", "row 2"]),
    (TIMES, {"bool": np.array([0, 1, 1])}, TypeError, ["'bool'", "int64"]),
    (TIMES, {"enum": ["on", "off", "of"]}, ValueError, ["'enum'", "row 2", "'of'"]),
    (TIMES, {"enum": pa.array(["on", "off", "of"])}, ValueError, ["'enum'", "row 2", "of"]),
    (TIMES, {"string": [1, 2, 3]}, TypeError, ["'string'", "row 0"]),
    (TIMES, {"string": pa.array([1, 2, 3])}, TypeError, ["'string'", "int64"]),
    (TIMES, {"int32": pa.array([1, None, 2**40])}, ValueError, ["'int32'", "row 2"]),
    (TIMES, {"double": pa.array([[1.0], [2.0], [3.0]])}, TypeError, ["'double'"]),
    (TIMES, {"double": np.zeros(2)}, ValueError, ["'double'", "2 values for 3 timestamps"]),
    (TIMES, {"double": np.zeros(3), "int64": [1]}, ValueError, ["'int64'", "1 values"]),
    (TIMES, {"doubel": np.zeros(3)}, KeyError, ["'doubel'", "'all'"]),
    (TIMES, pa.table({"doubel": np.zeros(3)}), KeyError, ["'doubel'"]),
    (TIMES, pa.table({"double": ["a", "b", "c"]}), TypeError, ["'double'"]),
    (TIMES, pa.table({"double": np.zeros(2)}), ValueError, ["2 rows for 3 timestamps"]),
    ("time", {"double": np.zeros(3)}, ValueError, ["'time'"]),
    ("time", pa.table({"double": np.zeros(3)}), ValueError, ["'time'"]),
    ("time", pa.table({"time": pa.array([1, None, 3]), "double": np.zeros(3)}), ValueError, ["row 1"]),
    (["a", "b", "c"], {"double": np.zeros(3)}, TypeError, ["timestamp"]),
    (np.array([True, False, True]), {"double": np.zeros(3)}, TypeError, ["timestamp"]),
    (np.array([1, 2, "NaT"], "datetime64[s]"), {"double": np.zeros(3)}, ValueError, ["NaT"]),
    ([datetime(2024, 1, 1)] * 3, {"double": np.zeros(3)}, ValueError, ["time zone"]),
    (np.zeros((3, 3), np.int64), {"double": np.zeros(3)}, ValueError, ["dimensions"]),
    (7, {"double": np.zeros(3)}, TypeError, ["timestamps"]),
    (TIMES, [1.0, 2.0, 3.0], TypeError, ["columns"]),
    (TIMES, {1: np.zeros(3)}, TypeError, ["'all'"]),
]


@pytest.mark.parametrize(("times", "columns", "kind", "words"), COLUMNS)
def test_columns_that_do_not_fit(
    stream: ss.Stream, times: Any, columns: Any, kind: type[Exception], words: list[str]
) -> None:
    with pytest.raises(kind) as refused:
        stream.send_columns("all", times, columns)
    assert isinstance(refused.value, ss.SiftStreamError)
    for word in words:
        assert word in str(refused.value)
    assert stream.watermarks.accepted == 0


def test_a_schema_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="two channels named 'a'"):
        ss.Flow("twice", [ss.Channel.double("a"), ss.Channel.float("a")])
    with pytest.raises(ValueError, match="no type of channel"):
        ss.Stream(
            ss.IngestionConfig("a", "b", [ss.Flow("f", [ss.Channel("x", "int8")])]),  # type: ignore[arg-type]
            uri="http://127.0.0.1:1",
            insecure=True,
        )
    with pytest.raises(TypeError, match="is not an IngestionConfig"):
        ss.Stream({"asset": "a"}, uri="http://127.0.0.1:1")  # type: ignore[arg-type]
