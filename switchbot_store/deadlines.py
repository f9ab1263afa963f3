"""What a call to PostgreSQL may take.

A shorter or longer deadline for the calls inside a `with` block::

    with time_limit(1.0):
        entry = store.get_entry("settings")

holds for every call that `PostgresStore` and `PostgresHistory` make meanwhile on the
same thread, and through `ThreadedStore`; it does not change what other threads do.

The watchdog of `switchbot_store.postgres.wire` sees to it, against a silent server too.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final, Self

LIMITS: Final[ContextVar[tuple[float | None, float | None]]] = ContextVar(
    "time_limit", default=(None, None)
)
"""Seconds for a call, and for its connection, that hold here; None for the store's own."""


class time_limit:  # noqa: N801 - reads as what it is, as contextlib's own classes do
    """Bound each call inside by `seconds`, instead of the store's own deadline.

    `connect_seconds` bounds the part of it that waits for a connection, and ends that
    at the first attempt that fails. None leaves what holds already.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store import PostgresStore, time_limit
    >>> with PostgresStore(database_url) as store, time_limit(2.5, connect_seconds=1):
    ...     store.get("settings")
    {}
    """

    __slots__ = ("_limits", "_token")

    def __init__(
        self, seconds: float | None, *, connect_seconds: float | None = None
    ) -> None:
        self._limits = (seconds, connect_seconds)
        self._token: Token[tuple[float | None, float | None]] | None = None

    def __enter__(self) -> Self:
        (seconds, connect_seconds), outer = self._limits, LIMITS.get()
        self._token = LIMITS.set(
            (
                outer[0] if seconds is None else seconds,
                outer[1] if connect_seconds is None else connect_seconds,
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            LIMITS.reset(self._token)
            self._token = None


def limited(default_seconds: float) -> float:
    """Return the bound that holds here, by default the store's own."""
    seconds = LIMITS.get()[0]
    return default_seconds if seconds is None else seconds
