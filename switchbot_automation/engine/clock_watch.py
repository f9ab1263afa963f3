"""Notice that somebody set the wall clock, and keep the equipment safe from it. Pure.

Instants are stored in UTC by the wall clock, waits run on the monotonic one. When the
two part, the wall clock was set (or the machine slept, which looks the same): what is
due at an instant is derived anew, and a rest the compressor had begun is not cut short.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.engine.state import ZoneState

_LOGGER = logging.getLogger(__name__)

# A time server slews less than this between two ticks.
_TOLERATED_SECONDS = 30.0

# No minimum time is longer, so what is older than this protects nothing any more.
_LONGEST_REST = timedelta(hours=1)

_EQUIPMENT = ("compressor_started_at", "compressor_stopped_at", "fan_started_at")


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


def after_jump(state: ZoneState, seconds: float, now: datetime) -> ZoneState:
    """Return the state once the wall clock was set by `seconds`; `now` is by the new one.

    A compressor that stopped a minute ago has still rested but a minute, and its starts
    of the last hour are of the last hour. Set back, the clock only makes rests longer,
    which `ZoneState.not_later_than` bounds.
    """
    if not seconds:
        return state
    jump = timedelta(seconds=seconds)
    moved: dict[str, Any] = {}
    if seconds > 0.0:
        moved = {
            name: min(now, at + jump)
            for name in _EQUIPMENT
            if (at := getattr(state, name)) is not None
            and now - jump - at < _LONGEST_REST
        }
    if state.equipment is not None:
        moved["equipment"] = state.equipment.after_jump(jump, now)
    return state._replace(**moved) if moved else state
