"""What of a device's values is a reading that the history keeps. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.upkeep.ledger import number

if TYPE_CHECKING:
    from collections.abc import Mapping

# What nobody draws a chart of: it does not change, or is no reading.
_DULL: Final = frozenset(
    {
        *("version", "calibrate", "group", "master", "deviceid", "devicetype"),
        *("hubdeviceid", "devicemac", "timeofsample", "latestimage", "imageurl"),
        *("keyname", "commandid", "eventname", "result", "scale", "devicename"),
    }
)
_LONGEST_WORD: Final = 60


def readings_of(values: Mapping[str, Any]) -> dict[str, float | str]:
    """Return what of a device's values is kept in the history: numbers, words, yes or no.

    Yes is 1 and no 0; parts of an object are named with a dot.

    >>> readings_of({"CO2": 725, "openState": "open", "moveDetected": True, "version": "1"})
    {'CO2': 725, 'openState': 'open', 'moveDetected': 1}
    """
    found: dict[str, float | str] = {}
    for name, value in values.items():
        if name.casefold() in _DULL:
            continue
        parts = value.items() if isinstance(value, dict) else ((None, value),)
        for part, each in parts:
            kept = _kept(each)
            if kept is not None:
                found[name if part is None else f"{name}.{part}"] = kept
    return found


def _kept(value: object) -> float | str | None:
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return value if 0 < len(value) <= _LONGEST_WORD else None
    if isinstance(value, int | float) and number(value) is not None:
        return value
    return None
