"""History in a PostgreSQL database."""

from __future__ import annotations

from switchbot_store.history.postgres.store import (
    PostgresHistory,
)

__all__ = [
    "PostgresHistory",
]
