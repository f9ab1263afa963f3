"""What a meter may be believed. Pure: one room's readings and what is kept of them.

A value's age and a contact's age are two things. A meter that is reached and says the
same as before is in contact; the value itself is in doubt once it stood still for longer
than it does: while the unit runs, see `safety`, also while it rests, and soonest where
another meter of the room moved meanwhile. Where a room has several meters each is judged
for itself, and only those that are believed are fused. Facts about SwitchBot meters: they
measure -20 to 80 degrees Celsius and send within minutes of a change (SwitchBot API v1.1,
meter status). What a single answer is worth says `said`.

Its sensors of humidity and CO2 are judged apart from its thermometer: they die by
themselves, and what wets, dries or airs a room by a dead one would do so for ever. Two
things show that:

- a value that no room has: 0 % of humidity, or no CO2 at all;
- a value that asks for work and stands still to the last digit while the work is done, for
  as long as a temperature may (`sensor_frozen_seconds`), the unit at work for half of that
  at least. Then it counts as unknown until it says something else, and the unit rests. In a
  room that was merely calm the rest itself moves it, so that a mistake costs minutes. At the
  wet end of its scale it may stand three times as long: a wet cellar is above it for hours.

What asks for no work is looked at as well, or a sensor that died at a good word would let a
room go dry or stale for ever: once the thermometer beside it moved, humidity may stand for a
day (six times as long), CO2 for six hours, at the ends of its scale for a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_automation.core.control.air import too_dry, too_stale, too_wet
from switchbot_automation.core.protect.wear import dries_further
from switchbot_automation.core.state.around import outdoor_of
from switchbot_automation.core.state.zone import SensorRecord, read_well, with_error
from switchbot_automation.model import Action, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

# A room changes by `sensor_slew_kelvin` at most within this, or in one jump.
_SLEW_SECONDS = 300.0
# So many readings in a row that agree are believed although they are far from the last:
# the room may be another one, the meter may have been carried.
_AGREE = 2
_AGREE_KELVIN = 1.0
# So far a meter that leaps may go from one reading to the next; another has to say the same.
_LEAPER_KELVIN = 1.5
# No room goes so far and comes back to within a kelvin between a few readings, the last of
# the way in one.
_LEAP_KELVIN, _LEAP_WITHIN = 2.5, timedelta(minutes=15)
# What did that twice lately is not believed at once; a leap counts half as much after
# each of the spans.
_LEAPS_OFTEN, _LEAPS_MOST = 1.5, 4.0
_LEAP_HALVES_SECONDS = 6 * 3600.0
# A meter that said the same for so long while another of its room moved so far is dead.
_LEFT_BEHIND = timedelta(hours=1)
_LEFT_BEHIND_KELVIN = 1.0
# How long a meter stands still is learned from a watch of a day; from a shorter one that
# many times more is allowed. What was seen counts half as much after each of the spans.
_WATCHED, _WATCHED_LEAST = timedelta(days=1), timedelta(hours=6)
_QUIET_HALVES_SECONDS = 3 * 86400.0
_QUIET_MARGIN = 3.0
STILL_SOONEST_SECONDS = 7200.0
# A value that moved with nearly each start and stop of the unit, so many of them watched, and
# stands through that many more than it did lately, is dead: the unit works on the room.
_TURNS_WATCHED, _TURNS_LEAST, _TURNS_MARGIN = 12, 4, 2.0
_TURNS_FADE, _TURNS_COUNTED = 0.995, 100
# While the unit rests nothing moves the room, so that a value may stand three times as
# long as while it runs.
_RESTING = 3.0
_MEDIAN_NEEDS = 3


class Reading(NamedTuple):
    """What a meter gave this tick.

    `temperature` in degrees Celsius is None when there is none, and then `problem` says
    why. `humidity` in percent. `received_at` is when the answer came. `source`: ``push``
    for what an event said; None for an answer that was asked for. `each`: where the zone
    has several meters what each of them gave, by device id; see `judged`. `co2` in ppm.
    """

    temperature: float | None = None
    humidity: float | None = None
    received_at: datetime | None = None
    problem: ReasonCode | None = None
    error: str | None = None
    source: str | None = None
    each: Mapping[str, Reading] | None = None
    co2: float | None = None

    def made_at(self, now: datetime) -> datetime:
        """Return when the temperature was read; `now` where nobody knows that."""
        at = self.received_at
        return now if at is None or at > now else at


def _of_a_room(reading: Reading) -> Reading:
    """Return the reading without a humidity or CO2 that no room has."""
    percent, co2 = reading.humidity, reading.co2
    if percent is not None and not 0.0 < percent <= 100.0:  # noqa: PLR2004 - percent
        reading = reading._replace(humidity=None)
    if co2 is not None and co2 <= 0.0:
        reading = reading._replace(co2=None)
    return reading


def plausible(zone: ZoneSettings, reading: Reading) -> Reading:
    """Return the reading, or one without a temperature that says why it cannot be."""
    temperature = reading.temperature
    if temperature is None:
        return reading
    if zone.plausible_min_celsius <= temperature <= zone.plausible_max_celsius:
        return reading
    return implausible(reading, f"{temperature:g} °C cannot be")


def implausible(reading: Reading, words: str) -> Reading:
    """Return the reading without the temperature that is not believed."""
    problem = ReasonCode.TEMPERATURE_IMPLAUSIBLE
    return reading._replace(temperature=None, problem=problem, error=words)


def believed(
    zone: ZoneSettings,
    record: SensorRecord | None,
    reading: Reading,
    now: datetime,
    *,
    turned_at: datetime | None = None,
) -> tuple[Reading, SensorRecord]:
    """Check a reading against what was known, and keep what it adds.

    `turned_at`: when the unit was last started or stopped, which moves the room. Returns the reading, without its temperature where no room has it, and the new
    record. One that jumped further than a room can may stop a unit but not start one,
    see `safety`, until several agree; one of a meter that jumps and comes back again and
    again may do neither.
    """
    record = seen(zone, record, now)
    if zone.sensor_slew_kelvin > 0:
        record = _after_leap(record, reading.temperature, now)
    reading = plausible(zone, _of_a_room(reading))
    temperature = reading.temperature
    if temperature is None:
        record = record._replace(good=0, odd=None, odd_count=0)
        return reading, doubted(record, reading.problem, now)
    if _too_far(zone, record, temperature, now):
        agrees = record.odd is not None and (
            abs(record.odd - temperature) <= _AGREE_KELVIN
        )
        count = record.odd_count + 1 if agrees else 1
        if count < _AGREE:
            jumped = ReasonCode.TEMPERATURE_JUMPED
            if leaps_often(record, now):
                words = f"{temperature:g} °C after {record.temperature:g} °C, once more"
                reading = reading._replace(
                    temperature=None, problem=jumped, error=words
                )
            record = record._replace(good=0, odd=temperature, odd_count=count)
            return reading, doubted(record, jumped, now)
    record = _good(zone, record, reading, now, turned_at)
    why = record.distrust
    if why is None and (
        stands_still(zone, record, now) or stands_through_turns(zone, record)
    ):
        why = ReasonCode.SENSOR_FROZEN
    if why is None and leaps_often(record, now):
        why = ReasonCode.TEMPERATURE_JUMPED
    return reading, doubted(record, why, now)


def doubted(
    record: SensorRecord, why: ReasonCode | None, now: datetime
) -> SensorRecord:
    """Return the record with why its meter is not believed, None where it is."""
    if record.doubt is why:
        return record
    return record._replace(doubt=why, doubted_at=now if why else None)


def still_limit(zone: ZoneSettings, record: SensorRecord) -> float:
    """Return for how many seconds a value may stand still while the unit rests.

    Three times as long as it was seen to lately, once it was watched for a day, and more
    before; infinite where the settings let it stand for ever.
    """
    longest = zone.sensor_frozen_seconds * _RESTING
    if not longest:
        return float("inf")
    since, looked = record.watched_since, record.looked_at
    if since is None or looked is None or not record.quiet:
        return longest
    watched = looked - since
    if watched < _WATCHED_LEAST:
        return longest
    seen_to = max(STILL_SOONEST_SECONDS, record.quiet * _QUIET_MARGIN)
    return min(longest, seen_to * max(1.0, _WATCHED / watched))


def stands_still(zone: ZoneSettings, record: SensorRecord, now: datetime) -> bool:
    """Tell whether a value stands still for longer than it does, whatever the unit does."""
    changed, longest = record.changed_at, zone.sensor_frozen_seconds * _RESTING
    if changed is None or not longest:
        return False
    stood = (now - changed).total_seconds()
    # Asked at every reading, and nearly always it moved too lately for any limit.
    if stood < STILL_SOONEST_SECONDS and stood < longest:
        return False
    return stood >= still_limit(zone, record)


def stands_through_turns(zone: ZoneSettings, record: SensorRecord) -> bool:
    """Tell whether a value stands still through more of its unit's turns than it ever does.

    A heater that goes on and off moves a room each time, whatever it has in the middle: so
    this is known long before a calm room could be told from a dead meter by the hour.
    """
    if not zone.sensor_frozen_seconds or record.turns_seen < _TURNS_WATCHED:
        return False
    most = max(float(_TURNS_LEAST), record.most_turns * _TURNS_MARGIN + 1.0)
    return record.turns >= most


def _good(
    zone: ZoneSettings,
    record: SensorRecord,
    reading: Reading,
    now: datetime,
    turned_at: datetime | None,
) -> SensorRecord:
    """Return the record after a reading that is no jump.

    `turned_at`: what the unit's starts and stops add, see `SensorRecord`.
    """
    same = (
        record.temperature == reading.temperature
        and record.humidity == reading.humidity
    )
    changed_at = record.changed_at if same and record.changed_at else now
    quiet = record.quiet
    if not same and record.changed_at and not stands_still(zone, record, now):
        stood = (now - record.changed_at).total_seconds()
        quiet = max(stood, quiet * 0.5 ** (stood / _QUIET_HALVES_SECONDS))
    good, distrust = record.good + 1, record.distrust
    if distrust is ReasonCode.SENSOR_FROZEN and changed_at == record.changed_at:
        # It says what it has said for hours; the first other word is the first good one.
        good = 0 if record.good == 0 else good
    if good >= zone.sensor_recovery_readings:
        distrust = None
    if distrust is None:
        good = 0
    turned = record.turned_at is not None and turned_at != record.turned_at
    turns, most, watched = record.turns + turned, record.most_turns, record.turns_seen
    if changed_at != record.changed_at:
        most = round(max(float(turns), most * _TURNS_FADE), 3)
        watched = min(watched + turns, _TURNS_COUNTED)
        turns = 0
    # Whole, since nearly all of it is new at every reading.
    return SensorRecord(
        since=now,
        good_at=now,
        temperature=reading.temperature,
        humidity=reading.humidity,
        changed_at=changed_at,
        distrust=distrust,
        good=good,
        odd=None,
        odd_count=0,
        looked_at=now,
        quiet=round(quiet, 1),
        watched_since=record.watched_since or now,
        beside=record.beside,
        doubt=record.doubt,
        doubted_at=record.doubted_at,
        base=record.base,
        leaps=record.leaps,
        leapt_at=record.leapt_at,
        humidity_at=record.humidity_at,
        humidity_dead=record.humidity_dead,
        co2=record.co2,
        co2_at=record.co2_at,
        co2_dead=record.co2_dead,
        turns=turns,
        turned_at=turned_at,
        most_turns=most,
        turns_seen=watched,
    )


def seen(
    zone: ZoneSettings, record: SensorRecord | None, now: datetime
) -> SensorRecord:
    """Return the record after a look at `now`, whatever it gave.

    Where nobody looked for longer than the unit may run unseen, because the engine was
    down, the age counts from this look on: it is not the sensor that was away.
    """
    if record is None:
        return SensorRecord(since=now, looked_at=now)
    looked = record.looked_at or record.since
    if (now - looked).total_seconds() > longest_silence(zone):
        return record._replace(
            since=now,
            looked_at=now,
            changed_at=None,
            watched_since=None,
            quiet=0.0,
            turns=0,
            turned_at=None,
            humidity_at=None,
            co2_at=None,
        )
    return record._replace(looked_at=now)


def longest_silence(zone: ZoneSettings) -> float:
    """Return for how many seconds a room that is looked after may go without a look."""
    idle = zone.idle_poll_interval_seconds if zone.adaptive_polling_enabled else 0
    return 4.0 * max(1200.0, zone.poll_interval_seconds, idle)


def _after_leap(
    record: SensorRecord, temperature: float | None, now: datetime
) -> SensorRecord:
    """Return the record with what a reading adds to how often its meter leaps."""
    if temperature is None:
        return record
    leapt_at = record.leapt_at
    lately = leapt_at is not None and now - leapt_at <= _LEAP_WITHIN
    if record.base is not None:
        back = abs(temperature - record.base) <= _AGREE_KELVIN
        heard = record.temperature if record.odd is None else record.odd
        went = heard is not None and abs(heard - record.base) > _AGREE_KELVIN
        if (
            lately
            and back
            and went
            and abs(temperature - (heard or 0.0)) < _LEAP_KELVIN
        ):
            # Little by little, as the room of a strong unit does that was stopped.
            return record._replace(base=None)
        if lately and back:
            leaps = min(_LEAPS_MOST, _leaps(record, now) + 1.0)
            return record._replace(base=None, leaps=round(leaps, 3), leapt_at=now)
        if lately:
            return record
        record = record._replace(base=None)
    last, at = record.temperature, record.good_at
    if last is None or at is None or now - at > _LEAP_WITHIN:
        return record
    if abs(temperature - last) < _LEAP_KELVIN:
        return record
    leaps = round(_leaps(record, now), 3)
    return record._replace(base=last, leaps=leaps, leapt_at=now)


def _leaps(record: SensorRecord, now: datetime) -> float:
    if not record.leaps or record.leapt_at is None:
        return 0.0
    age = max(0.0, (now - record.leapt_at).total_seconds())
    return float(record.leaps * 0.5 ** (age / _LEAP_HALVES_SECONDS))


def leaps_often(record: SensorRecord, now: datetime) -> bool:
    """Tell whether a meter jumped and came back lately, and not only once."""
    return _leaps(record, now) >= _LEAPS_OFTEN


def _too_far(
    zone: ZoneSettings, record: SensorRecord, temperature: float, now: datetime
) -> bool:
    step = zone.sensor_slew_kelvin
    if step <= 0 or record.temperature is None or record.good_at is None:
        return False
    seconds = (now - record.good_at).total_seconds()
    if leaps_often(record, now):
        step = min(step, _LEAPER_KELVIN)
    allowed = step * max(1.0, seconds / _SLEW_SECONDS)
    return abs(temperature - record.temperature) > allowed


# --- the air's sensors ------------------------------------------------------------

_SCALE_ENDS_PERCENT, _SCALE_ENDS_PPM, _FRESH_PPM = 99.0, 9999.0, 400.0
_AT_THE_END = 3.0
# How many times as long as beside a unit at work, see the head of this file.
_PERCENT_RESTS, _PPM_RESTS = 6.0, 1.5
_MOVES_AIR = frozenset({Action.DRY, Action.HUMIDIFY, Action.VENTILATE, Action.PURIFY})


def air_believed(
    zone: ZoneSettings,
    before: ZoneState,
    record: SensorRecord,
    reading: Reading,
    now: datetime,
) -> tuple[Reading, SensorRecord]:
    """Return the reading without what of the air stands still, and the record of it.

    `before` is the state before this reading, `record` what the thermometer's judgement
    made of it, `reading` what was believed so far.
    """
    percent, co2 = reading.humidity, reading.co2
    if percent is None and co2 is None:
        return reading, record
    record = _with_air(record, before.sensing, reading, now)
    wets, airs = _worked_for(zone, before, reading, now)
    if percent is not None:
        ends, since = percent >= _SCALE_ENDS_PERCENT, record.humidity_at
        stood = wets and _stood(zone, before, since, now, ends=ends)
        keeps = zone.humidity is not None
        if stood or (keeps and _rests(zone, record, since, now, _PERCENT_RESTS)):
            record = record._replace(humidity_dead=True)
    if co2 is not None:
        ends, since = co2 >= _SCALE_ENDS_PPM, record.co2_at
        stood = airs and _stood(zone, before, since, now, ends=ends)
        times = _PERCENT_RESTS if ends or co2 <= _FRESH_PPM else _PPM_RESTS
        if stood or (zone.air and _rests(zone, record, since, now, times)):
            record = record._replace(co2_dead=True)
    if record.humidity_dead:
        reading = reading._replace(humidity=None)
    if record.co2_dead:
        reading = reading._replace(co2=None)
    return reading, record


def _with_air(
    record: SensorRecord, known: SensorRecord | None, reading: Reading, now: datetime
) -> SensorRecord:
    """Return the record with since when humidity and CO2 say what they say now.

    `known` is the record before this reading.
    """
    percent, co2 = reading.humidity, reading.co2
    if percent is not None:
        same = known is not None and percent == known.humidity
        at = (record.humidity_at if same else None) or now
        dead = same and record.humidity_dead
        if at is not record.humidity_at or dead is not record.humidity_dead:
            record = record._replace(humidity_at=at, humidity_dead=dead)
    if co2 is not None:
        same = co2 == record.co2
        at = (record.co2_at if same else None) or now
        if not same or at is not record.co2_at:
            dead = same and record.co2_dead
            record = record._replace(co2=co2, co2_at=at, co2_dead=dead)
    return record


def _worked_for(
    zone: ZoneSettings, state: ZoneState, reading: Reading, now: datetime
) -> tuple[bool, bool]:
    """Return whether the unit works for the humidity, and for the CO2, that is read."""
    celsius, percent = reading.temperature, reading.humidity
    action, wanted = state.action, zone.humidity
    if action not in _MOVES_AIR or celsius is None:
        return False, False
    if state.uncertain or not state.compressor_running:
        return False, False
    if action in (Action.DRY, Action.HUMIDIFY):
        if wanted is None or percent is None:
            return False, False
        outdoor = outdoor_of(state.surroundings, now)
        if action is Action.DRY:
            # To where it is let go on, or it would be doubted on the way.
            further = dries_further(zone, state, now)
            want = too_wet(wanted, celsius, percent, outdoor, further=further)
        else:
            want = too_dry(wanted, celsius, percent, outdoor)
        return want.works is not False, False
    if action in (Action.VENTILATE, Action.PURIFY):
        stale = too_stale(zone, reading.co2)
        return False, stale is not None and stale.works is not False
    return False, False


def _stood(
    zone: ZoneSettings,
    state: ZoneState,
    since: datetime | None,
    now: datetime,
    *,
    ends: bool,
) -> bool:
    """Tell whether a value has stood still for longer than air that is worked on does."""
    seconds = zone.sensor_frozen_seconds * (_AT_THE_END if ends else 1.0)
    started = state.compressor_started_at
    if not seconds or since is None or started is None:
        return False
    stood = now - since >= timedelta(seconds=seconds)
    return stood and now - started >= timedelta(seconds=seconds / 2.0)


def _rests(
    zone: ZoneSettings,
    record: SensorRecord,
    since: datetime | None,
    now: datetime,
    times: float,
) -> bool:
    """Tell whether a value stands for longer than air does that nobody works on.

    Something else of its meter has to have moved meanwhile: one that says nothing new at
    all is judged by its temperature.
    """
    seconds, moved = zone.sensor_frozen_seconds * times, record.changed_at
    if not seconds or since is None or moved is None or moved <= since:
        return False
    return now - since >= timedelta(seconds=seconds)


# --- several meters in one room ---------------------------------------------------


def judged(
    zone: ZoneSettings,
    records: Mapping[str, SensorRecord],
    found: Mapping[str, Reading],
    now: datetime,
) -> tuple[Reading, dict[str, SensorRecord]]:
    """Judge each meter of a zone for itself; return one reading of those believed.

    `records` is what is kept of each, `found` what each gave, by device id; one that was
    not asked keeps its record. Not believed is a meter without a temperature, one that
    jumped or stands still, one that was left behind by another that moved, and one that
    disagrees: with the middle of three or more, or with a better one of two, the list
    having the best first. Where none is believed all count that gave a temperature.
    """
    readings: dict[str, Reading] = {}
    kept = dict(records)
    for sensor in zone.sensors:
        meter = sensor.device_id
        reading = found[meter]
        if reading.problem is not ReasonCode.QUOTA_RESERVE:
            reading, kept[meter] = believed(zone, records.get(meter), reading, now)
        readings[meter] = reading
    warm = {
        meter: reading.temperature
        for meter, reading in readings.items()
        if reading.temperature is not None
    }
    trusted = {
        meter: each
        for meter, each in warm.items()
        if meter in kept and kept[meter].doubt is None
    }
    middle = zone.sensor_fusion == "median" and len(trusted) >= _MEDIAN_NEEDS
    for meter, why in _contradicted(zone, kept, trusted, now).items():
        if why is ReasonCode.SENSOR_FROZEN or not middle:
            # Of three or more the middle one is the same whatever one liar says.
            del trusted[meter]
        before = records.get(meter)
        since = before.doubted_at if before and before.doubt is why else now
        kept[meter] = doubted(kept[meter], why, since or now)
        if why is ReasonCode.SENSOR_FROZEN:
            kept[meter] = kept[meter]._replace(distrust=why, good=0)
    for meter in trusted:
        if kept[meter].changed_at == now or not kept[meter].beside:
            beside = tuple((other, at) for other, at in warm.items() if other != meter)
            kept[meter] = kept[meter]._replace(beside=beside)
    chosen = trusted or warm
    return fused(
        zone, {m: each for m, each in readings.items() if m in chosen} or (readings)
    ), kept


def _contradicted(
    zone: ZoneSettings,
    records: Mapping[str, SensorRecord],
    trusted: Mapping[str, float],
    now: datetime,
) -> dict[str, ReasonCode]:
    """Return which of the meters that are trusted by themselves the others contradict."""
    found: dict[str, ReasonCode] = {}
    for meter in trusted:
        record = records[meter]
        changed = record.changed_at
        if (
            changed is None
            or now - changed < _LEFT_BEHIND
            or not (zone.sensor_frozen_seconds)
        ):
            continue
        if any(
            other in trusted and abs(trusted[other] - then) >= _LEFT_BEHIND_KELVIN
            for other, then in record.beside
        ):
            found[meter] = ReasonCode.SENSOR_FROZEN
    left = {meter: each for meter, each in trusted.items() if meter not in found}
    most = zone.sensor_disagree_kelvin
    if not most or len(left) < 2:  # noqa: PLR2004 - who should disagree with whom
        return found
    middle = (
        _median([(1.0, each) for each in left.values()])
        if len(left) >= _MEDIAN_NEEDS
        else next(iter(left.values()))
    )
    for meter, each in left.items():
        if abs(each - middle) > most:
            found[meter] = ReasonCode.METERS_DISAGREE
    return found


def fused(zone: ZoneSettings, readings: Mapping[str, Reading]) -> Reading:
    """Return one reading for a zone from those of its meters that count, by device id.

    `median`: the middle one, so that a single liar among three changes nothing.
    `weighted`: the mean by `weight`. `fallback`: the first in the order of the list
    that gave anything. Without a usable one the first meter's problem stands.
    """
    counted = [
        (sensor.weight, readings[sensor.device_id])
        for sensor in zone.sensors
        if sensor.device_id in readings
    ]
    usable = [each for each in counted if each[1].temperature is not None]
    if not usable:
        return counted[0][1]
    if zone.sensor_fusion == "fallback":
        return usable[0][1]
    temperatures = [(weight, each.temperature or 0.0) for weight, each in usable]
    humidities = [
        (weight, each.humidity) for weight, each in usable if each.humidity is not None
    ]
    merge = _weighted if zone.sensor_fusion == "weighted" else _median
    received = [each.received_at for _weight, each in usable if each.received_at]
    return Reading(
        temperature=merge(temperatures),
        humidity=merge(humidities) if humidities else None,
        # The newest: one that still answers is contact.
        received_at=max(received, default=None),
        # Of several the worst: people breathe where it is.
        co2=max(
            (each.co2 for _weight, each in usable if each.co2 is not None), default=None
        ),
    )


def doubts_of_meters(
    zone: ZoneSettings, state: ZoneState
) -> Mapping[str, tuple[ReasonCode, datetime | None]]:
    """Return which of a zone's meters are not believed: why, and since when, aware UTC.

    The pure fact for health, explanations and the command line.
    """
    single = ((zone.meter_device_id, state.sensing),) if state.sensing else ()
    records = state.meters_seen if len(zone.meters) > 1 else single
    return {
        meter: (record.doubt, record.doubted_at)
        for meter, record in records
        if record.doubt is not None and meter in zone.meters
    }


def _median(values: list[tuple[float, float]]) -> float:
    from statistics import median  # noqa: PLC0415 - most zones have one meter

    return round(median(value for _weight, value in values), 3)


def _weighted(values: list[tuple[float, float]]) -> float:
    total = sum(weight for weight, _value in values)
    return round(sum(weight * value for weight, value in values) / total, 3)


TOO_OLD: Final = "too_old"
"""What a state says of a temperature that nobody renewed in time."""

UNREACHABLE: Final = "api_error"
"""What a state says of a temperature whose meter did not answer."""

APP_START: Final = "app_start"
"""What a state says of a temperature that an earlier process read."""


UNREACHED: Final = frozenset(
    {
        ReasonCode.METER_UNREACHABLE,
        ReasonCode.CLOUD_UNREACHABLE,
        ReasonCode.TOKEN_REFUSED,
        ReasonCode.CLOCK_REFUSED,
        ReasonCode.HUB_OFFLINE,
        ReasonCode.DEVICE_NOT_FOUND,
    }
)
"""Why a meter was not reached: it, or what lies between."""

# It was not reached, whatever the cloud answered in its place.
_SILENT = UNREACHED | {ReasonCode.DEVICE_OFFLINE}


def after_reading(
    state: ZoneState, reading: Reading, record: SensorRecord | None
) -> ZoneState:
    """Return the state with what a meter gave, or failed to give.

    `record` is what is kept of its readings from now on, see `believed`. When the last
    temperature was read does not move with attempts that gave none.
    """
    if reading.problem is ReasonCode.NO_METER:
        return state
    if reading.problem in _SILENT:
        return with_error(state, reading.error)._replace(
            last_asked_at=reading.received_at,
            last_temperature_stale=True,
            last_temperature_stale_reason=UNREACHABLE,
            sensing=record,
        )
    was_unreachable = state.last_temperature_stale_reason == UNREACHABLE
    if was_unreachable or state.error_count:
        state = read_well(state, forget_error=was_unreachable)
    return state._replace(
        last_temperature=reading.temperature,
        last_humidity=reading.humidity,
        last_co2=reading.co2,
        last_read_at=(
            state.last_read_at if reading.temperature is None else reading.received_at
        ),
        last_asked_at=reading.received_at,
        last_temperature_stale=False,
        last_temperature_stale_reason=None,
        sensing=record,
    )


def given_up(state: ZoneState) -> ZoneState:
    """Return the state without belief in a temperature that nobody renewed."""
    if state.last_temperature_stale:
        return state
    return state._replace(
        last_temperature_stale=True, last_temperature_stale_reason=TOO_OLD
    )


def unreached_by(state: ZoneState) -> ReasonCode:
    """Return why the meter could not be reached, as far as is known since."""
    known = state.keeping.blind_why if state.keeping is not None else None
    return known if known in UNREACHED else ReasonCode.METER_UNREACHABLE


def remembered(state: ZoneState) -> Reading:
    """Return what the last reading gave, good or bad."""
    if state.last_temperature_stale:
        old = state.last_temperature_stale_reason == TOO_OLD
        return Reading(
            received_at=state.last_read_at,
            problem=ReasonCode.READING_TOO_OLD if old else unreached_by(state),
            error=None if old else state.last_error,
        )
    problem = ReasonCode.NO_READING if state.last_temperature is None else None
    return Reading(
        state.last_temperature,
        state.last_humidity,
        state.last_read_at,
        problem,
        co2=state.last_co2,
    )


def with_meters_seen(
    state: ZoneState, records: Mapping[str, SensorRecord]
) -> ZoneState:
    """Return the state with what is kept of each of the zone's meters."""
    return state._replace(meters_seen=tuple(records.items()))


def with_sensing(state: ZoneState, record: SensorRecord) -> ZoneState:
    """Return the state with what is kept of its readings."""
    return state._replace(sensing=record)


def value_known_since(state: ZoneState, since: datetime | None) -> ZoneState:
    """Return the state with when the meter last showed another value, None: unknown."""
    return state if since == state.value_since else state._replace(value_since=since)


def not_read_yet(state: ZoneState) -> ZoneState:
    """Return a state that was just opened: its temperature is from another life."""
    return state._replace(
        last_temperature_stale=True, last_temperature_stale_reason=APP_START
    )
