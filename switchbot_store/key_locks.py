"""Locks that keep the writers of one key in order, a few for all keys."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import SlowConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCKS: Final = 64


class _Held:
    """Takes some locks at `with`, all or none, and releases them."""

    __slots__ = ("_locks", "_timeout_seconds")

    def __init__(self, locks: list[threading.Lock], timeout_seconds: float) -> None:
        self._locks = locks
        self._timeout_seconds = timeout_seconds

    def __enter__(self) -> None:
        for number, lock in enumerate(self._locks):
            if not lock.acquire(timeout=self._timeout_seconds):
                for taken in self._locks[:number]:
                    taken.release()
                raise SlowConnectionError(
                    "another write did not end within"
                    f" {self._timeout_seconds:g} s; this one did not begin"
                )

    def __exit__(self, *_: object) -> None:
        for lock in self._locks:
            lock.release()


class KeyLocks:
    """Each key has its lock; some share one."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def held(self, keys: Iterable[str]) -> _Held:
        """Hold the locks of the keys inside the `with`; never nest this.

        Raises SlowConnectionError when another writer does not come to an end.
        """
        # In one order always, or two writers could wait for each other.
        numbers = sorted({hash(key) % _LOCKS for key in keys})
        return _Held([self._locks[each] for each in numbers], self._timeout_seconds)
