"""A store that goes on while its primary is away, and loses nothing."""

from __future__ import annotations

from switchbot_store.failover.conflicts import Conflict
from switchbot_store.failover.store import FailoverStore

__all__ = ["Conflict", "FailoverStore"]
