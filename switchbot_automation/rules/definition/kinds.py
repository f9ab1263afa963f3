"""What kinds of triggers, conditions and actions there are, and how each is read.

A kind is a plug-in's `Plugin` or one of those here: a schema that checks the object and
a factory that makes the part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import voluptuous as vol

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import degrees, reworded, symbol, worded
from switchbot_automation.outside.urls import (
    SecretName,
    check_webhook_url,
    named_secret,
)
from switchbot_automation.outside.wording import shown
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
    offset,
    pattern,
    positive,
    scalar,
    text,
)
from switchbot_automation.schedule.sun import SUNRISE, SUNSET


class PartKind(NamedTuple):
    """How one kind is read; `tells`: it is an actuator that can be."""

    schema: Callable[[object], Any]
    make: Callable[..., Any]
    tells: bool = False


_SUBJECT = {"zone": text, "device": text, "attribute": text, "unchecked": flag}


def _subject(read: dict[str, Any], default: str) -> Subject:
    zone, device = read.pop("zone", ""), read.pop("device", "")
    attribute = read.pop("attribute", "")
    if bool(zone) is bool(device):
        raise vol.Invalid(
            worded("needs either zone or device, to know whose value is meant")
        )
    if zone:
        attribute = attribute or default
        if attribute not in ZONE_ATTRIBUTES:
            words = ", ".join(ZONE_ATTRIBUTES)
            raise vol.Invalid(
                worded(
                    "a zone has {words}{attribute}",
                    words=words,
                    attribute=near(attribute, ZONE_ATTRIBUTES),
                ),
                path=["attribute"],
            )
    elif not attribute:
        raise vol.Invalid(
            worded("is missing: the device's field, as 'openState'"), path=["attribute"]
        )
    return Subject(attribute, zone, device)


def _limits(read: dict[str, Any]) -> tuple[float | None, float | None]:
    above, below = read.get("above"), read.get("below")
    if above is None and below is None:
        raise vol.Invalid(worded("needs above or below"))
    if above is not None and below is not None and above >= below:
        raise vol.Invalid(
            worded(
                "no number is above {above:g} and below {below:g}; swap them, or "
                "use two triggers",
                above=above,
                below=below,
            ),
            path=["above"],
        )
    return above, below


def _any_or(read: Reader) -> Reader:
    """Return what reads null as any value, as in Home Assistant."""
    return lambda value: () if value is None else read(value)


def _state_trigger(read: dict[str, Any]) -> triggers.StateTrigger:
    for key in ("from", "to"):
        if read.get(key) and f"not_{key}" in read:
            raise vol.Invalid(
                worded("says it twice, beside {key}", key=key), path=[f"not_{key}"]
            )
    return triggers.StateTrigger(
        _subject(read, "power"),
        read.get("from", ()),
        read.get("to", ()),
        **_lasting(read),
        not_before=read.get("not_from", ()),
        not_after=read.get("not_to", ()),
        leaves="from" in read and "to" not in read,
        unchecked=read.get("unchecked", False),
    )


def _days_of(read: dict[str, Any]) -> frozenset[int]:
    """Return the days; `weekday` is Home Assistant's word for them."""
    if "days" in read and "weekday" in read:
        raise vol.Invalid(worded("says the days twice, beside days"), path=["weekday"])
    found: frozenset[int] = read.get("days", read.get("weekday", EVERY_DAY))
    return found


def _time_pattern(read: dict[str, Any]) -> triggers.PatternTrigger:
    """Make one; what is smaller than the largest that is given is 0, as there."""
    if not read:
        raise vol.Invalid(worded("needs hours, minutes or seconds"))
    seconds = read.get("seconds", frozenset({0}))
    if len(seconds) > 1:
        raise vol.Invalid(
            worded(
                "is more often than once a minute, which costs calls and "
                "commands; give one second, and `minutes`"
            ),
            path=["seconds"],
        )
    every = frozenset(range(60))
    minutes = read.get("minutes", frozenset({0}) if "hours" in read else every)
    hours = read.get("hours")
    if hours is not None and len(hours) == _HOURS:
        hours = None
    return triggers.PatternTrigger(hours, minutes, next(iter(seconds)))


def _edge(read: dict[str, Any], key: str) -> tuple[str, timedelta] | None:
    if key not in read:
        if f"{key}_offset" in read:
            raise vol.Invalid(worded("is for {key}", key=key), path=[f"{key}_offset"])
        return None
    return read[key], read.get(f"{key}_offset", timedelta(0))


def _sun_condition(read: dict[str, Any]) -> conditions.SunCondition:
    found = conditions.SunCondition(_edge(read, "after"), _edge(read, "before"))
    if found.after is None and found.before is None:
        raise vol.Invalid(worded("needs after or before: sunrise or sunset"))
    return found


def _lasting(read: dict[str, Any]) -> dict[str, Any]:
    return {"lasting": read["for"]} if "for" in read else {}


def _numeric_trigger(read: dict[str, Any]) -> triggers.NumericTrigger:
    subject = _subject(read, "temperature")
    above, below = _limits(read)
    return triggers.NumericTrigger(
        subject,
        above,
        below,
        **_lasting(read),
        unchecked=read.get("unchecked", False),
    )


def _cron(value: object) -> str:
    expression = text(value)
    try:
        check_cron(expression)
    except SettingsError as exc:
        raise vol.Invalid(reworded(exc)) from exc
    return expression


def _event_values(value: object) -> dict[str, tuple[Any, ...]]:
    if not isinstance(value, Mapping):
        raise vol.Invalid(
            worded("expected an object of values, got {value}", value=shown(value))
        )
    return {str(key): many(scalar)(each) for key, each in value.items()}


_SUN = choice(SUNRISE, SUNSET)
_HOURS = 24

TRIGGERS: Mapping[str, PartKind] = {
    "state": PartKind(
        Shape(
            {},
            {
                **_SUBJECT,
                "from": _any_or(many(scalar)),
                "to": _any_or(many(scalar)),
                "not_from": many(scalar),
                "not_to": many(scalar),
                "for": duration,
            },
        ),
        _state_trigger,
    ),
    "numeric_state": PartKind(
        Shape({}, {**_SUBJECT, "above": number, "below": number, "for": duration}),
        _numeric_trigger,
    ),
    "time": PartKind(
        Shape({"at": many(clock_time)}, {"days": days, "weekday": days}),
        lambda read: triggers.TimeTrigger(read["at"], _days_of(read)),
    ),
    "time_pattern": PartKind(
        Shape(
            {}, {"hours": pattern(23), "minutes": pattern(59), "seconds": pattern(59)}
        ),
        _time_pattern,
    ),
    "sun": PartKind(
        Shape({"event": _SUN}, {"offset": offset}),
        lambda read: triggers.SunTrigger(
            read["event"], read.get("offset", timedelta(0))
        ),
    ),
    "cron": PartKind(
        Shape({"cron": _cron}, {}), lambda read: triggers.CronTrigger(read["cron"])
    ),
    "window": PartKind(
        Shape({"zone": text, "event": choice("start", "end")}, {}),
        lambda read: triggers.WindowTrigger(read["zone"], read["event"]),
    ),
    "webhook": PartKind(
        Shape(
            {"device": text},
            {"values": _event_values, "event_type": text, "unchecked": flag},
        ),
        lambda read: triggers.WebhookTrigger(
            read["device"],
            read.get("values", {}),
            read.get("event_type", ""),
            unchecked=read.get("unchecked", False),
        ),
    ),
}


def _time_condition(read: dict[str, Any]) -> conditions.TimeCondition:
    if not read:
        raise vol.Invalid(worded("needs after, before or days"))
    after, before = read.get("after"), read.get("before")
    if after is not None and after == before:
        raise vol.Invalid(
            worded("is the same as after; no time lies between"), path=["before"]
        )
    return conditions.TimeCondition(after, before, _days_of(read))


def _state_condition(read: dict[str, Any]) -> conditions.StateCondition:
    lasting = read.get("for", timedelta(0))
    return conditions.StateCondition(
        _subject(read, "power"),
        read["state"],
        lasting,
        unchecked=read.get("unchecked", False),
    )


def _no_duration(_value: object) -> object:
    raise vol.Invalid(
        worded(
            "is not had here, as in Home Assistant; use a trigger "
            "numeric_state with `for`"
        )
    )


@cache
def conditions_by_kind(read_conditions: Reader) -> Mapping[str, PartKind]:
    """Return the kinds of conditions; some hold others, read by `read_conditions`."""
    nested = Shape({"conditions": read_conditions}, {})
    return {
        "and": PartKind(nested, lambda read: conditions.And(read["conditions"])),
        "or": PartKind(nested, lambda read: conditions.Or(read["conditions"])),
        "not": PartKind(nested, lambda read: conditions.Not(read["conditions"])),
        "state": PartKind(
            Shape({"state": many(scalar)}, {**_SUBJECT, "for": duration}),
            _state_condition,
        ),
        "numeric_state": PartKind(
            Shape(
                {}, {**_SUBJECT, "above": number, "below": number, "for": _no_duration}
            ),
            lambda read: conditions.NumericCondition(
                _subject(read, "temperature"),
                *_limits(read),
                unchecked=read.get("unchecked", False),
            ),
        ),
        "time": PartKind(
            Shape(
                {},
                {
                    "after": clock_time,
                    "before": clock_time,
                    "days": days,
                    "weekday": days,
                },
            ),
            _time_condition,
        ),
        "sun": PartKind(
            Shape(
                {},
                {
                    "after": _SUN,
                    "after_offset": offset,
                    "before": _SUN,
                    "before_offset": offset,
                },
            ),
            _sun_condition,
        ),
        "trigger": PartKind(
            Shape({"id": many(text)}, {}),
            lambda read: conditions.TriggerCondition(read["id"]),
        ),
        "window": PartKind(
            Shape({"zone": text}, {"inside": flag}),
            lambda read: conditions.WindowCondition(
                read["zone"], read.get("inside", True)
            ),
        ),
    }


_ZONE_COMMANDS = ("on", "off", "fan", "winter", "summer")
_ZONE_SETTINGS = ("set_preset_mode", "set_temperature")
_ZONE_WISHES = ("skip_next_window", "quiet_fan")
_FOR_DEVICES = ("parameter", "command_type", "for_at_most", "sensor_lost", "unchecked")
_OFF = "turnOff"
# Of a band's middle: what the settings let a band be.
_COLDEST_CELSIUS, _WARMEST_CELSIUS = 10.0, 35.0


def _zone_setting(
    zone: str, command: str, read: dict[str, Any]
) -> actions.SetPreset | actions.SetTemperature:
    for key in ("hold", *_FOR_DEVICES):
        if key in read and key != "parameter":
            raise vol.Invalid(worded("is for other commands"), path=[key])
    value = read.get("parameter")
    if command == "set_preset_mode":
        if not isinstance(value, str) or not value:
            raise vol.Invalid(
                worded(
                    "expected the name of a preset, or none, got {value}",
                    value=shown(value),
                ),
                path=["parameter"],
            )
        return actions.SetPreset(zone, "" if value == "none" else value)
    ends = worded(
        "{low} to {high} {symbol}",
        low=degrees(_COLDEST_CELSIUS),
        high=degrees(_WARMEST_CELSIUS),
        symbol=symbol(),
    )
    try:
        celsius = number(value)
    except vol.Invalid:
        wide = worded("expected {ends}, got {value}", ends=ends, value=shown(value))
        raise vol.Invalid(wide, path=["parameter"]) from None
    if not _COLDEST_CELSIUS <= celsius <= _WARMEST_CELSIUS:
        # As it was typed.
        wide = worded(
            "expected {ends}, got {celsius}", ends=ends, celsius=degrees(celsius)
        )
        raise vol.Invalid(wide, path=["parameter"])
    return actions.SetTemperature(zone, celsius)


def _zone_wish(
    zone: str, command: str, read: dict[str, Any]
) -> actions.SkipNextWindow | actions.QuietFan:
    if command == "quiet_fan":
        return actions.QuietFan(zone, read.get("hold"))
    if "hold" in read:
        raise vol.Invalid(worded("ends with the window"), path=["hold"])
    return actions.SkipNextWindow(zone)


def _command(
    read: dict[str, Any],
) -> (
    actions.ZoneCommand
    | actions.DeviceCommand
    | actions.SetPreset
    | actions.SetTemperature
    | actions.SkipNextWindow
    | actions.QuietFan
):
    zone, device, command = read.get("zone"), read.get("device"), read["command"]
    if bool(zone) is bool(device):
        raise vol.Invalid(
            worded("needs either zone or device, to know what is commanded")
        )
    if device:
        if "hold" in read:
            raise vol.Invalid(worded("is for zones"), path=["hold"])
        if command == _OFF and "for_at_most" in read:
            raise vol.Invalid(worded("is for what turns it on"), path=["for_at_most"])
        return actions.DeviceCommand(
            device,
            command,
            read.get("parameter", "default"),
            read.get("command_type", "command"),
            unchecked=read.get("unchecked", False),
            for_at_most=read.get("for_at_most"),
            keep_on=read.get("sensor_lost") == "keep",
        )
    if command in _ZONE_SETTINGS:
        return _zone_setting(str(zone), command, read)
    for key in _FOR_DEVICES:
        if key in read:
            raise vol.Invalid(worded("is for devices"), path=[key])
    if command in _ZONE_WISHES:
        return _zone_wish(str(zone), command, read)
    if command not in _ZONE_COMMANDS:
        known = (*_ZONE_COMMANDS, *_ZONE_SETTINGS, *_ZONE_WISHES)
        words = ", ".join(known)
        raise vol.Invalid(
            worded(
                "a zone takes {words}{command}",
                words=words,
                command=near(command, known),
            ),
            path=["command"],
        )
    return actions.ZoneCommand(str(zone), command, read.get("hold"))


def _webhook(read: dict[str, Any]) -> actions.CallWebhook:
    hosts = frozenset(host.lower() for host in read.get("allowed_hosts", ()))
    try:
        # What is only named is judged where it is used.
        if not isinstance(read["url"], SecretName):
            check_webhook_url(read["url"], hosts)
    except ValueError as exc:
        words = reworded(exc)
        raise vol.Invalid(words, path=["url"]) from None
    return actions.CallWebhook(read["url"], hosts)


def _url(value: object) -> str:
    try:
        name = named_secret(value)
    except ValueError as exc:
        raise vol.Invalid(reworded(exc), path=["secret"]) from None
    if name is not None:
        return name
    if not isinstance(value, str):
        raise vol.Invalid(worded("expected a URL"))
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
                "for_at_most": positive,
                "sensor_lost": choice("off", "keep"),
                "unchecked": flag,
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
        Shape({"message": text}, {"title": text, "unchecked": flag}),
        lambda read: actions.Notify(
            read["message"], read.get("title"), unchecked=read.get("unchecked", False)
        ),
    ),
}
