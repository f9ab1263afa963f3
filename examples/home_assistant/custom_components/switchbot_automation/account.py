"""The account's client, which asks for new credentials when the old are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from switchbot_automation import SwitchBotClient
from switchbot_automation.errors import AuthError

from .const import CONF_BASE_URL, CONF_SECRET, CONF_SETTINGS, CONF_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_automation.model import (
        CommandResult,
        DeviceList,
        DeviceStatus,
        Scene,
    )

DEFAULT_BASE_URL = "https://api.switch-bot.com"


def connect(hass: HomeAssistant, data: Mapping[str, Any]) -> SwitchBotClient:
    """Return a client on Home Assistant's own session."""
    return SwitchBotClient(
        async_get_clientsession(hass),
        data[CONF_TOKEN],
        data[CONF_SECRET],
        base_url=data.get(CONF_BASE_URL) or DEFAULT_BASE_URL,
    )


def devices_of(entry: ConfigEntry) -> set[str]:
    """Return the devices that an entry was made with, which stay where settings change."""
    settings = entry.data.get(CONF_SETTINGS, {})
    found = (settings.get("meter_device_id"), settings.get("aircon_device_id"))
    return {each for each in found if each}


class WatchedAccount:
    """What the engine needs of the cloud; `refused` is called on an AuthError.

    The client has tried a second time by then: one 401 alone may be an accident.
    """

    def __init__(self, client: SwitchBotClient, refused: Callable[[], None]) -> None:
        self.client = client
        self._refused = refused

    async def devices(self) -> DeviceList:
        with self._watching():
            return await self.client.devices()

    async def status(self, device_id: str) -> DeviceStatus:
        with self._watching():
            return await self.client.status(device_id)

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        with self._watching():
            return await self.client.command(
                device_id, command, parameter, command_type
            )

    async def scenes(self) -> list[Scene]:
        with self._watching():
            return await self.client.scenes()

    async def run_scene(self, scene_id: str) -> CommandResult:
        with self._watching():
            return await self.client.run_scene(scene_id)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except AuthError:
            self._refused()
            raise
