"""How commands reach the stores.

A program that runs holds the journal of its directory, so commands go to PostgreSQL
itself, and when that is away read what the directory has.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from switchbot_store.errors import StoreConfigError
from switchbot_store.factory import (
    FILE_NAME,
    READINGS_NAME,
    SPILL_NAME,
    get_store,
    make_backend,
    make_readings,
    without_driver,
)
from switchbot_store.failover.journal import read_pending
from switchbot_store.files.places import is_there
from switchbot_store.history.ingest.spill import waiting_rows
from switchbot_store.history.sqlite.store import SqliteHistory
from switchbot_store.homes import HomeStore, prefix_of
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_store.backup.archive import Readable
    from switchbot_store.config import StoreConfig
    from switchbot_store.doctor import Inspection
    from switchbot_store.history.model import HistoryBackend
    from switchbot_store.history.readings.service import DeviceHistory
    from switchbot_store.interface import StoreInterface
    from switchbot_store.postgres.store import PostgresStore


@contextmanager
def documents(config: StoreConfig) -> Iterator[StoreInterface]:
    """Give the store that holds the documents in the end; raises as `get_store`."""
    store: StoreInterface
    if config.backend != "postgres":
        store = get_store(config)
    elif config.home is None:
        store = postgres(config)
    else:
        store = HomeStore(postgres(config), config.home)
    with store:
        yield store


@contextmanager
def reading(config: StoreConfig) -> Iterator[Readable]:
    """Give the documents to who changes nothing, not even the schema."""
    if config.backend == "postgres":
        look = inspection(config)
        if look.missing_migrations():
            from switchbot_store.doctor import Documents  # noqa: PLC0415 - the driver only for who wants PostgreSQL

            with look.snapshot() as snapshot:
                documents_there = dict(snapshot.documents())
            home = "" if config.home is None else prefix_of(config.home)
            found = Documents(
                {
                    key.removeprefix(home): entry
                    for key, entry in documents_there.items()
                    if key.startswith(home)
                }
            )
            yield found
            return
    with documents(config) as store:
        yield store


@contextmanager
def history(config: StoreConfig, *, looking: bool = False) -> Iterator[HistoryBackend]:
    """Give the place of the rows, open; who is only `looking` makes no file."""
    files = config.backend not in ("postgres", "memory")
    if looking and files and not is_there(config.directory / FILE_NAME):
        backend: HistoryBackend = SqliteHistory(":memory:")
    else:
        backend = make_backend(config)
    backend.open()
    try:
        yield backend
    finally:
        backend.close()


@contextmanager
def readings(config: StoreConfig) -> Iterator[DeviceHistory]:
    """Give what devices said; the place opens, and a file is made, once it is written."""
    with make_readings(config) as found:
        yield found


@contextmanager
def readings_there(config: StoreConfig) -> Iterator[DeviceHistory | None]:
    """Give what devices said, None where no file has any."""
    files = config.backend not in ("postgres", "memory")
    if files and not (config.directory / READINGS_NAME).exists():
        yield None
        return
    with readings(config) as found:
        yield found


def postgres(config: StoreConfig) -> PostgresStore:
    """Return the store in PostgreSQL, not opened."""
    try:
        from switchbot_store.postgres.store import PostgresStore  # noqa: PLC0415 - the driver only for who wants PostgreSQL
    except ImportError as error:
        raise without_driver(error) from error
    return PostgresStore(config.conninfo, pooler=config.pooler)


def inspection(config: StoreConfig) -> Inspection:
    """Return a look at the database that leaves its schema alone."""
    try:
        from switchbot_store.doctor import Inspection  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise without_driver(error) from error
    return Inspection(config.conninfo, pooler=config.pooler)


def require_postgres(config: StoreConfig, what: str) -> None:
    """Raise StoreConfigError unless documents are kept in PostgreSQL."""
    if config.backend != "postgres":
        raise StoreConfigError(
            _(
                "STORE_BACKEND is {backend!r}; {what} is about PostgreSQL: set"
                " STORE_BACKEND=postgres and POSTGRES_URL",
                backend=config.backend,
                what=what,
            ),
            variable="STORE_BACKEND",
        )


def pending_writes(config: StoreConfig) -> int:
    """Return how many acknowledged writes wait in the journal of the directory."""
    if config.backend != "postgres":
        return 0
    return sum(write.count for write in read_pending(str(config.directory)).values())


def spilled_rows(config: StoreConfig) -> int:
    """Return how many rows wait in the spill of the directory."""
    if config.backend == "memory":
        return 0
    return waiting_rows(config.directory / SPILL_NAME)
