"""A document that is read and written together with the states, and is no state."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from switchbot_store import StoreConflictError

if TYPE_CHECKING:
    from switchbot_automation.engine.documents.kept_beside import KeptBeside
    from switchbot_store import Entry


class Recorded(Enum):
    """What became of an intent's compare_and_set."""

    YES = auto()
    LOST_RACE = auto()
    UNAVAILABLE = auto()


@dataclass(slots=True)
class SideDocument:
    """`data` is as it is now, `stored` as it lies in the store; one object if equal.

    `revision` is None until it was read.
    """

    key: str
    data: dict[str, Any] = field(default_factory=dict)
    stored: dict[str, Any] = field(default_factory=dict)
    revision: str | None = None

    def take(self, entry: Entry) -> None:
        """Take what was read; what another writer wrote goes before our unsaved word."""
        self.revision = entry.revision
        if entry.data != self.stored:
            self.data = self.stored = entry.data
        elif self.data is not self.stored and self.data == self.stored:
            self.data = self.stored

    @property
    def unsaved(self) -> bool:
        """Whether there is something to write."""
        return self.data is not self.stored and self.data != self.stored

    def saved(self, document: dict[str, Any]) -> None:
        """Note that this was written."""
        self.stored = document
        if self.data == document:
            self.data = document

    async def claim(self, store: KeptBeside, document: dict[str, Any]) -> Recorded:
        """Write a document before what it says is done; only the winner may do it.

        Raises StoreError.
        """
        try:
            self.revision = await store.compare_and_set(
                self.key, document, self.revision or ""
            )
        except StoreConflictError:
            self.drop()
            return Recorded.LOST_RACE
        self.data = self.stored = document
        return Recorded.YES

    def drop(self) -> None:
        """Forget what was not written."""
        self.data = self.stored
