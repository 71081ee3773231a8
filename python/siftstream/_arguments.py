"""The types of what is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, SupportsFloat, SupportsIndex, TypeAlias, runtime_checkable


@runtime_checkable
class ArrowStream(Protocol):
    """A table or column with Arrow's C interface: pandas, polars, pyarrow, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@runtime_checkable
class ArrowArray(Protocol):
    """A batch or array with Arrow's C interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> Any: ...


class Datetime64(Protocol):
    """numpy's `datetime64`."""

    @property
    def dtype(self) -> Any: ...


Timestamp: TypeAlias = datetime | SupportsIndex | SupportsFloat | Datetime64
"""The time of a row: a `datetime` with its zone, `int` nanoseconds or `float` seconds since 1970, or a numpy `datetime64`."""

Value: TypeAlias = SupportsFloat | SupportsIndex | bool | str | bytes | bytearray | memoryview | None
"""A value for a channel; `None` is "no news"."""

Values: TypeAlias = Mapping[str, Value]
"""A row: values by the names of their channels."""

Array: TypeAlias = Any
"""Values of a channel: anything with a buffer (numpy), with Arrow's C interface, or a sequence."""

Columns: TypeAlias = Mapping[str, Array] | ArrowStream | ArrowArray
"""Many rows: arrays by the names of their channels, or a table."""

Timestamps: TypeAlias = str | Sequence[Timestamp] | Array
"""The times of many rows: an array, or the name of the column that has them."""

Timeout: TypeAlias = float | timedelta | None
"""Seconds to wait; `None` waits as long as it takes."""
