"""How long ticks take and how often they come, over the last ones."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

WARNING_SECONDS: Final = 0.5
CRITICAL_SECONDS: Final = 1.0

_AVERAGED = 10
_WINDOW_SECONDS = 600.0
_MINUTE = 60.0
# An engine is called once a second at most, see `Agenda`.
_KEPT = int(_WINDOW_SECONDS)


class Performance:
    """Durations of the last ticks. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._ticks: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._first: float | None = None
        self.count = 0

    def note(self, ended: float, duration_seconds: float) -> None:
        """Take a tick that is over."""
        if self._first is None:
            self._first = ended
        self._ticks.append((ended, duration_seconds))
        self.count += 1

    def to_dict(self, now: float) -> dict[str, Any]:
        """Return the figures as JSON; durations are None before the first tick.

        `status` is ``ok``, ``warning`` from an average of 0.5 s on, ``critical`` from
        1 s on. The average is over the last ten ticks, the rate over the last ten
        minutes.
        """
        durations = [seconds for _at, seconds in list(self._ticks)[-_AVERAGED:]]
        average = sum(durations) / len(durations) if durations else None
        return {
            "status": _status(average),
            "last_tick_duration_ms": _milliseconds(
                durations[-1] if durations else None
            ),
            "avg_tick_duration_ms": _milliseconds(average),
            "ticks_per_minute": round(self._per_minute(now), 3),
            "ticks": self.count,
        }

    def _per_minute(self, now: float) -> float:
        if self._first is None:
            return 0.0
        # One tick a moment after the start is no thousand a minute.
        span = min(max(now - self._first, _MINUTE), _WINDOW_SECONDS)
        recent = sum(1 for at, _seconds in self._ticks if now - at <= span)
        return recent * _MINUTE / span


def _status(average: float | None) -> str:
    if average is None or average < WARNING_SECONDS:
        return "ok"
    return "warning" if average < CRITICAL_SECONDS else "critical"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
