"""A clock that a test or a simulation moves, so that a week passes in a second."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

DEFAULT_START = datetime(2026, 1, 12, tzinfo=UTC)
"""A Monday in winter; a simulation begins here unless told otherwise."""


class SimulatedClock:
    """A `Clock` that stands still until it is moved.

    `advance` moves wall clock and monotonic clock together, as time does; `jump` moves
    only the wall clock, as a person or a time server does. `sleep` advances by itself
    and lets the other tasks of the loop run once, so code that waits for one clock at
    a time needs no driver.

    `start` must be aware; ValueError otherwise.

    >>> from switchbot_automation.simulation import SimulatedClock
    >>> clock = SimulatedClock()
    >>> clock.advance(60)
    >>> clock.now().isoformat(), clock.monotonic()
    ('2026-01-12T00:01:00+00:00', 60.0)
    """

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        if start.tzinfo is None:
            msg = "start must be an aware datetime"
            raise ValueError(msg)
        self._start = start.astimezone(UTC)
        # Whole microseconds, as an instant has them: a week of steps adds up to a week.
        self._elapsed_us = 0
        self._offset = 0.0
        self._now = self._start

    def __repr__(self) -> str:
        return f"SimulatedClock({self.now().isoformat()})"

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""
        return self._now

    def true_now(self) -> datetime:
        """Return what the wall clock would show had nobody set it."""
        return self._start + timedelta(microseconds=self._elapsed_us)

    def monotonic(self) -> float:
        """Return the seconds advanced since the clock was made."""
        return self._elapsed_us / 1e6

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass. ValueError if negative."""
        if seconds < 0:
            msg = f"time does not go back: {seconds}"
            raise ValueError(msg)
        self._elapsed_us += round(seconds * 1e6)
        self._show()

    def advance_to(self, instant: datetime) -> None:
        """Let time pass until the wall clock shows `instant`; not at all if it has."""
        self.advance(max(0.0, (instant - self.now()).total_seconds()))

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward, or back if negative; no time passes."""
        self._offset += seconds
        self._show()

    async def sleep(self, seconds: float) -> None:
        """Advance by `seconds`, then give the other tasks of the loop a turn."""
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    def _show(self) -> None:
        # An engine asks for the time far more often than it passes.
        elapsed = timedelta(microseconds=self._elapsed_us)
        self._now = self._start + elapsed + timedelta(seconds=self._offset)
