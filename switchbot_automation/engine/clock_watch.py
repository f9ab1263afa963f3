"""Whether the wall clock was set since the last look, told by the one that cannot be."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_LOGGER = logging.getLogger(__name__)

# A time server slews less than this between two ticks.
_TOLERATED_SECONDS = 30.0


class ClockWatch:
    """Compares the two clocks from one look to the next."""

    def __init__(self) -> None:
        self._wall: datetime | None = None
        self._monotonic = 0.0

    def jump(self, wall: datetime, monotonic: float) -> float:
        """Return by how many seconds the wall clock was set since the last look.

        Positive: it was set forward. 0.0 the first time and for what is no jump.
        """
        before, elapsed = self._wall, monotonic - self._monotonic
        self._wall, self._monotonic = wall, monotonic
        if before is None:
            return 0.0
        jump = (wall - before).total_seconds() - elapsed
        if abs(jump) <= _TOLERATED_SECONDS:
            return 0.0
        _LOGGER.warning("the clock was set by %.0f s; due times are new", jump)
        return jump
