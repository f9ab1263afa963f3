"""History in a local SQLite file: what a home without PostgreSQL has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.history.sqlite.store import SqliteHistory

__all__ = ["SqliteHistory"]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "SqliteHistory": "store",
    },
)
