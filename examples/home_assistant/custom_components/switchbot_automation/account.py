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

from .const import (
    CONF_BASE_URL,
    CONF_DEVICES,
    CONF_SECRET,
    CONF_SETTINGS,
    CONF_TOKEN,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_automation.model import (
        CommandResult,
        DeviceList,
        DeviceStatus,
        Scene,
    )

# What a settings document puts before a sensor or actuator of another kind.
PLUGIN = "plugin:"
DEFAULT_BASE_URL = "https://api.switch-bot.com"


def connect(hass: HomeAssistant, data: Mapping[str, Any]) -> SwitchBotClient:
    """Return a client on Home Assistant's own session. Raises AuthError without a token."""
    token, secret = data.get(CONF_TOKEN), data.get(CONF_SECRET)
    if not isinstance(token, str) or not isinstance(secret, str):
        raise AuthError("the entry has no token and secret")
    return SwitchBotClient(
        async_get_clientsession(hass),
        token,
        secret,
        base_url=data.get(CONF_BASE_URL) or DEFAULT_BASE_URL,
    )


def devices_of(entry: ConfigEntry) -> set[str]:
    """Return the devices that an entry has or was made with: what its account is known by."""
    listed = entry.data.get(CONF_DEVICES)
    named = listed if isinstance(listed, list | tuple) else ()
    return {*map(str, named), *devices_in(entry.data.get(CONF_SETTINGS))}


def devices_in(document: object) -> set[str]:
    """Return the account's devices that a settings document names for its zones. Pure.

    Of what a person wrote by hand, whatever it is.

    >>> sorted(devices_in({"meter_device_id": "C1", "zones": {"den": {
    ...     "meter_device_id": "plugin:den", "equipment": [{"device_id": "B0"}]}}}))
    ['B0', 'C1']
    """
    if not isinstance(document, Mapping):
        return set()
    zones, equipment = document.get("zones"), document.get("equipment")
    found = [document.get(key) for key in ("meter_device_id", "aircon_device_id")]
    found += [
        each.get("device_id")
        for each in (equipment if isinstance(equipment, list) else ())
        if isinstance(each, Mapping)
    ]
    of_cloud = {
        each
        for each in found
        if isinstance(each, str) and each and not each.startswith(PLUGIN)
    }
    inside = zones.values() if isinstance(zones, Mapping) else ()
    return of_cloud.union(*map(devices_in, inside))


class WatchedAccount:
    """What the engine needs of the cloud; `refused` is called on an AuthError.

    The client has tried a second time by then: one 401 alone may be an accident. Many may
    be the service's, or the day's calls that are used up: `accepted` is called once the
    same credentials are good again.
    """

    def __init__(
        self,
        client: SwitchBotClient,
        refused: Callable[[], None],
        accepted: Callable[[], None],
    ) -> None:
        self.client = client
        self._refused = refused
        self._accepted = accepted
        # What was refused before a restart may be asked for still.
        self._doubted = True

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
            self._doubted = True
            self._refused()
            raise
        if self._doubted:
            self._doubted = False
            self._accepted()
