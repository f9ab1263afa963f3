"""The time by which a worker looks after homes: its queue's, whatever its machine shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.clock import SystemClock

if TYPE_CHECKING:
    from switchbot_automation.clock import Clock


class FleetClock:
    """A machine's clock that can be put right: all workers of a fleet go by one time.

    Windows, holds and minimum times of a home are judged by whoever visits it, and what
    one worker notes the next one reads.

    >>> from datetime import timedelta
    >>> from switchbot_automation.fleet.clock import FleetClock
    >>> from switchbot_automation.simulation import SimulatedClock
    >>> machine = SimulatedClock()
    >>> clock = FleetClock(machine)
    >>> clock.put_right(timedelta(hours=-1))
    >>> machine.now() - clock.now()
    datetime.timedelta(seconds=3600)
    """

    def __init__(self, machine: Clock | None = None) -> None:
        self._machine: Clock = machine or SystemClock()
        self._ahead = timedelta(0)

    def put_right(self, by: timedelta) -> None:
        """Show so much more from now on."""
        self._ahead += by

    def now(self) -> datetime:
        """Return the time of the fleet, aware, in UTC."""
        return self._machine.now() + self._ahead

    def monotonic(self) -> float:
        """Return the machine's monotonic clock, in seconds."""
        return self._machine.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await self._machine.sleep(seconds)
