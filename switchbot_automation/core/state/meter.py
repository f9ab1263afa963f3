"""What a thermometer may be believed. Pure: one room's readings and what is kept of them.

A value's age and a contact's age are two things. A meter that is reached and says the
same as before is in contact; only when the unit has been running for hours and nothing
moved is the value itself in doubt. Facts about SwitchBot meters: they measure -20 to 80
degrees Celsius, send within minutes of a change, and a device that lost its battery may
be answered for with zeros (SwitchBot API v1.1, meter status).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.zone import SensorRecord, read_well, with_error
from switchbot_automation.model import ReasonCode

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


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter gave this tick.

    `temperature` in degrees Celsius is None when there is none, and then `problem` says
    why. `humidity` in percent. `received_at` is when the answer came. `source`: ``push``
    for what an event said; None for an answer that was asked for.
    """

    temperature: float | None = None
    humidity: float | None = None
    received_at: datetime | None = None
    problem: ReasonCode | None = None
    error: str | None = None
    source: str | None = None

    def made_at(self, now: datetime) -> datetime:
        """Return when the temperature was read; `now` where nobody knows that."""
        at = self.received_at
        return now if at is None or at > now else at


def all_zero(fields: Mapping[str, Any]) -> bool:
    """Tell whether an answer is nothing but zeros, which no room and no battery is.

    0 degrees by itself is a cold room; with 0 % humidity it is a device that is gone.
    """
    return (
        _is_zero(fields.get("temperature"))
        and _is_zero(fields.get("humidity"))
        and (fields.get("battery") is None or _is_zero(fields.get("battery")))
    )


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
    return replace(reading, temperature=None, problem=problem, error=words)


def believed(
    zone: ZoneSettings, record: SensorRecord | None, reading: Reading, now: datetime
) -> tuple[Reading, SensorRecord]:
    """Check a reading against what was known, and keep what it adds.

    Returns the reading, without its temperature where no room has it, and the new
    record. One that jumped further than a room can may stop a unit but not start one,
    see `safety`, until several agree.
    """
    record = seen(zone, record, now)
    reading = plausible(zone, reading)
    temperature = reading.temperature
    if temperature is None:
        return reading, record._replace(good=0, odd=None, odd_count=0)
    if _too_far(zone, record, temperature, now):
        agrees = record.odd is not None and (
            abs(record.odd - temperature) <= _AGREE_KELVIN
        )
        count = record.odd_count + 1 if agrees else 1
        if count < _AGREE:
            return reading, record._replace(good=0, odd=temperature, odd_count=count)
    return reading, _good(zone, record, reading, now)


def _good(
    zone: ZoneSettings, record: SensorRecord, reading: Reading, now: datetime
) -> SensorRecord:
    same = (
        record.temperature == reading.temperature
        and record.humidity == reading.humidity
    )
    changed_at = record.changed_at if same and record.changed_at else now
    good, distrust = record.good + 1, record.distrust
    if distrust is ReasonCode.SENSOR_FROZEN and changed_at == record.changed_at:
        # It says what it has said for hours; the first other word is the first good one.
        good = 0 if record.good == 0 else good
    if good >= zone.sensor_recovery_readings:
        distrust = None
    if distrust is None:
        good = 0
    return SensorRecord(
        since=now,
        good_at=now,
        temperature=reading.temperature,
        humidity=reading.humidity,
        changed_at=changed_at,
        distrust=distrust,
        good=good,
        looked_at=now,
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
    if now - looked > timedelta(seconds=longest_silence(zone)):
        return record._replace(since=now, looked_at=now, changed_at=None)
    return record._replace(looked_at=now)


def longest_silence(zone: ZoneSettings) -> float:
    """Return for how many seconds a room that is looked after may go without a look."""
    idle = zone.idle_poll_interval_seconds if zone.adaptive_polling_enabled else 0
    return 4.0 * max(1200.0, zone.poll_interval_seconds, idle)


def _too_far(
    zone: ZoneSettings, record: SensorRecord, temperature: float, now: datetime
) -> bool:
    step = zone.sensor_slew_kelvin
    if step <= 0 or record.temperature is None or record.good_at is None:
        return False
    seconds = (now - record.good_at).total_seconds()
    allowed = step * max(1.0, seconds / _SLEW_SECONDS)
    return abs(temperature - record.temperature) > allowed


# --- several meters in one room ---------------------------------------------------


def fused(zone: ZoneSettings, found: Mapping[str, Reading]) -> Reading:
    """Return one reading for a zone from those of its meters, by device id.

    `median`: the middle one, so that a single liar among three changes nothing.
    `weighted`: the mean by `weight`. `fallback`: the first in the order of the list
    that gave anything. Without a usable one the first meter's problem stands.
    """
    sensors = zone.sensors
    readings = [plausible(zone, found[each.device_id]) for each in sensors]
    usable = [
        (sensor.weight, reading)
        for sensor, reading in zip(sensors, readings, strict=True)
        if reading.temperature is not None
    ]
    if not usable:
        return readings[0]
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
    )


def _median(values: list[tuple[float, float]]) -> float:
    from statistics import median  # noqa: PLC0415 - most zones have one meter

    return round(median(value for _weight, value in values), 3)


def _weighted(values: list[tuple[float, float]]) -> float:
    total = sum(weight for weight, _value in values)
    return round(sum(weight * value for weight, value in values) / total, 3)


# --- values of a document ----------------------------------------------------------


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


TOO_OLD: Final = "too_old"
"""What a state says of a temperature that nobody renewed in time."""

UNREACHABLE: Final = "api_error"
"""What a state says of a temperature whose meter did not answer."""

APP_START: Final = "app_start"
"""What a state says of a temperature that an earlier process read."""


def after_reading(
    state: ZoneState, reading: Reading, record: SensorRecord | None
) -> ZoneState:
    """Return the state with what a meter gave, or failed to give.

    `record` is what is kept of its readings from now on, see `believed`.
    """
    if reading.problem is ReasonCode.NO_METER:
        return state
    if reading.problem is ReasonCode.METER_UNREACHABLE:
        return with_error(state, reading.error)._replace(
            last_read_at=reading.received_at,
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
        last_read_at=reading.received_at,
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


def remembered(state: ZoneState) -> Reading:
    """Return what the last reading gave, good or bad."""
    if state.last_temperature_stale:
        old = state.last_temperature_stale_reason == TOO_OLD
        return Reading(
            received_at=state.last_read_at,
            problem=ReasonCode.READING_TOO_OLD if old else ReasonCode.METER_UNREACHABLE,
            error=None if old else state.last_error,
        )
    problem = ReasonCode.NO_READING if state.last_temperature is None else None
    return Reading(
        state.last_temperature, state.last_humidity, state.last_read_at, problem
    )


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
