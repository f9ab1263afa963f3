"""From readings and hours to buckets. Pure.

A number counts until the next one of its attribute, at most `HOLD_SECONDS`, as the
readings of zones do, so that a value which is told only when it changes weighs as long as
it was so. An hour whose readings were deleted counts as its mean.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_store.history.model import HOLD_SECONDS, HOUR, HistoryRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from switchbot_store.history.model import BucketPlan

HOLD = timedelta(seconds=HOLD_SECONDS)


class _Bucket:
    """What is gathered of one bucket."""

    __slots__ = ("count", "greatest", "last", "least", "seconds", "weighed")

    def __init__(self) -> None:
        self.count = 0
        self.weighed = self.seconds = 0.0
        self.least: float | None = None
        self.greatest: float | None = None
        self.last: float | str | None = None

    def row(self, at: datetime, device_id: str, attribute: str) -> HistoryRow:
        """Return it as a row of an answer."""
        value = self.last
        if not isinstance(value, str) and self.seconds:
            value = self.weighed / self.seconds
        return HistoryRow(
            timestamp=at,
            device_id=device_id,
            attribute=attribute,
            value=value,
            min_value=self.least,
            max_value=self.greatest,
            count=self.count,
        )


def bucketed(
    plan: BucketPlan,
    rows: Sequence[HistoryRow],
    hours: Sequence[HistoryRow],
    now: datetime,
) -> list[HistoryRow]:
    """Return a row for each bucket with readings, ascending, of one attribute.

    `rows` are its readings, ascending, from `HOLD` before the plan's start on; `hours`
    those without readings. Nothing counts beyond `now`.
    """
    if not rows and not hours:
        return []
    found: dict[int, _Bucket] = {}
    _add_hours(found, plan, hours)
    _add_readings(found, plan, rows, now)
    names = (rows or hours)[0]
    return [
        found[number].row(_start(plan, number), names.device_id, names.attribute)
        for number in sorted(found)
        if found[number].count
    ]


def _add_hours(
    found: dict[int, _Bucket], plan: BucketPlan, hours: Sequence[HistoryRow]
) -> None:
    for hour in hours:
        start = max(hour.timestamp, plan.start)
        bucket = found.setdefault(_number(plan, start), _Bucket())
        bucket.count += hour.count
        _bound(bucket, hour.min_value, hour.max_value)
        bucket.last = hour.value
        if not isinstance(hour.value, str):
            _hold(found, plan, hour.value, start, hour.timestamp + HOUR)


def _add_readings(
    found: dict[int, _Bucket],
    plan: BucketPlan,
    rows: Sequence[HistoryRow],
    now: datetime,
) -> None:
    for place, row in enumerate(rows):
        value: Any = row.value
        if plan.start <= row.timestamp < plan.end:
            bucket = found.setdefault(_number(plan, row.timestamp), _Bucket())
            bucket.count += 1
            bucket.last = value
            if not isinstance(value, str):
                _bound(bucket, value, value)
        if isinstance(value, str):
            continue
        until = min(row.timestamp + HOLD, max(now, row.timestamp))
        if place + 1 < len(rows):
            until = min(until, rows[place + 1].timestamp)
        _hold(found, plan, value, row.timestamp, until)


def _hold(
    found: dict[int, _Bucket],
    plan: BucketPlan,
    value: float,
    start: datetime,
    end: datetime,
) -> None:
    """Let a value count in each bucket for as long as it was so there."""
    for number, seconds in _parts(plan, start, end):
        bucket = found.setdefault(number, _Bucket())
        bucket.weighed += value * seconds
        bucket.seconds += seconds


def _bound(bucket: _Bucket, low: float | None, high: float | None) -> None:
    if low is not None:
        bucket.least = low if bucket.least is None else min(bucket.least, low)
    if high is not None:
        bucket.greatest = (
            high if bucket.greatest is None else max(bucket.greatest, high)
        )


def _number(plan: BucketPlan, moment: datetime) -> int:
    if plan.edges is not None:
        return bisect_right(plan.edges, moment) - 1
    return (moment - plan.origin) // timedelta(seconds=plan.width_seconds)


def _start(plan: BucketPlan, number: int) -> datetime:
    if plan.edges is not None:
        return plan.edges[number]
    return plan.origin + number * timedelta(seconds=plan.width_seconds)


def _parts(
    plan: BucketPlan, start: datetime, end: datetime
) -> Iterator[tuple[int, float]]:
    """Yield the buckets that a time reaches over, and for how many seconds each."""
    start, end = max(start, plan.start), min(end, plan.end)
    while start < end:
        number = _number(plan, start)
        upto = min(end, _start(plan, number + 1))
        yield number, (upto - start).total_seconds()
        start = upto
