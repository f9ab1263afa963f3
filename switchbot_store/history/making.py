"""The history that a `StoreConfig` asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreConfigError
from switchbot_store.history.service import HistoryService
from switchbot_store.history.spill import HistorySpill
from switchbot_store.history.sqlite import SqliteHistory

if TYPE_CHECKING:
    from switchbot_store.config import StoreConfig
    from switchbot_store.history.model import HistoryBackend

FILE_NAME: Final = "history.sqlite3"
SPILL_NAME: Final = "history_spill.sqlite3"

_DEFAULT_BATCH_SIZE: Final = 4
_DEFAULT_FLUSH_SECONDS: Final = 60.0
_ECONOMY_BATCH_SIZE: Final = 1000
_ECONOMY_FLUSH_SECONDS: Final = 900.0
"""A scale-to-zero database sleeps after five minutes without a statement."""


def make_history(config: StoreConfig) -> HistoryService:
    """Return the history of a configuration, not opened.

    PostgreSQL keeps it in `state_history`; ``memory`` until it is closed; any other
    backend has it in the file ``history.sqlite3`` of the directory. Rows that cannot
    be written wait in ``history_spill.sqlite3`` there.

    Profile ``economy`` keeps each row on the local disk and carries them over every 15
    minutes, or 1000 rows, unless `history_flush_interval_seconds` or
    `history_batch_size` say otherwise.
    """
    spill = None
    if config.backend != "memory":
        spill = HistorySpill(config.directory / SPILL_NAME)
    batch_size = config.history_batch_size
    flush_seconds = config.history_flush_interval_seconds
    economy = config.profile == "economy"
    if economy and batch_size == _DEFAULT_BATCH_SIZE:
        batch_size = _ECONOMY_BATCH_SIZE
    if economy and flush_seconds == _DEFAULT_FLUSH_SECONDS:
        flush_seconds = _ECONOMY_FLUSH_SECONDS
    return HistoryService(
        make_backend(config),
        batch_size=batch_size,
        flush_interval_seconds=flush_seconds,
        spill=spill,
        journal=economy and spill is not None,
        retention_days=config.history_retention_days or None,
    )


def make_backend(config: StoreConfig) -> HistoryBackend:
    """Return where a configuration keeps rows, not opened."""
    if config.backend == "memory":
        return SqliteHistory(":memory:")
    if config.backend != "postgres":
        return SqliteHistory(config.directory / FILE_NAME)
    try:
        from switchbot_store.history.postgres import PostgresHistory  # noqa: PLC0415 - the driver only for who wants PostgreSQL
    except ImportError as error:
        raise StoreConfigError(
            "the driver of PostgreSQL cannot be imported; install"
            f" switchbot-automation[postgres] ({error})",
            variable="STORE_BACKEND",
        ) from error
    return PostgresHistory(config.conninfo, pooler=config.pooler)
