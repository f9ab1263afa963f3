"""Which window a zone is brought up for before it opens, and whether it is time. Pure.

Outside windows that is the next one. Within a window it is the next that asks for more
than the one in force, as the first after a vacation: its band may be farther away than
the hours between, and a preset that ends on time would else leave a cold room.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.core.control.band import aim_of, plan
from switchbot_automation.core.state.zone import Learned, with_learned
from switchbot_automation.schedule.windows import in_window, next_start

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.control.steer import Aim
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import Profile, ZoneSettings


class Ahead(NamedTuple):
    """A window that a zone is brought up for: when it opens, and what it wants.

    `zone` is the zone as it is now, but with the temperatures of then.
    """

    opens: datetime
    zone: ZoneSettings
    aim: Aim


def ahead_of(zone: ZoneSettings, now: datetime) -> Ahead | None:
    """Return what a zone has to be ready for, None for nothing. `now` is aware UTC."""
    aim = aim_of(zone)
    if not zone.optimum_start or aim is None:
        return None
    windows, tz = zone.time_windows, zone.timezone
    if in_window(windows, now, tz) is None:
        opens = next_start(windows, now, tz)
        return None if opens is None else Ahead(opens, zone, aim)
    later = zone.overlay.ahead if zone.overlay else None
    if later is None:
        return None
    at, then = later
    wanted = aim_of(then)
    if wanted is None:
        return None
    return Ahead(at, _with_temperatures(zone, then), wanted)


def goal_of(ahead: Ahead | None, state: ZoneState) -> float | None:
    """Return the temperature a zone is on its way to for a later window, None: it is not."""
    if ahead is None or state.learned is None:
        return None
    begun = state.learned.warm_up.begun == ahead.opens
    return ahead.aim.sign * ahead.aim.wake if begun else None


def after_begin(
    zone: ZoneSettings, state: ZoneState, ahead: Ahead | None, now: datetime
) -> ZoneState:
    """Return the state with the window that the zone is being brought up for."""
    if not zone.optimum_start:
        return state
    learned = state.learned or Learned()
    warm_up, temperature = learned.warm_up, state.last_temperature
    begun = None
    if ahead is not None and warm_up.begun == ahead.opens:
        # Also once it is there: its air is warm by then, its walls are not.
        begun = ahead.opens
    elif ahead is not None and temperature is not None:
        planned = plan(ahead.aim, state, temperature, now, ahead.opens, since=None)
        begun = ahead.opens if planned.begin else None
    if begun == warm_up.begun:
        return state
    return with_learned(state, replace(learned, warm_up=warm_up.having_begun(begun)))


def _with_temperatures(zone: ZoneSettings, then: ZoneSettings) -> ZoneSettings:
    return replace(
        zone,
        winter=_profile(zone.winter, then.winter),
        summer=_profile(zone.summer, then.summer),
        hysteresis_celsius=then.hysteresis_celsius,
    )


def _profile(now: Profile | None, then: Profile | None) -> Profile | None:
    if now is None or then is None:
        return now
    return replace(
        now,
        min_temp=then.min_temp,
        max_temp=then.max_temp,
        target_temp=then.target_temp,
    )
