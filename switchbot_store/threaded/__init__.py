"""The asyncio view of a synchronous store or history: one private thread each."""

from __future__ import annotations

from switchbot_store.threaded.views import (
    ThreadedHistory,
    ThreadedLease,
    ThreadedStore,
)

__all__ = [
    "ThreadedHistory",
    "ThreadedLease",
    "ThreadedStore",
]
