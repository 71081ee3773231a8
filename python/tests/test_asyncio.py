"""The stream for asyncio: nothing blocks the loop, on asyncio's own and on uvloop's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import numpy as np
import pytest
import uvloop

import siftstream as ss
from conftest import CONFIG
from siftstream.testing import LocalServer

T = TypeVar("T")
Run = Callable[[Awaitable[T]], T]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    """Runs a coroutine on a loop of each kind."""

    def on_loop(work: Any) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(asyncio.wait_for(work, 60))

    return on_loop


def test_rows_arrive(sift_server: LocalServer, run: Run[None]) -> None:
    async def work() -> None:
        async with ss.aio.Stream(CONFIG, **sift_server.options()) as stream:
            await stream.send("engine", {"step": 1}, 5)
            stream.try_send("engine", {"step": 2})
            stream.flow("engine").try_row(None, "burn", 3)
            await stream.send_columns("engine", [1, 2], {"step": np.array([4, 5])})
            await stream.flush()
            assert stream.watermarks.confirmed == 5
            await stream.add_flows(ss.Flow("late", [ss.Channel.double("x")]))
            await stream.send("late", {"x": 1.0})
            await stream.attach_run(ss.Run("run", "run"))
            stream.mark({"log": 1})

    run(work())
    assert [row.values.get("step") for row in sift_server.rows()] == [1, 2, 3, 4, 5, None]
    assert sift_server.runs == ["run"]


def test_the_loop_goes_on_while_a_task_sends(sift_server: LocalServer, run: Run[int]) -> None:
    turns = 10

    async def work() -> int:
        seen = sent = 0
        done = False

        async def tick() -> None:
            nonlocal seen
            while not done:
                await asyncio.sleep(0)
                seen += 1

        async with ss.aio.Stream(CONFIG, **sift_server.options()) as stream:
            ticking = asyncio.create_task(tick())
            while seen < turns and sent < 1_000_000:
                await stream.send("engine", {"step": sent})
                sent += 1
            done = True
            await ticking
        assert seen >= turns
        return sent

    assert run(work()) == sift_server.row_count


def test_waiting_for_room_ends_in_time_and_can_be_cancelled(sift_server: LocalServer, run: Run[None]) -> None:
    sift_server.inject("silence,times=always")
    row = {"string": "x" * 5_000}

    async def work() -> None:
        options: Any = {"ingestion_data_channel_capacity": 10, "replay_window_bytes": 10_000}
        stream = await ss.aio.Stream(CONFIG, **sift_server.options(), **options).open()
        with pytest.raises(ss.Timeout) as late:
            for _ in range(1_000):
                await stream.send("all", row, timeout=0.1)
        assert late.value.data is row
        accepted = stream.watermarks.accepted
        waiting = asyncio.create_task(stream.send("all", row))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert stream.watermarks.accepted == accepted
        with pytest.raises(ss.Timeout):
            await stream.flush(timeout=0.1)
        sift_server.heal()
        await stream.send("all", row)
        assert (await stream.finish()).confirmed == accepted + 1

    run(work())


def test_tasks_that_wait_send_in_the_order_of_their_calls(sift_server: LocalServer, run: Run[int]) -> None:
    sift_server.inject("silence,times=always")
    row = {"string": "x" * 5_000}

    async def work() -> int:
        options: Any = {"ingestion_data_channel_capacity": 10, "replay_window_bytes": 10_000}
        stream = await ss.aio.Stream(CONFIG, **sift_server.options(), **options).open()
        with pytest.raises(ss.Timeout):
            while True:
                await stream.send("all", row, timeout=0.1)
        before = stream.watermarks.accepted
        waiting = [asyncio.ensure_future(stream.send("all", row | {"int32": at})) for at in range(200)]
        late = asyncio.ensure_future(stream.send("all", row, timeout=0.05))
        with pytest.raises(ss.Timeout):
            await late
        waiting[100].cancel()
        sift_server.heal()
        # Those that are called while there is room for the first of them wait behind them too.
        while not waiting[50].done():
            await asyncio.sleep(0)
        waiting += [asyncio.ensure_future(stream.send("all", row | {"int32": at})) for at in range(200, 250)]
        await asyncio.gather(*waiting, return_exceptions=True)
        await stream.finish()
        return before

    before = run(work())
    told = [row.values.get("int32") for row in sift_server.rows()][before:]
    assert told == [at for at in range(250) if at != 100]


def test_flush_and_finish_leave_the_loop_free(sift_server: LocalServer, run: Run[None]) -> None:
    sift_server.inject("delay-ok,delay-ms=300")

    async def work() -> None:
        async with ss.aio.Stream(CONFIG, **sift_server.options()) as stream:
            await stream.send("engine", {"step": 1})
            flushing = asyncio.create_task(stream.flush())
            turns = 0
            while not flushing.done():
                turns += 1
                await asyncio.sleep(0.01)
            await flushing
            assert turns > 5

    run(work())


def test_events_are_an_async_iterator(sift_server: LocalServer, run: Run[set[str]]) -> None:
    async def work() -> set[str]:
        seen: set[str] = set()
        stream = await ss.aio.Stream(CONFIG, **sift_server.options()).open()

        async def follow() -> None:
            async for event in stream.events():
                seen.add(event.kind)

        following = asyncio.create_task(follow())
        await stream.send("engine", {"step": 1})
        await stream.finish()
        await following
        return seen

    assert {"connected", "checkpoint"} <= run(work())


def test_errors_are_those_of_the_other_stream(sift_server: LocalServer, run: Run[None]) -> None:
    async def work() -> None:
        unopened = ss.aio.Stream(CONFIG, **sift_server.options())
        with pytest.raises(ss.Closed):
            await unopened.send("engine", {"step": 1})
        async with ss.aio.Stream(CONFIG, **sift_server.options()) as stream:
            with pytest.raises(KeyError, match="nothing"):
                await stream.send("nothing", {})
            with pytest.raises(TypeError, match="'step'"):
                await stream.send_columns("engine", [1], {"step": np.array([1.0])})
        with pytest.raises(ss.Closed):
            await stream.send("engine", {"step": 1})
        options: Any = {**sift_server.options(), "uri": "http://127.0.0.1:1"}
        with pytest.raises(ss.SiftStreamError):
            await ss.aio.Stream(CONFIG, open_timeout=1, **options).open()

    run(work())
