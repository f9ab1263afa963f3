"""Keep a room by being on for a share of a cycle: a heater on a plug. Pure.

Time proportional control: within its band the heater is on for a share of a cycle, below it
always and above it never. Which share keeps the room low in its band, where that costs the
least and leaves room for the sun, is what the room's model says (see `room_model`): what the
heater brings up, and what weather, sun and people take or give, which it goes on learning. So
whatever the room loses, it settles in the same place, and nothing is summed up that could run
away. Until the model is known the share falls from all at the lower end to none as far above
the place as that is below it.

Nothing is remembered beside when the relay last switched. A floor that was found to store its
heat is given longer cycles and looked at less often: it evens them out, and the relay is
spared.

    share_of(20.25, Edges(20.0, 21.0, heating=True))  # 0.625
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.band import edges_around, stores_for_price
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

    from switchbot_automation.core.control.band import Edges
    from switchbot_automation.core.control.steer import Aim
    from switchbot_automation.core.home import ZoneSnapshot
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

# A shorter pulse wears the relay and heats nothing.
_SHORTEST_SHARE = 0.2
# The room is looked at so often, whatever the cycle.
_LOOK, _LOOK_STORED = timedelta(minutes=5), timedelta(minutes=15)
# Where in its band a heater keeps the room, and within how many of its cycles it is to be
# there: sooner, and each step of the meter would show in the share.
_PLACE, _AHEAD_CYCLES = 1.0 / 3.0, 1.2
_METER_STEP = 0.1
# A floor, which answers later, is to be so much further inside, within so many hours.
_PLACE_STORED, _AHEAD_HOURS = 0.45, 1.5
# The same where a price asks for heat in store: high in the part of the band that it leaves,
# so that there is something to coast on, and low in the other, which is what is paid for.
_PLACE_STORING, _PLACE_COASTING = 0.7, 0.3
# A cycle may make the room swing by this share of its band.
_SWING_SHARE, _LONGEST_CYCLE_HOURS = 0.15, 3.0


def share_of(temperature: float, edges: Edges) -> float:
    """Return for which share of the cycle the heater is on, 0.0 to 1.0, by the band alone."""
    falls = 2.0 * _PLACE * (edges.off - edges.on)
    if falls <= 0.0:
        return 1.0 if temperature <= edges.on else 0.0
    return _rounded(1.0 - (temperature - edges.on) / falls)


def _rounded(share: float) -> float:
    if share < _SHORTEST_SHARE:
        return 0.0
    return 1.0 if share > 1.0 - _SHORTEST_SHARE else round(share, 3)


def proportioned(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    aim: Aim,
    reasons: tuple[Reason, ...],
    now: datetime,
    *,
    begin: bool = False,
) -> ZoneDecision:
    """Be on for the share of the cycle that the room asks for; `begin`: on, all of it.

    There has to be a temperature.
    """
    temperature, state = seen.reading.temperature, seen.state
    if temperature is None:
        raise AssertionError("nothing to keep a room by")
    # The band itself, since nothing has to be widened where nothing flickers.
    usual = timedelta(seconds=zone.equipment[0].cycle_seconds)
    cycle = max(usual, _evened_out(state, aim))
    share = 1.0
    if not begin:
        share = share_of(temperature, edges_around(aim, 0.0))
        share = _foreseen(
            state,
            aim,
            share,
            usual,
            stores=cycle > usual,
            priced=stores_for_price(zone),
        )
    on = state.power is Power.ON
    ends = _ends(state, share, cycle, on=on)
    wanted = share > 0.0 if ends is None else (on if now < ends else not on)
    # The usual one is what the relay bears; a floor's longer one must not keep heat away.
    again = _again_at(state, usual)
    if wanted and not on and not state.uncertain and again is not None and now < again:
        # However the share changes: no more cycles an hour than the relay bears.
        wanted, ends = False, again
    detail = {
        "temperature_celsius": temperature,
        "share": share,
        "cycle_seconds": round(cycle.total_seconds()),
    }
    reasons = (*reasons, Reason(ReasonCode.HEAT_SHARE, detail))
    look_at = now + (_LOOK_STORED if cycle > usual else _LOOK)
    look_at = look_at if ends is None or ends <= now else min(ends, look_at)
    action = Action.WINTER if wanted else Action.OFF
    if already_in_force(state, zone, action):
        code = ReasonCode.DUPLICATE_SUPPRESSED if wanted else ReasonCode.ALREADY_OFF
        outcome = Outcome.NO_ACTION if wanted else Outcome.ALREADY_OFF
        said = (*reasons, Reason(code, {"action": action} if wanted else {}))
        decided = ZoneDecision(
            zone.name, outcome, reasons=said, if_blocked=Outcome.COOLDOWN
        )
    else:
        outcome = Outcome.WINTER_ON if wanted else Outcome.WINTER_OFF
        decided = ZoneDecision(
            zone.name, outcome, action, reasons, if_blocked=Outcome.COOLDOWN
        )
    return replace(decided, look_at=look_at)


def _foreseen(
    state: ZoneState,
    aim: Aim,
    share: float,
    cycle: timedelta,
    *,
    stores: bool,
    priced: bool | None,
) -> float:
    """Return the share within the band by what the room will have done in a while.

    The given one where nothing is known, or the room is out of its band. A floor (`stores`)
    goes on for hours after it was told otherwise.
    """
    learned, x = state.learned, aim.sign * (state.last_temperature or 0.0)
    if learned is None or not aim.near < x < aim.far:
        return share
    room, width = learned.warm_up.heated_room, aim.far - aim.near
    hours = cycle / timedelta(hours=1)
    if stores:
        share_of_band = {
            None: _PLACE_STORED,
            True: _PLACE_STORING,
            False: _PLACE_COASTING,
        }
        place, ahead = share_of_band[priced] * width, _AHEAD_HOURS
    else:
        # In a narrow band as low as half a swing of the room allows; half on and half off
        # it swings by a quarter of what the heater would bring it up in a whole cycle.
        swing = (room.capacity or 0.0) * hours / 8.0 + _METER_STEP
        place, ahead = (
            max(_PLACE * width, min(width / 2.0, swing)),
            _AHEAD_CYCLES * hours,
        )
    found = room.share_for(x, aim.near + place, ahead)
    return share if found is None else _rounded(found)


def _evened_out(state: ZoneState, aim: Aim) -> timedelta:
    """Return the longest cycle that a room evens out, zero while nothing is known of it.

    Half on and half off it swings the most: by a quarter of what the heater would bring it
    up in a whole cycle.
    """
    learned = state.learned
    capacity = learned.warm_up.heated_room.capacity if learned else None
    if not capacity:
        return timedelta()
    hours = 4.0 * _SWING_SHARE * (aim.far - aim.near) / capacity
    return timedelta(hours=min(hours, _LONGEST_CYCLE_HOURS))


def _again_at(state: ZoneState, cycle: timedelta) -> datetime | None:
    """Return when the next cycle may begin, None where none went before."""
    started, stopped = state.compressor_started_at, state.compressor_stopped_at
    if started is None or stopped is None or stopped < started:
        return None
    return started + cycle


def _ends(
    state: ZoneState, share: float, cycle: timedelta, *, on: bool
) -> datetime | None:
    """Return when the present phase is over, None where the share alone decides."""
    if share in (0.0, 1.0) or state.uncertain:
        return None
    since = state.compressor_started_at if on else state.compressor_stopped_at
    if since is None:
        return None
    return since + cycle * (share if on else 1.0 - share)
