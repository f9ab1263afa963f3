"""What the air of a room asks for besides warmth: drier, wetter, fresher, shaded. Pure.

Every want has a place where it begins and one, a hysteresis further in, where it is
enough; in between a unit that works goes on and one that rests does not begin. So nothing
is remembered beside what the unit does. Formulas with their source:

- saturation pressure over water: Magnus, WMO-No. 8 (2018), annex 4.B;
- what the air feels like: Steadman 1994 in the form without radiation of the Australian
  Bureau of Meteorology, AT = T + 0.33 e - 0.70 v - 4.00, with e in hPa and here v = 0;
- mould: ISO 13788 asks for at most 80 % at the coldest surface, whose temperature is that
  outdoors plus fRsi of the difference to indoors; 0.7 is a poorly insulated wall.

    round(dew_point(22.0, 50.0), 1)  # 11.1
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.model import Action, Reason, ReasonCode

if TYPE_CHECKING:
    from switchbot_automation.settings.model import Humidity, Profile, ZoneSettings

_A, _B, _C = 6.112, 17.62, 243.12
_SURFACE_FACTOR = 0.7
_MOULD_PERCENT = 80.0
_MOST_FELT_KELVIN = 3.0
# A dew point is judged by a hysteresis of its own: so many percent are about so much at 22 °C.
_DEW_KELVIN, _DEW_PERCENT = 1.0, 3.0
_FELT_STEP = 0.1


class Want(NamedTuple):
    """Whether a unit is to work, None for as it does now; and why."""

    works: bool | None
    reason: Reason


def saturation(celsius: float) -> float:
    """Return the saturation pressure of water vapour in hPa."""
    return _A * math.exp(_B * celsius / (_C + celsius))


def dew_point(celsius: float, percent: float) -> float:
    """Return the dew point in degrees Celsius of air of that relative humidity."""
    gamma = math.log(max(percent, 0.1) / 100.0) + _B * celsius / (_C + celsius)
    return _C * gamma / (_B - gamma)


def felt_kelvin(celsius: float, percent: float) -> float:
    """Return by how many kelvin air feels warmer than it is, in steps of 0.1 K."""
    vapour = percent / 100.0 * saturation(celsius)
    felt = 0.33 * vapour - 4.0
    bounded = max(-_MOST_FELT_KELVIN, min(_MOST_FELT_KELVIN, felt))
    return round(bounded / _FELT_STEP) * _FELT_STEP


def surface_percent(celsius: float, percent: float, outdoor: float) -> float:
    """Return the relative humidity at the coldest surface of a room."""
    surface = outdoor + _SURFACE_FACTOR * (celsius - outdoor)
    return percent * saturation(celsius) / saturation(min(surface, celsius))


def too_wet(
    wanted: Humidity,
    celsius: float,
    percent: float,
    outdoor: float | None,
    *,
    further: float = 0.0,
) -> Want:
    """Return whether air is to be dried.

    A unit that works goes on by `further` percent beyond the hysteresis, though never into
    air that is to be wetted.
    """
    back = wanted.hysteresis_percent
    if further and wanted.min_percent is not None and wanted.max_percent is not None:
        room = wanted.max_percent - wanted.min_percent - 2.0 * back
        further = max(0.0, min(further, room))
    dew_back = _DEW_KELVIN * (1.0 + further / _DEW_PERCENT)
    back += further
    ends: list[tuple[float, float, float, ReasonCode]] = []
    if wanted.max_percent is not None:
        code = ReasonCode.HUMIDITY_ABOVE
        ends.append((percent, wanted.max_percent, back, code))
    if wanted.max_dew_point_celsius is not None:
        dew = round(dew_point(celsius, percent), 1)
        limit = wanted.max_dew_point_celsius
        ends.append((dew, limit, dew_back, ReasonCode.DEW_POINT_ABOVE))
    if wanted.mould_risk and outdoor is not None:
        at_wall = round(surface_percent(celsius, percent, outdoor), 1)
        ends.append((at_wall, _MOULD_PERCENT, back, ReasonCode.MOULD_RISK))
    undecided = None
    for value, limit, slack, code in ends:
        # What is a temperature says so by its name, and is told in a person's degrees.
        unit = "_celsius" if code is ReasonCode.DEW_POINT_ABOVE else ""
        why = Reason(code, {f"value{unit}": value, f"limit{unit}": limit})
        if value > limit:
            return Want(works=True, reason=why)
        if value > limit - slack:
            undecided = Want(works=None, reason=why)
    within = Reason(ReasonCode.HUMIDITY_WITHIN, {"value": percent})
    return undecided or Want(works=False, reason=within)


def too_dry(
    wanted: Humidity, celsius: float, percent: float, outdoor: float | None
) -> Want:
    """Return whether air is to be wetted: never where that would end in drying it."""
    within = Reason(ReasonCode.HUMIDITY_WITHIN, {"value": percent})
    low = wanted.min_percent
    if low is None:
        return Want(works=False, reason=within)
    wet = too_wet(wanted, celsius, percent, outdoor)
    if wet.works is not False:
        return Want(works=False, reason=wet.reason)
    why = Reason(ReasonCode.HUMIDITY_BELOW, {"value": percent, "limit": low})
    if percent < low:
        return Want(works=True, reason=why)
    if percent < low + wanted.hysteresis_percent:
        return Want(works=None, reason=why)
    return Want(works=False, reason=within)


def too_stale(zone: ZoneSettings, co2: float | None) -> Want | None:
    """Return whether air is to be changed, None where nothing is wanted or known."""
    if zone.air is None or co2 is None:
        return None
    limit = zone.air.max_co2_ppm
    why = Reason(ReasonCode.CO2_ABOVE, {"value": co2, "limit": limit})
    if co2 > limit:
        return Want(works=True, reason=why)
    if co2 > limit - zone.air.hysteresis_ppm:
        return Want(works=None, reason=why)
    return Want(
        works=False,
        reason=Reason(ReasonCode.CO2_WITHIN, {"value": co2, "limit": limit}),
    )


def wanted_of(
    zone: ZoneSettings,
    celsius: float,
    percent: float | None,
    co2: float | None,
    outdoor: float | None,
    *,
    further: float = 0.0,
) -> Want:
    """Return whether what a unit does is wanted of it in a room of that air.

    `co2` in ppm; None where the room's meter does not say it, or nobody knows how many
    degrees Celsius it is outdoors. `further`: see `too_wet`.
    """
    if zone.kind.own in (Action.DRY, Action.HUMIDIFY):
        if zone.humidity is None or percent is None:
            return Want(works=False, reason=Reason(ReasonCode.HUMIDITY_UNKNOWN))
        wanted = zone.humidity
        if zone.kind.own is Action.DRY:
            return too_wet(wanted, celsius, percent, outdoor, further=further)
        return too_dry(wanted, celsius, percent, outdoor)
    summer = zone.mode == "summer"
    if zone.kind.own is Action.SHADE:
        return too_warm(zone.summer if summer else None, celsius)
    stale = too_stale(zone, co2)
    if zone.kind.own is Action.VENTILATE and summer and not (stale and stale.works):
        warm = too_warm(zone.summer, celsius)
        if stale is None or warm.works is not False:
            return warm
    unknown = Want(works=False, reason=Reason(ReasonCode.CO2_UNKNOWN))
    return unknown if stale is None else stale


def too_warm(profile: Profile | None, celsius: float) -> Want:
    """Return whether a room in summer is to be shaded, or its air moved.

    From the middle of its band on, since that costs nothing and cooling does.
    """
    if profile is None:
        return Want(works=False, reason=Reason(ReasonCode.PROFILE_MISSING))
    middle = round((profile.min_temp + profile.max_temp) / 2.0, 2)
    detail = {"temperature_celsius": celsius, "limit_celsius": middle}
    if celsius > middle:
        return Want(works=True, reason=Reason(ReasonCode.ROOM_WARMS, detail))
    if celsius > profile.min_temp:
        return Want(works=None, reason=Reason(ReasonCode.ROOM_WARMS, detail))
    return Want(works=False, reason=Reason(ReasonCode.ROOM_COOL, detail))
