"""The settings in force: the newest good ones, and those before them.

A document that turns bad leaves the last good settings in force, and so do settings that
the first tick cannot live with. Good documents are kept in the store too, under an
internal key, so that a restart finds them and an old decision can be explained.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from switchbot_automation.errors import SettingsError
from switchbot_automation.model import DEFAULT_ZONE
from switchbot_automation.settings.read import parse_settings, written_over
from switchbot_automation.settings.salvage import salvage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from switchbot_automation.settings.model import Settings
    from switchbot_store import Entry

_LOGGER = logging.getLogger(__name__)

_KEPT_VERSIONS = 20
_KEPT_BYTES = 500_000
_DISABLED = "disabled"
_WRITTEN_DISABLED = "disabled_in_document"


class SettingsLife:
    """Takes documents by revision; keeps the last good ones.

    `settings` are in force, None without any good ones. `error` says what is wrong with
    the newest document, None when it is in force. `revision` is the newest document's,
    None before the first; `revision_in_force` that of the settings in force.
    `disabled` are the zones of which the stored settings do not say yet that they are.

    `check` raises SettingsError for names of zones that cannot be here.

    A zone that a person disabled stays so whatever becomes of the document: `disabled`
    until that is written, and then until a document with it comes into force.
    """

    def __init__(
        self, check: Callable[[Iterable[str]], None] = lambda _zones: None
    ) -> None:
        self._check = check
        self.settings: Settings | None = None
        self.error: SettingsError | None = None
        self.disabled: frozenset[str] = frozenset()
        self.revision: str | None = None
        self.revision_in_force = ""
        self.past_read = False
        self.unsaved = False
        self._parsed: Settings | None = None
        self._unreadable: SettingsError | None = None
        self._refused: SettingsError | None = None
        self._written_disabled: frozenset[str] = frozenset()
        self._past: list[dict[str, Any]] = []
        self._remembered: dict[str, Settings] = {}
        self._on_trial: tuple[Settings | None, str] | None = None

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
                "the store has no settings any more; the last good ones stay in force"
            )
            return self._parsed is None and self._take_last_good()
        try:
            settings = self.readable(entry.data)
        except SettingsError as error:
            _LOGGER.error("settings are not usable: %s", error)  # noqa: TRY400 - the message says where; a stack would not help
            self._refused = error
            self.unsaved = self.unsaved or bool(self._written_disabled)
            return self._parsed is None and self._take_last_good()
        self._refused = None
        if entry.problem is None and self._written_disabled:
            self._written_disabled = frozenset()
            self.unsaved = True
        self._on_trial = (self._parsed, self.revision_in_force)
        self._come_into_force(settings, entry.revision)
        self._keep(entry.revision, entry.data)
        return True

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
            return parse_settings(document)
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

    def take_past(self, document: dict[str, Any]) -> None:
        """Take what an earlier process kept."""
        self.past_read = True
        self.disabled |= _names(document.get(_DISABLED))
        self._written_disabled |= _names(document.get(_WRITTEN_DISABLED))
        versions = document.get("versions")
        if not isinstance(versions, list):
            return
        self._past = [
            each
            for each in versions
            if isinstance(each, dict)
            and isinstance(each.get("revision"), str)
            and isinstance(each.get("settings"), dict)
        ]

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
            self._come_into_force(settings, version["revision"])
            return True
        return False

    def _come_into_force(self, settings: Settings | None, revision: str) -> None:
        before = self._parsed.set_aside if self._parsed else ()
        self._parsed = settings
        self.revision_in_force = revision
        for each in settings.set_aside if settings else ():
            if each not in before:
                _LOGGER.error("set aside, the rest goes on without: %s", each.error)
        self._apply_disabled()

    def disable(self, zone: str, *, disabled: bool) -> None:
        """Disable a zone here, or note that the stored document says so by now."""
        if disabled:
            self.unsaved = self.unsaved or zone not in self.disabled
            self.disabled |= {zone}
        else:
            self.unsaved = (
                self.unsaved or zone in self.disabled or self.error is not None
            )
            self.disabled -= {zone}
            self._written_disabled |= {zone}
            # Looked at again in any case: an undone change may have the old revision.
            self.revision = None
        self._apply_disabled()

    def _apply_disabled(self) -> None:
        settings = self._parsed
        disabled = self.disabled | self._written_disabled
        if settings is not None and disabled:
            zones = {
                name: replace(zone, automation_enabled=False)
                if name in disabled
                else zone
                for name, zone in settings.zones.items()
            }
            settings = replace(settings, zones=zones)
        self.settings = settings

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
        before, revision = self._on_trial or (None, "")
        self._on_trial = None
        self._past = [
            each for each in self._past if each["revision"] != self.revision_in_force
        ]
        self.unsaved = True
        name = type(error).__name__
        self._refused = SettingsError(
            f"the first tick with these settings failed: {name}"
        )
        self.error = self._unreadable or self._refused
        self._come_into_force(before, revision)
        if before is None:
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
        """Return the zones of the settings in force and of the good ones before."""
        found = set(self.settings.zones if self.settings else ())
        for version in self._past:
            zones = version["settings"].get("zones")
            found.update(zones if isinstance(zones, dict) and zones else [DEFAULT_ZONE])
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
        document: dict[str, Any] = {"versions": self._past}
        if self.disabled:
            document[_DISABLED] = sorted(self.disabled)
        if self._written_disabled:
            document[_WRITTEN_DISABLED] = sorted(self._written_disabled)
        return document

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


def with_zone_disabled(zone: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a settings document, flat or with zones, with one zone disabled."""
    return with_zone_keys(zone, {"automation_enabled": False}, document)


def with_zone_keys(
    zone: str, keys: Mapping[str, Any], document: dict[str, Any]
) -> dict[str, Any]:
    """Return a settings document, flat or with zones, with keys of one zone changed."""
    zones = document.get("zones")
    if not zones:
        return written_over(document, keys)
    changed = written_over(zones.get(zone, {}), keys)
    return {**document, "zones": {**zones, zone: changed}}
