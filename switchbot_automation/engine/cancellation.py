"""Whose cancellation it is, this task's or one of what it waited for; and who waits."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

_T = TypeVar("_T")

# The task that waits for somebody else's code. A task which that code starts has it too,
# and is another one: nobody says that it is waited for.
_waiting: ContextVar[asyncio.Task[Any] | None] = ContextVar("_waiting", default=None)


@contextmanager
def waiting_for_others() -> Iterator[None]:
    """Note for as long as it lasts that this task waits for somebody else's code."""
    token = _waiting.set(asyncio.current_task())
    try:
        yield
    finally:
        _waiting.reset(token)


def is_waited_for() -> bool:
    """Tell whether this is somebody else's code that one of ours waits for."""
    task = _waiting.get()
    return task is not None and task is asyncio.current_task()


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
        with waiting_for_others():
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
