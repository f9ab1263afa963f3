"""What a person can attach to a report without giving a secret away."""

from __future__ import annotations

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant

from switchbot_store.zone_rules import differs_from, zone_rules

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
    "sensors",
    "scenes",
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: HomeEntry
) -> dict[str, Any]:
    engine = entry.runtime_data.engine
    overview, now = engine.overview(), engine.clock.now()
    # The rules of timezones are files, read once a day and never on the loop.
    await hass.async_add_executor_job(zone_rules)
    for timezone in {zone["timezone"] for zone in overview["zones"]}:
        await hass.async_add_executor_job(differs_from, timezone, now)
    data = {key: value for key, value in entry.data.items() if key != CONF_SETTINGS}
    found = {
        "entry": data,
        "settings": (await engine.stored_settings()).data,
        "overview": overview,
        "health": await engine.health(),
    }
    return async_redact_data(found, _SECRETS)
