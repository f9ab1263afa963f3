"""What every entity shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
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


def add_for_zones(
    entry: ConfigEntry[Home],
    add: AddConfigEntryEntitiesCallback,
    make: Callable[[Home, str], ZoneEntity],
) -> None:
    """Add an entity of a kind for each zone there is, and for each that there will be."""
    home = entry.runtime_data
    known: set[str] = set()

    @callback
    def add_new_zones() -> None:
        new = [make(home, zone) for zone in home.data.zones if zone not in known]
        for each in new:
            known.add(each.zone)
            each.forget = known.discard
        add(new)

    add_new_zones()
    entry.async_on_unload(home.async_add_listener(add_new_zones))


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
        self.forget: Callable[[str], None] | None = None
        self._attr_translation_key = key
        self._attr_unique_id = f"{home.entry.entry_id}/{zone}/{key}"
        made: Any = DeviceInfo  # whose keys are others from one release to the next
        self._attr_device_info = made(
            identifiers={(DOMAIN, f"{home.entry.entry_id}/{zone}")},
            manufacturer="SwitchBot",
            name=home.entry.title if zone == DEFAULT_ZONE else zone,
            **_via(home),
        )

    async def async_will_remove_from_hass(self) -> None:
        await super().async_will_remove_from_hass()
        if not self.shown and self.forget is not None:
            # A person deleted what the settings no longer have; it may come back.
            self.forget(self.zone)

    @property
    def shown(self) -> dict[str, Any]:
        """What the engine's overview says of the zone."""
        return self.coordinator.data.zones.get(self.zone, {})

    @property
    def available(self) -> bool:
        return super().available and bool(self.shown)
