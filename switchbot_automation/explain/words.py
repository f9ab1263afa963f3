"""Reasons, margins and changes in plain words. Pure.

A reason's sentence is a template over the numbers it carries; where some are missing, as
in a collapsed row of history, its code stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.instants import stored_hold
from switchbot_automation.model import Outcome, Power, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

    from switchbot_automation.explain.counterfactual import Counterfactual

_MINUTE, _HOUR = 60, 3600


def sentence(
    zone: str, outcome: str | None, reasons: Iterable[Mapping[str, Any]], tz: tzinfo
) -> str:
    """Return the decision with its reasons, in their order, as one sentence."""
    why = "; ".join(reason_words(reason, tz) for reason in reasons)
    return f"{zone}: {outcome}, because {why}." if why else f"{zone}: {outcome}."


def reason_words(reason: Mapping[str, Any], tz: tzinfo) -> str:
    """Return one reason of a decision's JSON in words, its instants in `tz`."""
    code = str(reason.get("code"))
    template = _WORDS.get(code)
    if code == ReasonCode.HOLD_MANUAL and "rule" in reason:
        template = "rule {rule} holds until {until}"
    if template is None:
        return _without_template(code, reason)
    shown = {key: _shown(key, value, tz) for key, value in reason.items()}
    try:
        return template.format_map(shown)
    except (KeyError, ValueError):
        return code.replace("_", " ")


def _without_template(code: str, reason: Mapping[str, Any]) -> str:
    details = ", ".join(
        f"{key.replace('_', ' ')} {value}"
        for key, value in reason.items()
        if key != "code"
    )
    words = code.replace("_", " ")
    return f"{words} ({details})" if details else words


def _shown(key: str, value: Any, tz: tzinfo) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    at = stored_hold(value) if key == "until" else None
    return value if at is None else f"{at.astimezone(tz):%H:%M:%S}"


def duration(seconds: float) -> str:
    """Return a length of time as a person says it, to two units: ``1 h 12 min``."""
    whole = round(abs(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole, _HOUR)
    minutes = rest // _MINUTE
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def change_words(change: Counterfactual) -> str:
    """Return what would have been otherwise, and when."""
    if change.action is None:
        effect = f"nothing would have been sent ({change.outcome})"
    else:
        effect = f"{change.action} would have been sent ({change.outcome})"
    return f"{effect} if {_condition(change)}"


def _condition(change: Counterfactual) -> str:
    name, value, becomes = change.name, change.value, change.becomes
    if name == "time":
        if becomes > 0 and change.outcome is Outcome.MISSING_METER:
            # The core is asked what it does with this reading when it has grown old.
            return f"the meter had then been silent for {duration(becomes)}"
        later = "later" if becomes > 0 else "earlier"
        return f"it had been {duration(becomes)} {later}"
    if name in _AROUND:
        return _AROUND[name]
    if name == "hold":
        return "no person's command had held"
    if name == "unit":
        was = "of unknown state" if value == Power.UNKNOWN else value
        return f"the unit had been {becomes}, not {was}"
    if isinstance(value, bool | str):
        return f"{name} were {_plain(becomes)}, not {_plain(value)}"
    more = "more" if becomes > value else "less"
    unit = f" {change.unit}" if change.unit else ""
    if name == "temperature":
        return f"the meter had shown {becomes:g}{unit} or {more}, not {value:g}"
    if change.kind == "input":
        did = "run" if name == "running_seconds" else "rested"
        return (
            f"the compressor had {did} {duration(becomes)} or {more}, "
            f"not {duration(value)}"
        )
    return f"{name} were {becomes:g}{unit} or {more}, not {value:g}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_AROUND = {
    "opening": "nothing had been open",
    "presence": "somebody had been there",
    "offsets": "nothing had moved the band",
}

_WORDS: Mapping[str, str] = {
    ReasonCode.AUTOMATION_DISABLED: "the automation is disabled",
    ReasonCode.IN_WINDOW: "the window {start}-{end} is open",
    ReasonCode.OUTSIDE_WINDOWS: "no window is open",
    ReasonCode.NO_WINDOWS: "there are no windows",
    ReasonCode.PRESET: "the preset {preset} is in force",
    ReasonCode.NOBODY_THERE: "nobody is there, so the preset {preset} is in force",
    ReasonCode.OFFSET: "{source} moves the band by {kelvin} K",
    ReasonCode.WINDOW_MISSED: (
        "the window {window} of {day} had begun before anybody looked"
    ),
    ReasonCode.OPENING_OPEN: "{device_id} is open, or was a moment ago",
    ReasonCode.OPENING_SUSPECTED: (
        "the room loses so fast that something must be open, taken for so until {until}"
    ),
    ReasonCode.NO_METER: "no meter is configured",
    ReasonCode.NO_READING: "the meter gave no temperature",
    ReasonCode.METER_UNREACHABLE: "the meter could not be read",
    ReasonCode.READING_TOO_OLD: "the last reading is too old to count",
    ReasonCode.TEMPERATURE_NOT_A_NUMBER: "the meter's temperature is not a number",
    ReasonCode.TEMP_BELOW_ON_THRESHOLD: (
        "{temperature_celsius} °C is at or below {limit_celsius} °C, where it turns on"
    ),
    ReasonCode.TEMP_ABOVE_ON_THRESHOLD: (
        "{temperature_celsius} °C is at or above {limit_celsius} °C, where it turns on"
    ),
    ReasonCode.TEMP_BELOW_OFF_THRESHOLD: (
        "{temperature_celsius} °C is at or below {limit_celsius} °C, where it turns off"
    ),
    ReasonCode.TEMP_ABOVE_OFF_THRESHOLD: (
        "{temperature_celsius} °C is at or above {limit_celsius} °C, where it turns off"
    ),
    ReasonCode.WITHIN_BAND: (
        "{temperature_celsius} °C lies between {low_celsius} and {high_celsius} °C"
    ),
    ReasonCode.ALREADY_OFF: "it is off already",
    ReasonCode.DUPLICATE_SUPPRESSED: "{action} is in force already",
    ReasonCode.HOLD_MANUAL: "a person's command holds until {until}",
    ReasonCode.GROUP_OTHERS_WAIT: (
        "{zones} cannot have {wants} while {zone} has {has} of the outdoor unit they"
        " share, until {until} at the latest"
    ),
    ReasonCode.GROUP_HOLD_ENDS: (
        "{zones} had to wait for the shared outdoor unit long enough, so the person's"
        " command is over"
    ),
    ReasonCode.NOTHING_TO_SEND: "nothing was to be sent",
    ReasonCode.MIN_ON_REMAINING: (
        "the compressor must run {remaining_seconds:.0f} s more, until {until}"
    ),
    ReasonCode.MIN_OFF_REMAINING: (
        "the compressor must rest {remaining_seconds:.0f} s more, until {until}"
    ),
    ReasonCode.WISH_CHANGED: "{asked} is wished, and it was told {told}",
    ReasonCode.WISH_CHANGE_WAITS: (
        "{asked} is wished; it was told {told} a moment ago, and is told again at {until}"
    ),
    ReasonCode.QUIET_HOURS: "the quiet hours last until {until}",
    ReasonCode.REPAIR_WAITS: (
        "it was told so {tries} times and nothing shows it; the next attempt is at {until}"
    ),
    ReasonCode.BELIEF_CONTRADICTED: (
        "the {by} contradicts since {since} that it does what it was told"
    ),
    ReasonCode.GATE_OPEN: "nothing stood against sending it",
    ReasonCode.NO_RUNG_CONFIGURED: (
        "no way to command {action} is configured: aircon_device_id, a scene, a webhook"
        " or a button"
    ),
    ReasonCode.DEVICE_NOT_FOUND: (
        "the cloud finds no {thing} {device}: correct its id in the settings, or add it to"
        ' the account ("{said}", {times} times)'
    ),
    ReasonCode.COMMAND_REFUSED: (
        "{thing} {device} refuses {what} for good: configure another way, as a scene or a"
        ' button ("{said}", {times} times)'
    ),
    ReasonCode.VALUE_REFUSED: (
        "{thing} {device} refuses {what}: change the setpoint, fan speed or mode"
        ' ("{said}", {times} times)'
    ),
    ReasonCode.READING_REFUSED: (
        'the cloud does not let the device {device} be read ("{said}", {times} times)'
    ),
    ReasonCode.SETPOINT_CLAMPED: (
        "{asked_celsius} °C is no setpoint of an air conditioner, {sent_celsius} °C was"
        " sent"
    ),
    ReasonCode.LOST_RACE: "another writer was faster",
    ReasonCode.UNIT_LEFT: "the settings no longer have the unit {unit}, which ran",
    ReasonCode.STORE_UNAVAILABLE: "the store did not take the record of it",
}
