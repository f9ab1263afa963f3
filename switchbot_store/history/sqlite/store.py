"""History in a local SQLite file: what a home without PostgreSQL has."""

from __future__ import annotations

import contextlib
import sqlite3
from bisect import bisect_left, bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter, mul, sub
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import orjson

from switchbot_store.errors import StoreDataError, StoreUnavailableError
from switchbot_store.history import frozen
from switchbot_store.history.model import (
    CLOSING_SECONDS,
    HOLD_SECONDS,
    KEY_FIELDS,
    BucketPlan,
    HistoryBackend,
    HistoryRow,
    HistorySample,
    RowKey,
    hour_of,
    in_utc,
    keys_of,
    late_hours,
)
from switchbot_store.history.sqlite import arrivals
from switchbot_store.history.sqlite import statements as sql
from switchbot_store.history.sqlite.file import SqliteFile
from switchbot_store.history.steps import StepSize
from switchbot_store.instants import EARLIEST, LATEST
from switchbot_store.languages import worded

if TYPE_CHECKING:
    import os
    from collections.abc import (
        Callable,
        Collection,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from pathlib import Path

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
_BEFORE_ALL: Final = -(10**17)
_TRIED: Final = "_health"
"""A zone of which nothing stays."""
_FEW_HOURS: Final = 24
"""So many hours without a summary cost a chart less than a second way to their rows."""
_RECOMPUTED_HOURS: Final = 2
"""Hours closed already that are looked at again, for rows that came unannounced."""


def to_micros(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


class SqliteHistory(HistoryBackend):
    """Rows in the SQLite file at `path`; made, with its directories, when absent.

    Writes are on disk when they return (``synchronous=FULL``). Several processes of
    one host may share the file; a network file system cannot hold it. A file that cannot
    be written is read. With `looking` it is only read, and left as it is.

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistorySample, HistoryService, SqliteHistory
    >>> at = datetime(2026, 1, 12, tzinfo=UTC)
    >>> with HistoryService(SqliteHistory("home/history.sqlite")) as history:
    ...     history.record(HistorySample(at, humidity=48))
    ...     history.latest()[0].humidity
    48.0
    """

    name = "sqlite"

    def __init__(self, path: str | os.PathLike[str], *, looking: bool = False) -> None:
        schema = sql.SCHEMA + arrivals.SCHEMA
        self._file = SqliteFile(path, schema, sql.SCHEMA_VERSION, looking=looking)
        self._step_size = StepSize()

    @property
    def path(self) -> Path:
        """Where the rows lie."""
        return self._file.path

    def write_refusal(self) -> str | None:
        """Return why rows or their hours cannot be written now, None if they can be.

        One of each kind is written, looked at and taken back.
        """
        return self._file.write_refusal(self._try)

    def _try(self, connection: sqlite3.Connection) -> None:
        """Write as the program does, within a transaction that is taken back.

        Raises StoreUnavailableError where it came to nothing.
        """
        now = datetime.now(UTC)
        hour = to_micros(hour_of(now))
        key = (_TRIED, hour)
        row = _to_columns(HistorySample(hour_of(now), zone=_TRIED))
        connection.execute(sql.INSERT, row)
        self._check_there(connection, [HistorySample(hour_of(now), zone=_TRIED)])
        _compute(connection, [(_TRIED, hour, hour + _HOUR)])
        connection.execute(sql.MARK_LATE, key)
        connection.execute(sql.SET_THROUGH, (hour,))
        for table, values in {
            "state_history_hourly": key,
            "state_history_late": key,
            "state_history_rollup": (1, hour),
        }.items():
            if not _is_in(connection, table, values):
                raise self._left_out(connection, table, 1)
        for table in sql.TABLES:
            connection.execute(sql.DELETE_ZONE.replace("<TABLE>", table), (_TRIED,))
            if _is_in(connection, table, key):
                raise self._left_out(connection, table, 1)

    def _left_out(
        self, connection: sqlite3.Connection, table: str, rows: int
    ) -> StoreUnavailableError:
        """Return what to say where a write of rows came to nothing."""
        return StoreUnavailableError(
            worded(
                "{path}: {rows} rows were left as they were in {table} by a trigger that is not of this program: DROP TRIGGER {triggers}",
                path=self.path,
                rows=rows,
                table=table,
                triggers=self._file.triggers(connection, table),
            )
        )

    def open(self) -> None:
        """Open the file; see `HistoryBackend.open`."""
        self._file.open()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, samples: Sequence[HistorySample], *, now: datetime) -> int:
        """Add the rows in one transaction; see `HistoryBackend.write`."""
        if not samples:
            return 0
        rows = [_to_columns(sample) for sample in samples]
        with self._file.adding(self.write_refusal) as connection:
            # A clock that was ahead may have closed hours that are still to come.
            row = connection.execute(sql.THROUGH).fetchone()
            over = in_utc(now) if row is None else max(now, from_micros(row[0]))
            late = late_hours(keys_of(samples), over)
            # Not `total_changes`, which counts what triggers of others change as well.
            added = connection.executemany(sql.INSERT, rows).rowcount
            if added < len(samples):
                self._check_there(connection, samples)
            if late and added:
                marks = [(zone, to_micros(hour)) for zone, hour in sorted(late)]
                connection.executemany(sql.MARK_LATE, marks)
            if added:
                stamps = (to_micros(sample.timestamp) for sample in samples)
                arrivals.note(connection, stamps, to_micros(in_utc(now)))
        return added

    def _check_there(
        self, connection: sqlite3.Connection, samples: Sequence[HistorySample]
    ) -> None:
        """Raise StoreUnavailableError where rows were neither added nor there before."""
        missing = sum(
            connection.execute(
                sql.IS_THERE, (each.zone, to_micros(each.timestamp))
            ).fetchone()
            is None
            for each in samples
        )
        if missing:
            raise self._left_out(connection, "state_history", missing)

    def rows(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        after: RowKey | None = None,
        limit: int | None = None,
    ) -> list[HistoryRow]:
        """Return recorded rows; see `HistoryBackend.rows`."""
        return self._recorded(
            sql.ROWS,
            start=to_micros(start),
            end=to_micros(end),
            zone=zone,
            after=_BEFORE_ALL if after is None else to_micros(after.timestamp),
            after_zone="" if after is None else after.zone,
            limit=-1 if limit is None else limit,
        )

    def latest(self, n: int, *, zone: str | None = None) -> list[HistoryRow]:
        """Return the newest `n` rows, ascending."""
        return self._recorded(sql.LATEST, n=n, zone=zone)

    def buckets(
        self,
        plan: BucketPlan,
        *,
        zone: str | None = None,
        now: datetime,
        columns: Collection[str] | None = None,
    ) -> list[HistoryRow]:
        """Return a row a bucket; see `HistoryBackend.buckets`."""
        wanted: tuple[str, ...] = sql.BUCKET_COLUMNS
        if columns is not None:
            wanted = tuple(dict.fromkeys((*KEY_FIELDS, *columns)))
        with self._file.reading() as connection:
            if not plan.rollup:
                return _by_rows(connection, plan, zone, now, wanted)
            with _at_one_moment(connection):
                seam = _end_of_summary(connection, plan, zone, now)
                if seam is None:
                    return _by_hours(connection, plan, zone, now, wanted)
                found = []
                if plan.start < seam:
                    summarised = replace(plan, end=seam)
                    found = _by_hours(connection, summarised, zone, now, wanted)
                    plan = replace(plan, start=seam)
                return found + _by_rows(connection, plan, zone, now, wanted)

    def aggregates(
        self, since: datetime, *, zone: str | None = None
    ) -> dict[str, int | float | str | None]:
        """Summarise the rows since then; see `HistoryService.aggregates`."""
        with self._file.reading() as connection:
            cursor = connection.execute(
                sql.AGGREGATES, {"since": to_micros(since), "zone": zone}
            )
            return dict(
                zip(
                    _names(cursor),
                    cast("tuple[Any, ...]", cursor.fetchone()),
                    strict=True,
                )
            )

    def oldest(self) -> datetime | None:
        """Return the timestamp of the oldest recorded row, None without any."""
        with self._file.reading() as connection:
            micros = _oldest(connection, _BEFORE_ALL)
        return None if micros is None else from_micros(micros)

    def newest(self, *, before: datetime) -> datetime | None:
        """Return the timestamp of the newest recorded row before then."""
        values = {"zone": None, "before": to_micros(before)}
        with self._file.reading() as connection:
            (micros,) = connection.execute(sql.NEWEST, values).fetchone()
        return None if micros is None else from_micros(micros)

    def roll_up(self, *, now: datetime) -> int:
        """Bring some hours up to date; see `HistoryBackend.roll_up`."""
        edge = to_micros(hour_of(in_utc(now) - timedelta(seconds=CLOSING_SECONDS)))
        began = monotonic()
        with self._file.transaction() as connection:
            done = _roll_up(connection, edge, self._step_size.hours)
        self._step_size.took(monotonic() - began)
        return done

    def purge(self, before: datetime, *, limit: int) -> int:
        """Delete some old rows; see `HistoryBackend.purge`."""
        with self._file.transaction() as connection:
            row = connection.execute(sql.THROUGH).fetchone()
            if row is None:
                return 0
            edge = min(to_micros(hour_of(before)), row[0])
            connection.execute(sql.FREEZE, {"before": edge, "through": row[0]})
            connection.execute(
                sql.PURGE, {"before": edge, "zone": None, "limit": limit}
            )
            # `rowcount` knows nothing of a statement that begins with WITH.
            (gone,) = connection.execute("SELECT changes()").fetchone()
            if gone:
                arrivals.forget(connection, edge)
            return int(gone)

    def came_before(self, span: timedelta) -> datetime:
        """Return before when nothing came lately; see `HistoryBackend.came_before`."""
        with self._file.reading() as connection:
            micros = arrivals.edge(connection, span // _MICROSECOND)
        return LATEST if micros is None else from_micros(micros)

    def move(
        self,
        start: datetime,
        end: datetime,
        by: timedelta,
        *,
        zone: str | None = None,
    ) -> int:
        """Move the rows of a range; see `HistoryBackend.move`."""
        values = {
            "start": to_micros(start),
            "end": to_micros(end),
            "by": by // _MICROSECOND,
            "zone": zone,
        }
        with self._file.transaction() as connection:
            try:
                moved = connection.execute(sql.MOVE, values).fetchall()
            except sqlite3.IntegrityError as error:
                raise StoreDataError(worded("there is a row already")) from error
            left = late_hours(((name, from_micros(at)) for name, at in moved), LATEST)
            come = late_hours(
                ((name, from_micros(at) + by) for name, at in moved), LATEST
            )
            hours = [(name, to_micros(hour)) for name, hour in sorted(left)]
            connection.executemany(sql.FORGET_HOUR, hours)
            marks = [(name, to_micros(hour)) for name, hour in sorted(left | come)]
            connection.executemany(sql.MARK_LATE, marks)
        return len(moved)

    def zones(self, prefix: str = "") -> list[str]:
        """Return the names of the zones that begin so; see `HistoryBackend.zones`."""
        found: set[str] = set()
        with self._file.reading() as connection:
            for table in sql.TABLES:
                found |= set(_zones(connection, table, prefix))
        return sorted(found)

    def delete_zone(self, zone: str) -> int:
        """Delete all that there is of a zone; see `HistoryBackend.delete_zone`."""
        counts = []
        with self._file.transaction() as connection:
            connection.execute("PRAGMA secure_delete = ON")
            for table in sql.TABLES:
                statement = sql.DELETE_ZONE.replace("<TABLE>", table)
                counts.append(connection.execute(statement, (zone,)).rowcount)
        return counts[0]

    def frozen_hours(
        self, *, after: RowKey | None = None, limit: int, zone: str | None = None
    ) -> list[HistoryRow]:
        """Return hours without rows; see `HistoryBackend.frozen_hours`."""
        values = {
            "zone": zone,
            "after": _BEFORE_ALL if after is None else to_micros(after.timestamp),
            "after_zone": "" if after is None else after.zone,
            "limit": limit,
        }
        with self._file.reading() as connection:
            statement = frozen.SQLITE_READ_ZONE if zone else frozen.SQLITE_READ
            cursor = connection.execute(statement, values)
            names = _names(cursor)
            return [_named(row, names) for row in cursor]

    def add_frozen_hours(self, hours: Sequence[Mapping[str, Any]]) -> int:
        """Put such hours back; see `HistoryBackend.add_frozen_hours`."""
        rows = [{**hour, "timestamp": to_micros(hour["timestamp"])} for hour in hours]
        with self._file.transaction() as connection:
            return connection.executemany(frozen.SQLITE_ADD, rows).rowcount

    def _recorded(self, statement: str, **values: object) -> list[HistoryRow]:
        with self._file.reading() as connection:
            cursor = connection.execute(statement, values)
            names = _names(cursor)
            rows = [_named(row, names) for row in cursor]
        for row in rows:
            if row["metadata"] is not None:
                row["metadata"] = _metadata(row["metadata"])
        return rows


@contextlib.contextmanager
def _at_one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """See in several statements what there was at the first of them."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # SQLite ends it itself where the disk fails
            connection.execute("COMMIT")


def _end_of_summary(
    connection: sqlite3.Connection, plan: BucketPlan, zone: str | None, now: datetime
) -> datetime | None:
    """Return the edge of a bucket from where on most hours are not summarised yet.

    None where they are but for a few, and where some that stand alone would be missed:
    those whose rows are gone.
    """
    row = connection.execute(sql.THROUGH).fetchone()
    start, end = to_micros(plan.start), to_micros(plan.end)
    values = {"zone": zone, "start": to_micros(hour_of(plan.start)), "end": end}
    first, hours = connection.execute(
        sql.of_zones(sql.FIRST_LATE, zone), values
    ).fetchone()
    through = start if row is None else max(start, row[0])
    if hours >= _FEW_HOURS:
        through = min(through, max(start, first))
    if end - through < _FEW_HOURS * _HOUR:
        return None
    if through == start:
        seam = plan.start
    elif plan.edges is None:
        width = plan.width_seconds * _SECOND
        past = to_micros(plan.origin) - through
        seam = from_micros(through + past % width)
    else:
        seam = plan.edges[bisect_left(plan.edges, from_micros(through))]
    values["start"] = to_micros(hour_of(seam))
    # What is of later than now holds until the next row, which may lie behind the seam.
    if seam >= plan.end or plan.start < seam > now:
        return None
    found = connection.execute(sql.of_zones(sql.HAS_FROZEN, zone), values)
    return None if found.fetchone() else seam


def _by_hours(
    connection: sqlite3.Connection,
    plan: BucketPlan,
    zone: str | None,
    now: datetime,
    wanted: tuple[str, ...],
) -> list[HistoryRow]:
    pieces = [[to_micros(each) for each in piece] for piece in plan.pieces()]
    split = [to_micros(hour) for hour in plan.split_hours]
    values: dict[str, Any] = {
        "zone": zone,
        "start": to_micros(plan.start),
        "end": to_micros(plan.end),
        "now": to_micros(now),
        "hold": HOLD_SECONDS * _SECOND,
        "first_hour": to_micros(hour_of(plan.start)),
        "pieces": orjson.dumps(pieces).decode(),
        "split": orjson.dumps(split).decode(),
    }
    if plan.edges is None:
        values["origin"] = to_micros(plan.origin)
        values["width"] = plan.width_seconds * _SECOND
    else:
        _set_edges(connection, plan.edges)
    statement = sql.buckets(
        edged=plan.edges is not None, every_zone=zone is None, columns=wanted
    )
    cursor = connection.execute(statement, values)
    names = _names(cursor)
    return [_named(row, names) for row in cursor]


def _by_rows(
    connection: sqlite3.Connection,
    plan: BucketPlan,
    zone: str | None,
    now: datetime,
    wanted: Sequence[str],
) -> list[HistoryRow]:
    cut = Cut(
        to_micros(plan.start),
        to_micros(plan.end),
        to_micros(now),
        to_micros(plan.origin),
        plan.width_seconds * _SECOND,
        None if plan.edges is None else [to_micros(edge) for edge in plan.edges],
    )
    zones = [zone] if zone is not None else _zones(connection)
    return raw_buckets(connection, zones, wanted, cut)


def _is_in(
    connection: sqlite3.Connection, table: str, key: tuple[object, object]
) -> bool:
    statement = sql.HAS[table]
    return connection.execute(statement, key).fetchone() is not None


def _metadata(text: Any) -> Any:
    """Return what is noted of a row; None of somebody else's that is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _zones(
    connection: sqlite3.Connection, table: str = "state_history", prefix: str = ""
) -> list[str]:
    """Return the zones of a table that begin so."""
    statement = sql.NAMES.replace("<TABLE>", table)
    return [name for (name,) in connection.execute(statement, {"prefix": prefix})]


def _to_columns(sample: HistorySample) -> tuple[object, ...]:
    metadata = sample.metadata
    return (
        sample.zone,
        to_micros(sample.timestamp),
        sample.temperature,
        sample.humidity,
        sample.assumed_aircon_power,
        sample.last_action,
        sample.api_requests_today,
        sample.error_count,
        sample.last_temperature_stale,
        sample.timezone,
        None if metadata is None else orjson.dumps(metadata).decode(),
    )


def _roll_up(connection: sqlite3.Connection, edge: int, hours: int) -> int:
    """Do one step within a transaction; see `HistoryBackend.roll_up`."""
    row = connection.execute(sql.THROUGH).fetchone()
    through: int | None = None if row is None else row[0]
    if through is None or through < edge:
        return _advance(connection, through, edge, hours)
    marked = connection.execute(
        sql.LATE, {"through": through, "limit": hours}
    ).fetchall()
    if marked:
        connection.executemany(sql.FORGET_LATE, marked)
        _compute(connection, [(zone, hour, hour + _HOUR) for zone, hour in marked])
    return len(marked)


def _advance(
    connection: sqlite3.Connection, through: int | None, edge: int, hours: int
) -> int:
    """Roll up some hours that follow `through`, skipping those without rows."""
    begin = _BEFORE_ALL if through is None else through
    first = _oldest(connection, begin)
    if first is None or first >= edge:
        upto = edge
    else:
        upto = min(edge, first // _HOUR * _HOUR + hours * _HOUR)
    if through is None:
        begin = edge if first is None else min(first // _HOUR * _HOUR, edge)
    else:
        begin = through - _RECOMPUTED_HOURS * _HOUR
    connection.execute(sql.FORGET_LATE_RANGE, (begin, upto))
    _compute(connection, [(None, begin, upto)])
    connection.execute(sql.SET_THROUGH, (upto,))
    return max(1, (upto - begin) // _HOUR)


def _compute(
    connection: sqlite3.Connection, ranges: list[tuple[str | None, int, int]]
) -> None:
    connection.execute(
        sql.ROLL_UP,
        {
            "ranges": orjson.dumps(ranges).decode(),
            "zone": None,
            "hold": HOLD_SECONDS * _SECOND,
            # Every hour here is over: the present cuts nothing short.
            "now": max(upper for _, _, upper in ranges),
        },
    )


def _oldest(connection: sqlite3.Connection, since: int) -> int | None:
    (micros,) = connection.execute(
        sql.OLDEST, {"zone": None, "since": since}
    ).fetchone()
    return cast("int | None", micros)


def _set_edges(connection: sqlite3.Connection, edges: Iterable[datetime]) -> None:
    connection.execute(sql.EDGES)
    connection.execute("DELETE FROM temp.edges")
    connection.executemany(
        "INSERT INTO temp.edges VALUES (?)", [(to_micros(edge),) for edge in edges]
    )


def _names(cursor: sqlite3.Cursor) -> list[str]:
    return [column[0] for column in cursor.description]


def _named(row: tuple[Any, ...], names: list[str]) -> HistoryRow:
    named = HistoryRow(zip(names, row, strict=True))
    named["timestamp"] = from_micros(named["timestamp"])
    if "last_temperature_stale" in named:
        named["last_temperature_stale"] = bool(named["last_temperature_stale"])
    return named


# --- buckets of recorded rows, in one pass over them in the order of time ---------------

# SQLite's own way to them, with windows and groups, takes four times as long. Times are
# microseconds since 1970.

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
    statement = _SERIES.replace(
        "<READ>", "".join(f", {sql.READ[name]}" for name in read)
    )
    names = _computed(read, columns)
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


def _computed(read: Sequence[str], columns: Sequence[str]) -> list[str]:
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
