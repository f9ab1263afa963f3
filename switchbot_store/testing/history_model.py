"""What history should answer, worked out slowly and in plain sight.

Holds every row in a list and knows nothing of rollups, SQL or clever edges: instants
are walked minute by minute where the wall clock matters.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from switchbot_store.history.model import HOLD_SECONDS
from switchbot_store.zone_rules import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchbot_store.history.model import HistorySample

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HistoryModel:
    """Rows that never conflict: the caller keeps zones and timestamps distinct."""

    def __init__(self, samples: Iterable[HistorySample]) -> None:
        self.samples: list[HistorySample] = sorted(
            samples, key=lambda each: (each.timestamp, each.zone)
        )

    def rows(
        self, start: datetime, end: datetime, zone: str | None = None
    ) -> list[HistorySample]:
        """Return the samples of ``[start, end)``."""
        return [
            each
            for each in self.samples
            if start <= each.timestamp < end and zone in (None, each.zone)
        ]

    def buckets(
        self,
        start: datetime,
        end: datetime,
        edges: Sequence[datetime],
        *,
        now: datetime,
    ) -> list[dict[str, Any]]:
        """Return what a query must, for consecutive buckets between `edges`."""
        found = []
        zones = sorted({each.zone for each in self.samples})
        for lower, upper in pairwise(edges):
            for zone in zones:
                inside = self.rows(max(lower, start), min(upper, end), zone)
                if inside:
                    part = (max(lower, start), min(upper, end))
                    held = self._held(zone, *part, now=now)
                    found.append(_summary(zone, lower, inside, held))
        return found

    def _held(
        self, zone: str, lower: datetime, upper: datetime, *, now: datetime
    ) -> list[tuple[HistorySample, float]]:
        """Return each sample with the seconds that it held between two instants."""
        mine = [each for each in self.samples if each.zone == zone]
        held = []
        for number, sample in enumerate(mine):
            until = min(
                sample.timestamp + timedelta(seconds=HOLD_SECONDS),
                mine[number + 1].timestamp
                if number + 1 < len(mine)
                else max(now, sample.timestamp),
                upper,
            )
            seconds = (until - max(sample.timestamp, lower)).total_seconds()
            if seconds > 0:
                held.append((sample, seconds))
        return held

    def aggregates(self, since: datetime, zone: str | None = None) -> dict[str, Any]:
        """Return what `HistoryService.aggregates` must."""
        rows = [
            each
            for each in self.samples
            if each.timestamp >= since and zone in (None, each.zone)
        ]
        powers = [each.assumed_aircon_power for each in rows]
        known = sorted({power for power in powers if power is not None})
        answer: dict[str, Any] = {
            "count": len(rows),
            "common_aircon_power": max(known, key=powers.count, default=None),
            "distinct_actions": len({each.last_action for each in rows} - {None}),
            "total_errors": sum(each.error_count for each in rows),
            "max_api_requests": _best(max, (each.api_requests_today for each in rows)),
        }
        for name in ("temperature", "humidity"):
            values = _values(rows, name)
            answer[f"avg_{name}"] = sum(values) / len(values) if values else None
            answer[f"min_{name}"] = _best(min, values)
            answer[f"max_{name}"] = _best(max, values)
        return answer


@functools.lru_cache(maxsize=4096)  # each backend, each of its stages asks the same
def wall_clock_edges(
    start: datetime, end: datetime, bucket: str, timezone: str
) -> tuple[datetime, ...]:
    """Return the instants at which the wall clock begins another day or hour."""
    home = zone_of(timezone)

    def label(moment: datetime) -> tuple[object, ...]:
        local = moment.astimezone(home)
        if bucket == "day":
            return (local.date(),)
        return (local.date(), local.hour, local.utcoffset())

    first, here = start.replace(second=0, microsecond=0), label(start)
    while label(first - _MINUTE) == here:
        first -= _MINUTE
    edges = [first]
    while edges[-1] < end:
        moment, here = edges[-1], label(edges[-1])
        while label(moment) == here:
            moment += _MINUTE
        edges.append(moment)
    return tuple(edges)


def even_edges(
    start: datetime, end: datetime, seconds: int, *, origin: datetime = _EPOCH
) -> list[datetime]:
    """Return edges every so many seconds from `origin`."""
    width = timedelta(seconds=seconds)
    edges = [start - (start - origin) % width]
    while edges[-1] < end:
        edges.append(edges[-1] + width)
    return edges


def _summary(
    zone: str,
    lower: datetime,
    inside: list[HistorySample],
    held: list[tuple[HistorySample, float]],
) -> dict[str, Any]:
    row: dict[str, Any] = {"timestamp": lower, "zone": zone, "count": len(inside)}
    for name in ("temperature", "humidity"):
        values = _values(inside, name)
        weighed = [
            (getattr(each, name), seconds)
            for each, seconds in held
            if getattr(each, name) is not None
        ]
        whole = sum(seconds for _, seconds in weighed)
        if whole:
            row[name] = sum(value * seconds for value, seconds in weighed) / whole
        else:
            row[name] = sum(values) / len(values) if values else None
        row[f"min_{name}"] = _best(min, values)
        row[f"max_{name}"] = _best(max, values)
    row["aircon_on_seconds"] = sum(
        seconds for each, seconds in held if each.assumed_aircon_power == "on"
    )
    for name in ("assumed_aircon_power", "last_action", "timezone"):
        row[name] = getattr(inside[-1], name)
    row["api_requests_today"] = _best(max, _values(inside, "api_requests_today"))
    row["error_count"] = sum(each.error_count for each in inside)
    row["last_temperature_stale"] = any(each.last_temperature_stale for each in inside)
    return row


def _values(samples: list[HistorySample], name: str) -> list[Any]:
    found = [getattr(each, name) for each in samples]
    return [value for value in found if value is not None]


def _best(choose: Any, values: Iterable[Any]) -> Any:
    return choose((each for each in values if each is not None), default=None)
