"""Where an engine may be used: in one process, on one event loop, until it is closed."""

from __future__ import annotations

import asyncio
import os

from switchbot_automation.errors import EngineClosedError


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
            raise EngineClosedError("the engine was closed; make another one")
        here = os.getpid()
        if self._process_id is None:
            self._process_id = here
        elif self._process_id != here:
            raise EngineClosedError(
                f"the engine belongs to process {self._process_id}, of which"
                f" {here} is a fork; make another one after the fork"
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
