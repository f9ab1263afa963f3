"""Reading of a `FailoverStore`: the primary, else the mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from switchbot_store.codec import UnreadableError, is_internal
from switchbot_store.deadlines import limited, time_limit
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover.resync import mirrored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchbot_store.failover.keeper import Keeper
    from switchbot_store.failover.local import LocalCopy
    from switchbot_store.failover.mirror import Mirrored
    from switchbot_store.failover.primary import Primary
    from switchbot_store.model import Entry

T = TypeVar("T")

READ_SECONDS: Final = 1.0


class Reader:
    """Answers within `READ_SECONDS`. Keys were validated by who calls.

    With `economy` the local copy answers as long as nothing says that it is behind, and
    as long as it is ours: that of another process is asked while the primary is away.
    """

    def __init__(
        self, primary: Primary, local: LocalCopy, keeper: Keeper, *, economy: bool
    ) -> None:
        self._primary = primary
        self._local = local
        self._keeper = keeper
        self._sparing = economy
        self._lineage = keeper.lineage

    @property
    def _economy(self) -> bool:
        return self._sparing and self._local.held

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
            keys = self._ask(self._seen_keys)
            if keys is not None:
                return keys
        return self._local.keys()

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin so, internal ones too, of both places."""
        local = self._local.keys_with(prefix)
        if not self._keeper.healthy or self._economy:
            return local
        found = self._ask(lambda: self._primary.store.keys_with(prefix))
        return local if found is None else sorted({*found, *local})

    def _asks(self, keys: list[str]) -> bool:
        if not self._keeper.healthy or not keys:
            return False
        return not self._economy or not self._local.distrusted.isdisjoint(keys)

    def _ask(self, question: Callable[[], T]) -> T | None:
        """Ask the primary, within a second; None when it does not answer."""
        try:
            seconds = min(READ_SECONDS, limited(READ_SECONDS))
            with time_limit(seconds, connect_seconds=seconds):
                answer = question()
        except UnreadableError:
            raise  # it did answer
        except StoreUnavailableError as error:
            self._keeper.degrade(error)
            return None
        self._keeper.primary_answered()
        return answer

    def _seen_one(self, key: str) -> Entry:
        known, told = self._local.mirror.get(key), self._local.beside.size
        entry = self._primary.store.get_entry(key)
        return self._see({key: entry}, {key: known}, told)[key]

    def _seen(self, keys: list[str]) -> dict[str, Entry]:
        """Read from the primary and let the mirror see it."""
        known = {key: self._local.mirror.get(key) for key in keys}
        told = self._local.beside.size
        return self._see(self._primary.store.get_many(keys), known, told)

    def _seen_keys(self) -> list[str]:
        known = self._local.mirror.picture()
        keys = set(self._primary.store.keys())
        self._notice(
            {
                key: each
                for key, each in known.items()
                if key not in keys and not is_internal(key)
            }
        )
        return sorted(keys | self._local.mirror.all_left_over().keys())

    def _see(
        self,
        entries: dict[str, Entry],
        known: Mapping[str, Mirrored | None],
        told: int,
    ) -> dict[str, Entry]:
        """Let the mirror see what the primary has; return what is in force."""
        missing = {}
        for key, entry in entries.items():
            mine = known[key]
            if mine is not None and not entry.revision:
                missing[key] = mine
            elif mine is not None and mine.origin != self._local.mirror.identity:
                self._lineage.replaced({key: entry})
                self._take(key, entry, mine, told)
            elif entry.revision != (mine.revision if mine else ""):
                self._take(key, entry, mine, told)
            self._local.distrusted.discard(key)
        if not missing:
            return entries
        self._notice(missing)
        in_force = {
            key: each.entry(key, stale=True)
            for key in missing
            if (each := self._local.mirror.left_over(key)) is not None
        }
        return {**entries, **in_force}

    def _take(self, key: str, entry: Entry, known: Mirrored | None, told: int) -> None:
        self._local.mirror.put_seen(key, mirrored(entry), known)
        self._local.beside.saw([key], told)
        self._keeper.mirror_changed()

    def _notice(self, missing: Mapping[str, Mirrored]) -> None:
        """Find out why the primary does not have what the mirror has."""
        self._lineage.absent(missing)
        if self._local.mirror.dirty or self._lineage.look_again:
            self._keeper.mirror_changed()
