"""Everything that lives as long as the config entry: store, history, engine, ticks."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from switchbot_automation import AutomationEngine, SchedulerService, WebhookSender
from switchbot_automation.cloud.catalog.catalog import device_types
from switchbot_automation.plugins import registry
from switchbot_store import HistoryService, JsonStore, SqliteHistory

from .account import WatchedAccount, connect
from .const import CONF_SETTINGS, DOMAIN

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """What the entities show."""

    zones: dict[str, dict[str, Any]]
    next_wakeup: datetime
    quota_remaining: int
    quota_used: int


class Home(DataUpdateCoordinator[Picture]):
    """Runs the engine, and tells the entities after every tick and command."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        super().__init__(hass, _LOGGER, config_entry=entry, name=DOMAIN)
        self.entry = entry
        self.account = WatchedAccount(
            connect(hass, entry.data), partial(entry.async_start_reauth, hass)
        )
        self.engine: AutomationEngine
        self._stack = AsyncExitStack()
        self._showing: asyncio.Handle | None = None

    @property
    def directory(self) -> Path:
        """Where settings, state and history lie, for a person to edit or back up."""
        return Path(self.hass.config.path(DOMAIN, self.entry.unique_id or "account"))

    async def start(self) -> None:
        """Open everything and tick once. Raises CloudError, StoreError."""
        await self.account.client.devices()
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _open(self) -> None:
        enter, job = self._stack, self.hass.async_add_executor_job
        # Both read files the first time, which must not happen on the loop.
        await job(device_types)
        await job(lambda: registry().report())
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
        await self.engine.run_once(trigger="start")
        self.data = self._picture()
        enter.callback(self.engine.subscribe(self._hear))
        enter.callback(self._forget)
        await enter.enter_async_context(SchedulerService(self.engine))

    def _open_store(self) -> JsonStore:
        self.directory.mkdir(parents=True, exist_ok=True)
        store = JsonStore(self.directory).open()
        # What the config flow asked for; afterwards the store's document counts.
        if not store.get("settings") and CONF_SETTINGS in self.entry.data:
            store.set("settings", dict(self.entry.data[CONF_SETTINGS]))
        return store

    async def stop(self) -> None:
        """End the ticks and close; stopping twice is fine."""
        await self._stack.aclose()

    @callback
    def _hear(self, _event: object) -> None:
        # A tick tells several things; they are shown once, when it is over.
        if self._showing is None:
            self._showing = self.hass.loop.call_later(0.05, self.show)

    @callback
    def show(self) -> None:
        """Tell the entities how things are now."""
        self._forget()
        self.async_set_updated_data(self._picture())

    @callback
    def _forget(self) -> None:
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None

    def _picture(self) -> Picture:
        overview = self.engine.overview()
        quota = self.account.client.quota
        return Picture(
            zones={zone["name"]: zone for zone in overview["zones"]},
            next_wakeup=self.engine.next_wakeup,
            quota_remaining=quota.remaining,
            quota_used=quota.used,
        )

    # --- what entities ask for ------------------------------------------------------

    async def change_zone(self, zone: str, changes: dict[str, Any]) -> None:
        """Write settings of one zone. Raises SettingsError, StoreError."""
        stored = await self.engine.stored_settings()
        document = dict(stored.data)
        zones = document.get("zones")
        if isinstance(zones, dict) and zone in zones:
            document["zones"] = {**zones, zone: {**zones[zone], **changes}}
        else:
            document |= changes
        if document == stored.data:
            return  # applied again as they are, they would end a quick-off
        await self.engine.apply_settings(document, revision=stored.revision)
        await self.engine.run_once(trigger="settings")

    async def quick_off(self, zone: str) -> None:
        """Send OFF and switch the automation off. Raises StoreError."""
        await self.engine.act(zone, "quick_off")
        await self.engine.run_once(trigger="settings")

    async def resume(self, zone: str, mode: str) -> None:
        """Look after a zone again, in a mode. Raises SettingsError, StoreError."""
        if mode != self.data.zones[zone]["mode"]:
            # For good; what only switches on leaves the settings as they are.
            await self.change_zone(zone, {"mode": mode})
        await self.engine.resume(zone)
        await self.engine.run_once(trigger="settings")

    async def wish(self, zone: str, band: tuple[float, float]) -> None:
        """Keep a band until the next change of the windows. Raises ValueError."""
        await self.engine.set_temperature(zone, *band)
        await self.engine.run_once(trigger="settings")
