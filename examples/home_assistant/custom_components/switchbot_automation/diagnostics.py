"""What a person can attach to a report without giving a secret away."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import __version__ as ha_version
from homeassistant.core import HomeAssistant

from switchbot_automation.settings.secrets import masked

from . import HomeEntry
from .const import CONF_SECRET, CONF_SETTINGS, CONF_TOKEN

# A webhook's URL is its password; device ids name a household's hardware.
_SECRETS = {
    CONF_TOKEN,
    CONF_SECRET,
    "webhooks",
    "ifttt_webhooks",
    "unique_id",
    "meter_device_id",
    "aircon_device_id",
    "power_meter_device_id",
    "device_id",
    "device",
    "webhook_id",
    "entity_id",
    "sensors",
    "scenes",
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: HomeEntry
) -> dict[str, Any]:
    home = entry.runtime_data
    # By the product's own word of what a secret is, then by what names a household.
    stored = dict((await home.engine.stored_settings()).data)
    found = {
        "versions": {
            "home_assistant": ha_version,
            "engine": await hass.async_add_executor_job(
                version, "switchbot-automation"
            ),
        },
        "entry": {
            "data": {k: v for k, v in entry.data.items() if k != CONF_SETTINGS},
            "options": dict(entry.options),
        },
        "settings": masked(stored),
        "overview": home.engine.overview(),
        "health": await home.health(),
    }
    return async_redact_data(found, _SECRETS)
