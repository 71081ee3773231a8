"""The examples run, and do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples/python"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("quickstart", "Sift has 100 rows"),
        ("dataframe", "Sift has 100000 rows"),
        ("asyncio_rig", "Sift has 100 rows"),
        ("crash_and_resume", "Sift has 1000 of 1000 lines"),
        ("notebook", "plotted 1000 rows"),
    ],
)
def test_an_example_does_what_it_says(name: str, said: str) -> None:
    command = [sys.executable, "-W", "error::ResourceWarning", str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, env={**os.environ, "MPLBACKEND": "Agg"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / "test_rig.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_example_is_run() -> None:
    run = {"quickstart", "dataframe", "asyncio_rig", "crash_and_resume", "notebook", "test_rig"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == run
