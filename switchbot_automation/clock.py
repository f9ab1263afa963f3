"""Time as the engine sees it: injected, so that a week can pass in a second."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a host or a simulation must offer.

    >>> from switchbot_automation import Clock
    >>> from switchbot_automation.simulation import SimulatedClock
    >>> def minutes(clock: Clock) -> float:
    ...     return clock.monotonic() / 60
    >>> clock = SimulatedClock()
    >>> clock.advance(90)
    >>> minutes(clock)
    1.5
    """

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this clock."""
        ...


class SystemClock:
    """The machine's own clock.

    >>> from switchbot_automation import SystemClock
    >>> str(SystemClock().now().tzinfo)
    'UTC'
    """

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic clock, in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep in the running event loop."""
        await asyncio.sleep(seconds)
