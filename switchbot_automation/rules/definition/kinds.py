"""What kinds of triggers, conditions and actions there are, and how each is read.

A kind is a plug-in's `Plugin` or one of those here: a schema that checks the object and
a factory that makes the part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import voluptuous as vol

from switchbot_automation.errors import SettingsError
from switchbot_automation.rules.definition import actions, conditions, triggers
from switchbot_automation.rules.definition.clock import check_cron
from switchbot_automation.rules.definition.context import ZONE_ATTRIBUTES, Subject
from switchbot_automation.rules.definition.values import (
    EVERY_DAY,
    Reader,
    Shape,
    anything,
    choice,
    clock_time,
    days,
    duration,
    flag,
    hold,
    many,
    near,
    number,
    scalar,
    text,
)
from switchbot_automation.urls import check_webhook_url
from switchbot_automation.wording import shown


class PartKind(NamedTuple):
    """How one kind is read."""

    schema: Callable[[object], Any]
    make: Callable[[Any], Any]


_SUBJECT = {"zone": text, "device": text, "attribute": text}


def _subject(read: dict[str, Any], default: str) -> Subject:
    zone, device = read.pop("zone", ""), read.pop("device", "")
    attribute = read.pop("attribute", "")
    if bool(zone) is bool(device):
        raise vol.Invalid("needs either zone or device, to know whose value is meant")
    if zone:
        attribute = attribute or default
        if attribute not in ZONE_ATTRIBUTES:
            words = ", ".join(ZONE_ATTRIBUTES)
            raise vol.Invalid(
                f"a zone has {words}{near(attribute, ZONE_ATTRIBUTES)}",
                path=["attribute"],
            )
    elif not attribute:
        raise vol.Invalid(
            "is missing: the device's field, as 'openState'", path=["attribute"]
        )
    return Subject(attribute, zone, device)


def _limits(read: dict[str, Any]) -> tuple[float | None, float | None]:
    above, below = read.get("above"), read.get("below")
    if above is None and below is None:
        raise vol.Invalid("needs above or below")
    if above is not None and below is not None and above >= below:
        raise vol.Invalid(
            f"no number is above {above:g} and below {below:g}; swap them, or use two"
            " triggers",
            path=["above"],
        )
    return above, below


def _state_trigger(read: dict[str, Any]) -> triggers.StateTrigger:
    return triggers.StateTrigger(
        _subject(read, "power"),
        read.get("from", ()),
        read.get("to", ()),
        **_lasting(read),
    )


def _lasting(read: dict[str, Any]) -> dict[str, Any]:
    return {"lasting": read["for"]} if "for" in read else {}


def _numeric_trigger(read: dict[str, Any]) -> triggers.NumericTrigger:
    subject = _subject(read, "temperature")
    return triggers.NumericTrigger(subject, *_limits(read), **_lasting(read))


def _cron(value: object) -> str:
    expression = text(value)
    try:
        check_cron(expression)
    except SettingsError as exc:
        raise vol.Invalid(str(exc)) from exc
    return expression


def _event_values(value: object) -> dict[str, tuple[Any, ...]]:
    if not isinstance(value, Mapping):
        raise vol.Invalid(f"expected an object of values, got {shown(value)}")
    return {str(key): many(scalar)(each) for key, each in value.items()}


TRIGGERS: Mapping[str, PartKind] = {
    "state": PartKind(
        Shape(
            {},
            {**_SUBJECT, "from": many(scalar), "to": many(scalar), "for": duration},
        ),
        _state_trigger,
    ),
    "numeric_state": PartKind(
        Shape({}, {**_SUBJECT, "above": number, "below": number, "for": duration}),
        _numeric_trigger,
    ),
    "time": PartKind(
        Shape({"at": many(clock_time)}, {"days": days}),
        lambda read: triggers.TimeTrigger(read["at"], read.get("days", EVERY_DAY)),
    ),
    "cron": PartKind(
        Shape({"cron": _cron}, {}), lambda read: triggers.CronTrigger(read["cron"])
    ),
    "window": PartKind(
        Shape({"zone": text, "event": choice("start", "end")}, {}),
        lambda read: triggers.WindowTrigger(read["zone"], read["event"]),
    ),
    "webhook": PartKind(
        Shape({"device": text}, {"values": _event_values, "event_type": text}),
        lambda read: triggers.WebhookTrigger(
            read["device"], read.get("values", {}), read.get("event_type", "")
        ),
    ),
}


def _time_condition(read: dict[str, Any]) -> conditions.TimeCondition:
    if not read:
        raise vol.Invalid("needs after, before or days")
    after, before = read.get("after"), read.get("before")
    if after is not None and after == before:
        raise vol.Invalid("is the same as after; no time lies between", path=["before"])
    return conditions.TimeCondition(after, before, read.get("days", EVERY_DAY))


@cache
def conditions_by_kind(read_conditions: Reader) -> Mapping[str, PartKind]:
    """Return the kinds of conditions; some hold others, read by `read_conditions`."""
    nested = Shape({"conditions": read_conditions}, {})
    return {
        "and": PartKind(nested, lambda read: conditions.And(read["conditions"])),
        "or": PartKind(nested, lambda read: conditions.Or(read["conditions"])),
        "not": PartKind(nested, lambda read: conditions.Not(read["conditions"])),
        "state": PartKind(
            Shape({"state": many(scalar)}, _SUBJECT),
            lambda read: conditions.StateCondition(
                _subject(read, "power"), read["state"]
            ),
        ),
        "numeric_state": PartKind(
            Shape({}, {**_SUBJECT, "above": number, "below": number}),
            lambda read: conditions.NumericCondition(
                _subject(read, "temperature"), *_limits(read)
            ),
        ),
        "time": PartKind(
            Shape({}, {"after": clock_time, "before": clock_time, "days": days}),
            _time_condition,
        ),
        "window": PartKind(
            Shape({"zone": text}, {"inside": flag}),
            lambda read: conditions.WindowCondition(
                read["zone"], read.get("inside", True)
            ),
        ),
    }


_ZONE_COMMANDS = ("on", "off", "fan", "winter", "summer")


def _command(read: dict[str, Any]) -> actions.ZoneCommand | actions.DeviceCommand:
    zone, device, command = read.get("zone"), read.get("device"), read["command"]
    if bool(zone) is bool(device):
        raise vol.Invalid("needs either zone or device, to know what is commanded")
    if device:
        if "hold" in read:
            raise vol.Invalid("is for zones", path=["hold"])
        return actions.DeviceCommand(
            device,
            command,
            read.get("parameter", "default"),
            read.get("command_type", "command"),
        )
    for key in ("parameter", "command_type"):
        if key in read:
            raise vol.Invalid("is for devices", path=[key])
    if command not in _ZONE_COMMANDS:
        words = ", ".join(_ZONE_COMMANDS)
        raise vol.Invalid(
            f"a zone takes {words}{near(command, _ZONE_COMMANDS)}", path=["command"]
        )
    return actions.ZoneCommand(str(zone), command, read.get("hold"))


def _webhook(read: dict[str, Any]) -> actions.CallWebhook:
    hosts = frozenset(host.lower() for host in read.get("allowed_hosts", ()))
    try:
        check_webhook_url(read["url"], hosts)
    except ValueError as exc:
        words = str(exc).replace("webhook_allowed_hosts", "allowed_hosts")
        raise vol.Invalid(words, path=["url"]) from None
    return actions.CallWebhook(read["url"], hosts)


def _url(value: object) -> str:
    if not isinstance(value, str):
        raise vol.Invalid("expected a URL")
    return value


ACTIONS: Mapping[str, PartKind] = {
    "command": PartKind(
        Shape(
            {"command": text},
            {
                "zone": text,
                "device": text,
                "parameter": anything,
                "command_type": choice("command", "customize", "tag"),
                "hold": hold,
            },
        ),
        _command,
    ),
    "scene": PartKind(
        Shape({"scene": text}, {}), lambda read: actions.RunScene(read["scene"])
    ),
    "webhook": PartKind(Shape({"url": _url}, {"allowed_hosts": many(text)}), _webhook),
    "hold": PartKind(
        Shape({"zone": text, "for": hold}, {}),
        lambda read: actions.Hold(read["zone"], read["for"]),
    ),
    "notify": PartKind(
        Shape({"message": text}, {"title": text}),
        lambda read: actions.Notify(read["message"], read.get("title")),
    ),
}
