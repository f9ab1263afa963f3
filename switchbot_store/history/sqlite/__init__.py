"""History in a local SQLite file: what a home without PostgreSQL has."""

from __future__ import annotations

from switchbot_store.history.sqlite.store import (
    SqliteHistory,
)

__all__ = [
    "SqliteHistory",
]
