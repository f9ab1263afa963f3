"""Schema work that takes its time: connections without a deadline, and a thread.

A store that opens waits for its connection for seconds. What is done to a table of
millions of rows may take an hour, and goes on meanwhile, beside it.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from switchbot_store.errors import (
    MigrationError,
    StoreClosedError,
    StoreConfigError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.languages import reworded, worded
from switchbot_store.postgres.errors import translated
from switchbot_store.postgres.schema.adoption import (
    BusyTableError,
    InterruptedAdoptionError,
    without_limits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg_pool import ConnectionPool

    from switchbot_store.postgres.schema.adoption import Lend, Progress

    Connection = psycopg.Connection[Any]

_LOGGER = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 30.0
_CANCEL_SECONDS: Final = 2.0
_LOGGED_STEP: Final = 0.1


class Lender(Protocol):
    """Where the connections for schema work come from."""

    def lend(self) -> Any:
        """Give a connection in autocommit mode, as a context manager."""

    def cancel(self) -> None:
        """End the statement that is running, from another thread."""

    def close(self) -> None:
        """Close what was made here."""


class OwnLender:
    """One connection, made by `connect` and made again after it broke."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Give it; see `Lender.lend`. Raises what `connect` raises."""
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = self._connect()
            without_limits(self._connection)
        yield self._connection

    def cancel(self) -> None:
        """See `Lender.cancel`."""
        _cancel(self._connection)

    def close(self) -> None:
        """Close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class PoolLender:
    """Connections of a pool that was handed in, for one step each."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool
        self._lent: Connection | None = None

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Give one; see `Lender.lend`."""
        try:
            with self._pool.connection() as connection, autocommitting(connection):
                self._lent = connection
                yield connection
        except (PoolTimeout, PoolClosed) as error:
            raise translated(error) from error
        finally:
            self._lent = None

    def cancel(self) -> None:
        """See `Lender.cancel`."""
        _cancel(self._lent)

    def close(self) -> None:
        """Leave the pool as it is."""


class BorrowedLender:
    """The connection of somebody who waits until the work is done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Give it; see `Lender.lend`."""
        with autocommitting(self._connection):
            yield self._connection

    def cancel(self) -> None:
        """See `Lender.cancel`."""
        _cancel(self._connection)

    def close(self) -> None:
        """Leave it to its owner."""


@contextmanager
def autocommitting(connection: Connection) -> Iterator[None]:
    """Let each statement commit by itself, if the connection is in no transaction."""
    idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    if connection.autocommit or not idle:
        yield
        return
    connection.autocommit = True
    try:
        yield
    finally:
        if not connection.closed:
            connection.autocommit = False


def _cancel(connection: Connection | None) -> None:
    if connection is not None and not connection.closed:
        with suppress(psycopg.Error):  # ended already, or the server is away
            connection.cancel_safe(timeout=_CANCEL_SECONDS)


class SchemaWork:
    """Runs `work` in a thread until it is done, whatever interrupts it.

    `work` gets what lends connections, whom to tell of progress, and what says to stop.
    An outage or a locked table is tried again; another MigrationError ends it, and
    `start` begins anew.
    """

    def __init__(
        self,
        lender: Lender,
        work: Callable[[Lend, Progress, threading.Event], object],
    ) -> None:
        self._lender = lender
        self._work = work
        self._stopped = threading.Event()
        self._ended = threading.Event()
        self._ended.set()
        self._thread: threading.Thread | None = None
        self._error: StoreError | None = None
        self._told: tuple[float, str] = (0.0, "beginning")
        self._logged = 0.0

    @property
    def running(self) -> bool:
        """Whether it has begun and has not ended."""
        return not self._ended.is_set()

    def start(self) -> None:
        """Begin, unless it is running.

        Raises StoreUnavailableError where the system has no thread left.
        """
        if self.running or self._stopped.is_set():
            return
        self._ended.clear()
        self._error = None
        self._logged = 0.0
        thread = threading.Thread(
            target=self._run, name="store schema work", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            self._ended.set()
            raise StoreUnavailableError(
                worded(
                    "PostgreSQL: the schema is not brought up to date: {error}",
                    error=error,
                )
            ) from error
        self._thread = thread

    def wait(self, seconds: float) -> None:
        """Return when it is done, waiting that long.

        Raises the MigrationError that ended it, StoreClosedError after `stop`, else
        StoreUnavailableError saying how far it is.
        """
        ended = self._ended.wait(max(0.0, seconds))
        if self._stopped.is_set():
            raise StoreClosedError(worded("this store was closed"))
        error = self._error
        if ended and error is None:
            return
        if ended and error is not None:
            raise type(error)(reworded(error)) from error
        part, what = self._told
        because = "" if error is None else f"; {error}"
        raise StoreUnavailableError(
            worded(
                "PostgreSQL: the schema is being brought up to date, {part:.0%} "
                "done, at: {what}{because}",
                part=part,
                what=what,
                because=because,
            )
        )

    def stop(self) -> None:
        """End it between two steps, or in one; bounded. It can be gone on with."""
        self._stopped.set()
        thread = self._thread
        if thread is None or not self.running:
            return
        self._lender.cancel()
        thread.join(_CANCEL_SECONDS)

    def _run(self) -> None:
        try:
            while not self._stopped.is_set() and not self._attempt():
                self._stopped.wait(_AGAIN_SECONDS)
        finally:
            self._ended.set()

    def _attempt(self) -> bool:
        """Do it; False: to be tried again."""
        try:
            self._work(self._lender.lend, self._tell, self._stopped)
            self._error = None
        except InterruptedAdoptionError:
            return True
        except (BusyTableError, StoreUnavailableError) as error:
            if self._stopped.is_set():
                return True
            _LOGGER.warning("the schema will be brought up to date later: %s", error)
            self._error = error
            return False
        except (MigrationError, StoreConfigError) as error:
            _LOGGER.error("the schema is not up to date: %s", error)  # noqa: TRY400 - the message says it all
            self._error = error
        except Exception as error:
            _LOGGER.exception("bringing the schema up to date stumbled")
            self._error = MigrationError(
                worded("the schema is not up to date: {error!r}", error=error)
            )
        finally:
            self._lender.close()
        return True

    def _tell(self, part: float, what: str) -> None:
        self._told = (part, what)
        if part >= self._logged + _LOGGED_STEP:
            self._logged = part
            _LOGGER.info("state_history is being adopted: %.0f %%", part * 100)
