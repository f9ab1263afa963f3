"""One answer for all who ask the same at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

_MOST = 200


class Shared:
    """Keeps answers until something happens at home, or for `seconds`.

    Two hundred pages that are open are told of a tick in the same moment and ask the
    same question; it is answered once.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._tasks: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    def forget(self) -> None:
        """Answer anew from now on."""
        self._tasks.clear()

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Return the answer to a question, `ask` being how it is found."""
        now = asyncio.get_running_loop().time()
        known = self._tasks.get(key)
        if known is None or now - known[0] > self._seconds or _failed(known[1]):
            if len(self._tasks) >= _MOST:
                self._tasks.clear()
            known = (now, asyncio.ensure_future(_run(ask)))
            self._tasks[key] = known
        # Whoever goes away must not take the others' answer along.
        return await asyncio.shield(known[1])


async def _run(ask: Callable[[], Awaitable[Any]]) -> Any:
    return await ask()


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
