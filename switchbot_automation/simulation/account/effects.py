"""What each command of the catalogue does to a device's status fields.

An effect gets the fields as they are and the checked parameter, and returns the fields
that change. Commands that no status shows (volume, channel, motion detection) have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Fields = Mapping[str, Any]
Changes = dict[str, Any]
Effect = Callable[[Fields, Any], Changes]

_OPEN, _CLOSED = 0, 1
_THERMOSTAT_MANUAL, _THERMOSTAT_OFF = 1, 2
_MAINS_VOLT, _LOAD_WATT = 230.0, 46.0
_CHANNELS = ("1", "2")
_HUMIDIFIER_PRESETS = {101: 34, 102: 67, 103: 100}
_CEILING_PARTS = ("mainLightPower", "colorLightPower")


def _switch(on: bool) -> Effect:
    def effect(fields: Fields, parameter: Any) -> Changes:
        if f"switch{parameter}Status" in fields:
            return _relay_channel(str(parameter), on)
        changes: Changes = {}
        if isinstance(fields.get("power"), str):
            changes["power"] = "on" if on else "off"
            changes |= {
                part: changes["power"] for part in _CEILING_PARTS if part in fields
            }
        elif "switchStatus" in fields:
            changes["switchStatus"] = int(on)
        elif "doorStatus" in fields:
            changes["doorStatus"] = _OPEN if on else _CLOSED
        elif isinstance(fields.get("mode"), int):
            changes["mode"] = _THERMOSTAT_MANUAL if on else _THERMOSTAT_OFF
        return changes | _load(fields, on)

    return effect


def _load(fields: Fields, on: bool) -> Changes:
    """Return what a plug or relay measures with a lamp behind it."""
    changes: Changes = {}
    if "electricCurrent" in fields:
        changes["electricCurrent"] = round(1000 * _LOAD_WATT / _MAINS_VOLT) if on else 0
    if "weight" in fields:
        changes["weight"] = _LOAD_WATT if on else 0.0
    if isinstance(fields.get("power"), int | float):
        changes["power"] = _LOAD_WATT if on else 0.0
    return changes


def _relay_channel(channel: str, on: bool) -> Changes:
    return {
        f"switch{channel}Status": int(on),
        f"switch{channel}Power": _LOAD_WATT if on else 0.0,
        f"switch{channel}ElectricCurrent": (
            round(1000 * _LOAD_WATT / _MAINS_VOLT) if on else 0
        ),
    }


def _toggle(fields: Fields, parameter: Any) -> Changes:
    channel = f"switch{parameter}Status"
    if channel in fields:
        is_on = bool(fields[channel])
    elif "switchStatus" in fields:
        is_on = bool(fields["switchStatus"])
    else:
        is_on = fields.get("power") == "on"
    return _switch(not is_on)(fields, parameter)


def _lit(field: str) -> Effect:
    """Set a field of a light, which goes on by it."""

    def effect(fields: Fields, parameter: Any) -> Changes:
        changes: Changes = {field: parameter}
        if "power" in fields:
            changes["power"] = "on"
        return changes

    return effect


def _set(field: str) -> Effect:
    return lambda fields, parameter: {field: parameter} if field in fields else {}


def _fixed(**changes: Any) -> Effect:
    return lambda fields, _parameter: {
        name: value for name, value in changes.items() if name in fields
    }


def _ceiling_part(part: str, power: str) -> Effect:
    def effect(fields: Fields, _parameter: Any) -> Changes:
        states = {name: fields.get(name, "off") for name in _CEILING_PARTS}
        states[part] = power
        both = set(states.values())
        return {part: power, "power": both.pop() if len(both) == 1 else "partial"}

    return effect


def _press(fields: Fields, _parameter: Any) -> Changes:
    if fields.get("deviceMode") != "switchMode":
        return {}
    return {"power": "off" if fields.get("power") == "on" else "on"}


def _set_mode(fields: Fields, parameter: Any) -> Changes:
    if "nebulizationEfficiency" in fields:
        if parameter == "auto":
            return {"auto": True, "power": "on"}
        efficiency = _HUMIDIFIER_PRESETS.get(int(parameter), int(parameter))
        return {"auto": False, "nebulizationEfficiency": efficiency, "power": "on"}
    if isinstance(parameter, dict):
        changes = {"mode": parameter["mode"], "power": "on"}
        if "fanGear" in parameter:
            changes["fanGear"] = parameter["fanGear"]
        return changes
    return {"mode": parameter} if "mode" in fields else {}


def _night_light(fields: Fields, parameter: Any) -> Changes:
    if fields.get("nightStatus") in {"on", "off"} and parameter in {"0", "1"}:
        return {"nightStatus": "on"}
    return {"nightStatus": str(parameter)}


def _smart_fan(_fields: Fields, parameter: Any) -> Changes:
    power, mode, speed, span = str(parameter).split(",")
    return {
        "power": power,
        "mode": int(mode),
        "speed": int(speed),
        "shakeRange": int(span),
        "shaking": int(span) > 0,
    }


def _clean(fields: Fields, _parameter: Any) -> Changes:
    changes: Changes = {"workingStatus": "Clearing"}
    if "taskType" in fields:
        changes["taskType"] = "cleanAll"
    return changes


def _dock(fields: Fields, _parameter: Any) -> Changes:
    changes: Changes = {"workingStatus": "GotoChargeBase"}
    if "taskType" in fields:
        changes["taskType"] = "backToCharge"
    return changes


def _image(_fields: Fields, parameter: Any) -> Changes:
    return {"imageUrl": parameter.get("imageUrl", "")}


EFFECTS: Mapping[str, Effect] = {
    "turnOn": _switch(on=True),
    "turnOff": _switch(on=False),
    "toggle": _toggle,
    "press": _press,
    "setBrightness": _lit("brightness"),
    "setColor": _lit("color"),
    "setColorTemperature": _lit("colorTemperature"),
    "turnOnMainLight": _ceiling_part("mainLightPower", "on"),
    "turnOffMainLight": _ceiling_part("mainLightPower", "off"),
    "turnOnColorLight": _ceiling_part("colorLightPower", "on"),
    "turnOffColorLight": _ceiling_part("colorLightPower", "off"),
    "setMainLightBrightness": _set("mainLightBrightness"),
    "setMainLightColorTemp": _set("mainLightColorTemp"),
    "setColorLightBrightness": _set("colorLightBrightness"),
    "setColorLightRGB": _set("colorLightRGB"),
    # In the words that clients compare with; documentation says "lock" and "unlock".
    "lock": _fixed(lockState="locked"),
    "unlock": _fixed(lockState="unlocked"),
    "deadbolt": _fixed(lockState="unlocked", doorState="open"),
    "nightLatchUnlock": _fixed(lockState="unlocked"),
    "start": _clean,
    "startClean": _clean,
    "stop": _fixed(workingStatus="StandBy"),
    "pause": _fixed(workingStatus="Paused"),
    "dock": _dock,
    "setMode": _set_mode,
    "setManualModeTemperature": _fixed(),
    "setChildLock": _set("childLock"),
    "childLock": _set("childLock"),
    "mode": _set("mode"),
    "backHome": _fixed(status="Returning"),
    "setWindMode": _set("mode"),
    "setWindSpeed": _set("fanSpeed"),
    "setNightLightMode": _night_light,
    "setAllStatus": _smart_fan,
    "uploadImage": _image,
    "closeDelay": _fixed(),
}
"""By command name; the fields decide what the same name means for another product."""
