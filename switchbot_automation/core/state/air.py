"""What a meter may be believed of a room's humidity and CO2. Pure.

Its thermometer is judged apart, see `meter`: the sensors beside it die by themselves, and
what wets, dries or airs a room by a dead one would do so for ever. Two things show that:

- a value that no room has: 0 % of humidity, or no CO2 at all (see `meter`);
- a value that asks for work and stands still to the last digit while the work is done, for
  as long as a temperature may (`sensor_frozen_seconds`), the unit at work for half of that
  at least. Then it counts as unknown until it says something else, and the unit rests. In a
  room that was merely calm the rest itself moves it, so that a mistake costs minutes. At the
  wet end of its scale it may stand three times as long: a wet cellar is above it for hours.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.air import too_dry, too_stale, too_wet
from switchbot_automation.core.state.around import outdoor_of
from switchbot_automation.model import Action

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.state.meter import Reading
    from switchbot_automation.core.state.zone import SensorRecord, ZoneState
    from switchbot_automation.settings.model import ZoneSettings

_SCALE_ENDS_PERCENT, _SCALE_ENDS_PPM = 99.0, 9999.0
_AT_THE_END = 3.0


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
    percent, co2, known = reading.humidity, reading.co2, before.sensing
    if percent is not None:
        same = known is not None and percent == known.humidity
        at = record.humidity_at if same else None
        dead = same and record.humidity_dead
        record = record._replace(humidity_at=at or now, humidity_dead=dead)
    if co2 is not None:
        same = co2 == record.co2
        at, dead = record.co2_at if same else None, same and record.co2_dead
        record = record._replace(co2=co2, co2_at=at or now, co2_dead=dead)
    wets, airs = _worked_for(zone, before, reading, now)
    if wets and percent is not None:
        ends = percent >= _SCALE_ENDS_PERCENT
        if _stood(zone, before, record.humidity_at, now, ends=ends):
            record = record._replace(humidity_dead=True)
    if airs and co2 is not None:
        ends = co2 >= _SCALE_ENDS_PPM
        if _stood(zone, before, record.co2_at, now, ends=ends):
            record = record._replace(co2_dead=True)
    if record.humidity_dead:
        reading = reading._replace(humidity=None)
    if record.co2_dead:
        reading = reading._replace(co2=None)
    return reading, record


def _worked_for(
    zone: ZoneSettings, state: ZoneState, reading: Reading, now: datetime
) -> tuple[bool, bool]:
    """Return whether the unit works for the humidity, and for the CO2, that is read."""
    celsius, percent = reading.temperature, reading.humidity
    runs = state.compressor_running and not state.uncertain
    action, wanted = state.action, zone.humidity
    if not runs or celsius is None:
        return False, False
    if action in (Action.DRY, Action.HUMIDIFY):
        if wanted is None or percent is None:
            return False, False
        judge = too_wet if action is Action.DRY else too_dry
        outdoor = outdoor_of(state.surroundings, now)
        return judge(wanted, celsius, percent, outdoor).works is not False, False
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
