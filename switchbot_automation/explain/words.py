"""Reasons, margins and changes in plain words. Pure.

A reason's sentence is a template over the numbers it carries; where some are missing, as
in a collapsed row of history, one that needs fewer stands for it. Every reason has one.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from switchbot_automation.instants import FOR_EVER, stored_hold
from switchbot_automation.model import Outcome, Power, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, tzinfo

    from switchbot_automation.core.state.kept import News
    from switchbot_automation.explain.counterfactual import Counterfactual


_MINUTE, _HOUR = 60, 3600


def sentence(
    zone: str,
    outcome: str | None,
    reasons: Iterable[Mapping[str, Any]],
    tz: tzinfo,
    at: datetime | None = None,
) -> str:
    """Return the decision with its reasons, in their order, as one sentence.

    `at` is when it was made, see `reason_words`.
    """
    why = "; ".join(reason_words(reason, tz, at) for reason in reasons)
    return f"{zone}: {outcome}, because {why}." if why else f"{zone}: {outcome}."


def reason_words(
    reason: Mapping[str, Any], tz: tzinfo, at: datetime | None = None
) -> str:
    """Return one reason of a decision's JSON in words, its instants in `tz`.

    `at` is the instant from which it is looked at: those of another day are shown with
    their date, as all are where it is None.
    """
    code = str(reason.get("code"))
    shown = {key: _shown(key, value, tz, at) for key, value in reason.items()}
    templates = _WORDS.get(code, ())
    for template in (templates,) if isinstance(templates, str) else templates:
        try:
            return template.format_map(shown)
        except (KeyError, ValueError):
            continue
    words = code.replace("_", " ")
    if templates:
        return words
    details = ", ".join(
        f"{key.replace('_', ' ')} {value}"
        for key, value in reason.items()
        if key != "code"
    )
    return f"{words} ({details})" if details else words


_INSTANTS = frozenset({"until", "since", "opens", "contact_at"})
_ACTIONS = {"winter": "heating", "summer": "cooling", "fan": "fan", "off": "off"}


def _shown(key: str, value: Any, tz: tzinfo, at: datetime | None) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    if key in ("wants", "has"):
        return _ACTIONS.get(str(value), value)
    instant = stored_hold(value) if key in _INSTANTS else None
    return value if instant is None else moment(instant, tz, at)


def moment(instant: datetime, tz: tzinfo, at: datetime | None) -> str:
    """Return an instant in `tz`: the time alone if that is the day of `at`, else dated."""
    if instant == FOR_EVER:
        return "somebody resumes it"
    local = instant.astimezone(tz)
    if at is not None and local.date() == at.astimezone(tz).date():
        return f"{local:%H:%M:%S}"
    return f"{local:%a %Y-%m-%d %H:%M:%S}"


def advice_words(code: ReasonCode | None, cause: str | None = None) -> str:
    """Return what a person can do about a room's trouble, "" where there is none.

    `cause` is what was said of it, as an error of the cloud; or the meters concerned.
    """
    if code is None:
        return ""
    if code is ReasonCode.METER_DOUBTED and cause:
        return f"{_ADVICE[code][0].upper()}{_ADVICE[code][1:]} It is {cause}"
    words = _ADVICE.get(code) or f"{reason_words({'code': code}, UTC)}."
    said = f" What was said last: {cause}" if cause else ""
    return f"{words[0].upper()}{words[1:]}{said}"


STATUS_WORDS: Mapping[str, str] = {
    "kept": "kept",
    "recovering": "on its way back",
    "not_kept": "not kept",
    "blind": "no reading",
    "paused": "paused",
    "off": "left alone",
    "unknown": "unknown",
}


def notice_words(news: News, tz: tzinfo, at: datetime) -> tuple[str, str]:
    """Return title and text of a notice about a room."""
    since = moment(news.since, tz, at)
    if news.ended:
        why = reason_words({"code": news.kind}, tz)
        return f"{news.zone}: over", f"It is over: {why} (since {since})."
    advice = advice_words(news.kind, news.room.cause)
    title = f"{news.zone}: {reason_words({'code': news.kind}, tz)}"
    return title, f"Since {since}. {advice}"


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

# A reason's template; where it may lack a number, others that need fewer.
_WORDS: Mapping[str, str | tuple[str, ...]] = {
    ReasonCode.AUTOMATION_DISABLED: (
        "somebody switched the automation off, since {since}, until resumed",
        "the automation is disabled",
    ),
    ReasonCode.IN_WINDOW: ("the window {start}-{end} is open", "a window is open"),
    ReasonCode.OUTSIDE_WINDOWS: "no window is open",
    ReasonCode.NO_WINDOWS: "there are no windows",
    ReasonCode.PRESET: ("the preset {preset} is in force", "a preset is in force"),
    ReasonCode.NOBODY_THERE: (
        "nobody is there, so the preset {preset} is in force",
        "nobody is there",
    ),
    ReasonCode.WISHED: (
        "rule {rule} wants the preset {preset} until {until}",
        "rule {rule} wants {low:g} to {high:g} °C until {until}",
        "a person wants the preset {preset} until {until}",
        "a person wants {low:g} to {high:g} °C until {until}",
        "a person wants other temperatures for a time",
    ),
    ReasonCode.OFFSET: (
        "{source} moves the band by {kelvin} K",
        "a number from elsewhere moves the band",
    ),
    ReasonCode.WINDOW_MISSED: (
        "the window {window} of {day} had begun before anybody looked",
        "a window had begun before anybody looked",
    ),
    ReasonCode.OPENING_OPEN: (
        "{device_id} is open, or was a moment ago, since {since}",
        "{device_id} is open, or was a moment ago",
        "a window or door is open, or was a moment ago",
    ),
    ReasonCode.OPENING_SUSPECTED: (
        "the room loses so fast that something must be open, taken for so until {until}",
        "the room loses so fast that something must be open",
    ),
    ReasonCode.OPENING_TOO_LONG: (
        (
            "{device_id} has been open for so long, since {since}, that it was forgotten or"
            " its sensor is dead"
        ),
        "a window has been open for so long that it was forgotten or its sensor is dead",
    ),
    ReasonCode.ALL_ZEROS: "the meter says nothing but zeros: no hub hears it",
    ReasonCode.DEVICE_OFFLINE: (
        "the meter is offline: these are the last values the cloud had"
    ),
    ReasonCode.VALUE_IMPLAUSIBLE: "it says a number that it cannot measure",
    ReasonCode.SCALE_UNKNOWN: (
        "its events are in a scale whose unit no answer has told yet"
    ),
    ReasonCode.METERS_DISAGREE: (
        "another meter of the room says something else, and is believed"
    ),
    ReasonCode.METER_DOUBTED: (
        "the meter {device_id} is left out: {because}",
        "one of the room's meters is left out",
    ),
    ReasonCode.NO_METER: "no meter is configured",
    ReasonCode.NO_READING: "the meter gave no temperature",
    ReasonCode.METER_UNREACHABLE: "the meter could not be read",
    ReasonCode.READING_TOO_OLD: "the last reading is too old to count",
    ReasonCode.TEMPERATURE_NOT_A_NUMBER: "the meter's temperature is not a number",
    ReasonCode.TEMPERATURE_IMPLAUSIBLE: (
        "no room is as warm or cold as the meter says, or it says nothing but zeros"
    ),
    ReasonCode.TEMPERATURE_JUMPED: (
        (
            "the meter jumped from {before_celsius} to {temperature_celsius} °C, so a start "
            "waits until it says so again"
        ),
        "the meter jumped further than a room can, so a start waits until it says so again",
    ),
    ReasonCode.SENSOR_STALE_NO_NEW_START: (
        "the meter has given nothing for {age_seconds:.0f} s, so nothing is started",
        "the meter has given nothing for a while, so nothing is started",
    ),
    ReasonCode.SENSOR_STALE_CONSERVATIVE: (
        "the meter has given nothing for {age_seconds:.0f} s, so the unit is to save",
        "the meter has given nothing for long, so the unit is to save",
    ),
    ReasonCode.SENSOR_STALE_OFF: (
        "the meter has given nothing for {age_seconds:.0f} s, so the unit goes off",
        "the meter has given nothing for too long, so the unit goes off",
    ),
    ReasonCode.SENSOR_FROZEN: (
        (
            "the meter has said {temperature_celsius} °C for {unchanged_seconds:.0f} s while "
            "the unit ran"
        ),
        "the meter has said the same for hours while the unit ran",
    ),
    ReasonCode.SENSOR_RECOVERING: (
        (
            "the meter is back and not yet trusted with a start: {good_readings} of "
            "{needed_readings} good readings"
        ),
        "the meter is back and not yet trusted with a start",
    ),
    ReasonCode.MAX_CONTINUOUS_ON: (
        "it ran as long as it may and rests until {until}",
        "it has run since {since}, as long as it may",
        "it ran as long as it may",
    ),
    ReasonCode.QUOTA_RESERVE: (
        "what is left of the day's calls is kept for commands, so the meter was not asked"
    ),
    ReasonCode.TEMP_BELOW_ON_THRESHOLD: (
        "{temperature_celsius} °C is at or below {limit_celsius} °C, where it turns on",
        "the room is at or below where it turns on",
    ),
    ReasonCode.TEMP_ABOVE_ON_THRESHOLD: (
        "{temperature_celsius} °C is at or above {limit_celsius} °C, where it turns on",
        "the room is at or above where it turns on",
    ),
    ReasonCode.TEMP_BELOW_OFF_THRESHOLD: (
        "{temperature_celsius} °C is at or below {limit_celsius} °C, where it turns off",
        "the room is at or below where it turns off",
    ),
    ReasonCode.TEMP_ABOVE_OFF_THRESHOLD: (
        "{temperature_celsius} °C is at or above {limit_celsius} °C, where it turns off",
        "the room is at or above where it turns off",
    ),
    ReasonCode.WITHIN_BAND: (
        "{temperature_celsius} °C lies between {low_celsius} and {high_celsius} °C",
        "the room is within its band",
    ),
    ReasonCode.PROFILE_MISSING: (
        "the settings have no temperatures for {mode}",
        "the settings have no temperatures for the season",
    ),
    ReasonCode.THRESHOLDS_INVERTED: (
        "the band ends at {max_celsius} °C, below where it begins, {min_celsius} °C",
        "the band ends below where it begins",
    ),
    ReasonCode.MODE_UNKNOWN: (
        "{mode!r} is no mode that the engine knows",
        "the settings name no mode that the engine knows",
    ),
    ReasonCode.RULE: ("the rule {rule} asked for {action}", "a rule asked for it"),
    ReasonCode.OPTIMUM_START: (
        "the window opens at {opens}, and the room takes {lead_seconds:.0f} s to get there",
        "the window opens at {opens}, and the room is brought up for it",
        "the room is brought up for a window that opens soon",
    ),
    ReasonCode.OPTIMUM_START_WAITS: (
        (
            "the window opens at {opens}, and the room takes but {lead_seconds:.0f} s to get "
            "there"
        ),
        "the room is brought up for its window in less time than is left",
    ),
    ReasonCode.SETPOINT_STEERED: (
        "the setpoint {setpoint_celsius} °C brings the room to {settles_celsius} °C",
        "another setpoint brings the room where it should be",
    ),
    ReasonCode.SETPOINT_KEPT: (
        "the setpoint {setpoint_celsius} °C is in force and right",
        "the setpoint in force is right",
    ),
    ReasonCode.SETPOINT_SOFTENED: (
        (
            "{setpoint_celsius} °C is asked for instead of {asked_celsius} °C, so that the "
            "room is not overrun"
        ),
        "less is asked for than the profile says, so that the room is not overrun",
    ),
    ReasonCode.HEAT_SHARE: (
        "at {temperature_celsius} °C it is on for {share:.0%} of {cycle_seconds} s",
        "it is on for the share of its cycle that the room asks for",
    ),
    ReasonCode.FROST_FLOOR: (
        (
            "{temperature_celsius} °C is at or near {limit_celsius} °C, below which nothing"
            " may keep the room from being heated"
        ),
        "the room is so cold that it is heated whatever else is said of it",
    ),
    ReasonCode.FROST_BLIND: (
        "nobody reads the room, so frost is kept off by what the equipment has itself",
        "nobody reads the room, so frost is kept off by what the equipment has itself",
    ),
    ReasonCode.HEAT_CEILING: (
        (
            "{temperature_celsius} °C is at or near {limit_celsius} °C, above which nothing"
            " may heat the room"
        ),
        "the room is so warm that nothing may heat it",
    ),
    ReasonCode.ROOM_HOLDS_WITHOUT: "the room stays in its band with the unit off",
    ReasonCode.ALREADY_OFF: "it is off already",
    ReasonCode.DUPLICATE_SUPPRESSED: (
        "{action} is in force already",
        "that is in force already",
    ),
    ReasonCode.OFF_REPEAT_PENDING: (
        "off is sent {remaining} times more",
        "off is sent again",
    ),
    ReasonCode.FAN_INSTEAD_OF_OFF: "the fan is to run instead of going off",
    ReasonCode.FAN_IN_NEUTRAL_ZONE: "within the band the fan is to run",
    ReasonCode.GROUP_MODE_CONFLICT: (
        "the outdoor unit {group} is at {has}, and this zone wants {wants}",
        "the outdoor unit that zones share is at the other season's work",
    ),
    ReasonCode.GROUP_CHANGEOVER: (
        "the outdoor unit rests until {until} between heating and cooling",
        "the outdoor unit rests between heating and cooling",
    ),
    ReasonCode.GROUP_STAGGER: (
        "the zones of an outdoor unit start one after the other, this one at {until}",
        "the zones of an outdoor unit start one after the other",
    ),
    ReasonCode.GROUP_OTHERS_WAIT: (
        (
            "{zones} cannot have {wants} while {zone} has {has} of the outdoor unit they"
            " share, until {until} at the latest"
        ),
        "other zones of the shared outdoor unit have to wait",
    ),
    ReasonCode.GROUP_HOLD_ENDS: (
        (
            "{zones} had to wait for the shared outdoor unit long enough, so the person's"
            " command is over"
        ),
        "others had to wait for the shared outdoor unit long enough",
    ),
    ReasonCode.OBSERVE_ONLY: "the settings want it decided and not sent",
    ReasonCode.HOLD_MANUAL: (
        "rule {rule} holds until {until}",
        "a person's command holds until {until}",
        "a person's command holds",
    ),
    ReasonCode.NOTHING_TO_SEND: "nothing was to be sent",
    ReasonCode.GATE_OPEN: "nothing stood against sending it",
    ReasonCode.MIN_ON_REMAINING: (
        "the compressor must run {remaining_seconds:.0f} s more, until {until}",
        "the compressor must run on for a while",
    ),
    ReasonCode.MIN_OFF_REMAINING: (
        "the compressor must rest {remaining_seconds:.0f} s more, until {until}",
        "the compressor must rest for a while",
    ),
    ReasonCode.START_CAP_HOUR: (
        (
            "the compressor started as often as it may in an hour, so the next start is at "
            "{until}"
        ),
        "the compressor started as often as it may in an hour",
    ),
    ReasonCode.START_CAP_DAY: (
        (
            "the compressor started as often as it may in a day, so the next start is at "
            "{until}"
        ),
        "the compressor started as often as it may in a day",
    ),
    ReasonCode.CHANGEOVER_REMAINING: (
        "between heating and cooling the compressor rests until {until}",
        "between heating and cooling the compressor rests",
    ),
    ReasonCode.HISTORY_UNKNOWN: (
        "nobody knows when the compressor last stopped, so it is left alone until {until}",
        "nobody knows when the compressor last stopped, so it is left alone for a while",
    ),
    ReasonCode.EMERGENCY_OFF: "safety turns it off, whatever its minimum time says",
    ReasonCode.REPEAT_AFTER_CRASH: (
        "nobody knows whether it arrived, and to send it again changes nothing"
    ),
    ReasonCode.OFF_REPEAT: (
        "off is sent again to be sure, {remaining} times more after this",
        "off is sent again to be sure",
    ),
    ReasonCode.MANUAL: ("a person asked for {action}", "a person asked for it"),
    ReasonCode.MANUAL_DEFERRED: (
        "what a person asked for had to wait for the compressor, and is due now"
    ),
    ReasonCode.UNIT_LEFT: (
        "the settings no longer have the unit {unit}, which ran",
        "the settings no longer have the unit, which ran",
    ),
    ReasonCode.CONFIRMED: "the unit was seen to do it",
    ReasonCode.VERIFY_FAILED_RESEND: (
        "nothing showed that it was carried out, so it is sent again ({attempt})",
        "nothing showed that it was carried out, so it is sent again",
    ),
    ReasonCode.DEVICE_UNRESPONSIVE: (
        "it was sent {attempts} times since {since}, and nothing shows that the unit did it",
        "it was sent again as often as allowed, and nothing shows that the unit did it",
    ),
    ReasonCode.NO_RUNG_CONFIGURED: (
        (
            "no way to command {action} is configured: aircon_device_id, a scene, a webhook "
            "or a button"
        ),
        (
            "no way to command the unit is configured: aircon_device_id, a scene, a webhook "
            "or a button"
        ),
    ),
    ReasonCode.ALL_RUNGS_FAILED: (
        "it could not be sent: {error}",
        "it could not be sent by any way",
    ),
    ReasonCode.WISH_CHANGED: (
        "{asked} is wished, and it was told {told}",
        "another setpoint, fan speed or mode is wished than it was told",
    ),
    ReasonCode.WISH_CHANGE_WAITS: (
        (
            "{asked} is wished; it was told {told} a moment ago, and is told again at "
            "{until}"
        ),
        "something else is wished than it was told a moment ago, and is told a little later",
    ),
    ReasonCode.QUIET_HOURS: (
        "the quiet hours last until {until}",
        "these are the quiet hours",
    ),
    ReasonCode.REPAIR_WAITS: (
        (
            "it was told so {tries} times and nothing shows it; the next attempt is at "
            "{until}"
        ),
        "it was told so and nothing shows it; the next attempt comes later",
    ),
    ReasonCode.BELIEF_CONTRADICTED: (
        "the {by} contradicts since {since} that it does what it was told",
        "what is seen contradicts that the unit does what it was told",
    ),
    ReasonCode.DEVICE_NOT_FOUND: (
        (
            "the cloud finds no {thing} {device}: correct its id in the settings, or add it "
            'to the account ("{said}", {times} times)'
        ),
        "the cloud finds no such device or scene",
    ),
    ReasonCode.COMMAND_REFUSED: (
        (
            "{thing} {device} refuses {what} for good: configure another way, as a scene or "
            'a button ("{said}", {times} times)'
        ),
        "the device refuses this command for good",
    ),
    ReasonCode.VALUE_REFUSED: (
        (
            "{thing} {device} refuses {what}: change the setpoint, fan speed or mode "
            '("{said}", {times} times)'
        ),
        "the device refuses the value it was sent with",
    ),
    ReasonCode.READING_REFUSED: (
        'the cloud does not let the device {device} be read ("{said}", {times} times)',
        "the cloud does not let the device be read",
    ),
    ReasonCode.SETPOINT_CLAMPED: (
        (
            "{asked_celsius} °C is no setpoint of an air conditioner, {sent_celsius} °C was "
            "sent"
        ),
        "no air conditioner takes the setpoint that is asked for, the nearest was sent",
    ),
    ReasonCode.CLOUD_SILENT: (
        "the cloud said nothing to another command, so it waits for the next tick"
    ),
    ReasonCode.LOST_RACE: "another writer was faster",
    ReasonCode.INTENT_IN_FLIGHT: (
        "another engine recorded a command a moment ago and may be sending it"
    ),
    ReasonCode.NOT_LEASE_HOLDER: (
        "another, newer engine commands on this state, and this one only watches"
    ),
    ReasonCode.STORE_UNAVAILABLE: "the store did not take the record of it",
    ReasonCode.ROOM_OUT_OF_BAND: "the room is out of its band",
    ReasonCode.ROOM_BEYOND_REACH: (
        "the room is past the end of its band that the season's work does not reach"
    ),
    ReasonCode.ROOM_DOES_NOT_FOLLOW: (
        "the unit is believed to run, and the room does not come back into its band"
    ),
    ReasonCode.UNIT_AT_CAPACITY: "the unit runs, and it is not enough for the room",
    ReasonCode.UNIT_KEPT_OFF: (
        "the room does not come back into its band, and the unit is believed to rest"
    ),
    ReasonCode.COMMANDS_FAIL: (
        'commands to {thing} {device} fail ("{said}", {times} times)',
        "commands to the unit fail again and again",
    ),
    ReasonCode.PAUSE_TOO_LONG: "heating and cooling have paused for too long",
    ReasonCode.BELIEF_UNCERTAIN: (
        "for long nobody knows whether the unit does as it was told"
    ),
    ReasonCode.SETTINGS_INVALID: (
        "the settings cannot be used: {path}",
        "the settings cannot be used",
    ),
    ReasonCode.SETTINGS_UNAVAILABLE: "the settings could not be read yet",
}

_METER = "see whether it has battery and reaches its hub"
# What a person can do, where a reason's own words do not say it.
_ADVICE: Mapping[ReasonCode, str] = {
    ReasonCode.NO_METER: "no meter is configured, so the room cannot be kept: give the "
    "zone a meter_device_id.",
    ReasonCode.METER_UNREACHABLE: f"the meter cannot be read: {_METER}.",
    ReasonCode.READING_TOO_OLD: f"the meter was not read for too long: {_METER}.",
    ReasonCode.NO_READING: "the meter answers without a temperature: see in the "
    f"SwitchBot app what it shows, and {_METER}.",
    ReasonCode.TEMPERATURE_NOT_A_NUMBER: "the meter answers with no temperature that is a "
    f"number: {_METER}.",
    ReasonCode.QUOTA_RESERVE: "the day's calls to the cloud are used up but for commands: "
    "see what else calls with this token, or set longer intervals.",
    ReasonCode.TEMPERATURE_IMPLAUSIBLE: "the meter says what no room has, or nothing but "
    f"zeros: {_METER}.",
    ReasonCode.SENSOR_FROZEN: "the meter has said the same for hours, longer than a room "
    f"stands still: {_METER}.",
    ReasonCode.TEMPERATURE_JUMPED: "the meter jumps and comes back as no room does; what "
    f"it says once is not acted on: {_METER}.",
    ReasonCode.METERS_DISAGREE: "the room's two meters say different things, and nobody "
    "knows which is right: see whether both hang in this room and have battery.",
    ReasonCode.METER_DOUBTED: "a meter of the room is not believed and left out: see "
    "whether it hangs in this room, has battery and reaches its hub.",
    ReasonCode.NO_RUNG_CONFIGURED: "no way to turn the unit on and off is configured: give "
    "the zone an aircon_device_id, or scenes or webhooks for both.",
    ReasonCode.COMMANDS_FAIL: "commands to the unit fail: see in the SwitchBot app whether "
    "the device still exists under this id, its hub is online and the token is valid.",
    ReasonCode.DEVICE_NOT_FOUND: "the cloud knows no such device or scene: correct its id in "
    "the settings, or add it to the account.",
    ReasonCode.COMMAND_REFUSED: "the device refuses the command for good: configure another "
    "way, as a scene or a button.",
    ReasonCode.VALUE_REFUSED: "the device refuses what it is told: change the setpoint, fan "
    "speed or mode.",
    ReasonCode.DEVICE_UNRESPONSIVE: "the unit takes commands and shows no effect: see "
    "whether it has power and whether the hub's infrared reaches it.",
    ReasonCode.BELIEF_CONTRADICTED: "plug, room or the unit's own status contradict that it "
    "does what it was told, also after it was told again: see whether it has power and "
    "whether the hub's infrared reaches it.",
    ReasonCode.BELIEF_UNCERTAIN: "nobody knows whether the unit does as it was told: look "
    "at it, and turn it on or off here once.",
    ReasonCode.PAUSE_TOO_LONG: "heating and cooling have paused for too long: close the "
    "window, or see whether its contact still says the truth.",
    ReasonCode.ROOM_DOES_NOT_FOLLOW: "the room does not come back into its band although "
    "the unit is believed to run: see whether it runs, in which mode, whether a "
    "window is open, and whether the meter hangs in this room; if it runs, a stronger setpoint or control: modulate may help.",
    ReasonCode.UNIT_AT_CAPACITY: "the unit runs and it is not enough: a stronger setpoint "
    "or fan speed may get more out of it, else the weather is beyond it.",
    ReasonCode.UNIT_KEPT_OFF: "the room does not come back into its band and the unit "
    "rests: the zone's last decision says what it waits for.",
    ReasonCode.PROFILE_MISSING: "the settings have no usable temperatures for the season: "
    "give the zone a band.",
    ReasonCode.MODE_UNKNOWN: "the settings name no mode that the engine knows.",
}
