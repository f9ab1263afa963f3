"""A floor and a ceiling that always hold, whoever said what. Pure.

Under a hold, a pause, an absence and with the automation off a room that can be heated is
kept from frost, and nothing heats it beyond its ceiling. The minimum times hold all the
same. Where nobody reads the room any more the equipment protects it by itself, as it can:
a thermostat of its own is left at a low setpoint; an air conditioner runs shortly now and
then, at its lowest one; a heater on a plug, which knows nothing, stays off. Zones that only
observe are only told.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.protect.safety import assess, given_up_at
from switchbot_automation.core.state.unit import already_in_force
from switchbot_automation.model import (
    Action,
    Outcome,
    Power,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.home import ZoneSnapshot
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

LIMITS = frozenset(
    {ReasonCode.FROST_FLOOR, ReasonCode.FROST_BLIND, ReasonCode.HEAT_CEILING}
)
"""What an order begins with that a limit asks for."""

_KEEPS = frozenset({ReasonCode.IN_WINDOW, ReasonCode.OPTIMUM_START})
# Within a window, too, nobody keeps a room then: a unit that cannot do what the season asks
# for is only turned off.
_PAUSES = frozenset(
    {
        ReasonCode.OPENING_OPEN,
        ReasonCode.OPENING_SUSPECTED,
        ReasonCode.STAGE_CANNOT,
    }
)
_BLIND = frozenset({ReasonCode.SENSOR_STALE_OFF, ReasonCode.SENSOR_FROZEN})
# So far from a limit it lets go, so that it does not flicker.
_RELEASE_KELVIN = 1.0
# What a room is heated for against frost: no more than it takes to get away from it.
_ABOVE_KELVIN = 2.0
# A room that was so near to frost when it was last read, or was not read for so long, may
# be freezing; then an air conditioner runs for so long, and so often.
_NEAR_KELVIN = 5.0
_LONG = timedelta(hours=24)
_RUN, _REST = timedelta(minutes=15), timedelta(hours=2)


def limited(
    zone: ZoneSettings, seen: ZoneSnapshot, decided: ZoneDecision, now: datetime
) -> ZoneDecision:
    """Return what was decided for a zone, or what its limits ask for in its place."""
    if not (zone.frost_floor_celsius or zone.heat_ceiling_celsius):
        return decided
    if not can_heat(zone):
        return decided
    temperature = seen.reading.temperature
    unseen = temperature is None or decided.reasons[0].code in _BLIND
    if temperature is None or unseen or _stands_still(seen.state):
        blind = _blind_since(zone, seen.state, decided)
        if not zone.frost_floor_celsius or blind is None or now < blind:
            return decided
        return _unread(zone, seen.state, decided, blind, now)
    if decided.emergency:
        return decided
    below = None
    if zone.frost_floor_celsius:
        below = _from_below(zone, seen.state, decided, temperature)
    if below is None:
        return _from_above(zone, seen.state, decided, temperature)
    if below.action is Action.WINTER and decided.action is not Action.WINTER:
        safety = assess(zone, seen.state, now)
        if safety is not None and safety.forbids_start:
            # A reading that is not believed, or a unit that has to rest.
            return decided
    return below


def _stands_still(state: ZoneState) -> bool:
    """Tell whether the room's meter was found to repeat itself, and did not move since."""
    record = state.sensing
    return record is not None and record.distrust is ReasonCode.SENSOR_FROZEN


def _blind_since(
    zone: ZoneSettings, state: ZoneState, decided: ZoneDecision
) -> datetime | None:
    """Return from when on nobody knows how cold it is, None for never.

    A meter that repeats itself goes on answering; while its unit is moved a little to see
    whether it lives, it is not given up yet.
    """
    record = state.sensing
    if not _stands_still(state) or record is None or record.changed_at is None:
        return given_up_at(zone, state)
    first = decided.reasons[0].code
    if first is ReasonCode.SENSOR_FROZEN and decided.action is not Action.OFF:
        return None
    return record.changed_at + timedelta(seconds=zone.sensor_frozen_seconds)


def can_heat(zone: ZoneSettings) -> bool:
    """Tell whether a zone can be heated: it has a way to, and is known to be for that."""
    heats = zone.winter is not None or Action.SUMMER not in zone.kind.does
    return heats and Action.WINTER in zone.ways


def kept_out_by(
    zone: ZoneSettings, temperature: float, *, low: float, high: float
) -> ReasonCode | None:
    """Return which limit keeps a room out of its band of `low` to `high`, None for none.

    A ceiling that the room has come up to, below the band; a floor that it is heated to,
    above it. Then no unit is to blame, and waiting helps nothing.
    """
    ceiling, floor = zone.heat_ceiling_celsius, zone.frost_floor_celsius
    if not can_heat(zone):
        return None
    if ceiling and ceiling <= low and temperature >= ceiling - _RELEASE_KELVIN:
        return ReasonCode.HEAT_CEILING
    # What was heated goes on rising for a while after the floor lets it go.
    let_go = _lets_go(zone) + _RELEASE_KELVIN
    if floor and floor >= high and temperature <= let_go:
        return ReasonCode.FROST_FLOOR
    return None


def against_frost(zone: ZoneSettings, setpoint: float) -> ZoneSettings:
    """Return the zone as if all it was for were to be kept from frost."""
    low = zone.frost_floor_celsius
    return zone.heated(low, low + _RELEASE_KELVIN, setpoint)


def _setpoint(zone: ZoneSettings) -> float:
    return zone.kind.nearest(zone.frost_floor_celsius + _ABOVE_KELVIN)


def _lets_go(zone: ZoneSettings) -> float:
    """Return from which temperature on the floor lets a room go.

    A thermostat closes at its setpoint by itself. Told "off" below that, it would let a cold
    house fall under the floor each time, before a meter and a radiator are felt.
    """
    if zone.kind.guards_itself:
        return _setpoint(zone) + _RELEASE_KELVIN
    return zone.frost_floor_celsius + _RELEASE_KELVIN


def _heats(state: ZoneState) -> bool:
    on = state.power is Power.ON and not state.uncertain
    return on and state.action is Action.WINTER


def _from_below(
    zone: ZoneSettings, state: ZoneState, decided: ZoneDecision, temperature: float
) -> ZoneDecision | None:
    """Return what the floor asks for, None for nothing."""
    floor = zone.frost_floor_celsius
    heats, guards = _heats(state), state.guarding is ReasonCode.FROST_FLOOR
    if temperature > floor and not (guards and (heats or state.uncertain)):
        return None
    why = _reason(ReasonCode.FROST_FLOOR, temperature, floor)
    if temperature <= floor:
        if decided.action is Action.WINTER:
            return replace(decided, reasons=(*decided.reasons, why))
        if not heats:
            return _heat(zone, (why, *decided.reasons))
        return _as_it_is(zone, decided, why)
    if temperature < _lets_go(zone):
        # Also where its own control wants it off, as in a cold in which it must not heat
        # for more than this: it would start again within minutes, all day long.
        keeps = _is_kept(decided) and decided.action is not Action.OFF
        return None if keeps else _as_it_is(zone, decided, why)
    # Nobody else turns off what nobody else turned on.
    return None if _is_kept(decided) else _stop(zone, (why, *decided.reasons))


def _from_above(
    zone: ZoneSettings, state: ZoneState, decided: ZoneDecision, temperature: float
) -> ZoneDecision:
    """Return what the ceiling leaves of a decision."""
    ceiling = zone.heat_ceiling_celsius
    if not ceiling or temperature < ceiling or decided.action is Action.OFF:
        return decided
    why = _reason(ReasonCode.HEAT_CEILING, temperature, ceiling)
    if state.power is not Power.OFF and state.action in (Action.WINTER, None):
        return _stop(zone, (why, *decided.reasons))
    if decided.action is not Action.WINTER:
        return decided
    return ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=(why, *decided.reasons))


def _unread(
    zone: ZoneSettings,
    state: ZoneState,
    decided: ZoneDecision,
    since: datetime,
    now: datetime,
) -> ZoneDecision:
    """Return what keeps frost off a room that nobody reads."""
    if zone.mode != "winter" and decided.action is None:
        return decided
    why = Reason(ReasonCode.FROST_BLIND, {"since": since.isoformat()})
    if zone.kind.guards_itself:
        return _left_to_itself(zone, state, decided, why)
    if not zone.kind.sets:
        return decided
    started, stopped = state.compressor_started_at, state.compressor_stopped_at
    if state.guarding is ReasonCode.FROST_BLIND and _heats(state) and started:
        if now < started + _RUN:
            return replace(_as_it_is(zone, decided, why), blocked_until=started + _RUN)
        return _stop(zone, (why, *decided.reasons))
    last = state.last_temperature
    near = last is not None and last <= zone.frost_floor_celsius + _NEAR_KELVIN
    rested = state.power is Power.OFF and (not stopped or now >= stopped + _REST)
    if decided.action is not None or not rested or not (near or now >= since + _LONG):
        return decided
    return replace(_heat(zone, (why, *decided.reasons)), emergency=True)


def _left_to_itself(
    zone: ZoneSettings, state: ZoneState, decided: ZoneDecision, why: Reason
) -> ZoneDecision:
    """Return the decision that leaves a thermostat at its low setpoint.

    One that somebody turned up keeps frost off as well.
    """
    setpoint = _setpoint(zone)
    guards = state.guarding is ReasonCode.FROST_BLIND
    told = already_in_force(state, against_frost(zone, setpoint), Action.WINTER)
    if (guards and told) or (decided.action is None and _heats(state)):
        return _as_it_is(zone, decided, why)
    return replace(_heat(zone, (why, *decided.reasons)), emergency=True)


def _is_kept(decided: ZoneDecision) -> bool:
    """Tell whether the zone's own control has the unit in hand."""
    codes = {reason.code for reason in decided.reasons}
    return not codes.isdisjoint(_KEEPS) and codes.isdisjoint(_PAUSES)


def _heat(zone: ZoneSettings, reasons: tuple[Reason, ...]) -> ZoneDecision:
    return ZoneDecision(
        zone.name,
        Outcome.WINTER_ON,
        Action.WINTER,
        reasons,
        if_blocked=Outcome.COOLDOWN,
        setpoint=_setpoint(zone),
    )


def _stop(zone: ZoneSettings, reasons: tuple[Reason, ...]) -> ZoneDecision:
    return ZoneDecision(
        zone.name,
        Outcome.WINTER_OFF,
        Action.OFF,
        reasons,
        if_blocked=Outcome.COOLDOWN,
    )


def _as_it_is(zone: ZoneSettings, decided: ZoneDecision, why: Reason) -> ZoneDecision:
    return ZoneDecision(
        zone.name,
        Outcome.NO_ACTION,
        reasons=(why, *decided.reasons),
        look_at=decided.look_at,
    )


def _reason(code: ReasonCode, temperature: float, limit: float) -> Reason:
    return Reason(code, {"temperature_celsius": temperature, "limit_celsius": limit})
