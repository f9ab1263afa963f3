"""Documents in PostgreSQL: one autocommit statement, one round trip per operation."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, LiteralString, Self

import orjson
from psycopg.rows import tuple_row

from switchbot_store.documents import decode, encode, is_internal, validate_key
from switchbot_store.errors import (
    StoreConflictError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.interface import Document, Entry, StoreInterface, StoreStatus
from switchbot_store.migrations import migrate
from switchbot_store.postgres_connections import Answer, Connection, Connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg_pool import ConnectionPool

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TOGETHER_BYTES: Final = 128 * 1024 * 1024
"""`jsonb` holds a quarter of a gigabyte; one statement stays well below."""

# Text and numbers only: a given pool may have any loaders and any row factory.
_COLUMNS: Final = """
data::text, revision::text, (extract(epoch FROM updated_at) * 1000000)::bigint
"""
_GET: Final = f"SELECT {_COLUMNS} FROM json_store WHERE kind = %s"  # noqa: S608 - a constant
_GET_MANY: Final = f"SELECT {_COLUMNS}, kind FROM json_store WHERE kind = ANY(%s)"  # noqa: S608 - a constant

# A repeated write recognises itself by its revision and changes nothing.
_REPLACE: Final = """
ON CONFLICT (kind) DO UPDATE SET
    data = excluded.data,
    updated_at = excluded.updated_at,
    revision = excluded.revision,
    recent = (stored.revision || stored.recent)[1:16]
WHERE excluded.revision <> ALL (stored.revision || stored.recent)
"""
_SET: Final = f"""
INSERT INTO json_store AS stored (kind, data, updated_at, revision)
VALUES (%(key)s, %(data)s::jsonb, now(), %(revision)s::uuid)
{_REPLACE}
"""  # noqa: S608 - constants
_SET_MANY: Final = f"""
INSERT INTO json_store AS stored (kind, data, updated_at, revision)
SELECT kind, data, now(), revision
FROM jsonb_to_recordset(%(documents)s::jsonb) AS r(kind text, data jsonb, revision uuid)
{_REPLACE}
"""  # noqa: S608 - constants

# What stood there before this statement; `known` tells whether the revision that the
# caller knew is recent enough to say that nothing between was this write.
_OUTCOME: Final = """
SELECT
    (SELECT count(*) FROM written)::int,
    stored.revision::text,
    %(revision)s::uuid = ANY (stored.revision || stored.recent),
    %(base)s = ANY ((stored.revision || stored.recent)::text[])
FROM (VALUES (1)) AS one LEFT JOIN json_store AS stored ON stored.kind = %(key)s
"""
_COMPARE_AND_SET: Final = f"""
WITH written AS (
    UPDATE json_store SET
        data = %(data)s::jsonb,
        updated_at = now(),
        revision = %(revision)s::uuid,
        recent = (revision || recent)[1:16]
    WHERE kind = %(key)s AND revision::text = %(base)s
    RETURNING 1
)
{_OUTCOME}
"""  # noqa: S608 - constants
_CREATE: Final = f"""
WITH written AS (
    INSERT INTO json_store (kind, data, updated_at, revision)
    VALUES (%(key)s, %(data)s::jsonb, now(), %(revision)s::uuid)
    ON CONFLICT (kind) DO NOTHING
    RETURNING 1
)
{_OUTCOME}
"""  # noqa: S608 - constants

_DELETE: Final = "DELETE FROM json_store WHERE kind = %s RETURNING 1"
_KEYS: Final = "SELECT kind FROM json_store"
_WRITABLE: Final = """
SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool
"""


class PostgresStore(StoreInterface):
    """A store in the table `json_store` of a PostgreSQL database.

    `conninfo` is a URL or libpq string, None for the ``PG*`` variables. A `pool` handed
    in is used as it is; a pool of autocommit connections costs one round trip per call,
    any other three. `timeout_seconds` bounds each call, `connect_timeout_seconds` the
    first connection. `pooler` says that a transaction pooler lies between, None to tell
    by the host's name. Opening migrates the schema.
    """

    def __init__(
        self,
        conninfo: str | None = None,
        *,
        pool: ConnectionPool[Any] | None = None,
        pooler: bool | None = None,
        max_size: int = 4,
        timeout_seconds: float = 5.0,
        connect_timeout_seconds: float = 15.0,
    ) -> None:
        self._connections = Connections(
            conninfo,
            pool=pool,
            prepare=migrate,
            pooler=pooler,
            max_size=max_size,
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
        )
        self._last_error: str | None = None

    def __repr__(self) -> str:
        return f"<PostgresStore {self._connections.description}>"

    def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; an empty Entry if never set."""
        key = validate_key(key)
        rows = self._execute(_GET, (key,)).value
        return _entry(key, rows[0]) if rows else Entry({}, "", None)

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, all as of one moment."""
        wanted = [validate_key(key) for key in keys]
        if not wanted:
            return {}
        rows = self._execute(_GET_MANY, (wanted,)).value
        found = {row[3]: _entry(row[3], row) for row in rows}
        return {key: found.get(key) or Entry({}, "", None) for key in wanted}

    def set(self, key: str, data: Document) -> None:
        """Write the document; committed when it returns."""
        parameters = {
            "key": validate_key(key),
            "data": encode(data).decode(),
            "revision": _new_revision(),
        }
        self._execute(_SET, parameters)

    def set_many(self, documents: Mapping[str, Document]) -> None:
        """Write several documents in one statement, all or nothing.

        Raises StoreDataError also when they exceed 128 MB together.
        """
        rows = [
            {
                "kind": validate_key(key),
                "data": orjson.Fragment(encode(data)),
                "revision": _new_revision(),
            }
            for key, data in documents.items()
        ]
        if not rows:
            return
        # In one order always, or two writers could wait for each other.
        rows.sort(key=lambda row: str(row["kind"]))
        encoded = orjson.dumps(rows)
        if len(encoded) > _MAX_TOGETHER_BYTES:
            raise StoreDataError(
                f"documents written together have at most {_MAX_TOGETHER_BYTES} bytes"
            )
        self._execute(_SET_MANY, {"documents": encoded.decode()})

    def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one.

        Raises StoreUnavailableError when, after a broken connection, it cannot be told
        whether the write happened.
        """
        key = validate_key(key)
        new = _new_revision()
        answer = self._execute(
            _COMPARE_AND_SET if revision else _CREATE,
            {
                "key": key,
                "data": encode(data).decode(),
                "revision": new,
                "base": revision,
            },
        )
        written, found, happened, known = answer.value[0]
        if written or happened:
            return new
        if answer.repeated and revision and found and not known:
            raise StoreUnavailableError(
                f"{key!r} was written many times while the connection was broken: this"
                " write may have been one of them"
            )
        if found == revision or (not found and not revision):
            # Changed between the statement's view and its write: look again.
            found = self.get_entry(key).revision
        raise StoreConflictError(key, found or "")

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one.

        Also true when a broken connection hid whether this call or another removed it.
        """
        answer = self._execute(_DELETE, (validate_key(key),))
        return bool(answer.value) or answer.repeated

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        rows = self._execute(_KEYS, ()).value
        # Sorted here: the database's collation may be any.
        return sorted(row[0] for row in rows if not is_internal(row[0]))

    def health_check(self) -> bool:
        """Tell whether the server would commit a write now."""
        try:
            return bool(self._execute(_WRITABLE, ()).value[0][0])
        except StoreError:
            return False

    def status(self) -> StoreStatus:
        """Describe the store."""
        return StoreStatus(
            backend="postgres",
            acknowledged_by=f"a commit in {self._connections.description}",
            last_error=self._last_error,
        )

    def open(self) -> Self:
        """Connect and bring the schema up to date.

        Raises StoreConfigError when user, password or database are refused,
        StoreUnavailableError when the server cannot be reached, MigrationError.
        """
        self._connections.open()
        return self

    def close(self) -> None:
        """Close the connections made here; a pool handed in stays as it is."""
        self._connections.close()

    def _execute(
        self, statement: LiteralString, parameters: Sequence[Any] | Mapping[str, Any]
    ) -> Answer[list[Any]]:
        def work(connection: Connection) -> list[Any]:
            with connection.cursor(row_factory=tuple_row) as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []

        try:
            return self._connections.call(work)
        except StoreError as error:
            self._last_error = str(error)
            raise


def _new_revision() -> str:
    return str(uuid.uuid4())


def _entry(key: str, row: Sequence[Any]) -> Entry:
    data, revision, microseconds = row[:3]
    updated_at = _EPOCH + timedelta(microseconds=microseconds)
    return Entry(decode(data, key=key), revision, updated_at)
