"""A Sift endpoint on this machine, for tests of your rigs without a cloud.

    with LocalServer() as server:
        with siftstream.Stream(config, **server.options()) as stream:
            server.inject("status=UNAVAILABLE,after=100")
            …
        assert server.rows("engine")[0].values == {"temperature": 21.5}

With pytest, the fixture `sift_server` is such a server, new for each test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from .._options import Options
from .._siftstream import LocalServerBase

__all__ = ["LocalServer", "ReceivedRow"]


@dataclass(frozen=True, slots=True)
class ReceivedRow:
    """A row as it arrived.

    Attributes:
        flow: Its flow.
        timestamp_ns: Its time, in nanoseconds since 1970.
        values: What it holds, by channel; those without news are left out. Enums are numbers.
        run_id: The run that it belongs to, empty if it has none.
    """

    flow: str
    timestamp_ns: int
    values: Mapping[str, object]
    run_id: str


class LocalServer(LocalServerBase):
    """A Sift endpoint in this process: checks what it gets, keeps it, and misbehaves when told to.

    Args:
        host: The address to listen at.
        port: The port; 0 takes a free one.
        api_key: The key that every call must bear; `None` admits everybody.
        keep_rows: Whether rows can be asked for with `rows`.
        count_only: Only count rows, as cheaply as possible.
    """

    def options(self) -> Options:
        """The options by which a stream finds this server."""
        return {"uri": self.uri, "api_key": "local", "insecure": True}

    def rows(self, flow: str | None = None) -> list[ReceivedRow]:
        """The valid rows that arrived, of one flow or of all, in the order of their arrival."""
        return [ReceivedRow(*row) for row in self._rows(flow, take=False)]

    def take_rows(self, flow: str | None = None) -> list[ReceivedRow]:
        """The same, and forget all rows that arrived so far."""
        return [ReceivedRow(*row) for row in self._rows(flow, take=True)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
