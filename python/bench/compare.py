"""Speed beside sift-stream-bindings 0.6.1: the same rows to the same counting server, in turns, each run in its own process.

A row is a dict of a uint64 and nine floats, as a program has it; the time runs from the first row until `finish` returns.

    python python/bench/compare.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

DOUBLES = [f"c{at}" for at in range(9)]
BATCH = 1_000
Row = dict[str, Any]


def row_of(seq: int) -> Row:
    """A row as a program has it."""
    value = float(seq)
    return {
        "seq": seq,
        "c0": value,
        "c1": value,
        "c2": value,
        "c3": value,
        "c4": value,
        "c5": value,
        "c6": value,
        "c7": value,
        "c8": value,
    }


class Pauses:
    """The longest time that another task of the loop had to wait."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last - 0.001)
            last = now

    def stop(self) -> None:
        """Stop looking."""
        self._task.cancel()


def ours_stream(uri: str, kind: Any) -> Any:
    """A stream of siftstream."""
    import siftstream as ss

    flow = ss.Flow("bench", [ss.Channel.uint64("seq"), *(ss.Channel.double(name) for name in DOUBLES)])
    return kind(ss.IngestionConfig("bench", "bench-python", [flow]), uri=uri, api_key="bench", insecure=True)


async def ours_try_send(uri: str, rows: int) -> dict[str, float]:
    """siftstream, dict rows by `try_send`."""
    import siftstream as ss

    stream = ours_stream(uri, ss.Stream)
    began = time.perf_counter()
    for seq in range(rows):
        row = row_of(seq)
        while True:
            try:
                stream.try_send("bench", row)
                break
            except ss.Full:
                time.sleep(0.0005)
    stream.finish(60)
    return {"rows_per_s": rows / (time.perf_counter() - began)}


async def ours_row(uri: str, rows: int) -> dict[str, float]:
    """siftstream, rows by place."""
    import siftstream as ss

    stream = ours_stream(uri, ss.Stream)
    send = stream.flow("bench").row
    began = time.perf_counter()
    for seq in range(rows):
        value = float(seq)
        send(seq, value, value, value, value, value, value, value, value, value)
    stream.finish(60)
    return {"rows_per_s": rows / (time.perf_counter() - began)}


async def ours_await_send(uri: str, rows: int) -> dict[str, float]:
    """siftstream, dict rows by `await send`."""
    import siftstream as ss

    async with ours_stream(uri, ss.aio.Stream) as stream:
        pauses = Pauses()
        began = time.perf_counter()
        for seq in range(rows):
            await stream.send("bench", row_of(seq))
        pauses.stop()
        await stream.finish(60)
        return {"rows_per_s": rows / (time.perf_counter() - began), "longest_pause_ms": pauses.longest * 1e3}


async def ours_columns(uri: str, rows: int) -> dict[str, float]:
    """siftstream, numpy arrays by `send_columns`."""
    import numpy as np

    import siftstream as ss

    stream = ours_stream(uri, ss.Stream)
    began = time.perf_counter()
    for first in range(0, rows, 100_000):
        seqs = np.arange(first, min(first + 100_000, rows), dtype=np.uint64)
        values = seqs.astype(np.float64)
        stream.send_columns("bench", time.time_ns() + seqs.astype(np.int64), {"seq": seqs, **dict.fromkeys(DOUBLES, values)})
    stream.finish(60)
    return {"rows_per_s": rows / (time.perf_counter() - began)}


async def theirs_stream(uri: str) -> Any:
    """A stream of sift-stream-bindings, in memory only as ours."""
    import sift_stream_bindings as ssb

    def channel(name: str, kind: Any) -> Any:
        return ssb.ChannelConfigPy(name, "", "", kind, [], [])

    channels = [channel("seq", ssb.ChannelDataTypePy.Uint64)]
    channels += [channel(name, ssb.ChannelDataTypePy.Double) for name in DOUBLES]
    flows = [ssb.FlowConfigPy("bench", channels)]
    builder = ssb.SiftStreamBuilderPy(uri, "bench")
    builder.enable_tls = False
    builder.ingestion_config_form = ssb.IngestionConfigFormPy("bench", "bench-python", flows)
    return await builder.build()


def their_flow() -> Callable[[Row], Any]:
    """Makes what sift-stream-bindings sends of a row."""
    import sift_stream_bindings as ssb

    flow, now, pair = ssb.FlowPy, ssb.TimeValuePy, ssb.ChannelValuePy
    number, double = ssb.ValuePy.Uint64, ssb.ValuePy.Double

    def make(row: Row) -> Any:
        values = [pair(name, number(value) if name == "seq" else double(value)) for name, value in row.items()]
        return flow("bench", now(), values)

    return make


async def theirs_try_send(uri: str, rows: int) -> dict[str, float]:
    """sift-stream-bindings, `try_send`."""
    stream, make = await theirs_stream(uri), their_flow()
    began = time.perf_counter()
    for seq in range(rows):
        flow = make(row_of(seq))
        while True:
            try:
                stream.try_send(flow)
                break
            except Exception as error:
                if "full" not in str(error).lower():
                    raise
                await asyncio.sleep(0.0005)
    await stream.finish()
    return {"rows_per_s": rows / (time.perf_counter() - began)}


async def theirs_await_send(uri: str, rows: int) -> dict[str, float]:
    """sift-stream-bindings, `await send`."""
    stream, make = await theirs_stream(uri), their_flow()
    began = time.perf_counter()
    for seq in range(rows):
        await stream.send(make(row_of(seq)))
    await stream.finish()
    return {"rows_per_s": rows / (time.perf_counter() - began)}


async def theirs_batch_send(uri: str, rows: int) -> dict[str, float]:
    """sift-stream-bindings, `batch_send`."""
    stream, make = await theirs_stream(uri), their_flow()
    began = time.perf_counter()
    for first in range(0, rows, BATCH):
        await stream.batch_send([make(row_of(seq)) for seq in range(first, first + BATCH)])
    await stream.finish()
    return {"rows_per_s": rows / (time.perf_counter() - began)}


RUNS: dict[str, Callable[[str, int], Coroutine[Any, Any, dict[str, float]]]] = {
    run.__name__: run
    for run in (
        ours_try_send,
        ours_row,
        ours_await_send,
        ours_columns,
        theirs_try_send,
        theirs_await_send,
        theirs_batch_send,
    )
}
PAIRS = [
    ("dict rows, try_send", "ours_try_send", 1_000_000, "theirs_try_send", 100_000),
    ("rows by place", "ours_row", 1_000_000, "theirs_try_send", 100_000),
    ("dict rows, await send", "ours_await_send", 500_000, "theirs_await_send", 20_000),
    ("numpy columns beside batch_send", "ours_columns", 10_000_000, "theirs_batch_send", 100_000),
]


def measured(name: str, uri: str, rows: int) -> dict[str, float]:
    """The figures of one run, in a process of its own."""
    command = [sys.executable, __file__, "--run", name, "--uri", uri, "--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(rounds: int) -> None:
    """Alternate the two and print medians and ratios."""
    command = [sys.executable, "-m", "siftstream", "serve", "--count-only", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        uri = json.loads(server.stdout.readline())["uri"]
        try:
            for title, ours, our_rows, theirs, their_rows in PAIRS:
                ratios, pauses = [], []
                for at in range(1, rounds + 1):
                    mine, other = measured(ours, uri, our_rows), measured(theirs, uri, their_rows)
                    ratios.append(mine["rows_per_s"] / other["rows_per_s"])
                    pauses.append(mine.get("longest_pause_ms"))
                    print(
                        f"{title}, round {at}: siftstream {mine['rows_per_s']:>10,.0f} rows/s | "
                        f"sift-stream-bindings {other['rows_per_s']:>8,.0f} rows/s"
                        + (f" | longest pause of another task {pauses[-1]:.1f} ms" if pauses[-1] else ""),
                        flush=True,
                    )
                print(f"{title}: median of the pairs {statistics.median(ratios):.1f} times", flush=True)
        finally:
            server.terminate()


def main() -> None:
    """Compare, or be one of the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", choices=RUNS)
    parser.add_argument("--uri", default="")
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    if arguments.run is None:
        compare(arguments.rounds)
    else:
        print(json.dumps(asyncio.run(RUNS[arguments.run](arguments.uri, arguments.rows))))


if __name__ == "__main__":
    main()
