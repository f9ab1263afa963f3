"""Documents in PostgreSQL: the store, its connections, its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.postgres.schema.migrations import migrate
    from switchbot_store.postgres.store import PostgresStore

__all__ = ["PostgresStore", "migrate"]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "PostgresStore": "store",
        "migrate": "schema.migrations",
    },
)
