"""One answer for all who ask the same at the same time, the last one while none comes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from switchbot_automation.languages import reworded, worded
from switchbot_store import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

_MOST: Final = 200
_MOST_LAST: Final = 64
_PATIENCE_SECONDS: Final = 1.0


class Answer(NamedTuple):
    """An answer; `unavailable` says why it is the last one known and not today's."""

    value: Any
    unavailable: str | None


class Shared:
    """Keeps answers until something happens at home, or for `seconds`.

    Two hundred pages that are open are told of a tick in the same moment and ask the
    same question; it is answered once.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._tasks: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}
        # As JSON: a tenth of the memory of the rows.
        self._last: OrderedDict[Hashable, bytes] = OrderedDict()

    def forget(self) -> None:
        """Answer anew from now on."""
        self._tasks.clear()

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Return the answer to a question, `ask` being how it is found."""
        # Whoever goes away must not take the others' answer along.
        return await asyncio.shield(self._asked(key, ask)[1])

    async def get_or_last(
        self, key: Hashable, ask: Callable[[], Awaitable[Any]]
    ) -> Answer:
        """Return the answer, or the last one known while the database is away.

        Also when it takes longer than a second: those who ask later may have it. Answers
        are JSON values and instants; the last one known has these as texts. Raises what
        `ask` raises; StoreUnavailableError only when the question was never answered.
        """

        async def remembered() -> Any:
            value = await ask()
            self._remember(key, value)
            return value

        began, task = self._asked(key, remembered)
        last, patience = self._last.get(key), None
        if last is not None:
            waited = asyncio.get_running_loop().time() - began
            patience = max(0.0, _PATIENCE_SECONDS - waited)
        await asyncio.wait({task}, timeout=patience)
        try:
            value = task.result()
        except (StoreUnavailableError, asyncio.InvalidStateError) as error:
            if last is None:
                raise
            slow = isinstance(error, asyncio.InvalidStateError)
            why = worded("it takes long to answer") if slow else reworded(error)
            return Answer(orjson.loads(last), why)
        return Answer(value, None)

    def _remember(self, key: Hashable, value: Any) -> None:
        self._last[key] = orjson.dumps(value, option=orjson.OPT_UTC_Z)
        self._last.move_to_end(key)
        if len(self._last) > _MOST_LAST:
            self._last.popitem(last=False)

    def _asked(
        self, key: Hashable, ask: Callable[[], Awaitable[Any]]
    ) -> tuple[float, asyncio.Task[Any]]:
        """Return when the question was asked, and the task that finds the answer."""
        now = asyncio.get_running_loop().time()
        known = self._tasks.get(key)
        if known is None or self._is_over(known[1], now - known[0]):
            if len(self._tasks) >= _MOST:
                self._tasks.clear()
            task = asyncio.ensure_future(_run(ask))
            # Nobody may be left to hear of its failure.
            task.add_done_callback(_failure)
            known = (now, task)
            self._tasks[key] = known
        return known

    def _is_over(self, task: asyncio.Task[Any], age_seconds: float) -> bool:
        if not task.done():
            return False  # to ask a silent database once more makes it no quicker
        error = _failure(task)
        if error is not None and not isinstance(error, StoreUnavailableError):
            return True
        return task.cancelled() or age_seconds > self._seconds


def _failure(task: asyncio.Task[Any]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


async def _run(ask: Callable[[], Awaitable[Any]]) -> Any:
    return await ask()
