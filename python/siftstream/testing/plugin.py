"""The pytest plugin of siftstream: the fixture `sift_server`. Installing siftstream turns it on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import LocalServer


@pytest.fixture
def sift_server() -> Iterator[LocalServer]:
    """A local Sift endpoint, new for each test; `sift_server.options()` leads a stream to it."""
    with LocalServer() as server:
        yield server
