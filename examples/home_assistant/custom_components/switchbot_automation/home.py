"""Everything that lives as long as the config entry: store, history, engine, ticks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.issue_registry import IssueSeverity
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from switchbot_automation import (
    AutomationEngine,
    SchedulerService,
    SettingsError,
    WebhookSender,
)
from switchbot_automation.cloud.catalog.catalog import device_types
from switchbot_automation.core.state.wishes import bands_wished
from switchbot_automation.engine.act.boosts import Boosts
from switchbot_automation.engine.events import SettingsApplied
from switchbot_automation.errors import CloudError, EngineClosedError
from switchbot_automation.model import DeviceList
from switchbot_automation.plugins import registry
from switchbot_automation.settings.read import parse_settings
from switchbot_store import (
    HistoryService,
    JsonStore,
    SqliteHistory,
    StoreConflictError,
    StoreError,
)
from switchbot_store.zone_rules import differs_from, zone_rules

from .account import WatchedAccount, connect, devices_in, devices_of
from .const import CONF_DEVICES, CONF_SETTINGS, DOMAIN
from .issues import ACCOUNT_UNKNOWN, PUSH_TAKEN, Issues, Trouble, troubles_of
from .language import as_spoken_here
from .push import Push, is_wanted
from .sources import Hearing, provide, renamed

_LOGGER = logging.getLogger(__name__)

# How soon an account that is not recognised is asked for its devices again.
_STRANGER_SECONDS = 900.0
_MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Picture:
    """What the entities show."""

    zones: dict[str, dict[str, Any]]
    seasons: dict[str, tuple[str, ...]]
    """Of each zone those that it has temperatures for."""
    next_wakeup: datetime
    quota_remaining: int
    quota_used: int


class Home(DataUpdateCoordinator[Picture]):
    """Runs the engine, and tells the entities after every tick and command."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        super().__init__(hass, _LOGGER, config_entry=entry, name=DOMAIN)
        self.entry = entry
        self.account = WatchedAccount(
            connect(hass, entry.data),
            partial(entry.async_start_reauth, hass),
            self._accepted,
        )
        self.engine: AutomationEngine
        self._stack = AsyncExitStack()
        self._showing: asyncio.Handle | None = None
        self._issues = Issues(hass, entry)
        self.push = Push(hass, entry, self.account.client)
        self._hearing = Hearing(hass, entry)
        self._boosts = Boosts()
        self._looking = asyncio.Lock()
        self._renaming = asyncio.Lock()
        self._stopped = False
        # Whether the account has none of the devices that the entry was made with.
        self._stranger = False
        self._stranger_asked_at = 0.0

    @property
    def directory(self) -> Path:
        """Where settings, state and history lie, for a person to edit or back up."""
        return directory_of(self.hass, self.entry.unique_id)

    async def start(self) -> None:
        """Open everything and tick once. Raises CloudError, StoreError."""
        found = await self.account.devices()
        try:
            await self._open()
            self._recognise(found)
            await self.look_for_trouble()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _open(self) -> None:
        enter, job = self._stack, self.hass.async_add_executor_job
        # Both read files the first time, which must not happen on the loop.
        await job(device_types)
        await job(lambda: registry().report())
        provide(self.hass)
        store = await job(self._open_store)
        enter.push_async_callback(job, store.close)
        history = HistoryService(SqliteHistory(self.directory / "history.db"))
        enter.push_async_callback(job, history.close)
        self.engine = await enter.enter_async_context(
            AutomationEngine(
                self.account,
                store,
                history=history,
                quota=self.account.client.quota,
                webhook_sender=WebhookSender(),
            )
        )
        self.engine.show_in_health("push", self.push.report)
        await self._follow_entities()
        enter.callback(self._hearing.stop)
        await self.engine.run_once(trigger="start")
        self.data = self._picture()
        enter.callback(self.engine.subscribe(self._hear))
        enter.callback(self._forget)
        enter.callback(self._end_repairs)
        enter.callback(self.push.stop)
        if is_wanted(self.entry):
            await self.push.try_to_start(self.engine.handle_webhook)
        await enter.enter_async_context(SchedulerService(self.engine))

    def _open_store(self) -> JsonStore:
        self.directory.mkdir(parents=True, exist_ok=True)
        store = JsonStore(self.directory).open()
        # What the config flow asked for; afterwards the store's document counts.
        first = self.entry.data.get(CONF_SETTINGS)
        if first and isinstance(first, Mapping) and not store.get("settings"):
            store.set("settings", dict(first))
        # The engine reads them on the loop, where timezones are known by then, wrong ones too.
        with suppress(SettingsError, StoreError):
            parse_settings(store.get("settings") or {})
        return store

    @callback
    def _accepted(self) -> None:
        """Ask for no other credentials any more: those there are are good."""
        for flow in list(self.entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})):
            self.hass.config_entries.flow.async_abort(flow["flow_id"])

    async def stop(self) -> None:
        """End the ticks and close; stopping twice is fine."""
        await self._stack.aclose()

    async def _follow_entities(self) -> None:
        """Hear the entities, and know the devices, of the settings. Raises StoreError."""
        stored = await self.engine.stored_settings()
        self._hearing.follow(stored.data, self.engine, self._rename)
        devices = sorted(devices_in(stored.data))
        if devices and devices != self.entry.data.get(CONF_DEVICES):
            # By these the account is known once all of the first ones were replaced.
            self.hass.config_entries.async_update_entry(
                self.entry, data={**self.entry.data, CONF_DEVICES: devices}
            )

    async def _follow_again(self) -> None:
        try:
            await self._follow_entities()
        except (EngineClosedError, StoreError) as error:
            # Those before are heard on; every entity is read when it is due.
            _LOGGER.debug("the entities of new settings are not heard: %s", error)

    @callback
    def _rename(self, before: str, now: str) -> None:
        self.entry.async_create_task(
            self.hass, self._renamed(before, now), f"{DOMAIN} renamed"
        )

    async def _renamed(self, before: str, now: str) -> None:
        """Have the settings name a source by its new entity id."""
        try:
            # A device that is renamed renames all its entities at once: one by one, and
            # each is heard by its new name before the next tick has that in force.
            async with self._renaming:
                await self._rename_in_settings(before, now)
                await self._follow_entities()
        except (EngineClosedError, SettingsError, StoreError) as error:
            _LOGGER.warning("%s is now %s, choose it again: %s", before, now, error)

    async def _rename_in_settings(self, before: str, now: str) -> None:
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            stored = await self.engine.stored_settings()
            try:
                await self.apply(renamed(stored.data, before, now), stored.revision)
            except StoreConflictError:  # a person saves others just now
                if attempt == _MOST_ATTEMPTS:
                    raise
            else:
                return

    @callback
    def _hear(self, event: object) -> None:
        if isinstance(event, SettingsApplied):
            self.entry.async_create_task(
                self.hass, self._follow_again(), f"{DOMAIN} entities"
            )
        # A tick tells several things; they are shown once, when it is over.
        if self._showing is None:
            self._showing = self.hass.loop.call_later(0.05, self.show)

    @callback
    def show(self) -> None:
        """Tell the entities how things are now."""
        self._forget()
        try:
            picture = self._picture()
        except EngineClosedError:
            return  # it was unloaded meanwhile
        self.async_set_updated_data(picture)
        if not self._looking.locked():
            self.entry.async_create_task(
                self.hass, self.look_for_trouble(), f"{DOMAIN} repairs"
            )

    async def health(self) -> dict[str, Any]:
        """Return the engine's health."""
        now = self.engine.clock.now()
        # The rules of timezones are files, read once a day and never on the loop.
        await self.hass.async_add_executor_job(zone_rules)
        for timezone in {zone["timezone"] for zone in self.engine.overview()["zones"]}:
            await self.hass.async_add_executor_job(differs_from, timezone, now)
        return await self.engine.health()

    async def look_for_trouble(self) -> None:
        """Make the repairs of what needs a person now, and take back the others."""
        async with self._looking:
            try:
                with as_spoken_here(self.hass):
                    found = troubles_of(await self.health(), self.entry.title)
            except EngineClosedError:
                return  # it was unloaded meanwhile, and its repairs with it
            if await self._is_stranger():
                found[ACCOUNT_UNKNOWN] = Trouble(
                    ACCOUNT_UNKNOWN, severity=IssueSeverity.ERROR
                )
            if self.push.problem is not None:
                found[PUSH_TAKEN] = Trouble(PUSH_TAKEN, {"error": self.push.problem})
            if (
                not self._stopped
            ):  # or they would outlive it, with nobody to delete them
                self._issues.show(found)

    @callback
    def _end_repairs(self) -> None:
        self._stopped = True
        self._issues.show({})

    async def _is_stranger(self) -> bool:
        """Tell whether the account is another one; asked again while it is."""
        if not self._stranger:
            return False
        if self.hass.loop.time() - self._stranger_asked_at >= _STRANGER_SECONDS:
            try:
                self._recognise(await self.account.devices())
            except CloudError as error:
                _LOGGER.debug("the account cannot be recognised: %s", error)
        return self._stranger

    def _recognise(self, found: DeviceList) -> None:
        listed = {each.device_id for each in found.devices}
        listed |= {each.device_id for each in found.remotes}
        ours = devices_of(self.entry)
        self._stranger = bool(ours) and ours.isdisjoint(listed)
        self._stranger_asked_at = self.hass.loop.time()

    @callback
    def _forget(self) -> None:
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None

    def _picture(self) -> Picture:
        with as_spoken_here(self.hass):
            overview = self.engine.overview()
        zones = {zone["name"]: zone for zone in overview["zones"]}
        quota = self.account.client.quota
        return Picture(
            zones=zones,
            seasons={name: self._seasons(name) for name in zones},
            next_wakeup=self.engine.next_wakeup,
            quota_remaining=quota.remaining,
            quota_used=quota.used,
        )

    def _seasons(self, name: str) -> tuple[str, ...]:
        zone = self.engine.zone_in_force(name)
        found = {"winter": zone.winter, "summer": zone.summer}
        return tuple(season for season, profile in found.items() if profile)

    # --- what entities ask for ------------------------------------------------------

    async def apply(self, document: Any, revision: str | None) -> None:
        """Put settings in force. Raises SettingsError, StoreError as the engine does."""
        # Timezones are files, which must not be read on the loop; known ones are kept. The
        # engine lets stand what it has set aside already, and says what is wrong.
        with suppress(SettingsError):
            await self.hass.async_add_executor_job(parse_settings, document)
        await self.engine.apply_settings(document, revision=revision)

    async def change_zone(self, zone: str, changes: dict[str, Any]) -> None:
        """Write settings of one zone. Raises SettingsError, StoreError."""
        stored = await self.engine.stored_settings()
        document = _with_changes(stored.data, zone, changes)
        if document == stored.data:
            return  # applied again as they are, they would end a quick-off
        await self.apply(document, stored.revision)
        await self._look()

    async def check_band(self, zone: str, mode: str, band: tuple[float, float]) -> None:
        """Raise what `wish` would once the zone is in a mode: ValueError, SettingsError."""
        stored = await self.engine.stored_settings()
        document = _with_changes(stored.data, zone, {"mode": mode})
        settings = await self.hass.async_add_executor_job(parse_settings, document)
        bands_wished(settings.zones[zone], *band)

    async def _look(self) -> None:
        """Have what was asked for take effect at once."""
        try:
            await self.engine.run_once(trigger="settings")
        except EngineClosedError:
            # It was unloaded meanwhile; what was asked for is stored, or was sent.
            _LOGGER.debug("unloaded before the next look")

    async def quick_off(self, zone: str) -> None:
        """Send OFF and switch the automation off. Raises StoreError."""
        await self.engine.act(zone, "quick_off")
        await self._look()

    async def resume(self, zone: str, mode: str) -> None:
        """Look after a zone again, in a mode. Raises SettingsError, StoreError."""
        if mode != self.data.zones[zone]["mode"]:
            # For good; what only switches on leaves the settings as they are.
            await self.change_zone(zone, {"mode": mode})
        await self.engine.resume(zone)
        await self._look()

    async def wish(
        self,
        zone: str,
        band: tuple[float, float],
        until: timedelta | datetime | str | None = None,
    ) -> None:
        """Keep a band, until the next change of the windows by default.

        Raises ValueError.
        """
        await self.engine.set_temperature(zone, *band, until)
        await self._look()

    async def preset(
        self, zone: str, preset: str, until: timedelta | datetime | str | None = None
    ) -> None:
        """Put a preset in force, until the next change of the windows by default.

        Raises ValueError.
        """
        await self.engine.set_preset_mode(zone, preset, until)
        await self._look()

    async def release(self, zone: str) -> None:
        """End a preset, a wish and a hold."""
        await self.engine.hold(zone, "none")
        await self._look()

    async def boost(self, zone: str, kelvin: float, duration: timedelta) -> None:
        """Want the band warmer in winter, cooler in summer, for a while.

        While one lasts another begins the time anew, and takes its place. Raises
        ValueError for a room that is off.
        """
        # As it is now, which entities show a moment later.
        band = self._boosts.band(self.engine.zone_overview(zone), kelvin)
        await self.wish(zone, band, duration)


def directory_of(hass: HomeAssistant, name: str | None) -> Path:
    """Return where the settings, state and history of an entry lie, by its unique id."""
    return Path(hass.config.path(DOMAIN, name or "account"))


def _with_changes(
    document: Mapping[str, Any], zone: str, changes: Mapping[str, Any]
) -> dict[str, Any]:
    zones = document.get("zones")
    if isinstance(zones, dict) and zone in zones:
        return {**document, "zones": {**zones, zone: {**zones[zone], **changes}}}
    return {**document, **changes}
