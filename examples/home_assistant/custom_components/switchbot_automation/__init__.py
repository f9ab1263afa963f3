"""Rooms kept comfortable with SwitchBot devices, inside Home Assistant.

The engine runs on Home Assistant's own event loop; `home.Home` holds everything that
lives as long as the config entry.
"""

from __future__ import annotations

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.typing import ConfigType

from switchbot_automation.errors import AuthError, CloudError
from switchbot_store import StoreError

from . import services
from .const import DOMAIN, PLATFORMS
from .entity import account_device
from .home import Home

HomeEntry = ConfigEntry[Home]
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    services.register(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: HomeEntry) -> bool:
    home = Home(hass, entry)
    try:
        await home.start()
    except AuthError as error:
        raise ConfigEntryAuthFailed(str(error)) from error
    except (CloudError, StoreError) as error:
        raise ConfigEntryNotReady(str(error)) from error
    entry.runtime_data = home
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, **account_device(entry)
    )

    async def stop(_event: Event) -> None:
        await home.stop()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: HomeEntry) -> bool:
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.stop()
    return unloaded
