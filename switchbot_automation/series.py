"""What is said of the hours to come: a price, CO2, the weather. Plain data."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MOST_POINTS", "Series"]

MOST_POINTS = 1000
"""How many values a series has at most: ten days by the quarter of an hour."""

_LONGEST = timedelta(days=14)
_FARTHEST = 1e6


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time, each in force from its instant to that of the next.

    `points` are pairs of an aware instant and a number, in ascending order; `ends` is the
    aware instant up to which the last is known, `issued_at` when whoever says so made it.
    All instants are kept in UTC. What the numbers mean is said by whoever takes them: a price
    in currency per kWh, CO2 in g per kWh, degrees Celsius, W/m2. Before the first instant,
    and from `ends` on, nothing is known.

    Raises ValueError for no points or more than `MOST_POINTS`, for instants without a
    timezone, out of order or twice, for more than 14 days, for numbers that are not finite
    or beyond a million, and for an end that is not after the last instant.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 12, 22, tzinfo=UTC)
    >>> night = Series(((at, 0.15),), ends=at + timedelta(hours=8), issued_at=at)
    >>> night.at(at + timedelta(hours=1))
    0.15
    >>> print(night.at(at + timedelta(hours=8)))
    None
    """

    points: tuple[tuple[datetime, float], ...]
    ends: datetime
    issued_at: datetime

    def __post_init__(self) -> None:
        points = tuple(_points(self.points))
        ends, issued = _utc(self.ends, "ends"), _utc(self.issued_at, "issued_at")
        if not points:
            raise ValueError(worded("expected at least one value"))
        for (before, _), (at, _) in pairwise(points):
            if at == before:
                raise ValueError(worded("{at} is there twice", at=at.isoformat()))
            if at < before:
                raise ValueError(
                    worded(
                        "{at} comes after {before}: expected instants in ascending order",
                        at=at.isoformat(),
                        before=before.isoformat(),
                    )
                )
        if ends <= points[-1][0]:
            raise ValueError(
                worded(
                    "ends, {ends}, is not after the last instant, {points}",
                    ends=ends.isoformat(),
                    points=points[-1][0].isoformat(),
                )
            )
        if ends - points[0][0] > _LONGEST:
            raise ValueError(worded("expected {days} days at most", days=_LONGEST.days))
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "ends", ends)
        object.__setattr__(self, "issued_at", issued)

    def at(self, instant: datetime) -> float | None:
        """Return the value at an aware instant, None where none is known."""
        place = bisect_right(self.points, instant, key=lambda each: each[0])
        if place == 0 or instant >= self.ends:
            return None
        return self.points[place - 1][1]

    def spans(
        self, begin: datetime, end: datetime
    ) -> Iterator[tuple[datetime, datetime, float]]:
        """Yield from when to when which value is known, between two aware instants."""
        ends = (*(at for at, _ in self.points[1:]), self.ends)
        for (at, value), until in zip(self.points, ends, strict=True):
            low, high = max(at, begin), min(until, end)
            if low < high:
                yield low, high, value


def _points(
    given: Iterable[tuple[datetime, float]],
) -> Iterator[tuple[datetime, float]]:
    for number, point in enumerate(given):
        if number >= MOST_POINTS:
            raise ValueError(
                worded("expected {most_points} values at most", most_points=MOST_POINTS)
            )
        try:
            at, value = point
        except (TypeError, ValueError):
            raise ValueError(
                worded(
                    "expected pairs of an instant and a number, entry {number} is none",
                    number=number,
                )
            ) from None
        # Anything may come from outside; this holds for finite numbers alone.
        anything: object = value
        plain = isinstance(anything, int | float) and not isinstance(anything, bool)
        if not (plain and abs(value) <= _FARTHEST):
            raise ValueError(
                worded(
                    "entry {number}: expected a finite number, got {value!r}",
                    number=number,
                    value=value,
                )
            )
        yield _utc(at, f"entry {number}"), float(value)


def _utc(at: object, what: str) -> datetime:
    if not isinstance(at, datetime) or at.tzinfo is None or at.utcoffset() is None:
        raise ValueError(
            worded("{what}: expected an instant with its timezone", what=what)
        )
    return at.astimezone(UTC)
