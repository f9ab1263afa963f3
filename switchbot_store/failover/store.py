"""A store that goes on while its primary is away, and loses nothing.

Reads are answered by the primary, within a second; else by the local mirror, marked
stale. A write is acknowledged by the primary, or, when it is away, by one fsynced line
in the local journal, which is as durable as the directory it lies in. When the primary
is back the journal is replayed; nothing is asked of the primary while all is well.

What goes wrong in code, ours or the primary's, is no outage: it is raised to whoever
calls, and no write is put into the journal because of it.

One process at a time has the journal of a directory. A second one, or one whose disk
refuses, writes through to the primary, refuses writes while that is away, and takes the
directory once it can be had; `status` says so. One host per set of documents: another
host's writes meanwhile are conflicts, which a policy settles and `conflicts` lists.

A primary that was emptied, or is another one, deletes nothing here: what it does not have
stays in force from the local copy, marked stale, until somebody writes or deletes it; see
`switchbot_store.failover.lineage`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from switchbot_store.arguments import checked_number, checked_path, checked_paths
from switchbot_store.codec import (
    checked_documents,
    checked_keys,
    checked_text,
    encode,
    validate_key,
)
from switchbot_store.errors import (
    StoreClosedError,
    StoreConfigError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.failover.conflicts import Conflict, Policy, policy_of
from switchbot_store.failover.keeper import PATIENT_SECONDS, Keeper
from switchbot_store.failover.lineage import Lineage
from switchbot_store.failover.local import LocalCopy
from switchbot_store.failover.primary import Given, primary_of
from switchbot_store.failover.reading import READ_SECONDS, Reader
from switchbot_store.failover.resync import Resync
from switchbot_store.failover.safekeeping import Safekeeping
from switchbot_store.failover.writing import CALL_SECONDS, Writer
from switchbot_store.interface import StoreInterface, checked_store
from switchbot_store.languages import worded
from switchbot_store.lease import Lease, check_lease
from switchbot_store.model import Document, Entry, StoreStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


_LOGGER = logging.getLogger(__name__)

PROFILES: Final = ("interactive", "economy")
_FIRST_READ_SECONDS: Final = 5.0
"""With nothing to answer from, the first opening waits as long as any call."""
_CLOSE_SECONDS: Final = 3.0


class FailoverStore(StoreInterface):
    """`primary`, with a mirror and a journal in `local_directory` for its absences.

    The primary is opened and closed with this store. `policy` settles conflicts:
    ``newest``, ``local``, ``remote``, or a callable of key, local entry and remote
    entry that returns the entry or document to keep. Profile ``economy`` lets a
    database sleep: reads come from the mirror, `set`, `set_many` and `delete` are
    acknowledged by the journal and carried over every `carry_seconds`, while
    `compare_and_set` and `update` reach the primary at once.

    `paths` are the files of single documents, as `JsonStore` has them; those and other
    plain files of the directory are read while the mirror is empty.
    `strict_health_checks` calls a store that lost its primary unhealthy. Without
    `background` no thread is started; the host calls `maintain`.

    Here the primary is in memory; as a rule it is a `PostgresStore`:

    >>> from switchbot_store import FailoverStore, MemoryStore
    >>> with FailoverStore(MemoryStore(), "local") as store:
    ...     store.set("settings", {"mode": "winter"})
    ...     store.get_entry("settings").stale, store.status().pending, store.conflicts()
    (False, 0, [])
    """

    def __init__(
        self,
        primary: StoreInterface,
        local_directory: str | os.PathLike[str],
        *,
        policy: str | Policy = "newest",
        profile: str = "interactive",
        paths: Mapping[str, str | os.PathLike[str]] | None = None,
        carry_seconds: float = 900.0,
        strict_health_checks: bool = False,
        background: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if profile not in PROFILES:
            raise StoreConfigError(
                worded(
                    "the profile is {profile!r}; accepted: {profiles}",
                    profile=profile,
                    profiles=", ".join(PROFILES),
                ),
                variable="profile",
            )
        self.directory: Path = checked_path(local_directory, "local_directory")
        self.monotonic = monotonic
        self._primary = primary_of(checked_store(primary, "primary"))
        self._policy = policy_of(policy)
        self._economy = profile == "economy"
        self._paths = checked_paths(paths)
        self._carry_seconds = checked_number(carry_seconds, "carry_seconds")
        self._strict = strict_health_checks
        self._background = background
        self._now = now
        self._closed = False
        self._begin_life()

    def __repr__(self) -> str:
        return f"<FailoverStore {self._primary.store!r} {str(self.directory)!r}>"

    @property
    def primary(self) -> StoreInterface:
        """The store behind; what is written to it directly is found like any other's."""
        return self._primary.store

    # reading

    def get_entry(self, key: str) -> Entry:
        """Return the document; from the mirror, and stale, when the primary is away."""
        key = validate_key(key)
        return self._ready().reader.entry(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, all from one place."""
        wanted = checked_keys(keys)
        return self._ready().reader.entries(wanted)

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        return self._ready().reader.keys()

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with `prefix`, the internal ones too."""
        return self._ready().reader.keys_with(checked_text(prefix, "prefix"))

    def forget(self, prefix: str) -> int:
        """Delete every document whose key begins so, with its lost conflicts.

        Also in the mirror. Raises StoreUnavailableError while the primary is away: a
        deletion that waits in the journal is none yet.
        """
        count = super().forget(prefix)
        life = self._ready()
        pending = [key for key in life.local.journal.pending if key.startswith(prefix)]
        if pending and not self.resync():
            raise StoreUnavailableError(
                worded(
                    "{number} deletions wait for the primary: {last_error}",
                    number=len(pending),
                    last_error=life.keeper.last_error,
                )
            )
        life.local.conflicts.discard(prefix)
        life.local.mirror.write_behind()
        return count

    # writing

    def set(self, key: str, data: Document) -> None:
        """Write the document; acknowledged as `status` says when it returns."""
        given = {validate_key(key): Given(data, encode(data))}
        self._ready().writer.set(given)

    def set_many(self, documents: Mapping[str, Document]) -> None:
        """Write several documents, all or nothing."""
        given = {
            key: Given(data, encode(data))
            for key, data in checked_documents(documents).items()
        }
        writer = self._ready().writer
        if given:
            writer.set(given)

    def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one.

        While the primary is away the mirror and the journal are what is compared with.
        Where they may be older than what it took (`status().behind`) nothing is compared:
        raises StoreUnavailableError.
        """
        key, given = validate_key(key), Given(data, encode(data))
        revision = checked_text(revision, "revision")
        return self._ready().writer.compare_and_set(key, given, revision)

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one, as far as is known here.

        Before another primary than PostgreSQL, whose statements say until when they
        hold, nothing is left that tells a late one that it is late: a `set` given up at
        its deadline, and carried out only after the deletion, brings the document back.
        """
        key = validate_key(key)
        return self._ready().writer.delete(key)

    def lease(self, name: str, ttl_seconds: float) -> Lease | None:
        """Ask the primary: without it nobody holds a lease.

        Raises StoreUnavailableError while it is away, StoreDataError for no name or time.
        """
        check_lease(name, ttl_seconds)
        keeper = self._ready().keeper
        if not keeper.healthy:
            keeper.raise_mistake()
            raise StoreUnavailableError(
                worded(
                    "no lease while the primary is away: {last_error}",
                    last_error=keeper.last_error,
                )
            )
        try:
            return self._primary.lease(name, ttl_seconds)
        except StoreUnavailableError as error:
            keeper.degrade(error)
            raise

    # how it fares

    def health_check(self) -> bool:
        """Tell whether a write would be acknowledged now: by journal or primary."""
        try:
            life = self._ready()
            if life.keeper.mistake or (self._strict and not life.keeper.healthy):
                return False
            # The journal first: a check must not keep a database awake.
            if life.local.can_write():
                return True
            # Then a write asks the primary too, however it was a moment ago.
            is_there = life.keeper.healthy or life.keeper.is_there(CALL_SECONDS)
            return is_there and self._primary.store.health_check()
        except StoreError:
            return False
        except Exception:
            _LOGGER.exception("the health check met a mistake in the code")
            return False

    def status(self) -> StoreStatus:
        """Describe the store; see `StoreStatus`."""
        primary = self._primary.store.status()
        keeper, local = self._life.keeper, self._life.local
        acknowledged_by = primary.acknowledged_by
        if not local.held or local.state == "broken":
            if not keeper.healthy:
                acknowledged_by = f"nothing: {local.trouble or 'it is not open'}"
        elif self._economy or not keeper.healthy:
            acknowledged_by = (
                f"an fsynced line in the journal, as durable as {self.directory}"
            )
            if self._economy and keeper.healthy:
                acknowledged_by += (
                    f"; compare_and_set and update by {primary.acknowledged_by}"
                )
        return StoreStatus(
            backend=primary.backend,
            acknowledged_by=acknowledged_by,
            degraded_since=keeper.degraded_since,
            pending=local.journal.count,
            last_error=keeper.last_error,
            last_resync=keeper.last_resync,
            problems=tuple(dict.fromkeys((*primary.problems, *local.problems))),
            left_over=tuple(local.left_over()),
            journal=local.state,
            local_error=local.trouble,
            behind=local.mirror.behind,
            unproven=local.mirror.unproven and not keeper.healthy,
            unread=() if keeper.healthy else local.unread,
        )

    def conflicts(self) -> list[Conflict]:
        """Return the documents that lost a conflict, oldest first."""
        return self._ready().local.conflicts.all()

    def resync(self) -> bool:
        """Carry over now what is pending; tell whether the primary has everything."""
        life = self._ready()
        if life.keeper.healthy:
            life.keeper.carry()
        else:
            life.keeper.look_now()
        return life.keeper.healthy and not life.local.journal.pending

    def maintain(self) -> float:
        """Do what the background thread does; return the seconds until it is wanted.

        For hosts that gave ``background=False``.
        """
        return self._ready().keeper.step()

    # life

    def open(self) -> Self:
        """Take the directory and meet the primary; go on without it if it is away.

        A directory that another process has, or that cannot be written, is waited for.
        Raises StoreConfigError when the primary refuses us, MigrationError,
        StoreUnavailableError when there is neither a primary nor a directory, or when
        there can never be one since a file is in its way.
        """
        self._check_process()
        with self._opening:
            self._check_open()
            if not self._opened:
                self._open()
        return self

    def close(self) -> None:
        """Carry over what can be, keep the rest in the journal, close the primary."""
        self._check_process()
        with self._opening:
            if self._closed:
                return
            self._closed = True
            try:
                if self._opened:
                    self._life.end()
            finally:
                self._close_primary()

    def _close_primary(self) -> None:
        # Beside us: it may be waiting for a server that does not answer.
        closing = threading.Thread(
            target=self._primary.store.close, name="store closing", daemon=True
        )
        try:
            closing.start()
        except RuntimeError:  # the system has no thread left
            self._primary.store.close()
        else:
            closing.join(_CLOSE_SECONDS)

    def _begin_life(self) -> None:
        self._process_id = os.getpid()
        self._opening = threading.Lock()
        self._opened = False
        self._life = self._new_life()

    def _open(self) -> None:
        life = self._life
        life.local.open()
        try:
            life.keeper.start(life.patience_seconds)
            life.check_any()
            if self._background:
                life.keeper.run()
        except BaseException:
            life.local.close()
            self._life = self._new_life()
            raise
        self._opened = True

    def _ready(self) -> _Life:
        self._check_open()
        if not self._opened or self._process_id != os.getpid():
            self.open()
        return self._life

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError(worded("this FailoverStore was closed"))

    def _check_process(self) -> None:
        if self._process_id != os.getpid():
            self._begin_life()  # a forked child has neither the lock nor the threads

    def _new_life(self) -> _Life:
        local = LocalCopy(self.directory, self._paths, self._now)
        safe = Safekeeping(self._primary, local)
        lineage = Lineage(self._primary, local, self._now, safe)
        keeper = Keeper(
            self._primary,
            local,
            Resync(self._primary, local, self._policy, self._now, lineage),
            carry_seconds=self._carry_seconds if self._economy else None,
            now=self._now,
            monotonic=self.monotonic,
        )
        return _Life(
            local,
            keeper,
            Reader(self._primary, local, keeper, economy=self._economy),
            Writer(self._primary, local, keeper, self._now, economy=self._economy),
        )


class _Life(NamedTuple):
    """What belongs to one opening in one process."""

    local: LocalCopy
    keeper: Keeper
    reader: Reader
    writer: Writer

    @property
    def patience_seconds(self) -> float:
        """How long an opening waits for the primary: with nothing else, until it woke."""
        if not (self.local.held or self.local.owner):
            return PATIENT_SECONDS
        return _FIRST_READ_SECONDS if self.local.empty else READ_SECONDS

    def check_any(self) -> None:
        """Raise StoreUnavailableError if neither primary nor directory can be had."""
        if not (self.keeper.healthy or self.local.held or self.local.owner):
            raise StoreUnavailableError(
                worded(
                    "{trouble}; and the primary is away: {last_error}",
                    trouble=self.local.trouble,
                    last_error=self.keeper.last_error,
                )
            )

    def end(self) -> None:
        """Stop acknowledging, carry over what can be, write what is in memory."""
        self.writer.close()
        self.keeper.close()
        try:
            if self.keeper.healthy and self.local.journal.pending:
                self.keeper.carry(timeout_seconds=_CLOSE_SECONDS)
        finally:
            self.local.close()
