"""Pooled connections with a deadline, and one more try after a broken one.

The store and the history both reach PostgreSQL through `Connections` alone.

Those at rest are lent to one call each, and closed when nobody needs them. Whoever calls
makes the connection that it lacks, on its own thread, within its own deadline: so a call
that fails tried once, and knows why. Nothing is opened ahead, and nothing is opened to
take the place of what was closed.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from contextlib import contextmanager, suppress
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NamedTuple,
    Self,
    TypeVar,
    cast,
)

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg_pool import PoolClosed

from switchbot_store.arguments import checked_number
from switchbot_store.deadlines import LIMITS, limited
from switchbot_store.errors import (
    MigrationError,
    SlowConnectionError,
    StoreClosedError,
    StoreConfigError,
    StoreUnavailableError,
)
from switchbot_store.languages import reworded, worded
from switchbot_store.postgres.connecting import connected
from switchbot_store.postgres.errors import (
    is_broken_connection,
    is_nothing_done,
    is_other_shape,
    is_useless_connection,
    translated,
)
from switchbot_store.postgres.location import (
    connection_options,
    connection_string,
    described,
)
from switchbot_store.postgres.schema.migrations import SchemaWorkDueError
from switchbot_store.postgres.schema.schema_work import (
    OwnLender,
    PoolLender,
    SchemaWork,
)
from switchbot_store.postgres.wire import WATCHDOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg_pool import ConnectionPool

    from switchbot_store.postgres.schema.adoption import Lend, Progress
    from switchbot_store.postgres.wire import OwnConnection

Connection = psycopg.Connection[Any]
T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)
_POOL_CLOSE_SECONDS: Final = 2.0
_LEAST_SECONDS: Final = 0.5
"""With less than this left no connection is begun."""
_RESTART_SECONDS: Final = 15.0
"""For so long after a connection broke, a server that is away is taken to restart."""
_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 1.0
_COLLISION_PAUSE_SECONDS: Final = 0.02

_READ_ONLY: Final = "25006"
_READ_ONLY_BY: Final = """
SELECT 1 FROM pg_catalog.pg_settings
WHERE name = 'default_transaction_read_only' AND setting = 'on' AND source = 'client'
    AND NOT pg_catalog.pg_is_in_recovery()
"""

_LEFT_TO_PARENT: Final[list[object]] = []
"""Pools that a fork copied: closing them here would end the parent's sessions."""


class Answer(NamedTuple, Generic[T]):
    """What a call returned. `repeated`: an earlier attempt may have worked as well."""

    value: T
    repeated: bool


class Connections:
    """The connections of one store or history.

    `pool` is used as it is: never configured, drained or closed. Without one a pool of
    up to `max_size` connections is made at `open()` or the first call.
    `prepare` gets a connection once before the first call, to bring the schema up to
    date. Where it raises SchemaWorkDueError `schema_work` is run beside, without a
    deadline: the call that began it waits for it within its own, later ones do not.
    `pooler` says that a transaction pooler lies between; each new connection finds that
    out by itself otherwise.
    An attempt to connect that fails ends a call, unless a connection broke shortly
    before: then the server may be restarting, and whoever is `patient` waits for it.
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
            raise StoreConfigError(worded("give a conninfo or a pool, not both"))
        self._conninfo = "" if pool is not None else connection_string(conninfo)
        # Every report of a store's health tells it: to take it apart costs 0.1 ms.
        self._description = (
            "a given pool" if pool is not None else described(self._conninfo)
        )
        self._given_pool = pool
        self._own_pool: RestingConnections | None = None
        self._broke_at = float("-inf")
        self._prepare = prepare
        self._prepared = prepare is None
        self._schema_work = schema_work
        self._working: SchemaWork | None = None
        self._pooler = pooler
        self._max_size = int(checked_number(max_size, "max_size", least=1))
        self._timeout_seconds = checked_number(timeout_seconds, "timeout_seconds")
        self._connect_timeout_seconds = checked_number(
            connect_timeout_seconds, "connect_timeout_seconds"
        )
        self._patient = patient
        self._opening = threading.Lock()
        self._process_id = os.getpid()
        self._opening_was_slow = False
        self._closed = False

    @property
    def description(self) -> str:
        """Where the connections lead, without secrets."""
        return self._description

    def open(self) -> Self:
        """Connect, prepare the schema and start the pool; again does nothing.

        Raises StoreConfigError when the server refuses the user, the password or the
        database, StoreUnavailableError when it cannot be reached, MigrationError.
        """
        self._ready()
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
            pool.close()

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
        return self.call_until(
            lambda connection, _: work(connection), timeout_seconds=timeout_seconds
        )

    def call_until(
        self,
        work: Callable[[Connection, float], T],
        *,
        timeout_seconds: float | None = None,
    ) -> Answer[T]:
        """Run `work` as `call` does, and tell it when the call ends, by `monotonic`."""
        self._ready()
        seconds, patience = LIMITS.get()
        if timeout_seconds is None:
            timeout_seconds = self._timeout_seconds if seconds is None else seconds
        expires_at = time.monotonic() + timeout_seconds
        attempts = self._attempts()
        repeated = made_anew = False
        while True:
            attempts -= 1
            broken = False
            try:
                with self._lent(expires_at, patience) as connection:
                    try:
                        return Answer(_run(work, connection, expires_at), repeated)
                    except psycopg.Error as error:
                        if error.sqlstate == _READ_ONLY:
                            left = max(0.001, expires_at - time.monotonic())
                            with _in_time(connection, left):
                                _check_wish(error, connection)
                        broken = is_broken_connection(error, connection)
                        self._judge(error, connection, broken=broken)
                        raise
            except PoolClosed as error:
                self._check_open()
                raise StoreUnavailableError(
                    worded("PostgreSQL: {error}", error=error)
                ) from error
            except psycopg.Error as error:
                late = time.monotonic() >= expires_at
                if is_other_shape(error) and self._prepare and not made_anew:
                    # Dropped under us; what failed did nothing, and is repeated.
                    made_anew = True
                    attempts += 1
                    self._make_anew(error)
                    continue
                undone = is_nothing_done(error)
                again = undone or (
                    attempts > 0 and (broken or is_useless_connection(error))
                )
                if late or not again:
                    raise translated(error, expired=broken and late) from error
                _LOGGER.debug("trying once more after: %s", error)
                # What PostgreSQL undid by itself is no ambiguous failure.
                repeated = repeated or broken
                if undone:  # somebody else got on by it: as often as it takes
                    pause = _COLLISION_PAUSE_SECONDS * random.random()  # noqa: S311 - no secret
                    threading.Event().wait(pause)

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
        """Use new connections from the next call on; those of a pool handed in stay."""
        own = self._own_pool
        if own is not None and self._process_id == os.getpid():
            own.renew()

    @contextmanager
    def direct(self, timeout_seconds: float | None = None) -> Iterator[Connection]:
        """Give an autocommit connection outside the pool, closed afterwards."""
        timeout = timeout_seconds or self._connect_timeout_seconds
        options = connection_options(self._conninfo, pooler=self._pooler)
        if timeout_seconds is not None:
            options["connect_timeout"] = timeout_seconds
        expires_at = time.monotonic() + timeout
        connection = connected(self._conninfo, options, timeout)
        try:
            left = max(0.001, expires_at - time.monotonic())
            with connection, _in_time(connection, left):
                try:
                    yield connection
                except psycopg.Error as error:
                    _check_wish(error, connection)
                    raise
                except StoreUnavailableError as error:
                    _check_wish(error.__cause__, connection)
                    raise
        except psycopg.Error as error:
            late = time.monotonic() >= expires_at
            broken = is_broken_connection(error, connection)
            raise translated(error, expired=broken and late) from error

    @contextmanager
    def _lent(self, expires_at: float, patience: float | None) -> Iterator[Connection]:
        if self._given_pool is not None:
            left = max(0.001, expires_at - time.monotonic())
            given = self._given_pool.getconn(left)
            try:
                yield given
            finally:
                self._given_pool.putconn(given)
            return
        pool = self._own_pool
        if pool is None:
            raise StoreClosedError(worded("this store was closed"))
        if patience is not None:
            expires_at = min(expires_at, time.monotonic() + patience)
        own = pool.lend(expires_at)
        try:
            yield own
        finally:
            pool.give_back(own)

    def _judge(
        self, error: psycopg.Error, connection: Connection, *, broken: bool
    ) -> None:
        """Let go of connections that are of no more use; those of a given pool stay."""
        pool = self._own_pool
        if self._given_pool is not None or pool is None:
            return
        if broken:
            # Those that rest are as dead; this one call finds out.
            self._broke_at = time.monotonic()
            pool.renew()
        elif is_useless_connection(error):
            pool.retire(cast("OwnConnection", connection))

    def _connect(self, seconds: float) -> OwnConnection:
        """Make a connection of the pool, on the thread of the call that lacks one."""
        if not self._patient:
            seconds = min(seconds, self._timeout_seconds)
        expires_at = time.monotonic() + seconds
        options = connection_options(self._conninfo, pooler=self._pooler)
        pause = _PAUSE_SECONDS
        while True:
            try:
                return connected(
                    self._conninfo, options, max(0.001, expires_at - time.monotonic())
                )
            except SlowConnectionError:
                self._check_open()
                raise
            except StoreConfigError as error:
                # It was accepted when this opened: somebody is changing the server.
                raise StoreUnavailableError(reworded(error)) from error
            except StoreUnavailableError:
                self._check_open()
                now = time.monotonic()
                restarting = now < self._broke_at + _RESTART_SECONDS
                waits = self._patient and restarting and LIMITS.get()[1] is None
                if not waits or now + pause >= expires_at:
                    raise
            threading.Event().wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _attempts(self) -> int:
        if self._given_pool is None:
            return 2
        # A given pool may hold several dead connections and is not ours to renew.
        return 2 + int(self._given_pool.get_stats().get("pool_available", 0))

    def _ready(self) -> None:
        """See that there is a pool and that the schema is as it has to be."""
        self._check_open()
        if self._process_id != os.getpid():
            self._leave_to_parent()
        pool = self._given_pool or self._own_pool
        if pool is not None and self._prepared:
            return
        expires_at = time.monotonic() + self._opening_patience()
        lock = self._opening_lock()
        if not lock.acquire(timeout=max(0.0, expires_at - time.monotonic())):
            raise SlowConnectionError(
                worded(
                    "no connection to PostgreSQL: another call waits for the first one"
                )
            )
        try:
            self._check_open()
            if not self._prepared and self._prepare is not None:
                self._bring_up_to_date(self._prepare, expires_at)
                self._check_open()
            if self._given_pool is None and self._own_pool is None:
                self._own_pool = RestingConnections(
                    self._connect, max_size=self._max_size
                )
        finally:
            lock.release()

    def _make_anew(self, error: psycopg.Error) -> None:
        """Bring the schema up to date once more: somebody dropped our tables."""
        text = " ".join(str(error).split())
        _LOGGER.warning("the tables are gone and are made anew: %s", text)
        self._prepared = False
        try:
            self._ready()
        except MigrationError as refused:
            raise StoreUnavailableError(
                worded("{text}; {refused}", text=text, refused=refused)
            ) from error

    def _opening_patience(self) -> float:
        """Return the seconds that this call has for the first connection.

        A database may have to wake up for the first; later calls do not wait so long.
        """
        patience = (
            self._timeout_seconds
            if self._opening_was_slow
            else self._connect_timeout_seconds
        )
        bounds = (limited(patience), LIMITS.get()[1])
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
                worded(
                    "no connection to PostgreSQL: another call waited for one in vain"
                )
            )
        if self._given_pool is None:
            reached = False
            try:
                with self.direct(left) as connection:
                    reached = True
                    prepare(connection)
            except SlowConnectionError:
                was_patient = not reached and left > 0.9 * self._timeout_seconds
                self._opening_was_slow = self._opening_was_slow or was_patient
                raise
        else:
            try:
                with (
                    self._given_pool.connection(
                        min(left, self._timeout_seconds)
                    ) as connection,
                    _in_time(connection, left),
                ):
                    prepare(connection)
            except psycopg.Error as error:
                raise translated(error) from error

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError(worded("this store was closed"))

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


@contextmanager
def _in_time(connection: Connection, seconds: float) -> Iterator[None]:
    """Bound what is done inside, and say so where the time was up.

    Whoever words its errors inside sees a connection that was lost.
    """
    guard = WATCHDOG.guarding(connection.pgconn.socket, seconds)
    try:
        with guard:
            yield
    except psycopg.Error as error:
        if not guard.expired:
            raise
        raise translated(error, expired=True) from error
    except StoreUnavailableError as error:
        cause = error.__cause__
        if not (guard.expired and isinstance(cause, psycopg.Error)):
            raise
        raise translated(cause, expired=True) from cause


def _check_wish(error: BaseException | None, connection: Connection) -> None:
    """Raise StoreConfigError where a write was refused as these settings ask for it.

    A server that turned read-only may take writes again, or another host does; what the
    connection string itself says stays so.
    """
    if not isinstance(error, psycopg.Error) or error.sqlstate != _READ_ONLY:
        return
    try:
        found = connection.execute(_READ_ONLY_BY).fetchone()
    except psycopg.Error:
        return  # then it is as it looks: the server's
    if found:
        raise StoreConfigError(
            worded(
                "these settings ask for sessions that only read: take "
                "default_transaction_read_only out of the URL's options, PGOPTIONS or "
                "the service file"
            ),
            variable="POSTGRES_URL",
        ) from error


def _run(
    work: Callable[[Connection, float], T], connection: Connection, expires_at: float
) -> T:
    left = expires_at - time.monotonic()
    with WATCHDOG.guarding(connection.pgconn.socket, left):
        if connection.autocommit:
            return work(connection, expires_at)
        with connection:  # commits or rolls back; a pool's is not closed
            return work(connection, expires_at)


REST_SECONDS: Final = 120.0
"""Under the five minutes after which hosted databases suspend."""
_LIFE_SECONDS: Final = 1800.0


class RestingConnections:
    """Up to `max_size` connections, made by `connect` with the seconds that are left.

    One that rested for `rest_seconds` is closed. What `lend` gives is to be given back.
    """

    def __init__(
        self,
        connect: Callable[[float], OwnConnection],
        *,
        max_size: int,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._connect = connect
        self._max_size = max_size
        self._rest_seconds = rest_seconds
        lock = threading.Lock()
        self._changed = threading.Condition(lock)
        # The closer's own: were it woken by each call, a call would cost twice as much.
        self._fewer = threading.Condition(lock)
        self._resting: list[tuple[OwnConnection, float]] = []  # the newest last
        self._lent: dict[OwnConnection, float] = {}
        self._made_at: dict[OwnConnection, float] = {}
        self._useless: set[OwnConnection] = set()
        self._connecting = 0
        self._closer: threading.Thread | None = None
        self._closed = False

    def lend(self, expires_at: float) -> OwnConnection:
        """Give one that rests, or a new one; `expires_at` in monotonic seconds.

        Raises SlowConnectionError when all are in use until then, StoreClosedError, and
        what `connect` raises.
        """
        with self._changed:
            while True:
                if self._closed:
                    raise StoreClosedError(worded("this store was closed"))
                if self._resting:
                    connection, _ = self._resting.pop()
                    self._lent[connection] = time.monotonic()
                    return connection
                if len(self._lent) + self._connecting < self._max_size:
                    self._connecting += 1
                    break
                left = expires_at - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise SlowConnectionError(
                        worded(
                            "PostgreSQL: all {max_size} connections are in use",
                            max_size=self._max_size,
                        )
                    )
        made: OwnConnection | None = None
        try:
            made = self._connect(max(0.001, expires_at - time.monotonic()))
        finally:
            with self._changed:
                self._connecting -= 1
                if made is not None:
                    self._lent[made] = self._made_at[made] = time.monotonic()
                self._changed.notify_all()
        return made

    def give_back(self, connection: OwnConnection) -> None:
        """Let it rest, or close it: broken, in a transaction, old, or useless."""
        with self._changed:
            now = time.monotonic()
            self._lent.pop(connection, None)
            too_old = now - self._made_at[connection] > _LIFE_SECONDS
            pgconn = connection.pgconn
            keeps = (
                not self._closed
                and not too_old
                and connection not in self._useless
                and pgconn.status == ConnStatus.OK
                and pgconn.transaction_status == TransactionStatus.IDLE
            )
            if keeps:
                self._resting.append((connection, now))
                self._watch()
            else:
                self._forget(connection)
                self._fewer.notify()
            self._changed.notify_all()
        if not keeps:
            connection.close()

    def retire(self, connection: OwnConnection) -> None:
        """Close it when it is given back, whatever state it is in."""
        with self._changed:
            self._useless.add(connection)

    def renew(self) -> None:
        """Close all that rest, and those in use when they are given back."""
        with self._changed:
            resting, self._resting = self._resting, []
            self._useless.update(self._lent)
            for connection, _ in resting:
                self._forget(connection)
            self._changed.notify_all()
            self._fewer.notify()
        for connection, _ in resting:
            connection.close()

    def close(self) -> None:
        """Close all, and lend none from now on; who waits for one hears of it."""
        with self._changed:
            self._closed = True
        self.renew()

    def _forget(self, connection: OwnConnection) -> None:
        self._useless.discard(connection)
        self._made_at.pop(connection, None)

    def _watch(self) -> None:
        if self._closer is None:
            closer = threading.Thread(
                target=self._close_rested, name="store connections at rest", daemon=True
            )
            # Where the system has no thread left the next one that rests asks anew.
            with suppress(RuntimeError):
                closer.start()
                self._closer = closer

    def _close_rested(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                done = [
                    each for each, at in self._resting if at + self._rest_seconds <= now
                ]
                self._resting = [each for each in self._resting if each[0] not in done]
                for connection in done:
                    self._forget(connection)
                if not self._made_at and not done:
                    self._closer = None  # the next one that rests begins anew
                    return
                if not done:
                    # What comes to rest meanwhile has rested long enough later still.
                    rested_at = self._resting[0][1] if self._resting else now
                    self._fewer.wait(rested_at + self._rest_seconds - now)
            for connection in done:
                connection.close()
