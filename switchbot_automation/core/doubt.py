"""Hold what a unit is believed to do against what can be seen of it, at every tick. Pure.

While a command is being confirmed that is `verify`'s matter. Afterwards nobody would look
any more, and a remote, a cut in the mains or a burst that missed would be believed away
for ever. So the plug is asked a few times an hour, and the room's course is compared with
what it does when its unit works, or rests. What contradicts a belief for long enough makes
it uncertain: then nothing is "in force already", and the rule says anew what it wants. That
is the repair, and it goes the way of every command, past the gate. It is bounded (see
`state.evidence`), and when it shows nothing either, notice is given.

A unit in defrost, or one that idles at its setpoint, contradicts nothing.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.control.resting import Resting
from switchbot_automation.core.requests import ReadPlug
from switchbot_automation.core.state.around import outdoor_of
from switchbot_automation.core.state.check import watts_of
from switchbot_automation.core.state.evidence import (
    NONE,
    RADIATOR_WARM,
    ROOM_STAYS,
    SAMPLED,
    SUNNY_HOURS,
    after_plug,
    after_rest,
    after_sample,
    agreed,
    answered,
    came_as_far_as,
    doubted,
    followed,
    found_running,
    has_followed,
    has_rested,
    heard_after_all,
    hindered,
    idled,
    is_seen_to_heat,
    is_told_warm,
    may_repair,
    mended,
    mending,
    overran,
    overrun_kelvin,
    overruns,
    plug_interval,
    repair_span,
    repair_waits_until,
    responds_seconds,
    undoubted,
    warm_again,
    warm_for_nothing,
    went_back,
)
from switchbot_automation.core.state.kept import command_taken
from switchbot_automation.core.state.unit import (
    after_command,
    after_shown,
    as_sent,
    certain,
    season_action,
    set_all_parameter,
    started_by_somebody,
    unsure,
)
from switchbot_automation.core.state.wishes import after_remote, off_again
from switchbot_automation.core.state.zone import AirconSetting, Doubt
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    Power,
    Reason,
    ReasonCode,
    RungResult,
)
from switchbot_automation.schedule.windows import in_window

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence
    from typing import Any

    from switchbot_automation.core.control.band import Edges
    from switchbot_automation.core.home import States
    from switchbot_automation.core.pace import Quota
    from switchbot_automation.core.requests import Answered, Single
    from switchbot_automation.core.state.zone import Evidence, ZoneState
    from switchbot_automation.settings.model import ZoneSettings

# A defrost takes a heat pump five to ten minutes, and no longer.
_PERSISTS = timedelta(minutes=10)
# Of the watts that mean that the unit runs: a board at rest, and no fan.
_STANDBY_SHARE, _STANDBY_LEAST = 1.0 / 6.0, 5.0
# A unit that idles at its setpoint draws as little as one that is off; the room tells.
_LOST_KELVIN = 0.5
_FOLLOWS_KELVIN = 0.2
# How far a difference of temperatures may be from a round one.
_ROUNDED = 1e-6
# So much a room loses on after an order, until a unit that does something else follows it.
_GOES_ON_KELVIN = 0.2
_DEFROSTS, _DEFROST_WATCHED = timedelta(minutes=16), timedelta(minutes=14)
_DEFROST_SAMPLES = 3
# A slow room that is held shows within this that it loses nothing.
_HELD_FOR = timedelta(minutes=45)
# What of a course is looked at beside a unit that may defrost now and then.
_DEFROSTS_LONG = timedelta(minutes=30)
# How often OFF is told again to a unit whose room does not leave its band.
_RESTS_TOLD = 2
# So long a room is given to turn back once its unit was told OFF: past its band, or in it; and
# so much longer where the weather may keep it there.
_TURNS_BACK, _TURNS_IN_BAND, _WEATHER_TURNS = timedelta(hours=2), timedelta(hours=8), 2
# A radiator that stays warm is told to close once more before that is told of.
_WARM_AGAIN = timedelta(minutes=15)
_RISES_KELVIN, _RISES_SECONDS = 0.3, 3600.0
_RESTED = timedelta(minutes=45)
_NEAR_FROST = 1.0
# So far back goes a room whose unit rests, for half an hour: more than any defrost takes.
_WENT_BACK_KELVIN, _WENT_BACK_SAMPLES = 0.3, 2
# A unit that works on holds what it was set to, by a thermometer that is off by so much.
_HOLDS_KELVIN = 1.5
# So far past its band goes a room where the weather takes it there, and so fast in an hour;
# a unit that somebody set to its most is faster.
_WEATHER_KELVIN, _WEATHER_PACE = 5.0, 1.4
# In these a room that cools by itself may do so only where it is known to be cold outdoors.
_WARM_HOURS = range(10, 20)
# Only a plug saw it, and a cut in the mains looks the same: the room may not freeze.
_LONGEST_HOLD = timedelta(hours=4)
# What its unit held a room at is seen in so long, the latest of its work.
_WORK_SEEN = timedelta(hours=1)
_USELESS_KELVIN, _CLEAR_DAY = 1.0, 1.5
# So far does a room go in the first minutes after an order that was heard.
_SHOWN_KELVIN, _SHOWN_SAMPLES = 0.3, 2
_SETTLES, _SHOWN_WITHIN = timedelta(minutes=10), timedelta(minutes=40)
_SHOWN_WITHIN_OFF = timedelta(hours=6)
# So long a unit that stopped is felt in its room, a radiator longest.
_STILL_FELT = timedelta(minutes=20)
# So long the room of two units may cool until it is as warm as one of them can hold it.
_HELD_BY_TWO = timedelta(hours=3)
# Afterwards nobody remembers whether another one had warmed it before.
_JUDGED_WITHIN = timedelta(hours=1)
# So long a unit has to have worked alone to have been felt, until its room has shown how
# long it takes, and so many samples of that.
_ALONE_SECONDS, _ALONE_SAMPLES = 1500.0, 4
# How often OFF is told again before the notice: it is more often the sun than the unit.
_NOTICE_AFTER = {Action.OFF: 2}
_FORGOTTEN = timedelta(hours=6)


class _Help(NamedTuple):
    """What other units of the room did of late: its course shows nothing of one of them.

    `since`: from when on one has helped that still does. `stopped`: when one did before
    that. None: not at all.
    """

    since: datetime | None = None
    stopped: datetime | None = None

    @property
    def ended(self) -> datetime | None:
        """Until when one was felt that helps no more."""
        return None if self.stopped is None else self.stopped + _STILL_FELT

    def alone(self, now: datetime) -> bool:
        """Tell whether the room's course shows what this unit does."""
        return self.since is None and (self.ended is None or self.ended <= now)


_ALONE = _Help()


class _Room(NamedTuple):
    """The room's temperature, and how it lies to its band, in kelvin the unit's way."""

    edges: Edges
    temperature: float
    help: _Help = _ALONE

    @property
    def left(self) -> float:
        """How much is left until the unit is needed; 0 or less: it is."""
        return self.edges.ahead(self.temperature, running=False)

    @property
    def over(self) -> float:
        """By how much the band is passed at its other end."""
        return -self.edges.ahead(self.temperature, running=True)

    def gained(self, before: float) -> float:
        """Return how far it went the unit's way since it was at `before`."""
        gained = self.temperature - before
        return round(gained if self.edges.heating else -gained, 6)


def overtaken(asked: ZoneState, state: ZoneState) -> bool:
    """Tell whether the unit was told something while it, or its plug, was asked.

    A person's OFF goes in the midst of a tick; what was seen before it says nothing of it.
    """
    return (
        state.intent is not asked.intent or state.last_action_at != asked.last_action_at
    )


def attend(
    zone: ZoneSettings,
    states: States,
    now: datetime,
    quota: Quota | None,
    others: Collection[str] = (),
) -> Generator[Single, Answered, tuple[Command, ...]]:
    """Take in what shows what a zone's unit does; return what is to be told of it.

    `others` are the zones of the room's other units.
    """
    if not zone.automation_enabled:
        return ()
    before = state = states[zone.name]
    temperature = _temperature(state, now)
    if temperature is not None and state.last_read_at is not None:
        read_at = state.last_read_at
        state = after_sample(state, temperature, read_at)
        if state is not before:
            state = _rested(zone, state, temperature, read_at)
    untold = state.power is Power.ON and (state.evidence or NONE).wish is None
    if untold and state.compressor_running:
        wish = set_all_parameter(zone, state.action or season_action(zone))
        state = found_running(state, wish)
    plug = zone.power_meter_device_id and state.check is None
    interval = plug_interval(zone, state, now) if plug else None
    if interval is not None:
        asked_at = (state.evidence or NONE).plug_asked_at
        wait = timedelta(seconds=quota.stretched(interval) if quota else interval)
        if asked_at is None or asked_at + wait <= now:
            # A person's command may come in while the plug is asked.
            states[zone.name] = state
            fields = (yield ReadPlug(zone)).value
            if overtaken(state, states[zone.name]):
                return ()
            state = states[zone.name]
            state = after_plug(state, plug_says(zone, fields), temperature, now)
            state = after_draw(zone, state, fields, now)
    commands: tuple[Command, ...] = ()
    if state.check is None:
        helped = _helped(zone, state, [states[name] for name in others])
        state, commands = _weighed(zone, state, temperature, now, helped)
    if state is not before:
        states[zone.name] = state
    return commands


def plug_says(zone: ZoneSettings, fields: Mapping[str, Any] | None) -> Power | None:
    """Return what the watts of a zone's plug say, None where nothing was heard.

    ``unknown`` in between: a fan turns, or a compressor idles.
    """
    watts = None if fields is None else watts_of(fields, zone.power_meter_channel)
    if watts is None:
        return None
    runs = zone.power_meter_on_watts
    if watts >= runs:
        return Power.ON
    standby = max(runs * _STANDBY_SHARE, min(_STANDBY_LEAST, runs / 2.0))
    return Power.OFF if watts <= standby else Power.UNKNOWN


def after_draw(
    zone: ZoneSettings,
    state: ZoneState,
    fields: Mapping[str, Any] | None,
    now: datetime,
) -> ZoneState:
    """Return the state with whether a unit draws nothing although its plug is on.

    That stands until it draws again: a plug that is off shows nothing of it.
    """
    says = plug_says(zone, fields)
    if fields is None or zone.power_meter_device_id != zone.aircon_device_id:
        return state
    if says is Power.OFF and zone.kind.idles(fields, zone.unit_channel):
        state = hindered(state, ReasonCode.HEATER_DRAWS_NOTHING)
        edges, temperature = edges_of(zone), state.last_temperature
        # Where the room has enough, that its own thermostat stops it is no harm.
        enough = edges is None or temperature is None or temperature >= edges.off
        return state if enough else idled(state, now)
    return hindered(state, None) if says is Power.ON else state


def _temperature(state: ZoneState, now: datetime) -> float | None:
    """Return the room's temperature where it was read a moment ago, by a meter that lives."""
    at = state.last_read_at
    if at is None or state.last_temperature_stale or now - at > _PERSISTS:
        return None
    return state.last_temperature


def _helped(zone: ZoneSettings, state: ZoneState, others: Sequence[ZoneState]) -> _Help:
    """Return since when other units do the same to the room, or until when they did.

    What a unit is believed to do counts, since what is in doubt may work.
    """
    if not others:
        return _ALONE
    action, course = season_action(zone), (state.evidence or NONE).course
    watched = course[0][0] if course else math.inf
    since: list[datetime] = []
    ended: list[datetime] = []
    for other in others:
        stopped, starts = other.compressor_stopped_at, other.equipment
        began = [one.at for one in starts.starts] if starts is not None else []
        if stopped is not None and (
            stopped.timestamp() > watched or any(at < stopped for at in began)
        ):
            # One that was told OFF before anybody looked has not helped.
            ended.append(stopped)
        started = other.compressor_started_at
        if other.compressor_running and other.action in (action, None):
            since.append(started or datetime.min.replace(tzinfo=UTC))
    return _Help(min(since, default=None), max(ended, default=None))


def _weighed(
    zone: ZoneSettings,
    state: ZoneState,
    temperature: float | None,
    now: datetime,
    helped: _Help,
) -> tuple[ZoneState, tuple[Command, ...]]:
    kept = state.evidence or NONE
    heard_of = (state.last_action_at, kept.unanswered_at, kept.doubt, kept.plug_at)
    if heard_of == (None, None, None, None):
        return state, ()  # it was told nothing, and nothing else shows what it does
    # What dries the air, moves it or shades shows nothing in a room's temperature.
    edges = edges_of(zone) if zone.kind.own is None else None
    state, room = _without_old_doubt(zone, state), None
    if edges is not None and temperature is not None:
        room = _Room(edges, temperature, helped)
        state = _learned(zone, state, room, now)
        state = _beside_radiator(zone, _back_again(state, room), room, now)
        state = _goes_on(_watched_back(zone, state, room, now), room, now)
    doubt = (state.evidence or NONE).doubt
    if doubt is not None and _settled(zone, state, doubt, room, now):
        state = _helped_by_telling(state, doubt, room, now)
        shown = certain(agreed(state, now) if doubt.by != "room" else undoubted(state))
        ends = _told(zone, doubt, CommandStatus.CONFIRMED, ReasonCode.CONFIRMED)
        return shown, (ends,) if doubt.told else ()
    if state.uncertain:
        state = _heard_after_all(zone, state)
        if state.uncertain and room is not None:
            state = _followed_after_all(zone, state, room, now)
        return state, ()
    says = _plug_contradicts(zone, state, room)
    if says is not None:
        return _after_plug_contradicted(zone, state, says, now), ()
    if room is None or zone.observe_only:
        return state, ()
    action = _room_contradicts(zone, state, room, now)
    if action is not None:
        return _after_room_contradicted(zone, state, action, room, now)
    if _rests_in_vain(zone, state, now):
        return _after_rest_in_vain(zone, state, now)
    return _once_more(zone, state, room, now), ()


def _without_old_doubt(zone: ZoneSettings, state: ZoneState) -> ZoneState:
    """Return the state of what a release before held against its room in vain.

    Nothing looks at that any more, so nothing would end it.
    """
    kept = state.evidence or NONE
    if zone.kind.own is None or kept.doubt is None or kept.doubt.by != "room":
        return state
    return undoubted(state) if kept.unanswered else certain(undoubted(state))


# --- the plug ----------------------------------------------------------------------------


def _plug_contradicts(
    zone: ZoneSettings, state: ZoneState, room: _Room | None
) -> Power | None:
    """Return what the plug has said for long against what is believed, None for nothing."""
    kept = state.evidence
    if kept is None or not zone.power_meter_device_id:
        return None
    says, since, at = kept.plug, kept.plug_since, kept.plug_at
    if since is None or at is None or state.power is Power.UNKNOWN:
        return None
    told = state.last_action_at
    if told is not None:
        since = max(since, told + timedelta(seconds=zone.confirm_within_seconds))
    if at - since < _PERSISTS:
        return None
    if says is Power.ON:
        return None if state.compressor_running else says
    if says is not Power.OFF or not state.compressor_running:
        return None
    if room is None or room.left <= 0.0:
        return says
    lost = 0.0 if kept.plug_from is None else -room.gained(kept.plug_from)
    return says if lost >= _LOST_KELVIN else None


def _heard_after_all(zone: ZoneSettings, state: ZoneState) -> ZoneState:
    """Return the state where the plug shows that an order arrived whose answer was lost."""
    kept = state.evidence or NONE
    said, at, heard_at = kept.said, kept.unanswered_at, kept.plug_at
    if said is None or at is None or heard_at is None or said is Action.FAN:
        return state
    wanted = Power.OFF if said is Action.OFF else Power.ON
    settles = timedelta(seconds=zone.confirm_within_seconds)
    if kept.plug is not wanted or heard_at - at < settles:
        return state
    return answered(command_taken(as_sent(state, zone, said, at)), heard_at)


def _after_plug_contradicted(
    zone: ZoneSettings, state: ZoneState, says: Power, now: datetime
) -> ZoneState:
    """Return the state that believes the plug.

    Where it had shown the unit at what it was told, somebody told it otherwise since, or
    it lost its power. Where it never had, the command went astray.
    """
    kept = state.evidence or NONE
    told, since = state.last_action_at, kept.plug_since or now
    if says is Power.ON and state.power is Power.ON:
        # Told to turn its fan, and its compressor runs.
        return unsure(doubted(state, "plug", Action.FAN, now))
    # Watts are no words of the device's: a relay with two channels says neither.
    found = after_shown(state, zone, {"power": str(says)}, since)
    found = started_by_somebody(found, zone, since)
    if kept.agreed_at is not None and (told is None or kept.agreed_at > told):
        return after_remote(found, zone, now, longest=_LONGEST_HOLD)
    return doubted(found, "plug", state.action or season_action(zone), now)


# --- the room ----------------------------------------------------------------------------


def _room_contradicts(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> Action | None:
    """Return what the unit was told and the room does not show, None for nothing."""
    kept = state.evidence or NONE
    wait = responds_seconds(zone, kept)
    told, changed = state.last_action_at, None
    if state.sensing is not None:
        changed = state.sensing.changed_at
    paused = zone.overlay is not None and zone.overlay.pause is not None
    if not wait or paused or told is None or changed is None:
        return None
    if kept.doubt is not None and (kept.doubt.next_at or now) > now:
        return None
    response = timedelta(seconds=wait)
    if changed <= told or now - changed > response:
        return None  # a meter that stands still shows nothing, of the unit neither
    if state.compressor_running:
        if _waits_for_its_boiler(zone, room, now):
            return None
        if room.help.since is not None:
            return _joined_in_vain(zone, state, room, now, room.help.since)
        return _not_followed(zone, state, room, now, response)
    if state.power is not Power.OFF or kept.plug is Power.OFF:
        return None
    return Action.OFF if _runs_on(zone, state, room, told, now) else None


def _waits_for_its_boiler(zone: ZoneSettings, room: _Room, now: datetime) -> bool:
    """Tell whether a valve was left open for a night in which nobody wants its heat.

    Its boiler rests at night as well; that the room cools then harms nobody, until it is
    about to freeze.
    """
    if zone.kind.cost != "valve" or _in_window(zone, now):
        return False
    return room.temperature > zone.frost_floor_celsius + _NEAR_FROST


def _in_window(zone: ZoneSettings, now: datetime) -> bool:
    return in_window(zone.time_windows, now, zone.timezone) is not None


def _runs_on(
    zone: ZoneSettings, state: ZoneState, room: _Room, told: datetime, now: datetime
) -> bool:
    """Tell whether a room goes on far beyond its band since its unit was `told` to rest."""
    kept = state.evidence or NONE
    stopped = max(told, state.compressor_stopped_at or told)
    if not room.help.alone(now) or now - stopped < _RESTED:
        return False
    if room.over < overrun_kelvin(kept, now) or _is_weather(zone, state, room, now):
        return False
    return _rises(kept, room, told, now)


def _is_weather(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> bool:
    """Tell whether the weather takes the room on, and its unit, which missed its stop, does not.

    Where it was seen to go back since, its unit rests; nor does one that works on take it
    far past what it was set to.
    """
    if room.over >= _WEATHER_KELVIN or not _goes_by_itself(zone, state, room, now):
        return False
    kept = state.evidence or NONE
    if (_gained(kept, room, now, _RISES_SECONDS) or 0.0) > _WEATHER_PACE:
        return False
    held = kept.held
    return has_rested(state) or (
        held is not None and room.gained(held) >= _HOLDS_KELVIN
    )


def _goes_by_itself(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> bool:
    """Tell whether the weather may take a room the way its unit would: by what is known of it
    outdoors, else by the clock.
    """
    outdoors = outdoor_of(state.surroundings, now)
    hour = now.astimezone(zone.timezone).hour
    if room.edges.heating:
        warm = outdoors is not None and outdoors >= room.temperature
        return warm or hour in SUNNY_HOURS
    if outdoors is not None:
        return outdoors < room.temperature
    return hour not in _WARM_HOURS


def _watched_back(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> ZoneState:
    """Return the state once its room went back while the unit was told to rest.

    Where it then goes on as no weather takes it at this hour, that shows no more: somebody
    may have turned the unit on, and by day the sun would be blamed for its work.
    """
    kept, stopped = state.evidence or NONE, state.compressor_stopped_at
    begin = stopped or state.last_action_at
    if state.power is not Power.OFF or state.uncertain or begin is None:
        return state
    if not room.help.alone(begin):
        return state
    if has_rested(state):
        by_itself = _goes_by_itself(zone, state, room, now)
        gained = _gained(kept, room, now, _RISES_SECONDS) or 0.0
        driven = gained > _WEATHER_PACE and not by_itself
        return went_back(state, None) if driven else state
    course = [each for each in kept.course if each[0] >= begin.timestamp()]
    lately = (now - _DEFROSTS_LONG).timestamp()
    back = [one for at, one in course if at >= lately]
    if len(back) < _WENT_BACK_SAMPLES:
        return state
    furthest = (max if room.edges.heating else min)(one for _at, one in course)
    most = max(_Room(room.edges, one).gained(furthest) for one in back)
    return went_back(state, now) if most <= -_WENT_BACK_KELVIN else state


def _rises(kept: Evidence, room: _Room, told: datetime, now: datetime) -> bool:
    """Tell whether a room that is too far gone goes further, since it was told OFF."""
    seconds = min(_RISES_SECONDS, (now - told).total_seconds())
    gained = _gained(kept, room, now, seconds)
    return gained is not None and gained >= _RISES_KELVIN


# --- a rest that is none -----------------------------------------------------------------


def _rested(
    zone: ZoneSettings, state: ZoneState, temperature: float, at: datetime
) -> ZoneState:
    """Return the state with what a new sample of the course shows of the unit's rest."""
    kept = state.evidence or NONE
    known, told = kept.resting, state.last_action_at
    rests = state.power is Power.OFF and not state.uncertain and told is not None
    edges = edges_of(zone) if rests and _is_watched(zone) else None
    if edges is None:
        return state if known is None else after_rest(state, known.over())
    assert told is not None  # noqa: S101 - `rests`, for the type checker
    resting = (known or Resting()).after(
        told.timestamp(),
        at.timestamp(),
        temperature,
        heating=edges.heating,
        worked=_while_it_worked(state),
    )
    return after_rest(state, resting.looked(_of_late(kept, at)))


def _while_it_worked(state: ZoneState) -> list[float]:
    """Return where the room was in the last hour of its unit's work, where all of it was seen.

    One that was still on its way there is not known to be held where it was.
    """
    started, stopped = state.compressor_started_at, state.compressor_stopped_at
    if started is None or stopped is None or stopped - started < 2 * _WORK_SEEN:
        return []
    until = stopped.timestamp()
    begin = until - _WORK_SEEN.total_seconds()
    course = (state.evidence or NONE).course
    if not course or course[0][0] > begin:
        return []
    return [one for at, one in course if begin <= at <= until]


def _is_watched(zone: ZoneSettings) -> bool:
    """Tell whether it is the room's course alone that shows how a unit rests."""
    paused = zone.overlay is not None and zone.overlay.pause is not None
    # What says itself what it does is asked; of several nobody knows which one it was.
    asks = zone.power_meter_device_id or zone.unit_readable
    several = zone.lead or len(zone.equipment) > 1
    if paused or asks or several or zone.observe_only:
        return False
    return zone.kind.can(Action.WINTER) or zone.kind.can(Action.SUMMER)


def _of_late(kept: Evidence, now: datetime) -> list[float]:
    begin = (now - _DEFROSTS_LONG).timestamp()
    return [one for at, one in kept.course if at >= begin]


def _rests_in_vain(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether a unit that was told OFF seems to hold the room all the same."""
    kept = state.evidence or NONE
    if kept.resting is None or not _may_tell_off(zone, state, now):
        return False
    return kept.resting.in_vain(_of_late(kept, now))


def _once_more(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> ZoneState:
    """Return the state that owes one OFF more where its room stays where its unit took it."""
    if not _stays_there(zone, state, room, now):
        return state
    resting = (state.evidence or NONE).resting or Resting()
    return off_again(after_rest(state, resting.tried()), zone, now, ROOM_STAYS)


def _stays_there(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> bool:
    """Tell whether a room stays where its unit took it for hours after that was told OFF.

    Of how such a room rests nothing need be known for that. It may be the sun, so nothing is
    doubted; but an infrared OFF that missed shows nowhere else, and once more is a beep.
    """
    kept, told = state.evidence or NONE, state.last_action_at
    rest = kept.resting.rest if kept.resting is not None else None
    if kept.resting is None or rest is None or told is None:
        return False
    if rest.heard or rest.tries >= _RESTS_TOLD:
        return False
    if kept.doubt is not None or state.power is not Power.OFF:
        return False
    changed = state.sensing.changed_at if state.sensing is not None else None
    if changed is None or changed <= told or not room.help.alone(now):
        return False  # a meter that stands still shows nothing
    past = room.over > 0.0 and not has_rested(state)
    waits = _TURNS_BACK if past else _TURNS_IN_BAND
    if _goes_by_itself(zone, state, room, now):
        waits *= _WEATHER_TURNS
    stands = timedelta(seconds=kept.resting.stands_for(now.timestamp()))
    since = now - told if past else min(now - told, stands)
    return since >= waits and _may_tell_off(zone, state, now)


def _may_tell_off(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether a unit that was told OFF may be told so once more, on no more than a hint."""
    if not responds_seconds(zone, state.evidence or NONE):
        return False
    if zone.buttons.get(Action.OFF):
        return False  # a learned key may turn on what is off
    if state.pending_repeat is not None:
        return False  # what was not told yet shows nothing
    if not may_repair(zone, state, now):
        return False
    quiet = zone.command_quiet_hours
    # Nobody is woken for a room that nobody misses.
    return quiet is None or in_window((quiet,), now, zone.timezone) is None


def _after_rest_in_vain(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> tuple[ZoneState, tuple[Command, ...]]:
    """Return the state that owes one OFF more; twice in vain it is the weather, or told of.

    The rule need not want anything of a room in its band, so nobody else would say it.
    """
    kept = state.evidence or NONE
    resting = kept.resting or Resting()
    tries = resting.rest.tries if resting.rest is not None else 0
    if resting.rest is not None and resting.rest.thin:
        # One or two days are little to go by: OFF once more, and no more made of it.
        if tries:
            return after_rest(state, resting.given_up()), ()
        state = after_rest(state, resting.tried())
        return off_again(state, zone, now, ROOM_STAYS), ()
    if tries < _RESTS_TOLD:
        state = doubted(state, "room", Action.OFF, now)
        state = after_rest(state, resting.tried())
        return off_again(state, zone, now, ROOM_STAYS), ()
    doubt = kept.doubt or Doubt("room", now, Action.OFF, tries)
    state = after_rest(
        doubted(state, "room", Action.OFF, now, told=True), resting.given_up()
    )
    code = ReasonCode.DEVICE_UNRESPONSIVE
    return state, (_told(zone, doubt, CommandStatus.FAILED, code),)


def _followed_after_all(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> ZoneState:
    """Return the state where the room shows that an order arrived whose answer was lost.

    It has to go the way of that order, fast and for longer than a defrost takes it.
    """
    kept = state.evidence or NONE
    said, at = kept.said, kept.asked_since
    within = _SHOWN_WITHIN_OFF if said is Action.OFF else _SHOWN_WITHIN
    if said is None or at is None or now - at > within:
        return state
    if said not in (Action.OFF, season_action(zone)):
        return state
    begin, settles = at.timestamp(), _SETTLES.total_seconds()
    if state.learned is not None:
        # What a late meter says until then is of before the order.
        settles += state.learned.lateness.seconds
    before = [one for when, one in kept.course if when <= begin]
    since = [one for when, one in kept.course if when >= begin + settles]
    if not before or len(since) < _SHOWN_SAMPLES:
        return state
    sign = 1.0 if _goes_up(state, said) else -1.0
    went = [sign * _Room(room.edges, one).gained(before[-1]) for one in since]
    if min(went) < _SHOWN_KELVIN:
        return state
    return _arrived(zone, state, said, at)


def _goes_up(state: ZoneState, said: Action) -> bool:
    """Tell whether an order asks for more of the unit's work than before."""
    if said is Action.OFF:
        return False
    kept, setting = state.evidence or NONE, state.setting
    asked = AirconSetting.parse(kept.asked)
    if not state.compressor_running or asked is None or setting is None:
        return True
    if asked.temperature is None or setting.temperature is None:
        return True
    more = asked.temperature - setting.temperature
    return (more if said is not Action.SUMMER else -more) >= 0.0


def _arrived(
    zone: ZoneSettings, state: ZoneState, said: Action, at: datetime
) -> ZoneState:
    """Return the state as if the order that went out at `at` had been answered."""
    asked = (state.evidence or NONE).asked
    started = state.compressor_started_at
    if state.compressor_running and started is not None and started < at:
        state = certain(state)  # another setpoint for a unit that ran is no start
    if asked is None:
        sent = as_sent(state, zone, said, at)
    else:
        rung = RungResult("command", ok=True, parameter=asked)
        sent = after_command(state, zone, said, rung, at=at, label="")
    return command_taken(heard_after_all(sent))


def _not_followed(
    zone: ZoneSettings,
    state: ZoneState,
    room: _Room,
    now: datetime,
    response: timedelta,
) -> Action | None:
    """Return what a unit that runs was told where the room does not follow."""
    kept, action = state.evidence or NONE, season_action(zone)
    told, started, ended = (
        state.last_action_at,
        state.compressor_started_at,
        room.help.ended,
    )
    idled = _idled_at(state, room)
    since = [at for at in (told, started, ended, idled) if at]
    if state.action is not action or now - max(since) < response or room.left > 0.0:
        return None
    if is_seen_to_heat(zone, state, now):
        return None
    if ended is not None and started is not None and started < ended:
        # What it held with another one it may not hold alone.
        return None
    gained = _gained(kept, room, now, response.total_seconds())
    if gained is None or gained >= _FOLLOWS_KELVIN:
        return None
    if not has_followed(state):
        return action
    # A room that its unit holds, if only below its band, goes nowhere; without it it
    # would lose what it had gained.
    most = _LOST_KELVIN if kept.doubt is None else _FOLLOWS_KELVIN
    return action if _lost(kept, room, now) >= most else None


def _idled_at(state: ZoneState, room: _Room) -> datetime | None:
    """Return when the room was last as far as its unit was set to take it, where that is known.

    A valve that closed there by itself takes as long to be felt again as after a start.
    """
    kept, setting = state.evidence or NONE, state.setting
    asked = None if setting is None else setting.temperature
    if asked is None:
        return None
    heating, learned = room.edges.heating, state.learned
    offset = learned.steering.offset(heating=heating) if learned is not None else None
    if offset is not None and offset > 0.0:
        # Beside it, it is that much further than in the room.
        asked -= offset if heating else -offset
    # A day's samples, at every look: only what lies at the edge is rounded.
    for at, one in reversed(kept.course):
        past = one - asked if heating else asked - one
        if past >= 0.0 or (past > -_ROUNDED and round(past, 6) >= 0.0):
            return datetime.fromtimestamp(at, UTC)
    return None


def _joined_in_vain(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime, since: datetime
) -> Action | None:
    """Return what a unit was told that another one had to join at `since`, where its room
    had gone nowhere until then. Afterwards nobody knows whose warmth it is.
    """
    kept, action = state.evidence or NONE, season_action(zone)
    begin, stopped = state.compressor_started_at, room.help.stopped
    if begin is None or state.action is not action or kept.doubt is not None:
        return None
    if has_followed(state) or now - since > _JUDGED_WITHIN:
        return None
    if stopped is not None and begin - stopped < _HELD_BY_TWO:
        return None  # what it held with another one it may not hold alone
    alone = (since - begin).total_seconds()
    if alone < max(_ALONE_SECONDS, kept.responds or 0.0):
        return None
    course = [
        one for at, one in kept.course if begin.timestamp() <= at <= since.timestamp()
    ]
    begun = begin + SAMPLED
    if len(course) < _ALONE_SAMPLES or kept.course[0][0] > begun.timestamp():
        return None  # nor where nobody remembers how it was before
    then = _Room(room.edges, course[-1])
    # One that is too weak holds up what it cannot warm.
    lost, gained = -then.gained(course[0]), max(then.gained(one) for one in course)
    fell = lost >= _LOST_KELVIN and gained < _FOLLOWS_KELVIN
    return action if fell and then.left <= 0.0 else None


def _lost(kept: Evidence, room: _Room, now: datetime) -> float:
    """Return by how many kelvin the room is off its best, for a quarter of an hour now.

    A defrost takes it away for some minutes, and gives it back. 0.0 where it was not
    watched for as long, or is on its way back.
    """
    begin = (now - _DEFROSTS).timestamp()
    lately = [each for each in kept.course if each[0] >= begin]
    best = kept.best
    if best is None or len(lately) < _DEFROST_SAMPLES:
        return 0.0
    if lately[0][0] > (now - _DEFROST_WATCHED).timestamp():
        return 0.0
    edges = room.edges
    lost = [-_Room(edges, one).gained(best) for _at, one in lately]
    now_lost = -room.gained(best)
    return 0.0 if now_lost < max(lost) else min(now_lost, *lost)


def _gained(kept: Evidence, room: _Room, now: datetime, seconds: float) -> float | None:
    """Return by how many kelvin the room went the unit's way since its least of late.

    None where it was not watched for as long.
    """
    begin = now.timestamp() - seconds
    lately = [one for at, one in kept.course if at >= begin]
    if not lately or kept.course[0][0] > begin + seconds / 4.0:
        return None
    return max(room.gained(one) for one in lately)


def _gained_since(kept: Evidence, room: _Room, since: datetime) -> float:
    lately = [one for at, one in kept.course if at >= since.timestamp() - 1.0]
    return max((room.gained(one) for one in lately), default=0.0)


def _after_room_contradicted(
    zone: ZoneSettings,
    state: ZoneState,
    action: Action,
    room: _Room,
    now: datetime,
) -> tuple[ZoneState, tuple[Command, ...]]:
    state = doubted(state, "room", action, now)
    doubt = (state.evidence or NONE).doubt
    if doubt is None:
        return state, ()
    commands: tuple[Command, ...] = ()
    if doubt.tries >= _NOTICE_AFTER.get(action, 1) and not doubt.told:
        state = doubted(state, "room", action, now, told=True)
        code = ReasonCode.DEVICE_UNRESPONSIVE
        commands = (_told(zone, doubt, CommandStatus.FAILED, code),)
    if doubt.tries and action is Action.OFF:
        state = overran(state, _beyond_reach(room), now)
    if repair_waits_until(state, action, now, span=repair_span(zone)) is None:
        state = unsure(state)
    return state, commands


def _beyond_reach(room: _Room) -> float:
    """Return how far past its band a room may go that goes so far by itself.

    A clear day brings half as much again as one with haze.
    """
    return round(room.over * _CLEAR_DAY + _USELESS_KELVIN, 2)


def _goes_on(state: ZoneState, room: _Room, now: datetime) -> ZoneState:
    """Return the state while a resting room goes on by itself: not by another's warmth."""
    alone = room.help.alone(now)
    return overruns(state, _beyond_reach(room), now) if alone else state


def _learned(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> ZoneState:
    """Return the state with how long the room took to follow what the unit was told."""
    kept, told = state.evidence or NONE, state.last_action_at
    if told is None or not state.compressor_running or not room.help.alone(now):
        return state
    if state.action is not season_action(zone):
        return state
    told = max(told, room.help.ended or told)
    if kept.best is None or room.gained(kept.best) > 0.0:
        state = came_as_far_as(state, room.temperature)
    if kept.room_at is not None and kept.room_at >= told:
        return state
    if _gained_since(kept, room, told) < _FOLLOWS_KELVIN:
        return state
    seconds = None
    if state.compressor_started_at == told:
        seconds = (now - told).total_seconds()
    return followed(state, seconds, now)


# --- the end of a doubt ------------------------------------------------------------------


def _settled(
    zone: ZoneSettings,
    state: ZoneState,
    doubt: Doubt,
    room: _Room | None,
    now: datetime,
) -> bool:
    """Tell whether what was in doubt was shown since, or is no question any more."""
    kept, told = state.evidence or NONE, state.last_action_at
    fits = state.action is doubt.action and told is not None
    if doubt.by == "room":
        return _room_settled(state, doubt, room, now)
    if doubt.by == "plug":
        if not zone.power_meter_device_id:
            return True
        wanted = Power.OFF if doubt.action is Action.OFF else Power.ON
        heard = kept.plug_at is not None and told is not None and kept.plug_at > told
        if fits and heard and kept.plug is wanted:
            return True
        return kept.plug is state.power and now - (told or doubt.since) > _FORGOTTEN
    # That it was looked at shows nothing: while it was given up its word did not count.
    if fits and kept.agreed_at is not None and told is not None:
        return kept.agreed_at > told and not state.uncertain
    return not fits and now - (told or doubt.since) > _FORGOTTEN


def _room_settled(
    state: ZoneState, doubt: Doubt, room: _Room | None, now: datetime
) -> bool:
    kept, told = state.evidence or NONE, state.last_action_at or doubt.since
    if room is None or doubt.action is not state.action:
        return doubt.action is not state.action
    if not room.help.alone(now):
        return False  # another one's warmth settles nothing
    waits = doubt.next_at is not None and now < doubt.next_at
    if doubt.action is Action.OFF:
        rest = kept.resting.rest if kept.resting is not None else None
        if rest is not None and rest.tries:
            return False  # the next hours show it
        if room.over < overrun_kelvin(kept, now):
            return True
        return not waits and not _rises(kept, room, told, now)
    if room.left > 0.0:
        return True
    if not doubt.tries:
        return False
    if _gained_since(kept, room, told) >= _FOLLOWS_KELVIN:
        return True
    lost = 0.0 if kept.best is None else -room.gained(kept.best)
    held = not waits and now - told >= _HELD_FOR
    return held and has_followed(state) and lost < _FOLLOWS_KELVIN


def _back_again(state: ZoneState, room: _Room) -> ZoneState:
    """Return the state where its room came back after its unit was told again."""
    undoubted_now = (state.evidence or NONE).doubt is None
    return mended(state) if room.left > 0.0 and undoubted_now else state


def _helped_by_telling(
    state: ZoneState, doubt: Doubt, room: _Room | None, now: datetime
) -> ZoneState:
    return mending(state, now) if _helps(state, doubt, room) else state


def _helps(state: ZoneState, doubt: Doubt, room: _Room | None) -> bool:
    """Tell whether the room shows that it helped to tell the unit again."""
    told, kept = state.last_action_at, state.evidence or NONE
    if doubt.by != "room" or room is None or told is None or not doubt.tries:
        return False
    if kept.plug is Power.ON and doubt.action is not Action.OFF:
        return False  # it worked all the time
    if doubt.action is not state.action or not room.help.alone(told):
        return False
    if doubt.action is Action.OFF:
        return room.over < overrun_kelvin(NONE, told)
    # What thaws itself was on its way back when it was told.
    course, at = kept.course, told.timestamp()
    before = [one for when, one in course if when < at][-1:]
    since = [one for when, one in course if when >= at]
    if not before or not since:
        return False
    return (
        max(_Room(room.edges, before[0]).gained(one) for one in since)
        >= _GOES_ON_KELVIN
    )


# --- a radiator that stays warm -----------------------------------------------------------


def _beside_radiator(
    zone: ZoneSettings, state: ZoneState, room: _Room, now: datetime
) -> ZoneState:
    """Return the state once a radiator's warmth kept its room from cooling, or did not."""
    if room.over <= 0.0:
        return warm_for_nothing(state, now)
    if zone.observe_only:
        return state
    owes = state.pending_repeat is not None or not may_repair(zone, state, now)
    if not owes and _is_warm(state, now):
        return warm_again(off_again(state, zone, now, RADIATOR_WARM), now)
    return state


def _is_warm(state: ZoneState, now: datetime) -> bool:
    """Tell whether a radiator is to be told to close once more."""
    warmth = (state.evidence or NONE).warmth
    if warmth is None or state.power is not Power.OFF or is_told_warm(state, now):
        return False
    return now - warmth.since >= _WARM_AGAIN


def _told(
    zone: ZoneSettings, doubt: Doubt, status: CommandStatus, code: ReasonCode
) -> Command:
    since = doubt.since
    detail = {"attempts": doubt.tries + 1, "since": since.isoformat(), "by": doubt.by}
    return Command(
        id="",
        zone=zone.name,
        action=doubt.action,
        status=status,
        reasons=(Reason(code, detail),),
        sent_at=since,
    )
