"""Look after commands that were accepted: confirm them, repair them, or give them up.

What a zone's check asks for is a request, see `requests`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.band import with_setpoint
from switchbot_automation.core.doubt import after_draw, overtaken, plug_says
from switchbot_automation.core.protect.safety import assess
from switchbot_automation.core.requests import AskUnit, Order, ReadPlug, Send
from switchbot_automation.core.state.check import (
    GIVEN_UP,
    agrees,
    by_power,
    by_room,
    measures,
    obeys,
    takes_otherwise,
    told_again,
    way_of,
    with_check,
)
from switchbot_automation.core.state.evidence import (
    after_plug,
    after_stop,
    agreed,
    beside_radiator,
    doubted,
    hindered,
)
from switchbot_automation.core.state.unit import (
    after_aircon_status,
    as_told,
    certain,
    looked_at,
    power_of,
    started_by_somebody,
)
from switchbot_automation.core.state.wishes import after_remote
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    Power,
    Reason,
    ReasonCode,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime
    from typing import Any

    from switchbot_automation.core.home import States
    from switchbot_automation.core.requests import Answered, Single, UnitLook
    from switchbot_automation.core.state.check import Way
    from switchbot_automation.core.state.zone import Check, ZoneState
    from switchbot_automation.settings.model import ZoneSettings

# Without an answer for so many times the time allowed, nobody will ever know.
_PATIENCE = 10


def verify(
    zone: ZoneSettings, states: States, now: datetime
) -> Generator[Single, Answered, tuple[Command, ...]]:
    """Look at a zone's check, where it can be answered; return what came of it."""
    check = states[zone.name].check
    if check is None:
        return ()
    due = check.due_at <= now
    way = _way(zone, states[zone.name], check, now)
    # Told something else since, or nothing shows it any more.
    refused = states[zone.name].action is not check.action or way is None
    if due and (refused or check.given_up):
        states[zone.name] = with_check(states[zone.name], None)
    if refused:
        return ()
    if check.given_up or (not due and way != "room"):
        return ()
    if way == "room":
        shown = by_room(check, states[zone.name].last_temperature)
        return (yield from _conclude(zone, states, check, now, shown=shown, due=due))
    asked = states[zone.name]
    ask = ReadPlug(zone) if way == "power" else AskUnit(zone, forced=True)
    told = (yield ask).value
    before = states[zone.name]
    if overtaken(asked, before):
        return ()
    if way == "power":
        shown = _by_plug(zone, states, check, told, now)
        _count_stop(zone, states, check, shown=shown)
    else:
        shown = None
        if _answered(zone, told):
            shown = obeys(check, after_look(zone, before, told))
        _count_stop(zone, states, check, shown=shown)
        before = states[zone.name]
        if _is_believed(zone, check, before, now, shown=shown):
            states[zone.name] = after_poll(zone, before, told)
            seen = seen_of(zone, before, states[zone.name])
            return () if seen is None else (seen,)
    return (yield from _conclude(zone, states, check, now, shown=shown, due=due))


def _way(
    zone: ZoneSettings, state: ZoneState, check: Check, now: datetime
) -> Way | None:
    measured = measures(zone, state, now)
    return way_of(zone, check.action, readable=zone.unit_readable, measured=measured)


def _count_stop(
    zone: ZoneSettings, states: States, check: Check, *, shown: bool | None
) -> None:
    """Take in whether a unit that was told to stop was seen to, once for each stop."""
    if check.action is not Action.OFF or shown is None:
        return
    if shown or not check.attempt:
        states[zone.name] = after_stop(states[zone.name], check.since, shown=shown)


def _by_plug(
    zone: ZoneSettings,
    states: States,
    check: Check,
    fields: Mapping[str, Any] | None,
    now: datetime,
) -> bool | None:
    """Take in what the plug says; return whether it shows what was told."""
    heard = states[zone.name]
    states[zone.name] = after_plug(
        heard, plug_says(zone, fields), heard.last_temperature, now
    )
    states[zone.name] = after_draw(zone, states[zone.name], fields, now)
    return None if fields is None else agrees(check, by_power(zone, fields))


def _is_believed(
    zone: ZoneSettings,
    check: Check,
    state: ZoneState,
    now: datetime,
    *,
    shown: bool | None,
) -> bool:
    """Tell whether the unit's own word stands.

    Where it says otherwise the rule sends it again, once the minimum times let it.
    """
    more = check.attempt < zone.repair_attempts
    return shown is True or (shown is False and more and _rule_acts(zone, state, now))


def _conclude(
    zone: ZoneSettings,
    states: States,
    check: Check,
    now: datetime,
    *,
    shown: bool | None,
    due: bool,
) -> Generator[Single, Answered, tuple[Command, ...]]:
    if shown:
        states[zone.name] = agreed(certain(with_check(states[zone.name], None)), now)
        return (_told(zone, check, CommandStatus.CONFIRMED, ReasonCode.CONFIRMED),)
    if not due:
        return ()
    if shown is None:
        _wait_on(zone, states, check, now)
        return ()
    return ((yield from _repair(zone, states, check, now)),)


def _wait_on(zone: ZoneSettings, states: States, check: Check, now: datetime) -> None:
    again = timedelta(seconds=zone.confirm_within_seconds)
    late = now - check.since > _PATIENCE * again
    waits = None if late else replace(check, due_at=now + again)
    states[zone.name] = with_check(states[zone.name], waits)


def _repair(
    zone: ZoneSettings, states: States, check: Check, now: datetime
) -> Generator[Single, Answered, Command]:
    state = states[zone.name]
    safety = assess(zone, state, now)
    forbidden = safety is not None and safety.forbids_start
    start = check.action is not Action.OFF
    attempts = 0 if zone.observe_only else zone.repair_attempts
    if check.attempt >= attempts or (forbidden and start):
        given_up = replace(check, due_at=now + GIVEN_UP, given_up=True)
        way = _way(zone, state, check, now)
        by = {"power": "plug", "status": "seen"}.get(way or "", "room")
        contradicted = doubted(state, by, check.action, now, told=True)
        states[zone.name] = with_check(contradicted, given_up)
        code = ReasonCode.DEVICE_UNRESPONSIVE
        return _told(zone, check, CommandStatus.FAILED, code)
    attempt = check.attempt + 1
    why = Reason(ReasonCode.VERIFY_FAILED_RESEND, {"attempt": attempt})
    order = Order(
        _as_sent(zone, state),
        check.action,
        label="repair",
        reasons=(why,),
        attempt=attempt,
    )
    sent: Command = (yield Send(order)).value
    told_otherwise = states[zone.name].last_action_at != state.last_action_at
    if sent.status is not CommandStatus.ACCEPTED and not told_otherwise:
        _wait_on(zone, states, check, now)
    return sent


def _answered(zone: ZoneSettings, look: UnitLook | None) -> bool:
    if look is None or look.fields is None:
        return False
    return power_of(zone.kind.shown(look.fields, zone.unit_channel)) is not None


def after_look(
    zone: ZoneSettings, state: ZoneState, look: UnitLook | None
) -> ZoneState:
    """Return the state with what the unit said of itself, whatever was told before."""
    if look is None:
        return state
    if look.fields is not None:
        state = after_aircon_status(state, zone, look.fields, look.at)
    return looked_at(state, look.at)


def after_poll(
    zone: ZoneSettings, before: ZoneState, look: UnitLook | None
) -> ZoneState:
    """Return the state after a look at the unit, while a command is to be seen.

    A unit that says otherwise is believed, and the rule may tell it again. Once that
    was done as often as allowed it is not: it would be told for ever.
    """
    if look is not None and look.fields is not None:
        before = hindered(before, zone.kind.hindrance(look.fields))
        own = zone.kind.beside_it(look.fields)
        before = beside_radiator(before, own, look.at)
    check, found = before.check, after_look(zone, before, look)
    at = found.last_aircon_poll_at
    if not _answered(zone, look) or at is None:
        return found
    if check is None:
        return _after_somebody_else(zone, before, as_told(before, found), at)
    if before.action is not check.action:
        return found
    if obeys(check, found):
        found = as_told(before, found)
        if takes_otherwise(check, found):
            return told_again(check, found, zone.repair_attempts)
        return agreed(with_check(found, None), at)
    if check.given_up:
        return looked_at(before, at)
    if check.attempt >= zone.repair_attempts:
        return with_check(looked_at(before, at), replace(check, due_at=at))
    # Counted on until the minimum times let the rule tell it again, or nobody wants it.
    counts_on = replace(check, attempt=check.attempt + 1, due_at=at + GIVEN_UP)
    return with_check(found, counts_on)


def _rule_acts(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether the rule would send again what a person's hold keeps it from."""
    held = state.hold_until is not None and now < state.hold_until
    return zone.automation_enabled and not held


def seen_of(zone: ZoneSettings, before: ZoneState, after: ZoneState) -> Command | None:
    """Return what a look at the unit showed of a command, None while it is open."""
    check = before.check
    if check is None or after.check is not None or before.action is not check.action:
        return None
    if after.shown_as is before.shown_as:
        return _told(zone, check, CommandStatus.CONFIRMED, ReasonCode.CONFIRMED)
    code = ReasonCode.DEVICE_UNRESPONSIVE
    told, shows = after.shown_as[-1]
    return _told(zone, check, CommandStatus.FAILED, code, told=told, shows=shows)


def _after_somebody_else(
    zone: ZoneSettings, before: ZoneState, found: ZoneState, at: datetime
) -> ZoneState:
    """Return the state after a look at a unit of which nothing is to be seen.

    One that was known and does something else was told by somebody, with its remote or
    in the cloud's own app. That is a person's command like any other: it starts the hold
    of the settings, ends what still waits or repeats, and a start counts.
    """
    known = before.power is not Power.UNKNOWN and not before.uncertain
    doubt = before.evidence.doubt if before.evidence else None
    if doubt is not None and doubt.by == "seen":
        # It did not do as it was told, and nobody told it otherwise since.
        return agreed(found, at) if found.action is doubt.action else found
    same = (found.power, found.compressor_running) == (
        before.power,
        before.compressor_running,
    )
    if not zone.kind.tells_setpoint:
        # Of what is set there by hand nothing but the mode is shown.
        same = same and found.mode == before.mode
    if same or not known:
        return found
    return started_by_somebody(after_remote(found, zone, at), zone, at)


def _as_sent(zone: ZoneSettings, state: ZoneState) -> ZoneSettings:
    """Return the zone with the setpoint that was sent, where it was steered."""
    setpoint = state.setting.temperature if state.setting else None
    return zone if setpoint is None else with_setpoint(zone, setpoint)


def _told(
    zone: ZoneSettings,
    check: Check,
    status: CommandStatus,
    code: ReasonCode,
    **more: str,
) -> Command:
    detail = {"attempts": check.attempt + 1, "since": check.since.isoformat(), **more}
    return Command(
        id=check.id,
        zone=zone.name,
        action=check.action,
        status=status,
        reasons=(Reason(code, detail),),
        sent_at=check.since,
    )
