"""Pooled connections with a deadline, and one more try after a broken one.

The store and the history both reach PostgreSQL through `Connections` alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NamedTuple,
    Self,
    TypeVar,
)

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from switchbot_store.deadlines import WATCHDOG, connect_limit, limited
from switchbot_store.errors import (
    MigrationError,
    SlowConnectionError,
    StoreClosedError,
    StoreConfigError,
    StoreUnavailableError,
)
from switchbot_store.postgres.connecting import connected, is_direct
from switchbot_store.postgres.errors import (
    is_broken_connection,
    is_nothing_done,
    is_other_shape,
    is_pooler_between,
    translated,
)
from switchbot_store.postgres.location import (
    POOL_SETTINGS,
    connection_options,
    connection_string,
    described,
)
from switchbot_store.postgres.migrations import SchemaWorkDueError
from switchbot_store.postgres.schema_work import OwnLender, PoolLender, SchemaWork
from switchbot_store.postgres.wire import OwnConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.postgres.adoption import Lend, Progress

Connection = psycopg.Connection[Any]
T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)
_POOL_CLOSE_SECONDS: Final = 2.0
_GLANCE_SECONDS: Final = 0.05
_LEAST_SECONDS: Final = 0.5
"""With less than this left no connection is begun; psycopg gives each 2 s at least."""

_LEFT_TO_PARENT: Final[list[object]] = []
"""Pools that a fork copied: closing them here would end the parent's sessions."""


class Answer(NamedTuple, Generic[T]):
    """What a call returned. `repeated`: an earlier attempt may have worked as well."""

    value: T
    repeated: bool


class _Refusal(NamedTuple):
    """How the latest attempt to connect failed; `began_at` in monotonic seconds."""

    error: Exception
    began_at: float


class _OwnPool(ConnectionPool[OwnConnection]):
    """A pool that remembers why its worker could not connect."""

    refusal: _Refusal | None = None


class Connections:
    """The connections of one store or history.

    `pool` is used as it is: never configured, drained or closed. Without one a pool of
    up to `max_size` connections is made at `open()` or the first call.
    `prepare` gets a connection once before the first call, to bring the schema up to
    date. Where it raises SchemaWorkDueError `schema_work` is run beside, without a
    deadline: the call that began it waits for it within its own, later ones do not.
    `pooler` says that a transaction pooler lies between, None to find that out: nothing
    is prepared before it is known, nor once a statement has met with another session.
    Unless `patient`, the first attempt to connect that fails ends a call.
    """

    def __init__(
        self,
        conninfo: str | None = None,
        *,
        pool: ConnectionPool[Any] | None = None,
        prepare: Callable[[Connection], object] | None = None,
        schema_work: Callable[[Lend, Progress, threading.Event], object] | None = None,
        pooler: bool | None = None,
        max_size: int = 4,
        timeout_seconds: float = 5.0,
        connect_timeout_seconds: float = 15.0,
        patient: bool = True,
    ) -> None:
        if pool is not None and conninfo is not None:
            raise StoreConfigError("give a conninfo or a pool, not both")
        self._conninfo = "" if pool is not None else connection_string(conninfo)
        self._given_pool = pool
        self._own_pool: _OwnPool | None = None
        self._prepare = prepare
        self._prepared = prepare is None
        self._schema_work = schema_work
        self._working: SchemaWork | None = None
        self._pooler = pooler
        self._max_size = max_size
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._patient = patient
        self._opening = threading.Lock()
        self._process_id = os.getpid()
        self._opening_was_slow = False
        self._closed = False

    @property
    def description(self) -> str:
        """Where the connections lead, without secrets."""
        return "a given pool" if self._given_pool else described(self._conninfo)

    def open(self) -> Self:
        """Connect, prepare the schema and start the pool; again does nothing.

        Raises StoreConfigError when the server refuses the user, the password or the
        database, StoreUnavailableError when it cannot be reached, MigrationError.
        """
        self._ready_pool()
        return self

    def close(self) -> None:
        """Close what was made here; calls raise StoreClosedError from now on."""
        self._closed = True
        lock = self._opening_lock()
        if self._working is not None:
            self._working.stop()
        # Who holds it may wait for a server that does not answer, and then sees that
        # this was closed.
        taken = lock.acquire(timeout=_POOL_CLOSE_SECONDS)
        try:
            pool, self._own_pool = self._own_pool, None
        finally:
            if taken:
                lock.release()
        if pool is not None:
            pool.close(_POOL_CLOSE_SECONDS)

    def call(
        self, work: Callable[[Connection], T], *, timeout_seconds: float | None = None
    ) -> Answer[T]:
        """Run `work` on a connection, once more if that connection was broken.

        `work` must be safe to repeat: the first attempt may have been carried out.
        The connection is in autocommit mode unless a given pool says otherwise; then
        what `work` did is committed. Raises SlowConnectionError at the deadline,
        StoreUnavailableError, StoreDataError, StoreClosedError. A mistake in the code
        of `work` or here is none of these and passes as it is.
        """
        pool = self._ready_pool()
        timeout = (
            limited(self._timeout_seconds)
            if timeout_seconds is None
            else timeout_seconds
        )
        called_at = time.monotonic()
        expires_at = called_at + timeout
        attempts = self._attempts(pool)
        repeated = made_anew = False
        while True:
            attempts -= 1
            try:
                return Answer(
                    self._attempt(pool, work, called_at, expires_at), repeated
                )
            except PoolClosed as error:
                late = time.monotonic() >= expires_at
                if self._given_pool is not None or late:
                    self._check_open()
                    raise StoreUnavailableError(f"PostgreSQL: {error}") from error
                attempts += 1  # nothing was asked of a server
                pool = self._ready_pool()  # renewed meanwhile, or else closed
            except psycopg.Error as error:
                if is_other_shape(error) and self._prepare and not made_anew:
                    # Dropped or replaced under us; what failed did nothing, and is
                    # repeated.
                    made_anew = True
                    attempts += 1
                    pool = self._made_anew(error)
                    continue
                broken = is_broken_connection(error)
                if is_pooler_between(error) and self._learn_of_pooler():
                    attempts += 1
                    broken = True
                if broken and self._given_pool is None:
                    # Its other connections are as dead; this one call finds out.
                    self._renew(pool)
                    pool = self._ready_pool()
                late = time.monotonic() >= expires_at
                if isinstance(error, PoolTimeout) and isinstance(pool, _OwnPool):
                    self._tell_why(error, pool, late=late)
                if late or not attempts or not (broken or is_nothing_done(error)):
                    expired = broken and late
                    raise translated(error, expired=expired) from error
                _LOGGER.debug("trying once more after: %s", error)
                # What PostgreSQL undid by itself is no ambiguous failure.
                repeated = repeated or broken

    def probe(self, work: Callable[[Connection], T], *, timeout_seconds: float) -> T:
        """Run `work` on a connection made for it, so that no earlier failure delays it.

        Raises StoreConfigError when the server refuses the user, the password or the
        database; otherwise as `call`.
        """
        self._check_open()
        if self._given_pool is not None:
            return self.call(work, timeout_seconds=timeout_seconds).value
        with self.direct(timeout_seconds) as connection:
            return work(connection)

    def renew(self) -> None:
        """Make a new pool for the next call; one handed in stays.

        After an outage the old one's threads may wait for a connection that will never
        be made, or pause between attempts.
        """
        self._renew(self._own_pool)

    def _renew(self, pool: ConnectionPool[Any] | None) -> None:
        """Let go of a pool of our own, unless it is gone already.

        Draining it would not do: what its worker is opening, or has opened and not yet
        handed over, may be dead as well. A new pool's connections are all younger.
        """
        with self._opening_lock():
            own = self._own_pool
            if own is not pool or own is None:
                return
            self._own_pool = None
        threading.Thread(
            target=own.close,
            args=(_POOL_CLOSE_SECONDS,),
            name="store pool closing",
            daemon=True,
        ).start()

    @contextmanager
    def direct(self, timeout_seconds: float | None = None) -> Iterator[Connection]:
        """Give an autocommit connection outside the pool, closed afterwards."""
        timeout = timeout_seconds or self._connect_timeout_seconds
        options = connection_options(self._conninfo, pooler=self._pooler)
        if timeout_seconds is not None:
            options["connect_timeout"] = timeout_seconds
        connection = connected(self._conninfo, options, timeout)
        try:
            descriptor = connection.pgconn.socket
            with connection, WATCHDOG.guarding(descriptor, timeout):
                yield connection
        except psycopg.Error as error:
            raise translated(error) from error

    def _attempt(
        self,
        pool: ConnectionPool[Any],
        work: Callable[[Connection], T],
        called_at: float,
        expires_at: float,
    ) -> T:
        connection = self._borrow(pool, called_at, expires_at)
        try:
            descriptor = connection.pgconn.socket
            with WATCHDOG.guarding(descriptor, expires_at - time.monotonic()):
                if connection.autocommit:
                    return work(connection)
                with connection:  # commits or rolls back; a pool's is not closed
                    return work(connection)
        finally:
            pool.putconn(connection)

    def _borrow(
        self,
        pool: ConnectionPool[Connection] | _OwnPool,
        called_at: float,
        expires_at: float,
    ) -> Connection:
        now = time.monotonic()
        patience = connect_limit()
        if patience is None and not self._patient:
            patience = self._timeout_seconds
        if patience is None or not isinstance(pool, _OwnPool):
            return pool.getconn(max(0.001, expires_at - now))
        give_up_at = min(expires_at, now + patience)
        while True:
            left = give_up_at - time.monotonic()
            try:
                return pool.getconn(max(0.001, min(left, _GLANCE_SECONDS)))
            except PoolTimeout as error:
                refusal = pool.refusal
                if refusal is not None and refusal.began_at < called_at:
                    # It tells nothing about now, and the pool pauses after it.
                    self._renew(pool)
                    raise PoolClosed("the pool failed before this call") from error
                # The pool goes on trying to connect; this call has a better way out.
                if left <= _GLANCE_SECONDS or refusal is not None:
                    raise

    def _attempts(self, pool: ConnectionPool[Any]) -> int:
        if pool is self._own_pool:
            return 2
        # A given pool may hold several dead connections and is not ours to drain.
        return 2 + int(pool.get_stats().get("pool_available", 0))

    def _ready_pool(self) -> ConnectionPool[Any]:
        self._check_open()
        if self._process_id != os.getpid():
            self._leave_to_parent()
        pool = self._given_pool or self._own_pool
        if pool is not None and self._prepared:
            return pool
        expires_at = time.monotonic() + self._opening_patience()
        lock = self._opening_lock()
        if not lock.acquire(timeout=max(0.0, expires_at - time.monotonic())):
            raise SlowConnectionError(
                "no connection to PostgreSQL: another call waits for the first one"
            )
        try:
            self._check_open()
            if not self._prepared and self._prepare is not None:
                self._bring_up_to_date(self._prepare, expires_at)
                self._check_open()
            if self._given_pool is not None:
                return self._given_pool
            if self._own_pool is None:
                self._own_pool = self._new_pool()
            return self._own_pool
        finally:
            lock.release()

    def _made_anew(self, error: psycopg.Error) -> ConnectionPool[Any]:
        """Bring the schema up to date once more: somebody dropped or replaced tables."""
        text = " ".join(str(error).split())
        _LOGGER.warning("tables are gone or not as they were made: %s", text)
        self._prepared = False
        try:
            return self._ready_pool()
        except MigrationError as refused:
            raise StoreUnavailableError(f"{text}; {refused}") from error

    def _learn_of_pooler(self) -> bool:
        """Prepare nothing from now on; False if nothing was, or it is not ours to say."""
        if self._given_pool is not None or self._pooler is not False:
            return False
        _LOGGER.info("a transaction pooler lies between: nothing is prepared any more")
        self._pooler = True
        return True

    def _opening_patience(self) -> float:
        """Return the seconds that this call has for the first connection.

        A database may have to wake up for the first; later calls do not wait so long.
        """
        patience = (
            self._timeout_seconds
            if self._opening_was_slow
            else self._connect_timeout_seconds
        )
        bounds = (limited(patience), connect_limit())
        return min(each for each in bounds if each is not None)

    def _bring_up_to_date(
        self, prepare: Callable[[Connection], object], expires_at: float
    ) -> None:
        if self._working is not None and self._working.running:
            self._working.wait(0)
        try:
            self._prepare_within(prepare, expires_at)
        except SchemaWorkDueError:
            self._begin_schema_work(expires_at)
            self._prepare_within(prepare, expires_at)
        self._prepared = True

    def _begin_schema_work(self, expires_at: float) -> None:
        """Let it run; return if it ends in time, or raise what says how far it is."""
        assert self._schema_work is not None  # noqa: S101 - or nothing says it is due
        if self._working is None:
            lender = (
                PoolLender(self._given_pool)
                if self._given_pool is not None
                else OwnLender(self._connect_for_long)
            )
            self._working = SchemaWork(lender, self._schema_work)
        self._working.start()
        self._working.wait(expires_at - time.monotonic() - _LEAST_SECONDS)

    def _connect_for_long(self) -> Connection:
        options = connection_options(self._conninfo, pooler=self._pooler)
        return connected(self._conninfo, options, self._connect_timeout_seconds)

    def _prepare_within(
        self, prepare: Callable[[Connection], object], expires_at: float
    ) -> None:
        left = expires_at - time.monotonic()
        if left < _LEAST_SECONDS:
            raise SlowConnectionError(
                "no connection to PostgreSQL: another call waited for one in vain"
            )
        if self._given_pool is None:
            try:
                with self.direct(left) as connection:
                    if self._pooler is None:
                        self._pooler = not is_direct(connection)
                    prepare(connection)
            except SlowConnectionError:
                was_patient = left > 0.9 * self._timeout_seconds
                self._opening_was_slow = self._opening_was_slow or was_patient
                raise
        else:
            try:
                with (
                    self._given_pool.connection(
                        min(left, self._timeout_seconds)
                    ) as connection,
                    WATCHDOG.guarding(connection.pgconn.socket, left),
                ):
                    prepare(connection)
            except psycopg.Error as error:
                raise translated(error) from error

    def _new_pool(self) -> _OwnPool:
        class RecordedConnection(OwnConnection):
            """Tells the pool why its worker could not connect."""

            @classmethod
            def connect(cls, *arguments: Any, **options: Any) -> Self:
                began_at = time.monotonic()
                try:
                    connection = super().connect(*arguments, **options)
                except Exception as error:
                    pool.refusal = _Refusal(error, began_at)
                    raise
                pool.refusal = None
                return connection

        pool = _OwnPool(
            self._conninfo,
            kwargs=connection_options(self._conninfo, pooler=self._pooler),
            connection_class=RecordedConnection,
            max_size=self._max_size,
            timeout=self._timeout_seconds,
            name="switchbot_store",
            open=False,
            **POOL_SETTINGS,
        )
        pool.open()
        return pool

    def _tell_why(self, error: PoolTimeout, pool: _OwnPool, *, late: bool) -> None:
        """Raise what the pool's worker met with, if it did, and not its timeout."""
        reason = pool.refusal.error if pool.refusal is not None else None
        mistaken = reason is not None and not isinstance(reason, psycopg.Error)
        if mistaken or not self._patient:
            self._renew(pool)  # it gave up, or pauses between its attempts
        if reason is not None and mistaken:
            raise reason from error
        if reason is not None:
            text = " ".join(str(reason).split())
            if late:
                raise SlowConnectionError(f"no connection in time: {text}") from error
            raise StoreUnavailableError(
                f"PostgreSQL cannot be reached: {text}"
            ) from error

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError("this store was closed")

    def _opening_lock(self) -> threading.Lock:
        if self._process_id != os.getpid():
            self._leave_to_parent()
        return self._opening

    def _leave_to_parent(self) -> None:
        """Forget, in a forked child, what works only in the parent."""
        if self._own_pool is not None:
            _LEFT_TO_PARENT.append(self._own_pool)
            self._own_pool = None
        if self._working is not None:
            _LEFT_TO_PARENT.append(self._working)
            self._working = None
        self._opening = threading.Lock()
        self._process_id = os.getpid()
