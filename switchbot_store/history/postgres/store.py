"""History in the table `state_history` of a PostgreSQL database."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import repeat
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeVar

import orjson
import psycopg
from psycopg.rows import dict_row, tuple_row

from switchbot_store.errors import (
    SlowConnectionError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.history import frozen
from switchbot_store.history.ingest.codec import as_dict
from switchbot_store.history.model import (
    CLOSING_SECONDS,
    HOUR,
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
    rows_of,
)
from switchbot_store.history.postgres import buckets_sql as bucket_sql
from switchbot_store.history.postgres import rollup_sql
from switchbot_store.history.postgres import rows_sql as sql
from switchbot_store.history.postgres.copy_text import copy_lines
from switchbot_store.history.postgres.foreign_types import (
    has_other_types,
    settled,
    settled_column,
)
from switchbot_store.history.postgres.place import PostgresPlace
from switchbot_store.history.steps import StepSize
from switchbot_store.instants import LATEST
from switchbot_store.languages import worded
from switchbot_store.postgres.errors import words_of
from switchbot_store.postgres.statements import beginning
from switchbot_store.postgres.trial import VALUE_REFUSED, rows_refused
from switchbot_store.postgres.unchecked import (
    AS_THEY_LIE,
    AS_UTF_8,
    NO_TEXT,
    as_it_lies,
    readable,
    shown,
)
from switchbot_store.postgres.wire import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    Connection = psycopg.Connection[Any]

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)
_MEASURED: Final = ("temperature", "humidity")
_MAX_RECORDSET_ROWS: Final = 1000
"""Beyond this COPY is faster, though it takes several round trips."""
_STEP_SECONDS: Final = 5.0
"""What a step of the rollup may take before it is tried again with half of the hours."""
_ZONES_AT_ONCE: Final = 500
"""About so many zones are rolled up in one step."""
_RECOMPUTED_HOURS: Final = 2
"""Hours closed already that are looked at again, for rows that came unannounced."""
_DELETED_AT_ONCE: Final = 10_000
_BEFORE_ALL: Final = datetime(1, 1, 1, tzinfo=UTC)
_INSERT_LATE: Final = sql.INSERT_LATE.encode()
_DEFAULTS: Final = {"error_count": 0, "last_temperature_stale": False}
_OURS: Final = frozenset(sql.READ_COLUMNS)
_REFUSED: Final = (
    psycopg.IntegrityError,
    psycopg.errors.RaiseException,
    *VALUE_REFUSED,
)
"""A constraint or trigger that somebody added says no: this row's fault, or any's."""


class PostgresHistory(PostgresPlace, HistoryBackend):
    """Rows in `state_history`, hours in `state_history_hourly`.

    The arguments, and what opening does, are those of `PostgresPlace`.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistorySample, HistoryService, PostgresHistory
    >>> at = datetime(2026, 1, 12, tzinfo=UTC)
    >>> with HistoryService(PostgresHistory(database_url)) as history:
    ...     history.record(HistorySample(at, temperature=21.5))
    ...     history.latest()[0].temperature
    21.5
    """

    name = "postgres"
    _named_by_others = False
    """Somebody gave a zone a name that is no text; see `_of_zones`."""

    @cached_property
    def _left_out(self) -> set[tuple[str, str]]:
        """Columns of zones whose unusable numbers were told of."""
        return set()

    @cached_property
    def _step_size(self) -> StepSize:
        return StepSize()

    def write(self, samples: Sequence[HistorySample], *, now: datetime) -> int:
        """Add the rows; see `HistoryBackend.write`.

        One statement in one round trip, beyond a thousand rows one transaction.
        """
        if not samples:
            return 0
        if len(samples) > _MAX_RECORDSET_ROWS:
            return self._copy(samples, now)
        document = orjson.dumps([as_dict(sample) for sample in samples])
        values = [document, in_utc(now).isoformat().encode()]

        def insert(connection: Connection) -> int:
            try:
                ((count,),) = fetch(connection, _INSERT_LATE, values)
                _check_there(connection, samples, int(count or 0))
            except _REFUSED as error:
                raise _refusal(error, connection) from error
            return int(count or 0)

        return self._connections.call(insert).value

    def _copy(self, samples: Sequence[HistorySample], now: datetime) -> int:
        def insert(connection: Connection) -> int:
            try:
                with connection.transaction():
                    count = _copied(connection, samples)
                    _check_there(connection, samples, count)
                    if count:
                        zones = {zone for zone, _ in keys_of(samples)}
                        connection.execute(sql.NOTE_ZONES, {"zones": list(zones)})
                        _, farthest, *_ = _row(connection, rollup_sql.STATE, {})
                        over = in_utc(now) if farthest is None else max(now, farthest)
                        _mark_late(connection, late_hours(keys_of(samples), over))
                    return count
            except _REFUSED as error:
                raise _refusal(error, connection) from error

        # A thousand rows a second is slow even far away.
        timeout = self._write_timeout_seconds + len(samples) / 1000
        return self._connections.call(insert, timeout_seconds=timeout).value

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
            start=start,
            end=end,
            zone=zone,
            after=_BEFORE_ALL if after is None else after.timestamp,
            after_zone="" if after is None else after.zone,
            limit=limit,
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
        wanted: tuple[str, ...] = bucket_sql.BUCKET_COLUMNS
        if columns is not None:
            wanted = tuple(dict.fromkeys((*KEY_FIELDS, *columns)))
        # Of one zone alone its name need not come back with every row.
        sent = wanted if zone is None else tuple(n for n in wanted if n != "zone")
        statement, names = bucket_sql.buckets(
            rollup=plan.rollup,
            blocks=plan.blocks() is not None,
            edged=plan.edges is not None,
            every_zone=zone is None,
            columns=sent,
        )
        named = bucket_sql.bucket_values(plan, zone=zone, now=now)
        values = [named[name] for name in names]

        def fetch_columns(connection: Connection) -> tuple[Any, ...]:
            with psycopg.RawCursor(connection, row_factory=tuple_row) as cursor:
                row = cursor.execute(statement, values, binary=True).fetchone()
            return () if row is None else row

        arrays = self._reading_texts(fetch_columns, span=plan.end - plan.start)
        if arrays[0] is None:
            return []
        found: dict[str, Sequence[Any]] = dict(zip(sent, arrays, strict=True))
        for name, array in found.items():
            if type(next((each for each in array if each is not None), None)) is bytes:
                found[name] = [_as_text(name, value) for value in array]
            found[name] = settled_column(name, found[name])
        moments = map(datetime.fromtimestamp, found["timestamp"], repeat(UTC))
        found["timestamp"] = list(moments)
        if zone is not None:
            found["zone"] = [zone] * len(found["timestamp"])
        return rows_of({name: found[name] for name in wanted})

    def aggregates(
        self, since: datetime, *, zone: str | None = None
    ) -> dict[str, int | float | str | None]:
        """Summarise the rows since then; see `HistoryService.aggregates`."""

        def fetch_row(connection: Connection) -> dict[str, Any]:
            with connection.cursor(row_factory=dict_row, binary=True) as cursor:
                values = {"since": since, "zone": zone}
                return cursor.execute(sql.AGGREGATES, values).fetchone() or {}

        found = self._reading_texts(fetch_row, span=datetime.now(UTC) - since)
        return {
            name: settled(name, _as_text(name, value)) for name, value in found.items()
        }

    def oldest(self) -> datetime | None:
        """Return the timestamp of the oldest recorded row, None without any."""
        return self._reading(
            lambda connection: _oldest(connection, _BEFORE_ALL), span=timedelta()
        )

    def newest(self, *, before: datetime) -> datetime | None:
        """Return the timestamp of the newest recorded row before then."""
        values: dict[str, object] = {"before": before, "zone": None}
        moment = self._reading(
            lambda connection: _first(connection, sql.NEWEST, values), span=timedelta()
        )
        return None if moment is None else in_utc(moment)

    def clock(self) -> datetime | None:
        """Return what the server's clock says."""
        moment: datetime = self._reading(
            lambda connection: _first(connection, sql.CLOCK, {}), span=timedelta()
        )
        return in_utc(moment)

    def roll_up(self, *, now: datetime) -> int:
        """Bring some hours up to date; see `HistoryBackend.roll_up`."""
        edge = hour_of(in_utc(now) - timedelta(seconds=CLOSING_SECONDS))
        size = self._step_size

        def step(connection: Connection) -> int:
            try:
                return self._step(connection, edge)
            except NO_TEXT:
                if self._named_by_others:
                    raise
                self._named_by_others = True
                return self._step(connection, edge)

        while size.hours > 1:
            try:
                return self._reading(step, at_most=_STEP_SECONDS)
            except SlowConnectionError:
                _LOGGER.debug("a step of %s hours took too long", size.hours)
                size.halve()
        return self._reading(step)

    def _step(self, connection: Connection, edge: datetime) -> int:
        """Bring some hours up to date; return how many."""
        size, strange = self._step_size, self._named_by_others
        # Mostly there is nothing to do, which one statement tells.
        through, _, unknown, ahead, late = _row(connection, rollup_sql.STATE, {})
        if through is not None and through >= edge and not (ahead or late):
            return 0
        began = monotonic()
        with connection.transaction():
            if unknown:
                for statement in rollup_sql.BEGIN_ANEW:
                    connection.execute(statement)
            done = _advance(connection, edge, size.hours, strange)
        if done or ahead:
            connection.execute(rollup_sql.PUBLISH)
        if not done and through is not None:
            with connection.transaction():
                done = _made_up_for(connection, through, size.hours, strange)
        size.took(monotonic() - began)
        return done

    def purge(self, before: datetime, *, limit: int) -> int:
        """Delete some old rows; see `HistoryBackend.purge`."""
        values = {"before": hour_of(before), "zone": None, "limit": limit}
        return self._reading(
            lambda connection: connection.execute(rollup_sql.PURGE, values).rowcount
        )

    def move(
        self,
        start: datetime,
        end: datetime,
        by: timedelta,
        *,
        zone: str | None = None,
    ) -> int:
        """Move the rows of a range; see `HistoryBackend.move`."""
        values = {"start": start, "end": end, "by": by, "zone": zone}

        def moved(connection: Connection) -> int:
            try:
                with connection.transaction():
                    _hold(connection, zone)  # blocks are summed up alone
                    with connection.cursor(row_factory=tuple_row) as cursor:
                        found = cursor.execute(sql.MOVE, values).fetchall()
                    keys = [(name, in_utc(at)) for name, at in found]
                    left = late_hours(((name, at - by) for name, at in keys), LATEST)
                    _mark_late(connection, left | late_hours(keys, LATEST))
                    _forget_hours(connection, left)
                    return len(keys)
            except _REFUSED as error:
                raise _refusal(error, connection) from error

        return self._reading(moved)

    def zones(self, prefix: str = "") -> list[str]:
        """Return the names of the zones that begin so; see `HistoryBackend.zones`."""
        values = {"zone": None, "prefix": prefix, "pattern": beginning(prefix)}
        statement = sql.NAMES_WITH if prefix else sql.NAMES

        def fetch_names(connection: Connection) -> list[str]:
            with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
                return [name for (name,) in cursor.execute(statement, values)]

        names = self._reading_texts(fetch_names)
        return sorted(_as_text("zone", name) for name in names)

    def delete_zone(self, zone: str) -> int:
        """Delete all that there is of a zone; see `HistoryBackend.delete_zone`."""
        values = {"zone": zone, "limit": _DELETED_AT_ONCE}

        def some(connection: Connection) -> int:
            return connection.execute(sql.DELETE_ROWS, values).rowcount

        def rest(connection: Connection) -> int:
            with connection.transaction():
                _hold(connection, zone)  # or hours come back
                count = some(connection)
                for statement in sql.DELETE_HOURS:
                    connection.execute(statement, values)
                return count

        gone, count = 0, _DELETED_AT_ONCE
        while count == _DELETED_AT_ONCE:
            count = self._reading(some)
            gone += count
        return gone + self._reading(rest)

    def frozen_hours(
        self, *, after: RowKey | None = None, limit: int, zone: str | None = None
    ) -> list[HistoryRow]:
        """Return hours without rows; see `HistoryBackend.frozen_hours`."""
        values = {
            "zone": zone,
            "after": _BEFORE_ALL if after is None else after.timestamp,
            "after_zone": "" if after is None else after.zone,
            "limit": limit,
        }

        statement = frozen.POSTGRES_READ_ZONE if zone else frozen.POSTGRES_READ

        def fetch_rows(connection: Connection) -> list[HistoryRow]:
            with connection.cursor(row_factory=dict_row, binary=True) as cursor:
                found = cursor.execute(statement, values)
                return [HistoryRow(row) for row in found]

        rows = self._reading_texts(fetch_rows)
        for row in rows:
            row["timestamp"] = in_utc(row["timestamp"])
            self._settle_texts(row)
            for name, value in row.items():
                row[name] = settled(name, value)
        return rows

    def add_frozen_hours(self, hours: Sequence[Mapping[str, Any]]) -> int:
        """Put such hours back; see `HistoryBackend.add_frozen_hours`."""
        values = {"hours": orjson.dumps(list(hours)).decode()}

        def add(connection: Connection) -> int:
            with connection.transaction():
                keys = [(each["zone"], each["timestamp"]) for each in hours]
                zones = list({zone for zone, _ in keys})
                _hold(connection, *zones)  # blocks are summed up alone
                count = connection.execute(frozen.POSTGRES_ADD, values).rowcount
                connection.execute(sql.NOTE_ZONES, {"zones": zones})
                _sum_up(connection, [(zone, at, at + HOUR) for zone, at in keys])
                return count

        return self._reading(add)

    def _recorded(self, statement: LiteralString, **values: object) -> list[HistoryRow]:
        rows = self._named(statement, values, sql.READ_COLUMNS)
        for row in rows:
            for name in _MEASURED:
                value = row[name]
                if value is not None and not -sql.USABLE <= value <= sql.USABLE:
                    self._leave_out(row, name)
            if row["metadata"] is not None:
                try:
                    found = orjson.loads(row["metadata"])
                except orjson.JSONDecodeError:
                    found = None
                if type(found) is dict:
                    row["metadata"] = found
                else:
                    self._leave_out(row, "metadata")
        return rows

    def _leave_out(self, row: HistoryRow, name: str) -> None:
        """Read the row without what somebody else left in it; say so once a column."""
        if (row["zone"], name) not in self._left_out:
            self._left_out.add((row["zone"], name))
            _LOGGER.warning(
                "state_history: %s of zone %r at %s cannot be read, and is left out: %.100r",
                name,
                row["zone"],
                row["timestamp"].isoformat(),
                row[name],
            )
        row[name] = None

    def _named(
        self, statement: LiteralString, values: dict[str, Any], names: Sequence[str]
    ) -> list[HistoryRow]:
        def fetch_rows(connection: Connection) -> tuple[bool, list[tuple[Any, ...]]]:
            # Binary: neither side turns thousands of numbers into digits and back.
            with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
                found = cursor.execute(statement, values).fetchall()
                types = [each.type_code for each in cursor.description or ()]
                return has_other_types(names, types), found

        span = values["end"] - values["start"] if "start" in values else timedelta()
        strange, fetched = self._reading_texts(fetch_rows, span=span)
        rows = []
        for found in fetched:
            row = HistoryRow(zip(names, found, strict=True))
            row["timestamp"] = in_utc(row["timestamp"])
            self._settle_texts(row)
            if strange:
                self._settle_numbers(row)
            rows.append(row)
        return rows

    def _settle_numbers(self, row: HistoryRow) -> None:
        """Make numbers of what came as another type, and leave out what is none."""
        for name, value in row.items():
            number = settled(name, value)
            if number is None and value is not None:
                self._leave_out(row, name)
                number = _DEFAULTS.get(name)
            row[name] = number

    def _reading_texts(
        self, work: Callable[[Connection], T], *, span: timedelta | None = None
    ) -> T:
        """Read, texts that are none too; see `switchbot_store.postgres.unchecked`."""
        return self._reading(lambda connection: as_it_lies(connection, work), span=span)

    def _settle_texts(self, row: HistoryRow) -> None:
        """Make texts of what came as bytes, and leave out what is none."""
        if type(row["zone"]) is not bytes:
            return
        row["zone"] = _as_text("zone", row["zone"])
        for name, value in row.items():
            row[name] = readable(value)
            if type(row[name]) is bytes:
                self._leave_out(row, name)


def _as_text(name: str, value: Any) -> Any:
    """Return a text of a column; of a zone always, for it is the row's name."""
    if type(value) is not bytes:
        return value
    if name == "zone":
        return shown(value)
    text = readable(value)
    return None if type(text) is bytes else text


def _refusal(error: psycopg.Error, connection: Connection) -> StoreError:
    """Return what to say of rows that the server does not take.

    A table that takes no row at all lets them wait; what is wrong with a row alone is told.
    """
    text = words_of(error)
    column = error.diag.column_name
    if isinstance(error, psycopg.errors.NotNullViolation) and column not in _OURS:
        return StoreUnavailableError(
            worded(
                "PostgreSQL takes no row: {text}; give that column of others a default",
                text=text,
            )
        )
    if rows_refused(connection) is not None:
        return StoreUnavailableError(
            worded(
                "PostgreSQL takes no row: {text}; `\\d+ state_history` in psql shows what is not of this program: drop it, or change it so that it lets rows be",
                text=text,
            )
        )
    return StoreDataError(worded("PostgreSQL refuses this: {text}", text=text))


def _check_there(
    connection: Connection, samples: Sequence[HistorySample], added: int
) -> None:
    """Raise StoreUnavailableError where rows were neither added nor there before."""
    if added >= len(samples):
        return
    keys = [{"zone": each.zone, "timestamp": each.timestamp} for each in samples]
    ((missing,),) = fetch(connection, sql.MISSING.encode(), [orjson.dumps(keys)])
    if missing != b"0":
        raise StoreUnavailableError(
            worded(
                "PostgreSQL took {rows} rows and left {out} of them out of state_history: a trigger or a rule that is not of this program returns nothing there, or a policy hides them; drop it, or let it return NEW",
                rows=len(samples),
                out=int(missing or 0),
            )
        )


def _copied(connection: Connection, samples: Sequence[HistorySample]) -> int:
    """Add rows within a transaction; return how many were new.

    Straight into the table, twice as fast as by way of another, unless some row is
    there already, which COPY cannot pass over.
    """
    try:
        with connection.transaction():
            _send(connection, sql.COPY, samples)
    except psycopg.errors.UniqueViolation:
        connection.execute(sql.INCOMING)
        _send(connection, sql.COPY_INCOMING, samples)
        return connection.execute(sql.TAKE_IN).rowcount
    return len(samples)


def _send(
    connection: Connection, statement: LiteralString, samples: Sequence[HistorySample]
) -> None:
    with connection.cursor().copy(statement) as copy:
        for lines in copy_lines(samples):
            copy.write(lines)


def _mark_late(connection: Connection, hours: set[tuple[str, datetime]]) -> None:
    if hours:
        zones, moments = zip(*hours, strict=True)
        values = {"zones": list(zones), "hours": list(moments)}
        connection.execute(sql.MARK_LATE, values)


def _forget_hours(connection: Connection, hours: set[tuple[str, datetime]]) -> None:
    if hours:
        zones, moments = zip(*hours, strict=True)
        values = {"zones": list(zones), "hours": list(moments)}
        connection.execute(rollup_sql.FORGET_HOURS, values)
        _sum_up(connection, [(zone, at, at + HOUR) for zone, at in hours])


def _hold(connection: Connection, *zones: str | None) -> None:
    """Hold the parts of these zones, or of all, until the transaction ends."""
    if None in zones:
        connection.execute(rollup_sql.HOLD_ALL_PARTS)
    else:
        connection.execute(rollup_sql.HOLD_PARTS, {"zones": list(zones)})


def _advance(
    connection: Connection, edge: datetime, hours: int, named_by_others: bool
) -> int:
    """Roll up some hours of some zones that follow, skipping those without rows.

    Within a transaction. `named_by_others`: some zone's name may be no text. Returns how many; 0 where others are at what there is to do.
    """
    values = {"edge": edge, "zones_at_once": _ZONES_AT_ONCE}
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        taken = cursor.execute(rollup_sql.TAKE_PARTS, values).fetchall()
        if not taken:
            return 0
        parts = [part for part, through in taken if through == taken[0][1]]
        if parts[0] == 0:  # once an hour at least
            connection.execute(sql.NOTE_ALL, {"zone": None})
    found = _of_zones(
        connection, rollup_sql.ZONES_OF_PARTS, {"parts": parts}, named_by_others
    )
    zones = [zone for (zone,) in found]
    through = None if taken[0][1] is None else in_utc(taken[0][1])
    first = _oldest_of(connection, zones, through or _BEFORE_ALL)
    if first is None or first >= edge:
        upto = edge
    else:
        upto = min(edge, hour_of(first) + hours * HOUR)
    if through is None:
        begin = edge if first is None else min(hour_of(first), edge)
    else:
        begin = through - _RECOMPUTED_HOURS * HOUR
    where = {"zones": zones, "start": begin, "end": upto}
    connection.execute(rollup_sql.FORGET_LATE, where)
    _compute(connection, [(zone, begin, upto) for zone in zones])
    connection.execute(rollup_sql.SET_THROUGH, {"through": upto, "parts": parts})
    return max(1, (upto - begin) // HOUR)


def _made_up_for(
    connection: Connection, through: datetime, hours: int, named_by_others: bool
) -> int:
    """Compute some hours anew that got rows when they were over; return how many."""
    values = {"through": through, "limit": hours}
    marked = _of_zones(connection, rollup_sql.TAKE_LATE, values, named_by_others)
    if marked:
        _compute(connection, [(zone, hour, hour + HOUR) for zone, hour in marked])
    return len(marked)


def _of_zones(
    connection: Connection,
    statement: LiteralString,
    values: dict[str, Any],
    named_by_others: bool,
) -> list[tuple[Any, ...]]:
    """Return rows that begin with a zone, within a transaction.

    Without those of a zone whose name is no UTF-8 and which we could not name again: it
    is not summarised, and holds up no other.
    """
    if named_by_others:
        connection.execute(AS_THEY_LIE)
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        found = cursor.execute(statement, values).fetchall()
    if not named_by_others:
        return found
    connection.execute(AS_UTF_8)
    rows = [(readable(zone), *rest) for zone, *rest in found]
    for zone in {row[0] for row in rows if type(row[0]) is bytes}:
        _LOGGER.warning(
            "state_history: the name of zone %r is no UTF-8; it is not summarised",
            shown(zone),
        )
    return [row for row in rows if type(row[0]) is not bytes]


def _compute(
    connection: Connection, ranges: Sequence[tuple[str, datetime, datetime]]
) -> None:
    connection.execute(rollup_sql.ROLL_UP, rollup_sql.range_values(ranges))
    _sum_up(connection, ranges)


def _sum_up(
    connection: Connection, ranges: Sequence[tuple[str, datetime, datetime]]
) -> None:
    values = rollup_sql.range_values(rollup_sql.whole_blocks(ranges))
    connection.execute(rollup_sql.SUM_UP, values)


def _row(
    connection: Connection, statement: LiteralString, values: dict[str, object]
) -> tuple[Any, ...]:
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        row = cursor.execute(statement, values).fetchone()
    return () if row is None else row


def _first(
    connection: Connection, statement: LiteralString, values: dict[str, object]
) -> Any:
    return _row(connection, statement, values)[0]


def _oldest(connection: Connection, since: datetime) -> datetime | None:
    moment = _first(connection, sql.OLDEST, {"since": since, "zone": None})
    return None if moment is None else in_utc(moment)


def _oldest_of(
    connection: Connection, zones: list[str], since: datetime
) -> datetime | None:
    moment = _first(connection, sql.OLDEST_OF, {"since": since, "zones": zones})
    return None if moment is None else in_utc(moment)
