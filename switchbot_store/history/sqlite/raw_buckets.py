"""Buckets of recorded rows, in one pass over them in the order of time.

SQLite's own way to them, with windows and groups, takes four times as long. Times are
microseconds since 1970.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import timedelta
from operator import itemgetter, mul, sub
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_store.history.model import HOLD_SECONDS, KEY_FIELDS, HistoryRow
from switchbot_store.history.sqlite.statements import READ
from switchbot_store.instants import EARLIEST

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

_SECOND: Final = 1_000_000
_MICROSECOND: Final = timedelta(microseconds=1)
_PAGE_ROWS: Final = 5000
_HOLD: Final = HOLD_SECONDS * _SECOND
_MOST_ERRORS: Final = 2**63 - 1
_SOURCES: Final = {
    **dict.fromkeys(
        ("temperature", "min_temperature", "max_temperature"), "temperature"
    ),
    **dict.fromkeys(("humidity", "min_humidity", "max_humidity"), "humidity"),
    "aircon_on_seconds": "assumed_aircon_power",
    "assumed_aircon_power": "assumed_aircon_power",
    "last_action": "last_action",
    "timezone": "timezone",
    "api_requests_today": "api_requests_today",
    "error_count": "error_count",
    "last_temperature_stale": "last_temperature_stale",
}
_MEASURED: Final = ("temperature", "humidity")


class Cut(NamedTuple):
    """Where buckets begin and end: of one width, or between edges."""

    start: int
    end: int
    now: int
    origin: int
    width: int
    edges: Sequence[int] | None = None

    def around(self, moment: int) -> tuple[int, int]:
        """Return the start and the end of the bucket of an instant."""
        if self.edges is None:
            first = moment - (moment - self.origin) % self.width
            return first, first + self.width
        place = bisect_right(self.edges, moment)
        return self.edges[place - 1], self.edges[place]


class _Chunk(NamedTuple):
    """The rows of one bucket by column, and how long each of their readings counts in it."""

    columns: list[tuple[Any, ...]]
    weights: list[int]
    total: int
    """The sum of `weights`."""
    before: tuple[Any, ...] | None
    """The row whose reading still held when the bucket began, None without."""
    carried: int
    """How long it did."""


_SERIES: Final = """
SELECT timestamp <READ> FROM state_history
WHERE zone = :zone AND timestamp < :end AND timestamp >= coalesce((
    SELECT max(timestamp) FROM state_history
    WHERE zone = :zone AND timestamp < :start AND timestamp >= :start - :hold), :start)
ORDER BY timestamp
"""
"""A range of one zone, and of what is before it the row whose reading may still hold."""


def raw_buckets(
    connection: sqlite3.Connection,
    zones: Iterable[str],
    columns: Sequence[str],
    cut: Cut,
    *,
    page_rows: int = _PAGE_ROWS,
) -> list[HistoryRow]:
    """Return each bucket with samples of these zones, ascending.

    At most `page_rows` rows of a zone, and those of one bucket, are in memory at once.
    """
    read = tuple(dict.fromkeys(_SOURCES[name] for name in columns if name in _SOURCES))
    statement = _SERIES.replace("<READ>", "".join(f", {READ[name]}" for name in read))
    names = _names(read, columns)
    makers = _makers(names, read)
    values = {"start": cut.start, "end": cut.end, "hold": _HOLD}
    found: list[HistoryRow] = []
    for zone in zones:
        cursor = connection.execute(statement, values | {"zone": zone})
        pages = iter(lambda: cursor.fetchmany(page_rows), [])  # noqa: B023 - read before the next
        for start, chunk in _chunks(pages, cut):
            row: list[Any] = [EARLIEST + start * _MICROSECOND, zone, len(chunk.weights)]
            for make in makers:
                row += make(chunk)
            found.append(HistoryRow(zip(names, row, strict=True)))
    found.sort(key=itemgetter("timestamp", "zone"))
    return found


def _names(read: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return what is computed, in its order."""
    names = [*KEY_FIELDS, "count"]
    for name in (name for name in _MEASURED if name in read):
        names += [name, f"min_{name}", f"max_{name}"]
    return names + [name for name in columns if name not in names]


def _chunks(
    pages: Iterable[list[tuple[Any, ...]]], cut: Cut
) -> Iterator[tuple[int, _Chunk]]:
    before: tuple[Any, ...] | None = None
    rows: list[tuple[Any, ...]] = []
    for page in pages:
        rows += page
        if rows[0][0] < cut.start:
            before = rows.pop(0)
            if not rows:
                continue
        columns = list(zip(*rows, strict=True))
        times = columns[0]
        place = 0
        first, until = cut.around(times[0])
        while (stop := bisect_left(times, until, place)) < len(times):
            part = [column[place:stop] for column in columns]
            ends = min(until, times[stop])
            yield first, _chunk(part, before, max(first, cut.start), ends)
            before, place = rows[stop - 1], stop
            first, until = cut.around(times[place])
        rows = rows[place:]  # more of its bucket may follow
    if rows:
        columns = list(zip(*rows, strict=True))
        first, until = cut.around(rows[0][0])
        ends = min(until, cut.end, max(cut.now, rows[-1][0]))
        yield first, _chunk(columns, before, max(first, cut.start), ends)


def _chunk(
    columns: list[tuple[Any, ...]],
    before: tuple[Any, ...] | None,
    first: int,
    ends: int,
) -> _Chunk:
    """Return them with what each row counts, the last one until `ends` at most."""
    times = columns[0]
    weights = list(map(sub, times[1:], times))
    if times[-1] - times[0] > _HOLD:
        weights = [min(weight, _HOLD) for weight in weights]
    weights.append(max(0, min(ends, times[-1] + _HOLD) - times[-1]))
    carried = 0
    if before is not None:
        carried = max(0, min(times[0], before[0] + _HOLD) - first)
    total = sum(weights)
    return _Chunk(columns, weights, total, before if carried else None, carried)


def _makers(
    names: Sequence[str], read: Sequence[str]
) -> list[Callable[[_Chunk], Sequence[Any]]]:
    places = {name: place for place, name in enumerate(read, 1)}
    return [_MAKERS[name](places[_SOURCES[name]]) for name in names if name in _MAKERS]


def _measure(place: int) -> Callable[[_Chunk], Sequence[Any]]:
    def of(chunk: _Chunk) -> Sequence[Any]:
        values: Sequence[float] = chunk.columns[place]
        total = chunk.total
        try:
            weighed = sum(map(mul, values, chunk.weights))
        except TypeError:  # a row without; looked for only here, as it is rare
            pairs = zip(chunk.columns[place], chunk.weights, strict=True)
            known = [(value, weight) for value, weight in pairs if value is not None]
            values = [value for value, _ in known]
            total = sum(weight for _, weight in known)
            weighed = sum(value * weight for value, weight in known)
        if chunk.before is not None and (value := chunk.before[place]) is not None:
            total += chunk.carried
            weighed += value * chunk.carried
        if not values:
            return weighed / total if total else None, None, None
        mean = weighed / total if total else sum(values) / len(values)
        return mean, min(values), max(values)

    return of


def _last(place: int) -> Callable[[_Chunk], Sequence[Any]]:
    return lambda chunk: (chunk.columns[place][-1],)


def _on_seconds(place: int) -> Callable[[_Chunk], Sequence[Any]]:
    def of(chunk: _Chunk) -> Sequence[Any]:
        pairs = zip(chunk.columns[place], chunk.weights, strict=True)
        total = sum([weight for power, weight in pairs if power == "on"])
        if chunk.before is not None and chunk.before[place] == "on":
            total += chunk.carried
        return (total / _SECOND,)

    return of


def _greatest(place: int) -> Callable[[_Chunk], Sequence[Any]]:
    def of(chunk: _Chunk) -> Sequence[Any]:
        known = [value for value in chunk.columns[place] if value is not None]
        return (max(known, default=None),)

    return of


def _errors(place: int) -> Callable[[_Chunk], Sequence[Any]]:
    return lambda chunk: (min(_MOST_ERRORS, sum(chunk.columns[place])),)


def _any(place: int) -> Callable[[_Chunk], Sequence[Any]]:
    return lambda chunk: (any(chunk.columns[place]),)


_MAKERS: Final = {
    **dict.fromkeys(_MEASURED, _measure),  # with the least and the greatest
    **dict.fromkeys(("assumed_aircon_power", "last_action", "timezone"), _last),
    "aircon_on_seconds": _on_seconds,
    "api_requests_today": _greatest,
    "error_count": _errors,
    "last_temperature_stale": _any,
}
