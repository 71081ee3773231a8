"""Flows that are registered when their first row is sent: as the row tells, as staged, refused, and without a network."""

from __future__ import annotations

import asyncio
import decimal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import siftstream as ss
from conftest import CONFIG, Open
from siftstream.testing import LocalServer

VALVES = ss.Flow(
    "valves",
    [
        ss.Channel.enumeration("main", {"shut": 0, "open": 7}),
        ss.Channel.float("flow", unit="kg/s"),
        ss.Channel.int32("step"),
        ss.Channel.bit_field("bits", ["fuel", "lox"]),
    ],
)


def test_the_first_row_registers_its_flow(sift_server: LocalServer, open_stream: Open) -> None:
    stream = open_stream(auto_register_flows=True)
    for step in range(100):
        stream.send("tank", {"level": step / 2, "refills": step, "hot": step > 50, "note": "é", "raw": b"\x00"}, step)
    stream.flow("tank").row(1.5, 7, None, None, b"")
    stream.finish()
    rows = sift_server.rows("tank")
    assert len(rows) == 101
    assert rows[3].timestamp_ns == 3
    assert rows[3].values == {"level": 1.5, "refills": 3, "hot": False, "note": "é", "raw": b"\x00"}
    assert sift_server.schema_errors == []


def test_values_of_numpy_tell_their_own_types(sift_server: LocalServer, open_stream: Open) -> None:
    stream = open_stream(auto_register_flows=True)
    row: dict[str, Any] = {
        "f64": np.float64(0.5),
        "f32": np.float32(0.1),
        "i16": np.int16(-5),
        "i64": np.int64(-(2**63)),
        "u8": np.uint8(255),
        "u64": np.uint64(2**64 - 1),
        "bool": np.bool_(True),
        "text": np.str_("é"),
    }
    stream.send("numpy", row)
    stream.finish()
    values = sift_server.rows("numpy")[0].values
    assert values == {**row, "f32": pytest.approx(0.1, 1e-6)}
    with pytest.raises(ss.SchemaMismatch) as told:
        open_stream(ss.IngestionConfig(CONFIG.asset, CONFIG.client_key, [ss.Flow("numpy", [ss.Channel.double("f64")])]))
    for channel, kind in {"f32": "float", "i16": "int32", "i64": "int64", "u8": "uint32", "u64": "uint64"}.items():
        assert any(channel in line and kind in line for line in str(told.value).splitlines()), told.value


def test_a_staged_flow_gives_what_a_row_does_not_tell(sift_server: LocalServer, open_stream: Open) -> None:
    stream = open_stream(auto_register_flows=True)
    stream.stage_flows(VALVES)
    assert "valves" not in sift_server.flows
    with pytest.raises(ValueError, match="'ajar'"):
        stream.send("valves", {"main": "ajar"})
    with pytest.raises(KeyError, match="'mian'"):
        stream.send("valves", {"mian": "open"})
    with pytest.raises(TypeError, match="'step'"):
        stream.send("valves", {"step": 1.5})
    assert "valves" not in sift_server.flows
    stream.send("valves", {"step": 1, "main": "open", "bits": b"\x02"}, 1)
    stream.send("valves", {"main": "shut", "flow": 0.5}, 2)
    stream.finish()
    first, second = sift_server.rows("valves")
    assert (first.values["step"], first.values["main"], first.values["bits"]) == (1, 7, b"\x02")
    assert second.values == {"main": 0, "flow": 0.5}
    # The same schema, units and names included, is the one that Sift has.
    open_stream(ss.IngestionConfig(CONFIG.asset, CONFIG.client_key, [VALVES]), stream_name="again")


def test_without_the_option_the_flow_is_unknown(open_stream: Open) -> None:
    stream = open_stream()
    with pytest.raises(ss.UnknownFlow, match="'tank'"):
        stream.send("tank", {"level": 1.0})
    with pytest.raises(ss.NotConfigured):
        stream.stage_flows(VALVES)


REFUSED: list[tuple[Any, type[Exception], list[str]]] = [
    ({"level": None}, KeyError, ["'tank'", "'level'", "type"]),
    ({"level": decimal.Decimal(1)}, TypeError, ["'tank'", "'level'", "Decimal"]),
    ({"level": [1.0]}, TypeError, ["'tank'", "'level'", "list"]),
    ({"level": np.zeros(3)}, TypeError, ["'tank'", "'level'"]),
    ({"level": 2**63}, ValueError, ["'tank'", "'level'", "int64"]),
    ({1: 1.0}, TypeError, ["'tank'"]),
    ([1.0], TypeError, ["list"]),
]


@pytest.mark.parametrize(("values", "kind", "words"), REFUSED)
def test_a_row_that_tells_no_flow_registers_none(
    sift_server: LocalServer, open_stream: Open, values: Any, kind: type[Exception], words: list[str]
) -> None:
    stream = open_stream(auto_register_flows=True)
    with pytest.raises(kind) as refused:
        stream.send("tank", values)
    assert isinstance(refused.value, ss.SiftStreamError)
    for word in words:
        assert word in str(refused.value)
    assert "tank" not in sift_server.flows
    stream.send("tank", {"level": 1.0})


def test_a_clash_shows_the_difference_and_accepts_nothing(sift_server: LocalServer, open_stream: Open) -> None:
    stream = open_stream(auto_register_flows=True)
    rival = open_stream(stream_name="rival")
    rival.add_flows(ss.Flow("tank", [ss.Channel.string("level")]))
    values = {"level": 1.0}
    with pytest.raises(ss.SchemaMismatch, match="level") as refused:
        stream.send("tank", values)
    assert refused.value.data is values
    assert refused.value.data_status == "not_accepted"
    assert stream.watermarks.accepted == 0
    stream.send("other", {"level": 1.0})
    assert stream.finish().confirmed == 1


def test_try_send_never_waits(sift_server: LocalServer, open_stream: Open) -> None:
    stream = open_stream(auto_register_flows=True)
    with pytest.raises(ss.Full, match="'tank' is being registered"):
        stream.try_send("tank", {"level": 1.0})
    sent = threading.Event()
    while not sent.wait(0.001):
        try:
            stream.try_send("tank", {"level": 1.0})
            sent.set()
        except ss.Full:
            pass
    assert stream.finish().confirmed == 1


def test_a_wait_for_the_registration_ends_in_time(sift_server: LocalServer, open_stream: Open) -> None:
    stream = open_stream(auto_register_flows=True)
    sift_server.inject_call("silence", "CreateIngestionConfigFlows")
    with pytest.raises(TimeoutError, match=r"not registered within 200ms"):
        stream.send("tank", {"level": 1.0}, timeout=0.2)
    assert stream.watermarks.accepted == 0


def test_threads_that_meet_a_new_flow_register_it_once(sift_server: LocalServer, open_stream: Open) -> None:
    stream = open_stream(auto_register_flows=True)

    def work() -> None:
        for step in range(100):
            stream.send("tank", {"step": step})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stream.finish().confirmed == 800
    registered = [event for event in stream.events(0) if event.kind == "flow_registered"]
    assert len(registered) == 1
    assert sift_server.flows["tank"] == 800


def test_with_a_disk_rows_go_on_without_a_network(
    sift_server: LocalServer, open_stream: Open, tmp_path: Path
) -> None:
    on_disk: Any = {"mode": "live_with_backups", "disk_backup_policy": {"backups_dir": tmp_path}, "offline_after": 0.2}
    stream = open_stream(auto_register_flows=True, **on_disk)
    stream.stage_flows(VALVES)
    sift_server.stop()
    for step in range(50):
        stream.send("tank", {"step": step}, timeout=30)
        stream.send("valves", {"main": "open"}, timeout=30)
    assert stream.watermarks.accepted == 100
    sift_server.start_again()
    stream.flush(timeout=50)
    assert sift_server.flows["tank"] == sift_server.flows["valves"] == 50
    assert sift_server.schema_errors == []


def test_asyncio(sift_server: LocalServer) -> None:
    async def work() -> None:
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        sift_server.inject_call("delay-ok,delay-ms=200", "CreateIngestionConfigFlows")
        options: Any = {**sift_server.options(), "auto_register_flows": True}
        async with ss.aio.Stream(CONFIG, **options) as stream:
            stream.stage_flows(VALVES)
            ticking = asyncio.create_task(tick())
            await asyncio.gather(*(stream.send("tank", {"step": step}) for step in range(10)))
            assert turns > 10
            ticking.cancel()
            with pytest.raises(ss.Full):
                stream.try_send("valves", {"main": "open"})
            await stream.send("valves", {"main": "shut"})
            with pytest.raises(KeyError):
                await stream.send("tank", {"stop": 1})

    asyncio.run(work())
    assert {row.values["step"] for row in sift_server.rows("tank")} == set(range(10))
    assert sift_server.rows("valves")[0].values == {"main": 0}
