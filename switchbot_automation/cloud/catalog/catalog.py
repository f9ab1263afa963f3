"""Every product of the SwitchBot Cloud API, and what it says in these terms.

The data lie in ``devices.json`` beside this module, taken from the official documents
(each entry names its `source`) and from what clients saw live (`notes`). They are read
at the first question or by `load`, not at import. No other I/O.

The cloud is loose with names and types of a status or an event: `detected` for `Detected`,
LOCKED for lock, an integer for a version, a position in place of a boolean
(SwitchBotAPI#174, #410, #371). A value that cannot be meant is left out rather than guessed
at, one that is merely odd is kept, and either is named in `doubts`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pkgutil import get_data
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import orjson

from switchbot_automation.cloud.catalog.schema import (
    Anything,
    Boolean,
    Choice,
    Colour,
    Integer,
    Joined,
    JsonObject,
    NoParameter,
    Number,
    ParameterSchema,
    Part,
    Property,
    Text,
)
from switchbot_automation.cloud.catalog.words import STATUS_NAMES, folded, truth
from switchbot_automation.errors import UnsupportedCommandError
from switchbot_automation.languages import joined, worded
from switchbot_automation.outside.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from switchbot_automation.model import Device, DeviceStatus

__all__ = [
    "CommandSpec",
    "DeviceReading",
    "DeviceType",
    "StatusField",
    "Value",
    "converted",
    "device_types",
    "find",
    "find_by_webhook_type",
    "in_status_words",
    "is_idempotent",
    "lookup",
    "named_in_status",
    "presumed_by_event",
    "presumed_by_status",
    "presumed_type",
    "read_event",
    "read_status",
    "type_of_listed",
    "validate_command",
]

# What a status has of whatever device: it tells nothing of the kind.
_OF_EVERY_ANSWER = frozenset({"deviceid", "devicetype", "hubdeviceid", "devicename"})
_OF_MANY = frozenset({"version", "battery", "power", "online", "onlinestatus"})

_BLANKS = re.compile(r"\s+")

# A learned remote's type carries this prefix: "DIY TV", "DIY Air Conditioner".
_LEARNED = "diy"


@dataclass(frozen=True, slots=True)
class StatusField:
    """One field of a status or an event.

    `type` is string, integer, number, boolean or object; `values` the known ones, empty
    if any; `minimum` and `maximum` are None where unlimited.
    """

    name: str
    type: str
    unit: str
    values: tuple[str | int, ...]
    minimum: float | None
    maximum: float | None
    description: str


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One command of a product.

    `idempotent`: sending it twice has the effect of sending it once. `sensitive`: it
    opens a lock or holds a passcode. `answers_later`: the result comes by webhook,
    named by the `command_id`. For learned buttons `command_type` is ``customize`` and
    `name` a placeholder.
    """

    name: str
    command_type: str
    schema: ParameterSchema
    hint: str
    description: str
    idempotent: bool
    sensitive: bool
    answers_later: bool


@dataclass(frozen=True, slots=True)
class DeviceType:
    """One product.

    `device_type` is the list's `deviceType` (`remoteType` if `infrared`), "" for the
    one product that has none. `hub_required` is None where a hub is optional.
    """

    name: str
    device_type: str
    aliases: tuple[str, ...]
    models: tuple[str, ...]
    category: str
    infrared: bool
    hub_required: bool | None
    status_supported: bool
    list_fields: tuple[str, ...]
    status: tuple[StatusField, ...]
    commands: tuple[CommandSpec, ...]
    webhook_types: tuple[str, ...]
    webhook_fields: tuple[StatusField, ...]
    source: str
    notes: tuple[str, ...]

    def command(self, name: str, command_type: str = "command") -> CommandSpec | None:
        """Return the command of that exact name; any name is a learned button's."""
        for spec in self.commands:
            if spec.command_type == command_type and (
                spec.name == name or command_type == "customize"
            ):
                return spec
        return None


def load() -> None:
    """Read the data now, if they are not read yet: some milliseconds, and 0.3 MB kept.

    For who will ask while others wait. Raises nothing.
    """
    _catalog()


def device_types() -> tuple[DeviceType, ...]:
    """Return every product."""
    return _catalog().all()


def find(spelling: str, *, infrared: bool | None = None) -> tuple[DeviceType, ...]:
    """Return the products a type may mean, in any of its spellings; empty if none.

    Several share a type: two humidifiers `Humidifier2`, a remote and a standing fan
    `Fan`. `infrared` narrows it to remotes or to devices. Case and blanks do not count.
    """
    found = _catalog().of_type(spelling)
    if not found and infrared is not False:
        learned = _fold(spelling)
        if learned.startswith(_LEARNED):
            found = _catalog().of_type(learned.removeprefix(_LEARNED))
            infrared = True
    if infrared is None:
        return found
    return tuple(product for product in found if product.infrared is infrared)


def lookup(spelling: str, *, infrared: bool | None = None) -> DeviceType | None:
    """Return the likeliest product for a type: the one whose own name it is."""
    found = find(spelling, infrared=infrared)
    return found[0] if found else None


def presumed_type(listed_fields: Iterable[str]) -> str:
    """Return the type of a listed device that was given none, by its other keys.

    Curtain 3 came without one (SwitchBotAPI#241), with `curtainDevicesIds`. "" unless
    every product with all those keys takes the same commands; of those the first.
    """
    given = set(listed_fields)
    fitting = [
        (product, len(product.list_fields))
        for product in device_types()
        if product.list_fields and given.issuperset(product.list_fields)
    ]
    return _the_only_kind(fitting)


def presumed_by_status(fields: Iterable[str]) -> str:
    """Return the type of a device by the fields of a status that names no type.

    A camera and a doorbell's monitor are listed without one (SwitchBotAPI, devices/*.md),
    and a status may lack it too. Only a product that has every field counts, and of those
    the ones with the fewest others; "" unless all of them take the same commands and show
    the same fields.
    """
    given = {name.casefold() for name in fields} - _OF_EVERY_ANSWER
    if not given - _OF_MANY:
        return ""
    fitting = []
    for product in device_types():
        own = {field.name.casefold() for field in product.status} - _OF_EVERY_ANSWER
        if given <= own:
            fitting.append((product, -len(own - given)))
    shown = {
        tuple(sorted(field.name for field in each.status)) for each, _ in _best(fitting)
    }
    return _the_only_kind(fitting) if len(shown) == 1 else ""


def presumed_by_event(webhook_type: str) -> str:
    """Return the list's type for an event's word; "" where it may mean several.

    >>> presumed_by_event("WoMeterPlus"), presumed_by_event("WoContact")
    ('MeterPlus', '')
    """
    found = {each.device_type for each in find_by_webhook_type(webhook_type)}
    return found.pop() if len(found) == 1 else ""


def _best(fitting: list[tuple[DeviceType, int]]) -> list[tuple[DeviceType, int]]:
    most = max((rank for _, rank in fitting), default=0)
    return [each for each in fitting if each[1] == most]


def _the_only_kind(fitting: list[tuple[DeviceType, int]]) -> str:
    """Return the type of what fits best, "" unless it takes the same commands throughout."""
    found = [product for product, _ in _best(fitting)]
    commands = {tuple((s.name, s.schema) for s in each.commands) for each in found}
    return found[0].device_type if len(commands) == 1 else ""


def type_of_listed(device: Device) -> str:
    """Return a listed device's type; where the cloud left it out, the presumed one."""
    return device.device_type or presumed_type(device.extra)


def find_by_webhook_type(webhook_type: str) -> tuple[DeviceType, ...]:
    """Return the products whose events carry that `context.deviceType`.

    It is another vocabulary than the list's, with slips: match devices by their id.
    """
    return _catalog().of_webhook_type(webhook_type)


def is_idempotent(
    command: str, command_type: str = "command", *, device_type: str | None = None
) -> bool:
    """Tell whether sending a command twice does no more than sending it once.

    Without a known type, every product with such a command must agree.
    """
    products = find(device_type) if device_type else ()
    specs = [
        spec
        for product in products or device_types()
        if (spec := product.command(command, command_type)) is not None
    ]
    return bool(specs) and all(spec.idempotent for spec in specs)


def validate_command(
    device_type: str,
    command: str,
    parameter: Any = "default",
    command_type: str = "command",
    *,
    infrared: bool | None = None,
) -> Any:
    """Check a command before a call is spent; return the parameter to send.

    A parameter typed by a person is brought into the form the cloud wants: "50" to 50,
    JSON text to an object. Raises UnsupportedCommandError for a type or command that
    the catalogue does not have, BadParameterError for the parameter; either says what
    to change, and that nothing was sent (`maybe_sent` false).
    """
    products = find(device_type, infrared=infrared)
    if not products:
        raise UnsupportedCommandError(
            worded(
                "no device type {device_type!r} in the catalogue{device_type2}",
                device_type=device_type,
                device_type2=_nearest(device_type, _type_names()),
            ),
            maybe_sent=False,
        )
    specs = [
        spec
        for product in products
        if (spec := product.command(command, command_type)) is not None
    ]
    if not specs:
        raise UnsupportedCommandError(
            _unsupported(products[0], command, command_type), maybe_sent=False
        )
    spec = specs[0]
    if command_type != "command" and not command.strip():
        raise UnsupportedCommandError(
            worded("a learned button needs its exact name from the app"),
            maybe_sent=False,
        )
    return spec.schema.check(
        parameter, f"{command} of {products[0].name}", show=not spec.sensitive
    )


# --- inside -----------------------------------------------------------------------


class _Catalog:
    """The data: each product is made of its entry when it is first asked for.

    A home has few of the hundred, and made of objects all of them take five times the memory.
    """

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        # Copied: what the encoder hands out keeps its whole buffer.
        self._entries = [bytes(memoryview(orjson.dumps(entry))) for entry in entries]
        self._made: dict[int, DeviceType] = {}
        by_type: dict[str, list[int]] = {}
        by_webhook_type: dict[str, list[int]] = {}
        own_first = [(each["deviceType"], at) for at, each in enumerate(entries)]
        own_first += [
            (alias, at) for at, each in enumerate(entries) for alias in each["aliases"]
        ]
        own_first += [(each["name"], at) for at, each in enumerate(entries)]
        for spelling, at in own_first:
            _add(by_type, spelling or "", at)
        for at, each in enumerate(entries):
            for webhook_type in each["webhook_types"]:
                _add(by_webhook_type, webhook_type, at)
        self._by_type = by_type
        self._by_webhook_type = by_webhook_type

    def all(self) -> tuple[DeviceType, ...]:
        return self._those(range(len(self._entries)))

    def of_type(self, spelling: str) -> tuple[DeviceType, ...]:
        return self._those(self._by_type.get(_fold(spelling), ()))

    def of_webhook_type(self, spelling: str) -> tuple[DeviceType, ...]:
        return self._those(self._by_webhook_type.get(_fold(spelling), ()))

    def _those(self, places: Iterable[int]) -> tuple[DeviceType, ...]:
        return tuple(self._product(at) for at in places)

    def _product(self, at: int) -> DeviceType:
        found = self._made.get(at)
        if found is None:
            # Threads that ask at once get the same one.
            made = read_product(orjson.loads(self._entries[at]))
            found = self._made.setdefault(at, made)
        return found


@lru_cache(maxsize=1)
def _catalog() -> _Catalog:
    return _Catalog(orjson.loads(cast("bytes", get_data(__package__, "devices.json"))))


def _add(index: dict[str, list[int]], spelling: str, place: int) -> None:
    listed = index.setdefault(_fold(spelling), [])
    if spelling and place not in listed:
        listed.append(place)


def _fold(spelling: str) -> str:
    return _BLANKS.sub("", spelling).casefold()


def _type_names() -> list[str]:
    return [product.device_type for product in device_types() if product.device_type]


def _unsupported(product: DeviceType, command: str, command_type: str) -> str:
    names = [
        spec.name if spec.command_type == "command" else worded("its learned buttons")
        for spec in product.commands
    ]
    if not names:
        return worded("{product} takes no commands", product=product.name)
    kind = (
        ""
        if command_type == "command"
        else worded(" of type {command_type!r}", command_type=command_type)
    )
    return worded(
        "{product} has no command {command!r}{kind}{hint}; it has {names}",
        product=product.name,
        command=command,
        kind=kind,
        hint=_nearest(command, names),
        names=joined(", ", names),
    )


def _nearest(word: str, known: list[str]) -> str:
    folded = {name.casefold(): name for name in known}
    near = nearest(word.casefold(), folded)
    return f"; did you mean {folded[near]!r}?" if near else ""


# --- from devices.json to the types above ----------------------------------------


def read_product(entry: dict[str, Any]) -> DeviceType:
    """Build a product from its entry of ``devices.json``."""
    return DeviceType(
        name=entry["name"],
        device_type=entry["deviceType"] or "",
        aliases=tuple(entry["aliases"]),
        models=tuple(entry["models"]),
        category=entry["category"],
        infrared=entry["infrared"],
        hub_required=entry["hub_required"],
        status_supported=entry["status_supported"],
        list_fields=tuple(field["field"] for field in entry["list_fields"]),
        status=tuple(_field(field) for field in entry["status"]),
        commands=tuple(_command(command) for command in entry["commands"]),
        webhook_types=tuple(entry["webhook_types"]),
        webhook_fields=tuple(_field(field) for field in entry["webhook_fields"]),
        source=entry["source"],
        notes=tuple(entry["notes"]),
    )


def _field(entry: dict[str, Any]) -> StatusField:
    minimum, maximum = entry.get("range", (None, None))
    return StatusField(
        name=entry["field"],
        type=entry["type"],
        unit=entry.get("unit", ""),
        values=tuple(
            # Numbers come with their meaning beside them.
            value["value"] if isinstance(value, dict) else value
            for value in entry.get("values", ())
        ),
        minimum=minimum,
        maximum=maximum,
        description=entry["description"],
    )


def _command(entry: dict[str, Any]) -> CommandSpec:
    return CommandSpec(
        name=entry["command"],
        command_type=entry["commandType"],
        schema=read_schema(entry["schema"]),
        hint=entry["parameter"],
        description=entry["description"],
        idempotent=entry["idempotent"],
        sensitive=entry.get("sensitive", False),
        answers_later=entry.get("async_result", False),
    )


def read_schema(entry: dict[str, Any]) -> ParameterSchema:
    """Build the schema of one command's parameter."""
    return _BY_KIND[entry["kind"]](entry)


def _integer_schema(entry: dict[str, Any]) -> ParameterSchema:
    return Integer(entry.get("min"), entry.get("max"), tuple(entry.get("values", ())))


def _joined(separator: str, entry: dict[str, Any]) -> ParameterSchema:
    parts = tuple(
        Part(
            name=part["name"],
            values=tuple(part.get("values", ())),
            minimum=part.get("min"),
            maximum=part.get("max"),
            multiple_of=part.get("multipleOf"),
            # Existing dashboards send 26.0 degrees, and it works.
            fractions="unit" in part,
            note=part.get("note", ""),
        )
        for part in entry["parts"]
    )
    return Joined(separator, parts)


def _json_object(entry: dict[str, Any]) -> ParameterSchema:
    when = entry.get("required_when", {})
    return JsonObject(
        properties=_properties(entry.get("properties", {})),
        required=tuple(entry.get("required", ())),
        one_of=tuple(entry.get("oneOf", ())),
        condition=when.get("property", ""),
        condition_values=tuple(when.get("values", ())),
        condition_required=tuple(when.get("required", ())),
    )


def _properties(entries: dict[str, Any]) -> tuple[Property, ...]:
    return tuple(
        Property(
            name=name,
            type=entry["type"],
            values=tuple(
                # Numbers come with their meaning beside them.
                value["value"] if isinstance(value, dict) else value
                for value in entry.get("values", ())
            ),
            minimum=entry.get("min"),
            maximum=entry.get("max"),
            pattern=entry.get("pattern", ""),
            properties=_properties(entry.get("properties", {})),
        )
        for name, entry in entries.items()
    )


_BY_KIND: dict[str, Callable[[dict[str, Any]], ParameterSchema]] = {
    "default": lambda _entry: NoParameter(),
    "string": lambda _entry: Text(),
    "bool": lambda _entry: Boolean(),
    "rgb": lambda _entry: Colour(),
    "any": lambda _entry: Anything(),
    "number": lambda entry: Number(
        entry.get("min"), entry.get("max"), entry.get("step")
    ),
    "int": _integer_schema,
    "enum_or_int": _integer_schema,
    "enum": lambda entry: Choice(tuple(entry["values"])),
    "csv": lambda entry: _joined(",", entry),
    "semicolon": lambda entry: _joined(";", entry),
    "json": _json_object,
}


# --- a status or an event in these terms -----------------------------------------------

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
    if exact:
        return str(exact[0])
    alike = [known for known in field.values if folded(known) == folded(text)]
    return str((alike or [text])[0])


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
