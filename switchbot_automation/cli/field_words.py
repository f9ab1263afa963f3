"""What the fields of a status, and their words, are called for a person.

`--json`, rules and the documentation of devices have the names of the API. A field that is
not here is shown as it came.
"""

from __future__ import annotations

from typing import Any, Final

from switchbot_automation.languages import later
from switchbot_automation.languages import translated as _

_FIELDS: Final = {
    "CO2": later("CO2"),
    "Detected": later("seen"),
    "auto": later("automatic"),
    "battery": later("battery"),
    "brightness": later("brightness"),
    "chargingStatus": later("charging"),
    "childLock": later("child lock"),
    "color": later("colour"),
    "colorLightBrightness": later("brightness of the coloured light"),
    "colorLightPower": later("coloured light"),
    "colorLightRGB": later("colour of the coloured light"),
    "colorTemperature": later("colour temperature"),
    "deviceMode": later("mode of the device"),
    "direction": later("direction"),
    "displayMode": later("display"),
    "doorState": later("door"),
    "doorStatus": later("door"),
    "drying": later("drying"),
    "electricCurrent": later("electric current"),
    "electricityOfDay": later("time in use today"),
    "fanSpeed": later("fan speed"),
    "hasUntransferredFiles": later("files to transfer"),
    "hospitalized": later("in repair"),
    "humidity": later("humidity"),
    "imageUrl": later("picture"),
    "isStuck": later("stuck"),
    "lackWater": later("lacks water"),
    "lightLevel": later("light level"),
    "lockState": later("lock"),
    "mainLightBrightness": later("brightness of the main light"),
    "mainLightColorTemp": later("colour temperature of the main light"),
    "mainLightPower": later("main light"),
    "mode": later("mode"),
    "moveDetected": later("motion"),
    "moving": later("moving"),
    "nebulizationEfficiency": later("mist level"),
    "nightStatus": later("night light"),
    "online": later("online"),
    "onlineStatus": later("connection"),
    "openState": later("opening"),
    "oscillation": later("oscillation"),
    "position": later("position"),
    "power": later("power"),
    "recordingStatus": later("recording"),
    "shakeCenter": later("centre of oscillation"),
    "shakeRange": later("range of oscillation"),
    "shaking": later("oscillating"),
    "slidePosition": later("position"),
    "sound": later("sound"),
    "speed": later("speed"),
    "status": later("state"),
    "switch1ElectricCurrent": later("current of switch 1"),
    "switch1Power": later("power of switch 1"),
    "switch1Status": later("switch 1"),
    "switch1UsedElectricity": later("energy of switch 1"),
    "switch1Voltage": later("voltage of switch 1"),
    "switch2ElectricCurrent": later("current of switch 2"),
    "switch2Power": later("power of switch 2"),
    "switch2Status": later("switch 2"),
    "switch2UsedElectricity": later("energy of switch 2"),
    "switch2Voltage": later("voltage of switch 2"),
    "switchStatus": later("switch"),
    "taskType": later("task"),
    "temperature": later("temperature"),
    "uploadStatus": later("upload"),
    "usedElectricity": later("energy"),
    "verticalOscillation": later("vertical oscillation"),
    "voltage": later("voltage"),
    "waterBaseBattery": later("battery of the water base"),
    "weight": later("power drawn"),
    "workingStatus": later("work"),
}

_WORDS: Final = {
    "on": later("on"),
    "off": later("off"),
    "partial": later("partly"),
    "open": later("open"),
    "close": later("closed"),
    "timeOutNotClose": later("left open"),
    "online": later("online"),
    "offline": later("offline"),
    "lock": later("locked"),
    "unlock": later("unlocked"),
    "jammed": later("jammed"),
    "locking": later("locking"),
    "unlocking": later("unlocking"),
    "bright": later("bright"),
    "dim": later("dim"),
    "charging": later("charging"),
    "uncharged": later("not charging"),
    "up": later("up"),
    "down": later("down"),
}


# Where the two words are not said one after the other.
_BOTH: Final = {
    ("power", "on"): later("power on"),
    ("power", "off"): later("power off"),
    ("power", "partial"): later("power partly on"),
}


def both_words(name: str, value: Any) -> str | None:
    """Return what a field and its word are called together, None where each has its own.

    >>> both_words("power", "off"), both_words("doorState", "close")
    ('power off', None)
    """
    known = isinstance(value, str) and (name, value) in _BOTH
    return _(_BOTH[name, value]) if known else None


def field_word(name: str) -> str:
    """Return what a field is called in the language that is spoken.

    >>> field_word("moveDetected"), field_word("ofNextYear")
    ('motion', 'ofNextYear')
    """
    return _(_FIELDS[name]) if name in _FIELDS else name


def value_word(value: Any) -> Any:
    """Return a word of a status in the language that is spoken; all else as it is.

    >>> value_word("close"), value_word(21.5), value_word("Strolling")
    ('closed', 21.5, 'Strolling')
    """
    if isinstance(value, str) and value in _WORDS:
        return _(_WORDS[value])
    return value
