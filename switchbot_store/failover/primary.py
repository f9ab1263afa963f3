"""The store behind a `FailoverStore`, whatever it is, and who wrote what lies there.

`Primary` works with any store. It cannot choose the revisions that the store gives, so
it hands out tokens that name the document's content; equal content counts as unchanged.
`RevisedPrimary` is for stores that write under the caller's revision and replay many
writes as one statement: `PostgresStore`.

A process that is killed leaves a write behind of which nobody here ever hears: the
database took it, and its answer found no one. Its successor goes on from what was
acknowledged, and finds in the database what looks like another host's doing. No clock can
tell whose is newer, for it may have been set back meanwhile. So a revision says who made
it (`Signature`): the directory's `host`, made up once, and its `life`, which counts the processes that
had the journal, one after the other.

A disk that is read-only cannot note that a life began. Who starts on one counts on all the
same and says so in the revision: its writes came after those of the lives that were noted,
and before those of the next that is, for it has no journal to leave anything in.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from switchbot_store.codec import UnreadableError, decode
from switchbot_store.deadlines import time_limit
from switchbot_store.errors import (
    StoreConflictError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.handover import (
    Outcome,
    PendingWrite,
    SupportsReplay,
    SupportsRevisions,
)
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchbot_store.interface import StoreInterface
    from switchbot_store.lease import Lease
    from switchbot_store.model import Document, Entry

CONNECT_SECONDS: Final = 5.0
"""The first attempt that fails ends the wait of a write: the journal is there at once."""
_LOCAL: Final = "local-"
_DELETE_ATTEMPTS: Final = 5


class Given(NamedTuple):
    """A document to write: as it came, and as `codec.encode` made it, once."""

    data: Document
    encoded: bytes


def primary_of(store: StoreInterface) -> Primary:
    """Return the view of a store that fits it."""
    if isinstance(store, SupportsReplay):
        return RevisedPrimary(store)
    return Primary(store)


class Primary:
    """Any store. Methods raise what the store raises.

    Those that write, and `lease`, wait `CONNECT_SECONDS` at most for a connection.
    """

    def __init__(self, store: StoreInterface) -> None:
        self.store = store

    def new_revision(self, encoded: bytes, _signature: Signature | None) -> str:
        """Return a revision to hand out for a document."""
        return f"{_LOCAL}{_digest(encoded)}-{uuid.uuid4().hex[:8]}"

    def set(
        self, documents: Mapping[str, Given], _revisions: Mapping[str, str]
    ) -> None:
        """Write one document or several, all or nothing."""
        with time_limit(None, connect_seconds=CONNECT_SECONDS):
            if len(documents) == 1:
                for key, each in documents.items():
                    self.store.set(key, each.data)
            else:
                self.store.set_many({key: each.data for key, each in documents.items()})

    def compare_and_set(
        self, key: str, document: Given, expected: str, _revision: str
    ) -> str:
        """Write if the revision is `expected`; return the new one."""
        with time_limit(None, connect_seconds=CONNECT_SECONDS):
            if expected.startswith(_LOCAL):
                entry = self.store.get_entry(key)
                if not _is_that(entry, (expected,)):
                    raise StoreConflictError(key, entry.revision)
                expected = entry.revision
            return self.store.compare_and_set(key, document.data, expected)

    def delete(self, key: str, _known: str) -> bool:
        """Remove the document, whose revision is probably the one given."""
        with time_limit(None, connect_seconds=CONNECT_SECONDS):
            return self.store.delete(key)

    def snapshot(self, _known: Mapping[str, str]) -> dict[str, Entry | None]:
        """Return every document that is not internal.

        None stands for one that cannot be read, or that has the revision given in
        `known`, as far as the store can tell without sending it.
        """
        return self._entries(self.store.keys())

    def _entries(self, keys: Sequence[str]) -> dict[str, Entry | None]:
        entries: dict[str, Entry | None] = {}
        try:
            entries.update(self.store.get_many(keys))
        except UnreadableError:
            for key in keys:
                entries[key] = None
                with suppress(UnreadableError):
                    entries[key] = self.store.get_entry(key)
        return {
            key: entry
            for key, entry in entries.items()
            if entry is None or entry.revision
        }

    def replay(self, writes: Sequence[PendingWrite]) -> list[Outcome]:
        """Write what rests on an accepted revision; nothing is written twice."""
        return [self._replay(write) for write in writes]

    def probe(self, _timeout_seconds: float) -> None:
        """Return if a write would be acknowledged now, or raise a StoreError."""
        if not self.store.health_check():
            error = self.store.status().last_error
            raise StoreUnavailableError(
                error or worded("the primary store is not healthy")
            )

    def renew(self) -> None:
        """Forget connections that an outage may have broken."""

    def lease(self, name: str, ttl_seconds: float) -> Lease | None:
        """Ask the store."""
        with time_limit(None, connect_seconds=CONNECT_SECONDS):
            return self.store.lease(name, ttl_seconds)

    def _replay(self, write: PendingWrite) -> Outcome:
        try:
            entry = self.store.get_entry(write.key)
        except UnreadableError as error:
            raise StoreDataError(
                worded("it would replace what is there: {error}", error=error)
            ) from error
        if write.encoded is None:
            if not entry.revision:
                return Outcome(done=True, revision="")
            if not _is_that(entry, write.accepted):
                return Outcome(done=False, revision=entry.revision, found=entry)
            self.store.delete(write.key)
            return Outcome(done=True, revision="", changed=True)
        if entry.revision and _is_that(entry, (write.revision,)):
            return Outcome(done=True, revision=entry.revision)
        if not _is_that(entry, write.accepted):
            return Outcome(done=False, revision=entry.revision, found=entry)
        data = decode(write.encoded, key=write.key)
        try:
            made = self.store.compare_and_set(write.key, data, entry.revision)
        except StoreConflictError:
            return self._replay(write)
        return Outcome(done=True, revision=made, changed=True)


class RevisedPrimary(Primary):
    """A store that writes under the revision it is told."""

    def __init__(self, store: StoreInterface) -> None:
        super().__init__(store)
        if not isinstance(store, SupportsReplay):
            raise TypeError(f"{type(store).__name__} cannot replay")
        self._replays: SupportsReplay = store

    def new_revision(self, _encoded: bytes, signature: Signature | None) -> str:
        """Return a uuid that says who made it."""
        return new_revision(signature)

    def snapshot(self, known: Mapping[str, str]) -> dict[str, Entry | None]:
        """Return every document; only what is not known is sent, if that can be."""
        if not isinstance(self.store, SupportsRevisions):
            return super().snapshot(known)
        revisions = self.store.revisions()
        news = [key for key, each in revisions.items() if known.get(key) != each]
        entries = self._entries(news) if news else {}
        seen: dict[str, Entry | None] = dict.fromkeys(revisions.keys() - set(news))
        return seen | entries

    def set(self, documents: Mapping[str, Given], revisions: Mapping[str, str]) -> None:
        """Write one document or several, all or nothing."""
        encoded = {key: each.encoded for key, each in documents.items()}
        with time_limit(None, connect_seconds=CONNECT_SECONDS):
            self._replays.set_encoded(encoded, revisions)

    def compare_and_set(
        self, key: str, document: Given, expected: str, revision: str
    ) -> str:
        """Write if the revision is `expected`; return the new one."""
        with time_limit(None, connect_seconds=CONNECT_SECONDS):
            return self._replays.compare_and_set_encoded(
                key, document.encoded, expected, write_id=revision
            )

    def delete(self, key: str, known: str) -> bool:
        """Remove the document, and only the one that was seen.

        A plain DELETE that a frozen server carries out late would take away what was
        written meanwhile.
        """
        with time_limit(None, connect_seconds=CONNECT_SECONDS):
            for _ in range(_DELETE_ATTEMPTS):
                written_at = datetime.now(UTC)
                write = PendingWrite(key, None, "", base=known, written_at=written_at)
                (outcome,) = self._replays.replay([write])
                if outcome.done:
                    return outcome.changed
                known = outcome.revision
            return self.store.delete(key)

    def replay(self, writes: Sequence[PendingWrite]) -> list[Outcome]:
        """Write what rests on an accepted revision, in one statement."""
        return self._replays.replay(writes)

    def probe(self, timeout_seconds: float) -> None:
        """Return if a write would be acknowledged now, or raise a StoreError."""
        self._replays.probe(timeout_seconds)

    def renew(self) -> None:
        """Forget connections that an outage may have broken."""
        self._replays.renew()


def _digest(encoded: bytes) -> str:
    # Sorted, since a store may give the names back in another order.
    canonical = orjson.dumps(orjson.loads(encoded), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=12).hexdigest()


def _is_that(entry: Entry, revisions: Sequence[str]) -> bool:
    """Tell whether the entry has one of the revisions, or a token's content."""
    if entry.revision in revisions:
        return True
    tokens = [each for each in revisions if each.startswith(_LOCAL)]
    if not tokens or not entry.revision:
        return False
    mine = f"{_LOCAL}{_digest(orjson.dumps(entry.data))}-"
    return any(token.startswith(mine) for token in tokens)


_HOST_BYTES: Final = 4
_MOST_LIVES: Final = 0xFFFFFF
_HOST: Final = re.compile(r"[0-9a-f]{8}").fullmatch
_REVISION: Final = re.compile(
    r"([0-9a-f]{8})-[0-9a-f]{4}-4[0-9a-f]{3}-([ab])[0-9a-f]{3}-([0-9a-f]{6})[0-9a-f]{6}"
).fullmatch


class Signature(NamedTuple):
    """One process that has the journal of a directory; `noted` there, or not."""

    host: str
    life: int
    noted: bool = True


def next_life(stored: bytes) -> Signature:
    """Return the signature after the one that a directory has; the first of an empty one.

    What is damaged, or counted to its end, begins anew as another host.

    >>> first = next_life(b"")
    >>> next_life(stored_form(first)).life - first.life
    1
    """
    try:
        row: Any = orjson.loads(stored)
        host, life = row["host"], row["life"] + 1
        if _HOST(host) and 0 < life <= _MOST_LIVES:
            return Signature(host, life)
    except (ValueError, KeyError, TypeError):
        pass  # it is empty, or no signature
    return Signature(os.urandom(_HOST_BYTES).hex(), 1)


def stored_form(signature: Signature) -> bytes:
    """Return what a directory keeps of a signature."""
    return orjson.dumps({"host": signature.host, "life": signature.life})


def new_revision(signature: Signature | None) -> str:
    """Return a new uuid, signed if there is a signature; 64 bits of it are random."""
    text = os.urandom(16).hex()
    host, life, kind = text[:8], text[20:26], "a"
    if signature is not None:
        host, life = signature.host, f"{signature.life:06x}"
        kind = "a" if signature.noted else "b"
    return f"{host}-{text[8:12]}-4{text[13:16]}-{kind}{text[17:20]}-{life}{text[26:]}"


def came_before(revision: str, write: PendingWrite, now: Signature | None) -> bool:
    """Tell whether the primary's `revision` was made by this host before the write.

    `now` is the process that carries the write over. One process never writes to the
    primary what it has in its journal, so of its own revisions every one is older. Of two
    former processes the later one's is newer; what one and the same of them wrote cannot
    be told: its directory may be an old copy. What was written on a read-only disk came
    before the next process that was noted, which counts the same.
    """
    signed = signature_of(revision)
    own = signature_of(write.revision or write.mark)
    if now is None or signed is None or signed.host != now.host:
        return False
    if own is None or own.host != now.host:
        return False
    if not signed.noted and own.noted:
        return signed.life <= own.life
    # Of a life that was not noted there may have been several.
    return signed.life < own.life or (now.noted and signed == own == now)


def signature_of(revision: str) -> Signature | None:
    """Return who made a revision, if it is one of the form made here."""
    found = _REVISION(revision)
    return Signature(found[1], int(found[3], 16), found[2] == "a") if found else None
