"""One state document of the engine: as stored, as read from it, and as it is now."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.meter import not_read_yet
from switchbot_automation.core.state.zone import ZoneState, unreadable_instants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_store import Entry

_LOGGER = logging.getLogger(__name__)

_SHOWN_CHARACTERS: Final = 40
CONTESTED_WRITES: Final = 30
"""A compare_and_set costs more than a set where the store saves up its writes, so one
hand edit does not make it the rule for ever."""
_QUOTA: Final = "api_"


@dataclass(slots=True)
class StateBook:
    """One state document: as stored, as read from it, and as it is now."""

    key: str
    stored: dict[str, Any]
    saved: ZoneState
    state: ZoneState
    revision: str | None = None
    # Another writer was there first this tick: its word stands, ours is dropped.
    lost: bool = False
    # A command went out this tick: its record must not be dropped.
    commanded: bool = False
    # Somebody else writes this document too, so for so many more writes overwriting it
    # blindly is not safe.
    contested: int = 0
    # What stands in `stored` where an instant should, by its path; it counts as absent.
    unreadable: dict[str, Any] = field(default_factory=dict)

    def look_over(self) -> None:
        """Find, and tell once, what of the stored document cannot be read."""
        found = unreadable_instants(self.stored)
        if found and found != self.unreadable:
            _LOGGER.warning(
                "%s holds what is no instant and counts as absent: %s",
                self.key,
                ", ".join(
                    f"{path} {str(value)[:_SHOWN_CHARACTERS]!r}"
                    for path, value in found.items()
                ),
            )
        self.unreadable = found

    def written(self, state: ZoneState) -> dict[str, Any]:
        """Return the document that holds a state, without what cannot be read."""
        document = state.merged_into(self.stored, self.saved)
        for key in self.unreadable:
            if key in document and document[key] == self.stored.get(key):
                document[key] = None
        return document

    def still_holds(self, found: Mapping[str, Any]) -> bool:
        """Tell whether a document differs from the stored one in the day's calls alone.

        Those an engine that does not lead writes as well, with each of its ticks.
        """
        return _without_quota(found) == _without_quota(self.stored)


def _without_quota(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in document.items() if not key.startswith(_QUOTA)}


def opened(key: str, entry: Entry) -> StateBook:
    """Read a document for the first time in this process."""
    saved = ZoneState.from_document(entry.data)
    # Until the first reading, the stored temperature is from another life.
    state = not_read_yet(saved)
    book = StateBook(key, entry.data, saved, state, entry.revision)
    if saved.intent is not None:
        # Another engine may be at work on it right now.
        book.contested = CONTESTED_WRITES
    book.look_over()
    return book
