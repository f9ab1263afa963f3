"""One thread that serves the event loop, in the order of the calls.

One thread keeps that order, and a call that hangs cannot stop name resolution on the
loop's shared executor.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from switchbot_store.errors import StoreClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_JOIN_SECONDS: Final = 1.0


class _Call:
    """One call on its way through the thread; the future belongs to `loop`."""

    __slots__ = ("function", "future", "loop")

    def __init__(
        self,
        function: Callable[[], Any],
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
    ) -> None:
        self.function = function
        self.loop = loop
        self.future = future

    def execute(self) -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = self.function()
        except BaseException as raised:  # noqa: BLE001 - it is the caller's, in the loop
            error = raised
        try:
            self.loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:
            # The loop was closed meanwhile: nobody is left to be told.
            return

    def _settle(self, result: object, error: BaseException | None) -> None:
        if self.future.done():  # the awaiting task was cancelled
            return
        if error is None:
            self.future.set_result(result)
        elif isinstance(error, StopIteration):
            # A future refuses to carry this one.
            wrapped = RuntimeError("the call raised StopIteration")
            wrapped.__cause__ = error
            self.future.set_exception(wrapped)
        else:
            self.future.set_exception(error)


class PrivateThread:
    """Runs blocking calls one after the other on a thread of its own.

    The thread starts with the first call, and is a daemon: a call that hangs for ever
    does not keep the process from ending. Cancelling a task that awaits a call does
    not take the call back; it keeps its place and the next ones wait for it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._condition = threading.Condition()
        self._calls: deque[_Call] = deque()
        self._thread: threading.Thread | None = None
        self._process_id = os.getpid()
        self._closed = False

    async def run(
        self, function: Callable[..., T], /, *args: object, **kwargs: object
    ) -> T:
        """Call `function` on the thread and return what it returns or raises.

        Raises StoreClosedError after `close`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        # In the caller's context, for `time_limit`.
        context = contextvars.copy_context()
        call = functools.partial(context.run, function, *args, **kwargs)
        self._submit(_Call(call, loop, future))
        return await future

    async def close(self) -> None:
        """Finish the calls already made, then end the thread."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        with self._condition:
            # Under one lock with the last call: a thread that just finished another
            # would see the end alone, leave, and let us wait for ever.
            self._closed = True
            thread = self._thread
            if thread is None or self._process_id != os.getpid():
                return
            self._calls.append(_Call(lambda: None, loop, ended))
            self._condition.notify()
        await ended
        thread.join(_JOIN_SECONDS)

    def _submit(self, call: _Call) -> None:
        if self._process_id != os.getpid():
            self._forget_parent()
        with self._condition:
            if self._closed:
                raise StoreClosedError(f"{self.name} was closed")
            self._calls.append(call)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name=self.name, daemon=True
                )
                self._thread.start()
            self._condition.notify()

    def _forget_parent(self) -> None:
        """Start afresh in a forked child, which has no such thread."""
        self._condition = threading.Condition()
        self._calls = deque()
        self._thread = None
        self._process_id = os.getpid()

    def _work(self) -> None:
        while True:
            with self._condition:
                while not self._calls and not self._closed:
                    self._condition.wait()
                if not self._calls:
                    self._thread = None
                    return
                call = self._calls.popleft()
            call.execute()
            del call  # or else it lives on until the next one
