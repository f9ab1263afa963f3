"""Rooms kept comfortable with SwitchBot devices, inside Home Assistant.

The engine runs on Home Assistant's own event loop; `home.Home` holds everything that
lives as long as the config entry.
"""

from __future__ import annotations

import logging

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.typing import ConfigType

from switchbot_automation.errors import AuthError, CloudError
from switchbot_store import StoreError

from . import services
from .account import connect
from .const import CONF_DEVICES, DOMAIN, PLATFORMS
from .entity import account_device
from .home import Home
from .language import learn, words_of
from .push import Push, is_wanted

_LOGGER = logging.getLogger(__name__)

HomeEntry = ConfigEntry[Home]
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    services.register(hass)
    await learn(hass)

    async def learn_another(_event: Event) -> None:
        await learn(hass)

    hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, learn_another)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: HomeEntry) -> bool:
    try:
        home = Home(hass, entry)
        await home.start()
    except AuthError as error:
        if not entry.data.get(CONF_DEVICES):
            raise ConfigEntryAuthFailed(words_of(hass, error)) from error
        # They were good once. The cloud also says so when all is refused that day: whoever
        # is not at home then must not find the rooms cold.
        entry.async_start_reauth(hass)
        raise ConfigEntryNotReady(words_of(hass, error)) from error
    except (CloudError, StoreError) as error:
        raise ConfigEntryNotReady(words_of(hass, error)) from error
    entry.runtime_data = home
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, **account_device(entry)
    )

    async def stop(_event: Event) -> None:
        await home.stop()

    entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, stop))
    try:
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except BaseException:
        # Or the next try would be a second engine on one unit.
        await home.stop()
        raise
    return True


async def async_unload_entry(hass: HomeAssistant, entry: HomeEntry) -> bool:
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.stop()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: HomeEntry) -> None:
    """Have the cloud push nothing more; settings and history stay, see the README."""
    if not is_wanted(entry):
        return
    try:
        await Push(hass, entry, connect(hass, entry.data)).give_back()
    except (CloudError, NoURLAvailableError) as error:
        _LOGGER.warning("the account's webhook could not be given back: %s", error)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: HomeEntry, device: dr.DeviceEntry
) -> bool:
    """Let a person delete the device of a room that the settings no longer have."""
    if entry.state is not ConfigEntryState.LOADED:
        return False  # nobody knows now which rooms there are
    present = {f"{entry.entry_id}/{zone}" for zone in entry.runtime_data.data.zones}
    present.add(entry.entry_id)
    return present.isdisjoint(name for _domain, name in device.identifiers)
