"""Durable documents and sensor history on PostgreSQL or local files.

Names load on first use: importing this package costs next to nothing, and the database
driver is imported only by who asks for PostgreSQL.
"""

from __future__ import annotations

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
from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.config import StoreConfig
    from switchbot_store.deadlines import time_limit
    from switchbot_store.factory import get_history, get_store
    from switchbot_store.failover.conflicts import Conflict
    from switchbot_store.failover.store import FailoverStore
    from switchbot_store.files.store import JsonStore
    from switchbot_store.history.ingest.spill import HistorySpill
    from switchbot_store.history.model import (
        HistoryBackend,
        HistoryResult,
        HistorySample,
        HistoryStatus,
    )
    from switchbot_store.history.postgres.readings import PostgresReadings
    from switchbot_store.history.postgres.store import PostgresHistory
    from switchbot_store.history.readings.model import DeviceReading
    from switchbot_store.history.readings.service import DeviceHistory
    from switchbot_store.history.readings.sqlite import SqliteReadings
    from switchbot_store.history.service import HistoryService
    from switchbot_store.history.sqlite.store import SqliteHistory
    from switchbot_store.homes import AsyncHomeStore, HomeStore, checked_home
    from switchbot_store.interface import (
        AsyncLease,
        AsyncStore,
        DocumentView,
        StoreInterface,
    )
    from switchbot_store.lease import Lease
    from switchbot_store.memory import MemoryStore
    from switchbot_store.model import Document, Entry, StoreStatus
    from switchbot_store.postgres.schema.migrations import migrate
    from switchbot_store.postgres.store import PostgresStore
    from switchbot_store.threaded.gathered import GatheringStore
    from switchbot_store.threaded.views import ThreadedHistory, ThreadedStore
    from switchbot_store.visit import VisitStore

__all__ = [
    "AsyncHomeStore",
    "AsyncLease",
    "AsyncStore",
    "Conflict",
    "DeviceHistory",
    "DeviceReading",
    "Document",
    "DocumentView",
    "Entry",
    "FailoverStore",
    "GatheringStore",
    "HistoryBackend",
    "HistoryError",
    "HistoryResult",
    "HistorySample",
    "HistoryService",
    "HistorySpill",
    "HistoryStatus",
    "HomeStore",
    "JsonStore",
    "Lease",
    "MemoryStore",
    "MigrationError",
    "PostgresHistory",
    "PostgresReadings",
    "PostgresStore",
    "SlowConnectionError",
    "SqliteHistory",
    "SqliteReadings",
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
    "VisitStore",
    "checked_home",
    "get_history",
    "get_store",
    "migrate",
    "time_limit",
]

_HOMES = {
    "AsyncHomeStore": "homes",
    "AsyncLease": "interface",
    "AsyncStore": "interface",
    "Conflict": "failover.conflicts",
    "DeviceHistory": "history.readings.service",
    "DeviceReading": "history.readings.model",
    "Document": "model",
    "DocumentView": "interface",
    "Entry": "model",
    "FailoverStore": "failover.store",
    "GatheringStore": "threaded.gathered",
    "HistoryBackend": "history.model",
    "HistoryResult": "history.model",
    "HistorySample": "history.model",
    "HistoryService": "history.service",
    "HistorySpill": "history.ingest.spill",
    "HistoryStatus": "history.model",
    "HomeStore": "homes",
    "JsonStore": "files.store",
    "Lease": "lease",
    "MemoryStore": "memory",
    "PostgresHistory": "history.postgres.store",
    "PostgresReadings": "history.postgres.readings",
    "PostgresStore": "postgres.store",
    "SqliteHistory": "history.sqlite.store",
    "SqliteReadings": "history.readings.sqlite",
    "StoreConfig": "config",
    "StoreInterface": "interface",
    "StoreStatus": "model",
    "ThreadedHistory": "threaded.views",
    "ThreadedStore": "threaded.views",
    "VisitStore": "visit",
    "checked_home": "homes",
    "get_history": "factory",
    "get_store": "factory",
    "migrate": "postgres.schema.migrations",
    "time_limit": "deadlines",
}
__getattr__: HandedOn = handed_on(__name__, _HOMES)
