"""What a server that answers does not let be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import psycopg

from switchbot_store.postgres.errors import is_broken_connection
from switchbot_store.postgres.trial import LONGEST_WAIT, locked

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_store.postgres.connections import Connection

T = TypeVar("T")
Kind = Literal["documents", "history"]


class Unread:
    """Asks questions of one kind each; `found` has the server's words where it has no answer.

    A column that somebody dropped, or a right that a role lacks, says nothing of what is
    kept in other tables.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.found: dict[Kind, str] = {}
        self.locked: set[Kind] = set()
        """Kinds that somebody's lock keeps from being read: that ends."""

    def or_else(
        self, otherwise: T, kind: Kind, question: Callable[[Connection], T]
    ) -> T:
        """Return the answer, `otherwise` where the server has none.

        A lock is waited for once, not by each question: who asks has seconds for all.
        Raises psycopg.Error where the connection is lost.
        """
        if kind in self.locked:
            return otherwise
        try:
            with self._connection.transaction():
                self._connection.execute(LONGEST_WAIT)
                return question(self._connection)
        except psycopg.errors.LockNotAvailable:
            self.found.setdefault(kind, locked(self._connection))
            self.locked.add(kind)
            return otherwise
        except psycopg.Error as error:
            if is_broken_connection(error, self._connection):
                raise
            self.found.setdefault(kind, str(error).partition("\n")[0])
            return otherwise
