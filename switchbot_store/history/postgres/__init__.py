"""History in a PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.history.postgres.store import PostgresHistory

__all__ = ["PostgresHistory"]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "PostgresHistory": "store",
    },
)
