"""A made-up market for energy: two prices a day, known a day ahead, as a plug-in's series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection

    from switchbot_automation.clock import Clock

__all__ = ["SimulatedMarket"]

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# When the prices of the next day are issued, in UTC.
_ISSUED = 12


class SimulatedMarket:
    """A source of prices by the hour of UTC, what a plug-in of the group ``series`` makes.

    `cheap` and `dear` are prices of a kWh, `cheap_hours` the hours, 0 to 23, that are
    cheap. Prices of a day are known from noon of the day before. `fails` is raised by
    each reading while it is set, `off_by` is added to what is said.

    >>> import asyncio
    >>> from switchbot_automation.simulation import SimulatedClock
    >>> clock = SimulatedClock()
    >>> asyncio.run(SimulatedMarket(clock).read()).at(clock.now())
    0.15
    """

    def __init__(
        self,
        clock: Clock,
        *,
        cheap: float = 0.15,
        dear: float = 0.30,
        cheap_hours: Collection[int] = (22, 23, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15),
    ) -> None:
        self._clock = clock
        self._cheap = cheap
        self._dear = dear
        self._cheap_hours = frozenset(cheap_hours)
        self.fails: Exception | None = None
        self.off_by: float = 0.0

    def price(self, at: datetime) -> float:
        """Return what a kWh really costs at an aware instant."""
        cheap = at.astimezone(UTC).hour in self._cheap_hours
        return self._cheap if cheap else self._dear

    async def read(self) -> Series:
        """Return the prices from today's midnight up to where they are known."""
        if self.fails is not None:
            raise self.fails
        now = self._clock.now().astimezone(UTC)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = now.hour >= _ISSUED
        days = 2 if tomorrow else 1
        issued = today + _HOUR * _ISSUED - (timedelta() if tomorrow else _DAY)
        hours = [today + _HOUR * number for number in range(24 * days)]
        return Series(
            tuple((at, self.price(at) + self.off_by) for at in hours),
            ends=today + days * _DAY,
            issued_at=issued,
        )
