"""One connection to PostgreSQL, which may be starting."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import psycopg

from switchbot_store.errors import SlowConnectionError
from switchbot_store.postgres_errors import is_in_words_alone, is_starting, translated
from switchbot_store.postgres_refusal import refusal_state

_STARTING_PAUSE_SECONDS: Final = 0.1
_REFUSAL_SECONDS: Final = 1.0


def connected(
    conninfo: str, options: dict[str, Any], timeout_seconds: float
) -> psycopg.Connection[Any]:
    """Connect, again and again while the server starts, for `timeout_seconds`.

    `options` are those of `psycopg.connect`; a `connect_timeout` among them is cut to
    what is left. Raises StoreConfigError when the server refuses the user, the password
    or the database, SlowConnectionError, StoreUnavailableError.
    """
    expires_at = time.monotonic() + timeout_seconds
    while True:
        left = expires_at - time.monotonic()
        if "connect_timeout" in options:
            options = {**options, "connect_timeout": max(1, round(left))}
        try:
            return psycopg.connect(conninfo, **options)
        except psycopg.errors.ConnectionTimeout as error:
            raise SlowConnectionError(
                f"no connection to PostgreSQL: {error}"
            ) from error
        except psycopg.Error as error:
            if left <= 0 or not is_starting(error):
                raise translated(error, state=_state_of(error, conninfo)) from error
        threading.Event().wait(_STARTING_PAUSE_SECONDS)


def _state_of(error: psycopg.Error, conninfo: str) -> str | None:
    if not is_in_words_alone(error):
        return error.sqlstate
    return refusal_state(conninfo, _REFUSAL_SECONDS)
