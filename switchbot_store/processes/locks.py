"""Locks that a forked child can take, whoever held them in the parent.

A fork copies a lock as it is and not the thread that would let it go: whoever takes it in
the child waits for ever. What owns a thread, a file or a socket knows its process and begins
anew (`failover`, `postgres`, `history/sqlite`); what only counts or keeps something in memory
needs no more than this.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from types import TracebackType


class ProcessLock:
    """A `threading.Lock` of this process: in a forked child it is free.

    >>> lock = ProcessLock()
    >>> with lock:
    ...     lock.acquire(blocking=False)
    False
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _ALL.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take it; tell whether it was to be had."""
        return self._lock.acquire(blocking)

    def release(self) -> None:
        """Let it go; in a child that was forked by its holder it is free already."""
        # Not by `contextlib.suppress`, which takes longer than all else that a lock does.
        try:  # noqa: SIM105 - as said
            self._lock.release()
        except RuntimeError:
            pass

    def renew(self) -> None:
        """Be free, whoever has it."""
        self._lock = threading.Lock()


_ALL: Final[WeakSet[ProcessLock]] = WeakSet()


def _renew_all() -> None:
    for lock in list(_ALL):
        lock.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)
