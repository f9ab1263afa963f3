"""What a store takes and gives back, as plain data.

Words used throughout the package:

document
    a ``dict`` of str to dict, list, str, bool, None, int within 64 bits, or finite float
    with ``|x| < 1e16``; at most 16 MB as JSON. Anything else is `StoreDataError`.
key
    1 to 200 characters; those that begin with ``_`` are internal and not listed.
revision
    an opaque string; equal means unchanged, ``""`` means never set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from switchbot_store.languages import Worded, joined, worded

if TYPE_CHECKING:
    from datetime import datetime

Document = dict[str, Any]
Change = Callable[[Document], Document | None]
"""Pure, since it may run again: a copy in, the new document out, None to leave it."""


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """Why a document cannot be read as a person left it.

    `place` is the file of the document `key`; `line` and `column` count from 1, as
    Python's `json` does. `reason` is in plain words and repeats nothing of the text.
    """

    key: str
    place: str
    line: int
    column: int
    reason: str

    def __str__(self) -> str:
        return str(self.words)

    @property
    def words(self) -> Worded:
        """What `str` says, for `error_words` to translate."""
        return worded(
            "{place}: line {line} column {column}: {reason}",
            place=self.place,
            line=self.line,
            column=self.column,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as it was read.

    `updated_at` is aware UTC, None when never set. `stale` is true when a local mirror
    answered because the primary did not. `problem` says what is wrong with a text that
    a person left in the document's place; all else is then that of the last good
    document, and nothing can be written until the text is mended. `file` is where a
    person edits the document, None where it lies in no file of its own.

    >>> from switchbot_store import Entry, MemoryStore
    >>> with MemoryStore() as store:
    ...     never_set = store.get_entry("settings")
    ...     revision = store.compare_and_set("settings", {"n": 1}, never_set.revision)
    ...     entry = store.get_entry("settings")
    >>> never_set == Entry({}, "", None), entry.data, entry.revision == revision
    (True, {'n': 1}, True)
    """

    data: Document = field(repr=False)
    revision: str
    updated_at: datetime | None
    stale: bool = False
    problem: DocumentProblem | None = None
    file: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How the store fares, without asking it anything.

    `acknowledged_by` says in words where an acknowledged write lies at this moment.
    `degraded_since` is aware UTC, None while healthy. `pending` counts writes that the
    primary does not have yet. `last_error` holds no secret. `problems` are those of
    documents that a person left unreadable, as the last look at each found them.
    `left_over` are the keys that are answered from the local copy because the primary
    is another database, or was emptied, and does not have them, as far as is known.
    `journal` says whether writes could be acknowledged on the local disk instead:
    ``held``, they could; ``waiting``, another process has the directory; ``broken``, the
    disk refuses; ``""``, the store has none. `local_error` is why not, in words.
    `behind` says that the local copy may be older than what the primary took, since the
    disk refused that before the process before this one ended; `unproven`, that it may be
    so for all that is known, since that process was killed, and the primary was not seen
    since. Nothing is refused because of the latter. `unread` says of what of the local copy
    is damaged, or cannot be looked into, while the primary is away: documents in it are
    unknown until then, and reading one raises StoreUnavailableError.

    >>> from switchbot_store import MemoryStore
    >>> status = MemoryStore().status()
    >>> status.backend, status.acknowledged_by, status.pending, status.last_error
    ('memory', "this process's memory", 0, None)
    """

    backend: str
    acknowledged_by: str
    degraded_since: datetime | None = None
    pending: int = 0
    last_error: str | None = None
    last_resync: datetime | None = None
    problems: tuple[DocumentProblem, ...] = ()
    left_over: tuple[str, ...] = ()
    journal: Literal["", "waiting", "broken", "held"] = ""
    local_error: str | None = None
    behind: bool = False
    unproven: bool = False
    unread: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know and do, a sentence or two each."""
        found: list[str] = []
        if self.left_over:
            found.append(
                worded(
                    "The database does not have {documents} and is not the one that had"
                    " it: emptied, new, or another. The local copy is in force;"
                    " `switchbot-store conflicts restore` brings it back.",
                    documents=", ".join(self.left_over),
                )
            )
        if self.journal == "broken" and self.local_error:
            found.append(
                worded(
                    "The local disk refuses: {error}. While the database is away nothing"
                    " can be saved.",
                    error=self.local_error,
                )
            )
        if self.behind:
            found.append(
                worded(
                    "The local copy may be older than what the database took last: the"
                    " disk was full when the program ended. What is read from it may be"
                    " out of date, and nothing is changed that depends on it, until the"
                    " database answers."
                )
            )
        if self.unproven:
            found.append(
                worded(
                    "The program before this one did not end in order, and the database"
                    " was not seen since: had the disk turned read-only before that, the"
                    " local copy is older than what the database took. What is changed"
                    " meanwhile is kept beside it, and listed by `switchbot-store"
                    " conflicts`."
                )
            )
        if self.unread:
            found.append(
                worded(
                    "Of the local copy this cannot be read: {what}. What was in it is"
                    " unknown, and not taken for empty, until the database answers; what"
                    " is saved meanwhile is kept.",
                    what=joined("; ", self.unread),
                )
            )
        return tuple(found)
