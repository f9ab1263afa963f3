"""Which home a line of the log is about, in a process that visits many."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from switchbot_store import checked_home

if TYPE_CHECKING:
    from collections.abc import Iterator

_visited: Final[ContextVar[str]] = ContextVar("_visited", default="")


@contextmanager
def at_home(home: str) -> Iterator[None]:
    """Let what is logged in here be of this home, whatever logs it."""
    token = _visited.set(checked_home(home))
    try:
        yield
    finally:
        _visited.reset(token)


class NamesHome(logging.Filter):
    """Gives each record of a visit its `home`: for a handler, whose formatter shows it.

    >>> record = logging.makeLogRecord({"msg": "living: winter sent"})
    >>> with at_home("42"):
    ...     NamesHome().filter(record), record.home
    (True, '42')
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Name the home, where the record comes from a visit; let all pass."""
        home = _visited.get()
        if home:
            record.home = home
        return True
