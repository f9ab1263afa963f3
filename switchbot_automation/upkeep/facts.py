"""What a device's values say of its upkeep. Pure.

Fields as in the SwitchBot API v1.1: `battery` in percent; `filterElement` of humidifiers
with `usedHours` and `effectiveUsageHours`; `usedElectricity` in watt minutes since midnight
(of a Relay Switch 2PM for each switch); `weight` or `power` in watts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_PERCENT: Final = 100.0
_WATT_MINUTES: Final = 60.0
_ENERGY: Final = ("usedElectricity", "switch1UsedElectricity", "switch2UsedElectricity")
POWER: Final = ("weight", "power", "switch1Power", "switch2Power")
"""What devices call the watts that they draw."""

# What nobody draws a chart of: it does not change, or is no reading.
_DULL: Final = frozenset(
    {
        *("version", "calibrate", "group", "master", "deviceid", "devicetype"),
        *("hubdeviceid", "devicemac", "timeofsample", "latestimage", "imageurl"),
        *("keyname", "commandid", "eventname", "result", "scale", "devicename"),
    }
)
_LONGEST_WORD: Final = 60
_METERED: Final = frozenset({*_ENERGY, *POWER})
_UPKEEP: Final = _METERED | {"battery", "filterElement"}


class Facts(NamedTuple):
    """What one answer says: percent, hours, watt hours of the day, watts; None: nothing."""

    battery: float | None = None
    filter_used_hours: float | None = None
    filter_life_hours: float | None = None
    energy_wh: float | None = None
    power_watts: float | None = None

    def __bool__(self) -> bool:
        return self is not _NOTHING and any(each is not None for each in self)


_NOTHING: Final = Facts()


def facts_of(values: Mapping[str, Any]) -> Facts:
    """Return what a device's believed values say of its upkeep.

    >>> facts_of({"battery": 80, "usedElectricity": 90}).energy_wh
    1.5
    >>> facts_of({"filterElement": {"usedHours": 12, "effectiveUsageHours": 240}})[1:3]
    (12.0, 240.0)
    """
    if _UPKEEP.isdisjoint(values):
        return _NOTHING
    battery = _number(values.get("battery"))
    element = values.get("filterElement")
    used = life = None
    if isinstance(element, dict):
        used = _number(element.get("usedHours"))
        life = _number(element.get("effectiveUsageHours"))
    metered = not _METERED.isdisjoint(values)
    return Facts(
        battery if battery is not None and 0 <= battery <= _PERCENT else None,
        used if used is not None and used >= 0 else None,
        life if life is not None and life > 0 else None,
        _sum(values, _ENERGY, 1 / _WATT_MINUTES) if metered else None,
        _sum(values, POWER, 1.0) if metered else None,
    )


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
    if isinstance(value, int | float) and _number(value) is not None:
        return value
    return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _sum(
    values: Mapping[str, Any], names: tuple[str, ...], factor: float
) -> float | None:
    found = [_number(values[name]) for name in names if name in values]
    known = [each for each in found if each is not None and each >= 0]
    return sum(known) * factor if known else None
