"""Calls the engine when it asks to be called, for asyncio hosts without a scheduler."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, Self

from switchbot_automation.clock import Clock, SystemClock
from switchbot_automation.engine.cancellation import is_cancelled
from switchbot_automation.errors import EngineClosedError
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

_LOGGER = logging.getLogger(__name__)

TRIGGER = "scheduler"

_REMEMBERED_DURATIONS = 10
# An engine that keeps asking for this very moment must not take the processor.
_LEAST_PAUSE_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 60.0
# So often it is looked for what other processes stored, where there may be any.
_LOOK_SECONDS = 1.0
# Waits are monotonic; this often the wall clock is compared, in case it was set forward
# or the machine slept.
_LOOK_AT_THE_CLOCK_SECONDS = 60.0


class _HasKind(Protocol):
    @property
    def kind(self) -> str: ...


class Schedulable(Protocol):
    """What is scheduled; `AutomationEngine` is one."""

    @property
    def next_wakeup(self) -> datetime:
        """When to call again, aware."""
        ...

    async def run_once(self, trigger: str = ...) -> object:
        """Do one tick."""
        ...

    def subscribe(self, listener: Callable[[_HasKind], object]) -> Callable[[], None]:
        """Tell the listener of events; return what ends that."""
        ...


@dataclass(frozen=True, slots=True)
class SchedulerStatus:
    """How the scheduler is doing. Instants are aware UTC, None before the first tick.

    `failures` counts ticks in a row that raised; `last_error` is the last one's, kept
    after recovery. The average is over the last ten ticks.
    """

    running: bool
    next_wakeup: datetime
    ticks: int = 0
    failures: int = 0
    last_tick_at: datetime | None = None
    last_duration_seconds: float | None = None
    average_duration_seconds: float | None = None
    last_error: str | None = None


class SchedulerService:
    """Calls ``run_once("scheduler")`` at `next_wakeup`, or sooner when that moves.

    No exception of a tick ends it, SystemExit neither: it is logged and the next tick waits 1 s, doubling
    to 60 s. A tick longer than `slow_tick_seconds` is warned of. The first looks of many
    homes of one process spread over `spread_seconds`, each home's at its own share of it,
    unless somebody wants one sooner. The engine must be
    open; it is neither opened nor closed here. `clock` defaults to the engine's own.
    Belongs to the event loop it is started on; ``async with`` starts and stops it.

    >>> import asyncio
    >>> from switchbot_automation import AutomationEngine, SchedulerService
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import MemoryStore
    >>> async def one_day():
    ...     home, store = SimulatedHome(), MemoryStore()
    ...     store.set("settings", default_settings())
    ...     engine = AutomationEngine(home, store, clock=home.clock)
    ...     async with engine, SchedulerService(engine) as scheduler:
    ...         while home.elapsed < 86400:
    ...             await asyncio.sleep(0)
    ...         return scheduler.status()
    >>> status = asyncio.run(one_day())
    >>> status.ticks > 100, status.failures
    (True, 0)
    """

    def __init__(
        self,
        engine: Schedulable,
        *,
        clock: Clock | None = None,
        slow_tick_seconds: float = 10.0,
        spread_seconds: float = 0.0,
    ) -> None:
        self._spread_seconds = spread_seconds
        self._engine = engine
        self._clock: Clock = clock or getattr(engine, "clock", None) or SystemClock()
        self._slow_tick_seconds = slow_tick_seconds
        self._task: asyncio.Task[None] | None = None
        self._process_id = os.getpid()
        self._stopping = False
        self._changed = asyncio.Event()
        self._durations: deque[float] = deque(maxlen=_REMEMBERED_DURATIONS)
        self._ticks = 0
        self._failures = 0
        self._last_tick_at: datetime | None = None
        self._last_error: str | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def running(self) -> bool:
        """Whether ticks will come; also true while the last one ends.

        False in a fork of the process that started it: no loop came along.
        """
        task = self._task
        return task is not None and not task.done() and self._is_here()

    def _is_here(self) -> bool:
        return self._process_id == os.getpid()

    def start(self) -> asyncio.Future[None]:
        """Begin, with a tick at once; nothing if it runs already.

        Must be called on a running loop. What it returns is done already, for hosts
        whose start-up steps are awaited; it need not be.
        """
        loop = asyncio.get_running_loop()
        if not self.running:
            if not self._is_here():
                self._process_id, self._changed = os.getpid(), asyncio.Event()
            self._stopping = False
            self._task = loop.create_task(self._run(), name="switchbot-scheduler")
        started = loop.create_future()
        started.set_result(None)
        return started

    async def stop(self, *, timeout_seconds: float | None = 30.0) -> None:
        """End; a tick that is running is waited for. Nothing if it does not run.

        After `timeout_seconds` the tick is cancelled; None waits for ever. Called from
        within a tick it asks for the end and returns.
        """
        task = self._task
        if task is None or task.done() or not self._is_here():
            return
        self._stopping = True
        self._changed.set()
        if task is asyncio.current_task():
            return
        _, late = await asyncio.wait({task}, timeout=timeout_seconds)
        if late:
            _LOGGER.warning("tick still running after %g s: cancelled", timeout_seconds)
            task.cancel()
            await asyncio.wait({task})

    def status(self) -> SchedulerStatus:
        """Return how it is doing. Cheap; may be called from any thread."""
        durations = tuple(self._durations)
        return SchedulerStatus(
            running=self.running,
            next_wakeup=self._engine.next_wakeup,
            ticks=self._ticks,
            failures=self._failures,
            last_tick_at=self._last_tick_at,
            last_duration_seconds=durations[-1] if durations else None,
            average_duration_seconds=(
                sum(durations) / len(durations) if durations else None
            ),
            last_error=self._last_error,
        )

    def _hear(self, event: _HasKind) -> None:
        if event.kind == "next_wakeup_changed":
            self._changed.set()

    async def _run(self) -> None:
        unsubscribe = self._engine.subscribe(self._hear)
        try:
            await self._wait_for_turn()
            while not self._stopping:
                await self._tick()
                if self._failures:
                    await self._back_off()
                else:
                    await self._wait_for_wakeup()
        finally:
            unsubscribe()

    async def _wait_for_turn(self) -> None:
        """Wait with the first look until it is this home's turn."""
        spread = getattr(self._engine, "spread_first_look", None)
        if not self._spread_seconds or spread is None:
            return
        spread(self._spread_seconds)
        while not self._stopping:
            left = self._engine.next_wakeup - self._clock.now()
            if left <= timedelta():
                return
            await self._sleep(left.total_seconds())

    async def _tick(self) -> None:
        self._last_tick_at = self._clock.now()
        began = self._clock.monotonic()
        try:
            await self._engine.run_once(TRIGGER)
        except EngineClosedError as exc:
            # For good: there is nothing to try again.
            self._last_error = error_words(exc)
            self._stopping = True
            _LOGGER.warning("no more ticks: %s", exc)
            return
        except (Exception, SystemExit, asyncio.CancelledError) as exc:
            if is_cancelled():
                raise
            self._last_error = error_words(exc)
            if self._failures:
                _LOGGER.warning("tick failed again: %s", self._last_error)
            else:
                _LOGGER.exception("tick failed; trying again")
            self._failures += 1
        else:
            if self._failures:
                _LOGGER.info("tick works again, after %d failures", self._failures)
            self._failures = 0
        self._ticks += 1
        duration = self._clock.monotonic() - began
        self._durations.append(duration)
        if duration > self._slow_tick_seconds:
            _LOGGER.warning("slow tick: %.1f s", duration)

    async def _back_off(self) -> None:
        """Wait without listening: a failing tick may itself move the wake-up."""
        seconds = min(
            _LEAST_PAUSE_SECONDS * 2 ** min(self._failures - 1, 10),
            _LONGEST_BACKOFF_SECONDS,
        )
        due = self._clock.monotonic() + seconds
        while not self._stopping and (left := due - self._clock.monotonic()) > 0:
            await self._sleep(left)

    async def _wait_for_wakeup(self) -> None:
        least = self._clock.monotonic() + _LEAST_PAUSE_SECONDS
        heard, due = None, least
        looks = True
        while not self._stopping:
            wakeup = self._engine.next_wakeup
            now = self._clock.monotonic()
            until = (wakeup - self._clock.now()).total_seconds()
            if wakeup != heard:
                heard, due = wakeup, now + until
            left = max(min(due - now, until), least - now)
            if left <= 0:
                return
            looks = looks and await self._look()
            most = _LOOK_SECONDS if looks else _LOOK_AT_THE_CLOCK_SECONDS
            await self._sleep(min(left, most))

    async def _look(self) -> bool:
        """Let the engine see what other processes did; tell whether to go on with it."""
        look = getattr(self._engine, "look", None)
        if look is None:
            return False
        try:
            return bool(await look())
        except (Exception, SystemExit, asyncio.CancelledError) as exc:
            if is_cancelled():
                raise
            # The next tick meets the same and says so.
            _LOGGER.debug("the look failed", exc_info=exc)
            return False

    async def _sleep(self, seconds: float) -> None:
        """Sleep, or less if something changed meanwhile."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        changing = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait(
                {sleeping, changing}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            sleeping.cancel()
            changing.cancel()
        self._changed.clear()
