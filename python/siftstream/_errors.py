"""The exceptions of siftstream.

Every exception is a `SiftStreamError`. Where Python has a class for what happened, the exception is one of that class
too: an unknown channel is a `KeyError`, a wrong argument a `ValueError` or `TypeError`, a missed deadline a
`TimeoutError`. `code` is the same number in every language of siftstream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from ._types import Report

DataStatus: TypeAlias = Literal["not_accepted", "in_memory", "on_disk", "unknown", "confirmed"]


class SiftStreamError(Exception):
    """Something went wrong; says what, to which thing, and what to do.

    Attributes:
        code: The stable number of the kind of error, the same in every language.
        retryable: Whether the same call can succeed later without a change.
        data_status: What became of the data that the call was about.
        data: What was to be sent and was not accepted, if the call was about one row.
        accepted: How many rows were accepted before the error, if the call was about many.
        report: What became of each row, if `finish` could not deliver all of them.
    """

    code: int = 26
    retryable: bool = False
    data_status: DataStatus = "not_accepted"
    data: Any = None
    accepted: int = 0
    report: Report | None = None

    def __str__(self) -> str:
        # KeyError would show the message in quotes.
        return str(self.args[0]) if self.args else ""


class Full(SiftStreamError):
    """There is no room now: send again later, or wait with `send`."""


class Timeout(SiftStreamError, TimeoutError):
    """A deadline passed before the call was done."""


class Closed(SiftStreamError):
    """The stream is finished, or was never opened."""


class Cancelled(SiftStreamError):
    """The stream was cancelled."""


class Forked(SiftStreamError):
    """The process forked after the stream was opened: open another one in the child."""


class InvalidArgument(SiftStreamError, ValueError):
    """An argument is malformed or out of range."""


class RowTooLarge(InvalidArgument):
    """A row is larger than `max_row_size`."""


class WrongType(SiftStreamError, TypeError):
    """A value has another type than its channel."""


class UnknownFlow(SiftStreamError, KeyError):
    """A flow is not part of the ingestion config."""


class UnknownChannel(SiftStreamError, KeyError):
    """A channel is not part of its flow."""


class NotConfigured(SiftStreamError):
    """Something that the call needs was not configured."""


class SchemaMismatch(SiftStreamError):
    """A flow differs from the one that Sift has under the same name."""


class ConnectionFailed(SiftStreamError, ConnectionError):
    """Sift cannot be reached, or does not offer what is needed."""


class AuthError(SiftStreamError, PermissionError):
    """Sift refused the API key."""


class StorageError(SiftStreamError, OSError):
    """The disk failed, is full, or holds something damaged."""


class NotFound(SiftStreamError, LookupError):
    """What was asked for does not exist."""


class Busy(SiftStreamError):
    """Another owner holds the thing."""


class Undelivered(SiftStreamError):
    """Rows were rejected, dropped, or not confirmed in time; `report` says which."""


class InternalError(SiftStreamError):
    """A defect of siftstream; nothing that you did."""


_BY_CODE: dict[int, type[SiftStreamError]] = {
    1: Full,
    2: Timeout,
    3: Closed,
    4: NotConfigured,
    5: InternalError,
    6: Cancelled,
    7: Forked,
    8: RowTooLarge,
    9: StorageError,
    10: AuthError,
    11: Undelivered,
    12: InvalidArgument,
    13: UnknownFlow,
    14: UnknownChannel,
    15: WrongType,
    16: SchemaMismatch,
    17: ConnectionFailed,
    18: ConnectionFailed,
    19: StorageError,
    20: StorageError,
    21: ConnectionFailed,
    22: NotFound,
    23: Busy,
    24: Undelivered,
    25: Undelivered,
    26: InternalError,
}


def _make(code: int, message: str, retryable: bool, data_status: DataStatus) -> SiftStreamError:
    """The exception for an error of the core."""
    error = _BY_CODE.get(code, SiftStreamError)(message)
    error.code = code
    error.retryable = retryable
    error.data_status = data_status
    return error
