"""What a person can attach to a report without giving a secret away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import __version__ as ha_version
from homeassistant.core import HomeAssistant

from switchbot_automation.settings.secrets import masked

from . import HomeEntry
from .account import PLUGIN, devices_of
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
    "humidity_entity_id",
    "devices",
    "sensors",
    "scenes",
    "latitude",
    "longitude",
}
# Ids also stand in what is told: an error names its sensor, a plug-in its entity.
_IDS = {
    key for key in _SECRETS if key.endswith(("_id", "device", "devices", "sensors"))
}
_SHORTEST_ID = 4


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
            # The account's address may have a password in it, too.
            "data": masked({k: v for k, v in entry.data.items() if k != CONF_SETTINGS}),
            "options": masked(dict(entry.options)),
        },
        "settings": masked(stored),
        "overview": home.engine.overview(),
        "health": await home.health(),
    }
    # Its directory has the entry's name.
    ids = {*_ids_in(stored), *devices_of(entry), entry.unique_id or ""}
    numbered = {
        each: f"**{number}**"
        # The longest first: one may begin as another.
        for number, each in enumerate(sorted(ids, key=lambda each: (-len(each), each)))
        if len(each) >= _SHORTEST_ID
    }
    redacted: dict[str, Any] = _without(async_redact_data(found, _SECRETS), numbered)
    return redacted


def _ids_in(value: Any, *, below: bool = False) -> Iterator[str]:
    """Yield the ids of devices and entities, and the names of plug-ins, of settings."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == "plugins" and isinstance(each, Mapping):
                yield from map(str, each)
            yield from _ids_in(each, below=below or key in _IDS)
    elif isinstance(value, list):
        for each in value:
            yield from _ids_in(each, below=below)
    elif below and isinstance(value, str):
        yield value.removeprefix(PLUGIN)


def _without(value: Any, numbered: Mapping[str, str]) -> Any:
    """Return a document with a number in place of each id, in words and keys as well."""
    if isinstance(value, Mapping):
        return {
            _without(key, numbered): _without(each, numbered)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without(each, numbered) for each in value]
    if isinstance(value, str):
        for each, number in numbered.items():
            value = value.replace(each, number)
    return value
