"""What a person asks for: sent at once, unless the compressor has to rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from switchbot_automation.core.overlay import window_name, without_skipped
from switchbot_automation.core.protect.gate import person_wait
from switchbot_automation.core.protect.groups import turn_of_person
from switchbot_automation.core.requests import Order
from switchbot_automation.core.state.unit import season_action
from switchbot_automation.core.state.wishes import (
    after_wish,
    bands_wished,
    quieted,
    skipping,
    skipping_from,
    unheld,
    wish_waits,
    wished,
    wished_anew,
)
from switchbot_automation.core.state.zone import SkippedWindow, Wish
from switchbot_automation.core.step import not_yet
from switchbot_automation.instants import FOR_EVER, LATEST, checked_instant
from switchbot_automation.languages import translated as _
from switchbot_automation.languages import worded
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    ManualAction,
    Power,
    Reason,
    ReasonCode,
)
from switchbot_automation.schedule.windows import end_of_day, next_occurrence, next_wish

if TYPE_CHECKING:
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.settings.model import Settings, ZoneSettings


async def act_for_person(
    documents: Documents,
    commander: Commander,
    zone: ZoneSettings,
    action: ManualAction,
    hold_until: datetime | None,
    *,
    settings: Settings,
    now: datetime,
    rule: str | None = None,
    holds: str | None = None,
    insists: bool = True,
) -> Command:
    """Carry out a person's wish and return the command with how far it came.

    `rule` is the id of the rule that wishes in a person's place, `holds` of the one
    that the hold is of; it `insists` where a person has just set it off.

    OFF is sent whatever the equipment's times, a race or the store say. ON that meets
    the minimum off time is kept in the state and sent when it is over; so is ON that
    turns an outdoor unit around which other zones use. Whom it takes the unit from is
    the last of the command's reasons, `GROUP_OTHERS_WAIT`.
    """
    quick = action is ManualAction.QUICK_OFF
    room = zone.lead or zone.name
    kept = await documents.switch(room, now, on=False) if quick else True
    word = documents.states[room].switch
    wanted = _ACTIONS.get(action) or season_action(zone)
    before = documents.states[zone.name]
    # A newer wish takes the place of one that still waits, and ends its hold.
    hold_for_person(documents, zone, hold_until, rule=holds, insists=rule is None)
    order = Order(
        zone,
        wanted,
        label=f"rule_{rule}_{action}" if rule else f"manual_{action}",
        reasons=(
            Reason(ReasonCode.RULE, {"rule": rule, "action": action.value})
            if rule
            else Reason(ReasonCode.MANUAL, {"action": action.value}),
        ),
        person=True,
        rule=not insists,
    )
    turn = turn_of_person(
        settings, documents.states, zone, wanted, now, hold_until=hold_until
    )
    for name in turn.overruled:
        # The newest word counts, also where they were said in different rooms.
        older = documents.states[name]
        if older.pending_manual is not None:
            documents.states[name] = after_wish(older, older.pending_manual, None)
    if turn.waits is None:
        command = await commander.carry_out(order)
    else:
        until = turn.until
        own = person_wait(zone, documents.states[zone.name], wanted, now)
        if until is not None and own is not None:
            until = max(until, own.until)
        command = not_yet(order, turn.waits, until)
    if command.status is CommandStatus.BLOCKED and command.blocked_until:
        states = documents.states
        states[zone.name] = wish_waits(states[zone.name], wanted, command.blocked_until)
    if command.status is CommandStatus.FAILED:
        # Whoever is told so asks again. Until then the room is kept, also where the answer
        # alone was lost: held, it would be left to a unit of which nobody knows what it does.
        documents.states[zone.name] = unheld(documents.states[zone.name], before)
    if turn.others is not None and command.status is not CommandStatus.FAILED:
        command = replace(command, reasons=(*command.reasons, turn.others))
    if quick:
        documents.say_again(room, word)
        rest = await _rest_of_room_off(documents, commander, settings, zone, order)
        # What is sent to a room that has no unit of its own is sent to these.
        command = rest[0] if zone.without_unit and rest else command
    if not kept:
        unstored = Reason(ReasonCode.STORE_UNAVAILABLE, {"document": "settings"})
        command = replace(command, reasons=(*command.reasons, unstored))
    return command


async def _rest_of_room_off(
    documents: Documents,
    commander: Commander,
    settings: Settings,
    zone: ZoneSettings,
    order: Order,
) -> list[Command]:
    """Turn the other units of a room off, whose automation a person switched off.

    Nobody else would: no tick looks after them any more. A cover stays where it is.
    """
    room, sent = zone.lead or zone.name, list[Command]()
    for name in (room, *settings.units.get(room, ())):
        other = settings.zones[name]
        # As a room's own unit, the first to be told is told also where it seems to be off.
        off = documents.states[name].power is Power.OFF and (
            sent or not zone.without_unit
        )
        idle = off or other.without_unit
        if name != zone.name and not idle and other.kind.fails != "stays":
            to_off = replace(order, zone=other, action=Action.OFF)
            sent.append(await commander.carry_out(to_off))
    return sent


def hold_for_person(
    documents: Documents,
    zone: ZoneSettings,
    hold_until: datetime | None,
    *,
    rule: str | None = None,
    insists: bool = True,
) -> None:
    """Keep in the state until when the automation leaves the zone alone, and for whom.

    A person `insists`: that is a newer word than the temperatures they wanted for a time.
    """
    states = documents.states
    state = wished_anew(states[zone.name], hold_until, rule)
    states[zone.name] = wished(state, None) if insists else state


def wish_for_person(
    documents: Documents,
    zone: ZoneSettings,
    until: Hold | None,
    now: datetime,
    *,
    band: tuple[float, float] | None = None,
    preset: str | None = None,
) -> Wish:
    """Keep in the state what a person wants for a time, and return it.

    `zone` is as its settings say; `until` is as `end_of_hold` takes it, None for the next
    change of what is wanted. Raises ValueError with what to change.
    """
    _check_automated(zone)
    if preset is not None and preset not in zone.presets:
        known = ", ".join(zone.presets) or _("none")
        raise ValueError(
            _(
                "zone {zone} has no preset {preset!r}; it has {known}",
                zone=zone.name,
                preset=preset,
                known=known,
            )
        )
    # What is wanted of a room is wanted of all its units.
    states, room = documents.states, zone.lead or zone.name
    end = _end_of_wish(documents, zone, until, now)
    if end is None:
        raise ValueError(
            worded("until when: expected a duration, an instant or permanent")
        )
    bands = bands_wished(zone, *band) if band is not None else {}
    wish = Wish(
        since=now,
        until=end,
        preset=preset,
        winter=bands.get("winter"),
        summer=bands.get("summer"),
    )
    states[room] = wished(states[room], wish)
    return wish


def skip_for_person(
    documents: Documents,
    zone: ZoneSettings,
    now: datetime,
    *,
    rule: str | None = None,
) -> SkippedWindow:
    """Keep in the state that the next window to begin is done without, and return it.

    `zone` is as its settings say; `rule` is the id of the rule that asks in a person's
    place. Raises ValueError with what to change.
    """
    _check_automated(zone)
    if not zone.time_windows:
        raise ValueError(
            worded(
                "zone {zone} has no time windows to skip; to leave it alone say hold",
                zone=zone.name,
            )
        )
    found = next_occurrence(zone.time_windows, now, zone.timezone)
    if found is None:
        raise ValueError(
            worded("no time window of zone {zone} begins any more", zone=zone.name)
        )
    name = window_name(zone.time_windows[found.place])
    skipped = SkippedWindow(name, found.day, found.begins, found.ends, rule)
    states, room = documents.states, zone.lead or zone.name
    states[room] = skipping(states[room], skipped)
    return skipped


def _end_of_wish(
    documents: Documents, zone: ZoneSettings, until: Hold | None, now: datetime
) -> datetime | None:
    skipped = documents.states[zone.lead or zone.name].skipped
    return end_of_hold(
        UNTIL_NEXT_CHANGE if until is None else until,
        without_skipped(zone, skipped, now),
        now,
    )


def end_of_quiet(
    documents: Documents, zone: ZoneSettings, until: Hold | None, now: datetime
) -> datetime | None:
    """Return until when a fan is to be quiet, None for not any more.

    Raises ValueError with what to change.
    """
    end = _end_of_wish(documents, zone, until, now)
    if end is not None:
        _check_automated(zone)
        settings = documents.life.settings
        assert settings is not None  # noqa: S101 - the zone was found in them
        if not _tells_fan(settings, zone):
            raise ValueError(
                worded(
                    "what zone {zone} is kept with is told no fan speed", zone=zone.name
                )
            )
    return end


def _tells_fan(settings: Settings, zone: ZoneSettings) -> bool:
    """Tell whether any unit of a room is told a fan speed; of a further unit, that one."""
    further = settings.units.get(zone.name, ())
    return any(
        each.tells_fan for each in (zone, *map(settings.zones.get, further)) if each
    )


def possible_for(
    settings: Settings, zone: ZoneSettings, season: ZoneSettings
) -> list[str]:
    """Return which of `ASKED_BY_PEOPLE` make sense for a zone: what else is asked of it is
    refused, or does nothing.

    `zone` is as its settings say, `season` with what the season in force makes of it.
    """
    automated, windows = zone.automation_enabled, bool(zone.time_windows)
    kept = zone.kind.own is None and not zone.without_unit
    banded = zone.winter is not None or zone.summer is not None
    possible = {
        ManualAction.ON: season.can(season_action(season)),
        ManualAction.OFF: zone.can(Action.OFF),
        ManualAction.FAN: zone.can(Action.FAN),
        ManualAction.WINTER: zone.can(Action.WINTER),
        ManualAction.SUMMER: zone.can(Action.SUMMER),
        ManualAction.QUICK_OFF: True,
        HOLD: bool(zone.ways),
        RESUME: True,
        SET_TEMPERATURE: automated and kept and banded,
        SET_PRESET_MODE: automated and bool(zone.presets),
        SKIP_NEXT_WINDOW: automated and windows,
        QUIET_FAN: automated and _tells_fan(settings, zone),
    }
    return [name for name in ASKED_BY_PEOPLE if possible[name]]


def quiet_for_person(
    documents: Documents,
    zone: ZoneSettings,
    until: datetime | None,
    *,
    rule: str | None = None,
) -> None:
    """Keep in the state until when the fan of a room is wanted low, None for no more.

    `rule` is the id of the rule that asks in a person's place.
    """
    states, room = documents.states, zone.lead or zone.name
    states[room] = quieted(states[room], until, rule)


def skip_no_window(documents: Documents, zone: ZoneSettings) -> None:
    """Let every window of a zone take force again, also one that would be open now."""
    states, room = documents.states, zone.lead or zone.name
    states[room] = skipping_from(states[room], None)


def _check_automated(zone: ZoneSettings) -> None:
    if not zone.automation_enabled:
        raise ValueError(
            _(
                "the automation of zone {zone} is off; switch it on, or say on or off",
                zone=zone.name,
            )
        )


_ACTIONS = {
    ManualAction.OFF: Action.OFF,
    ManualAction.QUICK_OFF: Action.OFF,
    ManualAction.FAN: Action.FAN,
    ManualAction.WINTER: Action.WINTER,
    ManualAction.SUMMER: Action.SUMMER,
}


_LONGEST_USUAL = timedelta(days=1)
_LONGEST_SECONDS = 3660 * 86400.0
_SHORTEST_SECONDS = timedelta.resolution.total_seconds()

UNTIL_NEXT_CHANGE, UNTIL_END_OF_DAY = "until_next_change", "until_end_of_day"
HOLDS = ("none", UNTIL_NEXT_CHANGE, UNTIL_END_OF_DAY, "permanent")
HOLD, RESUME = "hold", "resume"
SKIP_NEXT_WINDOW, QUIET_FAN = "skip_next_window", "quiet_fan"
SET_TEMPERATURE, SET_PRESET_MODE = "set_temperature", "set_preset_mode"
ASKED_BY_PEOPLE = (
    *(each.value for each in ManualAction),
    *(HOLD, RESUME, SET_TEMPERATURE, SET_PRESET_MODE, SKIP_NEXT_WINDOW, QUIET_FAN),
)
"""What page and command line take for a room: the actions, and the wishes beside them."""


Hold: TypeAlias = timedelta | datetime | float | str
"""For how long, as a duration or in seconds, until which instant, or one of `HOLDS`."""


def check_hold(hold: Hold | None, now: datetime) -> None:
    """Refuse a hold that says nothing. Raises ValueError."""
    if isinstance(hold, str):
        if hold not in HOLDS:
            raise ValueError(
                worded(
                    "hold: expected one of {holds}, got {hold!r}",
                    holds=", ".join(HOLDS),
                    hold=hold,
                )
            )
        return
    if hold is not None:
        _end(hold, now)


def end_of_hold(
    hold: Hold | None, zone: ZoneSettings, now: datetime
) -> datetime | None:
    """Return until when a person's command holds, None for no hold.

    `hold`: for how long (a number is seconds), until which instant, ``until_next_change`` of
    what the zone's windows want, ``until_end_of_day`` of the zone's clock, ``permanent``,
    ``none``; None is what the setting `manual_hold_seconds`
    says, without it until the next change, at most a day. Raises ValueError for an
    instant that is past, out of any range or without a timezone, and for a duration
    that is not positive or longer than ten years.
    """
    if hold is None:
        return _usual_end(zone, now)
    if hold == UNTIL_END_OF_DAY:
        return end_of_day(now, zone.timezone)
    if hold == UNTIL_NEXT_CHANGE:
        change = _next_change(zone, now)
        # Later than any instant that is kept, it is as good as never.
        return FOR_EVER if change is None or change > LATEST else change
    if hold == "permanent":
        return FOR_EVER
    return None if isinstance(hold, str) else _end(hold, now)


def _usual_end(zone: ZoneSettings, now: datetime) -> datetime | None:
    seconds = zone.manual_hold_seconds
    if seconds is not None:
        return now + timedelta(seconds=seconds) if seconds else None
    if not zone.automation_enabled:
        # Nobody has to be kept away, and who enables it later wants it to act.
        return None
    change = _next_change(zone, now)
    return min(change or FOR_EVER, now + _LONGEST_USUAL)


def _next_change(zone: ZoneSettings, now: datetime) -> datetime | None:
    return next_wish(zone.time_windows, now, zone.timezone, preset=zone.preset)


def _end(hold: timedelta | datetime | float, now: datetime) -> datetime:
    if isinstance(hold, datetime):
        try:
            until = checked_instant(hold)
        except ValueError as error:
            raise ValueError(
                worded("hold: {error}; for good is 'permanent'", error=error)
            ) from None
        if until <= now:
            raise ValueError(_("hold: {instant} is past", instant=hold.isoformat()))
        return until
    seconds: object = hold.total_seconds() if isinstance(hold, timedelta) else hold
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(  # noqa: TRY004 - ValueError is what every hold that says nothing raises
            worded("hold: expected a duration or an instant, got {hold!r}", hold=hold)
        )
    if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:  # NaN too
        raise ValueError(_("hold: the duration must be positive, at most ten years"))
    return now + timedelta(seconds=seconds)
