# Sessions in PostgreSQL: one statement, hence one round trip and one transaction, each.
#
# The pool is shared with switchbot_store's PostgresStore, which is synchronous, so calls
# run on threads: as many as the pool has connections, and our own, because on the event
# loop's shared ones a slow database would hold up name resolution for everybody.
# Psycopg's AsyncConnectionPool would need connections of its own beside the store's.
import asyncio
import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from training_sessions.model import (
    CodeTakenError,
    EndReason,
    Event,
    NameTakenError,
    Session,
    SessionEndedError,
    Trainer,
    UnavailableError,
    Values,
)
from training_sessions.repository import Repository

_LOGGER = logging.getLogger(__name__)
Row = dict[str, Any]

# A known id is no conflict but the second attempt of one that worked: it is looked for
# before any other constraint.
_ADD_TRAINER: Final = """
INSERT INTO trainers (id, name, password_hash, created_at)
VALUES (%(id)s, %(name)s, %(password_hash)s, %(created_at)s)
ON CONFLICT (id) DO NOTHING
"""
_TRAINER: Final = """
SELECT id, name, password_hash, created_at
FROM trainers WHERE lower(name) = lower(%(name)s)
"""
_OPEN: Final = """
WITH opened AS (
    INSERT INTO sessions (id, code, trainer_id, title, opened_at, expires_at)
    VALUES (
        %(id)s, %(code)s, %(trainer_id)s, %(title)s, %(opened_at)s, %(expires_at)s
    )
    ON CONFLICT (id) DO NOTHING
    RETURNING id, opened_at
)
INSERT INTO session_events (id, session_id, kind, sequence, data, happened_at)
SELECT gen_random_uuid(), id, 'opened', 0, '{}', opened_at FROM opened
"""
_SESSION: Final = """
SELECT id, code, trainer_id, title, opened_at, expires_at, last_values, sequence,
    ended_at, end_reason
FROM sessions WHERE id = %(id)s
"""
_BY_CODE: Final = """
SELECT id, code, trainer_id, title, opened_at, expires_at, last_values, sequence,
    ended_at, end_reason
FROM sessions WHERE code = %(code)s AND ended_at IS NULL AND expires_at > %(now)s
"""
_OF_TRAINER: Final = """
SELECT id, code, trainer_id, title, opened_at, expires_at, last_values, sequence,
    ended_at, end_reason
FROM sessions WHERE trainer_id = %(trainer_id)s
ORDER BY opened_at DESC LIMIT %(limit)s
"""
_RECORD: Final = """
WITH changed AS (
    UPDATE sessions SET last_values = %(data)s, sequence = sequence + 1
    WHERE id = %(session_id)s AND ended_at IS NULL AND expires_at > %(now)s
    RETURNING id, sequence, last_values
)
INSERT INTO session_events (id, session_id, kind, sequence, data, happened_at)
SELECT %(id)s, id, 'values', sequence, last_values, %(now)s FROM changed
RETURNING id, session_id, kind, sequence, data, happened_at
"""
_EVENT: Final = """
SELECT id, session_id, kind, sequence, data, happened_at
FROM session_events WHERE id = %(id)s AND session_id = %(session_id)s
"""
_ADD_EVENT: Final = """
INSERT INTO session_events (id, session_id, kind, sequence, data, happened_at)
VALUES (
    %(id)s, %(session_id)s, %(kind)s, %(sequence)s, %(data)s, %(happened_at)s
)
ON CONFLICT (id) DO NOTHING
"""
_EVENTS: Final = """
SELECT id, session_id, kind, sequence, data, happened_at FROM (
    SELECT * FROM session_events WHERE session_id = %(session_id)s
    ORDER BY position DESC LIMIT %(limit)s
) AS newest ORDER BY position
"""
_CLOSE: Final = """
WITH ended AS (
    UPDATE sessions SET ended_at = %(now)s, end_reason = 'closed'
    WHERE id = %(id)s AND ended_at IS NULL
    RETURNING id, sequence
)
INSERT INTO session_events (id, session_id, kind, sequence, data, happened_at)
SELECT gen_random_uuid(), id, 'closed', sequence, '{}', %(now)s FROM ended
"""
# Several processes may run it at once: a session ends for one of them.
_EXPIRE: Final = """
WITH ended AS (
    UPDATE sessions SET ended_at = %(now)s, end_reason = 'expired'
    WHERE ended_at IS NULL AND expires_at <= %(now)s
    RETURNING id, sequence
)
INSERT INTO session_events (id, session_id, kind, sequence, data, happened_at)
SELECT gen_random_uuid(), id, 'expired', sequence, '{}', %(now)s FROM ended
RETURNING session_id
"""
_ENDED: Final = """
SELECT id, end_reason FROM sessions WHERE id = ANY(%(ids)s) AND ended_at IS NOT NULL
"""


class PostgresRepository(Repository):
    # `pool` gives autocommit connections and stays the caller's to close. Psycopg does
    # not give up on a server that falls silent, so the answer has its own deadline.
    def __init__(
        self, pool: ConnectionPool[Any], *, timeout_seconds: float = 10.0
    ) -> None:
        self._pool = pool
        self._timeout_seconds = timeout_seconds
        self._threads = ThreadPoolExecutor(pool.max_size, "training sessions")

    async def add_trainer(self, trainer: Trainer) -> None:
        try:
            await self._rows(
                _ADD_TRAINER,
                id=trainer.id,
                name=trainer.name,
                password_hash=trainer.password_hash,
                created_at=trainer.created_at,
            )
        except psycopg.errors.UniqueViolation as error:
            raise NameTakenError(f"there is a trainer {trainer.name!r}") from error

    async def trainer_named(self, name: str) -> Trainer | None:
        rows = await self._rows(_TRAINER, name=name)
        return Trainer(**rows[0]) if rows else None

    async def open_session(self, session: Session) -> None:
        try:
            await self._rows(
                _OPEN,
                id=session.id,
                code=session.code,
                trainer_id=session.trainer_id,
                title=session.title,
                opened_at=session.opened_at,
                expires_at=session.expires_at,
            )
        except psycopg.errors.UniqueViolation as error:
            raise CodeTakenError("an open session has this code") from error

    async def session(self, session_id: UUID) -> Session | None:
        rows = await self._rows(_SESSION, id=session_id)
        return Session(**rows[0]) if rows else None

    async def open_session_with(self, code: str, now: datetime) -> Session | None:
        rows = await self._rows(_BY_CODE, code=code, now=now)
        return Session(**rows[0]) if rows else None

    async def sessions_of(self, trainer_id: UUID, limit: int = 50) -> list[Session]:
        rows = await self._rows(_OF_TRAINER, trainer_id=trainer_id, limit=limit)
        return [Session(**row) for row in rows]

    async def record_values(
        self, session_id: UUID, event_id: UUID, values: Values, now: datetime
    ) -> Event:
        data = Jsonb(dict(values))
        try:
            rows = await self._rows(
                _RECORD, id=event_id, session_id=session_id, data=data, now=now
            )
        except psycopg.errors.UniqueViolation:
            rows = []  # the message is known, and none of this has happened
        rows = rows or await self._rows(_EVENT, id=event_id, session_id=session_id)
        if not rows:
            raise SessionEndedError("the session has ended")
        return Event(**rows[0])

    async def add_event(self, event: Event) -> None:
        await self._rows(
            _ADD_EVENT,
            id=event.id,
            session_id=event.session_id,
            kind=event.kind,
            sequence=event.sequence,
            data=Jsonb(dict(event.data)),
            happened_at=event.happened_at,
        )

    async def events(self, session_id: UUID, limit: int = 100) -> list[Event]:
        rows = await self._rows(_EVENTS, session_id=session_id, limit=limit)
        return [Event(**row) for row in rows]

    async def close_session(self, session_id: UUID, now: datetime) -> None:
        await self._rows(_CLOSE, id=session_id, now=now)

    async def expire(self, now: datetime) -> int:
        return len(await self._rows(_EXPIRE, now=now))

    async def ended_among(self, session_ids: Collection[UUID]) -> dict[UUID, EndReason]:
        rows = await self._rows(_ENDED, ids=list(session_ids))
        return {row["id"]: row["end_reason"] for row in rows}

    async def close(self) -> None:
        # Not waited for: a call to a silent server may last, and changes nothing here.
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _rows(self, statement: str, **values: object) -> list[Row]:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._execute, statement, values)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await work
        except TimeoutError as error:
            raise UnavailableError("the database does not answer") from error

    def _execute(self, statement: str, values: dict[str, object]) -> list[Row]:
        try:
            return self._attempt(statement, values)
        except PoolTimeout as error:
            raise UnavailableError("no connection to the database") from error
        except psycopg.OperationalError as error:
            # After a restart of the server all connections in the pool are dead.
            _LOGGER.info("once more on a new connection, after: %s", error)
            self._pool.drain()
        try:
            return self._attempt(statement, values)
        except psycopg.OperationalError as error:
            raise UnavailableError("the database is away") from error

    def _attempt(self, statement: str, values: dict[str, object]) -> list[Row]:
        with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []
