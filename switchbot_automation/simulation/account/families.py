"""Devices that keep the status fields of their product and obey its commands."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.catalog.catalog import validate_command
from switchbot_automation.errors import BadParameterError, UnsupportedCommandError
from switchbot_automation.simulation.account.devices import (
    NO_HUB,
    Body,
    VirtualDevice,
    check_tag,
    invalid_parameter,
    unsupported,
)
from switchbot_automation.simulation.account.effects import EFFECTS
from switchbot_automation.simulation.faults import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from switchbot_automation.cloud.catalog.catalog import DeviceType, StatusField
    from switchbot_automation.simulation.house.meter import Meter

# What a field starts with where the catalogue's first value or least number would make
# an odd device.
_INITIAL: dict[str, Any] = {
    "auto": False,
    "battery": 100,
    "brightness": 50,
    "calibrate": True,
    "color": "255:255:255",
    "colorLightRGB": "255:255:255",
    "colorTemperature": 4000,
    "deviceMode": "switchMode",
    "doorState": "close",
    "filterElement": {"effectiveUsageHours": 120, "maxUsageHours": 2400},
    "humidity": 50,
    "latestImage": {},
    "lockState": "locked",
    "mainLightBrightness": 50,
    "mainLightColorTemp": 4000,
    "colorLightBrightness": 50,
    "online": True,
    "onlineStatus": "online",
    "voltage": 230.0,
    "switch1Voltage": 230.0,
    "switch2Voltage": 230.0,
    "chargingStatus": "uncharged",
    "doorStatus": 1,
    "isStuck": "",
    # Of no home's air, and not 0: with 0 % that is a device nobody hears.
    "temperature": 20.0,
}
_OFF_BY_DEFAULT = frozenset(
    {
        "power",
        "mainLightPower",
        "colorLightPower",
        "oscillation",
        "verticalOscillation",
        "childLock",
        "nightStatus",
    }
)
_BY_TYPE: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0.0,
    "boolean": False,
    "object": {},
}

# Events speak another language than statuses.
_EVENT_NAMES = {
    "power": "powerState",
    "colorLightPower": "colorLightPowerState",
    "colorLightRGB": "colorLightColor",
    "mainLightBrightness": "brightness",
    "mainLightColorTemp": "colorTemperature",
    "moveDetected": "detectionState",
    "Detected": "detectionState",
    "status": "detectionState",
    "onlineStatus": "online",
}
_EVENT_VALUES: dict[tuple[str, Any], Any] = {
    ("powerState", "on"): "ON",
    ("powerState", "off"): "OFF",
    ("powerState", "partial"): "ON",
    ("colorLightPowerState", "on"): "ON",
    ("colorLightPowerState", "off"): "OFF",
    ("lockState", "locked"): "LOCKED",
    ("lockState", "lock"): "LOCKED",
    ("lockState", "unlocked"): "UNLOCKED",
    ("lockState", "unlock"): "UNLOCKED",
    ("lockState", "jammed"): "JAMMED",
    ("lockState", "latchBoltLocked"): "LATCH_BOLT_LOCKED",
    ("doorState", "open"): "OPENED",
    ("doorState", "close"): "CLOSED",
    ("detectionState", True): "DETECTED",
    ("detectionState", False): "NOT_DETECTED",
    ("isStuck", ""): False,
    ("online", "online"): True,
    ("online", "offline"): False,
}
# A panel's status has a percentage, its events a word.
_LIGHTNESS, _DIM_BELOW = ("bright", "dim"), 50
# The only product whose events are documented to name just the channel that changed.
_PARTIAL_EVENTS = frozenset({"Relay Switch 2PM"})


class CatalogDevice(VirtualDevice):
    """A product that keeps its status fields and changes them as commands say.

    `state` holds the fields and may be written by a test. `air`, a simulated meter,
    fills temperature and humidity where the product has them.
    """

    def __init__(
        self,
        product: DeviceType,
        device_id: str,
        name: str | None = None,
        hub_id: str = NO_HUB,
        *,
        air: Meter | None = None,
    ) -> None:
        super().__init__(device_id, name or product.name, product.device_type, hub_id)
        self.product = product
        self.air = air
        self.state: Body = {
            field.name: deepcopy(_initial(field)) for field in product.status
        }

    def entry(self) -> Body:
        """Return the entry of the device list, with the product's own extras."""
        entry = super().entry()
        if not self.device_type:
            # One product is listed without a type (home-assistant/core#169551).
            del entry["deviceType"]
        for name in self.product.list_fields:
            entry[name] = self._list_field(name)
        return entry

    def fields(self) -> Body:
        """Return the status fields as they are now."""
        if not self.product.status_supported:
            return {}
        fields = dict(self.state)
        report = self.air.report if self.air is not None else None
        if report is not None:
            if "temperature" in fields:
                fields["temperature"] = report.temperature
            if "humidity" in fields:
                fields["humidity"] = report.humidity
        return fields

    def prepare(
        self, command: str, parameter: Any, command_type: str
    ) -> Callable[[], Body | None]:
        """Check the command against the catalogue; see `VirtualDevice.prepare`."""
        parameter = self._checked(command, parameter, command_type)

        def carry_out() -> Body | None:
            effect = EFFECTS.get(command)
            return self.change(effect(self.state, parameter) if effect else {})

        return carry_out

    def change(self, changes: Body) -> Body | None:
        """Write fields; return the event context to send, None if nothing changed."""
        changed = {
            name: value
            for name, value in changes.items()
            if name not in self.state or self.state[name] != value
        }
        self.state.update(changed)
        return self.event(changed) if changed else None

    def happened(self, fields: Body) -> Body | None:
        """Change by itself; see `SimulatedHome.happen`."""
        told = {field.name for field in self.product.webhook_fields}
        if self.infrared or not set(fields) <= told | set(self.state):
            return super().happened(fields)
        self.state.update((k, v) for k, v in fields.items() if k in self.state)
        return self.event(fields)

    def event(self, changed: Body) -> Body | None:
        """Return the webhook context for a change, None if the product sends none."""
        product = self.product
        if not product.webhook_types:
            return None
        known = {field.name: field for field in product.webhook_fields}
        source = changed if self.device_type in _PARTIAL_EVENTS else self.fields()
        context: Body = {
            "deviceType": product.webhook_types[0],
            "deviceMac" if "deviceMac" in known else "deviceId": self.device_id,
        }
        for name, value in (source | changed).items():
            spoken = name if name in known else _EVENT_NAMES.get(name, name)
            if spoken in known:
                context[spoken] = _spoken(known[spoken], value)
        if len(context) <= len(("deviceType", "deviceMac")):
            return None  # nothing of this is told
        if "scale" in known:
            context["scale"] = "CELSIUS"
        return context

    def _checked(self, command: str, parameter: Any, command_type: str) -> Any:
        spelling = self.device_type or self.product.name
        try:
            return validate_command(
                spelling, command, parameter, command_type, infrared=self.infrared
            )
        except UnsupportedCommandError as error:
            raise unsupported(command) from error
        except BadParameterError as error:
            raise invalid_parameter() from error

    def _list_field(self, name: str) -> Any:
        if name in self.state:
            return self.state[name]
        if name.endswith("DevicesIds"):
            return [self.device_id]
        return _LIST_FIELDS.get(name, "")


_LIST_FIELDS: dict[str, Any] = {
    "bleVersion": 6,
    "calibrate": True,
    "direction": "up",
    "group": False,
    "groupName": "",
    "keyList": [],
    "lockDeviceId": NO_HUB,
    "master": True,
    "openDirection": "left",
    "slidePosition": 0,
    "version": 10,
}


class InfraredRemote(CatalogDevice):
    """A remote other than an air conditioner's. `sent` lists what it sent."""

    infrared = True

    def __init__(
        self,
        product: DeviceType,
        device_id: str,
        name: str | None = None,
        hub_id: str = NO_HUB,
        *,
        buttons: Iterable[str] = (),
    ) -> None:
        super().__init__(product, device_id, name, hub_id)
        self.buttons: frozenset[str] = frozenset(buttons)
        self.sent: list[tuple[str, Any]] = []

    def entry(self) -> Body:
        """Return the entry of the infrared list."""
        return {
            "deviceId": self.device_id,
            "deviceName": self.name,
            "remoteType": self.device_type,
            "hubDeviceId": self.hub_id,
        }

    def status(self) -> Body:
        """Return nothing: infrared cannot be read back."""
        return {}

    def prepare(
        self, command: str, parameter: Any, command_type: str
    ) -> Callable[[], Body | None]:
        """Check the command; a button must be known by its exact name."""
        if command_type == "customize":
            if command not in self.buttons:
                raise RefusedError("No this command", status_code=190)
        elif command_type == "tag":
            check_tag(command)
        else:
            parameter = self._checked(command, parameter, command_type)

        def carry_out() -> None:
            self.sent.append((command, parameter))

        return carry_out


def _initial(field: StatusField) -> Any:
    if field.name in _OFF_BY_DEFAULT and field.type == "string":
        return "off"
    wanted = _INITIAL.get(field.name)
    if field.values:
        return (
            wanted
            if wanted in field.values
            else field.values[-1 if field.name == "battery" else 0]
        )
    if isinstance(wanted, _PYTHON_TYPES[field.type]):
        return wanted
    if field.minimum is not None and field.type in {"integer", "number"}:
        return int(field.minimum)
    default = _BY_TYPE[field.type]
    return "V1.0" if field.name == "version" and default == "" else default


_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
}


def _spoken(field: StatusField, value: Any) -> Any:
    """Return a status's value as an event tells it."""
    if field.values == _LIGHTNESS and isinstance(value, int):
        return _LIGHTNESS[value < _DIM_BELOW]
    return _EVENT_VALUES.get((field.name, _key(value)), value)


def _key(value: Any) -> Any:
    # A number is no key: 1 would be found as True.
    return value if isinstance(value, str | bool) else None
