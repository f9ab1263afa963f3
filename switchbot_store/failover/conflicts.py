"""What is done when a document was changed in two places at once.

A policy picks the document to keep. The other one is written to
``<directory>/.journal/conflicts.jsonl``, durably, before it is replaced.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from switchbot_store.errors import StoreConfigError
from switchbot_store.failover.journal import DIRECTORY
from switchbot_store.files.lines import LineFile, read_lines
from switchbot_store.instants import EARLIEST, stored_instant
from switchbot_store.languages import worded
from switchbot_store.model import Document, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_LOGGER = logging.getLogger(__name__)
_FILE: Final = "conflicts.jsonl"

Policy = Callable[[str, Entry, Entry], Entry | Document]
"""Called with the key, the local and the remote entry; returns the one to keep, or a
document made of both. A deleted document is an empty Entry; its `updated_at` is when
it was deleted, if that is known."""

Winner = Literal["local", "remote", "merged", "none"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A document that lost.

    `data`, `revision` and `updated_at` are the loser's; `origin` says where it was
    acknowledged: ``local`` (this directory's journal) or ``remote`` (the primary).
    `kept` is what was kept instead: ``local``, ``remote``, ``merged``, or ``none`` when
    nothing was, as `reason` says: the primary refused the document itself, or somebody
    deleted it there, or the primary is another database and does not have it.

    >>> from switchbot_store import FailoverStore, MemoryStore
    >>> primary = MemoryStore()
    >>> with FailoverStore(primary, "here", background=False) as store:
    ...     store.set("settings", {"mode": "winter"})
    ...     store.conflicts()  # nobody else wrote: a list of `Conflict` otherwise
    []
    """

    key: str
    data: Document = field(repr=False)
    revision: str
    updated_at: datetime | None
    origin: Literal["local", "remote"]
    kept: Winner
    settled_at: datetime
    reason: str = ""


def newest(_key: str, local: Entry, remote: Entry) -> Entry:
    """Keep what was written last; the local one if that cannot be told."""
    if local.updated_at is None or remote.updated_at is None:
        return local
    return local if local.updated_at >= remote.updated_at else remote


def local_wins(_key: str, local: Entry, _remote: Entry) -> Entry:
    """Keep what this host wrote."""
    return local


def remote_wins(_key: str, _local: Entry, remote: Entry) -> Entry:
    """Keep what the primary has."""
    return remote


POLICIES: Final[Mapping[str, Policy]] = {
    "newest": newest,
    "local": local_wins,
    "remote": remote_wins,
}


def policy_of(policy: str | Policy) -> Policy:
    """Return the policy of a name, or the callable itself. Raises StoreConfigError."""
    if callable(policy):
        return policy
    if policy not in POLICIES:
        raise StoreConfigError(
            worded(
                "the policy is {policy!r}; accepted: {policies}, or a callable "
                "of key, local entry and remote entry",
                policy=policy,
                policies=", ".join(POLICIES),
            ),
            variable="policy",
        )
    return POLICIES[policy]


def decided(
    policy: Policy, key: str, local: Entry, remote: Entry
) -> tuple[Winner, Document]:
    """Ask the policy. One that fails is logged and replaced by `newest`."""
    try:
        choice = policy(key, local, remote)
        if not isinstance(choice, Entry | dict):
            raise TypeError(f"it returned a {type(choice).__name__}")  # noqa: TRY301 - handled as any other failure of it
    except Exception:
        _LOGGER.exception("the conflict policy failed for %r; the newest is kept", key)
        choice = newest(key, local, remote)
    if choice is local:
        return "local", local.data
    if choice is remote:
        return "remote", remote.data
    return "merged", choice.data if isinstance(choice, Entry) else choice


class ConflictLog:
    """The losers of one directory. Opened by who holds the journal's lock."""

    def __init__(self, directory: Path) -> None:
        self._file = LineFile(str(directory / DIRECTORY / _FILE))
        self._lock = threading.Lock()
        self._conflicts: list[Conflict] = []
        self._known: dict[tuple[str, str, str], list[Document]] = {}
        self._unwritten: list[Conflict] = []
        """Kept elsewhere until the disk takes them."""

    def open(self) -> None:
        """Read what there is. Raises StoreUnavailableError.

        What was known before and is not there, as on a disk that took the place of
        another, is written with the next.
        """
        with self._lock:
            lines = self._file.open().payloads
            before = self._conflicts
            self._conflicts, self._known = [], {}
            self._take_in(conflict_of(line) for line in lines)
            self._unwritten = [each for each in before if not self._knows(each)]
            self._take_in(self._unwritten)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def add(self, conflicts: Iterable[Conflict]) -> None:
        """Keep losers, durably, together, and any that were held so far.

        Raises StoreUnavailableError.
        """
        with self._lock:
            # A crash or another failure may have made the replay start again.
            new = [each for each in conflicts if not self._knows(each)]
            if new or self._unwritten:
                self._file.append(*map(line_of, [*self._unwritten, *new]))
            self._unwritten = []
            self._take_in(new)
        self._tell(new)

    def discard(self, prefix: str) -> None:
        """Forget those of documents whose key begins so, durably.

        Raises StoreUnavailableError.
        """
        with self._lock:
            kept = [each for each in self._conflicts if not each.key.startswith(prefix)]
            self._unwritten = [
                each for each in self._unwritten if not each.key.startswith(prefix)
            ]
            if len(kept) == len(self._conflicts):
                return
            held = self._unwritten
            self._file.replace(line_of(each) for each in kept if each not in held)
            self._conflicts, self._known = [], {}
            self._take_in(kept)

    def hold(self, conflicts: Iterable[Conflict]) -> None:
        """List losers that are kept elsewhere, until `add` can write them."""
        with self._lock:
            new = [each for each in conflicts if not self._knows(each)]
            self._unwritten += new
            self._take_in(new)
        self._tell(new)

    def _tell(self, new: Iterable[Conflict]) -> None:
        for conflict in new:
            _LOGGER.warning(
                "%r %s; kept: %s, the other is listed by conflicts()",
                conflict.key,
                f"lost ({conflict.reason})"
                if conflict.reason
                else "was changed in two places",
                conflict.kept,
            )

    def all(self) -> list[Conflict]:
        """Return them in the order they were settled."""
        with self._lock:
            return list(self._conflicts)

    def _knows(self, conflict: Conflict) -> bool:
        # The document too: not every primary's revisions differ from write to write.
        return conflict.data in self._known.get(_name(conflict), ())

    def _take_in(self, conflicts: Iterable[Conflict]) -> None:
        for conflict in conflicts:
            self._conflicts.append(conflict)
            self._known.setdefault(_name(conflict), []).append(conflict.data)


def read_conflicts(directory: str | Path) -> list[Conflict]:
    """Return the losers of a directory; also while a store has it open.

    Raises StoreUnavailableError.
    """
    lines = read_lines(str(Path(directory) / DIRECTORY / _FILE))
    return [conflict_of(line) for line in lines]


def _name(conflict: Conflict) -> tuple[str, str, str]:
    return conflict.key, conflict.origin, conflict.revision


def line_of(conflict: Conflict) -> bytes:
    """Return a conflict as one line of JSON."""
    row: dict[str, Any] = {
        name: getattr(conflict, name) for name in Conflict.__dataclass_fields__
    }
    # As deep as a document may be; one level more is too much for orjson.
    row["data"] = orjson.Fragment(orjson.dumps(conflict.data))
    return orjson.dumps(row)


def conflict_of(line: bytes) -> Conflict:
    """Return the conflict that `line_of` wrote."""
    row = orjson.loads(line)
    for name in ("updated_at", "settled_at"):
        row[name] = stored_instant(row[name])
    row["settled_at"] = row["settled_at"] or EARLIEST
    return Conflict(**row)
