"""Rows of sensor history: collected, kept for years, charted in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
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

__all__ = [
    "DeviceHistory",
    "DeviceReading",
    "HistoryBackend",
    "HistoryResult",
    "HistorySample",
    "HistoryService",
    "HistorySpill",
    "HistoryStatus",
    "PostgresHistory",
    "PostgresReadings",
    "SqliteHistory",
    "SqliteReadings",
]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "DeviceHistory": "readings.service",
        "DeviceReading": "readings.model",
        "HistoryBackend": "model",
        "HistoryResult": "model",
        "HistorySample": "model",
        "HistoryService": "service",
        "HistorySpill": "ingest.spill",
        "HistoryStatus": "model",
        "PostgresHistory": "postgres.store",
        "PostgresReadings": "postgres.readings",
        "SqliteHistory": "sqlite.store",
        "SqliteReadings": "readings.sqlite",
    },
)
