"""What keeps something else of a room than its temperature: humidity, air, the sun. Pure.

Each unit has one thing it does, and a want that says whether it is wanted, see
`control.air`. Before that come the order that every unit of a room has: automation off, a
person's hold, its windows, a meter that says nothing, safety, an open window; behind it who
yields to whom, see `protect.yielding`, and like for every start the gate. An air conditioner
that dries in its dry mode is such a unit for as long as it is idle otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.air import (
    Want,
    too_wet,
    wanted_of,
)
from switchbot_automation.core.protect.resting import paused, stopped
from switchbot_automation.core.protect.safety import assess
from switchbot_automation.core.protect.wear import dries_further
from switchbot_automation.core.protect.yielding import ORDER, yields_to
from switchbot_automation.core.state.around import outdoor_of
from switchbot_automation.core.state.unit import already_in_force, season_action
from switchbot_automation.model import (
    Action,
    Outcome,
    Power,
    Reason,
    ReasonCode,
    ZoneDecision,
)
from switchbot_automation.schedule.windows import in_window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.core.home import Snapshot, ZoneSnapshot
    from switchbot_automation.core.protect.safety import Safety
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import Settings, ZoneSettings

_LOOK = timedelta(minutes=5)
# A room that was dried is not wetted for so long: each unit goes
# a little beyond its end before the meter says so, and where both ends are near each other,
# as by a cold wall, one would call for the other all winter.
_DRIED_LATELY = timedelta(hours=3)
_ROOM_KELVIN = 0.5
_KEEPS = frozenset({ReasonCode.IN_WINDOW, ReasonCode.OPTIMUM_START})


def works_in(
    lead: str,
    snapshot: Snapshot,
    settings: Settings,
    decided: Mapping[str, ZoneDecision],
    now: datetime,
) -> dict[str, Action]:
    """Return what each unit of a room does, or is about to, as far as it was decided.

    What dried until lately counts as if it still did.
    """
    found: dict[str, Action] = {}
    for name in (lead, *settings.units.get(lead, ())):
        state = snapshot.zones[name].state
        does = state.action if state.power is Power.ON else None
        if name in decided:
            does = decided[name].action or does
        if does not in ORDER and _dried_lately(settings.zones[name], state, now):
            does = Action.DRY
        if does in ORDER:
            found[name] = does
    return found


def _dried_lately(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    stopped = state.compressor_stopped_at
    if zone.kind.own is not Action.DRY or stopped is None:
        return False
    return now - stopped < _DRIED_LATELY


def decide_own(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    room: ZoneState,
    others: Mapping[str, Action],
    now: datetime,
) -> ZoneDecision:
    """Decide for a unit that keeps something else of a room than its temperature.

    Neither a person's hold nor the automation switched off stands against it. `room` is
    the state that knows of the surroundings, `others` what the room's other units do.
    """
    stays = zone.kind.fails == "stays"
    window = in_window(zone.time_windows, now, zone.timezone)
    if window is None:
        windows = bool(zone.time_windows)
        code = ReasonCode.OUTSIDE_WINDOWS if windows else ReasonCode.NO_WINDOWS
        return _rested(zone, seen.state, (Reason(code),), stays=stays)
    why = Reason(ReasonCode.IN_WINDOW)
    safety = assess(zone, seen.state, now)
    if safety is not None and safety.stop and not stays:
        return stopped(zone, safety)
    unfit = _unfit(zone, seen, safety)
    if unfit is not None:
        return _rested(zone, seen.state, (why, unfit), stays=stays)
    want = _wanted(zone, seen, room, now)
    decided = _carried_out(zone, seen.state, want, others, safety)
    if want.works is False:
        return decided
    # Humidity and air are not predicted, and what works on them is soon done.
    return replace(decided, look_at=now + _LOOK)


def _unfit(
    zone: ZoneSettings, seen: ZoneSnapshot, safety: Safety | None
) -> Reason | None:
    """Return why nothing is to be concluded from the room as it is."""
    if seen.reading.temperature is None:
        return Reason(seen.reading.problem or ReasonCode.NO_READING)
    if safety is not None and safety.stop:
        return safety.reason
    overlay = zone.overlay
    return overlay.pause if overlay is not None else None


def _carried_out(
    zone: ZoneSettings,
    state: ZoneState,
    want: Want,
    others: Mapping[str, Action],
    safety: Safety | None,
) -> ZoneDecision:
    """Return the decision that carries a want out, as far as other units let it."""
    reasons: tuple[Reason, ...] = (Reason(ReasonCode.IN_WINDOW), want.reason)
    runs = state.compressor_running and not state.uncertain
    works = runs if want.works is None else want.works
    on = season_action(zone)
    others = {name: does for name, does in others.items() if name != zone.name}
    yields = yields_to(on, others)
    if works and yields is not None:
        works, reasons = False, (*reasons, yields)
    if not works:
        return _rested(zone, state, reasons, stays=False)
    if safety is not None and safety.forbids_start and not runs:
        reasons = (*reasons, safety.reason)
        return ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=reasons)
    if already_in_force(state, zone, on):
        duplicate = Reason(ReasonCode.DUPLICATE_SUPPRESSED, {"action": on})
        return ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=(*reasons, duplicate))
    return ZoneDecision(
        zone.name, Outcome.DEVICE_ON, on, reasons, if_blocked=Outcome.COOLDOWN
    )


def _rested(
    zone: ZoneSettings,
    state: ZoneState,
    reasons: tuple[Reason, ...],
    *,
    stays: bool,
) -> ZoneDecision:
    """Return the decision that lets a unit rest; one that `stays` is left as it is."""
    if stays:
        return ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=reasons)
    rested = paused(zone, state, reasons)
    if rested.action is None:
        return rested
    return replace(rested, outcome=Outcome.DEVICE_OFF)


def _wanted(
    zone: ZoneSettings, seen: ZoneSnapshot, room: ZoneState, now: datetime
) -> Want:
    """Return whether what a unit does is wanted of it now."""
    celsius, percent = seen.reading.temperature, seen.reading.humidity
    if celsius is None:
        raise AssertionError("nothing to keep a room by")
    outdoor = outdoor_of(room.surroundings, now)
    further = dries_further(zone, seen.state, now)
    return wanted_of(zone, celsius, percent, seen.reading.co2, outdoor, further=further)


def dried(
    zone: ZoneSettings,
    snapshot: Snapshot,
    settings: Settings,
    decided: Mapping[str, ZoneDecision],
    now: datetime,
) -> ZoneDecision:
    """Return what was decided for a zone, or its dry mode where it is idle otherwise.

    In summer alone, since it cools; not below the band, and not where a dehumidifier of
    the room dries or units share one outdoor unit.
    """
    free, seen = decided[zone.name], snapshot.zones[zone.name]
    state, wanted = seen.state, zone.humidity
    celsius, percent = seen.reading.temperature, seen.reading.humidity
    runs = state.power is Power.ON and state.action is Action.DRY
    if (
        wanted is None
        or celsius is None
        or zone.summer is None
        or not _may_dry(zone, state, free, settings)
    ):
        return free
    if percent is None:
        if not runs:
            return free
        unknown = Reason(ReasonCode.HUMIDITY_UNKNOWN)
        stop = paused(zone, state, (*free.reasons, unknown))
        return replace(stop, look_at=free.look_at)
    safety = assess(zone, state, now)
    if safety is not None and safety.forbids_start and not runs:
        return free
    want = too_wet(wanted, celsius, percent, outdoor_of(state.surroundings, now))
    works = runs if want.works is None else want.works
    others = works_in(zone.name, snapshot, settings, decided, now)
    others.pop(zone.name, None)
    yields = yields_to(Action.DRY, others, cools=True)
    # Begun where it can go on for a while, since it cools.
    low = zone.summer.min_temp + (0.0 if runs else _ROOM_KELVIN)
    if not works or celsius <= low or yields is not None:
        more = (want.reason,) if yields is None else (want.reason, yields)
        stop = paused(zone, state, (*free.reasons, *more))
        return replace(stop, look_at=free.look_at) if runs else free
    reasons = (*free.reasons, want.reason)
    look_at = min(free.look_at or now + _LOOK, now + _LOOK)
    if runs and already_in_force(state, zone, Action.DRY):
        return replace(
            free,
            outcome=Outcome.NO_ACTION,
            action=None,
            reasons=reasons,
            setpoint=None,
            look_at=look_at,
        )
    return ZoneDecision(
        zone.name,
        Outcome.DEVICE_ON,
        Action.DRY,
        reasons,
        if_blocked=Outcome.COOLDOWN,
        look_at=look_at,
    )


def _may_dry(
    zone: ZoneSettings, state: ZoneState, free: ZoneDecision, settings: Settings
) -> bool:
    """Tell whether an air conditioner is free to dry, whatever the air is like."""
    wanted, overlay = zone.humidity, zone.overlay
    if wanted is None or not wanted.dry_mode or zone.mode != "summer":
        return False
    if free.emergency or free.action not in (None, Action.OFF) or state.uncertain:
        return False
    if free.reasons[0].code not in _KEEPS or not zone.can(Action.DRY):
        return False
    if any(zone.name in group.zones for group in settings.groups.values()):
        return False
    if overlay is not None and (
        overlay.pause is not None or overlay.opened is not None
    ):
        return False
    further = settings.units.get(zone.name, ())
    if any(settings.zones[name].kind.own is Action.DRY for name in further):
        return False
    cools = state.power is Power.ON and state.action is Action.SUMMER
    return not (cools and free.action is None)
