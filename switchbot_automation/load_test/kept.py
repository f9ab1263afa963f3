"""What a store and a history hold before and after a load test."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Final

from switchbot_automation.errors import SettingsError
from switchbot_store import StoreConfig, StoreError, get_history, get_store
from switchbot_store.ops import execute_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SETTLING_SECONDS: Final = 60.0
_GLANCE_SECONDS: Final = 0.2
_LOOK_BACK: Final = timedelta(days=2)
_COUNT: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows in the history, and writes that never reached the store in the end."""

    rows: int
    pending: int


def kept(variables: Mapping[str, str], *, check_empty: bool) -> Kept:
    """Let what was journalled and spilled arrive, and count. Waits up to a minute.

    `check_empty`: raise SettingsError if there are settings already; a load test writes
    its own. Raises StoreError.
    """
    config = StoreConfig.from_env(variables)
    with get_store(config) as store:
        if check_empty and store.get("settings"):
            raise SettingsError(
                "the store already holds settings; a load test needs one of its own"
            )
        _wait_while(lambda: store.status().pending > 0)
        pending = store.status().pending
    with closing(get_history(config)) as history:
        history.flush()
        _wait_while(lambda: history.status().spilled > 0)
        now = datetime.now(UTC)
        found = history.query(
            now - _LOOK_BACK, now + _LOOK_BACK, fields=["temperature"]
        )
    return Kept(len(found.rows), pending)


def _wait_while(waiting: Callable[[], bool]) -> None:
    pause, ends_at = Event(), monotonic() + _SETTLING_SECONDS
    while waiting() and monotonic() < ends_at:
        pause.wait(_GLANCE_SECONDS)


def connections_of(url: str) -> int | None:
    """Count the connections to a database, without this one; None while it is away."""
    try:
        return int(execute_sql(url, _COUNT, timeout_seconds=1.0).rows[0][0])
    except StoreError:
        return None
