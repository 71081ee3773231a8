"""Results of the compiled module's threads, given to futures on their event loop."""

from __future__ import annotations

import asyncio


def settle(future: asyncio.Future[object], value: object, error: BaseException | None) -> None:
    """Give the future its result, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
