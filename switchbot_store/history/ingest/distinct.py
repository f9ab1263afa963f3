"""Instants that no other sample of the same zone has."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

_REMEMBERED: Final = 1024
_STEP: Final = timedelta(microseconds=1)


class DistinctTimestamps:
    """Moves an instant that is taken to the next free microsecond.

    Rows are identified by zone and timestamp, so that a repeated write does nothing;
    two samples of one instant must therefore differ. The last 1024 of each zone are
    remembered. Not thread-safe.
    """

    def __init__(self) -> None:
        # By zone: each instant taken, with where the search for a free one goes on.
        self._taken: dict[str, dict[datetime, datetime | None]] = {}

    def assign(self, zone: str, timestamp: datetime) -> datetime:
        """Return `timestamp`, or the first free instant after it."""
        taken = self._taken.get(zone)
        if taken is None:
            taken = self._taken[zone] = {}
        free = timestamp
        while free in taken:
            free = taken[free] or free + _STEP
        if free is not timestamp:
            # A shortcut, and the newest entry: a burst of equals stays remembered.
            taken.pop(timestamp, None)
            taken[timestamp] = free + _STEP
        taken[free] = None
        if len(taken) > _REMEMBERED:
            del taken[next(iter(taken))]
        return free
