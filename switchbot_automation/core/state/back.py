"""When is a room expected back in its band? Pure.

By the pace at which it comes nearer now; where that cannot be seen yet, by the slowest of its
own ways back from as far. A room that does neither is expected at no time.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchbot_automation.core.state.zone import Excursion

# Its pace is seen over so long: a minute of defrosting or of sun is none, and a room that has
# cooled for an hour no more does it as fast as at first.
_SEEN_FOR, _SEEN_SINCE = timedelta(minutes=20), timedelta(minutes=50)
# Twice a meter's step: less is none.
_GAINED_KELVIN = 0.2
# Nobody can say it to the minute, or of tomorrow.
_STEP, _FURTHEST = timedelta(minutes=5), timedelta(hours=24)


def expected_back(
    out: Excursion,
    kelvin: float,
    temperature: float,
    course: Sequence[tuple[float, float]],
    *,
    known: Sequence[tuple[float, float]],
    now: datetime,
) -> datetime | None:
    """Return when a room that is `kelvin` beside its band may be back, None: nobody knows.

    `course` is what was read lately, POSIX seconds and Celsius; `known` are its ways back, by
    how far and in how many seconds.
    """
    left = _by_its_pace(out, kelvin, temperature, course, now)
    at = _by_its_past(out, known) if left is None else now + left
    if at is None or not now < at <= now + _FURTHEST:
        return None
    steps = math.ceil(at.timestamp() / _STEP.total_seconds())
    return datetime.fromtimestamp(steps * _STEP.total_seconds(), UTC)


def _by_its_pace(
    out: Excursion,
    kelvin: float,
    temperature: float,
    course: Sequence[tuple[float, float]],
    now: datetime,
) -> timedelta | None:
    begin = max(out.since, now - _SEEN_SINCE).timestamp()
    end = (now - _SEEN_FOR).timestamp()
    before = [each for each in course if begin <= each[0] <= end]
    if not before:
        return None
    seconds, then = before[-1]
    gained = (temperature - then) * (1.0 if out.low else -1.0)
    if gained < _GAINED_KELVIN:
        return None
    return timedelta(seconds=(now.timestamp() - seconds) * kelvin / gained)


def _by_its_past(
    out: Excursion, known: Sequence[tuple[float, float]]
) -> datetime | None:
    if not out.helped:
        return None
    ways = [
        seconds * max(1.0, out.furthest / far)
        for far, seconds in known
        if far > 0.0 and far >= out.furthest / 2.0
    ]
    if not ways:
        return None
    return out.since + timedelta(seconds=min(max(ways), 1e6))
