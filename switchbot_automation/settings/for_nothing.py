"""What of a room's equipment, and of what is wanted of its air, does nothing or never ends. Pure.

A humidifier without a least humidity stands there for ever and nobody is told; a least
humidity without a humidifier is kept by nobody; an end that no air comes up to keeps its
unit at work for as long as a window is open. Each is a warning: somebody may be about to
buy the other half.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from switchbot_automation.equipment.table import KINDS
from switchbot_automation.languages import FAHRENHEIT, from_celsius, to_celsius, worded
from switchbot_automation.model import Action

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchbot_automation.settings.model import (
        EquipmentUnit,
        Humidity,
        Settings,
        ZoneSettings,
    )

_Keys: TypeAlias = tuple[str | int, ...]

# Air outdoors has about 430 ppm, and a room with somebody in it a little more.
_LEAST_PPM: Final = 450
# At 80 % mould grows; no dehumidifier of a household dries a room to 20 %.
_WETTEST_PERCENT, _DRIEST_PERCENT = 80.0, 25.0
# Above that most heat pumps heat best, and a number of degrees Fahrenheit begins.
_MILD_CELSIUS: Final = 10.0
_HUMIDITY: Final = frozenset({"equipment", "humidity", "summer", "groups"})
_HEXADECIMAL: Final = re.compile(r"[0-9A-F]{12}")


class Useless(NamedTuple):
    """Where in a zone something does nothing or never ends, and how that is told.

    `of` are the settings that it follows from: nothing does where one cannot be read.
    """

    keys: _Keys
    message: str
    of: frozenset[str] = frozenset()


def for_nothing(zone: ZoneSettings, settings: Settings) -> Iterator[Useless]:
    """Yield what of a room has no use as it is written, as messages in English.

    `zone` is the first unit of its room, see `ZoneSettings.lead`.
    """
    units = _units(zone, settings)
    yield from _idle(zone, units)
    yield from _kept_by_nobody(zone, settings)
    yield from _without_end(zone, units)
    yield from _outdoors(zone, units, settings.unit)
    channels = {unit.device_id for unit in units if unit.channel}
    for index, unit in enumerate(units):
        if unit.device_id in channels and not unit.channel:
            message = worded("another unit hangs on a channel of it: say which, 1 or 2")
            yield Useless(("equipment", index, "channel"), message)
    for keys, device_id in _named(zone, units):
        plain = re.sub(r"[:-]", "", device_id).upper()
        if plain != device_id and _HEXADECIMAL.fullmatch(plain):
            message = worded("the account lists devices as {plain!r}", plain=plain)
            yield Useless(keys, message)


def _units(zone: ZoneSettings, settings: Settings) -> tuple[EquipmentUnit, ...]:
    """Return the units of a room in their order, as its `equipment` has them."""
    if not zone.without_unit:
        return zone.equipment
    further = (settings.zones[name] for name in settings.units.get(zone.name, ()))
    return tuple(unit for each in further for unit in each.equipment)


def _wants_dry(wanted: Humidity | None) -> bool:
    return wanted is not None and (
        wanted.max_percent is not None
        or wanted.max_dew_point_celsius is not None
        or wanted.mould_risk
    )


def _idle(zone: ZoneSettings, units: Sequence[EquipmentUnit]) -> Iterator[Useless]:
    """Yield units that nothing is wanted of."""
    wanted, air = zone.humidity, zone.air is not None
    wants = {
        Action.HUMIDIFY: (
            wanted is not None and wanted.min_percent is not None,
            "humidity.min_percent",
        ),
        Action.DRY: (_wants_dry(wanted), "humidity.max_percent"),
        Action.PURIFY: (air, "air"),
        # In summer it moves the air of a warm room.
        Action.VENTILATE: (air or zone.summer is not None, "air"),
    }
    for index, unit in enumerate(units):
        own = KINDS[unit.kind].own
        has, key = wants.get(own, (True, "")) if own else (True, "")
        if not has:
            message = worded("has nothing to do without {key}", key=key)
            of = frozenset({"equipment", key.partition(".")[0], "summer"})
            yield Useless(("equipment", index), message, of)


def _does(zone: ZoneSettings, settings: Settings, action: Action) -> bool:
    units = _units(zone, settings)
    return any(KINDS[unit.kind].own is action for unit in units)


def _dries_by_mode(zone: ZoneSettings, settings: Settings) -> bool:
    """Tell whether an air conditioner may dry in summer, see `core.appliances`."""
    wanted = zone.humidity
    grouped = any(zone.name in group.zones for group in settings.groups.values())
    free = wanted is not None and wanted.dry_mode and not grouped
    return free and zone.summer is not None and zone.can(Action.DRY)


def _kept_by_nobody(zone: ZoneSettings, settings: Settings) -> Iterator[Useless]:
    """Yield what is wanted of the air that no unit does anything for.

    What the whole home wants is somebody's where any room has a unit for it.
    """
    rooms = [each for each in settings.zones.values() if not each.lead]

    def kept(action: Action, keys: _Keys) -> bool:
        sharing = [each for each in rooms if _same(each, zone, str(keys[0]))]
        dries = action is Action.DRY
        return any(
            _does(each, settings, action) or (dries and _dries_by_mode(each, settings))
            for each in sharing
        )

    wanted = zone.humidity
    if wanted is not None:
        low = wanted.min_percent is not None
        if not low and not _wants_dry(wanted):
            message = worded("wants nothing: say min_percent or max_percent")
            yield Useless(("humidity",), message, _HUMIDITY)
        if low and not kept(Action.HUMIDIFY, ("humidity",)):
            message = worded("does nothing without a humidifier in equipment")
            yield Useless(("humidity", "min_percent"), message, _HUMIDITY)
        # For a humidifier it is where wetting ends.
        used = kept(Action.DRY, ("humidity",)) or kept(Action.HUMIDIFY, ("humidity",))
        if _wants_dry(wanted) and not used:
            message = worded(
                "does nothing without a dehumidifier in equipment, or an air conditioner "
                "of its own that may dry in summer"
            )
            key = "max_percent" if wanted.max_percent is not None else ""
            keys = ("humidity", key) if key else ("humidity",)
            yield Useless(keys, message, _HUMIDITY)
    airs = (Action.VENTILATE, Action.PURIFY)
    if zone.air is not None and not any(kept(each, ("air",)) for each in airs):
        message = worded("does nothing without a fan or a purifier in equipment")
        yield Useless(("air",), message, frozenset({"equipment"}))


def _same(one: ZoneSettings, other: ZoneSettings, key: str) -> bool:
    """Tell whether two rooms want the same of something, as of their home."""
    return one is other or getattr(one, key) == getattr(other, key)


def _without_end(
    zone: ZoneSettings, units: Sequence[EquipmentUnit]
) -> Iterator[Useless]:
    """Yield ends that the air does not come up to, so that a unit works on and on."""
    does = {KINDS[unit.kind].own for unit in units}
    wanted, air = zone.humidity, zone.air
    if air is not None and does & {Action.VENTILATE, Action.PURIFY}:
        enough = air.max_co2_ppm - air.hysteresis_ppm
        if enough < _LEAST_PPM:
            message = worded(
                "is enough at {enough} ppm, which the air outdoors hardly has: what airs "
                "the room works on and on",
                enough=enough,
            )
            yield Useless(("air",), message)
    if wanted is None:
        return
    back, low, high = (
        wanted.hysteresis_percent,
        wanted.min_percent,
        wanted.max_percent,
    )
    if Action.HUMIDIFY in does and low is not None and low + back > _WETTEST_PERCENT:
        message = worded(
            "wets the air up to {percent:g} %, where mould grows", percent=low + back
        )
        yield Useless(("humidity", "min_percent"), message)
    if Action.DRY in does and high is not None and high - back < _DRIEST_PERCENT:
        message = worded(
            "is enough at {percent:g} %, which hardly any dehumidifier comes to: it works "
            "on and on",
            percent=high - back,
        )
        yield Useless(("humidity", "max_percent"), message)


def _outdoors(
    zone: ZoneSettings, units: Sequence[EquipmentUnit], unit: str
) -> Iterator[Useless]:
    """Yield a limit of the weather that holds for no unit, or in other degrees than meant."""
    limit, keys = (
        zone.heat_pump_min_outdoor_celsius,
        ("heat_pump_min_outdoor_celsius",),
    )
    if limit is None:
        return
    pumps = any(
        KINDS[each.kind].cost == "compressor" and KINDS[each.kind].own is None
        for each in units
    )
    if units and not pumps:
        message = worded("does nothing: nothing in equipment heats by a compressor")
        yield Useless(keys, message, frozenset({"equipment"}))
    elif unit == FAHRENHEIT and limit > _MILD_CELSIUS:
        # Of a document in Fahrenheit too a key is in the unit of its name.
        message = worded(
            "is in degrees Celsius, as its name says: {limit:g} are {warm:g} Fahrenheit,"
            " and {limit:g} Fahrenheit are {cold:.1f}",
            limit=limit,
            warm=from_celsius(limit),
            cold=to_celsius(limit),
        )
        yield Useless(keys, message)


def _named(
    zone: ZoneSettings, units: Sequence[EquipmentUnit]
) -> Iterator[tuple[_Keys, str]]:
    """Yield the devices that a room names, and where."""
    for index, sensor in enumerate(zone.sensors):
        yield ("sensors", index, "device_id"), sensor.device_id
    for index, unit in enumerate(units):
        yield ("equipment", index, "device_id"), unit.device_id
    if not zone.sensors:
        yield ("meter_device_id",), zone.meter_device_id
    if not units:
        yield ("aircon_device_id",), zone.aircon_device_id
    yield ("outdoor_device_id",), zone.outdoor_device_id
