"""Reading of a `FailoverStore`: the primary, else the mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from switchbot_store.documents import UnreadableError
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.limits import limited, time_limit
from switchbot_store.resync import mirrored

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_store.interface import Entry
    from switchbot_store.keeper import Keeper
    from switchbot_store.local_copy import LocalCopy
    from switchbot_store.mirror import Mirrored
    from switchbot_store.primary import Primary

T = TypeVar("T")

READ_SECONDS: Final = 1.0


class Reader:
    """Answers within `READ_SECONDS`. Keys were validated by who calls.

    With `economy` the local copy answers as long as nothing says that it is behind.
    """

    def __init__(
        self, primary: Primary, local: LocalCopy, keeper: Keeper, *, economy: bool
    ) -> None:
        self._primary = primary
        self._local = local
        self._keeper = keeper
        self._economy = economy

    def entry(self, key: str) -> Entry:
        """Return one entry."""
        if self._asks([key]):
            entry = self._ask(lambda: self._seen_one(key))
            if entry is not None and not self._economy:
                return entry
        return self._local.entry(key, stale=not self._keeper.healthy)

    def entries(self, keys: list[str]) -> dict[str, Entry]:
        """Return an Entry for each key, all from one place."""
        if self._asks(keys):
            entries = self._ask(lambda: self._seen(keys))
            if entries is not None and not self._economy:
                return entries
        return self._local.entries(keys, stale=not self._keeper.healthy)

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        if self._keeper.healthy and not self._economy:
            keys = self._ask(self._primary.store.keys)
            if keys is not None:
                return keys
        return self._local.keys()

    def _asks(self, keys: list[str]) -> bool:
        if not self._keeper.healthy or not keys:
            return False
        return not self._economy or not self._local.distrusted.isdisjoint(keys)

    def _ask(self, question: Callable[[], T]) -> T | None:
        """Ask the primary, within a second; None when it does not answer."""
        try:
            seconds = min(READ_SECONDS, limited(READ_SECONDS))
            with time_limit(seconds, connect_seconds=seconds):
                return question()
        except UnreadableError:
            raise  # it did answer
        except StoreUnavailableError as error:
            self._keeper.degrade(error)
            return None

    def _seen_one(self, key: str) -> Entry:
        known = self._local.mirror.get(key)
        entry = self._primary.store.get_entry(key)
        self._see(key, entry, known)
        return entry

    def _seen(self, keys: list[str]) -> dict[str, Entry]:
        """Read from the primary and let the mirror see it."""
        known = {key: self._local.mirror.get(key) for key in keys}
        entries = self._primary.store.get_many(keys)
        for key, entry in entries.items():
            self._see(key, entry, known[key])
        return entries

    def _see(self, key: str, entry: Entry, known: Mirrored | None) -> None:
        if entry.revision != (known.revision if known else ""):
            self._local.mirror.put_seen(key, mirrored(entry), known)
            self._keeper.mirror_changed()
        self._local.distrusted.discard(key)
