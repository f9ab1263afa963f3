"""The types of the device catalogue, and how ``devices.json`` becomes them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.catalog.schema import (
    Boolean,
    Choice,
    Colour,
    Integer,
    Joined,
    JsonObject,
    NoParameter,
    ParameterSchema,
    Part,
    Property,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Callable


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


def _integer(entry: dict[str, Any]) -> ParameterSchema:
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
    "int": _integer,
    "enum_or_int": _integer,
    "enum": lambda entry: Choice(tuple(entry["values"])),
    "csv": lambda entry: _joined(",", entry),
    "semicolon": lambda entry: _joined(";", entry),
    "json": _json_object,
}
