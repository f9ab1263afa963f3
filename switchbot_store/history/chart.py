"""What a chart of a zone shows, gathered from the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, Final

from switchbot_store.history.buckets import timezone_of
from switchbot_store.history.model import HOLD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from switchbot_store.history.model import HistoryRow
    from switchbot_store.history.service import HistoryService

POINTS: Final = 500
_FIELDS: Final = ("temperature", "humidity", "assumed_aircon_power", "timezone")
_HOLD: Final = timedelta(seconds=HOLD_SECONDS)
_DAILY_FROM: Final = timedelta(days=14)
"""From here on the unit's running time is told by the day."""
_DAY_SECONDS: Final = 86400
_HOUR_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Curve:
    """A reading over time; values are NaN in gaps, so that nothing is drawn there."""

    times: list[datetime]
    mean: list[float]
    low: list[float]
    high: list[float]

    @property
    def known(self) -> bool:
        """Whether there is any value."""
        return any(value == value for value in self.mean)  # noqa: PLR0124 - NaN


@dataclass(frozen=True, slots=True)
class RunningTime:
    """How long the unit was on: `shares` of the time of each bucket from `times`."""

    times: list[datetime]
    width: timedelta
    shares: list[float]

    @property
    def by_day(self) -> bool:
        """Whether a bucket is a day."""
        return self.width >= timedelta(days=1)

    @property
    def hours(self) -> float:
        """In all, in hours."""
        return sum(self.shares) * self.width.total_seconds() / _HOUR_SECONDS


@dataclass(frozen=True, slots=True)
class Chart:
    """One zone in ``[start, end)``; `gaps` are the parts without any reading.

    `count` tells how many recorded samples it is made from, `aircon` is None when
    nothing is known of a unit. Instants are aware, in `timezone`.
    """

    zone: str
    start: datetime
    end: datetime
    timezone: ZoneInfo
    count: int
    temperature: Curve
    humidity: Curve
    aircon: RunningTime | None
    gaps: list[tuple[datetime, datetime]]


def gather(
    service: HistoryService,
    zone: str,
    start: datetime,
    end: datetime,
    *,
    timezone: str | None = None,
    points: int = POINTS,
) -> Chart | None:
    """Ask the history for what a chart of at most `points` shows; None without rows.

    `timezone` None: the one of the newest row. Raises as `HistoryService.query`.
    """
    result = service.query(start, end, zone=zone, fields=_FIELDS, points=points)
    if not result.rows:
        return None
    home = timezone_of(timezone or _known_timezone(result.rows))
    width = timedelta(seconds=result.bucket_seconds or 0)
    rows = result.rows
    running, running_width = rows, width
    if end - start >= _DAILY_FROM:
        by_day = service.query(
            start, end, zone=zone, fields=_FIELDS, bucket="day", timezone=home.key
        )
        running, running_width = by_day.rows, timedelta(days=1)
    return Chart(
        zone,
        start.astimezone(home),
        end.astimezone(home),
        home,
        sum(row["count"] for row in rows),
        _curve(rows, "temperature", width, home),
        _curve(rows, "humidity", width, home),
        _running_time(running, running_width, home),
        _gaps(rows, width, start, min(end, datetime.now(UTC)), home),
    )


def _known_timezone(rows: Sequence[HistoryRow]) -> str:
    return str(rows[-1].timezone or "UTC")


def _curve(
    rows: Iterable[HistoryRow], name: str, width: timedelta, home: ZoneInfo
) -> Curve:
    curve = Curve([], [], [], [])
    before = None
    for row in rows:
        if row[name] is None:
            continue
        # A value is that of the bucket's middle; readings hold for an hour.
        moment = (row.timestamp + width / 2).astimezone(home)
        if before is not None and moment - before > width + _HOLD:
            _append(curve, before + width / 2, nan, nan, nan)
        _append(curve, moment, row[name], row[f"min_{name}"], row[f"max_{name}"])
        before = moment
    return curve


def _append(
    curve: Curve, at: datetime, mean: float, low: float | None, high: float | None
) -> None:
    curve.times.append(at)
    curve.mean.append(mean)
    # A mean may lie outside when an earlier reading holds into the bucket.
    curve.low.append(min(low, mean) if low is not None else mean)
    curve.high.append(max(high, mean) if high is not None else mean)


def _running_time(
    rows: Sequence[HistoryRow], width: timedelta, home: ZoneInfo
) -> RunningTime | None:
    if all(row.assumed_aircon_power is None for row in rows):
        return None
    seconds = min(width.total_seconds(), _DAY_SECONDS)
    return RunningTime(
        [row.timestamp.astimezone(home) for row in rows],
        width,
        [min(1.0, row.aircon_on_seconds / seconds) for row in rows],
    )


def _gaps(
    rows: Sequence[HistoryRow],
    width: timedelta,
    start: datetime,
    end: datetime,
    home: ZoneInfo,
) -> list[tuple[datetime, datetime]]:
    stamps = [row.timestamp for row in rows]
    marks = [(start, stamps[0]), (stamps[-1] + width, end)]
    marks += [(one + width, other) for one, other in pairwise(stamps)]
    return sorted(
        (one.astimezone(home), other.astimezone(home))
        for one, other in marks
        if other - one > _HOLD
    )
