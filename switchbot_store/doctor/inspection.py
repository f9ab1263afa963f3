"""Looking at a PostgreSQL database without changing it.

Every store brings the schema up to date when it opens. Whoever asks how a database
fares, or backs it up before that happens, comes here.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import orjson

from switchbot_store.backup.interruption import PREFIX, in_words
from switchbot_store.codec import (
    UnreadableError,
    decode,
    encode,
    is_internal,
    validate_key,
)
from switchbot_store.errors import MigrationError, StoreDataError
from switchbot_store.failover.lineage import IDENTITY_KEY
from switchbot_store.history.frozen import frozen_hour
from switchbot_store.history.ingest.codec import COLUMNS
from switchbot_store.history.ingest.samples import DistinctTimestamps, normalised
from switchbot_store.history.model import HistorySample, in_utc
from switchbot_store.history.postgres.rows_sql import LATEST as LATEST_ROWS
from switchbot_store.history.readings.model import (
    DeviceReading,
    checked_hour,
    checked_reading,
)
from switchbot_store.instants import (
    EARLIEST,
    LATEST,
    checked_instant,
    from_microseconds,
)
from switchbot_store.languages import reworded, worded
from switchbot_store.model import Document, Entry
from switchbot_store.postgres.connections import Connections
from switchbot_store.postgres.schema.adoption import in_progress
from switchbot_store.postgres.schema.migrations import (
    NewerSchemaError,
    cannot_be_made,
    load_migrations,
    pending,
)
from switchbot_store.postgres.schema.shape import COLUMNS as SHAPES
from switchbot_store.postgres.schema.shape import looked_at
from switchbot_store.postgres.statements import beginning
from switchbot_store.postgres.trial import Refusal, refused
from switchbot_store.postgres.unchecked import AS_THEY_LIE, readable, shown
from switchbot_store.postgres.unread import Unread
from switchbot_store.postgres.wire import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from switchbot_store.postgres.connections import Connection
    from switchbot_store.postgres.unread import Kind

_LOGGER = logging.getLogger(__name__)

_FACTS_SECONDS: Final = 6.0
"""Whoever asks how it fares has an answer within ten seconds, also of a pooler that lets
clients in and waits for its server."""
_LONG_SECONDS: Final = 6 * 3600.0
"""For a backup, which takes as long as it takes."""

_SERVER: Final = b"""
SELECT
    current_setting('server_version'),
    current_setting('synchronous_commit'),
    current_setting('fsync'),
    CASE WHEN pg_is_in_recovery() THEN 'standby'
        WHEN NOT current_setting('transaction_read_only')::bool THEN ''
        ELSE coalesce((SELECT source FROM pg_settings
            WHERE name = 'default_transaction_read_only'), 'default') END,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    pg_backend_pid(),
    current_setting('max_connections'),
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""
_HAS_TABLE: Final = b"SELECT to_regclass($1) IS NOT NULL"
_HAS_COLUMN: Final = b"""
SELECT EXISTS (SELECT FROM pg_attribute
    WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped)
"""
_REVISIONS: Final = b"""
SELECT kind, revision::text, CASE WHEN isfinite(updated_at)
    THEN (extract(epoch FROM updated_at) * 1000000)::bigint END
FROM json_store WHERE kind = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
"""
# Of a dump from before the adoption, or a dashboard's: whatever columns there are.
_OLD_REVISIONS: Final = rb"""
SELECT kind, '-', CASE WHEN at ~ '^\d{4}-' THEN (SELECT
    CASE WHEN isfinite(at::timestamptz)
    THEN (extract(epoch FROM at::timestamptz) * 1000000)::bigint END) END
FROM json_store d, LATERAL (SELECT to_jsonb(d) ->> 'updated_at' AS at) AS written
WHERE kind = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
"""
_UNCHECKED: Final = "SQL_ASCII"
_NAMES: Final = frozenset({"zone", "device_id", "attribute"})
_UNLOGGED: Final = b"""
SELECT relname FROM pg_class
WHERE relpersistence = 'u' AND oid IN (
    SELECT to_regclass(name) FROM jsonb_array_elements_text($1::jsonb) AS name)
ORDER BY 1
"""
_IDENTITY: Final = b"SELECT data ->> 'id' FROM json_store WHERE kind = $1"
_RESTORING: Final = b"SELECT kind, data::text FROM json_store WHERE kind LIKE $1"
_ROWS_SINCE: Final = 2
"""The first version with a history; documents of a dashboard are brought to ours before."""
_DOCUMENTS: Final = """
COPY (SELECT kind, data::text, CASE WHEN isfinite(updated_at)
    THEN (extract(epoch FROM updated_at) * 1000000)::bigint END
      FROM json_store ORDER BY kind COLLATE "C") TO STDOUT
"""
_ROWS: Final = """
COPY (SELECT to_jsonb(h)::text FROM state_history h
      WHERE "timestamp" IS NOT NULL ORDER BY "timestamp") TO STDOUT
"""
_HOURS: Final = """
COPY (SELECT to_jsonb(h)::text FROM state_history_hourly h
      WHERE frozen ORDER BY bucket) TO STDOUT
"""
_READINGS: Final = """
COPY (SELECT to_jsonb(r)::text FROM device_readings r ORDER BY "timestamp") TO STDOUT
"""
_READING_HOURS: Final = """
COPY (SELECT to_jsonb(h)::text FROM device_readings_hourly h ORDER BY bucket) TO STDOUT
"""
_SPAN: Final = b"""
SELECT (extract(epoch FROM min("timestamp")) * 1000000)::bigint,
    (extract(epoch FROM max("timestamp")) * 1000000)::bigint
FROM state_history WHERE isfinite("timestamp")
"""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a database says of itself.

    `connect_seconds` is how long connecting took, `latency_seconds` one statement.
    `read_only_by` is ``""`` where it accepts writes, else ``"standby"`` or where the setting
    is from, as `pg_settings` has it. `clock_ahead_seconds` is the server's clock less this host's. `through_pooler`:
    something answers in the server's place. `missing` are the names of migrations not
    applied yet, `unfit` says which columns have another type than they should, `adoption` says how far that of a dashboard's table is, `newer` says
    that the schema is beyond this program, `unjudged` why it cannot be known how far it
    is. `revisions` has the revision and time of each
    document asked for that is there, ``-`` where the table has none yet. `identity` is the name that failover stores know the
    database by, ``""`` before they met it. `refused` says what this role may not do that
    the program does; it was tried and rolled back. `unread` says of documents and history
    why they could not be looked at, where that is so; of those in `locked` that is
    somebody's lock, which ends. `unlogged` are tables that a crash
    of the server empties. `interrupted` says which backups were not restored to the end.
    """

    server_version: str
    encrypted: bool
    synchronous_commit: str
    fsync: str
    read_only_by: str
    clock_ahead_seconds: float
    connect_seconds: float
    latency_seconds: float
    through_pooler: bool
    max_connections: int
    connections: int
    schema_version: int
    missing: list[str] = field(default_factory=list)
    unfit: str = ""
    unmakeable: str = ""
    newer: str = ""
    unjudged: str = ""
    adoption: str = ""
    revisions: Mapping[str, tuple[str, datetime | None]] = field(default_factory=dict)
    newest_row: datetime | None = None
    identity: str = ""
    refused: list[Refusal] = field(default_factory=list)
    unread: Mapping[Kind, str] = field(default_factory=dict)
    locked: AbstractSet[Kind] = frozenset()
    unlogged: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)


class Inspection:
    """A database at `conninfo`, which is left as it is.

    `pooler` is as for `PostgresStore`. Methods raise StoreConfigError when the server
    refuses the user, the password or the database, StoreUnavailableError.
    """

    def __init__(self, conninfo: str | None, *, pooler: bool | None = None) -> None:
        self._connections = Connections(conninfo, pooler=pooler)

    @property
    def description(self) -> str:
        """Where it is, without secrets."""
        return self._connections.description

    def facts(
        self, keys: tuple[str, ...] = (), *, seconds: float = _FACTS_SECONDS
    ) -> DatabaseFacts:
        """Ask everything there is to ask, within `seconds`."""
        began = time.monotonic()
        with self._connections.direct(seconds) as connection:
            connected = time.monotonic()
            asked_at = datetime.now(UTC)
            (row,) = fetch(connection, _SERVER, ())
            answered = time.monotonic()
            # The first statement also starts the session; the second shows the way.
            unread = Unread(connection)
            version, names, newer, unjudged, unfit = unread.or_else(
                _Schema(0), "documents", _schema
            )
            missing = list(names)
            latency = _latency(connection)
            texts = [(value or b"").decode() for value in row]
            tried = missing and not (texts[3] or newer or unjudged)
            middle = asked_at + timedelta(seconds=(answered - connected) / 2)
            return DatabaseFacts(
                server_version=texts[0],
                encrypted=bool(connection.pgconn.ssl_in_use),
                synchronous_commit=texts[1],
                fsync=texts[2],
                read_only_by=texts[3],
                clock_ahead_seconds=(_instant(row[4]) - middle).total_seconds(),
                connect_seconds=connected - began,
                latency_seconds=latency,
                through_pooler=connection.info.backend_pid != int(texts[5]),
                max_connections=int(texts[6]),
                connections=int(texts[7]),
                schema_version=version,
                missing=missing,
                unfit=unfit,
                unmakeable=unread.or_else("", "documents", cannot_be_made)
                if tried
                else "",
                newer=newer,
                unjudged=unjudged,
                adoption=unread.or_else("", "history", in_progress),
                revisions=unread.or_else(
                    {}, "documents", lambda asked: _revisions(asked, keys)
                ),
                newest_row=unread.or_else(None, "history", _newest_row),
                identity=unread.or_else("", "documents", _identity),
                refused=[]
                if newer or unjudged
                else refused(
                    connection,
                    lacking=bool(missing),
                    never_made=version < _ROWS_SINCE,
                ),
                unread=unread.found,
                locked=unread.locked,
                unlogged=_unlogged(connection),
                interrupted=unread.or_else([], "documents", _interrupted),
            )

    def missing_migrations(self) -> list[str]:
        """Return the names of the migrations not applied yet, in order.

        Raises MigrationError when the schema is newer than this program.
        """
        with self._connections.direct() as connection:
            return _names(pending(connection, load_migrations()))

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Give everything the database holds as of one moment, whatever its schema."""
        with (
            self._connections.direct(_LONG_SECONDS) as connection,
            connection.transaction(),
        ):
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            if connection.info.parameter_status("server_encoding") == _UNCHECKED:
                # Else one text that is no UTF-8 would end it all.
                connection.execute(AS_THEY_LIE)
            yield Snapshot(connection, self.description)


class Documents:
    """The documents of a snapshot, by key, for who only reads."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries

    def get_entry(self, key: str) -> Entry:
        """Return the document; its revision is ``-``, since it has none yet."""
        return self._entries.get(key) or Entry({}, "", None)

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        return sorted(self._entries)


class Snapshot:
    """A source for `backup.back_up_source`; ends with its `with` block."""

    def __init__(self, connection: Connection, description: str) -> None:
        self._connection = connection
        self.description = description
        self.left_out: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing that could be lost."""
        return not any(
            _has_table(self._connection, name)
            for name in ("json_store", "state_history")
        )

    def documents(self) -> Iterator[tuple[str, Entry]]:
        """Yield every document that is not internal."""
        if not _has_table(self._connection, "json_store"):
            return
        for name, data, at in self._copied(_DOCUMENTS):
            key = shown(name)
            if not is_internal(key):
                updated_at = from_microseconds(int(at)) if at else None
                try:
                    document = _document(name, data)
                except (UnreadableError, StoreDataError) as error:
                    _LOGGER.warning("the document %.40r is left out: %s", key, error)
                    continue
                yield key, Entry(document, "-", updated_at)

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the instants of the oldest and the newest row."""
        if not _has_table(self._connection, "state_history"):
            return None
        ((oldest, newest),) = fetch(self._connection, _SPAN, ())
        return None if oldest is None else (_instant(oldest), _instant(newest))

    def rows(self) -> Iterator[HistorySample]:
        """Yield every row; a dashboard's are read as a migration would adopt them.

        Rows that no history could keep are counted in `left_out`.
        """
        if not _has_table(self._connection, "state_history"):
            return
        distinct = DistinctTimestamps()
        for (text,) in self._copied(_ROWS):
            try:
                sample = _adopted(_values(text), distinct)
            except (StoreDataError, ValueError, TypeError):
                self.left_out += 1
                continue
            yield sample

    def hours(self) -> Iterator[Mapping[str, Any]]:
        """Yield every hour of the rollup whose rows are gone, likewise."""
        if not _has_table(self._connection, "state_history_hourly"):
            return
        for (text,) in self._copied(_HOURS):
            try:
                values = _values(text)
                yield frozen_hour({**values, "timestamp": values["bucket"]})
            except (StoreDataError, ValueError):
                self.left_out += 1

    def has_readings(self) -> bool:
        """Tell whether a device ever said anything."""
        return any(
            _has_table(self._connection, table)
            and fetch(
                self._connection, b"SELECT 1 FROM " + table.encode() + b" LIMIT 1", ()
            )
            for table in ("device_readings", "device_readings_hourly")
        )

    def readings(self) -> Iterator[DeviceReading]:
        """Yield every reading of a device."""
        if not _has_table(self._connection, "device_readings"):
            return
        for (text,) in self._copied(_READINGS):
            try:
                yield checked_reading(_read(_values(text)))
            except (StoreDataError, ValueError):
                self.left_out += 1

    def reading_hours(self) -> Iterator[Mapping[str, Any]]:
        """Yield every hour of devices whose readings are gone."""
        if not _has_table(self._connection, "device_readings_hourly"):
            return
        for (text,) in self._copied(_READING_HOURS):
            try:
                values = _values(text)
                at = datetime.fromisoformat(values["bucket"])
                yield checked_hour({**values, "timestamp": at})
            except (StoreDataError, ValueError):
                self.left_out += 1

    def _copied(self, statement: Any) -> Iterator[tuple[Any, ...]]:
        """Yield rows of texts, and of bytes where one is no UTF-8."""
        with (
            self._connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            for row in copy.rows():
                yield tuple(map(readable, row))


def _document(key: str | bytes, data: str | bytes) -> Document:
    """Return a document. Raises StoreDataError, UnreadableError."""
    if isinstance(key, bytes):
        raise StoreDataError(worded("no UTF-8"), path="its key")
    if isinstance(data, bytes):
        raise StoreDataError(worded("no UTF-8"), path="a text in it")
    document = decode(data, key=validate_key(key))
    encode(document)
    return document


def _values(text: str | bytes) -> dict[str, Any]:
    """Return the columns of a row. Raises ValueError.

    Of texts that are no UTF-8 names stay, as they are shown; the others are unknown, as
    where they are read.
    """
    if isinstance(text, str):
        return cast("dict[str, Any]", orjson.loads(text))
    values = json.loads(text.decode(errors="surrogateescape"))
    for name, value in values.items():
        try:
            orjson.dumps(value)
        except TypeError:
            known = name in _NAMES and isinstance(value, str)
            values[name] = (
                shown(value.encode(errors="surrogateescape")) if known else None
            )
    return cast("dict[str, Any]", values)


def _read(values: dict[str, Any]) -> DeviceReading:
    value = values["word"] if values["number"] is None else values["number"]
    at = datetime.fromisoformat(values["timestamp"])
    return DeviceReading(at, values["device_id"], values["attribute"], value)


def _adopted(values: dict[str, Any], distinct: DistinctTimestamps) -> HistorySample:
    timestamp = datetime.fromisoformat(values["timestamp"])
    if timestamp.tzinfo is None:
        timestamp = timestamp.replace(tzinfo=UTC)
    known = {name: values[name] for name in COLUMNS if values.get(name) is not None}
    zone = known.get("zone", "default")
    known["timestamp"] = distinct.assign(zone, checked_instant(timestamp))
    return normalised(HistorySample(**known))


class _Schema(NamedTuple):
    """Which version there is, what was not applied, and why that cannot be used or known."""

    version: int
    missing: tuple[str, ...] = ()
    newer: str = ""
    unjudged: str = ""
    unfit: str = ""


def _schema(connection: Connection) -> _Schema:
    migrations = load_migrations()
    try:
        missing = pending(connection, migrations)
    except NewerSchemaError as error:
        return _Schema(migrations[-1].version, newer=reworded(error))
    except MigrationError as error:
        # What a role may not see, or others replaced, says nothing of this program's age.
        return _Schema(migrations[-1].version, unjudged=reworded(error))
    applied = [each.version for each in migrations if each not in missing]
    unfit = looked_at(connection).unfit if missing else ""
    return _Schema(max(applied, default=0), tuple(_names(missing)), unfit=unfit)


def _unlogged(connection: Connection) -> list[str]:
    wanted = orjson.dumps(sorted(SHAPES))
    return [
        (name or b"").decode() for (name,) in fetch(connection, _UNLOGGED, (wanted,))
    ]


def _names(migrations: list[Any]) -> list[str]:
    return [f"{each.version:04d}_{each.name}" for each in migrations]


def _latency(connection: Connection) -> float:
    began = time.monotonic()
    fetch(connection, b"SELECT 1", ())
    return time.monotonic() - began


def _revisions(
    connection: Connection, keys: tuple[str, ...]
) -> dict[str, tuple[str, datetime | None]]:
    if not keys or not _has_table(connection, "json_store"):
        return {}
    has_revision = fetch(connection, _HAS_COLUMN, (b"json_store", b"revision"))
    statement = _REVISIONS if has_revision[0][0] == b"t" else _OLD_REVISIONS
    rows = fetch(connection, statement, (orjson.dumps(keys),))
    return {
        (key or b"").decode(): (
            (revision or b"").decode(),
            _instant(at) if at else None,
        )
        for key, revision, at in rows
    }


def _identity(connection: Connection) -> str:
    if not _has_table(connection, "json_store"):
        return ""
    rows = fetch(connection, _IDENTITY, (IDENTITY_KEY.encode(),))
    return (rows[0][0] or b"").decode() if rows else ""


def _interrupted(connection: Connection) -> list[str]:
    if not _has_table(connection, "json_store"):
        return []
    rows = fetch(connection, _RESTORING, (beginning(PREFIX).encode(),))
    return [
        in_words(shown(readable(key or b"")), note)
        for key, text in sorted(rows)
        if (note := orjson.loads(text or b"{}"))
    ]


def _newest_row(connection: Connection) -> datetime | None:
    if fetch(connection, _HAS_COLUMN, (b"state_history", b"zone"))[0][0] == b"t":
        row = connection.execute(LATEST_ROWS, {"n": 1, "zone": None}).fetchone()
        return None if row is None else in_utc(row[1])
    if not _has_table(connection, "state_history"):
        return None
    newest = fetch(connection, _SPAN, ())[0][1]
    return None if newest is None else _instant(newest)


def _has_table(connection: Connection, name: str) -> bool:
    return fetch(connection, _HAS_TABLE, (name.encode(),))[0][0] == b"t"


def _instant(microseconds: bytes | None) -> datetime:
    """Return an instant, the first or last one that is any for what lies beyond."""
    since_1970 = int(microseconds or 0)
    return from_microseconds(since_1970) or (LATEST if since_1970 > 0 else EARLIEST)
