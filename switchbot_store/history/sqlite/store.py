"""History in a local SQLite file: what a home without PostgreSQL has."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

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
from switchbot_store.history.sqlite.raw_buckets import Cut, raw_buckets
from switchbot_store.history.steps import StepSize
from switchbot_store.instants import LATEST
from switchbot_store.languages import worded

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
_BEFORE_ALL: Final = -(10**17)
_TRIED: Final = "_health"
"""A zone of which nothing stays."""
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
        if not plan.rollup:
            return self._raw_buckets(plan, zone, now, wanted)
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
        statement = sql.buckets(
            edged=plan.edges is not None,
            every_zone=zone is None,
            columns=wanted,
        )
        with self._file.reading() as connection:
            if plan.edges is not None:
                _set_edges(connection, plan.edges)
            cursor = connection.execute(statement, values)
            names = _names(cursor)
            return [_named(row, names) for row in cursor]

    def _raw_buckets(
        self, plan: BucketPlan, zone: str | None, now: datetime, wanted: Sequence[str]
    ) -> list[HistoryRow]:
        cut = Cut(
            to_micros(plan.start),
            to_micros(plan.end),
            to_micros(now),
            to_micros(plan.origin),
            plan.width_seconds * _SECOND,
            None if plan.edges is None else [to_micros(edge) for edge in plan.edges],
        )
        with self._file.reading() as connection:
            zones = [zone] if zone is not None else _zones(connection)
            return raw_buckets(connection, zones, wanted, cut)

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
