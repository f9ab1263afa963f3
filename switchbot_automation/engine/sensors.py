"""What a thermometer may be believed. Pure: one room's readings and what is kept of them.

A value's age and a contact's age are two things. A meter that is reached and says the
same as before is in contact; only when the unit has been running for hours and nothing
moved is the value itself in doubt. Facts about SwitchBot meters: they measure -20 to 80
degrees Celsius, send within minutes of a change, and a device that lost its battery may
be answered for with zeros (SwitchBot API v1.1, meter status).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.engine.snapshot import Reading
from switchbot_automation.engine.state_values import (
    encode_instant,
    enum,
    instant,
    integer,
    number,
)
from switchbot_automation.model import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.settings_model import ZoneSettings

# A room changes by `sensor_slew_kelvin` at most within this, or in one jump.
_SLEW_SECONDS = 300.0
# So many readings in a row that agree are believed although they are far from the last:
# the room may be another one, the meter may have been carried.
_AGREE = 2
_AGREE_KELVIN = 1.0


class SensorRecord(NamedTuple):
    """What is kept of a zone's readings. Instants are aware UTC.

    `since` is where the age of what is known counts from: the last contact that gave a
    usable temperature, or the first look while there was none. `temperature` and
    `humidity` are what that contact gave, `changed_at` when either last was another.
    `distrust`: why readings are not enough for a start yet; `good` counts the usable
    ones in a row since. `odd` is a value too far from the last one, seen `odd_count`
    times.
    """

    since: datetime
    good_at: datetime | None = None
    temperature: float | None = None
    humidity: float | None = None
    changed_at: datetime | None = None
    distrust: ReasonCode | None = None
    good: int = 0
    odd: float | None = None
    odd_count: int = 0
    looked_at: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document; what is unknown is left out."""
        return {
            key: encode_instant(value) if isinstance(value, datetime) else _plain(value)
            for key, value in zip(self._fields, self, strict=True)
            if value is not None and value != 0
        }

    @classmethod
    def from_document(cls, value: Any) -> SensorRecord | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        since = instant(value.get("since"))
        if since is None:
            return None
        return cls(
            since=since,
            good_at=instant(value.get("good_at")),
            temperature=number(value.get("temperature")),
            humidity=number(value.get("humidity")),
            changed_at=instant(value.get("changed_at")),
            distrust=enum(ReasonCode, value.get("distrust")),
            good=_count(value.get("good")),
            odd=number(value.get("odd")),
            odd_count=_count(value.get("odd_count")),
            looked_at=instant(value.get("looked_at")),
        )

    def not_later_than(self, now: datetime) -> SensorRecord:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late: dict[str, Any] = {
            name: now
            for name in ("since", "good_at", "changed_at", "looked_at")
            if (at := getattr(self, name)) is not None and at > now
        }
        return self._replace(**late) if late else self


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


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, ReasonCode) else value


def _count(value: Any) -> int:
    return max(0, integer(value) or 0)
