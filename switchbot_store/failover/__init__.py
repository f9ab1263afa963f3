"""A store that goes on while its primary is away, and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.failover.conflicts import Conflict
    from switchbot_store.failover.store import FailoverStore

__all__ = ["Conflict", "FailoverStore"]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "Conflict": "conflicts",
        "FailoverStore": "store",
    },
)
