"""What a query may ask: from when to when, which columns, cut into which buckets; pure.

Minutes to quarters of an hour lie the same in every timezone of today. Hours do not
where an offset has minutes (Asia/Kolkata, Australia/Lord_Howe), and days have 23 or 25
hours when clocks change, so those are cut by the wall clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Final

from switchbot_store.arguments import no_setting
from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.history.model import (
    BLOCK,
    FIELDS,
    HOUR,
    KEY_FIELDS,
    BucketPlan,
    HistoryRow,
    block_of,
    hour_of,
    in_utc,
)
from switchbot_store.languages import worded
from switchbot_store.zone_rules import zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo


_MOST_POINTS: Final = 10**9
"""More than the shortest buckets of any range that has rows."""
_BUCKET_EXTRAS: Final = {
    "temperature": ("min_temperature", "max_temperature"),
    "humidity": ("min_humidity", "max_humidity"),
    "assumed_aircon_power": ("aircon_on_seconds",),
}


def checked_zone(zone: str | None) -> str | None:
    """Return whose rows are asked for, None for all; or raise StoreConfigError."""
    if zone is not None and not isinstance(zone, str):
        raise no_setting("a zone's name", zone, "zone")
    return zone


def checked_range(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return both ends in UTC, of whatever year.

    Raises StoreDataError, whose `path` names it, for one that is naive or no instant.
    """
    return _aware_utc(start, "start"), _aware_utc(end, "end")


def _aware_utc(moment: datetime, path: str) -> datetime:
    """Return an instant in UTC, or raise StoreDataError if it is naive or none."""
    if type(moment) is datetime and moment.tzinfo is UTC:
        return moment
    if not isinstance(moment, datetime):
        raise StoreDataError(
            worded("a datetime, not {name}", name=type(moment).__name__), path=path
        )
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise StoreDataError(
            worded("{moment} is naive: give it a timezone", moment=moment.isoformat()),
            path=path,
        )
    try:
        return in_utc(moment)
    except OverflowError as error:
        raise StoreDataError(
            worded("the instant lies outside of the years 1 to 9999"), path=path
        ) from error


def row_fields(fields: Sequence[str] | None) -> list[str]:
    """Return the columns of recorded rows; None asks for all.

    Raises StoreConfigError for a name that is none.
    """
    if fields is None:
        return [*KEY_FIELDS, *FIELDS]
    try:
        fields = fields if isinstance(fields, str) else list(fields)
    except TypeError as error:
        raise StoreConfigError(
            worded("names, not {fields!r}", fields=fields), variable="fields"
        ) from error
    unknown = [name for name in fields if name not in KEY_FIELDS + FIELDS]
    if unknown or isinstance(fields, str):
        raise StoreConfigError(
            worded(
                "{unknown!r} is none of {fields}",
                unknown=unknown or fields,
                fields=", ".join(FIELDS),
            ),
            variable="fields",
        )
    return [*KEY_FIELDS, *dict.fromkeys(n for n in fields if n not in KEY_FIELDS)]


def bucket_fields(wanted: Sequence[str]) -> list[str]:
    """Return the columns of buckets for those of recorded rows."""
    names = [*KEY_FIELDS, "count"]
    for name in wanted:
        if name not in names and name != "metadata":
            names += [name, *_BUCKET_EXTRAS.get(name, ())]
    return names


def only_all(rows: list[HistoryRow], names: Sequence[str]) -> list[HistoryRow]:
    """Return the rows with these columns alone, in this order."""
    if rows and list(rows[0]) == list(names):
        return rows  # all rows of an answer have the same
    return [HistoryRow([(name, row[name]) for name in names]) for row in rows]


GRANULARITIES: Final = {
    "minute": 60,
    "5min": 300,
    "15min": 900,
    "hour": 3600,
    "day": 86400,
}
"""What `bucket` of a query may be, and the width in seconds."""
_BLOCKS_FROM: Final = timedelta(hours=11)
"""From this width on whole blocks are used: at most a third is lost to rounding."""
_DAYS_FROM: Final = 2 * BLOCK
"""Wider buckets are days: with some hours more or less, one with two nights in it would
stand beside one with two middays, and the line would go up and down with that alone."""
_DAY: Final = timedelta(days=1)
_ROUND_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 20, 30),
    *(60 * minutes for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
)
"""Widths below an hour that read well on an axis."""
_MAX_EDGES: Final = 200_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONTH: Final = timedelta(days=28)
_FIRST_INSTANT: Final = datetime(1, 1, 3, tzinfo=UTC)
_LAST_INSTANT: Final = datetime(9999, 12, 29, tzinfo=UTC)


def timezone_of(name: str) -> ZoneInfo:
    """Return the timezone of an IANA name, or raise StoreConfigError."""
    try:
        return zone_of(name)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise StoreConfigError(
            worded(
                "{name!r} is no timezone; a name such as 'Europe/Paris' is", name=name
            ),
            variable="timezone",
        ) from error


def needs_timezone(bucket: str | None) -> bool:
    """Tell whether the cut depends on the home's timezone."""
    return bucket in ("hour", "day")


def check_shape(points: int | None, bucket: str | None) -> None:
    """Raise StoreConfigError unless at most one is given, and a known one."""
    if points is not None and bucket is not None:
        raise StoreConfigError(
            worded("give points or bucket, not both"), variable="points"
        )
    known = isinstance(bucket, str) and bucket in GRANULARITIES
    if bucket is not None and not known:
        accepted = ", ".join(GRANULARITIES)
        raise StoreConfigError(
            worded(
                "{bucket!r} is none of {accepted}", bucket=bucket, accepted=accepted
            ),
            variable="bucket",
        )
    if points is not None and (type(points) is not int or points < 1):
        raise StoreConfigError(
            worded("at least 1, not {points!r}", points=points), variable="points"
        )


def plan_points(
    start: datetime, end: datetime, points: int, *, rollup_only: bool = False
) -> BucketPlan:
    """Cut into at most `points` buckets of equal width.

    From an hour on the width is a multiple of it and the rollup serves; `rollup_only`
    asks for that because recorded rows are gone. From half a day on it is a multiple of
    `BLOCK`, beyond that of a day, and the buckets are counted from the start of a block.
    """
    start, end = _within_the_calendar(start, end)
    points = min(points, _MOST_POINTS)
    wanted = (end - start).total_seconds() / points
    width = next((each for each in _ROUND_WIDTHS if each >= wanted), None)
    if width is not None and not rollup_only:
        return BucketPlan(start, end, origin=start, width_seconds=width)
    origin = hour_of(start)
    span = (end - origin).total_seconds()
    unit = HOUR.total_seconds()
    if span / points > _BLOCKS_FROM.total_seconds():
        origin, unit = block_of(start), BLOCK.total_seconds()
        span = (end - origin).total_seconds()
        if span / points > _DAYS_FROM.total_seconds():
            unit = _DAY.total_seconds()
    width = int(unit) * max(1, ceil(span / points / unit))
    return _with_split_hours(
        BucketPlan(start, end, origin=origin, width_seconds=width, rollup=True)
    )


def plan_bucket(
    start: datetime, end: datetime, bucket: str, timezone: ZoneInfo
) -> BucketPlan:
    """Cut by a granularity of `GRANULARITIES`, on the wall clock of `timezone`."""
    width = GRANULARITIES[bucket]
    start, end = _within_the_calendar(start, end)
    if bucket == "day":
        edges = _day_edges(start, end, timezone)
    elif bucket == "hour" and not _whole_hours(start, end, timezone):
        edges = _hour_edges(start, end, timezone)
    else:
        origin = start - (start - _EPOCH) % timedelta(seconds=width)
        plan = BucketPlan(
            start, end, origin=origin, width_seconds=width, rollup=bucket == "hour"
        )
        return _with_split_hours(plan) if plan.rollup else plan
    return _with_split_hours(
        BucketPlan(
            start,
            end,
            origin=edges[0],
            width_seconds=width,
            edges=edges,
            rollup=True,
        )
    )


def _within_the_calendar(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Leave out where buckets, or some place's wall clock, lie outside of it."""
    return max(start, _FIRST_INSTANT), min(end, _LAST_INSTANT)


def _with_split_hours(plan: BucketPlan) -> BucketPlan:
    cuts = (plan.start, plan.end, *(plan.edges or ()))
    split = {
        hour_of(cut)
        for cut in cuts
        if plan.start <= cut <= plan.end and cut != hour_of(cut)
    }
    return BucketPlan(
        plan.start,
        plan.end,
        origin=plan.origin,
        width_seconds=plan.width_seconds,
        edges=plan.edges,
        rollup=plan.rollup,
        split_hours=tuple(sorted(split)),
    )


def _whole_hours(start: datetime, end: datetime, timezone: ZoneInfo) -> bool:
    """Tell whether wall-clock hours are UTC hours in all of the range.

    An offset lasts for weeks, so that a look every four of them meets each.
    """
    moment = start
    while moment < end:
        if _odd_offset(moment, timezone):
            return False
        if end - moment <= _MONTH:
            break  # there may be no such day as the next
        moment += _MONTH
    return not _odd_offset(end, timezone)


def _odd_offset(moment: datetime, timezone: ZoneInfo) -> bool:
    offset = moment.astimezone(timezone).utcoffset() or timedelta()
    return bool(offset % HOUR)


def _day_edges(
    start: datetime, end: datetime, timezone: ZoneInfo
) -> tuple[datetime, ...]:
    day = start.astimezone(timezone).date()
    edges = [_midnight(day.year, day.month, day.day, timezone)]
    while edges[-1] < end:
        day += timedelta(days=1)
        midnight = _midnight(day.year, day.month, day.day, timezone)
        if midnight > edges[-1]:  # Samoa left out 30 December 2011
            edges.append(midnight)
        _check_count(edges)
    return tuple(edges)


def _midnight(year: int, month: int, day: int, timezone: ZoneInfo) -> datetime:
    """Return the first instant of a day; where midnight is skipped, the skip."""
    return datetime(year, month, day, tzinfo=timezone).astimezone(UTC)


def _hour_edges(
    start: datetime, end: datetime, timezone: ZoneInfo
) -> tuple[datetime, ...]:
    local = start.astimezone(timezone)
    edge = _midnight(local.year, local.month, local.day, timezone)
    edges = [edge]
    while edges[-1] < end:
        # Where clocks jump by half an hour, the jump itself ends an hour.
        past = edge.astimezone(timezone).minute
        edge += timedelta(minutes=60 - past)
        if edge <= start:
            edges = [edge]
        else:
            edges.append(edge)
            _check_count(edges)
    return tuple(edges)


def _check_count(edges: list[datetime]) -> None:
    if len(edges) > _MAX_EDGES:
        raise StoreConfigError(
            worded(
                "more than {max_edges} buckets: narrow the range", max_edges=_MAX_EDGES
            ),
            variable="bucket",
        )
