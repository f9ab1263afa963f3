"""Keep a room by being on for a share of a cycle: a heater on a plug. Pure.

Time proportional control: at the lower end of the band the heater is always on, at the
upper end never, and in between for a share of the cycle. So the room settles inside its
band wherever that share is what it loses, and the heater never works against itself.
Nothing is remembered beside when the relay last switched. A floor that was found to store
its heat (see `room_model`) is given longer cycles and looked at less often: it evens them
out, and the relay is spared.

    share_of(20.5, Edges(20.0, 21.0, heating=True))  # 0.5
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.band import edges_around
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
# A cycle may make the room swing by this share of its band.
# Where in its band a floor keeps the room, and by when it is to be there.
_TARGET_SHARE, _AHEAD_HOURS = 0.45, 1.5
_SWING_SHARE, _LONGEST_CYCLE_HOURS = 0.15, 3.0


def share_of(temperature: float, edges: Edges) -> float:
    """Return for which share of the cycle the heater has to be on, 0.0 to 1.0."""
    width = edges.off - edges.on
    if width <= 0.0:
        return 1.0 if temperature <= edges.on else 0.0
    share = (edges.off - temperature) / width
    return _rounded(share)


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
        share = _foreseen(state, aim, share) if cycle > usual else share
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


def _foreseen(state: ZoneState, aim: Aim, share: float) -> float:
    """Return the share for a floor within its band, by what it will have done in a while.

    It goes on for hours after it was told otherwise, so where the room is says too little.
    """
    learned, x = state.learned, aim.sign * (state.last_temperature or 0.0)
    if learned is None or not aim.near < x < aim.far:
        return share
    target = aim.near + _TARGET_SHARE * (aim.far - aim.near)
    found = learned.warm_up.heated_room.share_for(x, target, _AHEAD_HOURS)
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
