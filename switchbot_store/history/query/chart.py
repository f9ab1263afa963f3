"""What a chart of a zone shows, gathered from the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, Final, Protocol

from switchbot_store.errors import StoreConfigError
from switchbot_store.history.model import HOLD_SECONDS
from switchbot_store.history.query.buckets import timezone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from switchbot_store.history.model import HistoryResult, HistoryRow

POINTS: Final = 500
_FIELDS: Final = ("temperature", "humidity", "assumed_aircon_power", "timezone")
_HOLD: Final = timedelta(seconds=HOLD_SECONDS)
_DAILY_FROM: Final = timedelta(days=14)
"""From here on the unit's running time is told by the day."""
_DAILY_CURVES_FROM: Final = timedelta(days=120)
"""From here on the readings as well: buckets of some hours would beat with the days."""
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


class Asked(Protocol):
    """The two methods of `HistoryService` that a chart is made of."""

    def latest(self, n: int, /, *, zone: str | None) -> list[HistoryRow]:
        """Return the newest rows."""

    def query(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None,
        fields: Sequence[str] | None,
        points: int | None = None,
        bucket: str | None = None,
        timezone: str | None = None,
    ) -> HistoryResult:
        """Return rows or buckets within ``[start, end)``."""


def gather(
    service: Asked,
    zone: str,
    start: datetime,
    end: datetime,
    *,
    timezone: str | None = None,
    points: int = POINTS,
) -> Chart | None:
    """Ask the history for what a chart of about `points` shows; None without rows.

    `timezone` None: the one of the newest row. Raises as `HistoryService.query`.
    """
    if timezone is None:
        newest = service.latest(1, zone=zone)
        timezone = _known(newest[0].timezone) if newest else "UTC"
    home = timezone_of(timezone)

    def days() -> HistoryResult:
        return service.query(
            start, end, zone=zone, fields=_FIELDS, bucket="day", timezone=home.key
        )

    if end - start >= _DAILY_CURVES_FROM:
        result = days()
    else:
        result = service.query(start, end, zone=zone, fields=_FIELDS, points=points)
    if not result.rows:
        return None
    running = days() if end - start >= _DAILY_FROM else result
    rows, width = result.rows, _width(result)
    return Chart(
        zone,
        start.astimezone(home),
        end.astimezone(home),
        home,
        sum(row["count"] for row in rows),
        _curve(rows, "temperature", width, home),
        _curve(rows, "humidity", width, home),
        _running_time(running.rows, _width(running), home),
        _gaps(rows, width, start, min(end, datetime.now(UTC)), home),
    )


def _known(timezone: str) -> str:
    """Return the timezone of a row, which may hold any text, or UTC."""
    try:
        return timezone_of(timezone).key
    except StoreConfigError:
        return "UTC"


def _width(result: HistoryResult) -> timedelta:
    return timedelta(seconds=result.bucket_seconds or 0)


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
