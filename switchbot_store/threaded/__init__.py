"""The asyncio view of a synchronous store or history: one private thread each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.threaded.views import (
        ThreadedHistory,
        ThreadedLease,
        ThreadedStore,
    )

__all__ = ["ThreadedHistory", "ThreadedLease", "ThreadedStore"]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "ThreadedHistory": "views",
        "ThreadedLease": "views",
        "ThreadedStore": "views",
    },
)
