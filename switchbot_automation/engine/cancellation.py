"""Whose cancellation it is: this task's, or one inside what it waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

_T = TypeVar("_T")


def is_cancelled() -> bool:
    """Tell whether it is this task that was cancelled, not something it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def unless_broken_off(call: Awaitable[_T]) -> _T:
    """Return what somebody else's call gives.

    A host's code waits for tasks and futures of its own; where one of them is cancelled
    while nobody ends the tick, that call has failed and nothing else. Raises whatever
    the call raises, and TimeoutError for such an end.
    """
    try:
        return await call
    except asyncio.CancelledError as error:
        raise broken_off(error) from error


def broken_off(error: asyncio.CancelledError) -> TimeoutError:
    """Return what a cancellation inside somebody else's call comes to.

    Raises it again where it is this task that was cancelled.
    """
    if is_cancelled():
        raise error
    return TimeoutError("what it waited for was cancelled")
