"""Durable documents and sensor history on PostgreSQL or local files.

Names load on first use: importing this package costs next to nothing, and the database
driver is imported only by who asks for PostgreSQL.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from switchbot_store.errors import (
    HistoryError,
    MigrationError,
    SlowConnectionError,
    StoreClosedError,
    StoreConfigError,
    StoreConflictError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from switchbot_store.config import StoreConfig
    from switchbot_store.factory import get_history, get_store
    from switchbot_store.history.model import (
        HistoryBackend,
        HistoryResult,
        HistorySample,
        HistoryStatus,
    )
    from switchbot_store.history.postgres import PostgresHistory
    from switchbot_store.history.service import HistoryService
    from switchbot_store.history.spill import HistorySpill
    from switchbot_store.history.sqlite import SqliteHistory
    from switchbot_store.interface import (
        AsyncStore,
        Document,
        DocumentView,
        Entry,
        StoreInterface,
        StoreStatus,
    )
    from switchbot_store.json_file import JsonStore
    from switchbot_store.memory import MemoryStore
    from switchbot_store.migrations import migrate
    from switchbot_store.postgres import PostgresStore
    from switchbot_store.threaded import ThreadedHistory, ThreadedStore

__all__ = [
    "AsyncStore",
    "Document",
    "DocumentView",
    "Entry",
    "HistoryBackend",
    "HistoryError",
    "HistoryResult",
    "HistorySample",
    "HistoryService",
    "HistorySpill",
    "HistoryStatus",
    "JsonStore",
    "MemoryStore",
    "MigrationError",
    "PostgresHistory",
    "PostgresStore",
    "SlowConnectionError",
    "SqliteHistory",
    "StoreClosedError",
    "StoreConfig",
    "StoreConfigError",
    "StoreConflictError",
    "StoreDataError",
    "StoreError",
    "StoreInterface",
    "StoreStatus",
    "StoreUnavailableError",
    "ThreadedHistory",
    "ThreadedStore",
    "get_history",
    "get_store",
    "migrate",
]

_HOMES = {
    "AsyncStore": "interface",
    "Document": "interface",
    "DocumentView": "interface",
    "Entry": "interface",
    "HistoryBackend": "history.model",
    "HistoryResult": "history.model",
    "HistorySample": "history.model",
    "HistoryService": "history.service",
    "HistorySpill": "history.spill",
    "HistoryStatus": "history.model",
    "JsonStore": "json_file",
    "MemoryStore": "memory",
    "PostgresHistory": "history.postgres",
    "PostgresStore": "postgres",
    "SqliteHistory": "history.sqlite",
    "StoreConfig": "config",
    "StoreInterface": "interface",
    "StoreStatus": "interface",
    "ThreadedHistory": "threaded",
    "ThreadedStore": "threaded",
    "get_history": "factory",
    "get_store": "factory",
    "migrate": "migrations",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
