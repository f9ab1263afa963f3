"""All that one home among many has: which homes there are, its file, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.backup import interruption
from switchbot_store.backup.archive import back_up
from switchbot_store.codec import HOMES
from switchbot_store.errors import HistoryError, StoreConflictError
from switchbot_store.history.home import HomeBackend
from switchbot_store.homes import HomeStore, checked_home, home_of, prefixes_of
from switchbot_store.languages import worded

if TYPE_CHECKING:
    import os

    from switchbot_store.backup.format import Counts
    from switchbot_store.history.model import HistoryBackend
    from switchbot_store.history.readings.service import DeviceHistory
    from switchbot_store.history.service import HistoryService
    from switchbot_store.interface import StoreInterface

_SETTINGS: Final = "settings"
_ROUNDS: Final = 3
"""So often documents that somebody made meanwhile are deleted too."""


class HomeRemoved(NamedTuple):
    """How many documents and recorded rows of a home were deleted.

    >>> from switchbot_store import HomeStore, MemoryStore
    >>> from switchbot_store.backup import delete_home, list_homes
    >>> store = MemoryStore()
    >>> HomeStore(store, "42").set("settings", {"mode": "winter"})
    >>> list_homes(store), delete_home(store, None, "42"), list_homes(store)
    (['42'], HomeRemoved(documents=1, rows=0), [])
    """

    documents: int
    rows: int


def list_homes(
    store: StoreInterface, history: HistoryBackend | None = None
) -> list[str]:
    """Return the sorted names of the homes of which documents, leases or rows are there.

    `store` and `history` are the whole ones. Raises StoreUnavailableError.
    """
    keys = [*store.keys_with(HOMES), *store.keys_with(f"_lease/{HOMES}")]
    found = {home for key in keys if (home := home_of(key)) is not None}
    for zone in () if history is None else history.zones():
        home, slash, _ = zone.partition("/")
        if home and slash:
            found.add(home)
    return sorted(found)


def export_home(
    store: StoreInterface,
    history: HistoryBackend | None,
    home: str,
    path: str | os.PathLike[str],
    *,
    readings: DeviceHistory | None = None,
) -> Counts:
    """Write the documents and the history of one home to a backup at `path`.

    It is a backup with bare names. Another home that it is restored into takes the
    settings and the history; its engine refuses the state, which says whose it is, until
    its key ``home`` is changed. `readings` are the whole ones of devices. What the engine
    keeps for itself is not in the file. Raises StoreUnavailableError.
    """
    rows = None if history is None else HomeBackend(history, home)
    said = None if readings is None else readings.of_home(home)
    return back_up(HomeStore(store, home), rows, path, readings=said)


def delete_home(
    store: StoreInterface, history: HistoryService | None, home: str
) -> HomeRemoved:
    """Delete for good all that a home has, and make sure that nothing is left.

    Documents with their copies in mirror, journal and conflicts; rows, hours, what waits
    in the spill and what was set aside. `store` and `history` are the whole ones. The
    account's count of calls, which other homes may share, stays; so do backups.

    A fleet's worker that is about to look after it stops, once its settings are gone, which
    are deleted first; what it made anew in that moment goes as well. End an engine of the
    home's own first: raises StoreConflictError naming a key, or HistoryError
    naming a zone, that is there again. Raises StoreConfigError for a name that no home can
    have, HistoryError and StoreUnavailableError; then call it again.
    """
    prefixes = prefixes_of(checked_home(home))
    documents = int(store.delete(f"{HOMES}{home}/{_SETTINGS}"))
    for _ in range(_ROUNDS):
        documents += sum(store.forget(prefix) for prefix in prefixes)
        if not any(store.keys_with(prefix) for prefix in prefixes):
            break
    interruption.forget(store, home)
    rows = 0 if history is None else history.of_home(home).forget()
    for prefix in prefixes:
        for key in store.keys_with(prefix):
            raise StoreConflictError(key, store.get_entry(key).revision)
    for zone in () if history is None else history.backend.zones(f"{home}/"):
        raise HistoryError(
            worded("somebody still records for the zone {zone!r}", zone=zone)
        )
    return HomeRemoved(documents, rows)
