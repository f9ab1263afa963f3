# Puts the service together from the environment, and takes it apart again.
#
#   USE_IN_MEMORY=true           nothing is kept; otherwise
#   POSTGRES_URL, DATABASE_URL   the database, as switchbot_store reads them
#   TRAINING_SECRET              signs the tokens; needed with a database
import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from psycopg_pool import ConnectionPool

from switchbot_store import (
    MemoryStore,
    PostgresStore,
    StoreConfig,
    StoreInterface,
    ThreadedStore,
    migrate,
)
from training_sessions.memory import MemoryRepository
from training_sessions.passwords import Passwords
from training_sessions.postgres import PostgresRepository
from training_sessions.repository import Repository
from training_sessions.service import TrainingService
from training_sessions.tokens import SHORTEST_SECRET, Tokens

NAMESPACE = "training_sessions"
_POOL_SIZE = 4


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_pool(conninfo: str, patience_seconds: float = 5.0) -> ConnectionPool[Any]:
    # `patience_seconds`: for a connection; a database that sleeps needs a few.
    return ConnectionPool(
        conninfo,
        kwargs={"autocommit": True, "connect_timeout": 10},
        min_size=0,  # a database that nobody needs may sleep
        max_size=_POOL_SIZE,
        timeout=patience_seconds,
        name=NAMESPACE,
        reconnect_timeout=3.0,  # with the default it notices late that it is back
        open=False,
    )


def prepare(pool: ConnectionPool[Any]) -> None:
    """Bring our own tables up to date; the store does so with its own."""
    directory = resources.files("training_sessions") / "sql"
    with pool.connection() as connection:
        migrate(connection, namespace=NAMESPACE, directory=directory)


@asynccontextmanager
async def training_service(
    environ: Mapping[str, str] = os.environ,
    *,
    now: Callable[[], datetime] = utc_now,
    patience_seconds: float = 5.0,
) -> AsyncIterator[TrainingService]:
    if environ.get("USE_IN_MEMORY", "").lower() in {"1", "true", "yes"}:
        # The tokens are worth no more than what they lead to.
        secret = environ.get("TRAINING_SECRET") or secrets.token_hex()
        service = _service(MemoryRepository(), MemoryStore(), secret, now)
        async with service as running:
            yield running
        return
    secret = environ.get("TRAINING_SECRET", "")
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"TRAINING_SECRET needs {SHORTEST_SECRET} characters or more")
    config = StoreConfig.from_env({**environ, "STORE_BACKEND": "postgres"})
    pool = new_pool(config.conninfo or "", patience_seconds)
    pool.open()
    try:
        await asyncio.to_thread(prepare, pool)
        # One pool for both: a small database has few connections to give.
        store = await asyncio.to_thread(PostgresStore(pool=pool).open)
        async with _service(PostgresRepository(pool), store, secret, now) as running:
            yield running
    finally:
        await asyncio.to_thread(pool.close, 2.0)


@asynccontextmanager
async def _service(
    repository: Repository,
    store: StoreInterface,
    secret: str,
    now: Callable[[], datetime],
) -> AsyncIterator[TrainingService]:
    passwords = Passwords()
    waiting_store = ThreadedStore(store)
    try:
        yield TrainingService(
            repository,
            waiting_store,
            Tokens(secret.encode(), now),
            passwords,
            now=now,
            monotonic=time.monotonic,
        )
    finally:
        passwords.close()
        await repository.close()
        await waiting_store.close()
