"""Is the room kept, and if not, why, and what can a person do? Pure.

That meters answer and commands are taken says nothing of the room. So the room itself is
watched: since when it is out of its band, whether it comes nearer, how long it took to
come back so far. What cannot be seen is `blind`, not fine. The only writer of `keeping`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast

from switchbot_automation.core.control.air import too_wet, wanted_of
from switchbot_automation.core.control.band import (
    as_asked,
    asked_the_most,
    edges_of,
    spent,
)
from switchbot_automation.core.pace import is_stale, too_old
from switchbot_automation.core.protect.limits import kept_out_by
from switchbot_automation.core.protect.stages import locked_out, outdoor_unknown
from switchbot_automation.core.protect.wear import (
    dries_further,
    starts_of_a_day,
    worn_since,
)
from switchbot_automation.core.state.around import OUTDOOR_LASTS, outdoor_of
from switchbot_automation.core.state.back import expected_back
from switchbot_automation.core.state.evidence import (
    NONE,
    cold_for,
    defies,
    runs_since,
    stays_warm,
    undone_since,
    unit_belief,
)
from switchbot_automation.core.state.meter import (
    TOO_OLD,
    UNREACHED,
    doubts_of_meters,
    stands_through_turns,
    unreached_by,
)
from switchbot_automation.core.state.refusals import READ, is_for_good
from switchbot_automation.core.state.unit import season_action
from switchbot_automation.core.state.zone import (
    KEPT_RECOVERIES,
    Excursion,
    Keeping,
    Notice,
    Share,
)
from switchbot_automation.model import Action, Power, ReasonCode
from switchbot_automation.schedule.windows import in_window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from switchbot_automation.core.control.air import Want
    from switchbot_automation.core.control.band import Edges
    from switchbot_automation.core.state.zone import Evidence, Refusal, ZoneState
    from switchbot_automation.settings.model import ZoneSettings

Status: TypeAlias = Literal[
    "kept", "recovering", "not_kept", "blind", "paused", "off", "unknown"
]
STATUSES: tuple[Status, ...] = (
    "kept",
    "recovering",
    "not_kept",
    "blind",
    "paused",
    "off",
    "unknown",
)

OF_THE_HOME = frozenset(
    {
        ReasonCode.CLOUD_UNREACHABLE,
        ReasonCode.TOKEN_REFUSED,
        ReasonCode.CLOCK_REFUSED,
        ReasonCode.QUOTA_RESERVE,
    }
)
"""What is the matter with all rooms of a home alike, so that one word is enough."""

NOTHING = Keeping()

# A room goes a little past the threshold before its unit is felt; one that goes past the
# other end, where the unit is off, more so.
_SLACK_KELVIN, _FAR_SLACK_KELVIN = 0.3, 0.5
# So far from where it turned a room has moved: twice a meter's step.
_MOVES_KELVIN = 0.2
# A unit that runs is felt within this: its start, a defrost, a heavy house.
_STALLS = timedelta(minutes=50)
# What a lag, a hysteresis and a unit's own thermometer cost is no emergency: it is told
# once it lasts.
_LITTLE_KELVIN, _LITTLE_LASTS = 0.7, timedelta(hours=6)
# One that was found lost is not on its way back for a single swing.
_FOUND_KELVIN = 0.5
# It has to be warmer than ever in the hour before the last, at a pace that brings it back.
_FOUND_BACK_IN = 8.0
_AN_HOUR = timedelta(hours=1)
# So long after its start nothing is felt of a unit yet: its fan, its valve, its water.
_FELT_AFTER = timedelta(minutes=20)
# What the weather takes in an hour from a room whose unit gives all it has is less.
_FELL_KELVIN, _FELL_AFTER = 1.5, _FELT_AFTER
_FELL_LATELY = timedelta(minutes=50)
# Where nothing comparable is known: a cold house after a holiday takes its time.
_HOURS, _HOURS_A_KELVIN = 3.0, 1.0
_SHORTEST, _LONGEST = timedelta(hours=2), timedelta(hours=12)
_OF_HISTORY, _BESIDE_HISTORY = 1.5, timedelta(minutes=30)
# So far has air to come nearer to what is wanted, twice a meter's step, within so long; the
# tank of a humidifier or dehumidifier is empty, or full, else.
_AIR_MOVES = {
    ReasonCode.HUMIDITY_BELOW: 2.0,
    ReasonCode.HUMIDITY_ABOVE: 2.0,
    ReasonCode.MOULD_RISK: 2.0,
    ReasonCode.DEW_POINT_ABOVE: 0.5,
    ReasonCode.CO2_ABOVE: 75.0,
}
_AIR_STALLS = timedelta(minutes=90)
# Nor does air follow that only goes to and fro: so little of its way in so long.
_AIR_LONG, _AIR_LEFT = timedelta(hours=12), 0.75
# From here on too much of what the unit gives is no swing.
_FAR_KELVIN = 1.0
# What was found lost is degraded until it is back, by its unit or, past the far end of its
# band where a unit at rest does nothing, by itself.
_NOT_YET_BACK = (ReasonCode.ROOM_OUT_OF_BAND, ReasonCode.ROOM_BEYOND_REACH)
# So much of the last day out of its bounds is not kept, so little is again; between two
# looks that are further apart nobody knows. What is longer is no swing, and judged alone.
_MUCH, _MUCH_NO_MORE, _NO_SHARE = 0.25, 0.1, 0.01
_A_DAY, _LOOKS_APART, _SWINGS_FOR = (
    timedelta(days=1),
    timedelta(minutes=30),
    timedelta(hours=1),
)
# Where a unit worked so lately, what goes past the far end of a band is its doing.
_WORKED_LATELY = timedelta(minutes=30)
# A pause so long starts the room anew.
_LONG_PAUSE = timedelta(hours=1)
# Nobody airs for so long; or not while the room gets that far away for that long.
_PAUSE_ENDS = timedelta(hours=12)
_PAUSE_COSTS = ((_LONG_PAUSE, 3.0), (timedelta(hours=4), 1.0))
# An answer without a temperature happens; three quarters of the meters' hiccups are over.
_BLIND_COUNTS = timedelta(minutes=10)
# So long one of several meters has to be in doubt.
_DOUBT_COUNTS = timedelta(minutes=10)
# A value may stand still for an hour after the unit was stopped for it.
_STILL_COUNTS = timedelta(hours=1)
_UNSURE_COUNTS = timedelta(hours=1)
_FAILS, _FAILS_FOR = 2, timedelta(minutes=10)
# What is not wanted any more since it failed says nothing of today: where nobody answered, soon;
# where the cloud said no for a while, as by too many calls at once or a hub that is offline,
# after a day. What it refuses for good stands until it is taken, or forgotten.
_FAILED_LASTS, _SAID_NO_LASTS = timedelta(hours=3), timedelta(days=1)
# An end that lasts is one.
_WELL_FOR = timedelta(minutes=10)
# Words for a room that its unit does not bring back: a defrost, an airing, one reading, a
# boiler that is back or a warmer hour turns the one into the other, told once it lasts.
_DOES_NOT_COME_BACK = frozenset(
    {
        ReasonCode.UNIT_AT_CAPACITY,
        ReasonCode.SET_ELSEWHERE,
        ReasonCode.ROOM_DOES_NOT_FOLLOW,
        ReasonCode.ROOM_SWINGS,
        ReasonCode.BELIEF_CONTRADICTED,
        ReasonCode.OUTDOOR_TOO_COLD,
    }
)
_TURNED_FOR = timedelta(minutes=20)
# What a unit, its plug or its room does again and again comes and goes by the hour, or each
# night: where it was back within so long of its end, the next end has to last as long.
_COMES_BACK = _DOES_NOT_COME_BACK | {
    ReasonCode.BELIEF_UNCERTAIN,
    ReasonCode.DEVICE_UNRESPONSIVE,
    ReasonCode.HEATER_DRAWS_NOTHING,
    ReasonCode.PLUG_MISREADS,
    ReasonCode.RADIATOR_STAYS_COLD,
    ReasonCode.RADIATOR_STAYS_WARM,
    ReasonCode.SETPOINT_AT_LIMIT,
    ReasonCode.UNIT_KEPT_OFF,
    ReasonCode.UNIT_RUNS_ON,
    ReasonCode.UNIT_SET_OTHERWISE,
}
_BACK_WITHIN = timedelta(hours=26)
# A radiator is felt within this, with warm water in it.
_COLD_COUNTS = timedelta(minutes=45)
# What a heater's own thermostat does to a room in so many hours, it goes on doing.
_IDLES_LATELY = timedelta(hours=6)
# What was right a few times need not be.
_RIGHT_FOR = timedelta(hours=6)
# A plug that was right, or a heater that drew, may not do so for long.
_SHOWN_FOR_LONG = (
    ReasonCode.PLUG_MISREADS,
    ReasonCode.HEATER_DRAWS_NOTHING,
)
# Of a unit that shows no effect these say the same in other words.
_OF_NO_EFFECT = frozenset(
    {
        ReasonCode.BELIEF_CONTRADICTED,
        ReasonCode.BELIEF_UNCERTAIN,
        ReasonCode.ROOM_DOES_NOT_FOLLOW,
    }
)
_SAME = {
    ReasonCode.DEVICE_UNRESPONSIVE: _OF_NO_EFFECT | {ReasonCode.RADIATOR_STAYS_COLD},
    ReasonCode.HEATER_DRAWS_NOTHING: _OF_NO_EFFECT
    | {
        ReasonCode.DEVICE_UNRESPONSIVE,
        ReasonCode.ROOM_OUT_OF_BAND,
        ReasonCode.ROOM_SWINGS,
        ReasonCode.UNIT_AT_CAPACITY,
        ReasonCode.UNIT_KEPT_OFF,
    },
}
_SAME[ReasonCode.RADIATOR_STAYS_COLD] = _SAME[ReasonCode.HEATER_DRAWS_NOTHING] | {
    ReasonCode.SETPOINT_AT_LIMIT
}
_LONGEST_ERROR = 300
# Why a meter that answers again may not start a unit yet; what it says of the room is seen.
_SILENT_BEFORE = frozenset(
    {
        None,
        ReasonCode.SENSOR_STALE_NO_NEW_START,
        ReasonCode.SENSOR_STALE_CONSERVATIVE,
        ReasonCode.SENSOR_STALE_OFF,
    }
)


def is_told(state: ZoneState, kind: ReasonCode) -> bool:
    """Tell whether a person was told of that in a zone, and not yet that it is over."""
    keeping = state.keeping
    return keeping is not None and any(each.kind is kind for each in keeping.told)


class RoomHealth(NamedTuple):
    """Whether a room is kept.

    `since` is from when on it is so, an aware UTC instant, None where nobody knows.
    `reasons` say why, the cause first. `advice` is the one of them that a person should
    do something about, None while there is none; `cause` is what was said of it, as an
    error of the cloud.
    """

    status: Status
    since: datetime | None = None
    reasons: tuple[ReasonCode, ...] = ()
    advice: ReasonCode | None = None
    cause: str | None = None
    expected_back: datetime | None = None

    @property
    def degraded(self) -> bool:
        """Whether a person should look at it."""
        return self.advice is not None


def room_health(zone: ZoneSettings, state: ZoneState, now: datetime) -> RoomHealth:
    """Return whether the room is kept at `now`.

    `zone` are its settings in force, with the season and what lies over them.
    """
    code = _stays_well(zone, state, now)
    if code is None:
        return thorough_health(zone, state, now)
    # So it is with nearly every room that is looked at.
    keeping = state.keeping or NOTHING
    return RoomHealth(cast("Status", keeping.status), keeping.since, (code,))


def thorough_health(zone: ZoneSettings, state: ZoneState, now: datetime) -> RoomHealth:
    """Return what `room_health` does, whatever there is to be seen."""
    keeping, facts = state.keeping or NOTHING, _facts(zone, state, now)
    found = _standing(zone, state, keeping, facts, now)
    if not zone.automation_enabled:
        return found
    troubles = _troubles(zone, state, keeping, found, facts=facts, now=now)
    if not troubles:
        return found
    first = troubles[0]
    reasons = tuple(dict.fromkeys((*troubles, *found.reasons)))
    return found._replace(
        reasons=reasons, advice=first, cause=_cause(zone, state, keeping, first, now)
    )


_OF_COMMANDS = frozenset(
    {
        ReasonCode.COMMANDS_FAIL,
        ReasonCode.DEVICE_NOT_FOUND,
        ReasonCode.COMMAND_REFUSED,
        ReasonCode.VALUE_REFUSED,
    }
)


# --- what others know ------------------------------------------------------------------


class _Unit(NamedTuple):
    """What is needed here of what a unit is believed to do.

    `unsure`: it may do something else than it is believed to; `contradicted`: something
    shows that. `shown`: something shows that it does it.
    """

    unsure: bool
    contradicted: bool
    shown: bool


class _Facts(NamedTuple):
    """What of a zone at one instant several questions here hang on, found once.

    `idle`: why nobody keeps the room; `silent`: why its temperature counts no more;
    `limit`: which of the settings' own limits keeps the room where it is.
    """

    idle: tuple[Status, ReasonCode] | None
    silent: ReasonCode | None
    unit: _Unit
    edges: Edges | None
    limit: ReasonCode | None
    runs: bool


def _facts(zone: ZoneSettings, state: ZoneState, now: datetime) -> _Facts:
    idle, air = _left_alone(zone, state, now), keeps_air(zone)
    silent, belief = _silent(zone, state, now), unit_belief(zone, state, now)
    # One of which nothing was ever known is no doubt: it may never have been needed.
    contradicted = belief.contradicted_by is not None
    unsure = contradicted or (belief.uncertain and belief.power is not Power.UNKNOWN)
    shown = belief.source in ("plug", "seen", "room") and not unsure
    shown = shown or (spent(zone, state) and not contradicted)
    # A room that nobody keeps has no band, nor has what keeps but its air.
    edges = edges_of(as_asked(zone)) if idle is None and not air else None
    limit, temperature = None, state.last_temperature
    if edges is not None and edges.heating and temperature is not None:
        low, high = min(edges.on, edges.off), max(edges.on, edges.off)
        limit = kept_out_by(zone, temperature, low=low, high=high)
    return _Facts(
        idle,
        silent,
        _Unit(unsure or state.uncertain, contradicted, shown),
        edges,
        limit,
        state.compressor_running,
    )


def _refused(state: ZoneState) -> Refusal | None:
    """Return what the cloud refuses the unit for good, None where commands are taken."""
    if not state.commands_failed:
        return None
    found = [
        each for each in state.refusals if each.way.rung != READ and is_for_good(each)
    ]
    return max(found, key=lambda each: each.at, default=None)


# --- the verdict -----------------------------------------------------------------------


def _standing(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    facts: _Facts,
    now: datetime,
) -> RoomHealth:
    """Return how the room stands, whether or not there is anything to be done."""
    idle, edges = facts.idle, facts.edges
    if idle is not None:
        status, code = idle
        if status != "paused":
            return _as(keeping, status, (code,), now)
        return RoomHealth(status, _paused_since(zone, state, keeping), (code,))
    if not zone.meters:
        return _as(keeping, "unknown", (ReasonCode.NO_METER,), now)
    if keeps_air(zone):
        return _air_standing(zone, state, keeping, facts, now)
    if edges is None or zone.mode not in ("winter", "summer"):
        code = ReasonCode.PROFILE_MISSING if edges is None else ReasonCode.MODE_UNKNOWN
        return _as(keeping, "unknown", (code,), now)
    if keeping.since is None and state.sensing is None:
        return RoomHealth("unknown", None, (ReasonCode.NO_READING,))
    why = keeping.blind_why or facts.silent
    if why is not None:
        since = keeping.blind_since or _last_good(state) or now
        return RoomHealth("blind", since, (why,))
    out = keeping.excursion
    if out is None and keeping.status != "kept":
        # Nobody has looked since the room was left alone, and it may be far away by now.
        out = _excursion(zone, state, keeping, facts, now)
    found = _as(keeping, "kept", (ReasonCode.WITHIN_BAND,), now)
    if out is not None:
        found = _of_excursion(zone, state, out, facts, now)
    return _of_shares(zone, state, keeping, found, now)


def _of_shares(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    found: RoomHealth,
    now: datetime,
) -> RoomHealth:
    """Return how a room stands that is not kept for much of the day, though it may be now."""
    swings, air = keeping.swings, keeping.air
    if found.status == "not_kept":
        return found
    if swings is not None and swings.much:
        return RoomHealth(
            "not_kept",
            swings.since,
            (ReasonCode.ROOM_OUT_OF_BAND, ReasonCode.ROOM_SWINGS),
        )
    if air is not None and air.much:
        want = _air_past_by(zone, state, now)
        said = (want[0].reason.code,) if want is not None else found.reasons
        codes = (*said, ReasonCode.AIR_BEYOND_UNIT)
        return RoomHealth("not_kept", air.since, codes)
    return found


def keeps_air(zone: ZoneSettings) -> bool:
    """Tell whether a unit is there for the humidity or the freshness of its room's air."""
    if zone.kind.own in (Action.DRY, Action.HUMIDIFY):
        return zone.humidity is not None
    return zone.kind.own in (Action.VENTILATE, Action.PURIFY) and zone.air is not None


def _air_wanted(zone: ZoneSettings, state: ZoneState, now: datetime) -> Want | None:
    """Return what is wanted of the air as it was read last, None where it was not."""
    temperature = state.last_temperature
    if temperature is None:
        return None
    outdoor = outdoor_of(state.surroundings, now)
    percent, co2 = state.last_humidity, state.last_co2
    further = dries_further(zone, state, now)
    return wanted_of(zone, temperature, percent, co2, outdoor, further=further)


def _air_standing(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    facts: _Facts,
    now: datetime,
) -> RoomHealth:
    """Return how the air stands that a unit is there for."""
    if keeping.since is None and state.sensing is None:
        return RoomHealth("unknown", None, (ReasonCode.NO_READING,))
    why = keeping.blind_why or facts.silent
    if why is not None:
        since = keeping.blind_since or _last_good(state) or now
        return RoomHealth("blind", since, (why,))
    want = _air_wanted(zone, state, now)
    if want is None:
        return RoomHealth("unknown", None, (ReasonCode.NO_READING,))
    code, out = want.reason.code, keeping.excursion
    if code in (ReasonCode.HUMIDITY_UNKNOWN, ReasonCode.CO2_UNKNOWN):
        return RoomHealth("unknown", None, (code,))
    hindered = state.evidence.hindered if state.evidence else None
    if hindered is not None and want.works:
        # It says itself why it does nothing; nobody has to watch the air for that.
        return _as(keeping, "not_kept", (code, hindered), now)
    if out is None:
        kept = _as(keeping, "kept", (code,), now)
        return _of_shares(zone, state, keeping, kept, now)
    if out.lost is None:
        comes = RoomHealth("recovering", out.since, (code,))
        return _of_shares(zone, state, keeping, comes, now)
    return RoomHealth("not_kept", out.since, (code, ReasonCode.AIR_DOES_NOT_FOLLOW))


def _as(
    keeping: Keeping, status: Status, reasons: tuple[ReasonCode, ...], now: datetime
) -> RoomHealth:
    since = keeping.since if keeping.status == status else now
    return RoomHealth(status, since, reasons)


def _left_alone(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> tuple[Status, ReasonCode] | None:
    """Return why nobody keeps the room now, None where it is to be kept."""
    if not zone.automation_enabled:
        return "off", ReasonCode.AUTOMATION_DISABLED
    if zone.observe_only:
        return "off", ReasonCode.OBSERVE_ONLY
    if (zone.lead and not keeps_air(zone)) or zone.without_unit:
        # Whether the room is kept its first unit tells.
        return "off", ReasonCode.STAGE_WAITS
    if zone.equipment and not zone.is_made_to(season_action(zone)):
        # A heater has no summer.
        return "off", ReasonCode.STAGE_CANNOT
    if in_window(zone.time_windows, now, zone.timezone) is None:
        windows = bool(zone.time_windows)
        return "off", ReasonCode.OUTSIDE_WINDOWS if windows else ReasonCode.NO_WINDOWS
    if state.hold_until is not None and now < state.hold_until:
        return "paused", ReasonCode.HOLD_MANUAL
    overlay = zone.overlay
    if overlay is None:
        return None
    if overlay.pause is not None:
        return "paused", overlay.pause.code
    # No more than frost is kept off.
    long = overlay.paused_since is not None
    return ("paused", ReasonCode.OPENING_TOO_LONG) if long else None


def _paused_since(
    zone: ZoneSettings, state: ZoneState, keeping: Keeping
) -> datetime | None:
    overlay = zone.overlay
    if overlay is not None and overlay.paused_since is not None:
        return overlay.paused_since
    return state.manual_action_at or keeping.since


def _silent(zone: ZoneSettings, state: ZoneState, now: datetime) -> ReasonCode | None:
    """Return why the last temperature counts no more, None while it counts."""
    if not is_stale(zone, state, now):
        return None
    old = not state.last_temperature_stale or (
        state.last_temperature_stale_reason == TOO_OLD
    )
    return ReasonCode.READING_TOO_OLD if old else unreached_by(state)


def _last_good(state: ZoneState) -> datetime | None:
    record = state.sensing
    return None if record is None else record.good_at or record.since


def _of_excursion(
    zone: ZoneSettings, state: ZoneState, out: Excursion, facts: _Facts, now: datetime
) -> RoomHealth:
    near = facts.edges is None or out.low is facts.edges.heating
    codes, unit = [ReasonCode.ROOM_OUT_OF_BAND], facts.unit
    limit = facts.limit
    if limit is not None and out.low is (limit is ReasonCode.HEAT_CEILING):
        return RoomHealth("not_kept", out.since, (*codes, limit))
    if not near and not facts.runs:
        # The sun, people or the night did it, which nothing here can undo.
        return _recovering(state, out, ReasonCode.ROOM_BEYOND_REACH, facts, now)
    comes = out.lost is None or _has_just_begun(state, now)
    if comes or _comes_back(state, out, facts, now):
        return _recovering(state, out, ReasonCode.ROOM_OUT_OF_BAND, facts, now)
    if not facts.runs:
        locked = locked_out(zone, state, now) if out.low else None
        codes.append(locked.code if locked else ReasonCode.UNIT_KEPT_OFF)
    elif near and not unit.unsure and asked_the_most(zone, state):
        codes.append(ReasonCode.SETPOINT_AT_LIMIT)
    elif near and unit.shown and out.fell < _FELL_KELVIN:
        at_most = ReasonCode.UNIT_AT_CAPACITY
        codes.append(ReasonCode.SET_ELSEWHERE if zone.is_set_elsewhere else at_most)
    else:
        codes.append(ReasonCode.ROOM_DOES_NOT_FOLLOW)
    return RoomHealth("not_kept", out.since, tuple(codes))


def _recovering(
    state: ZoneState, out: Excursion, code: ReasonCode, facts: _Facts, now: datetime
) -> RoomHealth:
    """Return how a room stands that is on its way back, with when it may be there."""
    found, temperature = RoomHealth("recovering", out.since, (code,)), None
    beyond, keeping = None, state.keeping or NOTHING
    if facts.edges is not None and state.last_temperature is not None:
        temperature = state.last_temperature
        beyond = _beyond(facts.edges, temperature)
    if temperature is None or beyond is None or beyond[0] is not out.low:
        return found
    known = keeping.warmed if out.low else keeping.cooled
    course = (state.evidence or NONE).course
    back = expected_back(out, beyond[1], temperature, course, known=known, now=now)
    return found._replace(expected_back=back)


def _has_just_begun(state: ZoneState, now: datetime) -> bool:
    """Tell whether a unit runs for too short a time to say that its room does not follow."""
    since = runs_since(state)
    return since is not None and now - since < _FELT_AFTER


def _comes_back(state: ZoneState, out: Excursion, facts: _Facts, now: datetime) -> bool:
    """Tell whether a room that was found lost gains on its band at a pace that will do."""
    temperature, seen = state.last_temperature, state.evidence
    if temperature is None or facts.edges is None or not facts.runs:
        return False
    beyond = _beyond(facts.edges, temperature)
    if beyond is None or not _an_hour_ago(seen, now):
        return False
    return not _swings(out, temperature, beyond[1], now, seen)


def _is_lost(
    out: Excursion,
    kelvin: float,
    keeping: Keeping,
    edges: Edges,
    *,
    runs: bool,
    now: datetime,
) -> bool:
    """Tell whether a room does not come back, or not in the time that it needs."""
    near, lasts = out.low is edges.heating, now - out.since
    if not near and not runs:
        return False
    late = lasts > allowed(keeping, out.furthest, low=out.low)
    if kelvin < (_LITTLE_KELVIN if near else _FAR_KELVIN):
        return near and late and lasts >= _LITTLE_LASTS
    return late or (near and now - out.moved_at >= _STALLS)


def allowed(keeping: Keeping, kelvin: float, *, low: bool) -> timedelta:
    """Return how long a room may take to come back from `kelvin` beyond its band.

    By the slowest of its recoveries from at least half as far; where there is none, by
    what a heavy house may need.
    """
    known = keeping.warmed if low else keeping.cooled
    times = [
        seconds * max(1.0, kelvin / far)
        for far, seconds in known
        if far > 0.0 and far >= kelvin / 2
    ]
    if times:
        wanted = timedelta(seconds=min(max(times), 1e6) * _OF_HISTORY)
        wanted += _BESIDE_HISTORY
    else:
        wanted = timedelta(hours=_HOURS + _HOURS_A_KELVIN * min(kelvin, 100.0))
    return min(max(wanted, _SHORTEST), _LONGEST)


def _troubles(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    found: RoomHealth,
    *,
    facts: _Facts,
    now: datetime,
) -> list[ReasonCode]:
    """Return what a person should look at, the cause before what comes of it."""
    codes = []
    acts = not zone.observe_only
    refusal = _refused(state) if keeping.failed else None
    if any(zone.is_made_to(action) for action in zone.without_way):
        codes.append(ReasonCode.NO_RUNG_CONFIGURED)
    elif acts and refusal is not None:
        codes.append(refusal.code)
    elif acts and keeping.failed and _commands_fail(state, keeping, now):
        codes.append(ReasonCode.COMMANDS_FAIL)
    if acts:
        codes.extend(_disobeys(zone, state, keeping, facts, now))
    if found.status == "unknown" and found.since is not None:
        codes.extend(found.reasons)
    blind = _blind_for(zone, state, keeping, facts, now)
    if blind is not None:
        codes.append(blind)
    codes.extend(_doubted(zone, state, keeping, now))
    if found.status == "paused" and _never_ends(zone, state, found, now):
        codes.append(ReasonCode.PAUSE_TOO_LONG)
    if _is_out_too_long(keeping, found):
        codes.append(found.reasons[-1])
    if acts:
        codes.extend(_lasts(zone, state, keeping, facts, now))
    return _named(state, codes, now)


def _is_out_too_long(keeping: Keeping, found: RoomHealth) -> bool:
    """Tell whether a room is not kept, or on its way back after longer than it needs."""
    out = keeping.excursion
    late = out is not None and out.was_lost
    comes = late and bool(found.reasons) and found.reasons[-1] in _NOT_YET_BACK
    return comes or found.status == "not_kept"


def _named(
    state: ZoneState, codes: list[ReasonCode], now: datetime
) -> list[ReasonCode]:
    """Return the troubles with what is seen of a heater before what comes of it."""
    idles, kept = ReasonCode.HEATER_DRAWS_NOTHING, state.evidence or NONE
    why, idled_at = kept.hindered, kept.idled_at
    lately = idled_at is not None and now - idled_at < _IDLES_LATELY
    cold, is_cold = ReasonCode.RADIATOR_STAYS_COLD, cold_for(state, now)
    for place, code in enumerate(codes):
        # It is why a room goes to and fro also while the heater draws again.
        swings = code is ReasonCode.ROOM_SWINGS and lately
        if swings or (why is idles and code in _SAME[idles]):
            return [*codes[:place], idles, *codes[place:]]
        if is_cold is not None and is_cold >= _FELT_AFTER and code in _SAME[cold]:
            return [*codes[:place], cold, *codes[place:]]
    return codes


def _idles_below(state: ZoneState, facts: _Facts, now: datetime) -> bool:
    """Tell whether a heater draws nothing, its relay on, in a room that falls out of its band.

    One whose own thermostat is set within the band or below it does so again and again.
    """
    kept, edges = state.evidence or NONE, facts.edges
    out = state.keeping.excursion if state.keeping else None
    if kept.hindered is not ReasonCode.HEATER_DRAWS_NOTHING or edges is None:
        return False
    if out is None or out.low is not edges.heating or kept.plug is not Power.OFF:
        return False
    begun, silent = runs_since(state), kept.plug_since
    if begun is None or silent is None:
        return False
    return now - max(out.since, begun, silent) >= _FELT_AFTER


def _lasts(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    facts: _Facts,
    now: datetime,
) -> Iterator[ReasonCode]:
    """Yield what is the matter with a unit for long, whatever its room does."""
    unsure = keeping.unsure_since
    if unsure is not None and now - unsure >= _UNSURE_COUNTS:
        contradicted = facts.unit.contradicted
        yield (
            ReasonCode.BELIEF_CONTRADICTED
            if contradicted
            else ReasonCode.BELIEF_UNCERTAIN
        )
    if _worn_since(zone, state, keeping, now) is not None:
        yield ReasonCode.UNIT_STARTS_OFTEN


def _worn_since(
    zone: ZoneSettings, state: ZoneState, keeping: Keeping, now: datetime
) -> datetime | None:
    told = any(each.kind is ReasonCode.UNIT_STARTS_OFTEN for each in keeping.told)
    return worn_since(zone, state, now, told=told)


def _disobeys(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    facts: _Facts,
    now: datetime,
) -> Iterator[ReasonCode]:
    """Yield in which ways the unit, or its plug, is seen not to do as it is told.

    A warm radiator in a room that is not too warm may be a warm pipe.
    """
    kept, check = state.evidence or NONE, state.check
    out, edges = keeping.excursion, facts.edges
    far = out is not None and edges is not None and out.low is not edges.heating
    if defies(kept):
        yield ReasonCode.UNIT_RUNS_ON
    if _idles_below(state, facts, now):
        yield ReasonCode.HEATER_DRAWS_NOTHING
    if out is not None and edges is not None and out.low is edges.heating:
        cold = cold_for(state, now)
        if cold is not None and cold >= _COLD_COUNTS:
            yield ReasonCode.RADIATOR_STAYS_COLD
    outdoors = outdoor_of(state.surroundings, now)
    if far and stays_warm(kept, now, zone.timezone, outdoors):
        yield ReasonCode.RADIATOR_STAYS_WARM
    if kept.misread is not None and kept.misread.stands(now):
        yield ReasonCode.PLUG_MISREADS
    if undone_since(kept, now) is not None:
        yield ReasonCode.UNIT_SET_OTHERWISE
    if check is not None and check.given_up:
        yield ReasonCode.DEVICE_UNRESPONSIVE


def _blind_for(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    facts: _Facts,
    now: datetime,
) -> ReasonCode | None:
    """Return why nothing is known of the room, once that lasts."""
    if not zone.meters:
        return None
    why, since = keeping.blind_why, keeping.blind_since
    if why is None or since is None:
        return facts.silent if keeping.since else None
    counts = _BLIND_COUNTS
    if (
        why is ReasonCode.SENSOR_FROZEN
        and keeps_air(zone)
        and _air_unknown(zone, state)
    ):
        # That the air did not follow was said of it before.
        counts = timedelta(0)
    elif why is ReasonCode.SENSOR_FROZEN and not _shown_by_turns(zone, state):
        counts = _STILL_COUNTS
    if why in UNREACHED:
        # The last reading may be long ago by design; one that fails is tried again soon.
        since = keeping.blind_found or since
    return why if now - since >= counts else None


def doubted_meters(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> dict[str, tuple[ReasonCode, datetime]]:
    """Return which meters of a zone have not been believed for a while.

    By device id: why, and since when, aware UTC. What leaves the room unseen as a whole
    is said of the room.
    """
    return {
        meter: (why, since)
        for meter, (why, since) in doubts_of_meters(zone, state).items()
        if since is not None and now - since >= _DOUBT_COUNTS
    }


def _doubted(
    zone: ZoneSettings, state: ZoneState, keeping: Keeping, now: datetime
) -> list[ReasonCode]:
    outdoors = []
    if _outdoor_unknown(zone, state, keeping, now) is not None:
        outdoors.append(ReasonCode.OUTDOOR_UNKNOWN)
    doubts = doubted_meters(zone, state, now)
    if len(zone.meters) > 1:
        return [ReasonCode.METER_DOUBTED, *outdoors] if doubts else outdoors
    jumped = ReasonCode.TEMPERATURE_JUMPED
    return [*(jumped for why, _at in doubts.values() if why is jumped), *outdoors]


def _outdoor_unknown(
    zone: ZoneSettings, state: ZoneState, keeping: Keeping, now: datetime
) -> datetime | None:
    """Return since when it is unknown how cold it is outdoors, None while it need not be.

    What was never heard is waited for first: a host may tell it later than it starts.
    """
    if zone.heat_pump_min_outdoor_celsius is None or zone.lead or zone.observe_only:
        return None
    if outdoor_unknown(zone, state, now) is None:
        return None
    around = state.surroundings
    if around is not None and around.outdoor_at is not None:
        return around.outdoor_at + OUTDOOR_LASTS
    since = keeping.since
    return since if since is not None and now - since >= _DOUBT_COUNTS else None


def _never_ends(
    zone: ZoneSettings, state: ZoneState, found: RoomHealth, now: datetime
) -> bool:
    """Tell whether a pause that is nobody's wish has lasted too long for the room."""
    if found.reasons[0] is ReasonCode.HOLD_MANUAL or found.since is None:
        return False
    lasts, edges, temperature = (
        now - found.since,
        edges_of(as_asked(zone)),
        state.last_temperature,
    )
    if lasts >= _PAUSE_ENDS or found.reasons[0] is ReasonCode.OPENING_TOO_LONG:
        return True
    if lasts < _LONG_PAUSE or edges is None or temperature is None:
        return False
    costs = -edges.ahead(temperature, running=False)
    return any(lasts >= long and costs >= most for long, most in _PAUSE_COSTS)


def _commands_fail(state: ZoneState, keeping: Keeping, now: datetime) -> bool:
    since, last = keeping.failed_since, keeping.failed_at
    if state.commands_failed < _FAILS or since is None or last is None:
        return False
    said_no = [
        each for each in state.refusals if each.way.rung != READ and not each.maybe
    ]
    lasts = _SAID_NO_LASTS if said_no else _FAILED_LASTS
    stands = any(is_for_good(each) for each in said_no) or now - last < lasts
    return now - since >= _FAILS_FOR and stands


def _cause(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    code: ReasonCode,
    now: datetime,
) -> str | None:
    """Return what was said of it, or of which meters; None where its code says all."""
    if code is ReasonCode.METER_DOUBTED:
        return ", ".join(doubted_meters(zone, state, now))
    if code is ReasonCode.UNIT_STARTS_OFTEN:
        return str(starts_of_a_day(state, now))
    share = {
        ReasonCode.ROOM_SWINGS: keeping.swings,
        ReasonCode.AIR_BEYOND_UNIT: keeping.air,
    }.get(code)
    if share is not None:
        return f"{100.0 * share.of:.0f}"
    refusal = _refused(state)
    if code is ReasonCode.COMMANDS_FAIL or (refusal and refusal.code is code):
        return keeping.failed_error
    if code in UNREACHED:
        return state.last_error
    return None


# --- what is kept ----------------------------------------------------------------------


class Looked(NamedTuple):
    """The state after a look; `tells`: something of it may be news to a person."""

    state: ZoneState
    tells: bool


def after_look(
    zone: ZoneSettings, state: ZoneState, problem: ReasonCode | None, now: datetime
) -> Looked:
    """Return the state after a tick looked at the room at `now`, and whether it tells.

    `zone` are its settings in force; `problem` is why the reading gave no temperature.
    """
    if _stays_well(zone, state, now) is not None:
        return Looked(state, tells=False)
    return after_thorough_look(zone, state, problem, now)


def _stays_well(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> ReasonCode | None:
    """Return why a room surely stands as at the last look, with nothing the matter.

    So it is at nearly every look. Only what is plain counts here; all else is None, is
    looked into, and may well come to the same.
    """
    keeping, record, check = state.keeping, state.sensing, state.check
    if keeping is None or record is None or keeping.since is None:
        return None
    evidence, temperature = state.evidence, state.last_temperature
    matters = (
        keeping.excursion
        or keeping.swings
        or keeping.air
        or keeping.blind_since
        or keeping.blind_why
        or keeping.unsure_since
        or keeping.failed
        or keeping.told
        or zone.without_way
        or record.doubt
        or record.distrust
        or state.uncertain
        or state.last_temperature_stale
        or (evidence is not None and _matters(evidence, now))
        or (check is not None and check.given_up)
        or len(zone.meters) != 1
        or outdoor_unknown(zone, state, now) is not None
        or too_old(zone, state, now)
        or worn_since(zone, state, now) is not None
    )
    if matters or temperature is None:
        return None
    idle = _left_alone(zone, state, now)
    if idle is not None:
        return idle[1] if idle[0] == "off" == keeping.status else None
    if keeping.status != "kept":
        return None
    return _well_kept(zone, state, temperature, now)


def _well_kept(
    zone: ZoneSettings, state: ZoneState, celsius: float, now: datetime
) -> ReasonCode | None:
    """Return why a room that was kept still is, None where that is not plain."""
    if keeps_air(zone):
        want = _air_wanted(zone, state, now)
        known = _air_unknown(zone, state) is None
        stands = known and want is not None and not want.works
        return want.reason.code if want is not None and stands else None
    edges = edges_of(as_asked(zone))
    stands = (
        edges is not None
        and zone.mode in ("winter", "summer")
        and _beyond(edges, celsius) is None
        and _air_past(zone, state, now) is not True
    )
    return ReasonCode.WITHIN_BAND if stands else None


def _matters(evidence: Evidence, now: datetime) -> bool:
    undone = evidence.mended and undone_since(evidence, now)
    misread = evidence.misread
    doubts = evidence.doubt or (misread is not None and misread.since)
    return bool(doubts or undone or evidence.defied or evidence.warmth)


def after_thorough_look(
    zone: ZoneSettings, state: ZoneState, problem: ReasonCode | None, now: datetime
) -> Looked:
    """Return what `after_look` does, whatever there is to be seen."""
    keeping, facts = state.keeping or NOTHING, _facts(zone, state, now)
    keeping = _with_blindness(zone, state, keeping, problem, facts=facts, now=now)
    unsure = facts.unit.unsure
    if unsure is not (keeping.unsure_since is not None):
        keeping = keeping._replace(unsure_since=now if unsure else None)
    out = _excursion(zone, state, keeping, facts, now)
    if out is None and keeping.excursion is not None:
        keeping = _recovered(state, keeping, keeping.excursion, facts, now)
    keeping = _with_shares(zone, state, keeping, out, facts=facts, now=now)
    if out is not keeping.excursion:
        keeping = keeping._replace(excursion=out)
    found = _standing(zone, state, keeping, facts, now)
    if found.status != keeping.status or keeping.since is None:
        keeping = keeping._replace(status=found.status, since=now)
        found = _standing(zone, state, keeping, facts, now)
    tells = bool(keeping.told)
    if not tells and zone.automation_enabled:
        tells = bool(_troubles(zone, state, keeping, found, facts=facts, now=now))
    if keeping == state.keeping:
        return Looked(state, tells)
    return Looked(state._replace(keeping=keeping), tells)


def _with_shares(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    out: Excursion | None,
    *,
    facts: _Facts,
    now: datetime,
) -> Keeping:
    """Return what is kept, with for how much of the day the room was out of its bounds.

    `keeping` has still how it stood at the look before, `out` is how it stands.
    """
    seen = facts.idle is None and keeping.blind_why is None
    past = _swings_out(state, keeping, out, facts, now) if seen else None
    swings = _shared(keeping.swings, past, now)
    air = None
    if _air_counts(zone):
        runs = _takes_none(zone) or not keeps_air(zone) or facts.runs
        # With an empty tank it shows nothing of what it can do.
        works = seen and (state.evidence or NONE).hindered is None
        past = _air_past(zone, state, now) if works else None
        air = _shared(keeping.air, past and runs if past is not None else None, now)
    if swings is keeping.swings and air is keeping.air:
        return keeping
    return keeping._replace(swings=swings, air=air)


def _shared(share: Share | None, past: bool | None, now: datetime) -> Share | None:
    """Return the share after one more look; the time does not count that is None."""
    if past is None:
        if share is None or now - share.at >= _A_DAY:
            return None
        return share._replace(past=False) if share.past else share
    if share is None:
        return Share(0.0, now, past=True, since=now) if past else None
    passed = max(timedelta(0), min(now - share.at, _LOOKS_APART))
    left = math.exp(-passed / _A_DAY)
    of = share.of * left + (1.0 - left if share.past else 0.0)
    if of < _NO_SHARE and not past:
        return None
    much = of >= (_MUCH_NO_MORE if share.much else _MUCH)
    since = share.since if much is share.much else now
    return Share(round(of, 6), now, past, since, much)


def _swings_out(
    state: ZoneState,
    keeping: Keeping,
    out: Excursion | None,
    facts: _Facts,
    now: datetime,
) -> bool | None:
    """Tell whether a room is out of its band that was in it, by what its unit does.

    What begins further out is a change of the band, a cold house after a holiday or an
    airing, unless the room was within that band just before; what lasts is judged by how long
    this room needs.
    """
    if facts.edges is None or state.last_temperature is None:
        return None
    if out is None or now - out.since > _SWINGS_FOR:
        return False
    before = keeping.excursion
    if before is not None and before.low is out.low:
        return keeping.swings is not None and keeping.swings.past
    was_in = before is not None or keeping.status in ("kept", "not_kept")
    near, stopped = out.low is facts.edges.heating, state.compressor_stopped_at
    worked = stopped is not None and now - stopped <= _WORKED_LATELY
    begins = out.furthest <= _FAR_KELVIN or _was_within(state, facts.edges, now)
    return was_in and begins and (near or facts.runs or worked)


def _was_within(state: ZoneState, edges: Edges, now: datetime) -> bool:
    """Tell whether a room was within a band at the look before, which was not long ago."""
    begin, read_at = (now - _LOOKS_APART).timestamp(), state.last_read_at or now
    course = (state.evidence or NONE).course
    before = [one for at, one in course if begin <= at < read_at.timestamp()]
    if not before:
        return False
    beyond = _beyond(edges, before[-1])
    return beyond is None or beyond[1] <= _SLACK_KELVIN


def _air_counts(zone: ZoneSettings) -> bool:
    """Tell whether a unit is there for the air of a room, and no other does the same."""
    if zone.air_left:
        return False
    if keeps_air(zone):
        return True
    wanted = zone.humidity
    return (
        wanted is not None
        and wanted.dry_mode
        and not zone.lead
        and zone.kind.own is None
        and zone.mode == "summer"
        and zone.can(Action.DRY)
    )


def _takes_none(zone: ZoneSettings) -> bool:
    return zone.kind.own is Action.PURIFY


def _air_past_by(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> tuple[Want, float] | None:
    """Return what is wanted of air that is past its limit, and how far it is past it."""
    want = _air_wanted(zone, state, now) if keeps_air(zone) else None
    celsius, percent = state.last_temperature, state.last_humidity
    wanted = zone.humidity
    if want is None and wanted is not None and celsius is not None:
        if percent is None or keeps_air(zone):
            return None
        want = too_wet(wanted, celsius, percent, outdoor_of(state.surroundings, now))
    if want is None or want.works is not True:
        return None
    said = want.reason.detail
    value, limit = _number_of(said, "value"), _number_of(said, "limit")
    if want.reason.code not in _AIR_MOVES or value is None or limit is None:
        return None
    return want, abs(value - limit)


def _air_past(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool | None:
    """Tell whether air is past its limit further than a unit at work lets it go."""
    if not _air_counts(zone):
        return None
    past = _air_past_by(zone, state, now)
    if past is None:
        return False if keeps_air(zone) or state.last_humidity is not None else None
    want, beyond = past
    code = want.reason.code
    return beyond > min(_air_slack(zone, code), _AIR_MOVES[code])


def _with_blindness(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    problem: ReasonCode | None,
    *,
    facts: _Facts,
    now: datetime,
) -> Keeping:
    why = _blindness(zone, state, keeping, problem, facts)
    if why is None:
        if keeping.blind_since is None:
            return keeping
        return keeping._replace(blind_since=None, blind_found=None, blind_why=None)
    if why is keeping.blind_why:
        return keeping
    since, found = keeping.blind_since, keeping.blind_found
    if since is None:
        stale = facts.silent is not None
        since, found = (_last_good(state) if stale else None) or now, now
    return keeping._replace(blind_since=since, blind_found=found, blind_why=why)


def _blindness(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    problem: ReasonCode | None,
    facts: _Facts,
) -> ReasonCode | None:
    """Return why nothing can be known of the room, None where its temperature is."""
    if not zone.meters:
        return None
    silent = facts.silent
    if silent is not None:
        spent = ReasonCode.QUOTA_RESERVE
        if problem is spent or (
            problem is silent is ReasonCode.READING_TOO_OLD
            and keeping.blind_why is spent
        ):
            return spent  # of a look between two at the meter as well
        # What was told of once stands: a cloud in trouble fails now so, now so.
        both = problem in UNREACHED and silent in UNREACHED
        return problem if both and not is_told(state, silent) else silent
    if state.last_temperature is None:
        # A look between two readings gives the last one, without its cause.
        again = problem is ReasonCode.NO_READING and keeping.blind_why is not None
        return keeping.blind_why if again else problem or ReasonCode.NO_READING
    if keeps_air(zone):
        unknown = _air_unknown(zone, state)
        if unknown is not None:
            return unknown
    why = _not_believed(zone, state)
    if why is not ReasonCode.SENSOR_FROZEN:
        return why
    moves = _is_made_to_move(state) and not _shown_by_turns(zone, state)
    return None if moves else why


def _air_unknown(zone: ZoneSettings, state: ZoneState) -> ReasonCode | None:
    """Return why what a unit keeps of the air is unknown, None where it is known."""
    record = state.sensing
    if zone.kind.own in (Action.DRY, Action.HUMIDIFY):
        known, unknown = state.last_humidity, ReasonCode.HUMIDITY_UNKNOWN
        dead = record is not None and record.humidity_dead
    else:
        known, unknown = state.last_co2, ReasonCode.CO2_UNKNOWN
        dead = record is not None and record.co2_dead
    if known is not None:
        return None
    return ReasonCode.SENSOR_FROZEN if dead else unknown


def _shown_by_turns(zone: ZoneSettings, state: ZoneState) -> bool:
    """Tell whether it was the unit's own work that a value does not show."""
    record = state.sensing
    return record is not None and stands_through_turns(zone, record)


def _is_made_to_move(state: ZoneState) -> bool:
    """Tell whether a value stands still only since its unit runs, which shows it soon."""
    if not state.compressor_running or state.guarding is ReasonCode.FROST_BLIND:
        return False  # what runs against frost, blindly, was given no meter's word
    doubted = state.sensing.doubted_at if state.sensing else None
    started = state.compressor_started_at
    return doubted is None or started is None or doubted >= started


def _not_believed(zone: ZoneSettings, state: ZoneState) -> ReasonCode | None:
    """Return why the temperature that there is shows nothing of the room."""
    record = state.sensing
    if record is not None and record.distrust not in _SILENT_BEFORE:
        return record.distrust
    if record is not None and record.doubt is ReasonCode.SENSOR_FROZEN:
        return record.doubt
    if len(zone.meters) < 2:  # noqa: PLR2004 - of several the others are believed
        return None
    doubts = [why for why, _since in doubts_of_meters(zone, state).values()]
    if len(doubts) == len(zone.meters):
        return doubts[0]
    # One word against another: nobody knows which of them is right.
    disagree = ReasonCode.METERS_DISAGREE
    left = len(zone.meters) - len(doubts)
    return disagree if left == 1 and disagree in doubts else None


def _excursion(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    facts: _Facts,
    now: datetime,
) -> Excursion | None:
    """Return how the room is out of its band, None while it is not, or need not be in."""
    out = keeping.excursion
    idle = facts.idle
    if idle is not None:
        if idle[0] == "off" or out is None:
            return None
        # What a short airing costs is made good within the same time.
        since = _paused_since(zone, state, keeping)
        if since is None or now - since >= _LONG_PAUSE:
            return None
        return out._replace(moved_at=now, helped=False)
    if keeps_air(zone):
        return _of_air(zone, state, keeping, facts, now)
    edges, temperature = facts.edges, state.last_temperature
    if edges is None or temperature is None or keeping.blind_why is not None:
        return None if edges is None or out is None else out._replace(helped=False)
    beyond = _beyond(edges, temperature)
    if beyond is None:
        return None
    low, kelvin = beyond
    if out is None or out.low is not low:
        slack = _SLACK_KELVIN if low is edges.heating else _FAR_SLACK_KELVIN
        if kelvin <= slack:
            return None
        return Excursion(now, low, kelvin, temperature, now)
    out = _moved(out, temperature, kelvin, now, state.evidence)
    return _judged(state, out, kelvin, facts, now)


def _judged(
    state: ZoneState, out: Excursion, kelvin: float, facts: _Facts, now: datetime
) -> Excursion:
    """Return an excursion that goes on, lost where the room does not come back."""
    edges, temperature, runs = facts.edges, state.last_temperature, facts.runs
    if edges is None or temperature is None:
        return out
    keeping = state.keeping or NOTHING
    out = _fell(state, out, temperature, now) if out.low is edges.heating else out
    lost = _is_lost(out, kelvin, keeping, edges, runs=runs, now=now)
    if not lost and runs and out.fell >= _FELL_KELVIN and kelvin >= _LITTLE_KELVIN:
        lost = _swings(out, temperature, kelvin, now, state.evidence)
    if out.lost is None and lost:
        return out._replace(lost=temperature, helped=False, was_lost=True)
    return out


def _of_air(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    facts: _Facts,
    now: datetime,
) -> Excursion | None:
    """Return how air is not as a unit that works on it should make it, else None.

    While it rests it is not to blame: what keeps it from working is told of elsewhere. Nor
    is a purifier for CO2, which tells it that people use the air, and goes through its filter.
    """
    out, want = keeping.excursion, _air_wanted(zone, state, now)
    if want is None or want.works is not True or keeping.blind_why is not None:
        return None
    code, said = want.reason.code, want.reason.detail
    value, limit = _number_of(said, "value"), _number_of(said, "limit")
    if code not in _AIR_MOVES or value is None or limit is None:
        return None
    low, beyond = code is ReasonCode.HUMIDITY_BELOW, round(abs(value - limit), 3)
    hindered = (state.evidence or NONE).hindered is not None
    if out is None or out.low is not low or hindered:
        return Excursion(now, low, beyond, value, now, helped=False)
    if _takes_none(zone) or not facts.runs or state.uncertain:
        return out._replace(turned=value, moved_at=now, lost=None)
    step = _AIR_MOVES[code]
    moved = _moved(out._replace(lost=None), value, beyond, now, step=step)
    if out.lost is not None:
        # Somebody's shower, or a digit to and fro, is no way back: that is twice as far.
        worst = min(out.lost, value) if low else max(out.lost, value)
        found = abs(value - worst) >= 2.0 * step
        return moved._replace(lost=None if found else worst)
    works = max(out.since, runs_since(state) or out.since)
    to_and_fro = now - works >= _AIR_LONG and beyond >= _AIR_LEFT * moved.furthest
    stalls = to_and_fro or now - moved.moved_at >= _AIR_STALLS
    if stalls and beyond > _air_slack(zone, code):
        return moved._replace(lost=value)
    return moved


def _air_slack(zone: ZoneSettings, code: ReasonCode) -> float:
    """Return how far beside its limit air may stay without anybody's being told."""
    if code is ReasonCode.DEW_POINT_ABOVE:
        return 2.0 * _AIR_MOVES[code]
    if code is ReasonCode.CO2_ABOVE:
        return zone.air.hysteresis_ppm if zone.air else 0.0
    return zone.humidity.hysteresis_percent if zone.humidity else 0.0


def _number_of(said: Mapping[str, object], name: str) -> float | None:
    found = said.get(name, said.get(f"{name}_celsius"))
    return float(found) if isinstance(found, int | float) else None


def _beyond(edges: Edges, temperature: float) -> tuple[bool, float] | None:
    """Return whether it is too cold and by how many kelvin, None within the band."""
    low, high = min(edges.on, edges.off), max(edges.on, edges.off)
    if temperature < low:
        return True, round(low - temperature, 3)
    if temperature > high:
        return False, round(temperature - high, 3)
    return None


def _moved(
    out: Excursion,
    temperature: float,
    kelvin: float,
    now: datetime,
    seen: Evidence | None = None,
    *,
    step: float = _MOVES_KELVIN,
) -> Excursion:
    """Return the excursion with one more temperature, or what else has a `step`."""
    sign = 1.0 if out.low else -1.0
    gained = round(sign * (temperature - out.turned), 6)
    turned, moved_at = out.turned, out.moved_at
    if gained >= step:
        turned, moved_at = temperature, now
    elif gained < 0.0:
        turned = temperature
    lost = out.lost
    gains = lost is not None and sign * (temperature - lost) >= _FOUND_KELVIN
    if gains and not _swings(out, temperature, kelvin, now, seen):
        lost = None
    return out._replace(
        furthest=max(out.furthest, kelvin), turned=turned, moved_at=moved_at, lost=lost
    )


def _swings(
    out: Excursion,
    temperature: float,
    kelvin: float,
    now: datetime,
    seen: Evidence | None,
) -> bool:
    """Tell whether a room only goes to and fro, at no pace that brings it back."""
    sign = 1.0 if out.low else -1.0
    before = [sign * one for one in _an_hour_ago(seen, now)]
    pace = max(_FOUND_KELVIN, kelvin / _FOUND_BACK_IN)
    return bool(before) and sign * temperature - max(before) < pace


def _an_hour_ago(
    seen: Evidence | None, now: datetime, since: datetime | None = None
) -> list[float]:
    """Return the room's temperatures of the hour before the last, from `since` on."""
    end = (now - _AN_HOUR).timestamp()
    begin = end - _AN_HOUR.total_seconds()
    if since is not None:
        begin = max(begin, since.timestamp())
    return [one for at, one in (seen or NONE).course if begin <= at <= end]


def _fell(
    state: ZoneState, out: Excursion, temperature: float, now: datetime
) -> Excursion:
    """Return the excursion with how far the room fell within an hour of its unit's work.

    The best of the last minutes counts: a defrost takes a room away for fewer.
    """
    started, seen = state.compressor_started_at, state.evidence
    if not state.compressor_running or started is None or state.uncertain:
        return out
    sign = 1.0 if out.low else -1.0
    before = _an_hour_ago(seen, now, (runs_since(state) or started) + _FELL_AFTER)
    begin = (now - _FELL_LATELY).timestamp()
    lately = [one for at, one in (seen or NONE).course if at >= begin]
    if not before:
        return out
    best = max(sign * one for one in (*lately, temperature))
    fell = round(max(sign * one for one in before) - best, 2)
    return out._replace(fell=fell) if fell > out.fell else out


def _recovered(
    state: ZoneState,
    keeping: Keeping,
    out: Excursion,
    facts: _Facts,
    now: datetime,
) -> Keeping:
    """Learn from an excursion that is over, where the unit alone ended it."""
    edges = facts.edges
    unsure = state.uncertain or state.power is Power.UNKNOWN
    if (
        edges is None
        or not out.helped
        or unsure
        or out.low is not edges.heating
        or facts.idle is not None
    ):
        return keeping
    took = (round(out.furthest, 2), float(round((now - out.since).total_seconds())))
    if out.low:
        return keeping._replace(warmed=(*keeping.warmed, took)[-KEPT_RECOVERIES:])
    return keeping._replace(cooled=(*keeping.cooled, took)[-KEPT_RECOVERIES:])


# --- commands that failed ----------------------------------------------------------------


def command_failed(state: ZoneState, error: str | None, at: datetime) -> ZoneState:
    """Return the state after a command failed by every way there is."""
    keeping, again = state.keeping or NOTHING, state.commands_failed
    return state._replace(
        keeping=keeping._replace(
            failed=again + 1,
            failed_since=keeping.failed_since if again else at,
            failed_at=at,
            failed_error=error[:_LONGEST_ERROR] if error else None,
            failed_unit=state.unit.name if state.unit else "",
        )
    )


def command_taken(state: ZoneState) -> ZoneState:
    """Return the state after a command was taken: none fails any more."""
    keeping = state.keeping
    if keeping is None or not keeping.failed:
        return state
    return state._replace(
        keeping=keeping._replace(
            failed=0,
            failed_since=None,
            failed_at=None,
            failed_error=None,
            failed_unit="",
        )
    )


def _trouble_since(
    zone: ZoneSettings,
    state: ZoneState,
    keeping: Keeping,
    room: RoomHealth,
    kind: ReasonCode,
    *,
    now: datetime,
) -> datetime | None:
    if kind in _OF_COMMANDS:
        return keeping.failed_since
    if kind in (ReasonCode.BELIEF_UNCERTAIN, ReasonCode.BELIEF_CONTRADICTED):
        return keeping.unsure_since
    if kind is ReasonCode.DEVICE_UNRESPONSIVE and state.check is not None:
        # Not since its room is kept by another unit, nor since it is out of its band.
        return state.check.since
    evidence = state.evidence or NONE
    if kind is ReasonCode.PLUG_MISREADS and evidence.misread is not None:
        return evidence.misread.since
    if kind is ReasonCode.UNIT_SET_OTHERWISE:
        return undone_since(evidence, now)
    if kind is keeping.blind_why:
        return keeping.blind_since
    if kind is ReasonCode.UNIT_STARTS_OFTEN:
        return _worn_since(zone, state, keeping, now)
    if kind is ReasonCode.OUTDOOR_UNKNOWN:
        return _outdoor_unknown(zone, state, keeping, now)
    if kind in (ReasonCode.METER_DOUBTED, ReasonCode.TEMPERATURE_JUMPED):
        doubts = doubts_of_meters(zone, state).values()
        return min((since for _why, since in doubts if since), default=None)
    return room.since


# --- what a person was told ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class News:
    """What a person is to be told of a room: that it needs them, or that this is over.

    `kind` is the code of what is the matter, `since` from when on; `ended` tells that it
    is over.
    """

    zone: str
    kind: ReasonCode
    since: datetime
    room: RoomHealth
    ended: bool = False


def news_of(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> tuple[ZoneState, News | None]:
    """Return the state once a person is told what is new, and that; None for nothing.

    Each kind of trouble is told once while it lasts, and that all of them are over once.
    What is another word for what was told has to last first; what is back soon after its
    end is over only once it stays away for longer than that.
    """
    keeping = state.keeping
    if keeping is None:
        return state, None
    room = room_health(zone, state, now)
    kind = room.advice
    if kind is not None:
        if _is_said(keeping, kind):
            if keeping.well_since is None and keeping.turned is None:
                return state, None
            same = keeping._replace(well_since=None, turned=None)
            return state._replace(keeping=same), None
        noted = _until_it_lasts(keeping, kind, now)
        if noted is not None:
            return state._replace(keeping=noted), None
        since = _trouble_since(zone, state, keeping, room, kind, now=now) or now
        notice = Notice(kind, since)
        told = (*keeping.told, notice)
        kept = keeping._replace(told=told, well_since=None, turned=None)
        return state._replace(keeping=kept), News(zone.name, kind, since, room)
    if not keeping.told:
        return state, None
    if keeping.well_since is None:
        well = keeping._replace(well_since=now, turned=None)
        return state._replace(keeping=well), None
    well_for = now - keeping.well_since
    if well_for < _ends_after(zone, state, keeping) or room.status == "recovering":
        return state, None
    shares = (keeping.swings, keeping.air)
    if any(share is not None and share.much for share in shares):
        # A night, or an airing, in which nobody keeps it ends nothing.
        return state, None
    first = keeping.told[0]
    over = tuple(Notice(each.kind, now) for each in keeping.told)
    kept = keeping._replace(told=(), well_since=None, over=over)
    news = News(zone.name, first.kind, first.since, room, ended=True)
    return state._replace(keeping=kept), news


def _is_said(keeping: Keeping, kind: ReasonCode) -> bool:
    """Tell whether a trouble was told of, by its own word or by one that says as much."""
    if kind in _NOT_YET_BACK:
        return True  # that it comes back is no news, nor yet an end
    told = {each.kind for each in keeping.told}
    return kind in told or any(kind in _SAME.get(each, ()) for each in told)


def _ends_after(zone: ZoneSettings, state: ZoneState, keeping: Keeping) -> timedelta:
    """Return how long all has to be well until a person is told that it is over."""
    if is_told(state, ReasonCode.RADIATOR_STAYS_COLD):
        return _BACK_WITHIN  # a boiler that rested a night does so the next
    over = {each.kind: each.since for each in keeping.over}
    for kind, since in keeping.told:
        at = over.get(kind)
        # `since` may be long before it was told, but never before the end of the last.
        if kind in _COMES_BACK and at is not None and since - at < _BACK_WITHIN:
            return _BACK_WITHIN
    doubted = state.uncertain or (state.evidence or NONE).doubt is not None
    unproven = doubted or state.check is not None or not state.compressor_running
    asks = zone.power_meter_device_id or zone.unit_readable
    if asks and unproven and any(is_told(state, kind) for kind in _SAME):
        # It is well once it does as it is told; that it rests shows nothing.
        return _BACK_WITHIN
    shown = any(is_told(state, each) for each in _SHOWN_FOR_LONG)
    # Nor is what obeyed once, where it is asked, done with losing orders.
    shown = shown or (bool(asks) and is_told(state, ReasonCode.DEVICE_UNRESPONSIVE))
    return _RIGHT_FOR if shown else _WELL_FOR


def _until_it_lasts(
    keeping: Keeping, kind: ReasonCode, now: datetime
) -> Keeping | None:
    """Return what is kept of another word for what was told, None once it is to be told."""
    told = {each.kind for each in keeping.told}
    if kind not in _DOES_NOT_COME_BACK or told.isdisjoint(_DOES_NOT_COME_BACK):
        return None
    turned = keeping.turned
    if turned is None or turned.kind is not kind:
        return keeping._replace(turned=Notice(kind, now), well_since=None)
    return keeping if now - turned.since < _TURNED_FOR else None
