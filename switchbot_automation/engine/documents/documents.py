"""The engine's documents: settings by revision, each zone's state, the intents.

One read and one write a tick. What could not be written stays in memory and is written
by the next tick that can.

A text that is no document is the person's to mend: the store reads the last good
document for it and writes nothing over it. The settings wait for the person. A state
must go on being written all the same, or else a start would be forgotten with the next
restart: until the text is mended it lies under the internal key ``_beside/<key>``.

Single values that others wrote and no store takes, a number of 1e308, would keep a state
from being written for ever, and a hold from being ended: they are left out as it is read.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.belonging import LeftUnit, holds, knows_a_unit
from switchbot_automation.core.state.merging import newest_of
from switchbot_automation.core.state.meter import not_read_yet
from switchbot_automation.core.state.wishes import (
    asked_of,
    still_wished,
    switched,
    with_asked,
)
from switchbot_automation.core.state.wishes import intended as intended_in
from switchbot_automation.core.state.zone import (
    LONG_AGO,
    Switch,
    ZoneState,
    unreadable_instants,
)
from switchbot_automation.engine.cancellation import broken_off
from switchbot_automation.engine.documents.keys import BESIDE, check_zones
from switchbot_automation.engine.documents.leader import FOLLOWED
from switchbot_automation.engine.documents.settings_life import (
    SettingsLife,
    with_zone_keys,
)
from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import joined, reworded, worded
from switchbot_automation.model import DEFAULT_ZONE
from switchbot_automation.outside.aside import aside
from switchbot_automation.settings.read import check_settings
from switchbot_automation.settings.scale import in_unit_of
from switchbot_store import (
    Entry,
    StoreConflictError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.codec import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.core.state.zone import Intent
    from switchbot_automation.engine.documents.keys import Keys
    from switchbot_store import AsyncStore

_LOGGER = logging.getLogger(__name__)

# How often an intent is written again that only lost against counted calls.
_INTENT_ATTEMPTS = 3
# For so many reads a write of the engine before this one may still turn up.
_LATE_WRITES = 3
_SHOWN_CHARACTERS: Final = 40
# The engine that leads looks every second; a busy house sends a few in one.
_KEPT_EVENTS: Final = 50
CONTESTED_WRITES: Final = 30
"""A compare_and_set costs more than a set where the store saves up its writes, so one
hand edit does not make it the rule for ever."""
_QUOTA: Final = "api_"
_LEFT_UNITS: Final = "left_units"
_OWNER: Final = "home"
# What the home's document holds of no zone.
_HOME_KEYS: Final = frozenset({"last_tick", FOLLOWED, _OWNER})
_INSTEAD_OF: Final = "instead_of"
_DOCUMENT: Final = "document"
_NAMED: Final = 5
"""Problems of a document that are told one by one."""


class Recorded(Enum):
    """What became of an intent's compare_and_set."""

    YES = auto()
    LOST_RACE = auto()
    UNAVAILABLE = auto()


_NOTHING_KNOWN: Final = ZoneState.from_document({})


class ZoneStates(dict[str, ZoneState]):
    """Every zone's state as it is now; whoever changes one puts the new one here.

    Of a zone that was never read nothing is known.
    """

    def __missing__(self, zone: str) -> ZoneState:
        self[zone] = _NOTHING_KNOWN
        return _NOTHING_KNOWN


@dataclass(slots=True)
class StateBook:
    """One state document as it is stored: `saved` is the state that it holds."""

    key: str
    stored: dict[str, Any]
    saved: ZoneState
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

    def note_unreadable(self, found: dict[str, Any]) -> None:
        """Tell, once, what of the stored document cannot be read."""
        self.unreadable = found
        if found:
            _LOGGER.warning(
                "%s holds what is no instant and counts as absent: %s",
                self.key,
                ", ".join(
                    f"{path} {str(value)[:_SHOWN_CHARACTERS]!r}"
                    for path, value in found.items()
                ),
            )

    def is_of(self, entry: Entry) -> bool:
        """Tell by its revision alone whether an entry holds what `stored` has."""
        return (
            entry.revision == self.revision
            and entry.revision != ""
            and entry.problem is None
            and not entry.stale
        )

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
    return {
        key: each
        for key, each in document.items()
        if key != FOLLOWED and not key.startswith(_QUOTA)
    }


@dataclass(slots=True)
class SideDocument:
    """A document read and written together with the states that is none of them.

    `data` is as it is now, `stored` as it lies in the store; one object if equal.

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


class Inbox:
    """What others leave for the engine that leads, read with the states.

    Each sees every event once; what lay there before the first look is for others.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._seen: frozenset[str] | None = None
        self._new: list[Mapping[str, Any]] = []

    def take(self, entry: Entry) -> None:
        """Take what was read."""
        found = {
            each["id"]: each["payload"]
            for each in _events_in(entry.data)
            if isinstance(each, dict) and isinstance(each.get("payload"), dict)
        }
        if self._seen is not None:
            self._new += [
                payload for name, payload in found.items() if name not in self._seen
            ]
        self._seen = frozenset(found)

    def empty(self) -> list[Mapping[str, Any]]:
        """Return what came since, the oldest first."""
        new, self._new = self._new, []
        return new


def _events_in(document: Mapping[str, Any]) -> list[Any]:
    found = document.get("events")
    return found if isinstance(found, list) else []


def with_event(
    payload: Mapping[str, Any], document: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the inbox's document with one more event."""
    event = {"id": uuid.uuid4().hex, "payload": dict(payload)}
    return {"events": [*_events_in(document), event][-_KEPT_EVENTS:]}


class LeftBook:
    """The units that were left: a part of the home's document that others write too.

    `units` are they by name, as they are known now.
    """

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


class Documents:
    """Reads and writes them through an `AsyncStore`; keeps the last good ones."""

    def __init__(
        self,
        store: AsyncStore,
        keys: Keys,
        *,
        home: str | None = None,
        quota_key: str | None = None,
    ) -> None:
        self._store = KeptBeside(store, keys.settings)
        self.settings_key: str = keys.settings
        self._state_key = keys.state
        self._home = home
        self.states: ZoneStates = ZoneStates()
        self._books: dict[str, StateBook] = {}
        self.life: SettingsLife = (
            SettingsLife()
            if home is None
            else SettingsLife(partial(check_zones, keys=keys, home=home))
        )
        self._past_key = keys.past
        self.rules: SideDocument = SideDocument(keys.rules)
        self.account: SideDocument = SideDocument(keys.account)
        """Which devices the account had when its list last told."""
        self.upkeep: SideDocument = SideDocument(keys.upkeep)
        """What equipment came to, and what a person was told of it."""
        self._quota = None if quota_key is None else SideDocument(quota_key)
        self.counts: bool = True
        """Whether the account's calls are written here, and not by whoever shares the count."""
        self._sides = (self.rules, self.account)
        self.told: SideDocument = SideDocument(keys.told)
        """What the engine that leads tells those that follow; they alone read it."""
        self.inbox: Inbox = Inbox(keys.inbox)
        """Events of the cloud that reached an engine which does not lead."""
        self.follows = self.in_company = self.watches = False
        self.left: LeftBook = LeftBook()
        self.named: frozenset[str] = frozenset()
        """The zones of the settings in force and of those before."""
        self._looked_back = False
        self.foreign: str | None = None
        """Why the state is not this engine's; then nothing is commanded or written."""
        self.store_error: Exception | None = None
        self.reachable: bool = False
        self._by_hand = False
        """Whether the settings are in a file, where a person edits them."""
        self._switched_off_before: dict[str, Switch] = {}
        self._joining = 0

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with the text that a person left in a document's place, by key.

        Without the settings': that is in `life.error`.
        """
        found = self._store.problems.items()
        problems = {key: text for key, text in found if key != self.settings_key}
        if self.foreign is not None:
            problems[self._state_key] = self.foreign
        return problems

    @property
    def quota(self) -> Mapping[str, Any]:
        """The stored document that tells of the day's calls of the account."""
        return self.home.stored if self._quota is None else self._quota.stored

    def key_of(self, zone: str) -> str:
        """Return the key of a zone's state document."""
        return self._state_key if zone == DEFAULT_ZONE else f"{self._state_key}/{zone}"

    def _zone_of(self, key: str) -> str:
        if key == self._state_key:
            return DEFAULT_ZONE
        return key.removeprefix(f"{self._state_key}/")

    def book(self, zone: str) -> StateBook:
        """Return a zone's document; an empty one where none was ever read."""
        book = self._books.get(zone)
        if book is None:
            self.states.setdefault(zone, _NOTHING_KNOWN)
            book = StateBook(self.key_of(zone), {}, _NOTHING_KNOWN)
            self._books[zone] = book
        return book

    @property
    def home(self) -> StateBook:
        """The document that also holds what concerns the whole home."""
        return self.book(DEFAULT_ZONE)

    def never_stored(self, zones: Iterable[str]) -> set[str]:
        """Return those of the zones that nothing was ever stored of.

        After a tick its equipment is known of every zone, so this looks but once.
        """
        return {
            zone
            for zone in zones
            if self.states[zone].equipment is None
            and not self.book(zone).stored.keys() - _HOME_KEYS
        }

    @property
    def gone(self) -> list[str]:
        """The zones that the settings no longer have, yet whose state tells of a device.

        The default zone's is that of the home, which is always read.
        """
        settings = self.life.settings
        zones = settings.zones if settings else {}
        return [
            zone
            for zone in (DEFAULT_ZONE, *self.named)
            if zone not in zones and zone in self.states and _tells(self.states[zone])
        ]

    async def load(self, only: Collection[str] | None = None) -> bool:
        """Read settings and states; tell whether new settings came into force.

        Never raises for a store or a document: `reachable`, `store_error` and
        `life.error` say how it went, and the last good values stay. `only`: zones of the
        settings in force that are enough for what is asked; of new settings all are read.
        """
        keys = [self._state_key, *self._zone_keys(only)]
        for zone in [zone for zone, word in self._switches() if not word.written]:
            await self._write_switch(zone)
        keys += [self.told.key] * self.follows + [self.inbox.key] * self.in_company
        # Who leads is the only one to write it.
        unread = self.upkeep.revision is None or self.in_company
        keys += [self.upkeep.key] * unread
        keys += [] if self._quota is None else [self._quota.key]
        past = () if self.life.past_read else (self._past_key,)
        entries = await self._read([self.settings_key, *past, *dict.fromkeys(keys)])
        if entries is None:
            return False
        self.foreign = self._foreign(entries[self._state_key])
        if past:
            self._take_past(entries.pop(self._past_key))
        stored = entries.pop(self.settings_key)
        self._by_hand = stored.file is not None
        if stored.revision != self.life.revision:
            await aside(stored.data, self.life.read_ahead, stored)
        changed = self.life.take(stored)
        if self.foreign is not None:
            return changed
        if changed or not self._looked_back:
            # What a zone's unit was told is also wanted once the zone is gone.
            self.named = self.life.zones_named()
            keys = [*self._zone_keys(), *map(self.key_of, self.named)]
            new = [key for key in dict.fromkeys(keys) if key not in entries]
            more = await self._read(new) if new else {}
            self._looked_back = more is not None
            entries.update(more or {})
        quota = () if self._quota is None else (self._quota,)
        for side in (*self._sides, self.upkeep, self.told, self.inbox, *quota):
            if side.key in entries:
                side.take(entries.pop(side.key))
        self._take_states(entries)
        self._settle_switches()
        self.left.take(self.home.stored)
        if only is None or changed:
            self._joining = max(0, self._joining - 1)
        return changed

    def _take_states(self, entries: Mapping[str, Entry]) -> None:
        settings = self.life.settings
        gone_now = self.named.difference(settings.zones if settings else ())
        for key, entry in entries.items():
            zone = self._zone_of(key)
            strange = (
                zone in gone_now and zone != DEFAULT_ZONE and zone not in self.states
            )
            # A document that tells nothing is not looked after: it would be written.
            if not strange or _tells(ZoneState.from_document(entry.data)):
                self._take_state(zone, entry)
            self._store.mended.discard(key)

    def _foreign(self, entry: Entry) -> str | None:
        """Return why a state document is of another home, None where it is not."""
        home = self._books.get(DEFAULT_ZONE)
        if home is not None and home.is_of(entry):
            return None
        owner = entry.data.get(_OWNER)
        if not isinstance(owner, str) or owner == self._home:
            return None
        mine = (
            worded("no home among others") if self._home is None else repr(self._home)
        )
        problem = worded(
            "the state is that of the home {owner!r}, and this is {mine}",
            owner=owner,
            mine=mine,
        )
        if problem != self.foreign:
            _LOGGER.error("%s: nothing is commanded", problem)
        return problem

    def taken_over(self) -> None:
        """Expect that the engine that led until now has one more write on its way."""
        self._joining = _LATE_WRITES
        for book in self._books.values():
            book.contested = max(book.contested, _LATE_WRITES)

    def drop(self) -> None:
        """Forget what this tick changed: another engine writes it.

        What this one still writes must not go over the other's word.
        """
        for side in (*self._sides, self.upkeep):
            side.drop()
        self.left.drop()
        for zone in self.states:
            book = self.book(zone)
            self.states[zone] = book.saved
            book.contested = CONTESTED_WRITES

    async def release(
        self, change: Callable[[dict[str, Any]], dict[str, Any] | None]
    ) -> None:
        """Change the home's document for the last time. Never raises for a store."""
        if self.foreign is not None:
            return
        try:
            await self._store.update(self._state_key, change)
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            _LOGGER.info("the state was not released: %s", error)

    def _zone_keys(self, only: Collection[str] | None = None) -> list[str]:
        settings = self.life.settings
        zones: Iterable[str] = only or ()
        if only is None:
            gone = [zone for zone in self.gone if holds(self.book(zone).saved)]
            zones = (*(settings.zones if settings else ()), *gone)
        keys = [self.key_of(zone) for zone in zones]
        if settings is None:
            # With the settings themselves, and not by a second call behind them.
            return [*keys, *[side.key for side in self._sides]]
        # Runs of rules that are gone may still have something to turn off.
        wanted = settings.rules or self.rules.revision is None or self.rules.data
        sides = [side.key for side in self._sides] if wanted else []
        return [*keys, *sides]

    async def _read(self, keys: list[str]) -> dict[str, Entry] | None:
        try:
            entries = await self._store.get_many(keys)
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)
            return None
        self.reachable = True
        self.store_error = None
        return entries

    def _note_failure(self, error: Exception) -> None:
        if isinstance(error, StoreError | OSError):
            if self.reachable or self.store_error is None:
                _LOGGER.warning("the store does not answer: %s", error)
        elif type(error) is not type(self.store_error):
            # No outage, and no end of it to wait for: somebody has to mend it.
            _LOGGER.error("a mistake in the store's code", exc_info=error)
        self.reachable = False
        self.store_error = error

    async def switch(self, zone: str, now: datetime, *, on: bool) -> bool:
        """Switch a zone's automation on or off; tell whether that is kept safely.

        It is kept with the zone, over what the settings say. Those are the person's: in
        a file nothing is written. Elsewhere, where there is no text of theirs to spoil,
        the key `automation_enabled` is written as well, which hosts read there; where
        that fails the next `load` that reaches the store tries again. The newest word
        counts: it ends when the settings are changed to say the same.

        Raises SettingsError where settings cannot have it on.
        """
        if on:
            self.life.with_zone_on(zone)
        self._say(zone, Switch(on, now))
        if self._by_hand:
            return self.reachable
        return await self._write_switch(zone)

    def forget_switches(self) -> None:
        """Let the settings alone say which zones have their automation on."""
        for zone, _word in self._switches():
            self._say(zone, None)

    def say_again(self, zone: str, word: Switch | None) -> None:
        """Keep a word that was lost where the state was read anew."""
        if self.states[zone].switch != word:
            self._say(zone, word)

    def _say(self, zone: str, word: Switch | None) -> None:
        self.states[zone] = switched(self.states[zone], word)
        self._lay_switches()

    def _switches(self) -> list[tuple[str, Switch]]:
        """Return what buttons said of the automation of the zones that are."""
        settings = self.life.settings
        return [
            (zone, word)
            for zone in (settings.zones if settings else ())
            if (word := self.states[zone].switch) is not None
        ]

    def _lay_switches(self) -> None:
        self.life.switch({zone: word.on for zone, word in self._switches()})

    def _settle_switches(self) -> None:
        """End the words that the settings in force took up by now."""
        for zone, off_since in self._switched_off_before.items():
            self.states[zone] = switched(self.states[zone], off_since)
        self._switched_off_before = {}
        words = self._switches()
        for zone, word in words:
            says = self.life.says(zone)
            if says is not None and (word.written or says is word.on):
                self.states[zone] = switched(self.states[zone], None)
        if words:
            self._lay_switches()
        elif self.life.switches:
            self.life.switch({})

    def _take_past(self, entry: Entry) -> None:
        at = entry.updated_at or LONG_AGO
        self._switched_off_before = {
            zone: Switch(on=False, at=at, written=written)
            for zone, written in self.life.take_past(entry.data).items()
        }

    async def _write_switch(self, zone: str) -> bool:
        """Write a zone's word into the settings, unless those are in a file."""
        word = self.states[zone].switch
        if word is None or self._by_hand:
            return True
        try:
            await self.change_zone(
                zone, {"automation_enabled": word.on}, checked=word.on
            )
        except StoreDataError as error:
            # The store answers; what is in its place is a person's to mend first.
            _LOGGER.warning("kept beside the settings: %s", error)
            return False
        except SettingsError as error:
            _LOGGER.warning("%s is not switched on: %s", zone, error)
            self._say(zone, None)
            return False
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)
            return False
        self._say(zone, word._replace(written=True))
        self.life.look_anew()
        return True

    async def change_zone(
        self, zone: str, keys: Mapping[str, Any], *, checked: bool = True
    ) -> bool:
        """Change keys of one zone in the stored settings; tell whether any changed.

        Objects are changed key by key. Raises StoreError, and SettingsError for what
        the settings refuse, where it is `checked`.
        """
        changes = False

        def change(document: dict[str, Any]) -> dict[str, Any] | None:
            nonlocal changes
            changed = with_zone_keys(zone, in_unit_of(document, keys), document)
            changes = changed != document
            if not changes or not checked:
                return changed if changes else None
            # What could not be read before is no fault of the change.
            known = {str(error) for error in check_settings(document)}
            for error in check_settings(changed):
                if str(error) not in known:
                    raise error
            return changed

        await self._store.update(self.settings_key, change)
        return changes

    async def replace_settings(
        self, document: dict[str, Any], revision: str | None = None
    ) -> dict[str, Any]:
        """Store a settings document; return the one it replaced. Raises StoreError.

        With a `revision`, StoreConflictError unless it replaces that one.
        """
        if revision is not None:
            found = await self.stored_settings(revision)
            await self._store.compare_and_set(self.settings_key, document, revision)
            return found.data
        replaced: dict[str, Any] = {}

        def change(before: dict[str, Any]) -> dict[str, Any]:
            replaced.clear()
            replaced.update(before)
            return document

        await self._store.update(self.settings_key, change)
        return replaced

    async def restore_settings(
        self, document: dict[str, Any], *, instead_of: dict[str, Any]
    ) -> None:
        """Store a document in place of another one, unless a third is there by now.

        Never raises for a store: what is in force does not depend on it.
        """
        try:
            await self._store.update(
                self.settings_key,
                lambda found: document if found == instead_of else None,
            )
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)

    async def stored_settings(self, revision: str | None = None) -> Entry:
        """Return the settings document as it is stored. Raises StoreError.

        With a `revision`, StoreConflictError unless it is that one.
        """
        entry = await self._store.get_entry(self.settings_key)
        if revision is not None and entry.revision != revision:
            raise StoreConflictError(self.settings_key, entry.revision)
        return entry

    def _take_state(self, zone: str, entry: Entry) -> None:
        if zone not in self.states:
            self._open(zone, entry)
            return
        book = self.book(zone)
        book.lost = book.commanded = False
        if book.is_of(entry):
            return
        book.revision = entry.revision
        if entry.data == book.stored:
            return
        unreadable = unreadable_instants(entry.data)
        found = ZoneState.from_document(entry.data)
        state = self.states[zone]
        unsaved = (
            state != book.saved or self._joining > 0 or book.key in self._store.mended
        )
        self._store.mended.discard(book.key)
        self.states[zone] = newest_of(state, found) if unsaved else found
        book.stored, book.saved = entry.data, found
        book.contested = CONTESTED_WRITES
        if unreadable != book.unreadable:
            book.note_unreadable(unreadable)

    def _open(self, zone: str, entry: Entry) -> None:
        """Take a document that is read for the first time in this process."""
        key = self.key_of(zone)
        unreadable = unreadable_instants(entry.data)
        saved = ZoneState.from_document(entry.data)
        # Until the first reading, the stored temperature is from another life.
        self.states[zone] = not_read_yet(saved)
        book = StateBook(key, entry.data, saved, entry.revision)
        if unreadable:
            book.note_unreadable(unreadable)
        if saved.intent is not None:
            # Another engine may be at work on it right now.
            book.contested = CONTESTED_WRITES
        self._books[zone] = book

    async def intend(self, zone: str, intent: Intent) -> Recorded:
        """Record that a command is about to be sent; only the winner may send it."""
        book = self.book(zone)
        if book.revision is None or not self.reachable:
            return Recorded.UNAVAILABLE
        for _ in range(_INTENT_ATTEMPTS):
            before = self.states[zone]
            intended = intended_in(before, intent)
            document = book.written(intended)
            try:
                revision = await self._store.compare_and_set(
                    book.key, document, book.revision
                )
            except StoreConflictError:
                found = await self._read([book.key])
                if found is None or not book.still_holds(found[book.key].data):
                    break
                book.stored = found[book.key].data
                book.revision = found[book.key].revision
            except Exception as error:  # noqa: BLE001 - any store, also a host's own
                self._note_failure(error)
                return Recorded.UNAVAILABLE
            else:
                book.revision = revision
                book.stored, book.saved = document, intended
                # A tick may have learned something of the zone while it was written.
                now = self.states[zone]
                self.states[zone] = (
                    intended if now is before else intended_in(now, intent)
                )
                book.lost, book.commanded = False, True
                return Recorded.YES
        book.lost = True
        return Recorded.LOST_RACE

    async def keep_of(self, zone: str) -> None:
        """Write what is known of one zone now, in the midst of a tick.

        Never raises for a store. What could not be written, or only over another writer's
        word, the tick's own write takes up.
        """
        book, state = self.book(zone), self.states[zone]
        if book.revision is None or book.lost or not self.reachable:
            return
        document = book.written(state)
        if document == book.stored:
            return
        try:
            book.revision = await self._store.compare_and_set(
                book.key, document, book.revision
            )
        except StoreConflictError:
            return
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)
            return
        book.stored, book.saved = document, state

    def commanded(self, zone: str) -> None:
        """Note that a command goes out whose intent could not be recorded."""
        book = self.book(zone)
        book.lost, book.commanded = False, True

    async def claim_rules(self, document: dict[str, Any]) -> Recorded:
        """Write what the rules are about to do, before it is done."""
        if self.rules.revision is None or not self.reachable:
            return Recorded.UNAVAILABLE
        try:
            return await self.rules.claim(self._store, document)
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)
            return Recorded.UNAVAILABLE

    async def reread(self, zone: str) -> None:
        """Read one zone's document again, after a lost race."""
        key = self.key_of(zone)
        entries = await self._read([key])
        if entries:
            self.states[zone] = self.book(zone).saved
            self._take_state(zone, entries[key])

    async def save(self, home: Mapping[str, Any]) -> None:
        """Write what changed, in one statement. `home`: keys for the whole home.

        Never raises for a store; what could not be written waits for the next tick.
        """
        if self.foreign is not None:
            return
        written = self._unsaved(self._of_home(home))
        quota = () if self._quota is None else (self._quota,)
        sides = (*self._sides, self.upkeep, *quota)
        past = {side.key: side.data for side in sides if side.unsaved}
        if self.life.unsaved:
            past[self._past_key] = self.life.to_document()
        if not written and not past:
            return
        revisions: Mapping[str, str] = {}
        # What changes while it is being written is not in it.
        states = {zone: self.states[zone] for zone in written}
        try:
            await self._save_alone(written)
            if written or past:
                by_key = {self._books[zone].key: each for zone, each in written.items()}
                revisions = await self._store.set_many({**by_key, **past})
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)
            return
        self.life.unsaved = False
        for side in sides:
            if side.key in past:
                side.saved(past[side.key])
        for zone, document in written.items():
            revision = revisions.get(self._books[zone].key)
            self._written(zone, document, states[zone], revision)

    async def _save_alone(self, written: dict[str, dict[str, Any]]) -> None:
        """Take out and write what others may write too."""
        contested = [zone for zone in written if self._books[zone].contested]
        for zone in contested:
            await self._save_contested(zone, written.pop(zone))

    def _of_home(self, home: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the home's document is to hold; an account has its own calls."""
        if self._home is None:
            return home
        if self._quota is None:
            return {**home, _OWNER: self._home}
        calls = {key: each for key, each in home.items() if key.startswith(_QUOTA)}
        if calls and self.counts:
            self._quota.data = {**self._quota.data, **calls}
        rest = {key: each for key, each in home.items() if key not in calls}
        return {**rest, _OWNER: self._home}

    async def save_wish(self, zone: str, home: Mapping[str, Any]) -> None:
        """Save; what was wished of a zone stands also where another writer was first."""
        asked = asked_of(self.states[zone])
        for _ in range(_INTENT_ATTEMPTS):
            await self.save(home)
            if not self.reachable or asked_of(self.states[zone]) == asked:
                return
            await self.reread(zone)
            self.states[zone] = with_asked(self.states[zone], asked)
        _LOGGER.warning("%s: others wrote over what was wished", zone)

    def expect_others(self) -> None:
        """Write no document blindly: another process may write it at any moment."""
        for book in self._books.values():
            book.contested = max(book.contested, 1)

    async def pass_on(self, payload: Mapping[str, Any]) -> None:
        """Leave an event for the engine that leads. Never raises for a store.

        Where it cannot be left it is lost, as one that the cloud lost: meters are read.
        """
        try:
            await self._store.update(self.inbox.key, partial(with_event, payload))
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)

    async def tell(self, document: dict[str, Any]) -> None:
        """Write what those that follow have to know. Never raises for a store."""
        try:
            await self._store.set_many({self.told.key: document})
        except Exception as error:  # noqa: BLE001 - any store, also a host's own
            self._note_failure(error)

    async def keep(self) -> None:
        """Write what changed at once, so that it is known whatever comes next.

        Read back where it was written blindly: the next intent needs its revision.
        """
        await self.save({})
        written = [book.key for book in self._books.values() if book.revision is None]
        entries = await self._read(written) if written and self.reachable else None
        for key, entry in (entries or {}).items():
            self._take_state(self._zone_of(key), entry)

    def _unsaved(self, home: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the documents that differ from what is stored, by zone."""
        written: dict[str, dict[str, Any]] = {}
        for zone, state in self.states.items():
            book = self.book(zone)
            if book.lost:
                self.states[zone] = book.saved
                continue
            document = book.stored
            if state is not book.saved:
                document = book.written(state)
            if zone == DEFAULT_ZONE:
                document = {**self.left.over(document), **home}
            if document is not book.stored and document != book.stored:
                written[zone] = document
        return written

    async def _save_contested(self, zone: str, document: dict[str, Any]) -> None:
        """Write over another writer's document only as it was when we read it.

        Without a command the other one's word stands; a command is joined with it.
        """
        book, ours = self._books[zone], self.states[zone]
        try:
            revision = await self._store.compare_and_set(
                book.key, document, book.revision or ""
            )
        except StoreConflictError:
            if not book.commanded:
                self.states[zone] = book.saved
                return
        else:
            self._written(zone, document, ours, revision)
            return
        ours = self.states[zone]

        def join(found: dict[str, Any]) -> dict[str, Any]:
            theirs = ZoneState.from_document(found)
            state = newest_of(ours, theirs)
            if theirs.pending_manual != book.saved.pending_manual:
                # A person was promised this while our command went out.
                state = still_wished(state, theirs.pending_manual)
            self.states[zone] = state
            joined = state.merged_into(found, theirs)
            return self.left.over(joined) if zone == DEFAULT_ZONE else joined

        joined = await self._store.update(book.key, join)
        self._written(zone, joined, self.states[zone], None)

    def _written(
        self,
        zone: str,
        document: dict[str, Any],
        state: ZoneState,
        revision: str | None,
    ) -> None:
        if zone == DEFAULT_ZONE:
            self.left.written(document)
        book = self._books[zone]
        book.stored, book.saved = document, state
        book.revision = revision
        book.commanded = False
        book.contested = max(0, book.contested - 1)


def _tells(state: ZoneState) -> bool:
    """Tell whether a state is of a device, whether or not it says of which."""
    return holds(state) or knows_a_unit(state)


# --- where a person's text is in a document's place ------------------------------------


class KeptBeside:
    """An `AsyncStore` as the engine uses it. Raises what the store raises.

    `settings_key` is the one document that is never kept beside. `problems` are those
    of the documents read last, by key; `mended` holds the keys that are read from their
    own place again, until whoever read them takes them out.
    """

    def __init__(self, store: AsyncStore, settings_key: str) -> None:
        self._store = store
        self._settings_key = settings_key
        self._beside: dict[str, str] = {}
        """Key to the revision of the last good document in its place."""
        self.mended: set[str] = set()
        self.problems: dict[str, str] = {}
        self._storable: dict[str, str] = {}
        """Key to the revision of a document that is known to be storable."""

    async def get_entry(self, key: str) -> Entry:
        """Return one entry as the store has it."""
        try:
            return await self._store.get_entry(key)
        except asyncio.CancelledError as error:
            raise broken_off(error) from error

    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key; what is kept beside wins over the last good.

        Where nothing good is known the entry is empty, with its problem.
        """
        entries = await self._read(list(keys))
        unreadable = []
        known = self._storable
        nothing_else = not (self.problems or self._beside)
        for key, entry in entries.items():
            if entry.problem is None:
                if nothing_else and known.get(key) == entry.revision:
                    continue
                self.problems.pop(key, None)
                if key != self._settings_key and known.get(key) != entry.revision:
                    data, problems = storable(entry.data)
                    if problems:
                        entries[key] = replace(entry, data=data)
                        self._name(key, problems)
                    else:
                        known[key] = entry.revision
                if self._beside.pop(key, None) is not None:
                    self.mended.add(key)
                continue
            self.problems[key] = entry.problem.words
            if key != self._settings_key:
                self._beside[key] = entry.revision
                unreadable.append(key)
        if unreadable:
            places = [_place(key) for key in unreadable]
            kept = await self._entries_of(places)
            for key in unreadable:
                entries[key] = _newer(entries[key], kept[_place(key)])
        return entries

    async def compare_and_set(
        self, key: str, data: dict[str, Any], revision: str
    ) -> str:
        """Write only if the revision read last is still there; return the new one."""
        try:
            if key not in self._beside:
                try:
                    return await self._store.compare_and_set(key, data, revision)
                except StoreDataError as error:
                    if not self._may_be_beside(key, error):
                        raise
                # A person's text since the last look.
                kept = (await self.get_many([key]))[key]
                if self._beside.get(key) != revision:
                    raise StoreConflictError(key, kept.revision)
                revision = kept.revision
            return await self._store.compare_and_set(
                _place(key), self._packed(key, data), revision
            )
        except asyncio.CancelledError as error:
            raise broken_off(error) from error

    async def set_many(
        self, documents: Mapping[str, dict[str, Any]]
    ) -> Mapping[str, str]:
        """Write several documents, all or nothing; return the revisions known by that."""
        try:
            try:
                written = await self._store.set_many(self._placed(documents))
            except StoreDataError as error:
                if error.problem is None:
                    raise
                await self.get_many(documents)
                written = await self._store.set_many(self._placed(documents))
        except asyncio.CancelledError as error:
            raise broken_off(error) from error
        if not written:
            return {}
        if self._beside:
            written = {
                key: revision
                for key in documents
                if (revision := written.get(key)) is not None
                and key not in self._beside
            }
        # What was just written can be written again.
        self._storable.update(written)
        return written

    async def update(
        self, key: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]
    ) -> dict[str, Any]:
        """Apply a pure change; see `StoreInterface.update`."""
        try:
            if key not in self._beside:
                try:
                    return await self._store.update(
                        key, lambda found: change(storable(found)[0])
                    )
                except StoreDataError as error:
                    if not self._may_be_beside(key, error):
                        raise
            while True:
                entry = (await self.get_many([key]))[key]
                changed = change(entry.data)
                if changed is None:
                    return entry.data
                try:
                    await self.compare_and_set(key, changed, entry.revision)
                except StoreConflictError:
                    continue
                return changed
        except asyncio.CancelledError as error:
            raise broken_off(error) from error

    def _name(self, key: str, problems: Sequence[StoreDataError]) -> None:
        """Name what of a document could not be written again, and was left out."""
        self.problems[key] = worded(
            "{key} holds what no store takes, left out: {what}",
            key=key,
            what=joined("; ", map(reworded, problems[:_NAMED])),
        )

    async def _read(self, keys: list[str]) -> dict[str, Entry]:
        try:
            return await self._entries_of(keys)
        except StoreUnavailableError as error:
            if error.problem is None:
                raise
        # One that was never good must not keep the others away.
        entries = {}
        for key in keys:
            try:
                entries[key] = await self.get_entry(key)
            except StoreUnavailableError as error:
                if error.problem is None:
                    raise
                entries[key] = Entry({}, "", None, problem=error.problem)
        return entries

    async def _entries_of(self, keys: list[str]) -> dict[str, Entry]:
        try:
            return await self._store.get_many(keys)
        except asyncio.CancelledError as error:
            raise broken_off(error) from error

    def _may_be_beside(self, key: str, error: StoreDataError) -> bool:
        return error.problem is not None and key != self._settings_key

    def _placed(
        self, documents: Mapping[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        return {
            _place(key) if key in self._beside else key: self._packed(key, data)
            for key, data in documents.items()
        }

    def _packed(self, key: str, data: dict[str, Any]) -> dict[str, Any]:
        if key not in self._beside:
            return data
        # With what it stands for: later it must not be taken for newer than that.
        return {_INSTEAD_OF: self._beside[key], _DOCUMENT: data}


def _place(key: str) -> str:
    return BESIDE + key


def _newer(last_good: Entry, kept: Entry) -> Entry:
    """Return what is to be read, under the revision of the place it is written to."""
    data = kept.data.get(_DOCUMENT)
    if kept.data.get(_INSTEAD_OF) != last_good.revision or not isinstance(data, dict):
        data = last_good.data
    return replace(last_good, data=data, revision=kept.revision)
