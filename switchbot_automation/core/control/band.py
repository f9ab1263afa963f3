"""Between a zone and its controllers: what they need of it, what they ask of it. Pure.

Where the thresholds are is said here alone (`Edges`): `switch` acts at them, the next
reading is predicted from them, groups weigh zones by them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.core.control.overshoot import (
    Run,
    is_at_end,
    is_at_limit,
    learn_softening,
    softened,
)
from switchbot_automation.core.control.steer import (
    DRIVEN,
    Advice,
    Aim,
    Situation,
    is_full,
    steer,
    usual_level,
)
from switchbot_automation.core.control.steer_learning import learn
from switchbot_automation.core.control.warm_up import (
    LONGEST_FORESEEN,
    Plan,
    Watch,
    plan_start,
)
from switchbot_automation.core.forecast import (
    change_ahead,
    sun_ahead,
    sun_between,
    sunnier_ahead,
)
from switchbot_automation.core.state.evidence import has_followed, is_content
from switchbot_automation.core.state.zone import (
    KEPT_STARTS,
    AirconSetting,
    Learned,
    with_learned,
)
from switchbot_automation.model import Action, Power, Reason, ReasonCode

if TYPE_CHECKING:
    from switchbot_automation.core.control.room_model import TwoNodes
    from switchbot_automation.core.control.steer import Steering
    from switchbot_automation.core.control.warm_up import WeatherChange
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import Profile, ZoneSettings

_DAY_SECONDS = 86400.0
_STARTS_A_DAY = 3
_LATELY, _LATELY_READINGS = timedelta(minutes=31), 3
_RESPONDS = timedelta(minutes=7)
# Of a meter that reports seldom so many reports are what was seen lately.
_REPORTS = 2
# A room goes on since then as it did before, but not for ever.
_GONE_ON = 0.6
# An inverter whose room is this far from its setpoint gives all it has, in kelvin: a
# kelvin more than its own sensor may read otherwise.
_AT_FULL = 5.0
_SHORTLY = timedelta(hours=3)
# A room this far past where its unit settles it is held by the sun, not by the unit.
_SUN_HOLDS = 0.6
# So far ahead the sun counts: what a room takes to come down a step, and its afternoon.
_SUN_HOURS = 3
# A reading may be so late, and the span before it so long.
_HELPED = timedelta(minutes=40)
# After this share of the time a meter may stand still it is asked for a sign of life: late
# enough that a room that is kept well is seldom disturbed, and there is time for a late meter.
_SUSPECT_SHARE = 0.75
# Within this a living meter says something else while the unit works.
_MOVES_WITHIN = timedelta(minutes=40)
# What is said where a temperature meets a threshold, by whether the unit heats.
_MET = {
    True: (ReasonCode.TEMP_BELOW_ON_THRESHOLD, ReasonCode.TEMP_ABOVE_OFF_THRESHOLD),
    False: (ReasonCode.TEMP_ABOVE_ON_THRESHOLD, ReasonCode.TEMP_BELOW_OFF_THRESHOLD),
}


def aim_of(zone: ZoneSettings) -> Aim | None:
    """Return what the zone's season wants, None without usable temperatures."""
    heating, profile = _usable(zone)
    if profile is None:
        return None
    return Aim(
        heating=heating,
        low=profile.min_temp,
        high=profile.max_temp,
        asked=profile.target_temp,
        step=0.5 if zone.half_degrees else 1.0,
        width=_whole_width(zone, heating=heating),
    )


def _whole_width(zone: ZoneSettings, *, heating: bool) -> float | None:
    """Return how wide the band is that a price narrowed, None where none has."""
    if zone.overlay is None or zone.overlay.asked is None:
        return None
    winter, summer = zone.overlay.asked
    asked = winter if heating else summer
    return None if asked is None else asked.max_temp - asked.min_temp


def stores_for_price(zone: ZoneSettings) -> bool | None:
    """Return whether a zone stores for its price, False while it coasts, None for neither."""
    overlay = zone.overlay
    if overlay is None or overlay.asked is None:
        return None
    return any(each.code is ReasonCode.PRICE_STORES for each in overlay.reasons)


def _usable(zone: ZoneSettings) -> tuple[bool, Profile | None]:
    """Return whether the zone heats, and its season's profile if it can be kept."""
    heating = zone.mode != "summer"
    profile = zone.winter if heating else zone.summer
    if profile is None or profile.min_temp > profile.max_temp:
        return heating, None
    return heating, profile


class Edges(NamedTuple):
    """THE thresholds in degrees Celsius: where the unit is started, where it is stopped.

    Each is an end of the band, widened outward by the hysteresis. Both are inclusive, so
    they are rounded: 19.8 must meet 20.1 - 0.3.
    """

    on: float
    off: float
    heating: bool

    def ahead(self, temperature: float, *, running: bool) -> float:
        """Return how many kelvin are left to the threshold that matters."""
        left = self.off - temperature if running else temperature - self.on
        return left if self.heating else -left

    def asks(self, temperature: float) -> tuple[Action | None, Reason]:
        """Return what a temperature asks for, None within the band, and why."""
        begin = Action.WINTER if self.heating else Action.SUMMER
        met_on, met_off = _MET[self.heating]
        if self.ahead(temperature, running=False) <= 0.0:
            return begin, _at(met_on, temperature, self.on)
        if self.ahead(temperature, running=True) <= 0.0:
            return Action.OFF, _at(met_off, temperature, self.off)
        detail = {
            "temperature_celsius": temperature,
            "low_celsius": min(self.on, self.off),
            "high_celsius": max(self.on, self.off),
        }
        return None, Reason(ReasonCode.WITHIN_BAND, detail)


def _at(code: ReasonCode, temperature: float, limit: float) -> Reason:
    return Reason(code, {"temperature_celsius": temperature, "limit_celsius": limit})


def edges_around(aim: Aim, hysteresis: float) -> Edges:
    """Return the thresholds around a band."""
    return _edges(aim.low, aim.high, hysteresis, aim.heating)


@lru_cache(maxsize=1024)  # asked four times a tick, and few zones have other ones
def _edges(low: float, high: float, hysteresis: float, heating: bool) -> Edges:
    low, high = round(low - hysteresis, 6), round(high + hysteresis, 6)
    return Edges(low, high, heating) if heating else Edges(high, low, heating)


def edges_of(zone: ZoneSettings) -> Edges | None:
    """Return a zone's thresholds, None without usable temperatures."""
    heating, profile = _usable(zone)
    if profile is None:
        return None
    low, high = profile.min_temp, profile.max_temp
    return _edges(low, high, zone.hysteresis_celsius, heating)


def as_asked(zone: ZoneSettings) -> ZoneSettings:
    """Return a zone with the whole band, whatever part of it the price asks for."""
    overlay = zone.overlay
    if overlay is None or overlay.asked is None:
        return zone
    winter, summer = overlay.asked
    return zone.with_laid(winter=winter, summer=summer)


def with_setpoint(zone: ZoneSettings, setpoint: float) -> ZoneSettings:
    """Return the zone as if its profile asked for that setpoint, Celsius.

    Scenes and webhooks send what somebody put into them, so only the direct command is
    left.
    """
    changes = {
        season: replace(profile, target_temp=setpoint)
        for season, profile in (("winter", zone.winter), ("summer", zone.summer))
        if profile is not None and season == zone.mode
    }
    return replace(zone, cascade=("command",), **changes)  # type: ignore[arg-type] # the keys are the two profiles


def after_observation(
    zone: ZoneSettings,
    state: ZoneState,
    now: datetime,
    *,
    goal: float | None = None,
    toward: Aim | None = None,
    helped: bool = False,
) -> ZoneState:
    """Return the state with what this reading taught.

    `goal`: where the room is brought for a later window, which wants `toward`; None where
    its own band counts.
    `helped`: another unit of the room works, so it shows nothing of this one's power.
    """
    temperature = state.last_temperature
    if temperature is None or state.last_temperature_stale:
        return state
    learned = state.learned or Learned()
    reports = learned.reports.after(now.timestamp(), temperature)
    learned = replace(learned, reports=reports)
    if reports.repeats:
        # Nobody measured anything since.
        return with_learned(state, replace(learned, starts=_starts(learned, state)))
    before = learned.trend.last
    trend = learned.trend.with_reading(now, temperature)
    learned = replace(learned, trend=trend, starts=_starts(learned, state))
    aim = aim_of(zone)
    elapsed = (now - before[0]).total_seconds() if before else 0.0
    if aim is not None and not helped:
        begun = _running_since(zone, state)
        lateness = learned.lateness.after(
            now.timestamp(),
            aim.sign * temperature,
            None if begun is None else begun.timestamp(),
        )
        learned = replace(learned, lateness=lateness)
    if aim is not None:
        goal = aim.sign * aim.wake if goal is None else goal
        air = (temperature + before[1]) / 2.0 if before else temperature
        felt = learned.warm_up.felt(air, goal, elapsed, heating=aim.heating)
        if zone.optimum_start:
            begin = before[0] if before else now
            room = _lived(zone, aim, learned, state, (begin, now), helped=helped)
            felt = felt.having_lived(room, heating=aim.heating)
        learned = replace(learned, warm_up=felt)
    if aim is not None and goal is not None and not state.uncertain:
        seen = _situation(zone, learned, state, temperature, now)
        watch = Watch(
            heating=aim.heating,
            goal=goal,
            at=now,
            temperature=temperature,
            running_since=_told_since(zone, state),
            before=before,
        )
        learned = replace(
            learned,
            # It is judged by the band it is steered for.
            steering=_holding_back(
                learn(toward or aim, learned.steering, seen, elapsed), state, now
            ),
            warm_up=learned.warm_up.watched(watch),
        )
        run = _run(zone, learned, state, seen, now)
        if run is not None:
            softening = learn_softening(
                aim, learned.softening, zone.hysteresis_celsius, run
            )
            learned = replace(learned, softening=softening)
    return with_learned(state, learned)


def _holding_back(steering: Steering, state: ZoneState, now: datetime) -> Steering:
    """Return what was learned of a unit that has more to give, and says so.

    A room that does not follow it then shows nothing: more has to be asked for.
    """
    if not is_content(state, now):
        return steering
    return replace(steering, full_seconds=0.0, trial=None)


def helps_lately(state: ZoneState, now: datetime) -> bool:
    """Tell whether another unit's work shows in what its room does at `now`."""
    if state.compressor_running:
        return True
    stopped = state.compressor_stopped_at
    return stopped is not None and now - stopped < _HELPED


def _lived(
    zone: ZoneSettings,
    aim: Aim,
    learned: Learned,
    state: ZoneState,
    span: tuple[datetime, datetime],
    *,
    helped: bool,
) -> TwoNodes:
    """Return the room's model after the reading that ends a span."""
    room = learned.warm_up.room(heating=aim.heating)
    x = aim.sign * (state.last_temperature or 0.0)
    gave = None if helped else _gave(zone, aim, learned, state, span)
    sun = 0.0
    if zone.sun_forecast and state.surroundings is not None and room.air is not None:
        begin = datetime.fromtimestamp(room.at, UTC)
        sun = aim.sign * sun_between(state.surroundings.sun, begin, span[1])
    return room.after(span[1].timestamp(), x, gave, sun)


def _gave(
    zone: ZoneSettings,
    aim: Aim,
    learned: Learned,
    state: ZoneState,
    span: tuple[datetime, datetime],
) -> float | None:
    """Return for how many seconds of a span the unit gave all it has, None: unknown.

    A relay does whenever it is on, an inverter on its way to a setpoint that is far off.
    """
    begin, end = span
    started, stopped = state.compressor_started_at, state.compressor_stopped_at
    if state.uncertain or state.power is Power.UNKNOWN:
        return None
    if state.compressor_running:
        on = (end - max(begin, started or begin)).total_seconds()
    elif stopped is not None and stopped > begin:
        on = (stopped - max(begin, started or begin)).total_seconds()
    else:
        return 0.0
    if zone.proportions:
        return max(0.0, on)
    told = _setpoint(state) if _running_since(zone, state) is not None else None
    if told is None or is_content(state, end):
        return None
    ahead = aim.sign * (told - (state.last_temperature or told))
    offset, effort = aim.offset(learned.steering), aim.sign * told
    if zone.sun_forecast and offset - ahead >= _SUN_HOLDS:
        return 0.0
    full = is_full(learned.steering, effort, offset, effort - ahead)
    return on if full or ahead >= _AT_FULL else None


def _run(
    zone: ZoneSettings,
    learned: Learned,
    state: ZoneState,
    seen: Situation,
    now: datetime,
) -> Run | None:
    """Return the last run of the compressor, None where nothing is learned from it."""
    started, stopped = state.compressor_started_at, state.compressor_stopped_at
    if zone.modulates or started is None:
        return None
    if not zone.overshoot_learning:
        return None
    if stopped is None or stopped < started:
        stopped = None
    readings = learned.trend.readings
    before = [one for at, one in readings if stopped is not None and at <= stopped]
    since = [one for at, one in readings if stopped is not None and at >= stopped]
    most = max if zone.mode == "winter" else min
    return Run(
        now=now.timestamp(),
        started=started.timestamp(),
        stopped=None if stopped is None else stopped.timestamp(),
        at_stop=before[-1] if before else None,
        furthest=most(since) if since else None,
        latest=seen.temperature,
        most=seen.most,
        settled_seconds=seen.settled_seconds,
        setpoint=seen.setpoint,
        slope=seen.slope,
        shown=_is_shown(state, now),
    )


def _is_shown(state: ZoneState, now: datetime) -> bool:
    """Tell whether what the room says of the unit's work can be believed.

    A meter that lives says another temperature or humidity now and then.
    """
    check = state.check
    if check is not None and (check.given_up or check.attempt):
        return False
    changed = state.sensing.changed_at if state.sensing else None
    return changed is None or now - changed < _MOVES_WITHIN


def switch_setpoint(zone: ZoneSettings, aim: Aim, state: ZoneState) -> float | None:
    """Return the setpoint that `switch` sends in place of the profile's, Celsius.

    None where it sends the profile's own, by whatever way it is sent.
    """
    learned = state.learned
    if learned is None or not zone.aircon_device_id or not zone.kind.sets:
        return None
    less = learned.softening.kelvin(heating=aim.heating)
    if not zone.overshoot_learning:
        return None
    if less < 0.0 and "command" not in zone.cascade:
        return None
    present = _setpoint(state) if state.compressor_running else None
    setpoint = softened(aim, learned.softening)
    if less != 0.0:
        return setpoint
    # What was softened and is not any more has to be sent by the same way.
    return setpoint if present is not None and present != setpoint else None


def spent(zone: ZoneSettings, state: ZoneState) -> bool:
    """Tell whether the unit was found to give all it has, however much is asked of it."""
    learned, aim = state.learned, aim_of(zone)
    if learned is None or aim is None or not state.compressor_running:
        return False
    if zone.modulates:
        return learned.steering.full_seconds > 0.0
    return is_at_end(aim, learned.softening)


def is_steered(zone: ZoneSettings, state: ZoneState) -> bool:
    """Tell whether a unit's setpoint is steered, and does anything.

    Of one that works on however little is asked, each setpoint is a beep, and only on and off
    keep its room. Who names `modulate` is served as ever.
    """
    learned = state.learned
    driven = learned is not None and learned.steering.driven >= DRIVEN
    return zone.modulates and not (driven and zone.control == "auto")


def asked_the_most(zone: ZoneSettings, state: ZoneState) -> bool:
    """Tell whether the unit runs at the most that is asked beyond the profile's setpoint.

    It may well have more to give.
    """
    learned, aim = state.learned, aim_of(zone)
    if learned is None or aim is None or zone.modulates:
        return False
    most, end = is_at_limit(aim, learned.softening), is_at_end(aim, learned.softening)
    return state.compressor_running and most and not end


def too_weak(aim: Aim, state: ZoneState, setpoint: float) -> bool:
    """Return whether the unit runs at a setpoint that was found to be too weak."""
    present = _setpoint(state) if state.compressor_running else None
    return (
        present is not None
        and not state.uncertain
        and aim.sign * (setpoint - present) > 0.0
    )


def advise(
    zone: ZoneSettings, aim: Aim, state: ZoneState, temperature: float, now: datetime
) -> Advice:
    """Return what modulating asks for."""
    learned = state.learned or Learned()
    seen = _situation(zone, learned, state, temperature, now)
    apart = learned.reports.apart
    if apart and seen.slope is not None:
        age = min(apart, now.timestamp() - learned.reports.first)
        gone = max(-_GONE_ON, min(_GONE_ON, seen.slope * age / 3600.0))
        seen = replace(seen, temperature=temperature + gone)
    # Who names `modulate` is served as ever.
    seen = replace(seen, hurries=zone.control == "auto")
    if zone.sun_forecast and aim.heating:
        seen = replace(seen, sunlit=_sunlit(aim, state, temperature, now))
    if _running_since(zone, state) is None:
        seen = replace(seen, running=False, setpoint=None)
    return steer(aim, learned.steering, seen)


def _sunlit(
    aim: Aim, state: ZoneState, temperature: float, now: datetime
) -> float | None:
    """Return how warm the sun of the next hours makes the room; see `Situation`."""
    learned, around = state.learned, state.surroundings
    sun = sun_ahead(around.sun if around else None, now, _SUN_HOURS)
    if learned is None or not sun:
        return None
    held = usual_level(aim, learned.steering)
    room = learned.warm_up.room(heating=aim.heating)
    return room.lifted(aim.sign * temperature, held, sun, 1.0)


def plan(
    aim: Aim,
    state: ZoneState,
    temperature: float,
    now: datetime,
    opens: datetime,
    *,
    since: datetime | None,
    longest: timedelta | None = None,
) -> Plan:
    """Return when to begin for the window that opens then; see `plan_start`."""
    learned, around = state.learned or Learned(), state.surroundings
    foreseen = learned.warm_up.room(heating=aim.heating).foreseen(
        aim.sign * temperature,
        aim.wake,
        (opens - now).total_seconds(),
        LONGEST_FORESEEN.total_seconds(),
        0.0 if aim.heating or around is None else sunnier_ahead(around.sun, now),
    )
    return plan_start(
        learned.warm_up,
        foreseen=foreseen,
        heating=aim.heating,
        goal=aim.sign * aim.wake,
        temperature=temperature,
        slope=learned.trend.slope(last_change(state)),
        now=now,
        since=since,
        opens=opens,
        longest=longest,
        change=_weather_ahead(state, now, heating=aim.heating),
    )


def _weather_ahead(
    state: ZoneState, now: datetime, *, heating: bool
) -> WeatherChange | None:
    around = state.surroundings
    if around is None or around.forecast is None:
        return None
    return change_ahead(around.forecast, now, heating=heating)


def begun(zone: ZoneSettings, state: ZoneState, opens: datetime) -> bool:
    """Return whether the unit runs for the window that opens then.

    Whoever started it shortly before the window, it does.
    """
    since = _running_since(zone, state)
    if since is None:
        return False
    return since >= opens - _SHORTLY or begun_early(zone, state, opens)


def begun_early(zone: ZoneSettings, state: ZoneState, opens: datetime) -> bool:
    """Return whether the unit runs because that window was found to need it."""
    if _running_since(zone, state) is None or state.learned is None:
        return False
    return state.learned.warm_up.begun == opens


def _running_since(zone: ZoneSettings, state: ZoneState) -> datetime | None:
    """Return since when the unit does the season's work, None if it does not."""
    season = Action.WINTER if zone.mode == "winter" else Action.SUMMER
    unanswered = _unanswered(state)
    if unanswered is not None:
        return state.compressor_started_at if unanswered is season else None
    if not state.compressor_running or state.action not in (season, None):
        return None
    return state.compressor_started_at


def likely_runs(zone: ZoneSettings, state: ZoneState) -> bool:
    """Tell whether the unit was told to start by an order whose answer was lost."""
    unanswered = _unanswered(state)
    return unanswered is not None and _running_since(zone, state) is not None


def _unanswered(state: ZoneState) -> Action | None:
    """Return the last order, if it went out and its answer was lost; else None.

    Most of these are carried out: it is the way back that broke. So it is what to reckon
    with until something shows otherwise, and what is in doubt is told again, not undone.
    """
    kept = state.evidence
    if not state.uncertain or kept is None or not kept.unanswered:
        return None
    return kept.said


def told_setpoint(state: ZoneState) -> float | None:
    """Return the setpoint that the unit was told last, Celsius; None where nobody knows.

    That of an order whose answer was lost counts as told, too.
    """
    kept = state.evidence
    if _unanswered(state) is None or kept is None:
        return _setpoint(state)
    asked = AirconSetting.parse(kept.asked)
    return asked.temperature if asked else None


def _told_since(zone: ZoneSettings, state: ZoneState) -> datetime | None:
    """Return since when it works as it was last told to.

    A warm-up whose setpoint had to be raised on the way would tell how little was known
    of the unit, not how fast the room is.
    """
    since, changed = _running_since(zone, state), last_change(state)
    return since if since is None or changed is None else max(since, changed)


def _situation(
    zone: ZoneSettings,
    learned: Learned,
    state: ZoneState,
    temperature: float,
    now: datetime,
) -> Situation:
    from statistics import median  # noqa: PLC0415 - only who steers needs it

    unanswered = _unanswered(state)
    running = state.compressor_running
    if unanswered is not None:
        running = unanswered not in (Action.OFF, Action.FAN)
    changed = last_change(state)
    since = (now - changed).total_seconds() if changed else math.inf
    begin, enough = now - _LATELY, _LATELY_READINGS
    late = timedelta(seconds=learned.lateness.seconds)
    if changed is not None and late and not learned.reports.apart:
        # What a late meter says of the order comes only then.
        changed += late
        since = max(0.0, since - late.total_seconds())
    if learned.reports.apart:
        # What a meter says that reports seldom is as old as its report.
        said_at = learned.reports.first
        if changed is not None:
            since = max(0.0, said_at - changed.timestamp())
        begin = now - timedelta(seconds=(_REPORTS + 0.5) * learned.reports.apart)
        enough = _REPORTS
    if changed is not None:
        begin = max(begin, changed + _RESPONDS)
    lately = [one for at, one in learned.trend.readings if at >= begin]
    least, most = (min, max) if zone.mode == "winter" else (max, min)
    several = len(lately) >= enough
    return Situation(
        temperature=temperature,
        slope=learned.trend.slope(changed),
        running=running,
        setpoint=told_setpoint(state) if running else None,
        settled_seconds=since,
        least=least(lately) if several else None,
        most=most(lately) if several else None,
        level=median(lately) if lately else None,
        spared=sum(now.timestamp() - one < _DAY_SECONDS for one in learned.starts)
        >= _STARTS_A_DAY,
        suspect=_stands_still(zone, state, now),
        unanswered=unanswered is not None,
        followed=has_followed(state),
        shows=zone.unit_readable,
        apart_seconds=learned.reports.apart,
    )


def _stands_still(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether the meter has said the same for most of the time it may."""
    changed = state.sensing.changed_at if state.sensing else None
    if changed is None or not zone.sensor_frozen_seconds:
        return False
    seconds = _SUSPECT_SHARE * zone.sensor_frozen_seconds
    if state.learned is not None:
        # One that reports seldom shows what it is asked the later.
        seconds -= state.learned.reports.apart
    return (now - changed).total_seconds() >= seconds


def last_change(state: ZoneState) -> datetime | None:
    """Return when the unit was told something last, heard or not."""
    told, kept = state.last_action_at, state.evidence
    if _unanswered(state) is None or kept is None or kept.unanswered_at is None:
        return told
    return kept.unanswered_at if told is None else max(told, kept.unanswered_at)


def _setpoint(state: ZoneState) -> float | None:
    return state.setting.temperature if state.setting else None


def _starts(learned: Learned, state: ZoneState) -> tuple[float, ...]:
    started = state.compressor_started_at
    if started is None or (
        learned.starts and started.timestamp() <= learned.starts[-1]
    ):
        return learned.starts
    kept = state.evidence
    again = _unanswered(state) is not None and kept is not None and kept.unanswered > 1
    # The start that was answered by nothing, told again, is the same start.
    before = learned.starts[:-1] if again else learned.starts
    return (*before, started.timestamp())[-KEPT_STARTS:]
