"""Whether what the primary does not have was deleted there, or the primary is another.

That a document is missing says nothing by itself: the volume was lost, the project is
new, the tables were dropped, or `import` was forgotten. So each database is named, by the
internal document `IDENTITY_KEY`, which goes when the rest goes. A document that was seen
in the database of this name and is missing there now was deleted by somebody; the mirror
lets it go, and `conflicts` keeps it. One that was seen in another database is left over:
it stays in the mirror and in force until somebody writes or deletes it, and `conflicts`
keeps it too.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Final, Literal

from switchbot_store.codec import decode, is_internal
from switchbot_store.errors import StoreConflictError, StoreUnavailableError
from switchbot_store.failover.conflicts import Conflict
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.mirror import read_mirror
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from switchbot_store.failover.local import LocalCopy
    from switchbot_store.failover.mirror import Mirrored
    from switchbot_store.failover.primary import Primary
    from switchbot_store.failover.safekeeping import Safekeeping
    from switchbot_store.model import Entry

_LOGGER = logging.getLogger(__name__)
IDENTITY_KEY: Final = "_identity"
_ATTEMPTS: Final = 5
_DELETED: Final = "somebody deleted it in the database"
_LEFT_OVER: Final = (
    "the database does not have it and is not the one that had it: emptied, new, or"
    " another; `switchbot-store conflicts restore` brings it back"
)
_REPLACED: Final = "another database has another document of this name"


def left_behind(
    directory: str | Path, *, there: Collection[str], identity: str
) -> dict[str, Entry]:
    """Return what a directory keeps of documents that the database should have.

    For looking on. `there` are the keys that the database has, `identity` is its name.
    Raises StoreUnavailableError.
    """
    mirror = read_mirror(directory)
    pending = read_pending(directory)
    # Without a name nobody met it yet: then one of the documents has to vouch for it.
    known = bool(identity) or not mirror.keys().isdisjoint(there)
    return {
        key: document.entry(key, stale=True)
        for key, document in sorted(mirror.items())
        if not is_internal(key)
        and key not in there
        and key not in pending
        and (document.origin != identity or not known)
    }


class Lineage:
    """What one failover store knows of the database it talks to.

    `leaving` are the keys that this process is deleting. `look_again` asks for a look
    at everything the primary holds. Methods raise what the primary raises.
    """

    def __init__(
        self,
        primary: Primary,
        local: LocalCopy,
        now: Callable[[], datetime],
        safe: Safekeeping,
    ) -> None:
        self._primary = primary
        self.safe = safe
        self._local = local
        self._mirror = local.mirror
        self._now = now
        self._adopts = False
        self._written: set[str] = set()
        self._told: set[str] = set()
        self.leaving: set[str] = set()
        self.look_again: bool = False

    def meet(self) -> None:
        """Learn which database this is; one without a name gets one."""
        identity = self._identity()
        if identity == self._mirror.identity:
            return
        if not self._mirror.identity and self._mirror.empty:
            self._adopts = True
            self._written = set(self._local.journal.pending)
        self._told.clear()
        self._mirror.meet(identity)

    def _identity(self) -> str:
        store = self._primary.store
        for _ in range(_ATTEMPTS):
            entry = store.get_entry(IDENTITY_KEY)
            found = entry.data.get("id")
            if isinstance(found, str) and found:
                return found
            made = str(uuid.uuid4())
            try:
                store.compare_and_set(IDENTITY_KEY, {"id": made}, entry.revision)
            except StoreConflictError:
                continue  # another host was faster
            return made
        raise StoreUnavailableError(worded("the database's name changes all the time"))

    # what was found out by reading

    def absent(self, known: Mapping[str, Mirrored]) -> None:
        """Judge documents of the mirror that the primary does not have.

        `known` is what the mirror had before the primary was asked.
        """
        seen_here = self._to_judge(known)
        if not seen_here:
            return
        self.meet()  # is it still the same?
        deleted = self._to_judge(seen_here)
        if self._keep(
            self._copy(key, document, "none", _DELETED)
            for key, document in deleted.items()
        ):
            for key, document in deleted.items():
                self._mirror.put_seen(key, None, document)
        self.left_over(
            {key: each for key, each in seen_here.items() if key not in deleted}
        )

    def _to_judge(self, known: Mapping[str, Mirrored]) -> dict[str, Mirrored]:
        return {
            key: document
            for key, document in known.items()
            if document.origin == self._mirror.identity
            and key not in self.leaving
            and self._mirror.get(key) is document
        }

    def left_over(self, documents: Mapping[str, Mirrored]) -> None:
        """Keep copies of what another database had, and tell."""
        if not documents:
            return
        if self._told.issuperset(documents):
            return
        self.look_again = True
        self._told.update(documents)
        told = sorted(key for key in documents if not is_internal(key))
        if not told:
            return
        _LOGGER.warning(
            "the database does not have %s and is not the one that had it (emptied, new,"
            " or another); the local copies stay in force and are listed by"
            " `switchbot-store conflicts`; `switchbot-store conflicts restore` brings"
            " them back",
            ", ".join(told[:10]),
        )
        self._keep(self._copy(key, documents[key], "none", _LEFT_OVER) for key in told)

    def replaced(self, entries: Mapping[str, Entry | None]) -> None:
        """Keep what another database had, before what this one has comes over it."""
        self._keep(
            self._copy(key, document, "remote", _REPLACED)
            for key, entry in entries.items()
            if entry is not None
            and entry.revision
            and not is_internal(key)
            and (document := self._mirror.left_over(key)) is not None
            and decode(document.encoded, key=key) != entry.data
        )

    def vouch(
        self, before: dict[str, Mirrored], entries: Mapping[str, Entry | None]
    ) -> None:
        """Take documents of unknown origin to be of this database, if some are.

        Mirrors of earlier releases did not note it. `before` follows the mirror.
        """
        unknown = {key: each for key, each in before.items() if not each.origin}
        if any(
            key in entries
            and ((entry := entries[key]) is None or entry.revision == each.revision)
            for key, each in unknown.items()
        ):
            before.update(self._mirror.stamp(unknown))

    def adopt(self, entries: Mapping[str, Entry | None]) -> None:
        """Take plain files for the mirror, the first time, where the primary has none.

        A host that changed to a database and forgot `import` goes on with them.
        """
        if self._adopts:
            self._adopts = False
            self._local.adopt_plain(present=entries.keys() | self._written)
        self.left_over(
            {
                key: document
                for key, document in self._mirror.all_left_over().items()
                if key not in entries and key not in self._local.journal.pending
            }
        )
        self.look_again = False

    # inside

    def _keep(self, copies: Iterable[Conflict]) -> bool:
        """Keep copies durably; False: that cannot be done, the mirror has to keep them."""
        try:
            self.safe.keep(copies)
        except StoreUnavailableError as error:
            _LOGGER.warning("%s; the mirror stays as it was", error)
            return False
        return True

    def _copy(
        self,
        key: str,
        document: Mirrored,
        kept: Literal["remote", "none"],
        reason: str,
    ) -> Conflict:
        return Conflict(
            key=key,
            data=decode(document.encoded, key=key),
            revision=document.revision,
            updated_at=document.updated_at,
            origin="remote",
            kept=kept,
            settled_at=self._now(),
            reason=reason,
        )
