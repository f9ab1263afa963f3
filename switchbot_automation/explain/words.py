"""Reasons, margins and changes in plain words. Pure.

A reason's sentence is a template over the numbers it carries; where some are missing, as
in a collapsed row of history, one that needs fewer stands for it. Every reason has one.
All of it is said in the language that is spoken, see `switchbot_automation.languages`.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.zone import AirconSetting
from switchbot_automation.instants import FOR_EVER, stored_hold
from switchbot_automation.languages import (
    CELSIUS,
    ENGLISH,
    SYMBOLS,
    filled,
    from_celsius,
    later,
    later_in,
    measured_in,
    number_words,
    spoken,
    symbol,
    translated_in,
)
from switchbot_automation.languages import translated as _
from switchbot_automation.model import Outcome, Power, ReasonCode
from switchbot_automation.upkeep.ledger import BATTERY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime, tzinfo

    from switchbot_automation.core.state.kept import News
    from switchbot_automation.core.state.zone import SkippedWindow
    from switchbot_automation.explain.counterfactual import Counterfactual
    from switchbot_automation.upkeep.ledger import UpkeepNews


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
    why = _("; ").join(reason_words(reason, tz, at) for reason in reasons)
    came = word_of("outcome", outcome)
    if not why:
        return _("{zone}: {outcome}.", zone=zone, outcome=came)
    return _("{zone}: {outcome}, because {why}.", zone=zone, outcome=came, why=why)


def reason_words(
    reason: Mapping[str, Any], tz: tzinfo, at: datetime | None = None
) -> str:
    """Return one reason of a decision's JSON in words, its instants in `tz`.

    `at` is the instant from which it is looked at: those of another day are shown with
    their date, as all are where it is None.
    """
    if not is_timeless(reason):
        return _put_in_words(reason, tz, at)
    # Rooms have the same reasons, with the same tenths of a degree, again and again. By
    # their text, as 1, 1.0 and True are one key and are not written alike.
    key = repr(reason), spoken(), measured_in()
    told = _TIMELESS.get(key)
    if told is None:
        if len(_TIMELESS) >= _MOST_TIMELESS:
            _TIMELESS.clear()
        told = _TIMELESS[key] = _put_in_words(reason, tz, at)
    return told


def is_timeless(reason: Mapping[str, Any]) -> bool:
    """Tell whether a reason is said alike at every instant, and wherever its home is."""
    return _INSTANTS.isdisjoint(reason)


_MOST_TIMELESS: Final = 4096
_TIMELESS: Final[dict[tuple[str, str, str], str]] = {}
"""Reasons without instants in words, by language and unit; made anew when it is full."""


def _put_in_words(reason: Mapping[str, Any], tz: tzinfo, at: datetime | None) -> str:
    code = str(reason.get("code"))
    shown = {key: _shown(key, value, tz, at) for key, value in reason.items()}
    templates = REASON_WORDS.get(code, ())
    for template in (templates,) if isinstance(templates, str) else templates:
        try:
            return filled(_(template), shown)
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


_INSTANTS = frozenset({"until", "since", "opens", "begins", "contact_at", "due"})
# What an outdoor unit is at.
_WORK = {
    "winter": later("heating"),
    "summer": later("cooling"),
    "fan": later("fan"),
    "off": later("off"),
}
# The engine's own words, which English texts show as they are.
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "outcome": (
        later_in("outcome", "noop"),
        later_in("outcome", "disabled"),
        later_in("outcome", "already_off"),
        later_in("outcome", "turned_off_outside_window"),
        later_in("outcome", "outside_window"),
        later_in("outcome", "missing_meter"),
        later_in("outcome", "invalid_temperature"),
        later_in("outcome", "invalid_profile"),
        later_in("outcome", "invalid_thresholds"),
        later_in("outcome", "invalid_mode"),
        later_in("outcome", "invalid_settings"),
        later_in("outcome", "cooldown"),
        later_in("outcome", "winter_on"),
        later_in("outcome", "winter_off"),
        later_in("outcome", "summer_on"),
        later_in("outcome", "summer_off"),
        later_in("outcome", "off_repeat_pending"),
        later_in("outcome", "no_action"),
        later_in("outcome", "fan_neutral_zone"),
        later_in("outcome", "device_on"),
        later_in("outcome", "device_off"),
        later_in("outcome", "api_error"),
    ),
    "action": (
        later_in("action", "winter"),
        later_in("action", "summer"),
        later_in("action", "fan"),
        later_in("action", "off"),
        later_in("action", "dry"),
        later_in("action", "humidify"),
        later_in("action", "purify"),
        later_in("action", "ventilate"),
        later_in("action", "shade"),
    ),
    "mode": (
        later_in("mode", "winter"),
        later_in("mode", "summer"),
        later_in("mode", "auto"),
    ),
    "power": (
        later_in("power", "on"),
        later_in("power", "off"),
        later_in("power", "unknown"),
    ),
    "status": (
        later_in("status", "decided"),
        later_in("status", "blocked"),
        later_in("status", "sent"),
        later_in("status", "accepted"),
        later_in("status", "confirmed"),
        later_in("status", "failed"),
    ),
    "kept": (
        later_in("kept", "kept"),
        later_in("kept", "recovering"),
        later_in("kept", "not_kept"),
        later_in("kept", "blind"),
        later_in("kept", "paused"),
        later_in("kept", "off"),
        later_in("kept", "unknown"),
    ),
    "level": (
        later_in("level", "ok"),
        later_in("level", "warning"),
        later_in("level", "problem"),
    ),
    "thing": (
        later_in("thing", "device"),
        later_in("thing", "scene"),
        later_in("thing", "webhook"),
    ),
    "ac_mode": (
        later_in("ac_mode", "auto"),
        later_in("ac_mode", "cool"),
        later_in("ac_mode", "dry"),
        later_in("ac_mode", "fan"),
        later_in("ac_mode", "heat"),
    ),
    "fan": (
        later_in("fan", "auto"),
        later_in("fan", "low"),
        later_in("fan", "medium"),
        later_in("fan", "high"),
    ),
    "wish": (
        later_in("wish", "hold"),
        later_in("wish", "resume"),
        later_in("wish", "set_temperature"),
        later_in("wish", "set_preset_mode"),
        later_in("wish", "quiet_fan"),
    ),
    "by": (
        later_in("by", "plug"),
        later_in("by", "room"),
        later_in("by", "seen"),
    ),
}


def word_of(kind: str, value: Any) -> Any:
    """Return one of the engine's words, as an outcome's, as people say it.

    In English, and where it is none of the known, it is the word itself.
    """
    known = str(value) in _KNOWN.get(kind, ())
    return translated_in(kind, str(value)) if known else value


def _shown(key: str, value: Any, tz: tzinfo, at: datetime | None) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    if key in ("asked", "told"):
        return _setting_words(value)
    if key in ("wants", "has"):
        return _(_WORK[str(value)]) if str(value) in _WORK else value
    if key in _KNOWN:
        return word_of(key, value)
    if key == "because" and spoken() != ENGLISH:
        return reason_words({"code": value}, tz, at)
    instant = stored_hold(value) if key in _INSTANTS else None
    return value if instant is None else moment(instant, tz, at)


def told_words(last_action: str) -> str:
    """Return what a unit was told last, as `state.last_action` has it, in words.

    >>> told_words("setAll(21,5,3,on)")
    '21 °C, heat, fan medium'
    >>> told_words("turnOff")
    'turnOff'
    """
    command, _bracket, parameter = last_action.removesuffix(")").partition("(")
    if command.casefold() == "setall" and parameter:
        words = _setting_words(parameter)
        if words != parameter:
            return str(words)
    return str(word_of("action", last_action))


# SwitchBot API v1.1, `setAll` of an air conditioner: modes, and speeds of its fan.
_AC_MODES: Final = {0: "auto", 1: "auto", 2: "cool", 3: "dry", 4: "fan", 5: "heat"}
_FANS: Final = {1: "auto", 2: "low", 3: "medium", 4: "high"}


def _setting_words(parameter: Any) -> Any:
    """Return what a unit is told as people say it; itself where it is no `setAll`."""
    setting = AirconSetting.parse(parameter) if isinstance(parameter, str) else None
    if setting is None or setting.temperature is None:
        return parameter
    mode, fan = _AC_MODES.get(setting.mode or 0), _FANS.get(setting.fan or 0)
    if mode is None or fan is None or len(setting.parts) != _PARTS_OF_A_SETTING:
        return parameter
    if setting.parts[-1] == "off":
        return word_of("power", "off")
    degrees = (
        f"{number_words(from_celsius(setting.temperature, measured_in()))} {symbol()}"
    )
    return _(
        "{degrees}, {mode}, fan {fan}",
        degrees=degrees,
        mode=word_of("ac_mode", mode),
        fan=word_of("fan", fan),
    )


_PARTS_OF_A_SETTING: Final = 4


def moment(instant: datetime, tz: tzinfo, at: datetime | None) -> str:
    """Return an instant in `tz`: the time alone if that is the day of `at`, else dated."""
    if instant == FOR_EVER:
        return _("somebody resumes it")
    local = instant.astimezone(tz)
    if at is not None and local.date() == at.astimezone(tz).date():
        return f"{local:%H:%M:%S}"
    return f"{day_words(local)} {local:%H:%M:%S}"


_DAYS = (
    later("Mon"),
    later("Tue"),
    later("Wed"),
    later("Thu"),
    later("Fri"),
    later("Sat"),
    later("Sun"),
)


def skipped_words(skipped: Iterable[SkippedWindow]) -> str:
    """Return in words which windows people do without; empty for none."""
    return _("; ").join(
        _(
            "the window {window} of {day} is skipped",
            window=each.window,
            day=day_words(each.day),
        )
        for each in skipped
    )


def weekday(local: date) -> str:
    """Return the short name of a day, of an instant the one on its own clock."""
    return _(_DAYS[local.weekday()])


def day_words(local: date) -> str:
    """Return a day with its name as people write it, of an instant the one on its own clock.

    >>> from datetime import date
    >>> day_words(date(2026, 1, 12))
    'Mon 2026-01-12'
    """
    return _(
        "{weekday} {year}-{month:02}-{day:02}",
        weekday=weekday(local),
        year=local.year,
        month=local.month,
        day=local.day,
    )


def advice_words(code: ReasonCode | None, cause: str | None = None) -> str:
    """Return what a person can do about a room's trouble, "" where there is none.

    `cause` is what was said of it, as an error of the cloud; or the meters concerned, or
    how often a unit started, or for how many percent of the day a room was not kept.
    """
    if code is None:
        return ""
    if code is ReasonCode.METER_DOUBTED and cause:
        return _("{advice} It is {cause}", advice=_begun(_(_ADVICE[code])), cause=cause)
    if code is ReasonCode.UNIT_STARTS_OFTEN and cause:
        advice = _begun(_(_ADVICE[code]))
        return _("{advice} Starts within a day: {count}", advice=advice, count=cause)
    if code in (ReasonCode.AIR_BEYOND_UNIT, ReasonCode.ROOM_SWINGS) and cause:
        advice = _begun(_(_ADVICE[code]))
        return _(
            "{advice} Percent of the last day: {count}", advice=advice, count=cause
        )
    known = _ADVICE.get(code)
    words = _(known) if known else _ended(reason_words({"code": code}, UTC))
    if not cause:
        return _begun(words)
    return _("{advice} What was said last: {cause}", advice=_begun(words), cause=cause)


def _begun(words: str) -> str:
    """Return words as a sentence begins."""
    return f"{words[0].upper()}{words[1:]}"


def _ended(words: str) -> str:
    return _("{sentence}.", sentence=words)


STATUS_WORDS: Mapping[str, str] = {
    "kept": later("kept"),
    "recovering": later("on its way back"),
    "not_kept": later("not kept"),
    "blind": later("no reading"),
    "paused": later("paused"),
    "off": later("left alone"),
    "unknown": later("unknown"),
}


def notice_words(news: News, tz: tzinfo, at: datetime) -> tuple[str, str]:
    """Return title and text of a notice about a room."""
    since = moment(news.since, tz, at)
    if news.ended:
        why = reason_words({"code": news.kind}, tz)
        title = _("{zone}: over", zone=news.zone)
        return title, _("It is over: {why} (since {since}).", why=why, since=since)
    advice = advice_words(news.kind, news.room.cause)
    title = _(
        "{zone}: {what}", zone=news.zone, what=reason_words({"code": news.kind}, tz)
    )
    return title, _("Since {since}. {advice}", since=since, advice=advice)


def upkeep_words(name: str, news: UpkeepNews) -> tuple[str, str]:
    """Return title and text of a notice about a battery or a filter."""
    value, limit = number_words(news.value), number_words(news.limit)
    hours = number_words(news.value, ".0f")
    if news.what == BATTERY:
        return _("{name}: battery low", name=name), _(
            "It has {value} %, and is to have at least {limit} %. Change or charge it.",
            value=value,
            limit=limit,
        )
    return _("{name}: clean the filter", name=name), _(
        "It ran {hours} hours since the last time; every {limit} hours is wanted. Say so"
        " once it is done.",
        hours=hours,
        limit=limit,
    )


def duration(seconds: float) -> str:
    """Return a length of time as a person says it, to two units: ``1 h 12 min``."""
    whole = round(abs(seconds))
    if whole < _MINUTE:
        return _("{seconds} s", seconds=whole)
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        if rest:
            return _("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
        return _("{minutes} min", minutes=minutes)
    hours, rest = divmod(whole, _HOUR)
    minutes = rest // _MINUTE
    if minutes:
        return _("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return _("{hours} h", hours=hours)


def change_words(change: Counterfactual) -> str:
    """Return what would have been otherwise, and when."""
    outcome, condition = word_of("outcome", change.outcome), _condition(change)
    if change.action is None:
        return _(
            "nothing would have been sent ({outcome}) if {condition}",
            outcome=outcome,
            condition=condition,
        )
    if change.setpoint is not None:
        return _(
            "{action} would have been sent with {setpoint_celsius:g} °C if {condition}",
            action=word_of("action", change.action),
            setpoint_celsius=change.setpoint,
            condition=condition,
        )
    return _(
        "{action} would have been sent ({outcome}) if {condition}",
        action=word_of("action", change.action),
        outcome=outcome,
        condition=condition,
    )


def _condition(change: Counterfactual) -> str:
    name, value, becomes = change.name, change.value, change.becomes
    if name == "time":
        return _at_another_time(change)
    if name in _AROUND:
        return _(_AROUND[name])
    if name == "hold":
        return _("no person's command had held")
    if name == "unit":
        new = word_of("power", becomes)
        if value == Power.UNKNOWN:
            return _("the unit had been {new}, not of unknown state", new=new)
        return _(
            "the unit had been {new}, not {old}", new=new, old=word_of("power", value)
        )
    if isinstance(value, bool | str):
        return _(
            "{name} were {new}, not {old}",
            name=name,
            new=_plain(becomes),
            old=_plain(value),
        )
    return _compared(_MEASURED.get(name, _SETTING), change)


def _at_another_time(change: Counterfactual) -> str:
    length = duration(change.becomes)
    if change.becomes > 0 and change.outcome is Outcome.MISSING_METER:
        # The core is asked what it does with this reading when it has grown old.
        return _("the meter had then been silent for {length}", length=length)
    if change.becomes > 0:
        return _("it had been {length} later", length=length)
    return _("it had been {length} earlier", length=length)


def _compared(messages: tuple[str, str, str, str], change: Counterfactual) -> str:
    """Fill the message for more, for less, for so much alone, or for a range."""
    of_time = change.kind == "input" and change.unit == "s"
    new, last, old = (
        each if each is None else _told_number(change, each, of_time=of_time)
        for each in (change.becomes, change.last, change.value)
    )
    if last is None:
        message = messages[change.becomes <= change.value]
    elif change.last == change.becomes:
        message = messages[2]
    else:
        message = messages[3]
    low, high = (new, last) if change.becomes > change.value else (last, new)
    return _(message, name=change.name, new=new, old=old, first=low, last=high)


def _told_number(change: Counterfactual, number: float, *, of_time: bool) -> str:
    """Return a number with its unit, as the document or the person has it."""
    if of_time:
        return duration(number)
    if change.unit == SYMBOLS[CELSIUS] and not change.name.endswith("_celsius"):
        # As the document has it, whose other keys say their unit themselves.
        number = from_celsius(float(number), measured_in())
        return _("{number:g} {unit}", number=number, unit=symbol())
    if not change.unit:
        return _("{number:g}", number=number)
    return _("{number:g} {unit}", number=number, unit=_(change.unit))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_AROUND = {
    "opening": later("nothing had been open"),
    "presence": later("somebody had been there"),
    "offsets": later("nothing had moved the band"),
    "price": later("no price had been known"),
    "wish": later("nothing else had been wished for a time"),
    "skipped": later("no window had been skipped"),
    "curve": later("no curve had moved the band"),
}

# A reason's template; where it may lack a number, others that need fewer.
REASON_WORDS: Mapping[str, str | tuple[str, ...]] = {
    ReasonCode.AUTOMATION_DISABLED: (
        later("somebody switched the automation off, since {since}, until resumed"),
        later("the automation is disabled"),
    ),
    ReasonCode.IN_WINDOW: (
        later("the window {start}-{end} is open"),
        later("a time window is open"),
    ),
    ReasonCode.OUTSIDE_WINDOWS: later("no window is open"),
    ReasonCode.NO_WINDOWS: later("there are no windows"),
    ReasonCode.PRESET: (
        later("the preset {preset} is in force"),
        later("a preset is in force"),
    ),
    ReasonCode.CURVE: (
        later("the curve of the preset {preset} moves the band by {kelvin} K just now"),
        later("the curve of the window {window} moves the band by {kelvin} K just now"),
        later("a curve moves the band"),
    ),
    ReasonCode.QUIET_FAN: (
        later("rule {rule} wants the fan low until {until}"),
        later("a person wants the fan low until {until}"),
        later("the window in force wants the fan low"),
    ),
    ReasonCode.NOBODY_THERE: (
        later("nobody is there, so the preset {preset} is in force"),
        later("nobody is there"),
    ),
    ReasonCode.WISHED: (
        later("rule {rule} wants the preset {preset} until {until}"),
        later("rule {rule} wants {low:g} to {high:g} °C until {until}"),
        later("a person wants the preset {preset} until {until}"),
        later("a person wants {low:g} to {high:g} °C until {until}"),
        later("a person wants other temperatures for a time"),
    ),
    ReasonCode.OFFSET: (
        later("{source} moves the band by {kelvin} K"),
        later("a number from elsewhere moves the band"),
    ),
    ReasonCode.PRICE_STORES: (
        later(
            "energy costs {price:g} now and {dear:g} soon, so the room is brought to the"
            " far end of its band until {until}"
        ),
        later("energy will be dear, so the room is brought to the far end of its band"),
    ),
    ReasonCode.PRICE_COASTS: (
        later(
            "energy costs {price:g}, which is dear, so the room is kept at the near end"
            " of its band until {until}"
        ),
        later("energy is dear, so the room is kept at the near end of its band"),
    ),
    ReasonCode.WINDOW_MISSED: (
        later("the window {window} of {day} had begun before anybody looked"),
        later("a window had begun before anybody looked"),
    ),
    ReasonCode.WINDOW_SKIPPED: (
        later("rule {rule} has the window {window} of {day} skipped"),
        later("the window {window} of {day} is skipped"),
        later("a window is skipped"),
    ),
    ReasonCode.OPENING_OPEN: (
        later("{device_id} is open, or was a moment ago, since {since}"),
        later("{device_id} is open, or was a moment ago"),
        later("a window or door is open, or was a moment ago"),
    ),
    ReasonCode.OPENING_SUSPECTED: (
        later(
            "the room loses so fast that something must be open, taken for so "
            "until {until}"
        ),
        later("the room loses so fast that something must be open"),
    ),
    ReasonCode.OPENING_TOO_LONG: (
        (
            later(
                "{device_id} has been open for so long, since {since}, that it was "
                "forgotten or its sensor is dead"
            )
        ),
        later(
            "a window has been open for so long that it was forgotten or its "
            "sensor is dead"
        ),
    ),
    ReasonCode.ALL_ZEROS: later("the meter says nothing but zeros: no hub hears it"),
    ReasonCode.DEVICE_OFFLINE: (
        later("the meter is offline: these are the last values the cloud had")
    ),
    ReasonCode.VALUE_IMPLAUSIBLE: later("it says a number that it cannot measure"),
    ReasonCode.SCALE_UNKNOWN: (
        later("its events are in a scale whose unit no answer has told yet")
    ),
    ReasonCode.METERS_DISAGREE: (
        later("another meter of the room says something else, and is believed")
    ),
    ReasonCode.METER_DOUBTED: (
        later("the meter {device_id} is left out: {because}"),
        later("one of the room's meters is left out"),
    ),
    ReasonCode.NO_METER: later("no meter is configured"),
    ReasonCode.NO_READING: later("the meter gave no temperature"),
    ReasonCode.METER_UNREACHABLE: later("the meter could not be read"),
    ReasonCode.CLOUD_UNREACHABLE: later("the SwitchBot cloud gave no answer"),
    ReasonCode.TOKEN_REFUSED: later("the SwitchBot cloud refuses the token"),
    ReasonCode.CLOCK_REFUSED: later("this machine's clock is off"),
    ReasonCode.HUB_OFFLINE: later("the meter's hub is offline"),
    ReasonCode.READING_TOO_OLD: later("the last reading is too old to count"),
    ReasonCode.TEMPERATURE_NOT_A_NUMBER: later(
        "the meter's temperature is not a number"
    ),
    ReasonCode.TEMPERATURE_IMPLAUSIBLE: (
        later(
            "no room is as warm or cold as the meter says, or it says nothing but zeros"
        )
    ),
    ReasonCode.TEMPERATURE_JUMPED: (
        (
            later(
                "the meter jumped from {before_celsius} to {temperature_celsius} "
                "°C, so a start waits until it says so again"
            )
        ),
        later(
            "the meter jumped further than a room can, so a start waits until "
            "it says so again"
        ),
    ),
    ReasonCode.SENSOR_STALE_NO_NEW_START: (
        later(
            "the meter has given nothing for {age_seconds:.0f} s, so nothing is started"
        ),
        later("the meter has given nothing for a while, so nothing is started"),
    ),
    ReasonCode.SENSOR_STALE_CONSERVATIVE: (
        later(
            "the meter has given nothing for {age_seconds:.0f} s, so the unit "
            "is to save"
        ),
        later("the meter has given nothing for long, so the unit is to save"),
    ),
    ReasonCode.SENSOR_STALE_OFF: (
        later(
            "the meter has given nothing for {age_seconds:.0f} s, so the unit goes off"
        ),
        later("the meter has given nothing for too long, so the unit goes off"),
    ),
    ReasonCode.SENSOR_FROZEN: (
        (
            later(
                "the meter has said {temperature_celsius} °C for "
                "{unchanged_seconds:.0f} s while the unit ran"
            )
        ),
        later("the meter has said the same for hours while the unit ran"),
    ),
    ReasonCode.SENSOR_RECOVERING: (
        (
            later(
                "the meter is back and not yet trusted with a start: "
                "{good_readings} of {needed_readings} good readings"
            )
        ),
        later("the meter is back and not yet trusted with a start"),
    ),
    ReasonCode.MAX_CONTINUOUS_ON: (
        later(
            "it has run since {since} and rests while its window is closed, as it would "
            "have to at {due}"
        ),
        later("it ran as long as it may and rests until {until}"),
        later("it has run since {since}, as long as it may"),
        later("it ran as long as it may"),
    ),
    ReasonCode.QUOTA_RESERVE: (
        later(
            "what is left of the day's calls is kept for commands, so the "
            "meter was not asked"
        )
    ),
    ReasonCode.TEMP_BELOW_ON_THRESHOLD: (
        later(
            "{temperature_celsius} °C is at or below {limit_celsius} °C, where "
            "it turns on"
        ),
        later("the room is at or below where it turns on"),
    ),
    ReasonCode.TEMP_ABOVE_ON_THRESHOLD: (
        later(
            "{temperature_celsius} °C is at or above {limit_celsius} °C, where "
            "it turns on"
        ),
        later("the room is at or above where it turns on"),
    ),
    ReasonCode.TEMP_BELOW_OFF_THRESHOLD: (
        later(
            "{temperature_celsius} °C is at or below {limit_celsius} °C, where "
            "it turns off"
        ),
        later("the room is at or below where it turns off"),
    ),
    ReasonCode.TEMP_ABOVE_OFF_THRESHOLD: (
        later(
            "{temperature_celsius} °C is at or above {limit_celsius} °C, where "
            "it turns off"
        ),
        later("the room is at or above where it turns off"),
    ),
    ReasonCode.WITHIN_BAND: (
        later(
            "{temperature_celsius} °C lies between {low_celsius} and {high_celsius} °C"
        ),
        later("the room is within its band"),
    ),
    ReasonCode.PROFILE_MISSING: (
        later("the settings have no temperatures for {mode}"),
        later("the settings have no temperatures for the season"),
    ),
    ReasonCode.THRESHOLDS_INVERTED: (
        later(
            "the band ends at {max_celsius} °C, below where it begins, {min_celsius} °C"
        ),
        later("the band ends below where it begins"),
    ),
    ReasonCode.MODE_UNKNOWN: (
        later("{mode!r} is no mode that the engine knows"),
        later("the settings name no mode that the engine knows"),
    ),
    ReasonCode.RULE: (
        later("the rule {rule} asked for {action}"),
        later("a rule asked for it"),
    ),
    ReasonCode.OPTIMUM_START: (
        later(
            "{hours:.1f} h for {kelvin:.1f} K until the window opens at {opens}; "
            "{short_kelvin:.1f} K will be missing then"
        ),
        later("{hours:.1f} h for {kelvin:.1f} K until the window opens at {opens}"),
        later(
            "the window opens at {opens}, and the room takes "
            "{lead_seconds:.0f} s to get there"
        ),
        later("the window opens at {opens}, and the room is brought up for it"),
        later("the room is brought up for a window that opens soon"),
    ),
    ReasonCode.OPTIMUM_START_WAITS: (
        later(
            "it begins at {begins}: {hours:.1f} h for {kelvin:.1f} K until the window "
            "opens at {opens}"
        ),
        (
            later(
                "the window opens at {opens}, and the room takes but "
                "{lead_seconds:.0f} s to get there"
            )
        ),
        later("the room is brought up for its window in less time than is left"),
    ),
    ReasonCode.SETPOINT_STEERED: (
        later(
            "the setpoint {setpoint_celsius} °C brings the room to {settles_celsius} °C, "
            "before the sun that is forecast would make it {sunlit_celsius} °C"
        ),
        later(
            "the setpoint {setpoint_celsius} °C brings the room to {settles_celsius} °C"
        ),
        later("another setpoint brings the room where it should be"),
    ),
    ReasonCode.SETPOINT_KEPT: (
        later(
            "the setpoint {setpoint_celsius} °C is in force, and low enough for the sun "
            "that is forecast: with more the room would get to {sunlit_celsius} °C"
        ),
        later("the setpoint {setpoint_celsius} °C is in force and right"),
        later("the setpoint in force is right"),
    ),
    ReasonCode.SETPOINT_SOFTENED: (
        (
            later(
                "{setpoint_celsius} °C is asked for instead of {asked_celsius} °C, "
                "so that the room is not overrun"
            )
        ),
        later(
            "less is asked for than the profile says, so that the room is not overrun"
        ),
    ),
    ReasonCode.SETPOINT_RAISED: (
        later(
            "{setpoint_celsius} °C is asked for instead of {asked_celsius} °C, "
            "which left the room out of its band"
        ),
        later("more is asked for than the profile says, which was not enough"),
    ),
    ReasonCode.HEAT_SHARE: (
        later(
            "at {temperature_celsius} °C it is on for {share:.0%} of {cycle_seconds} s"
        ),
        later("it is on for the share of its cycle that the room asks for"),
    ),
    ReasonCode.HUMIDITY_ABOVE: (
        later("{value:g} % of humidity is above, or not yet well below, {limit:g} %"),
        later("the air is too wet"),
    ),
    ReasonCode.HUMIDITY_BELOW: (
        later("{value:g} % of humidity is below, or not yet well above, {limit:g} %"),
        later("the air is too dry"),
    ),
    ReasonCode.HUMIDITY_WITHIN: (
        later("{value:g} % of humidity is as wanted"),
        later("the humidity is as wanted"),
    ),
    ReasonCode.HUMIDITY_UNKNOWN: later("the meter does not say how humid it is"),
    ReasonCode.DEW_POINT_ABOVE: (
        later(
            "a dew point of {value_celsius:g} °C is above, or not yet well below,"
            " {limit_celsius:g} °C"
        ),
        later("the dew point is too high"),
    ),
    ReasonCode.MOULD_RISK: (
        later(
            "a cold wall would be at {value:g} %, and mould grows from {limit:g} % on"
        ),
        later("a cold wall would be so wet that mould grows"),
    ),
    ReasonCode.CO2_ABOVE: (
        later("{value:g} ppm of CO2 is above, or not yet well below, {limit:g} ppm"),
        later("the air is stale"),
    ),
    ReasonCode.CO2_WITHIN: (
        later("{value:g} ppm of CO2 is within {limit:g} ppm"),
        later("the air is fresh"),
    ),
    ReasonCode.CO2_UNKNOWN: later(
        "no meter says how stale the air is, or nothing is wanted of it"
    ),
    ReasonCode.ROOM_WARMS: (
        later(
            "{temperature_celsius} °C is above {limit_celsius} °C, the middle of the "
            "summer band, or was a moment ago"
        ),
        later("the room is in the warm half of its summer band"),
    ),
    ReasonCode.ROOM_COOL: (
        later("{temperature_celsius} °C is cool enough"),
        later("the room is cool enough"),
    ),
    ReasonCode.YIELDS: (
        later("it would work against {zone}, which is at {action} or was lately"),
        later("it would work against another unit of the room"),
    ),
    ReasonCode.FEELS_LIKE: (
        later("the air feels {kelvin:+.1f} K warmer than it is, so the band moves"),
        later("the band is of what the air feels like"),
    ),
    ReasonCode.OUTDOOR_TOO_COLD: (
        later(
            "{outdoor_celsius} °C outdoors is below, or not yet 1 K above, the "
            "{limit_celsius} °C from which this compressor may heat"
        ),
        later("it is too cold outdoors for this compressor to heat"),
    ),
    ReasonCode.OUTDOOR_UNKNOWN: (
        later(
            "nobody has known since {since} whether it is warm enough outdoors for this "
            "compressor, which may heat from {limit_celsius} °C on"
        ),
        later("nobody knows whether it is warm enough outdoors for this compressor"),
    ),
    ReasonCode.STAGE_WAITS: (
        later("{zone} is not given up yet; this unit joins it from {since} on"),
        later("{zone} keeps the room, so this unit is not needed"),
        later("this unit of the room is not needed"),
    ),
    ReasonCode.STAGE_JOINS: (
        later("{zone} does not keep up, so this unit joins it"),
        later("the unit before it does not keep up, so this one joins it"),
    ),
    ReasonCode.STAGE_TAKES_OVER: (
        later("this unit takes over from {zone} ({because})"),
        later("this unit takes over from the one before it"),
    ),
    ReasonCode.STAGE_CANNOT: (
        later("this unit cannot do {action}"),
        later("this unit cannot do what the room asks for"),
    ),
    ReasonCode.FROST_FLOOR: (
        later(
            "{temperature_celsius} °C is at or near {limit_celsius} °C, below which "
            "nothing may keep the room from being heated"
        ),
        later("the room is so cold that it is heated whatever else is said of it"),
    ),
    ReasonCode.FROST_BLIND: later(
        "nobody reads the room, so frost is kept off by what the equipment has itself"
    ),
    ReasonCode.HEAT_CEILING: (
        later(
            "{temperature_celsius} °C is at or near {limit_celsius} °C, above which "
            "nothing may heat the room"
        ),
        later("the room is so warm that nothing may heat it"),
    ),
    ReasonCode.ROOM_HOLDS_WITHOUT: later(
        "the room stays in its band with the unit off"
    ),
    ReasonCode.ALREADY_OFF: later("it is off already"),
    ReasonCode.DUPLICATE_SUPPRESSED: (
        later("{action} is in force already"),
        later("that is in force already"),
    ),
    ReasonCode.OFF_REPEAT_PENDING: (
        later("off is sent {remaining} times more"),
        later("off is sent again"),
    ),
    ReasonCode.FAN_INSTEAD_OF_OFF: later("the fan is to run instead of going off"),
    ReasonCode.FAN_IN_NEUTRAL_ZONE: later("within the band the fan is to run"),
    ReasonCode.GROUP_MODE_CONFLICT: (
        later("the outdoor unit {group} is at {has}, and this zone wants {wants}"),
        later("the outdoor unit that zones share is at the other season's work"),
    ),
    ReasonCode.GROUP_CHANGEOVER: (
        later("the outdoor unit rests until {until} between heating and cooling"),
        later("the outdoor unit rests between heating and cooling"),
    ),
    ReasonCode.GROUP_STAGGER: (
        later(
            "the zones of an outdoor unit start one after the other, this one "
            "at {until}"
        ),
        later("the zones of an outdoor unit start one after the other"),
    ),
    ReasonCode.GROUP_OTHERS_WAIT: (
        (
            later(
                "{zones} cannot have {wants} while {zone} has {has} of the outdoor "
                "unit they share, until {until} at the latest"
            )
        ),
        later("other zones of the shared outdoor unit have to wait"),
    ),
    ReasonCode.GROUP_HOLD_ENDS: (
        (
            later(
                "{zones} had to wait for the shared outdoor unit long enough, so "
                "the person's command is over"
            )
        ),
        later("others had to wait for the shared outdoor unit long enough"),
    ),
    ReasonCode.OBSERVE_ONLY: later("the settings want it decided and not sent"),
    ReasonCode.HOLD_MANUAL: (
        later("rule {rule} holds until {until}"),
        later("a person's command holds until {until}"),
        later("a person's command holds"),
    ),
    ReasonCode.NOTHING_TO_SEND: later("nothing was to be sent"),
    ReasonCode.GATE_OPEN: later("nothing stood against sending it"),
    ReasonCode.MIN_ON_REMAINING: (
        later("the compressor must run {remaining_seconds:.0f} s more, until {until}"),
        later("the compressor must run on for a while"),
    ),
    ReasonCode.MIN_OFF_REMAINING: (
        later("the compressor must rest {remaining_seconds:.0f} s more, until {until}"),
        later("the compressor must rest for a while"),
    ),
    ReasonCode.START_CAP_HOUR: (
        (
            later(
                "the compressor started as often as it may in an hour, so the next "
                "start is at {until}"
            )
        ),
        later("the compressor started as often as it may in an hour"),
    ),
    ReasonCode.START_CAP_DAY: (
        (
            later(
                "the compressor started as often as it may in a day, so the next "
                "start is at {until}"
            )
        ),
        later("the compressor started as often as it may in a day"),
    ),
    ReasonCode.CHANGEOVER_REMAINING: (
        later("between heating and cooling the compressor rests until {until}"),
        later("between heating and cooling the compressor rests"),
    ),
    ReasonCode.HISTORY_UNKNOWN: (
        later(
            "nobody knows when the compressor last stopped, so it is left "
            "alone until {until}"
        ),
        later(
            "nobody knows when the compressor last stopped, so it is left "
            "alone for a while"
        ),
    ),
    ReasonCode.EMERGENCY_OFF: later(
        "safety turns it off, whatever its minimum time says"
    ),
    ReasonCode.REPEAT_AFTER_CRASH: (
        later("nobody knows whether it arrived, and to send it again changes nothing")
    ),
    ReasonCode.OFF_REPEAT: (
        later("off is sent again to be sure, {remaining} times more after this"),
        later("off is sent again to be sure"),
    ),
    ReasonCode.MANUAL: (
        later("a person asked for {action}"),
        later("a person asked for it"),
    ),
    ReasonCode.MANUAL_DEFERRED: (
        later("what a person asked for had to wait for the compressor, and is due now")
    ),
    ReasonCode.UNIT_LEFT: (
        later("the settings no longer have the unit {unit}, which ran"),
        later("the settings no longer have the unit, which ran"),
    ),
    ReasonCode.CONFIRMED: later("the unit was seen to do it"),
    ReasonCode.VERIFY_FAILED_RESEND: (
        later(
            "nothing showed that it was carried out, so it is sent again ({attempt})"
        ),
        later("nothing showed that it was carried out, so it is sent again"),
    ),
    ReasonCode.DEVICE_UNRESPONSIVE: (
        later(
            "it was sent {attempts} times since {since}, and nothing shows "
            "that the unit did it"
        ),
        later(
            "it was sent again as often as allowed, and nothing shows that the "
            "unit did it"
        ),
    ),
    ReasonCode.NO_RUNG_CONFIGURED: (
        (
            later(
                "no way to command {action} is configured: aircon_device_id, a "
                "scene, a webhook or a button"
            )
        ),
        (
            later(
                "no way to command the unit is configured: aircon_device_id, a "
                "scene, a webhook or a button"
            )
        ),
    ),
    ReasonCode.ALL_RUNGS_FAILED: (
        later("it could not be sent: {error}"),
        later("it could not be sent by any way"),
    ),
    ReasonCode.ANSWER_LOST: (
        later(
            "no answer came, so the unit may have heard it all the same; nothing is "
            "held, so ask again"
        ),
    ),
    ReasonCode.WISH_CHANGED: (
        later("{asked} is wished, and it was told {told}"),
        later("another setpoint, fan speed or mode is wished than it was told"),
    ),
    ReasonCode.WISH_CHANGE_WAITS: (
        (
            later(
                "{asked} is wished; it was told {told} a moment ago, and is told "
                "again at {until}"
            )
        ),
        later(
            "something else is wished than it was told a moment ago, and is "
            "told a little later"
        ),
    ),
    ReasonCode.QUIET_HOURS: (
        later("the quiet hours last until {until}"),
        later("these are the quiet hours"),
    ),
    ReasonCode.REPAIR_WAITS: (
        (
            later(
                "it was told so {tries} times and nothing shows it; the next "
                "attempt is at {until}"
            )
        ),
        later("it was told so and nothing shows it; the next attempt comes later"),
    ),
    ReasonCode.BELIEF_CONTRADICTED: (
        later("the {by} contradicts since {since} that it does what it was told"),
        later("what is seen contradicts that the unit does what it was told"),
    ),
    ReasonCode.DEVICE_NOT_FOUND: (
        (
            later(
                "the cloud finds no {thing} {device}: correct its id in the "
                'settings, or add it to the account ("{said}", {times} times)'
            )
        ),
        later("the cloud finds no such device or scene"),
    ),
    ReasonCode.COMMAND_REFUSED: (
        (
            later(
                "{thing} {device} refuses {what} for good: configure another way, "
                'as a scene or a button ("{said}", {times} times)'
            )
        ),
        later("the device refuses this command for good"),
    ),
    ReasonCode.VALUE_REFUSED: (
        (
            later(
                "{thing} {device} refuses {what}: change the setpoint, fan speed "
                'or mode ("{said}", {times} times)'
            )
        ),
        later("the device refuses the value it was sent with"),
    ),
    ReasonCode.READING_REFUSED: (
        later(
            'the cloud does not let the device {device} be read ("{said}", '
            "{times} times)"
        ),
        later("the cloud does not let the device be read"),
    ),
    ReasonCode.SETPOINT_CLAMPED: (
        (
            later(
                "{asked_celsius} °C is no setpoint of an air conditioner, "
                "{sent_celsius} °C was sent"
            )
        ),
        later(
            "no air conditioner takes the setpoint that is asked for, the "
            "nearest was sent"
        ),
    ),
    ReasonCode.CLOUD_SILENT: later(
        "the cloud said nothing to another command, so it waits for the next tick"
    ),
    ReasonCode.LOST_RACE: later("another writer was faster"),
    ReasonCode.INTENT_IN_FLIGHT: (
        later("another engine recorded a command a moment ago and may be sending it")
    ),
    ReasonCode.NOT_LEASE_HOLDER: (
        later("another, newer engine commands on this state, and this one only watches")
    ),
    ReasonCode.STORE_UNAVAILABLE: later("the store did not take the record of it"),
    ReasonCode.ROOM_OUT_OF_BAND: later("the room is out of its band"),
    ReasonCode.ROOM_BEYOND_REACH: (
        later(
            "the room is past the end of its band that the season's work does not reach"
        )
    ),
    ReasonCode.ROOM_DOES_NOT_FOLLOW: (
        later(
            "the unit is believed to run, and the room does not come back into its band"
        )
    ),
    ReasonCode.AIR_DOES_NOT_FOLLOW: later(
        "the unit is believed to work, and the air does not become as it is wanted"
    ),
    ReasonCode.AIR_BEYOND_UNIT: later(
        "the air is past its limit for much of the day, which is more than the unit can "
        "make good"
    ),
    ReasonCode.ROOM_SWINGS: later(
        "the room is out of its band for much of the day, for a short while each time"
    ),
    ReasonCode.TANK_EMPTY: later("the unit says that its water tank is empty"),
    ReasonCode.FILTER_DRIES: later("the unit says that it dries its filter"),
    ReasonCode.HEATER_DRAWS_NOTHING: later(
        "its plug is on, and the heater draws nothing while the room is cold"
    ),
    ReasonCode.UNIT_AT_CAPACITY: later(
        "the unit runs, and it is not enough for the room"
    ),
    ReasonCode.SET_ELSEWHERE: later(
        "the unit runs as its scene, webhook or button sets it, and it is not enough "
        "for the room"
    ),
    ReasonCode.SETPOINT_AT_LIMIT: later(
        "the unit runs at the most that is asked of it beyond its target, and the room "
        "stays out of its band"
    ),
    ReasonCode.UNIT_KEPT_OFF: (
        later(
            "the room does not come back into its band, and the unit is "
            "believed to rest"
        )
    ),
    ReasonCode.COMMANDS_FAIL: (
        later('commands to {thing} {device} fail ("{said}", {times} times)'),
        later("commands to the unit fail again and again"),
    ),
    ReasonCode.PAUSE_TOO_LONG: later("heating and cooling have paused for too long"),
    ReasonCode.UNIT_SET_OTHERWISE: later(
        "what the unit is told does not last: something keeps undoing it"
    ),
    ReasonCode.PLUG_MISREADS: later(
        "what its plug measures is not believed: the room warms and cools as the unit "
        "is told"
    ),
    ReasonCode.UNIT_STARTS_OFTEN: later(
        "the unit starts so often within a day that this wears it"
    ),
    ReasonCode.UNIT_RUNS_ON: later(
        "the unit works on although it was told to stop again and again"
    ),
    ReasonCode.RADIATOR_STAYS_WARM: later(
        "the room is too warm, and its radiator seems to stay warm although its valve "
        "was told to close"
    ),
    ReasonCode.RADIATOR_STAYS_COLD: later(
        "the room is too cold, and its radiator stays cold although its valve was told to "
        "open"
    ),
    ReasonCode.BELIEF_UNCERTAIN: (
        later("for long nobody knows whether the unit does as it was told")
    ),
    ReasonCode.SETTINGS_INVALID: (
        later("the settings cannot be used: {path}"),
        later("the settings cannot be used"),
    ),
    ReasonCode.SETTINGS_UNAVAILABLE: later("the settings could not be read yet"),
}

# What a person can do, where a reason's own words do not say it.
_ADVICE: Mapping[ReasonCode, str] = {
    ReasonCode.NO_METER: later(
        "no meter is configured, so the room cannot be kept: give the zone "
        "a meter_device_id."
    ),
    ReasonCode.METER_UNREACHABLE: later(
        "the meter cannot be read: see whether it has battery and reaches its hub."
    ),
    ReasonCode.CLOUD_UNREACHABLE: later(
        "the SwitchBot cloud gives no answer: see whether this machine reaches the "
        "internet; it is tried again by itself."
    ),
    ReasonCode.TOKEN_REFUSED: later(
        "the SwitchBot cloud refuses the token or its secret: make new ones in the "
        "app, under Developer Options, and start this program with them."
    ),
    ReasonCode.CLOCK_REFUSED: later(
        "the SwitchBot cloud refuses what is signed by this machine's clock: set the "
        "clock right."
    ),
    ReasonCode.HUB_OFFLINE: later(
        "the meter's hub is offline: see whether it has power and reaches its Wi-Fi."
    ),
    ReasonCode.READING_TOO_OLD: later(
        "the meter was not read for too long: see whether it has battery "
        "and reaches its hub."
    ),
    ReasonCode.NO_READING: later(
        "the meter answers without a temperature: see in the SwitchBot app "
        "what it shows, and see whether it has battery and reaches its hub."
    ),
    ReasonCode.TEMPERATURE_NOT_A_NUMBER: later(
        "the meter answers with no temperature that is a number: see "
        "whether it has battery and reaches its hub."
    ),
    ReasonCode.QUOTA_RESERVE: later(
        "the day's calls to the cloud are used up but for commands: see "
        "what else calls with this token, or set longer intervals."
    ),
    ReasonCode.TEMPERATURE_IMPLAUSIBLE: later(
        "the meter says what no room has, or nothing but zeros: see "
        "whether it has battery and reaches its hub."
    ),
    ReasonCode.SENSOR_FROZEN: later(
        "the meter has said the same for hours, longer than a room stands "
        "still: see whether it has battery and reaches its hub."
    ),
    ReasonCode.TEMPERATURE_JUMPED: later(
        "the meter jumps and comes back as no room does; what it says once "
        "is not acted on: see whether it has battery and reaches its hub."
    ),
    ReasonCode.METERS_DISAGREE: later(
        "the room's two meters say different things, and nobody knows "
        "which is right: see whether both hang in this room and have "
        "battery."
    ),
    ReasonCode.METER_DOUBTED: later(
        "a meter of the room is not believed and left out: see whether it "
        "hangs in this room, has battery and reaches its hub."
    ),
    ReasonCode.NO_RUNG_CONFIGURED: later(
        "no way to turn the unit on and off is configured: give the zone "
        "an aircon_device_id, or scenes or webhooks for both."
    ),
    ReasonCode.COMMANDS_FAIL: later(
        "commands to the unit fail: see in the SwitchBot app whether the "
        "device still exists under this id, its hub is online and the "
        "token is valid."
    ),
    ReasonCode.DEVICE_NOT_FOUND: later(
        "the cloud knows no such device or scene: correct its id in the "
        "settings, or add it to the account."
    ),
    ReasonCode.COMMAND_REFUSED: later(
        "the device refuses the command for good: configure another way, "
        "as a scene or a button."
    ),
    ReasonCode.VALUE_REFUSED: later(
        "the device refuses what it is told: change the setpoint, fan speed or mode."
    ),
    ReasonCode.DEVICE_UNRESPONSIVE: later(
        "the unit takes commands and shows no effect: see whether it has "
        "power, or its boiler is on, and whether the hub's infrared reaches it."
    ),
    ReasonCode.BELIEF_CONTRADICTED: later(
        "plug, room or the unit's own status contradict that it does what "
        "it was told, also after it was told again: see whether it has "
        "power, or its boiler is on, and whether the hub's infrared reaches it."
    ),
    ReasonCode.BELIEF_UNCERTAIN: later(
        "nobody knows whether the unit does as it was told: look at it, "
        "and turn it on or off here once."
    ),
    ReasonCode.UNIT_SET_OTHERWISE: later(
        "what the unit is told helps each time and does not last: see whether somebody's "
        "remote, its own timer or another app sets it otherwise, and whether its hub's "
        "infrared reaches it."
    ),
    ReasonCode.PLUG_MISREADS: later(
        "what the plug measures contradicts a room that does what its unit is told: see "
        "whether this plug measures at all and nothing else hangs on it, or name another "
        "power_meter_device_id."
    ),
    ReasonCode.UNIT_STARTS_OFTEN: later(
        "the unit starts so often that this wears it and everybody hears it: where it is "
        "not set yet, control: auto lets it run on at a setpoint that holds the room; else "
        "widen the band, give it a longer min_on_seconds or min_off_seconds, or hang the "
        "meter where the unit does not blow."
    ),
    ReasonCode.UNIT_RUNS_ON: later(
        "the unit works on although it was told to stop: cut its power; a relay's contacts "
        "may be welded."
    ),
    ReasonCode.RADIATOR_STAYS_WARM: later(
        "the room is too warm, and its radiator seems to stay warm although its valve was "
        "told to close: feel it. If it is hot, its valve is stuck: close it by hand. If it "
        "is not, the sun or a pipe warms its thermometer."
    ),
    ReasonCode.RADIATOR_STAYS_COLD: later(
        "the room is too cold, and its radiator stays cold although its valve was told to "
        "open: the boiler may rest at these hours, or be off. If other radiators are warm, "
        "this valve is stuck, or its radiator needs bleeding."
    ),
    ReasonCode.PAUSE_TOO_LONG: later(
        "heating and cooling have paused for too long: close the window, "
        "or see whether its contact still says the truth."
    ),
    ReasonCode.ROOM_OUT_OF_BAND: later(
        "the room was out of its band for longer than it needs, and comes back now: nothing "
        "is to be done while it does."
    ),
    ReasonCode.ROOM_BEYOND_REACH: later(
        "the unit brought the room past the far end of its band and rests now: it comes "
        "back by itself, sooner with a window open for a while."
    ),
    ReasonCode.ROOM_DOES_NOT_FOLLOW: later(
        "the room does not come back into its band although the unit is "
        "believed to run: see whether it runs, in which mode, whether a "
        "window is open, and whether the meter hangs in this room; if it "
        "runs, a stronger setpoint or control: modulate may help."
    ),
    ReasonCode.AIR_DOES_NOT_FOLLOW: later(
        "the air does not become as it is wanted although the unit is believed to work: "
        "see whether its tank is empty or full, its filter clean and a window open, and "
        "whether it can do this at all."
    ),
    ReasonCode.AIR_BEYOND_UNIT: later(
        "the air is past its limit for more of the day than the unit can help: add a unit "
        "that makes it good (a humidifier where it is too dry, a dehumidifier where it is "
        "too damp, a fan for CO2, which no purifier takes away), open a window where that "
        "helps, or set another limit."
    ),
    ReasonCode.ROOM_SWINGS: later(
        "the room swings out of its band again and again: where it is not set yet, "
        "control: auto steers it more closely; else widen the band, or see whether the "
        "unit is too strong or too weak for the room."
    ),
    ReasonCode.HUMIDITY_UNKNOWN: later(
        "the meter says no humidity that can be, so the air is left as it is: see whether "
        "this meter measures it, and whether it has battery."
    ),
    ReasonCode.CO2_UNKNOWN: later(
        "the meter says no CO2 that can be, so the air is left as it is: see whether this "
        "meter measures it, as a Meter Pro (CO2) does, and whether it has power."
    ),
    ReasonCode.TANK_EMPTY: later("the water tank of the unit is empty: fill it."),
    ReasonCode.FILTER_DRIES: later(
        "the unit dries its filter and does nothing else meanwhile: wait until it is "
        "done, and see whether it ends."
    ),
    ReasonCode.HEATER_DRAWS_NOTHING: later(
        "the plug is on and the heater draws nothing: its own thermostat may be set too "
        "low (turn it to its highest), its own switch may be off, or its fuse or the "
        "heater itself is broken."
    ),
    ReasonCode.UNIT_AT_CAPACITY: later(
        "the unit runs and gives all it has, which is not enough: a higher fan speed, "
        "a window that opens earlier or no rest at night may help, else a lower band "
        "or another heater beside it."
    ),
    ReasonCode.SET_ELSEWHERE: later(
        "the unit runs as its scene, webhook or button sets it, which leaves the room out "
        "of its band: another setpoint or a higher fan speed there may help, else another "
        "band."
    ),
    ReasonCode.SETPOINT_AT_LIMIT: later(
        "the unit runs, and no more is asked of it than 6 K beyond target_temp, at which "
        "it leaves the room out of its band: another target_temp or control: auto may help."
    ),
    ReasonCode.OUTDOOR_TOO_COLD: later(
        "it is too cold outdoors for the unit, and nothing else heats the room enough: give "
        "the zone a further or stronger heater in its equipment, or another "
        "heat_pump_min_outdoor_celsius."
    ),
    ReasonCode.OUTDOOR_UNKNOWN: later(
        "the meter outdoors says nothing, so nobody knows whether it is too cold for the "
        "unit: see whether it has battery and reaches its hub."
    ),
    ReasonCode.UNIT_KEPT_OFF: later(
        "the room does not come back into its band and the unit rests: the "
        "zone's last decision says what it waits for."
    ),
    ReasonCode.HEAT_CEILING: later(
        "the room is as warm as heat_ceiling_celsius lets it become, which is below its "
        "band: raise that, or lower the band."
    ),
    ReasonCode.FROST_FLOOR: later(
        "the room is heated to frost_floor_celsius, which is above its band: lower that, "
        "or raise the band."
    ),
    ReasonCode.PROFILE_MISSING: later(
        "the settings have no usable temperatures for the season: give the zone a band."
    ),
    ReasonCode.MODE_UNKNOWN: later("the settings name no mode that the engine knows."),
}

# Each for more, for less, for so much alone, and for a range.
_SETTING = (
    later("{name} were {new} or more, not {old}"),
    later("{name} were {new} or less, not {old}"),
    later("{name} were {new}, not {old}"),
    later("{name} were {first} to {last}, not {old}"),
)
_MEASURED = {
    "temperature": (
        later("the meter had shown {new} or more, not {old}"),
        later("the meter had shown {new} or less, not {old}"),
        later("the meter had shown {new}, not {old}"),
        later("the meter had shown {first} to {last}, not {old}"),
    ),
    "humidity": (
        later("the humidity had been {new} or more, not {old}"),
        later("the humidity had been {new} or less, not {old}"),
        later("the humidity had been {new}, not {old}"),
        later("the humidity had been {first} to {last}, not {old}"),
    ),
    "co2": (
        later("the air had held {new} CO2 or more, not {old}"),
        later("the air had held {new} CO2 or less, not {old}"),
        later("the air had held {new} CO2, not {old}"),
        later("the air had held {first} to {last} CO2, not {old}"),
    ),
    "outdoor": (
        later("it had been {new} or more outdoors, not {old}"),
        later("it had been {new} or less outdoors, not {old}"),
        later("it had been {new} outdoors, not {old}"),
        later("it had been {first} to {last} outdoors, not {old}"),
    ),
    "running_seconds": (
        later("the compressor had run {new} or more, not {old}"),
        later("the compressor had run {new} or less, not {old}"),
        later("the compressor had run {new}, not {old}"),
        later("the compressor had run {first} to {last}, not {old}"),
    ),
    "resting_seconds": (
        later("the compressor had rested {new} or more, not {old}"),
        later("the compressor had rested {new} or less, not {old}"),
        later("the compressor had rested {new}, not {old}"),
        later("the compressor had rested {first} to {last}, not {old}"),
    ),
}
