"""Who may use an engine now: in which process, on which loop, until when; and whose turn it is."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from switchbot_automation.errors import EngineClosedError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager


class Lifetime:
    """The process and the loop that one engine belongs to, and whether it is over.

    An engine that nobody entered belongs to the process that uses it first, so that one
    made before a fork may be opened after it.
    """

    def __init__(self) -> None:
        self._process_id: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def open(self) -> None:
        """Begin on the running loop. Raises RuntimeError the second time."""
        self.check_open()
        if self._loop is not None:
            raise RuntimeError("the engine was entered already; make another one")
        self._loop = asyncio.get_running_loop()

    def check_open(self) -> None:
        """Raise EngineClosedError if it was closed or belongs to another process."""
        if self._closed:
            raise EngineClosedError(worded("the engine was closed; make another one"))
        here = os.getpid()
        if self._process_id is None:
            self._process_id = here
        elif self._process_id != here:
            raise EngineClosedError(
                worded(
                    "the engine belongs to process {process_id}, of which {here} is "
                    "a fork; make another one after the fork",
                    process_id=self._process_id,
                    here=here,
                )
            )

    def check(self) -> None:
        """Raise also RuntimeError on another event loop than it was entered on."""
        self.check_open()
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise RuntimeError(
                "the engine was entered on another event loop; await it there"
                " (from another thread: EngineThread.call)"
            )

    def close(self) -> bool:
        """End it; tell whether that is for this process to do, and was not done."""
        ends = not self._closed and self._process_id in {None, os.getpid()}
        self._closed = True
        return ends


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
