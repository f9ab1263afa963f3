"""How late a meter says what its room does, seen where its unit was started. Pure.

A meter whose reports are under way for a quarter of an hour goes on telling of a cold room
while the unit has long brought it up. What shows it is the start of a unit that rested: from
when on the room comes up. Two readings on its way up, followed back to where it came up from,
tell that, whatever its pace:

    late = t1 - (x1 - x0) / ((x2 - x1) / (t2 - t1)) - started

A room whose pace slackens seems to have begun sooner than it did, so a meter counts as less
late than it is. Of the last three starts the middle one counts, as one may have been heard
late. A start after a short rest tells nothing: what the meter says then is of before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from switchbot_automation.core.control.trend import number

# So far above where it came from a room is on its way, and so much further its pace is seen.
_BEGUN_KELVIN, _FURTHER_KELVIN = 0.3, 0.5
# A unit takes so long until it gives anything; what is not seen within so long tells nothing.
_BEGINS_SECONDS, _WATCHED_SECONDS = 180.0, 5400.0
_RESTED_SECONDS = 3600.0
# What every meter takes is reckoned with anyway; none is later than this.
_USUAL_SECONDS, _MOST_SECONDS = 600.0, 2400.0
_KEPT, _NUMBERS = 3, 4


class Lateness(NamedTuple):
    """What the last starts told. POSIX seconds, and effort degrees.

    The start that is watched began at `started`; below zero it rests since then, and 0.0 is
    before all. The room came from `least`, and was on its way at `at`, then `level`; `at` is
    0.0 before that, and below zero once the start has told what it tells. `found` are the
    last starts'.
    """

    started: float = 0.0
    least: float = 0.0
    at: float = 0.0
    level: float = 0.0
    found: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """How late the meter is beyond what is usual, 0.0 where that is not known."""
        found = sorted(self.found)
        late = found[(len(found) - 1) // 2] if found else 0.0
        return late if late >= _USUAL_SECONDS else 0.0

    def after(self, now: float, x: float, started: float | None) -> Lateness:
        """Return it after a reading of a unit that was started then, None at rest."""
        if started is None or started > now:
            return self._replace(started=-now) if self.started > 0.0 else self
        if self.started <= 0.0:
            rested = not self.started or started + self.started >= _RESTED_SECONDS
            return Lateness(started, x, 0.0 if rested else -1.0, found=self.found)
        # What is told once more without a rest between is the same start.
        if self.at < 0.0 or now - self.started > _WATCHED_SECONDS:
            return self
        if not self.at:
            if x - self.least < _BEGUN_KELVIN:
                return self._replace(least=min(self.least, x))
            return self._replace(at=now, level=x)
        if x - self.level < _FURTHER_KELVIN:
            return self
        pace = (x - self.level) / (now - self.at)
        begun = self.at - (self.level - self.least) / pace
        late = max(0.0, min(_MOST_SECONDS, begun - self.started - _BEGINS_SECONDS))
        return self._replace(at=-1.0, found=(*self.found, round(late))[-_KEPT:])

    def to_list(self) -> list[Any]:
        """Return it as a document."""
        return [self.started, self.least, self.at, self.level, *self.found]

    @classmethod
    def from_list(cls, value: Any) -> Lateness:
        """Read a document; garbage counts as nothing seen."""
        if (
            not isinstance(value, list)
            or not _NUMBERS <= len(value) <= _NUMBERS + _KEPT
        ):
            return cls()
        started, at = number(value[0], -1e11, 1e11), number(value[2], -1.0, 1e11)
        least, level = (number(value[n], -200.0, 200.0) for n in (1, 3))
        found = [number(each, 0.0, _MOST_SECONDS) for each in value[_NUMBERS:]]
        if started is None or at is None or least is None or level is None:
            return cls()
        if any(each is None for each in found):
            return cls()
        return cls(started, least, at, level, tuple(each or 0.0 for each in found))


NEVER_STARTED = Lateness()
