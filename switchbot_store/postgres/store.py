"""Documents in PostgreSQL: one autocommit statement, one round trip per operation."""

from __future__ import annotations

import logging
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from switchbot_store.codec import (
    MAX_KEY_LENGTH,
    checked_documents,
    checked_keys,
    checked_revisions,
    checked_text,
    decode_of_others,
    encode,
    is_internal,
    validate_key,
)
from switchbot_store.errors import (
    StoreConflictError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.instants import from_microseconds
from switchbot_store.interface import StoreInterface
from switchbot_store.languages import reworded, worded
from switchbot_store.model import Document, Entry, StoreStatus
from switchbot_store.postgres import statements
from switchbot_store.postgres.connections import Answer, Connection, Connections
from switchbot_store.postgres.errors import is_nothing_done
from switchbot_store.postgres.replay import replayed
from switchbot_store.postgres.schema.migrations import migrate_documents
from switchbot_store.postgres.trial import VALUE_REFUSED, documents_refused
from switchbot_store.postgres.unchecked import as_it_lies, readable, shown
from switchbot_store.postgres.wire import Row, ServerClock, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from psycopg_pool import ConnectionPool

    from switchbot_store.handover import Outcome, PendingWrite

_LOGGER = logging.getLogger(__name__)
_ATTEMPTS: Final = 2
"""A document that is as it was before and after a write that went through twice was kept
from changing; others who come in between make it another."""
SUPPRESSED: Final = (
    "PostgreSQL took a write and left json_store as it was: a trigger or a rule that is"
    " not of this program returns nothing there; drop it, or let it return NEW"
)
_MAX_TOGETHER_BYTES: Final = 128 * 1024 * 1024
"""`jsonb` holds a quarter of a gigabyte; one statement stays well below."""


class PostgresStore(StoreInterface):
    """A store in the table `json_store` of a PostgreSQL database.

    `conninfo` is a URL or libpq string, None for the ``PG*`` variables. A `pool` handed
    in is used as it is; a pool of autocommit connections costs one round trip per call,
    any other three. `timeout_seconds` bounds each call, `connect_timeout_seconds` the
    first connection. `pooler` says that a transaction pooler lies between, None to find
    that out. An attempt to connect that fails ends a call, unless a connection broke
    shortly before: a server that restarts is waited for, until the deadline, by who is
    `patient`. Role and database may have any settings. Leases are watched
    by the seconds of `monotonic`. Opening migrates what documents rest on.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store import PostgresStore
    >>> with PostgresStore(database_url) as store:
    ...     store.set("settings", {"mode": "winter"})
    ...     store.get("settings"), store.status().backend
    ({'mode': 'winter'}, 'postgres')
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
        patient: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.monotonic = monotonic
        self._unusable_keys = 0
        self._connections = Connections(
            conninfo,
            pool=pool,
            prepare=migrate_documents,
            pooler=pooler,
            max_size=max_size,
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
            patient=patient,
        )
        self._server_clock = ServerClock()
        self._last_error: str | None = None

    def __repr__(self) -> str:
        return f"<PostgresStore {self._connections.description}>"

    @property
    def connections(self) -> Connections:
        """What it reaches the server by; for who looks after that server."""
        return self._connections

    def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; an empty Entry if never set."""
        key = validate_key(key)
        rows = self._execute(statements.GET, key.encode()).value
        return _entry(key, rows[0]) if rows else Entry({}, "", None)

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, all as of one moment."""
        wanted = checked_keys(keys)
        if not wanted:
            return {}
        rows = self._execute(statements.GET_MANY, orjson.dumps(wanted)).value
        found = {}
        for *columns, kind in rows:
            key = _text(kind)
            found[key] = _entry(key, columns)
        return {key: found.get(key) or Entry({}, "", None) for key in wanted}

    def set(self, key: str, data: Document, *, write_id: str | None = None) -> None:
        """Write the document; committed when it returns.

        `write_id` is the uuid to use as its revision.
        """
        key = validate_key(key)
        self.set_encoded({key: encode(data)}, {key: write_id} if write_id else {})

    def set_many(
        self,
        documents: Mapping[str, Document],
        *,
        write_ids: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Write several documents in one statement, all or nothing.

        Returns their revisions. `write_ids` are the uuids to use as their revisions. Raises StoreDataError also
        when they exceed 128 MB together.
        """
        encoded = _encoded(documents)
        return self.set_encoded(encoded, write_ids or {})

    def set_encoded(
        self, encoded: Mapping[str, bytes], write_ids: Mapping[str, str]
    ) -> dict[str, str]:
        """Write what `codec.encode` made under validated keys, in one statement.

        Otherwise as `set_many`; for who needs the bytes too, or has them already.
        """
        revisions = {key: _revision(write_ids.get(key)).decode() for key in encoded}
        if not encoded:
            return revisions
        if len(encoded) == 1:
            ((key, document),) = encoded.items()
            revision = revisions[key].encode()
            answer = self._write(statements.SET, key.encode(), document, revision)
        else:
            answer = self._write(statements.SET_MANY, _together(encoded, revisions))
        if int(answer.value[0][0] or 0) < len(encoded):
            self._check_written(revisions)
        return revisions

    def _check_written(self, revisions: Mapping[str, str]) -> None:
        """Raise StoreUnavailableError where a write that was not refused did nothing.

        What was written before under this revision is rightly left alone.
        """
        rows = [{"kind": key, "revision": each} for key, each in revisions.items()]
        if self._execute(statements.UNWRITTEN, orjson.dumps(rows)).value:
            raise self._suppressed()

    def _suppressed(self) -> StoreUnavailableError:
        error = StoreUnavailableError(SUPPRESSED)
        self._last_error = str(error)
        return error

    def set_many_if(
        self, documents: Mapping[str, Document], revisions: Mapping[str, str]
    ) -> None:
        """Write several documents in one statement if each of `revisions` still stands.

        See `StoreInterface.set_many_if`. Raises StoreConflictError, and StoreDataError
        as `set_many`.
        """
        encoded = _encoded(documents)
        revisions = checked_revisions(revisions)
        if not encoded:
            return
        new = {key: _revision(None).decode() for key in encoded}
        answer = self._write(statements.SET_MANY_IF, _together(encoded, new, revisions))
        strange, revision, made, written, _ = answer.value[0]
        if strange is not None:
            raise StoreConflictError(_text(strange), _text(revision))
        if made is not None:
            found = self.get_entry(_text(made)).revision
            if not found:
                raise self._suppressed()
            raise StoreConflictError(_text(made), found)
        if int(written or 0) < len(encoded):
            self._check_written(new)

    def compare_and_set(
        self, key: str, data: Document, revision: str, *, write_id: str | None = None
    ) -> str:
        """Write only if the stored revision equals `revision`; return the new one.

        `write_id` is the uuid to use as the new one. Raises StoreUnavailableError when,
        after a broken connection, it cannot be told whether the write happened.
        """
        key, encoded = validate_key(key), encode(data)
        revision = checked_text(revision, "revision")
        return self.compare_and_set_encoded(key, encoded, revision, write_id=write_id)

    def compare_and_set_encoded(
        self, key: str, encoded: bytes, revision: str, *, write_id: str | None = None
    ) -> str:
        """Write what `codec.encode` made; otherwise as `compare_and_set`."""
        new = _revision(write_id)
        for _ in range(_ATTEMPTS):
            answer = self._write(
                statements.COMPARE_AND_SET if revision else statements.CREATE,
                key.encode(),
                encoded,
                new,
                revision.encode(),
            )
            outcome, stored, *_ = answer.value[0]
            if outcome == statements.HAPPENED:
                return new.decode()
            found = _text(stored)
            if answer.repeated and outcome == statements.UNKNOWN:
                raise StoreUnavailableError(
                    worded(
                        "{key!r} was written many times while the connection was broken: this write may have been one of them",
                        key=key,
                    )
                )
            if found == revision:
                # Changed between the statement's view and its write: look again.
                found = self.get_entry(key).revision
            if found != revision:
                raise StoreConflictError(key, found)
        raise self._suppressed()

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one.

        Also true when a broken connection hid whether this call or another removed it.
        """
        kind = validate_key(key).encode()
        for _ in range(_ATTEMPTS):
            answer = self._write(statements.DELETE, kind)
            there, deleted, _ = answer.value[0]
            if deleted != b"0" or there is None:
                return deleted != b"0" or answer.repeated
            # It was there before the statement: somebody else was faster, or it stays.
        raise self._suppressed()

    def replay(self, writes: Sequence[PendingWrite]) -> list[Outcome]:
        """Carry writes acknowledged elsewhere over, in one statement.

        See `switchbot_store.postgres.replay`. Nothing is written twice, however often it is called.
        """
        asked = False

        def execute(statement: bytes, value: bytes) -> tuple[list[Row], bool]:
            nonlocal asked
            if asked:  # it may have come too late by a clock that jumped
                self._server_clock.forget()
            asked = True

            answer = self._carry_over(statement, value)
            return answer.value, answer.repeated

        return replayed(execute, _entry, writes)

    def probe(self, timeout_seconds: float) -> None:
        """Return if a new connection can commit, or raise a StoreError saying why."""
        if not self._connections.probe(_is_writable, timeout_seconds=timeout_seconds):
            raise StoreUnavailableError(
                worded("PostgreSQL accepts no writes at present")
            )

    def renew(self) -> None:
        """Use new connections from now on, without waiting for the old ones."""
        self._connections.renew()

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        rows = self._execute(statements.KEYS).value
        # Sorted here: the database's collation may be any.
        kinds = self._usable(row[0] for row in rows)
        return sorted(kind for kind in kinds if not is_internal(kind))

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with `prefix`, the internal ones too."""
        pattern = statements.beginning(checked_text(prefix, "prefix")).encode()
        rows = self._execute(statements.KEYS_WITH, pattern).value
        return sorted(self._usable(row[0] for row in rows))

    def revisions(self) -> dict[str, str]:
        """Return the revision of each key that `keys` lists."""
        rows = self._execute(statements.REVISIONS).value
        found = {kind or b"": _text(revision) for kind, revision in rows}
        return {
            key: found[key.encode()]
            for key in self._usable(found)
            if not is_internal(key)
        }

    def _usable(self, kinds: Iterable[bytes | None]) -> Iterator[str]:
        """Give the keys that a document of ours can have; others may have left any."""
        unusable: list[str] = []
        for kind in kinds:
            key = readable(kind or b"")
            if isinstance(key, str) and 1 <= len(key) <= MAX_KEY_LENGTH:
                yield key
            else:
                unusable.append(shown(key))
        if len(unusable) > self._unusable_keys:
            _LOGGER.warning(
                "json_store holds %d documents under keys that are empty, longer than"
                " %d characters or no UTF-8; they are left out, the first %.40r",
                len(unusable),
                MAX_KEY_LENGTH,
                unusable[0],
            )
            self._unusable_keys = len(unusable)

    def health_check(self) -> bool:
        """Tell whether the server would commit a write now."""
        try:
            return self._execute(statements.WRITABLE).value[0][0] == b"t"
        except StoreError:
            return False
        except Exception:
            _LOGGER.exception("the health check met a mistake in the code")
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

    def _execute(self, statement: bytes, *values: bytes) -> Answer[list[Row]]:
        def read(connection: Connection) -> list[Row]:
            return fetch(connection, statement, values)

        return self._call(lambda connection, _: as_it_lies(connection, read))

    def _write(self, statement: bytes, *values: bytes) -> Answer[list[Row]]:
        return self._call(
            lambda connection, expires_at: self._server_clock.in_time(
                connection, statement, values, expires_at
            )
        )

    def _carry_over(self, statement: bytes, value: bytes) -> Answer[list[Row]]:
        def work(connection: Connection, expires_at: float) -> list[Row]:
            until = self._server_clock.until(connection, expires_at)
            return self._server_clock.ask(connection, statement, (value, until))

        return self._call(work)

    def _call(
        self, work: Callable[[Connection, float], list[Row]]
    ) -> Answer[list[Row]]:
        def judged(connection: Connection, expires_at: float) -> list[Row]:
            try:
                return work(connection, expires_at)
            except VALUE_REFUSED as error:
                refusal = (
                    None if is_nothing_done(error) else documents_refused(connection)
                )
                if refusal is None:
                    raise
            # Not in the server's words, which may have some of the document.
            raise StoreUnavailableError(worded("PostgreSQL: {text}", text=str(refusal)))

        try:
            return self._connections.call_until(judged)
        except StoreError as error:
            self._last_error = reworded(error)
            raise
        except Exception as error:
            self._last_error = f"{type(error).__name__}: {error}"
            raise


def _encoded(documents: Mapping[str, Document]) -> dict[str, bytes]:
    return {key: encode(each) for key, each in checked_documents(documents).items()}


def _revision(write_id: str | None) -> bytes:
    return (write_id or str(uuid.uuid4())).encode()


def _together(
    encoded: Mapping[str, bytes],
    write_ids: Mapping[str, str],
    revisions: Mapping[str, str] | None = None,
) -> bytes:
    """Return what is written in one statement, as its parameter."""
    # In one order always, or two writers could wait for each other.
    rows = [
        {
            "kind": key,
            "data": orjson.Fragment(encoded[key]),
            "revision": _revision(write_ids.get(key)).decode(),
            **({"was": revisions[key]} if revisions and key in revisions else {}),
        }
        for key in sorted(encoded)
    ]
    together = orjson.dumps(rows)
    if len(together) > _MAX_TOGETHER_BYTES:
        raise StoreDataError(
            worded(
                "documents written together have at most {max_together_bytes} bytes",
                max_together_bytes=_MAX_TOGETHER_BYTES,
            )
        )
    return together


def _is_writable(connection: Connection) -> bool:
    return fetch(connection, statements.WRITABLE, ())[0][0] == b"t"


def _text(value: bytes | None) -> str:
    return value.decode() if value else ""


def _entry(key: str, row: Sequence[bytes | None]) -> Entry:
    data, revision, microseconds = row
    updated_at = from_microseconds(None if microseconds is None else int(microseconds))
    return Entry(decode_of_others(data or b"", key=key), _text(revision), updated_at)
