"""A shorter or longer deadline for the calls inside a `with` block.

::

    with time_limit(1.0):
        entry = store.get_entry("settings")

holds for every call that `PostgresStore` and `PostgresHistory` make meanwhile on the
same thread, and through `ThreadedStore`; it does not change what other threads do.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final, Self

_SECONDS: Final[ContextVar[float | None]] = ContextVar("time_limit", default=None)


class time_limit:  # noqa: N801 - reads as what it is, as contextlib's own classes do
    """Bound each call inside by `seconds`, instead of the store's own deadline."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._token: Token[float | None] | None = None

    def __enter__(self) -> Self:
        self._token = _SECONDS.set(self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _SECONDS.reset(self._token)
            self._token = None


def limited(default_seconds: float) -> float:
    """Return the bound that holds here, by default the store's own."""
    seconds = _SECONDS.get()
    return default_seconds if seconds is None else seconds
