"""The day's calls, the next look, and each zone's last decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from switchbot_automation import Outcome
from switchbot_automation.core.state.kept import STATUSES

from . import HomeEntry
from .entity import AccountEntity, ZoneEntity, add_for_zones
from .home import Home

# They only show what the coordinator has.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeEntry, add: AddConfigEntryEntitiesCallback
) -> None:
    home = entry.runtime_data
    add([QuotaSensor(home, "quota"), WakeupSensor(home, "next_wakeup")])
    add_for_zones(entry, add, DecisionSensor)
    add_for_zones(entry, add, RoomSensor)


class QuotaSensor(AccountEntity, SensorEntity):
    """How many calls the account has left today (UTC)."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    def native_value(self) -> int:
        return self.coordinator.data.quota_remaining

    @property
    def extra_state_attributes(self) -> Mapping[str, Any]:
        return {"used_today": self.coordinator.data.quota_used}


class WakeupSensor(AccountEntity, SensorEntity):
    """When the engine looks again."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_device_class = SensorDeviceClass.TIMESTAMP

    @property
    def native_value(self) -> datetime:
        return self.coordinator.data.next_wakeup


class DecisionSensor(ZoneEntity, SensorEntity):
    """What the last tick came to for a zone, with its reasons."""

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = [str(outcome) for outcome in Outcome]

    def __init__(self, home: Home, zone: str) -> None:
        super().__init__(home, zone, "last_decision")

    @property
    def native_value(self) -> str | None:
        return self.shown.get("outcome")

    @property
    def extra_state_attributes(self) -> Mapping[str, Any]:
        reasons = self.shown.get("reasons", ())
        return {
            "reasons": [reason["text"] for reason in reasons],
            "codes": [reason["code"] for reason in reasons],
        }


class RoomSensor(ZoneEntity, SensorEntity):
    """Whether the room is kept, since when, why not, and what a person can do."""

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = list(STATUSES)

    def __init__(self, home: Home, zone: str) -> None:
        super().__init__(home, zone, "room")

    @property
    def native_value(self) -> str | None:
        status: str | None = self.shown.get("room", {}).get("status")
        return status

    @property
    def extra_state_attributes(self) -> Mapping[str, Any]:
        room = self.shown.get("room", {})
        return {
            "since": room.get("since"),
            "reasons": room.get("reasons", []),
            "advice": room.get("advice", ""),
        }
