"""The settings in force: the newest good ones, and those before them.

A document that turns bad leaves the last good settings in force, and so do settings that
the first tick cannot live with. Good documents are kept in the store too, under an
internal key, so that a restart finds them and an old decision can be explained.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import worded
from switchbot_automation.model import DEFAULT_ZONE
from switchbot_automation.settings.read import (
    further_names,
    parse_settings,
    written_over,
)
from switchbot_automation.settings.salvage import salvage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from switchbot_automation.settings.model import Settings
    from switchbot_store import Entry

_LOGGER = logging.getLogger(__name__)

_KEPT_VERSIONS = 20
_KEPT_BYTES = 500_000
# Where releases before the zones' own word of it kept what a button had switched off.
_DISABLED = "disabled"
_WRITTEN_DISABLED = "disabled_in_document"


class _InForce(NamedTuple):
    """Settings with the document that they are of."""

    settings: Settings | None
    revision: str
    document: Mapping[str, Any]


class _Ahead(NamedTuple):
    """What was read of a document before it is taken."""

    document: Mapping[str, Any]
    found: Settings | SettingsError

    def given(self) -> Settings:
        """Return the settings. Raises SettingsError where they cannot be used."""
        if isinstance(self.found, SettingsError):
            raise self.found
        return self.found


class SettingsDevices(NamedTuple):
    """The devices that settings name.

    `zones` has the names of the zones of each meter; `sensors` lie around zones; `all`
    are both.
    """

    zones: Mapping[str, tuple[str, ...]]
    sensors: frozenset[str]
    all: frozenset[str]


def _devices_of(settings: Settings | None) -> SettingsDevices:
    if settings is None:
        return SettingsDevices({}, frozenset(), frozenset())
    zones: dict[str, tuple[str, ...]] = {}
    for name, zone in settings.zones.items():
        for meter in dict.fromkeys(zone.meters):
            zones[meter] = (*zones.get(meter, ()), name)
    overlaid = [
        settings.zones[name] for name in settings.overlaid & settings.zones.keys()
    ]
    outdoors = frozenset(each.outdoor_device_id for each in overlaid) - {""}
    # What says something of openings and presence, around all zones.
    sensors = outdoors | frozenset(
        sensor
        for zone in overlaid
        for part in (zone.openings, zone.presence)
        if part is not None
        for sensor in part.sensors
    )
    return SettingsDevices(zones, sensors, sensors | zones.keys())


class SettingsLife:
    """Takes documents by revision; keeps the last good ones.

    `settings` are in force, None without any good ones, and `devices` those they name.
    `error` says what is wrong with the newest document, None when it is in force.
    `revision` is the newest document's, None before the first; `revision_in_force` that of
    the settings in force. `switches`, what buttons said of the automation of zones, lie
    over them, see `switch`.

    `check` raises SettingsError for names of zones that cannot be here.
    """

    def __init__(
        self, check: Callable[[Iterable[str]], None] = lambda _zones: None
    ) -> None:
        self._check = check
        self.settings: Settings | None = None
        self.devices: SettingsDevices = _devices_of(None)
        self.error: SettingsError | None = None
        self.revision: str | None = None
        self.revision_in_force: str = ""
        self.past_read: bool = False
        self.unsaved: bool = False
        self.parse: Callable[[Mapping[str, Any]], Settings] = parse_settings
        self._parsed: Settings | None = None
        self._unreadable: SettingsError | None = None
        self._refused: SettingsError | None = None
        self._document: Mapping[str, Any] = {}
        self.switches: Mapping[str, bool] = {}
        self._past: list[dict[str, Any]] = []
        self._remembered: dict[str, Settings] = {}
        self._on_trial: _InForce | None = None
        self._ahead: _Ahead | None = None

    # --- what comes in --------------------------------------------------------------

    def take(self, entry: Entry) -> bool:
        """Take the stored document; tell whether other settings came into force.

        Of one that a person left unreadable the entry has the last good, which may be
        older than what is kept here.
        """
        self._note_unreadable(entry)
        changed = self._take(entry)
        self.error = self._unreadable or self._refused
        return changed

    def _take(self, entry: Entry) -> bool:
        if entry.problem is not None and not self._is_newest(entry.revision):
            return self._parsed is None and self._take_last_good()
        if entry.revision == self.revision:
            return False
        self.revision = entry.revision
        if not entry.revision and (self._parsed is not None or self._past):
            # An empty database is no wish; who wants it off says so in the document.
            _LOGGER.error(
                "the settings are gone from the store; the last stay in force"
            )
            self._refused = SettingsError(
                worded(
                    "the store has no settings any more; the last good ones stay in "
                    "force"
                )
            )
            return self._parsed is None and self._take_last_good()
        document, ahead = entry.data, self._ahead
        self._ahead = None
        try:
            read = ahead is not None and ahead.document is document
            settings = ahead.given() if ahead and read else self.readable(document)
        except SettingsError as error:
            _LOGGER.error("settings are not usable: %s", error)  # noqa: TRY400 - the message says where; a stack would not help
            self._refused = error
            return self._parsed is None and self._take_last_good()
        self._refused = None
        self._on_trial = _InForce(self._parsed, self.revision_in_force, self._document)
        self._come_into_force(_InForce(settings, entry.revision, document))
        self._keep(entry.revision, document)
        return True

    def read_ahead(self, entry: Entry) -> None:
        """Read the stored document, where it is new, for `take` to have it at once.

        In another thread, too, while nothing is taken.
        """
        if entry.revision == self.revision:
            return
        document = entry.data
        try:
            settings = self.readable(document)
        except SettingsError as error:
            self._ahead = _Ahead(document, error)
        else:
            self._ahead = _Ahead(document, settings)

    def readable(self, document: Mapping[str, Any]) -> Settings:
        """Return the settings of a document, without what stood in it while it was good.

        A part that an extra, a plug-in or a newer version of this program made readable
        is set aside once that is gone; one that is new has to be right. Raises
        SettingsError.
        """
        settings = self._readable(document)
        self._check(settings.zones)
        return settings

    def _readable(self, document: Mapping[str, Any]) -> Settings:
        try:
            return self.parse(document)
        except SettingsError:
            found = salvage(document)
            if found is None:
                raise
            last = self._past[-1]["settings"] if self._past else None
            for part in found.parts:
                known = part.alone if last is None else part.stands_in(last)
                if not known:
                    raise part.error from None
            return found.settings

    def take_past(self, document: dict[str, Any]) -> dict[str, bool]:
        """Take what an earlier process kept.

        Returns the zones that a button of an older release switched off, and of each
        whether the stored settings say so too; that is kept with the zones now.
        """
        self.past_read = True
        off = dict.fromkeys(_names(document.get(_DISABLED)), False)
        off |= dict.fromkeys(_names(document.get(_WRITTEN_DISABLED)), True)
        self.unsaved = self.unsaved or bool(off)
        versions = document.get("versions")
        if not isinstance(versions, list):
            return off
        self._past = [
            each
            for each in versions
            if isinstance(each, dict)
            and isinstance(each.get("revision"), str)
            and isinstance(each.get("settings"), dict)
        ]
        return off

    def _note_unreadable(self, entry: Entry) -> None:
        if entry.problem is None:
            self._unreadable = None
            return
        told = str(entry.problem)
        if self._unreadable is None or str(self._unreadable) != told:
            self._unreadable = SettingsError(told)

    def _is_newest(self, revision: str) -> bool:
        """Tell whether a document is not one of those before the last good one."""
        before = self._past[:-1]
        return bool(revision) and all(each["revision"] != revision for each in before)

    def _take_last_good(self) -> bool:
        for version in reversed(self._past):
            settings = _once_good(version["settings"])
            if settings is None:
                continue  # written for another version of this program
            _LOGGER.warning("the last good settings stay in force")
            self._come_into_force(
                _InForce(settings, version["revision"], version["settings"])
            )
            return True
        return False

    def _come_into_force(self, new: _InForce) -> None:
        before = self._parsed.set_aside if self._parsed else ()
        self._parsed, self.revision_in_force, self._document = new
        for each in self._parsed.set_aside if self._parsed else ():
            if each not in before:
                _LOGGER.error("set aside, the rest goes on without: %s", each.error)
        self._lay_switches()

    def switch(self, switches: Mapping[str, bool]) -> None:
        """Lay over the settings what buttons said of the automation of zones."""
        if switches != self.switches:
            self.switches = dict(switches)
            self._lay_switches()

    def says(self, zone: str) -> bool | None:
        """Return what the stored settings say of a zone's automation.

        None while others are in force than those, and of a zone that they do not have.
        """
        found = self._parsed.zones.get(zone) if self._parsed else None
        if found is None or self.error is not None or self.revision is None:
            return None
        return found.automation_enabled

    def look_anew(self) -> None:
        """Take the next document whatever its revision: an undone change may have it."""
        self.revision = None

    def with_zone_on(self, zone: str) -> Settings:
        """Return the settings in force as if they had a zone's automation on.

        Raises SettingsError where it needs more than they have.
        """
        on = [name for name, each in self.switches.items() if each and name != zone]
        document = dict(self._document)
        for name in (*on, zone):
            document = with_zone_keys(name, {"automation_enabled": True}, document)
        return self.readable(document)

    def _lay_switches(self) -> None:
        settings = self._parsed
        if settings is not None:
            for name, on in self.switches.items():
                zone = settings.zones.get(name)
                if zone is None or zone.automation_enabled is on:
                    continue
                if on:
                    settings = self._switched_on(name, settings)
                    continue
                # Of a room with several units it is all of them.
                whole = (name, *settings.units.get(name, ()))
                off = {
                    each: replace(settings.zones[each], automation_enabled=False)
                    for each in whole
                }
                settings = replace(settings, zones={**settings.zones, **off})
        if settings is not self.settings:
            self.settings, self.devices = settings, _devices_of(settings)

    def _switched_on(self, name: str, settings: Settings) -> Settings:
        try:
            on = self.with_zone_on(name)
        except SettingsError as error:
            _LOGGER.warning("%s cannot be switched on: %s", name, error)
            return settings
        whole = (name, *settings.units.get(name, ()))
        zones = {each: on.zones[each] for each in whole if each in on.zones}
        return replace(settings, zones={**settings.zones, **zones})

    # --- trial and rollback -----------------------------------------------------------

    @property
    def on_trial(self) -> bool:
        """Whether no tick has been through with these settings yet."""
        return self._on_trial is not None

    def settle(self) -> None:
        """Take it that the settings are good: a tick went through."""
        self._on_trial = None

    def reject(self, error: Exception) -> SettingsError:
        """Put the settings before in force again; return what is wrong with these."""
        before = self._on_trial or _InForce(None, "", {})
        self._on_trial = None
        self._past = [
            each for each in self._past if each["revision"] != self.revision_in_force
        ]
        self.unsaved = True
        name = type(error).__name__
        self._refused = SettingsError(
            worded("the first tick with these settings failed: {name}", name=name)
        )
        self.error = self._unreadable or self._refused
        self._come_into_force(before)
        if before.settings is None:
            self._take_last_good()
        return self._refused

    # --- what was --------------------------------------------------------------------

    def document_of(self, revision: str) -> dict[str, Any] | None:
        """Return the document of a good revision, None when it is not known."""
        for version in self._past:
            if version["revision"] == revision:
                found = version["settings"]
                return found if isinstance(found, dict) else None
        return None

    def settings_of(self, revision: str) -> Settings | None:
        """Return the settings of a good revision, None when they are not known."""
        if revision == self.revision_in_force and self._parsed is not None:
            return self._parsed
        if revision not in self._remembered:
            document = self.document_of(revision)
            settings = None if document is None else _once_good(document)
            if settings is not None:
                self._remembered[revision] = settings
        return self._remembered.get(revision)

    def zones_named(self) -> frozenset[str]:
        """Return the zones of the settings in force and of the good ones before.

        Those of further units as well.
        """
        found = set(self.settings.zones if self.settings else ())
        for version in self._past:
            home = version["settings"]
            zones = home.get("zones")
            if not isinstance(zones, dict) or not zones:
                zones = {DEFAULT_ZONE: home}
            for name, zone in zones.items():
                of_zone = zone.get("equipment") if isinstance(zone, dict) else None
                units = home.get("equipment") if of_zone is None else of_zone
                found.update([name, *further_names(name, units)])
        return frozenset(found)

    def before(self) -> Iterator[Settings]:
        """Yield the good settings before those in force, the newest first."""
        for version in reversed(self._past):
            if version["revision"] != self.revision_in_force:
                settings = self.settings_of(version["revision"])
                if settings is not None:
                    yield settings

    def to_document(self) -> dict[str, Any]:
        """Return what is to be kept for later processes, the newest last."""
        return {"versions": self._past}

    def _keep(self, revision: str, document: dict[str, Any]) -> None:
        if not revision or (self._past and self._past[-1]["revision"] == revision):
            return
        kept = [each for each in self._past if each["revision"] != revision]
        kept.append({"revision": revision, "settings": document})
        size, first = 0, len(kept)
        for version in reversed(kept[-_KEPT_VERSIONS:]):
            size += len(orjson.dumps(version))
            if size > _KEPT_BYTES and first < len(kept):
                break
            first -= 1
        self._past = kept[first:]
        self.unsaved = True


def _once_good(document: Mapping[str, Any]) -> Settings | None:
    """Return the settings of a document that was good, without what cannot be read now."""
    try:
        return parse_settings(document)
    except SettingsError:
        found = salvage(document)
        return found and found.settings


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(each for each in value if isinstance(each, str))


def with_zone_keys(
    zone: str, keys: Mapping[str, Any], document: dict[str, Any]
) -> dict[str, Any]:
    """Return a settings document, flat or with zones, with keys of one zone changed."""
    zones = document.get("zones")
    if not zones:
        return written_over(document, keys)
    changed = written_over(zones.get(zone, {}), keys)
    return {**document, "zones": {**zones, zone: changed}}
