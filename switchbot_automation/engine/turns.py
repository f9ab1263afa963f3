"""Whose turn it is: one tick or one command at a time, and what goes in a tick's midst."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager


class Turns:
    """One after the other, in the order they came.

    A tick that has sent for the cloud may take long. Between its `open` and its `close` a
    person's OFF does not wait for its end.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._open = asyncio.Event()
        self._inside = 0
        self._left = asyncio.Event()

    @property
    def taken(self) -> bool:
        """Whether somebody is at work."""
        return self._lock.locked()

    def take(self) -> AbstractAsyncContextManager[None]:
        """Wait for the turn, and have it."""
        return self._lock

    def open(self) -> None:
        """Let in who may overtake, until `close`."""
        self._open.set()

    async def close(self) -> None:
        """Let nobody in any more, once the last who overtook is done."""
        try:
            while self._inside:
                self._left.clear()
                await self._left.wait()
        finally:
            self._open.clear()

    @asynccontextmanager
    async def take_or_overtake(self) -> AsyncIterator[bool]:
        """Have the turn, or be in the midst of a tick, whatever comes first.

        Yields whether it is in a tick's midst: what is done there is the tick's to store.
        """
        while not self._open.is_set():
            if await self._first():
                try:
                    yield False
                finally:
                    self._lock.release()
                return
        self._inside += 1
        try:
            yield True
        finally:
            self._inside -= 1
            self._left.set()

    async def _first(self) -> bool:
        """Wait until the turn is ours, and tell so, or until a tick may be overtaken."""
        turn = asyncio.ensure_future(self._lock.acquire())
        opened = asyncio.ensure_future(self._open.wait())
        try:
            await asyncio.wait((turn, opened), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if turn.done():
                self._lock.release()
            else:
                turn.cancel()
            raise
        finally:
            opened.cancel()
        if turn.done():
            return True
        turn.cancel()
        return False
