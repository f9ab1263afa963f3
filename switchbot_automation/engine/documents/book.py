"""One document of the engine: as stored, as read from it, and as it is now.

A zone's state, what lies beside the states, and the units that were left, which are a
part of the home's document that others write too.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.belonging import LeftUnit
from switchbot_automation.core.state.meter import not_read_yet
from switchbot_automation.core.state.zone import ZoneState, unreadable_instants
from switchbot_store import StoreConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.engine.documents.kept_beside import KeptBeside
    from switchbot_store import Entry

_LOGGER = logging.getLogger(__name__)

_SHOWN_CHARACTERS: Final = 40
CONTESTED_WRITES: Final = 30
"""A compare_and_set costs more than a set where the store saves up its writes, so one
hand edit does not make it the rule for ever."""
_QUOTA: Final = "api_"


_LEFT_UNITS: Final = "left_units"


class Recorded(Enum):
    """What became of an intent's compare_and_set."""

    YES = auto()
    LOST_RACE = auto()
    UNAVAILABLE = auto()


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


@dataclass(slots=True)
class SideDocument:
    """`data` is as it is now, `stored` as it lies in the store; one object if equal.

    `revision` is None until it was read.
    """

    key: str
    data: dict[str, Any] = field(default_factory=dict)
    stored: dict[str, Any] = field(default_factory=dict)
    revision: str | None = None

    def take(self, entry: Entry) -> None:
        """Take what was read; what another writer wrote goes before our unsaved word."""
        self.revision = entry.revision
        if entry.data != self.stored:
            self.data = self.stored = entry.data
        elif self.data is not self.stored and self.data == self.stored:
            self.data = self.stored

    @property
    def unsaved(self) -> bool:
        """Whether there is something to write."""
        return self.data is not self.stored and self.data != self.stored

    def saved(self, document: dict[str, Any]) -> None:
        """Note that this was written."""
        self.stored = document
        if self.data == document:
            self.data = document

    async def claim(self, store: KeptBeside, document: dict[str, Any]) -> Recorded:
        """Write a document before what it says is done; only the winner may do it.

        Raises StoreError.
        """
        try:
            self.revision = await store.compare_and_set(
                self.key, document, self.revision or ""
            )
        except StoreConflictError:
            self.drop()
            return Recorded.LOST_RACE
        self.data = self.stored = document
        return Recorded.YES

    def drop(self) -> None:
        """Forget what was not written."""
        self.data = self.stored


class LeftBook:
    """`units` are those that were left, by name, as they are known now."""

    def __init__(self) -> None:
        self.units: Mapping[str, LeftUnit] = {}
        self._stored: Mapping[str, Any] = {}
        self._saved: Mapping[str, LeftUnit] = {}

    def take(self, document: Mapping[str, Any]) -> None:
        """Take what was read; what we changed and could not save yet goes over it."""
        found = _left_part(document)
        if found == self._stored:
            return
        theirs = _read_left(found)
        self.units = self._over(theirs)
        self._stored, self._saved = found, theirs

    def over(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the home's document with these units; the same where none changed."""
        if self.units == self._saved:
            return document
        units = self._over(_read_left(_left_part(document)))
        return {
            **document,
            _LEFT_UNITS: {name: each.to_document() for name, each in units.items()},
        }

    def written(self, document: Mapping[str, Any]) -> None:
        """Note that the home's document was written so."""
        self._stored = _left_part(document)
        self.units = self._saved = _read_left(self._stored)

    def drop(self) -> None:
        """Forget what was not written."""
        self.units = self._saved

    def _over(self, theirs: Mapping[str, LeftUnit]) -> dict[str, LeftUnit]:
        joined = dict(theirs)
        for name in self.units.keys() | self._saved.keys():
            ours = self.units.get(name)
            if ours == self._saved.get(name):
                continue
            if ours is None:
                joined.pop(name, None)
            else:
                joined[name] = ours
        return joined


def _left_part(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = document.get(_LEFT_UNITS)
    return found if isinstance(found, dict) else {}


def _read_left(part: Mapping[str, Any]) -> dict[str, LeftUnit]:
    units = (LeftUnit.from_document(each) for each in part.values())
    return {unit.unit.name: unit for unit in units if unit is not None}
