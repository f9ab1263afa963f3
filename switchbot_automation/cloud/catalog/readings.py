"""A status or an event in the catalogue's terms: right names, right types, doubts. Pure.

The cloud is loose with both: `detected` for `Detected`, LOCKED for lock, an integer for
a version, a position in place of a boolean (SwitchBotAPI#174, #410, #371). A value that
cannot be meant is left out rather than guessed at, one that is merely odd is kept, and
either is named in `doubts`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.catalog.catalog import (
    DeviceType,
    StatusField,
    find,
    find_by_webhook_type,
)
from switchbot_automation.cloud.catalog.words import STATUS_NAMES, folded, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from switchbot_automation.model import DeviceStatus

Value = bool | int | float | str | dict[str, Any]

# What every answer has; it says nothing about the device's state.
_IDENTITY = frozenset(
    {"deviceid", "devicetype", "hubdeviceid", "devicemac", "timeofsample"}
)
_NO_HUB = "000000000000"
# One thing under two names: a floor lamp says `online` where `onlineStatus` is documented
# (SwitchBotAPI#481), a garage door the other way round.
_SAME = {"online": "onlinestatus", "onlinestatus": "online"}
_PERCENT = (0, 100)


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """What a device said.

    `product` is None for a type the catalogue does not have; `values` are by the
    catalogue's field names; `unknown` holds the other fields as they came; `doubts` say
    in words what does not fit.
    """

    product: DeviceType | None
    values: Mapping[str, Value]
    unknown: Mapping[str, Any]
    doubts: tuple[str, ...]


def read_status(status: DeviceStatus, *, judges: bool = True) -> DeviceReading:
    """Read a status by the device's type.

    `judges` false: who asks judges for themselves what is odd, so `doubts` are none.
    """
    product, known = _shown_by(status.device_type)
    return _read(product, known, status.fields, judges=judges)


def named_in_status(
    device_type: str, names: Iterable[str]
) -> dict[str, StatusField | None]:
    """Return the catalogue's field of each name in a status, None where it has none.

    Without the names that every answer has, see `_IDENTITY`.
    """
    _product, known = _shown_by(device_type)
    return {
        name: known.get(folded) or known.get(_SAME.get(folded, ""))
        for name in names
        if (folded := name.casefold()) not in _IDENTITY
    }


@lru_cache(maxsize=256)  # meters are read all day, and are of few types
def _shown_by(
    device_type: str,
) -> tuple[DeviceType | None, Mapping[str, StatusField]]:
    """Return the product of a type in the list, and its status by folded names."""
    products = find(device_type, infrared=False) if device_type else ()
    product = products[0] if products else None
    return product, _by_name(product.status if product else ())


def _by_name(fields: Iterable[StatusField]) -> Mapping[str, StatusField]:
    return {field.name.casefold(): field for field in fields}


def read_event(context: Mapping[str, Any], *, device_type: str = "") -> DeviceReading:
    """Read an event's `context`.

    `device_type` is the device's type in the list, which is surer than the event's own
    word for it. Events may be partial: only what is there has a value.
    """
    products = find(device_type, infrared=False) if device_type else ()
    if not products:
        said = context.get("deviceType")
        products = find_by_webhook_type(said) if isinstance(said, str) else ()
    product = products[0] if products else None
    known = _by_name(product.webhook_fields if product else ())
    return _read(product, known, context, _by_name(product.status if product else ()))


def in_status_words(reading: DeviceReading) -> dict[str, Value]:
    """Return an event's values as the status of the same product would have them.

    `powerState` ON is the status's `power` on, LOCKED its lock, DETECTED its true. What
    the status does not have, or would have other values for, keeps the event's words.
    """
    found = dict(reading.values)
    if reading.product is None:
        return found
    fields = {field.name: field for field in reading.product.status}
    for name, value in reading.values.items():
        own = (name, *STATUS_NAMES.get(name, ()))
        field = next((fields[each] for each in own if each in fields), None)
        if field is None:
            continue
        said = converted(value, field)
        if said is not None and _is_plausible(said, field):
            found[field.name] = said
    return found


def _read(
    product: DeviceType | None,
    known: Mapping[str, StatusField],
    given: Mapping[str, Any],
    others: Mapping[str, StatusField] = MappingProxyType({}),
    *,
    judges: bool = True,
) -> DeviceReading:
    """Read what was given; `others` are fields for what is not `known`, by folded names."""
    values: dict[str, Value] = {}
    unknown: dict[str, Any] = {}
    doubts: list[str] = []
    for name, raw in given.items():
        folded = name.casefold()
        if folded in _IDENTITY:
            continue
        field = known.get(folded) or known.get(_SAME.get(folded, ""))
        if field is None:
            field = others.get(folded) or others.get(_SAME.get(folded, ""))
            if field is None or converted(raw, field) is None:
                unknown[name] = raw
                continue
        value = converted(raw, field)
        if value is None:
            doubts.append(f"{field.name}: {raw!r} is no {field.type}")
            continue
        values[field.name] = value
        if judges and not _is_plausible(value, field):
            doubts.append(f"{field.name}: {value!r} is not among the known values")
    if judges:
        doubts += _as_a_whole({**unknown, **values}, given)
    else:
        doubts.clear()
    return DeviceReading(
        product, MappingProxyType(values), MappingProxyType(unknown), tuple(doubts)
    )


def converted(raw: Any, field: StatusField) -> Value | None:
    """Return a value as the field has it, None where it cannot be meant."""
    if field.name == "onlineStatus" and isinstance(raw, bool):
        raw = "online" if raw else "offline"
    if isinstance(raw, str) and field.type in {"integer", "number"}:
        # Some numbers are told in words: a panel's brightness is bright or dim.
        for word in field.values:
            if isinstance(word, str) and word.casefold() == raw.strip().casefold():
                return word
    return _CONVERT[field.type](raw, field)


def _boolean(raw: Any, _field: StatusField) -> Value | None:
    return truth(raw)


def _integer(raw: Any, field: StatusField) -> Value | None:
    number = _number(raw, field)
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


def _number(raw: Any, _field: StatusField) -> Value | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        if "_" in raw:
            return None  # Python takes 2_1 for a number, no cloud means one
        try:
            raw = float(raw)
        except ValueError:
            return None
    if isinstance(raw, int):
        return raw
    return raw if isinstance(raw, float) and math.isfinite(raw) else None


def _string(raw: Any, field: StatusField) -> Value | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    exact = [
        known for known in field.values if str(known).casefold() == text.casefold()
    ]
    alike = [known for known in field.values if folded(known) == folded(text)]
    return str((exact or alike or [text])[0])


def _object(raw: Any, _field: StatusField) -> Value | None:
    return raw if isinstance(raw, dict) else None


_CONVERT: dict[str, Callable[[Any, StatusField], Value | None]] = {
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "string": _string,
    "object": _object,
}


def _is_plausible(value: Value, field: StatusField) -> bool:
    if isinstance(value, (bool, dict)):
        return True
    if isinstance(value, str):
        return not field.values or value in {str(known) for known in field.values}
    if field.unit == "%":
        # Old products report four levels by the book and any percentage in the field.
        low, high = _PERCENT
        return low <= value <= high
    numbers = [known for known in field.values if not isinstance(known, str)]
    if numbers:
        return value in numbers
    return (field.minimum is None or value >= field.minimum) and (
        field.maximum is None or value <= field.maximum
    )


def _as_a_whole(said: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Return what makes everything that was said doubtful."""
    values = {name.casefold(): value for name, value in said.items()}
    doubts = []
    if values.get("onlinestatus") == "offline" or values.get("online") is False:
        doubts.append("it is offline: these are the last values the cloud had")
    zeros = {name for name, value in values.items() if _is_zero(value)}
    numbers = {name for name, value in values.items() if _is_number(value)}
    if {"temperature", "humidity"} <= zeros and "battery" not in numbers - zeros:
        doubts.append("0 °C and 0 % are no air: no hub hears it")
    elif len(numbers - {"version"}) > 1 and numbers == zeros:
        if given.get("hubDeviceId") in (_NO_HUB, ""):
            doubts.append("every number is zero and the hub is none")
        elif "battery" in zeros:
            doubts.append("every number is zero, the battery's too")
    return doubts


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_zero(value: object) -> bool:
    return _is_number(value) and value == 0
