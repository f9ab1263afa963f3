"""Writes acknowledged here that another store has to take over, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from switchbot_store.codec import decode
from switchbot_store.model import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """The newest local write of one key.

    `revision` was handed out for it, ``""`` for a deletion, and `encoded` is the
    document as JSON, None for a deletion. `base` is the primary's revision below the
    first local write. Any of `tried` may have reached the primary instead. `count` is
    how many acknowledged writes this one stands for. `mark` is, of a deletion, a revision
    that says who made it.
    """

    key: str
    encoded: bytes | None = field(repr=False)
    revision: str
    base: str
    written_at: datetime
    tried: tuple[str, ...] = ()
    count: int = 1
    mark: str = ""

    @property
    def accepted(self) -> tuple[str, ...]:
        """The revisions that this write may replace without asking anybody."""
        return (self.base, *self.tried)

    def entry(self, *, stale: bool) -> Entry:
        """Return it as a reader sees it."""
        if self.encoded is None:
            return Entry({}, "", None, stale)
        data = decode(self.encoded, key=self.key)
        return Entry(data, self.revision, self.written_at, stale)


class Outcome(NamedTuple):
    """What became of a write that was replayed.

    `done`: the primary has it, now as `revision`, or had it before somebody wrote on
    top. `found` is what the primary holds instead, None where that is the write.
    `changed`: it was this replay that made it so.
    """

    done: bool
    revision: str
    found: Entry | None = None
    changed: bool = False


@runtime_checkable
class SupportsReplay(Protocol):
    """A store that knows its writes again after a lost answer."""

    def set_encoded(
        self, encoded: Mapping[str, bytes], write_ids: Mapping[str, str]
    ) -> None:
        """Write what `codec.encode` made under the revisions given, all or nothing."""

    def compare_and_set_encoded(
        self, key: str, encoded: bytes, revision: str, *, write_id: str
    ) -> str:
        """Write what `codec.encode` made under the revision `write_id`."""

    def replay(self, writes: Sequence[PendingWrite]) -> list[Outcome]:
        """Write what rests on an accepted revision; tell what became of each."""

    def probe(self, timeout_seconds: float) -> None:
        """Return if a new connection can commit, or raise a StoreError."""

    def renew(self) -> None:
        """Use new connections from now on."""


@runtime_checkable
class SupportsRevisions(Protocol):
    """A store that can tell the revisions without the documents."""

    def revisions(self) -> dict[str, str]:
        """Return the revision of each document that is not internal."""
