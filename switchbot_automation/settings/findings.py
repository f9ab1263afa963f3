"""What a document says that can be read and should not be written so.

Three kinds: what is refused wherever a document enters, and lived with where it is stored
already (`entering_errors`); what only a whole home shows to be wrong (`home_errors`); and
what may be meant, but hardly is (`warnings`). `findings` has all of a document at once,
also what stands beside something that cannot be read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import CELSIUS, SYMBOLS, degrees, kelvin, worded
from switchbot_automation.model import (
    DEFAULT_ZONE,
    HIGHEST_SETPOINT,
    LOWEST_SETPOINT,
    PLUGIN_PREFIX,
    Action,
)
from switchbot_automation.outside.urls import shown_name
from switchbot_automation.outside.wording import nearest
from switchbot_automation.settings.checks import dotted, key_of
from switchbot_automation.settings.for_nothing import for_nothing
from switchbot_automation.settings.model import NARROWEST_KELVIN
from switchbot_automation.settings.scale import in_celsius, in_unit_of
from switchbot_automation.settings.secrets import shown_key
from switchbot_automation.settings.table.zone import SEASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from switchbot_automation.schedule.sun import SunTime
    from switchbot_automation.schedule.windows import TimeWindow
    from switchbot_automation.settings.model import Profile, Settings, ZoneSettings

_Path: TypeAlias = tuple[str | int, ...]

# Modes in which the unit itself chooses between heating and cooling.
_CHOOSES: Final = frozenset({0, 1})
_WAYS: Final = (
    *("aircon_device_id", "equipment"),
    *("aircon_scenes", "webhooks", "buttons", "cascade"),
)
_DAY_MINUTES: Final = 1440
_WEEK_MINUTES: Final = 7 * _DAY_MINUTES
_TRIES: Final = 8
# Of a season, in degrees Celsius: within them lie all others.
_WIDEST: Final = {"min_temp": 10.0, "max_temp": 35.0, "target_temp": 21.0}
_ZONE_PATH: Final = ("zones", "its name", "the setting")
# A motion sensor shows a movement for about a minute.
_SHOWN_SECONDS: Final = 90
# From so wide a band on a price moves enough heat to be worth it.
_WORTH_KELVIN: Final = 2.0


class Findings(NamedTuple):
    """What is wrong with a document, and what is hardly meant; `settings` if any."""

    errors: list[SettingsError]
    warnings: list[SettingsError]
    settings: Settings | None


def findings(
    document: Mapping[str, Any],
    read: Callable[[Mapping[str, Any]], tuple[Settings | None, list[SettingsError]]],
) -> Findings:
    """Return everything that can be said of a document.

    `read` gives the settings and every error of reading them. What cannot be read is
    left out, and the rest looked at all the same.
    """
    settings, errors = read(document)
    rest, left_out = dict(document), set[_Path]()
    found, readable = list(errors), settings
    for _ in range(_TRIES):
        if readable is not None or not errors:
            break
        bad = {_worst_at(document, error.path, left_out) for error in errors}
        if bad <= left_out:
            break
        left_out |= bad
        rest = _without(document, left_out)
        _stand_in(rest, left_out)
        readable, errors = read(rest)
        # Once all the rest is read each error is of its own value alone.
        found += [
            each
            for each in errors
            if readable is not None or not _follows(document, each, left_out)
        ]
    if readable is None:
        return Findings(found, [], None)
    unknown = {_setting_of(path) for path in left_out}
    found += home_errors(rest, readable, unknown=unknown)
    hardly_meant = warnings(rest, readable, unknown=unknown)
    return Findings(_each_once(found), _each_once(hardly_meant), settings)


def _worst_at(document: Mapping[str, Any], path: str, left_out: set[_Path]) -> _Path:
    """Return what is left out for an error: its value, or the whole setting if that was.

    An entry of a list takes the list with it.
    """
    setting = _setting_at(document, path)
    keys, at = list(setting), _at(document, setting)
    left = path.removeprefix(dotted(setting)).removeprefix(".")
    while left and isinstance(at, Mapping):
        key = key_of(left, at)
        if key is None:
            break
        keys.append(key)
        at, left = at[key], left[len(shown_key(key)) :].removeprefix(".")
    inner = tuple(keys)
    return setting if inner in left_out else inner


def _setting_of(path: _Path) -> str:
    """Return the name of the setting that a path lies in, of a zone or of the home."""
    zone = len(_ZONE_PATH)
    return str(path[:zone][-1] if path[0] == _ZONE_PATH[0] else path[0])


def _setting_at(document: Mapping[str, Any], path: str) -> _Path:
    """Return the setting of the home or of a zone that a path lies in."""
    zones = document.get("zones")
    inside = path.removeprefix("zones.")
    if inside != path and isinstance(zones, Mapping):
        name = key_of(inside, zones)
        if name is not None:
            inside = inside[len(shown_key(name)) :].removeprefix(".")
            first = _first_key(inside, zones[name])
            return ("zones", name, first) if inside else ("zones", name)
    return (_first_key(path, document),)


def _first_key(path: str, of: object) -> str:
    known = key_of(path, of) if isinstance(of, Mapping) else None
    # Of something that is missing it is what stands before the first dot.
    return known or path.split(".", 1)[0].split("[", 1)[0]


def _without(document: Mapping[str, Any], paths: set[_Path]) -> dict[str, Any]:
    return {
        key: _without(each, {path[1:] for path in paths if path[:1] == (key,)})
        if isinstance(each, Mapping)
        else each
        for key, each in document.items()
        if (key,) not in paths
    }


def _stand_in(rest: dict[str, Any], left_out: set[_Path]) -> None:
    """Put temperatures that are needed, and that nothing is said of, where none can be read."""
    for path in left_out:
        season = next((key for key in path if key in SEASONS), None)
        keys = path[: path.index(season)] if season else ()
        place = _at(rest, keys)
        if season is None or "presets" in path or not isinstance(place, dict):
            continue
        needed = in_unit_of(rest, {season: _WIDEST})[season]
        given = place.get(season, {})
        if isinstance(given, Mapping):
            place[season] = needed | given


def _follows(
    document: Mapping[str, Any], error: SettingsError, left_out: set[_Path]
) -> bool:
    """Tell whether an error only comes of what was left out."""
    gone = {_setting_of(path) for path in left_out}
    if _setting_at(document, error.path)[-1] in gone:
        return True
    needs = {"presets": "no preset", "plugins": "plugins has no", "zones": "no zone"}
    words = str(error)
    return any(key in gone and said in words for key, said in needs.items()) or (
        not gone.isdisjoint({"latitude", "longitude"}) and "by the sun" in words
    )


def _each_once(found: list[SettingsError]) -> list[SettingsError]:
    # What is wrong at the top is found again in each zone.
    return list({(each.path, str(each)): each for each in found}.values())


# --- refused where it enters ------------------------------------------------------------


def entering_errors(
    document: Mapping[str, Any], settings: Settings
) -> Iterator[SettingsError]:
    """Yield what is refused anew, and lived with where it is stored already.

    Setpoints that no air conditioner takes, which are sent as the nearest one; units of
    a group that may choose by themselves whether to heat or to cool.
    """
    grouped = {
        zone: group for group in settings.groups.values() for zone in group.zones
    }
    seen = set()
    unit, document = settings.unit, in_celsius(document)
    for zone in settings.zones.values():
        group = grouped.get(zone.name)
        for path, key, value in _profile_values(document, zone):
            message = None
            if key == "target_temp" and _is_sent(zone):
                if not LOWEST_SETPOINT <= value <= HIGHEST_SETPOINT:
                    near = (
                        LOWEST_SETPOINT if value < LOWEST_SETPOINT else HIGHEST_SETPOINT
                    )
                    message = worded(
                        "{value} {symbols} is no setpoint of an air conditioner, which "
                        "takes {lowest_setpoint} to {highest_setpoint}; write {near}",
                        value=degrees(value, unit),
                        symbols=SYMBOLS[unit],
                        lowest_setpoint=degrees(LOWEST_SETPOINT, unit),
                        highest_setpoint=degrees(HIGHEST_SETPOINT, unit),
                        near=degrees(near, unit),
                    )
            elif key == "ac_mode" and group is not None and value in _CHOOSES:
                message = worded(
                    "{value:g} lets the unit choose, and the outdoor unit of the "
                    "group {group!r} can only heat or cool; leave it out",
                    value=value,
                    group=group.name,
                )
            if message is not None and path not in seen:
                seen.add(path)
                yield SettingsError(message, path=dotted(path))


def _is_sent(zone: ZoneSettings) -> bool:
    """Tell whether a zone's setpoints go to an air conditioner."""
    device = zone.aircon_device_id
    ours = bool(device) and not device.startswith(PLUGIN_PREFIX)
    ours = ours and not zone.equipment
    return ours and "command" in zone.cascade


def _profile_values(
    document: Mapping[str, Any], zone: ZoneSettings
) -> Iterator[tuple[_Path, str, float]]:
    """Yield each number of a zone's profiles and presets, and where it is written."""
    for season in SEASONS:
        for where in _places(document, zone.name):
            given = _at(document, (*where, season))
            for key, value in _numbers(given):
                yield (*where, season, key), key, value
    for where in _places(document, zone.name):
        presets = _at(document, (*where, "presets"))
        if not isinstance(presets, Mapping):
            continue
        for name, preset in presets.items():
            for season in SEASONS:
                given = preset.get(season) if isinstance(preset, Mapping) else None
                for key, value in _numbers(given):
                    yield (*where, "presets", name, season, key), key, value
        break  # a zone's presets replace the home's


def _numbers(given: object) -> Iterator[tuple[str, float]]:
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield key, value


def _places(document: Mapping[str, Any], zone: str) -> tuple[_Path, ...]:
    """Return where a zone's settings stand: its own part first, then the home's."""
    own = _at(document, ("zones", zone))
    return (("zones", zone), ()) if isinstance(own, Mapping) else ((),)


def _place_of(document: Mapping[str, Any], zone: str, *keys: str | int) -> _Path:
    """Return the path of a zone's setting, which may be the home's."""
    for where in _places(document, zone):
        if _at(document, (*where, *keys[:1])) is not None:
            return (*where, *keys)
    return (*_places(document, zone)[0], *keys)


def _at(document: object, path: _Path) -> Any:
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


# --- wrong in a home -------------------------------------------------------------------


def home_errors(
    document: Mapping[str, Any],
    settings: Settings,
    *,
    unknown: frozenset[str] | set[str] = frozenset(),
) -> Iterator[SettingsError]:
    """Yield what makes a home impossible to keep.

    Zones that nothing can command, and zones that command one unit against each other.
    `unknown` are settings that could not be read.
    """
    if unknown.isdisjoint(_WAYS):
        for zone in settings.zones.values():
            if zone.without_way:
                what = " and ".join(zone.without_way)
                yield SettingsError(
                    worded(
                        "zone {zone!r} has no way to carry out {what}; {zone2}",
                        zone=zone.name,
                        what=what,
                        zone2=_way_out(zone),
                    ),
                    path=_of_zone(document, zone.lead or zone.name, "aircon_device_id"),
                )
    yield from _shared_units(document, settings)


def _way_out(zone: ZoneSettings) -> str:
    if zone.equipment:
        return worded(
            "its {word} does not do that: change `mode`, or give a scene or "
            "webhook for it",
            word=zone.kind.word,
        )
    return worded(
        "give it aircon_device_id or equipment, or a scene, webhook or button for each"
    )


def _of_zone(document: Mapping[str, Any], zone: str, key: str) -> str:
    named = zone != DEFAULT_ZONE or _at(document, ("zones", zone)) is not None
    return dotted(("zones", zone, key) if named else (key,))


def _shared_units(
    document: Mapping[str, Any], settings: Settings
) -> Iterator[SettingsError]:
    having: dict[tuple[str, str], list[str]] = defaultdict(list)
    for zone in settings.zones.values():
        if zone.observe_only:
            continue
        if zone.aircon_device_id:
            # Each channel of a relay is a unit of its own.
            unit = f"{zone.aircon_device_id} {zone.unit_channel or ''}".rstrip()
            having["aircon_device_id", unit].append(zone.name)
        for key, ways in (("aircon_scenes", zone.scenes), ("webhooks", zone.webhooks)):
            # One that turns everything off is no sign of one unit.
            for way in {ways[each] for each in ways if each is not Action.OFF}:
                having[key, way].append(zone.name)
    told = set()
    for (key, way), (first, *others) in having.items():
        for zone_name in others:
            if (first, zone_name) in told:
                continue
            told.add((first, zone_name))
            what = worded("one webhook") if key == "webhooks" else repr(way)
            yield SettingsError(
                worded(
                    "zones {first!r} and {zone_name!r} would command one unit, "
                    "{what}, against each other; leave it to one of them",
                    first=first,
                    zone_name=zone_name,
                    what=what,
                ),
                path=dotted(
                    _place_of(
                        document, settings.zones[zone_name].lead or zone_name, key
                    )
                ),
            )


# --- hardly meant ------------------------------------------------------------------------


def warnings(
    document: Mapping[str, Any],
    settings: Settings,
    *,
    unknown: frozenset[str] | set[str] = frozenset(),
) -> list[SettingsError]:
    """Return what can be used as it is, and will hardly do what is meant.

    `unknown` are settings that could not be read.
    """
    found: list[SettingsError] = []
    for zone in settings.zones.values():
        if zone.lead:
            continue
        if unknown.isdisjoint((*SEASONS, "presets")):
            if _is_sent(zone) and not zone.steers:
                found += _out_of_reach(document, zone, settings.unit)
            found += _beside_a_limit(document, zone, settings.unit)
        found += _needs_weather(document, zone)
        found += [
            SettingsError(
                each.message, path=dotted(_place_of(document, zone.name, *each.keys))
            )
            for each in for_nothing(zone, settings)
            if unknown.isdisjoint(each.of)
        ]
        if "time_windows" not in unknown:
            found += _never_in_its_hours(document, zone)
        found += _hidden_windows(document, zone)
        found += _needs_events(document, zone)
        found += _too_narrow_for_a_price(document, zone, settings.unit)
        found += _unknown_sources(document, zone, settings)
    return found


def _beside_a_limit(
    document: Mapping[str, Any], zone: ZoneSettings, unit: str
) -> Iterator[SettingsError]:
    """Say that a band lies where the zone's own ceiling, or floor, lets no room be."""
    ceiling, floor = zone.heat_ceiling_celsius, zone.frost_floor_celsius
    kept: list[tuple[tuple[str, ...], Profile | None]] = [((), zone.winter)]
    kept += [
        (("presets", name), each.winter)
        for name, each in zone.presets.items()
        if each.winter != zone.winter
    ]
    for keys, profile in kept:
        if profile is None or zone.mode not in ("winter", "auto"):
            continue
        low, high = degrees(profile.min_temp, unit), degrees(profile.max_temp, unit)
        band = f"{low} to {high} {SYMBOLS[unit]}"
        place = dotted(_place_of(document, zone.name, *keys, "winter"))
        if ceiling and ceiling <= profile.max_temp:
            yield SettingsError(
                worded(
                    "the room is never heated to {band}: heat_ceiling_celsius, "
                    "{ceiling} {symbols}, is not above it",
                    band=band,
                    ceiling=degrees(ceiling, unit),
                    symbols=SYMBOLS[unit],
                ),
                path=place,
            )
        if floor and floor >= profile.max_temp:
            yield SettingsError(
                worded(
                    "the room is heated beyond {band}: frost_floor_celsius, {floor} "
                    "{symbols}, is not below it",
                    band=band,
                    floor=degrees(floor, unit),
                    symbols=SYMBOLS[unit],
                ),
                path=place,
            )


def _needs_weather(
    document: Mapping[str, Any], zone: ZoneSettings
) -> Iterator[SettingsError]:
    """Say what does nothing since nobody knows how cold it is outdoors."""
    if zone.outdoor_device_id:
        return
    wanted = zone.humidity
    for asks, keys in (
        (wanted is not None and wanted.mould_risk, ("humidity", "mould_risk")),
        (
            zone.heat_pump_min_outdoor_celsius is not None,
            ("heat_pump_min_outdoor_celsius",),
        ),
    ):
        if asks:
            yield SettingsError(
                worded("does nothing without outdoor_device_id, the meter outdoors"),
                path=dotted(_place_of(document, zone.name, *keys)),
            )


def _too_narrow_for_a_price(
    document: Mapping[str, Any], zone: ZoneSettings, unit: str
) -> Iterator[SettingsError]:
    """Say that a band has nothing to give up, so that the price moves nothing."""
    price = zone.price
    if price is None or not price.share:
        return
    # As much of it is kept for a unit that is switched; see `core.price`.
    switched = not (zone.modulates or zone.proportions)
    margin = zone.hysteresis_celsius if switched else 0.0
    for season, profile in zip(SEASONS, (zone.winter, zone.summer), strict=True):
        if profile is None or zone.mode not in (season, "auto"):
            continue
        needed = NARROWEST_KELVIN + margin
        if profile.max_temp - profile.min_temp <= needed:
            low, high = degrees(profile.min_temp, unit), degrees(profile.max_temp, unit)
            yield SettingsError(
                worded(
                    "{low} to {high} {symbols} is too narrow for `price` to move "
                    "anything before dear hours or in them; that takes more than "
                    "{needed:g} {apart}, and {worth:g} {apart} or more are worth it",
                    low=low,
                    high=high,
                    symbols=SYMBOLS[unit],
                    apart="K" if unit == CELSIUS else SYMBOLS[unit],
                    needed=kelvin(needed, unit),
                    worth=kelvin(_WORTH_KELVIN, unit),
                ),
                path=dotted(_place_of(document, zone.name, season)),
            )


def _unknown_sources(
    document: Mapping[str, Any], zone: ZoneSettings, settings: Settings
) -> Iterator[SettingsError]:
    """Say that what a zone looks ahead by is no plug-in's, so a program has to tell it."""
    plugged = [
        name for name, part in settings.plugins.items() if part.group == "series"
    ]
    for source, keys in (
        (zone.price.source if zone.price else "", ("price", "source")),
        (zone.outdoor_forecast, ("outdoor_forecast",)),
        (zone.sun_forecast, ("sun_forecast",)),
    ):
        if not source or source in plugged:
            continue
        near = nearest(source, plugged)
        hint = worded("; did you mean {near!r}?", near=near) if near else ""
        yield SettingsError(
            worded(
                "{source!r} stays unknown unless a program tells it by "
                "`engine.tell_series`: plugins has no such series{hint}",
                source=shown_name(source),
                hint=hint,
            ),
            path=dotted(_place_of(document, zone.name, *keys)),
        )


def _needs_events(
    document: Mapping[str, Any], zone: ZoneSettings
) -> Iterator[SettingsError]:
    """Say that a motion sensor which is asked now and then has not seen nobody."""
    presence = zone.presence
    if presence is not None and presence.poll_interval_seconds > _SHOWN_SECONDS:
        path = _place_of(document, zone.name, "presence")
        yield SettingsError(
            worded(
                "a motion sensor tells that nobody is there by its events alone "
                "(`webhook setup`): a movement is shown for a minute, and it is "
                "asked every {poll_interval_seconds} s; without them absence "
                "stays unknown. A presence sensor, which shows a state, needs "
                "none",
                poll_interval_seconds=presence.poll_interval_seconds,
            ),
            path=dotted((*path, "sensors")),
        )


def _out_of_reach(
    document: Mapping[str, Any], zone: ZoneSettings, unit: str
) -> Iterator[SettingsError]:
    kept: list[tuple[tuple[str, ...], Profile | None, Profile | None]] = [
        ((), zone.winter, zone.summer)
    ]
    kept += [
        (("presets", name), preset.winter, preset.summer)
        for name, preset in zone.presets.items()
    ]
    for keys, winter, summer in kept:
        for season, profile in zip(SEASONS, (winter, summer), strict=True):
            if profile is None or (zone.mode not in (season, "auto")):
                continue
            message = _reach(season, profile, unit)
            if message is not None:
                path = _place_of(document, zone.name, *keys, season)
                yield SettingsError(message, path=dotted((*path, "target_temp")))


def _reach(season: str, profile: Profile, unit: str) -> str | None:
    sent = max(LOWEST_SETPOINT, min(HIGHEST_SETPOINT, profile.target_temp))
    low, high = degrees(profile.min_temp, unit), degrees(profile.max_temp, unit)
    band, told = f"{low} to {high} {SYMBOLS[unit]}", degrees(sent, unit)
    if season == "winter" and sent < profile.min_temp:
        return worded(
            "set to {told} {symbols} the unit can never bring the room to {band}",
            told=told,
            symbols=SYMBOLS[unit],
            band=band,
        )
    if season == "summer" and sent > profile.max_temp:
        return worded(
            "set to {told} {symbols} the unit can never cool the room to {band}",
            told=told,
            symbols=SYMBOLS[unit],
            band=band,
        )
    return None


def _never_in_its_hours(
    document: Mapping[str, Any], zone: ZoneSettings
) -> Iterator[SettingsError]:
    """Say that a room without hours is kept by nobody, as a dashboard has it, too."""
    if zone.time_windows or not (zone.automation_enabled and zone.ways):
        return
    yield SettingsError(
        worded(
            "without one the room is kept only while a person wishes it, and from "
            "frost: from 00:00 to 00:00 is the whole day"
        ),
        path=dotted(_place_of(document, zone.name, "time_windows")),
    )


def _hidden_windows(
    document: Mapping[str, Any], zone: ZoneSettings
) -> Iterator[SettingsError]:
    """Tell of windows of some days only behind one that is in force on all of them."""
    windows = zone.time_windows
    for index, window in enumerate(windows):
        before = next(
            (
                earlier
                for earlier in range(index)
                if _hides(windows[earlier], window, zone.preset)
            ),
            None,
        )
        if before is None:
            continue
        order = ", ".join(_name(each, windows) for each in _dated_first(windows))
        yield SettingsError(
            worded(
                "is of no effect while {before} is in force, since the first in "
                "the list counts; the order that works: {order}",
                before=_name(before, windows),
                order=order,
            ),
            path=dotted(_place_of(document, zone.name, "time_windows", index)),
        )


def _hides(one: TimeWindow, other: TimeWindow, preset: str) -> bool:
    first, last = _span(one)
    begins, ends = _span(other)
    wider = first <= begins and ends <= last and (first, last) != (begins, ends)
    differs = (one.preset or preset) != (other.preset or preset)
    return wider and differs and _meet(one, other)


def _span(window: TimeWindow) -> tuple[date, date]:
    return window.first_day or date.min, window.last_day or date.max


def _meet(one: TimeWindow, other: TimeWindow) -> bool:
    """Tell whether two windows are in force together at some time of the week."""
    return any(
        begin < end_of_other + shift and begin_of_other + shift < end
        for begin, end in _minutes(one)
        for begin_of_other, end_of_other in _minutes(other)
        for shift in (-_WEEK_MINUTES, 0, _WEEK_MINUTES)
    )


def _minutes(window: TimeWindow) -> list[tuple[int, int]]:
    start, end = _minute(window.start), _minute(window.end)
    if start is None or end is None:
        # By the sun it may be any time of its days.
        start, end = 0, _DAY_MINUTES
    length = (end - start) % _DAY_MINUTES or _DAY_MINUTES
    starts = (day * _DAY_MINUTES + start for day in window.days)
    return [(each, each + length) for each in starts]


def _minute(edge: time | SunTime) -> int | None:
    return edge.hour * 60 + edge.minute if isinstance(edge, time) else None


def _dated_first(windows: Sequence[TimeWindow]) -> list[int]:
    def width(index: int) -> int:
        first, last = _span(windows[index])
        return (last - first).days

    return sorted(range(len(windows)), key=width)


def _name(index: int, windows: Sequence[TimeWindow]) -> str:
    return windows[index].id or f"time_windows[{index}]"
