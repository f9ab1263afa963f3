"""What every entity shares."""

from __future__ import annotations

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from switchbot_automation.model import DEFAULT_ZONE

from .const import DOMAIN
from .home import Home


def account_device(entry: ConfigEntry) -> DeviceInfo:
    """The account, which the rooms hang on."""
    return DeviceInfo(
        identifiers={(DOMAIN, entry.entry_id)},
        entry_type=DeviceEntryType.SERVICE,
        manufacturer="SwitchBot",
        name=f"{entry.title} account",
    )


def _via(home: Home) -> Any:
    """Return what a room hangs on, as this Home Assistant has it (2026.8 by an id)."""
    if "via_device_id" not in DeviceInfo.__annotations__:
        return {"via_device": (DOMAIN, home.entry.entry_id)}
    hub = dr.async_get(home.hass).async_get_or_create(
        config_entry_id=home.entry.entry_id, **account_device(home.entry)
    )
    return {"via_device_id": hub.id}


class AccountEntity(CoordinatorEntity[Home]):
    """Something of the whole account."""

    _attr_has_entity_name = True

    def __init__(self, home: Home, key: str) -> None:
        super().__init__(home)
        self._attr_translation_key = key
        self._attr_unique_id = f"{home.entry.entry_id}/{key}"
        self._attr_device_info = account_device(home.entry)


class ZoneEntity(CoordinatorEntity[Home]):
    """Something of one zone; unavailable once the settings do not have it any more."""

    _attr_has_entity_name = True

    def __init__(self, home: Home, zone: str, key: str) -> None:
        super().__init__(home)
        self.zone = zone
        self._attr_translation_key = key
        self._attr_unique_id = f"{home.entry.entry_id}/{zone}/{key}"
        made: Any = DeviceInfo  # whose keys are others from one release to the next
        self._attr_device_info = made(
            identifiers={(DOMAIN, f"{home.entry.entry_id}/{zone}")},
            manufacturer="SwitchBot",
            name=home.entry.title if zone == DEFAULT_ZONE else zone,
            **_via(home),
        )

    @property
    def shown(self) -> dict[str, Any]:
        """What the engine's overview says of the zone."""
        return self.coordinator.data.zones.get(self.zone, {})

    @property
    def available(self) -> bool:
        return super().available and bool(self.shown)
