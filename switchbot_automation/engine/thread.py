"""The engine for hosts without an event loop: Flask, scripts, a REPL."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
from contextlib import asynccontextmanager
from typing import (
    TYPE_CHECKING,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    cast,
)

from switchbot_automation.engine.scheduler import Schedulable, SchedulerService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import Any

    from switchbot_automation.engine.scheduler import SchedulerStatus

_LOGGER = logging.getLogger(__name__)

# Longer than the scheduler waits for its last tick.
_STOP_SECONDS = 40.0
_P = ParamSpec("_P")
_T = TypeVar("_T")


class OpenableEngine(Schedulable, Protocol):
    """What runs in the thread; `AutomationEngine` is one."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool | None: ...


_E = TypeVar("_E", bound=OpenableEngine)


class _LastingPool(concurrent.futures.ThreadPoolExecutor):
    """A loop's pool that still works where the interpreter ends.

    Python closes all pools before it calls what was registered by `atexit`, as our `stop`
    is: a host that closes its history by `asyncio.to_thread` could not write its last rows.
    """

    def submit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> concurrent.futures.Future[_T]:
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:  # closed; nothing else waits for this thread any more
            done: concurrent.futures.Future[_T] = concurrent.futures.Future()
            try:
                done.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - told to who waits for it
                done.set_exception(error)
            return done


class EngineThread(Generic[_E]):
    """Runs an engine and its scheduler on an event loop in a thread of its own.

    `engine` is the engine, or, where it needs something that must be made on its loop,
    such as a client session, a function that returns an asynchronous context manager of
    it::

        @asynccontextmanager
        async def house():
            async with aiohttp.ClientSession() as session:
                yield AutomationEngine(SwitchBotClient(session, token, secret), store)

        with EngineThread(house) as thread:
            report = thread.call(thread.engine.run_once("web"))

    The engine is opened and closed here. With `schedule` false nobody ticks it but the
    host. `slow_tick_seconds` is the scheduler's. At the end of the interpreter a thread
    still running is stopped, so that nothing is lost.

    It runs in the process that started it. In a fork of that it does not run, and calls
    raise; `start` there begins anew, given a function.

    >>> from switchbot_automation import AutomationEngine, EngineThread
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import MemoryStore
    >>> home, store = SimulatedHome(), MemoryStore()
    >>> store.set("settings", default_settings())
    >>> engine = AutomationEngine(home, store, clock=home.clock)
    >>> with EngineThread(engine, schedule=False) as thread:
    ...     report = thread.call(thread.engine.run_once("web"))
    >>> str(report.outcome)
    'turned_off_outside_window'
    """

    def __init__(
        self,
        engine: _E | Callable[[], AbstractAsyncContextManager[_E]],
        *,
        schedule: bool = True,
        slow_tick_seconds: float = 10.0,
    ) -> None:
        self._source = engine
        self._schedule = schedule
        self._slow_tick_seconds = slow_tick_seconds
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._running: _Running[_E] | None = None
        self._process_id = os.getpid()
        self._left_to_parent: list[object] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the engine is open and calls are answered."""
        self._know_process()
        return self._running is not None

    @property
    def engine(self) -> _E:
        """The engine. Its coroutines belong into `call`. RuntimeError if not running."""
        return self._must_run().engine

    def status(self) -> SchedulerStatus | None:
        """Return the scheduler's status, None without one. RuntimeError if not running."""
        scheduler = self._must_run().scheduler
        return None if scheduler is None else scheduler.status()

    def start(self) -> None:
        """Start and return once the engine is open. Nothing if it runs.

        Raises what opening the engine raised; RuntimeError where the system has no
        thread left.
        """
        self._know_process()
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            ready: concurrent.futures.Future[None] = concurrent.futures.Future()
            thread = threading.Thread(
                target=self._main, args=(ready,), name="switchbot-engine", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:
                raise RuntimeError(f"the engine was not started: {error}") from error
            self._thread = thread
            failure = ready.exception()
            if failure is not None:
                thread.join()
                self._thread = None
                raise failure
            atexit.register(self.stop)

    def stop(self, *, timeout_seconds: float = _STOP_SECONDS) -> None:
        """Let a running tick finish, close the engine and end the thread.

        Nothing if it does not run. Raises `TimeoutError` if the thread is still alive
        after `timeout_seconds`; it goes on ending.
        """
        self._know_process()
        with self._lock:
            thread, running = self._thread, self._running
            if thread is None:
                return
            if thread is threading.current_thread():
                raise RuntimeError("stop() on the engine's own thread waits for itself")
            self._running = None
            atexit.unregister(self.stop)
            if running is not None:
                running.ask_to_stop()
            thread.join(timeout_seconds)
            if thread.is_alive():
                raise TimeoutError(
                    f"the engine's thread did not end within {timeout_seconds:g} s"
                )
            self._thread = None

    def call(
        self,
        coroutine: Coroutine[Any, Any, _T],
        *,
        timeout_seconds: float | None = None,
    ) -> _T:
        """Run a coroutine on the engine's loop and return its result, from any thread.

        Raises what it raises; `TimeoutError` after `timeout_seconds`, and the coroutine
        is cancelled; RuntimeError if the thread does not run or is the calling one.
        """
        try:
            running = self._must_run(from_outside=True)
            future = asyncio.run_coroutine_threadsafe(_carried(coroutine), running.loop)
        except RuntimeError:  # also from a loop that has just been closed
            coroutine.close()
            raise
        try:
            result, ended = future.result(timeout_seconds)
        except TimeoutError:
            future.cancel()
            raise
        if ended is not None:
            raise ended
        return cast("_T", result)

    def _know_process(self) -> None:
        """Take note of a fork: neither the thread nor what it used came along."""
        if self._process_id == os.getpid():
            return
        if self._running is not None or self._thread is not None:
            # Kept for good: whatever closed it here would close the parent's sockets.
            self._left_to_parent += [self._running, self._thread]
        self._lock = threading.Lock()  # another thread may have held it
        self._thread = self._running = None
        self._process_id = os.getpid()

    def _must_run(self, *, from_outside: bool = False) -> _Running[_E]:
        self._know_process()
        running = self._running
        if running is None:
            forked = "; it stayed in the process that forked this one"
            raise RuntimeError(
                "the engine's thread does not run"
                f"{forked if self._left_to_parent else ''}; call start() first"
            )
        if from_outside and self._thread is threading.current_thread():
            raise RuntimeError("call() on the engine's own thread: await instead")
        return running

    def _main(self, ready: concurrent.futures.Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as exc:
            if ready.done():
                _LOGGER.exception("the engine's thread ended badly")
            else:
                ready.set_exception(exc)
        finally:
            self._running = None

    async def _serve(self, ready: concurrent.futures.Future[None]) -> None:
        pool = _LastingPool(thread_name_prefix="switchbot-engine")
        asyncio.get_running_loop().set_default_executor(pool)
        async with self._made() as engine, engine:
            running = _Running(engine, asyncio.get_running_loop())
            self._running = running
            if not self._schedule:
                ready.set_result(None)
                await running.stopping.wait()
                return
            running.scheduler = SchedulerService(
                engine, slow_tick_seconds=self._slow_tick_seconds
            )
            async with running.scheduler:
                ready.set_result(None)
                await running.stopping.wait()

    @asynccontextmanager
    async def _made(self) -> AsyncIterator[_E]:
        source = self._source
        # An engine may be callable too, a function has no ticks.
        if callable(source) and not hasattr(source, "run_once"):
            async with source() as engine:
                yield engine
        else:
            yield cast("_E", source)


class _Running(Generic[_E]):
    """What exists while the thread serves; made on its loop."""

    def __init__(self, engine: _E, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self.scheduler: SchedulerService | None = None
        self.loop = loop
        self.stopping = asyncio.Event()

    def ask_to_stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)


async def _carried(
    coroutine: Coroutine[Any, Any, _T],
) -> tuple[_T | None, BaseException | None]:
    """Await it, and carry out what would end the loop: it is meant for the caller."""
    try:
        return await coroutine, None
    except (SystemExit, KeyboardInterrupt) as ended:
        return None, ended
