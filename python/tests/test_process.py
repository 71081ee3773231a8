"""What programs do to a library: fork, exit, Ctrl+C, garbage collection, log handlers. Each in a process of its own, which
must end in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import siftstream as ss
from siftstream.testing import LocalServer

TESTS = Path(__file__).parent
BEGIN = """
import gc, logging, multiprocessing, os, signal, sys, threading, time
import siftstream as ss
from siftstream.testing import LocalServer
from conftest import CONFIG

def options(**more):
    return {"uri": sys.argv[1], "api_key": "local", "insecure": True, **more}
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", BEGIN + script, *arguments],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ends_well(script: str, *arguments: str) -> str:
    process = start(script, *arguments)
    try:
        output, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        output, errors = process.communicate()
        pytest.fail(f"it did not end\n{output}\n{errors}")
    assert process.returncode == 0, f"{process.returncode}\n{output}\n{errors}"
    assert "Traceback" not in errors, errors
    return output


def test_a_program_that_just_ends_has_its_rows_on_disk(sift_server: LocalServer, tmp_path: Path) -> None:
    script = """
sift_disk = {"backups_dir": sys.argv[2]}
stream = ss.Stream(CONFIG, **options(mode="live_with_backups", disk_backup_policy=sift_disk, flush_interval=30))
for step in range(1_000):
    stream.send("engine", {"step": step})
print(time.time(), flush=True)
"""
    sift_server.inject("silence,times=always")
    output = ends_well(script, sift_server.uri, str(tmp_path))
    assert time.time() - float(output) < 20
    backup = ss.read_backup(tmp_path)
    assert backup.to_polars("engine")["step"].to_list() == list(range(1_000))


def test_a_live_only_program_ends_at_once(sift_server: LocalServer) -> None:
    script = """
stream = ss.Stream(CONFIG, **options())
for step in range(1_000):
    stream.send("engine", {"step": step})
threading.Thread(target=lambda: list(stream.events()), daemon=True).start()
threading.Thread(target=lambda: [stream.send("engine", {"step": 1}) for _ in iter(int, 1)], daemon=True).start()
time.sleep(0.2)
print(time.time(), flush=True)
"""
    sift_server.inject("silence,times=always")
    assert time.time() - float(ends_well(script, sift_server.uri)) < 20


def test_a_program_may_end_right_after_its_loop(sift_server: LocalServer) -> None:
    script = """
import asyncio
async def main():
    async with ss.aio.Stream(CONFIG, **options()) as stream:
        await stream.send("engine", {"step": 1})
        flushes = [asyncio.create_task(stream.flush(timeout=20)) for _ in range(20)]
        await flushes[0]
asyncio.run(main())
"""
    for _ in range(5):
        ends_well(script, sift_server.uri)


def test_a_forked_child_gets_an_error_and_the_parent_goes_on(sift_server: LocalServer) -> None:
    script = """
stream = ss.Stream(CONFIG, **options())
engine = stream.flow("engine")
stream.send("engine", {"step": 1})
for _ in range(10):
    child = os.fork()
    if child == 0:
        calls = [
            lambda: stream.send("engine", {"step": 9}),
            lambda: engine.row(None, None, 9),
            lambda: stream.send_columns("engine", [1], {"step": [9]}),
            lambda: stream.flush(timeout=1),
            lambda: stream.finish(1),
            lambda: stream.watermarks,
            lambda: stream.metrics,
            lambda: stream.poll_event(),
            lambda: stream.wait_event(1),
            lambda: stream.recover(),
            lambda: stream.mark({"log": 1}),
            lambda: stream.checkpoint(),
            lambda: stream.cancel("child"),
        ]
        for call in calls:
            try:
                call()
            except ss.Forked as error:
                assert error.code == 7
            else:
                os._exit(1)
        own = ss.Stream(CONFIG, **options())
        own.send("engine", {"step": 2})
        assert own.finish(20).confirmed == 1
        del stream, engine, own, calls
        gc.collect()
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    stream.send("engine", {"step": 1})
assert stream.finish(20).confirmed == 11
"""
    ends_well(script, sift_server.uri)
    assert sift_server.row_count == 11 + 10


def test_a_forked_child_leaves_the_parents_server_alone() -> None:
    script = """
server = LocalServer()
child = os.fork()
if child == 0:
    del server
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
with ss.Stream(CONFIG, **server.options()) as stream:
    stream.send("engine", {"step": 1})
assert server.row_count == 1
"""
    ends_well(script, "")


def test_spawned_processes_open_their_own_streams(sift_server: LocalServer, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import multiprocessing, sys
sys.path.insert(0, {str(TESTS)!r})
import siftstream as ss
from conftest import CONFIG

def work(uri):
    with ss.Stream(CONFIG, uri=uri, api_key="local", insecure=True) as stream:
        stream.send("engine", {{"step": 1}})

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(sys.argv[1],)) for _ in range(2)]
    [process.start() for process in processes]
    [process.join() for process in processes]
    assert [process.exitcode for process in processes] == [0, 0]
"""
    )
    subprocess.run([sys.executable, str(program), sift_server.uri], check=True, timeout=60)
    assert sift_server.row_count == 2


@pytest.mark.parametrize(
    "wait",
    [
        'stream.flush(timeout=600)',
        'stream.finish(600)',
        'stream.wait_event()',
        '[stream.send("all", {"string": "x" * 5_000}) for _ in range(10_000)]',
        'stream.send_columns("all", range(100_000), {"string": ["x" * 100] * 100_000})',
        'LocalServer().wait_for_rows(1)',
    ],
)
def test_ctrl_c_ends_a_wait(sift_server: LocalServer, wait: str) -> None:
    script = f"""
stream = ss.Stream(CONFIG, **options(ingestion_data_channel_capacity=10, replay_window_bytes=10_000))
stream.send("engine", {{"step": 1}})
while stream.poll_event():
    pass
time.sleep(0.3)
while stream.poll_event():
    pass
try:
    print("waiting", flush=True)
    {wait}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    sift_server.inject("silence,times=always")
    process = start(script, sift_server.uri)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n", process.communicate(timeout=60)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "interrupted\n"), errors


def test_log_handlers_may_log_and_send(sift_server: LocalServer) -> None:
    script = """
stream = None
handled = 0

class Handler(logging.Handler):
    def emit(self, record):
        global handled
        handled += 1
        if stream is not None:
            stream.send("engine", {"step": handled}, timeout=20)
            logging.getLogger("siftstream.mine").warning("handled") if handled < 100 else None

logging.getLogger("siftstream").addHandler(Handler())
logging.getLogger("siftstream").setLevel(logging.DEBUG)
stream = ss.Stream(CONFIG, **options())
for step in range(100):
    stream.send("engine", {"step": step})
    stream.flush(timeout=20)
while handled < 100:
    time.sleep(0.01)
print("handled")
"""
    assert ends_well(script, sift_server.uri) == "handled\n"


def test_garbage_is_collected_while_rows_are_sent(sift_server: LocalServer, tmp_path: Path) -> None:
    script = """
class Holds:
    def __init__(self, step):
        name = f"garbage-{step}"
        self.stream = ss.Stream(CONFIG, **options(mode="live_with_backups", stream_name=name,
                                                  disk_backup_policy={"backups_dir": sys.argv[2]}))
        self.stream.send("engine", {"step": step})
        self.self = self

class Collects(float):
    def __float__(self):
        gc.collect()
        return 1.0

stream = ss.Stream(CONFIG, **options())
stopped = threading.Event()

def send():
    while not stopped.is_set():
        stream.send("engine", {"temperature": Collects()})

threads = [threading.Thread(target=send) for _ in range(2)]
[thread.start() for thread in threads]
for step in range(5):
    Holds(step)
stopped.set()
[thread.join() for thread in threads]
gc.collect()
accepted = stream.watermarks.accepted
assert stream.finish(20).confirmed == accepted
"""
    ends_well(script, sift_server.uri, str(tmp_path))


def test_threads_that_send_let_others_run(sift_server: LocalServer) -> None:
    script = """
stream = ss.Stream(CONFIG, **options(ingestion_data_channel_capacity=10, replay_window_bytes=10_000))
def fill():
    try:
        while True:
            stream.send("all", {"string": "x" * 5_000})
    except ss.Cancelled:
        pass
thread = threading.Thread(target=fill)
thread.start()
turns = 0
end = time.monotonic() + 0.5
while time.monotonic() < end:
    time.sleep(0.001)
    turns += 1
assert turns > 20, turns
stream.cancel("enough")
thread.join(20)
assert not thread.is_alive()
"""
    sift_server.inject("silence,times=always")
    ends_well(script, sift_server.uri)


def test_tests_may_run_side_by_side(tmp_path: Path) -> None:
    test = tmp_path / "test_side.py"
    test.write_text(
        f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import pytest
import siftstream as ss
from conftest import CONFIG

@pytest.mark.parametrize("at", range(4))
def test_one(sift_server, at):
    with ss.Stream(CONFIG, **sift_server.options()) as stream:
        stream.send("engine", {{"step": at}})
    assert sift_server.row_count == 1
"""
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", str(test)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
