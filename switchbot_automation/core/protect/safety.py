"""What must not happen whatever the rule says. Pure: state, settings and now.

A zone climbs a ladder while its thermometer gives nothing: as it was (hold), no new
start, the unit set to a saving temperature (conservative), off. A unit of which nobody
knows anything, since the thermometer gave nothing from the first, goes off with it. A value that stands still
for hours while the unit runs is believed no more: an inverter may well hold a room that
still, so before the unit goes off its setpoint is moved a little, which a meter that is
alive has to show. Of a unit that rests it is said, and nothing more: there is nothing to
protect from. And however good the readings, nothing runs longer than `max_continuous_on_seconds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.core.state.evidence import runs_since
from switchbot_automation.core.state.meter import (
    STILL_SOONEST_SECONDS,
    doubts_of_meters,
    stands_still,
    stands_through_turns,
    with_sensing,
)
from switchbot_automation.core.state.unit import rests_until
from switchbot_automation.model import Action, Outcome, Power, Reason, ReasonCode
from switchbot_automation.schedule.windows import in_window, next_end, next_start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from switchbot_automation.core.state.zone import SensorRecord, ZoneState
    from switchbot_automation.model import ZoneDecision
    from switchbot_automation.settings.model import ZoneSettings

REST_SECONDS = 600
"""How long a unit rests after it ran as long as it may."""

_RECOVERS_SECONDS = 3600.0
"""Within this a room has made up for such a rest."""

CAP_SECONDS = 1200.0
"""For how long nobody need look at a room, however far it is from its thresholds: the sun
comes out and somebody opens a window."""


class Level(IntEnum):
    """How far the thermometer's word is mistrusted; higher is graver."""

    FRESH = 0
    HOLD = 1
    NO_NEW_START = 2
    CONSERVATIVE = 3
    OFF = 4


@dataclass(frozen=True, slots=True)
class Safety:
    """What safety asks of a zone now.

    `stop`: the unit goes off, whatever its minimum times say. From `NO_NEW_START` on
    nothing may be switched on. `outcome` is the dashboard's word for it; `until` the
    instant at which what forbids a start is over, where that is known.
    """

    level: Level
    reason: Reason
    outcome: Outcome = Outcome.MISSING_METER
    stop: bool = False
    until: datetime | None = None

    @property
    def forbids_start(self) -> bool:
        """Whether nothing may be switched on."""
        return self.level >= Level.NO_NEW_START


class Ladder(NamedTuple):
    """The ages in seconds at which each stage begins; infinite for one that never does."""

    no_new_start: float
    conservative: float
    off: float


def ladder(zone: ZoneSettings) -> Ladder:
    """Return a zone's ladder; no stage comes before two readings could have failed."""
    saving, latest = _stages(zone)
    hold = zone.sensor_stale_hold_seconds
    first = float(hold or 2 * zone.poll_interval_seconds)
    if not hold and zone.predictive:
        # So long may lie between two predicted readings on purpose.
        first = max(first, 1.5 * CAP_SECONDS)
    return Ladder(min(first, saving), saving, latest)


def _stages(zone: ZoneSettings) -> tuple[float, float]:
    """Return the ages at which a unit that runs is told to save, and is turned off."""
    idle = zone.idle_poll_interval_seconds if zone.adaptive_polling_enabled else 0
    patience = 2.0 * max(zone.poll_interval_seconds, idle)
    conservative = zone.sensor_stale_conservative_seconds
    off = zone.sensor_stale_off_seconds
    latest = max(float(off), patience) if off else _NEVER
    saving = max(float(conservative), patience) if conservative else _NEVER
    return min(saving, latest), latest


def first_stage(zone: ZoneSettings) -> float:
    """Return the age of a reading in seconds at which a unit that runs is told to save."""
    return _stages(zone)[0]


def assess(zone: ZoneSettings, state: ZoneState, now: datetime) -> Safety | None:
    """Return what safety asks at `now`, None while it has nothing to say."""
    record = state.sensing
    running = may_run(state)
    if running:
        capped = _capped(zone, state, now)
        if capped is not None:
            return capped
    unseen = _unseen(zone, state, record, now, running=running)
    if unseen is not None:
        return unseen
    rest = state.equipment.rest_until if state.equipment else None
    if not running and rest is not None and now < rest:
        why = Reason(ReasonCode.MAX_CONTINUOUS_ON, {"until": rest.isoformat()})
        return Safety(Level.NO_NEW_START, why, Outcome.COOLDOWN, until=rest)
    if record is None:
        return None
    if record.odd is not None:
        detail = {
            "temperature_celsius": record.odd,
            "before_celsius": record.temperature,
        }
        why = Reason(ReasonCode.TEMPERATURE_JUMPED, detail)
        return Safety(Level.NO_NEW_START, why, Outcome.INVALID_TEMPERATURE)
    if record.distrust is None:
        return _doubtful(zone, state, record, now)
    why = Reason(
        ReasonCode.SENSOR_RECOVERING,
        {
            "because": str(record.distrust),
            "good_readings": record.good,
            "needed_readings": zone.sensor_recovery_readings,
        },
    )
    return Safety(Level.NO_NEW_START, why, Outcome.NO_ACTION)


def _doubtful(
    zone: ZoneSettings, state: ZoneState, record: SensorRecord, now: datetime
) -> Safety | None:
    """Say of a resting zone's meters what is doubted; nothing is forbidden by that.

    A meter that stands still may be dead or the room quiet: a start would show it, and
    while the unit runs a value that stays as it is ends it soon.
    """
    changed = record.changed_at
    # Asked thrice a tick, and nearly always it moved too lately for any limit.
    least = _seconds(min(zone.sensor_frozen_seconds, STILL_SOONEST_SECONDS))
    still = changed is not None and now - changed >= least
    still = still and stands_still(zone, record, now)
    still = still or (record.turns > 0 and stands_through_turns(zone, record))
    if changed is not None and still:
        detail: dict[str, object] = {
            "temperature_celsius": record.temperature,
            "unchanged_seconds": round((now - changed).total_seconds()),
        }
        why = Reason(ReasonCode.SENSOR_FROZEN, detail)
        return Safety(Level.HOLD, why, Outcome.NO_ACTION)
    if len(zone.meters) < 2:  # noqa: PLR2004 - of several one can be left out
        return None
    for meter, (code, since) in doubts_of_meters(zone, state).items():
        detail = {
            "device_id": meter,
            "because": str(code),
            "since": since.isoformat() if since else None,
        }
        return Safety(
            Level.HOLD, Reason(ReasonCode.METER_DOUBTED, detail), Outcome.NO_ACTION
        )
    return None


def may_run(state: ZoneState) -> bool:
    """Return whether the compressor runs or, the last command being unsure, may run."""
    # Asked several times a tick, and what is off answers at once.
    on = state.power is Power.ON
    return state.uncertain or (on and state.compressor_running)


def _unseen(
    zone: ZoneSettings,
    state: ZoneState,
    record: SensorRecord | None,
    now: datetime,
    *,
    running: bool,
) -> Safety | None:
    """Return what is asked of a unit that runs, or may, while its room is not seen."""
    if record is None or not zone.meter_device_id:
        return None
    if running:
        stale = _stale(zone, state, record, now)
        return _graver(stale, _frozen(zone, state, record, now))
    stale = (
        _stale(zone, state, record, now) if _nobody_knows(zone, state, now) else None
    )
    return stale if stale is not None and stale.stop else None


def _nobody_knows(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Return whether a unit in its hours may have been on since before anybody looked.

    As one that heats when the engine is set up, or after its state was lost, beside a
    meter that never answered. Outside of its hours it may be somebody's.
    """
    if state.power is not Power.UNKNOWN:
        return False
    return in_window(zone.time_windows, now, zone.timezone) is not None


def after_assessment(zone: ZoneSettings, state: ZoneState, now: datetime) -> ZoneState:
    """Return the state with what has to outlive this instant.

    The thermometer that led to a stop is not trusted again at its first word, and a
    unit that ran as long as it may has its rest from now on.
    """
    found = assess(zone, state, now)
    if found is None or found.level < Level.CONSERVATIVE:
        return state
    code = found.reason.code
    if code is ReasonCode.MAX_CONTINUOUS_ON:
        return rests_until(state, now + timedelta(seconds=REST_SECONDS))
    record = state.sensing
    if record is None or record.distrust is not None:
        return state
    return with_sensing(state, record._replace(distrust=code, good=0))


def after_stop(decided: ZoneDecision, state: ZoneState, now: datetime) -> ZoneState:
    """Return the state after a stop that was decided: a rest put forward lasts as any other."""
    rests = decided.action is Action.OFF and any(
        each.code is ReasonCode.MAX_CONTINUOUS_ON for each in decided.reasons
    )
    if not rests or may_run(state):
        return state
    return rests_until(state, now + timedelta(seconds=REST_SECONDS))


def next_stage(zone: ZoneSettings, state: ZoneState, now: datetime) -> datetime | None:
    """Return the next instant after `now` at which safety may say something else."""
    found, equipment, running = None, state.equipment, may_run(state)
    unknown = not running and _nobody_knows(zone, state, now)
    if not (running or unknown or (equipment and equipment.rest_until)):
        return None
    for at in _instants(zone, state, running=running, unknown=unknown):
        if at > now and (found is None or at < found):
            found = at
    return found


def _instants(
    zone: ZoneSettings, state: ZoneState, *, running: bool, unknown: bool
) -> Iterator[datetime]:
    equipment = state.equipment
    if equipment is not None and equipment.rest_until is not None:
        yield equipment.rest_until
    given_up = given_up_at(zone, state) if unknown else None
    if given_up is not None:
        yield given_up
    if not running:
        return
    started = runs_since(state) if zone.max_continuous_on_seconds else None
    if started is not None:
        yield started + _seconds(zone.max_continuous_on_seconds)
    record = state.sensing
    if record is None or not zone.meter_device_id:
        return
    since = _since(state, record)
    for seconds in _stages(zone):
        if seconds != _NEVER:
            yield since + _seconds(seconds)
    for share in (_PROBE_SHARE, 1.0):
        frozen = _frozen_at(zone, state, record, share)
        if frozen is not None:
            yield frozen


_NEVER = float("inf")
# After this share of the time a value may stand still the room is made to move it.
_PROBE_SHARE = 5.0 / 6.0


def _since(state: ZoneState, record: SensorRecord) -> datetime:
    """Return where the ladder begins: anew where a person acted, who saw the room."""
    acted = state.manual_action_at
    return record.since if acted is None else max(record.since, acted)


def given_up_at(zone: ZoneSettings, state: ZoneState) -> datetime | None:
    """Return when a unit that runs is turned off for want of readings, None for never."""
    record, latest = state.sensing, _stages(zone)[1]
    if record is None or not zone.meter_device_id or latest == _NEVER:
        return None
    return _since(state, record) + _seconds(latest)


def _capped(zone: ZoneSettings, state: ZoneState, now: datetime) -> Safety | None:
    longest = zone.max_continuous_on_seconds
    started = runs_since(state) if longest else None
    if started is None:
        return None
    if (now - started).total_seconds() < longest:
        return None
    detail = {"since": started.isoformat(), "limit_seconds": longest}
    why = Reason(ReasonCode.MAX_CONTINUOUS_ON, detail)
    word = Outcome.SUMMER_OFF if zone.mode == "summer" else Outcome.WINTER_OFF
    return Safety(Level.OFF, why, word, stop=True)


def rest_before_window(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> Reason | None:
    """Return why a unit that brings a room up for its window rests now, not later.

    In a cold week it never stops by itself, and a rest within the window, or late in the
    night, costs a room that it barely holds half an hour of comfort. Only where none is due
    after this one before the window closes. None inside a window.
    """
    longest, windows, tz = (
        zone.max_continuous_on_seconds,
        zone.time_windows,
        zone.timezone,
    )
    started = runs_since(state) if longest else None
    if started is None or in_window(windows, now, tz) is not None:
        return None
    opens, closes = next_start(windows, now, tz), next_end(windows, now, tz)
    if opens is None or closes is None:
        return None
    due = started + _seconds(longest)
    spared = due < closes <= now + _seconds(longest)
    if not spared or now > opens - _seconds(_RECOVERS_SECONDS):
        return None
    detail = {"since": started.isoformat(), "due": due.isoformat()}
    return Reason(ReasonCode.MAX_CONTINUOUS_ON, detail)


def _stale(
    zone: ZoneSettings, state: ZoneState, record: SensorRecord, now: datetime
) -> Safety | None:
    age = (now - _since(state, record)).total_seconds()
    no_start, conservative, off = ladder(zone)
    if age < no_start:
        return None
    detail = {
        "age_seconds": round(age),
        "contact_at": record.good_at.isoformat() if record.good_at else None,
    }
    if age >= off:
        why = Reason(ReasonCode.SENSOR_STALE_OFF, detail)
        return Safety(Level.OFF, why, stop=True)
    if age >= conservative:
        why = Reason(ReasonCode.SENSOR_STALE_CONSERVATIVE, detail)
        return Safety(Level.CONSERVATIVE, why)
    why = Reason(ReasonCode.SENSOR_STALE_NO_NEW_START, detail)
    return Safety(Level.NO_NEW_START, why)


def _graver(one: Safety | None, other: Safety | None) -> Safety | None:
    if one is None or other is None:
        return one or other
    return other if other.level > one.level else one


def _frozen(
    zone: ZoneSettings, state: ZoneState, record: SensorRecord, now: datetime
) -> Safety | None:
    patience, changed = zone.sensor_frozen_seconds, record.changed_at
    # Asked thrice a tick, and nearly always this is the answer.
    if changed is None or (now - changed).total_seconds() < patience * _PROBE_SHARE:
        return None
    doubted = _frozen_at(zone, state, record, _PROBE_SHARE)
    if doubted is None or now < doubted:
        return None
    why = Reason(
        ReasonCode.SENSOR_FROZEN,
        {
            "temperature_celsius": record.temperature,
            "unchanged_seconds": round((now - changed).total_seconds()),
        },
    )
    at = _frozen_at(zone, state, record, 1.0)
    if at is None or now < at:
        return Safety(Level.CONSERVATIVE, why, Outcome.NO_ACTION)
    return Safety(Level.OFF, why, Outcome.INVALID_TEMPERATURE, stop=True)


def _frozen_at(
    zone: ZoneSettings, state: ZoneState, record: SensorRecord, share: float
) -> datetime | None:
    """When a value that does not move is no longer believed.

    Once it stood still for that `share` of `sensor_frozen_seconds` and the unit ran for
    at least half of that without a stop: a room that nobody heats may well keep its
    temperature.
    """
    started, changed = state.compressor_started_at, record.changed_at
    if not zone.sensor_frozen_seconds or started is None or changed is None:
        return None
    whole = zone.sensor_frozen_seconds * share
    return max(changed + _seconds(whole), started + _seconds(whole / 2))


@lru_cache(maxsize=256)  # the same few durations at every tick
def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
