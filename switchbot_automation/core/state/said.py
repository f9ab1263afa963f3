"""What a status or an event says, and whether it can be believed. Pure.

The one judgement for all: zones, rules, openings, presence and the command line. The
cloud answers for a device that is gone: with the last values it had while `onlineStatus`
says offline (SwitchBotAPI#280, #334, #410), with zeros where no hub hears a meter
(SwitchBotAPI#448, #484, #371), and events may come in degrees of another scale. What
cannot be believed is unknown: it is not among the values.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.cloud.catalog.catalog import (
    converted,
    in_status_words,
    named_in_status,
    read_event,
    read_status,
)
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.model import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.cloud.catalog.catalog import DeviceReading, StatusField
    from switchbot_automation.model import DeviceStatus

# What a device says of its own connection is believed also while it has none.
_CONNECTION = frozenset({"onlinestatus", "online"})
_OFFLINE = frozenset({"offline", "false", "0"})
_CELSIUS = frozenset({"celsius", "c", "°c"})
_FAHRENHEIT = frozenset({"fahrenheit", "f", "°f"})
# No meter is sold for more, and no freezer or oven has one.
_COLDEST, _WARMEST = -60.0, 100.0
_WARMEST_OF_ANY_SCALE = 212.0
_PERCENT = (0.0, 100.0)
# How far an event and the answer after it may lie apart: the room moved meanwhile.
_SAME_KELVIN = 2.0


class Statement(NamedTuple):
    """What was said, parted into what can be believed and what cannot.

    `values` are by the catalogue's names; `doubts` says of each name that is not among
    them why not.
    """

    values: Mapping[str, Any]
    doubts: Mapping[str, ReasonCode]

    @property
    def whole(self) -> ReasonCode | None:
        """Why nothing of it counts; None where something does."""
        offline = ReasonCode.DEVICE_OFFLINE
        return offline if self.doubts and offline in self.doubts.values() else None


def said_by_status(status: DeviceStatus) -> Statement:
    """Return what a device's status says.

    Where the catalogue does not know the device, the fields are taken as they came.
    """
    return _said_as_usual(status) or said_by_every_field(status)


# What a doubt is in words, for `last_error`.
_WORDS = {
    ReasonCode.DEVICE_OFFLINE: "it is offline: these are the last values the cloud had",
    ReasonCode.ALL_ZEROS: "nothing but zeros: no hub hears it",
}


def reading_of(status: DeviceStatus, said: Statement) -> Reading:
    """Return a meter's answer as a reading: the part of it that can be believed."""
    at = status.received_at
    why = said.doubts.get("temperature") or said.whole
    humidity = finite(said.values.get("humidity"))
    co2 = finite(said.values.get("CO2"))
    if why is not None:
        return Reading(None, humidity, at, why, _WORDS.get(why))
    temperature = finite(said.values.get("temperature"))
    if temperature is None:
        return Reading(None, humidity, at, ReasonCode.NO_READING)
    return Reading(temperature, humidity, at, co2=co2)


def said_by_every_field(status: DeviceStatus) -> Statement:
    """Return what a device's status says, with each field in question."""
    reading = read_status(status, judges=False)
    # A fraction of a percent is a number too, although the documentation has none.
    given, values = status.fields, _all_of(reading)
    for name in ("temperature", "humidity"):
        if name not in values and finite(given.get(name)) is not None:
            values[name] = given[name]
    if "scale" in given:
        # Answers are in Celsius, whatever scale the app shows.
        given = {name: each for name, each in given.items() if name != "scale"}
    return _parted(values, given, reading)


def said_by_event(
    context: Mapping[str, Any],
    *,
    device_type: str = "",
    unit: str | None = None,
    new: Mapping[str, Any] | None = None,
    read: DeviceReading | None = None,
) -> Statement:
    """Return what an event says, in its own words and in those of the device's status.

    `device_type` is the device's type in the list; `unit` what `unit_told` found of it.
    `new`: what of it was not known from a later event, where that is not all; whether it
    can be believed is judged by the whole. `read`: what the catalogue found in it by its
    own word for its type, which is enough where it has that word.
    """
    own_word = context.get("deviceType")
    if read is None or read.product is None or device_type not in ("", own_word):
        read, reading = None, read_event(context, device_type=device_type)
    else:
        reading = read
    part, own = reading, _all_of(reading)
    if new is not None:
        own = dict(new)
        if read is None:
            told = {**new, "deviceType": own_word}
            part = read_event(told, device_type=device_type)
        else:
            known = {name: each for name, each in read.values.items() if name in new}
            part = replace(read, values=known)
    values = {**own, **in_status_words(part)}
    said = _parted(values, context, reading)
    temperature = finite(said.values.get("temperature"))
    if temperature is None or is_celsius(context):
        return said
    return _of_scale(said, temperature, unit)


def doubts_of(fields: Mapping[str, Any]) -> Mapping[str, ReasonCode]:
    """Return why which of the fields, named as they came, cannot be believed."""
    folded = {name: str(name).casefold() for name in fields}
    if not _CONNECTION.isdisjoint(folded.values()) and any(
        folded[name] in _CONNECTION and _is_offline(value)
        for name, value in fields.items()
    ):
        return {
            name: ReasonCode.DEVICE_OFFLINE
            for name in fields
            if folded[name] not in _CONNECTION
        }
    doubts: dict[str, ReasonCode] = {}
    said = {folded[name]: value for name, value in fields.items()}
    zeros = _zeros(said)
    if not zeros and "temperature" not in said:
        return doubts
    for name, value in fields.items():
        if folded[name] in zeros:
            doubts[name] = ReasonCode.ALL_ZEROS
        elif folded[name] == "temperature" and value is not None:
            number = finite(value)
            if number is None:
                doubts[name] = ReasonCode.TEMPERATURE_NOT_A_NUMBER
            elif not _COLDEST <= number <= _WARMEST and not (
                _COLDEST <= number <= _WARMEST_OF_ANY_SCALE and not is_celsius(fields)
            ):
                doubts[name] = ReasonCode.TEMPERATURE_IMPLAUSIBLE
    return doubts


def believable(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return those of the fields, as they came, that can be believed.

    >>> believable({"onlineStatus": "offline", "openState": "open"})
    {'onlineStatus': 'offline'}
    """
    doubts = doubts_of(fields)
    return {name: value for name, value in fields.items() if name not in doubts}


def finite(value: Any) -> float | None:
    """Return a finite number that a document can hold, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_LARGEST < value < _LARGEST else None


# --- the scale of an event ------------------------------------------------------------

CELSIUS: Final = "celsius"
FAHRENHEIT: Final = "fahrenheit"


def is_celsius(context: Mapping[str, Any]) -> bool:
    """Tell whether an event is in Celsius by its own word; one without a word is."""
    scale = context.get("scale")
    if scale is None:
        return True
    return isinstance(scale, str) and scale.strip().casefold() in _CELSIUS


def of_own_scale(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a sensor says that is no device of the cloud, in Celsius.

    Its own word `scale` counts, which an answer of the cloud has no meaning for.

    >>> of_own_scale({"temperature": 68, "scale": "F", "humidity": 40})
    {'temperature': 20.0, 'humidity': 40}
    """
    scale, temperature = fields.get("scale"), finite(fields.get("temperature"))
    if temperature is None or not isinstance(scale, str):
        return fields
    if scale.strip().casefold() not in _FAHRENHEIT:
        return fields
    celsius = {"temperature": in_celsius(temperature, FAHRENHEIT)}
    others = {name: each for name, each in fields.items() if name != "scale"}
    return {**others, **celsius}


def unit_told(event: float, answered: float) -> str | None:
    """Return the unit of an event's temperature by the answer after it, in Celsius.

    None where the answer fits neither, or both.

    >>> unit_told(70.5, 21.4), unit_told(21.4, 21.4), unit_told(35.0, 21.4)
    ('fahrenheit', 'celsius', None)
    """
    as_celsius = abs(event - answered) <= _SAME_KELVIN
    as_fahrenheit = abs(in_celsius(event, FAHRENHEIT) - answered) <= _SAME_KELVIN
    if as_celsius is as_fahrenheit:
        return None
    return CELSIUS if as_celsius else FAHRENHEIT


def in_celsius(temperature: float, unit: str) -> float:
    """Return a temperature of that unit in degrees Celsius, in tenths."""
    if unit == FAHRENHEIT:
        return round((temperature - 32.0) / 1.8, 1)
    return temperature


def _of_scale(said: Statement, temperature: float, unit: str | None) -> Statement:
    values = {name: each for name, each in said.values.items() if name != "temperature"}
    if unit is None:
        doubts = {**said.doubts, "temperature": ReasonCode.SCALE_UNKNOWN}
        return Statement(values, doubts)
    values["temperature"] = in_celsius(temperature, unit)
    return Statement(values, said.doubts)


# --- parting ---------------------------------------------------------------------------

# What a document can hold, and far beyond anything that is measured.
_LARGEST = 1e15
_NOTHING = 1e-9
_AIR = frozenset({"temperature", "humidity", "battery"})
_NO_HUB = ("", "000000000000")
_MEASURED = _AIR | {"co2"}
# No air is without any of it; the least that a sensor says.
_NEVER_NOTHING, _LEAST = frozenset({"humidity", "co2"}), 1.0


class _Usual(NamedTuple):
    """How one field of a status is taken, which `came_as` that.

    As it is, `field` being None; as a number of one of the `kinds` from `low` to `high`;
    as a text of any words; or, without kinds, as the catalogue has it.
    """

    came_as: str
    field: StatusField | None
    kinds: tuple[type, ...] = ()
    low: float = 0.0
    high: float = 0.0
    any_words: bool = False


def _said_as_usual(status: DeviceStatus) -> Statement | None:
    """Return what a thermometer says where nothing of it can be in doubt, else None.

    One answer looks like the next, so how each field is taken is found once. A number
    beyond its range, a temperature of zero, another kind: then all of it is looked at.
    """
    given = status.fields
    values: dict[str, Any] = {}
    for each in _usual(status.device_type, tuple(given)):
        came_as, field, kinds, low, high, any_words = each
        value = given[came_as]
        if field is None:
            values[came_as] = value
            continue
        if any_words and type(value) is str:
            value = value.strip()
        elif not kinds:
            value = converted(value, field)
            if value is None:
                return None
        elif type(value) not in kinds or not low <= value <= high:
            return None
        values[field.name] = value
    shows = values and not _is_zero(values["temperature"])
    return Statement(values, {}) if shows else None


@lru_cache(maxsize=256)  # there are few types, and a type has few ways to answer
def _usual(device_type: str, names: tuple[str, ...]) -> tuple[_Usual, ...]:
    """Return how each field of such a status is taken; none where that is not so plain.

    In the order of a statement: first what the catalogue does not know.
    """
    named = named_in_status(device_type, names)
    known = {field.name: field for field in named.values() if field is not None}
    strange = {name.casefold() for name, field in named.items() if field is None}
    odd = {"scale"} | _CONNECTION | _MEASURED
    if "temperature" not in known or len(named) != len(known) + len(strange):
        return ()
    if not odd.isdisjoint(strange) or any(
        name.casefold() in _CONNECTION for name in known
    ):
        return ()
    found = [_Usual(name, None) for name, field in named.items() if field is None]
    for name, field in named.items():
        if field is None:
            continue
        if field.name.casefold() not in _MEASURED:
            any_words = field.type == "string" and not field.values
            found.append(_Usual(name, field, any_words=any_words))
            continue
        low, high = _bounds(field)
        low = -_LARGEST if low is None else low
        high = _LARGEST if high is None else high
        if field.name == "temperature":
            low, high = max(low, _COLDEST), min(high, _WARMEST)
        kinds = {"number": (int, float), "integer": (int,)}.get(field.type)
        if kinds is None:
            return ()
        found.append(_Usual(name, field, kinds, low, high))
    return tuple(found)


def _bounds(field: StatusField) -> tuple[float | None, float | None]:
    """Return between what a measured field can be, both included; None: anything."""
    low, high = _PERCENT if field.unit == "%" else (field.minimum, field.maximum)
    return (_LEAST if field.name.casefold() in _NEVER_NOTHING else low), high


def _all_of(reading: DeviceReading) -> dict[str, Any]:
    return {**reading.unknown, **reading.values}


def _parted(
    values: Mapping[str, Any], given: Mapping[str, Any], reading: DeviceReading
) -> Statement:
    doubts = dict(doubts_of(given))
    if doubts:
        names = {name.casefold(): name for name in values}
        doubts = {
            names.get(str(name).casefold(), str(name)): why
            for name, why in doubts.items()
        }
    if ReasonCode.DEVICE_OFFLINE in doubts.values():
        # Also what only the catalogue calls so.
        doubts |= {
            name: ReasonCode.DEVICE_OFFLINE
            for name in values
            if name.casefold() not in _CONNECTION
        }
    for field in reading.product.status if reading.product else ():
        if field.name not in values or field.name.casefold() not in _MEASURED:
            continue
        number = finite(values[field.name])
        if number is None or field.name in doubts:
            continue
        low, high = _bounds(field)
        if (low is not None and number < low) or (high is not None and number > high):
            temperature = field.name == "temperature"
            if temperature and not is_celsius(given):
                continue
            doubts[field.name] = (
                ReasonCode.TEMPERATURE_IMPLAUSIBLE
                if temperature
                else ReasonCode.VALUE_IMPLAUSIBLE
            )
    if not doubts:
        return Statement(values, doubts)
    believed = {name: each for name, each in values.items() if name not in doubts}
    return Statement(believed, doubts)


def _is_offline(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in _OFFLINE
    return value is False or _is_zero(value)


def _zeros(said: Mapping[str, Any]) -> frozenset[str]:
    """Return the names whose zeros nothing measured.

    0 degrees by itself is a cold room; with 0 % humidity it is a device that is gone,
    also where the cloud still has its CO2. Of another device all have to be zeros, and
    its hub none or its battery too.
    """
    zeros = frozenset(name for name, value in said.items() if _is_zero(value))
    if not zeros:
        return zeros
    numbers = {name for name, value in said.items() if finite(value) is not None}
    air = _AIR & numbers
    if "temperature" in zeros and len(air) > 1 and air <= zeros:
        return air
    nowhere = said.get("hubdeviceid") in _NO_HUB or "battery" in zeros
    # Firmware is not measured: a Blind Tilt of version 0 that is closed says but its place.
    several = len(numbers - {"version"}) > 1
    return zeros if several and numbers == zeros and nowhere else frozenset()


def _is_zero(value: Any) -> bool:
    number = finite(value)
    return number is not None and -_NOTHING <= number <= _NOTHING
