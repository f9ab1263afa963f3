"""What concerns several keys of a settings document that lie apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from switchbot_automation.equipment.table import KINDS
from switchbot_automation.errors import SettingsError
from switchbot_automation.instants import EARLIEST, LATEST, RANGE
from switchbot_automation.languages import degrees, reworded, symbol, worded
from switchbot_automation.outside.urls import SecretName, check_webhook_url, shown_name
from switchbot_automation.outside.wording import nearest
from switchbot_automation.schedule.sun import SunTime, available
from switchbot_automation.settings.secrets import shown_key
from switchbot_automation.settings.table import DEFAULTS
from switchbot_automation.settings.table.zone import SEASONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import time

    from switchbot_automation.model import PluginPart
    from switchbot_automation.schedule.windows import CurvePoint
    from switchbot_automation.settings.model import EquipmentUnit, Settings


CONTRARY_MODES: Final = {"winter": 2, "summer": 5}
"""Modes that would do the opposite of what the season's thresholds ask for."""


def contrary_words(season: str) -> str:
    """Return what is wrong with the mode of a unit that works against its season."""
    if season == "winter":
        return worded("{mode} cools, in winter; leave it out or choose another", mode=2)
    return worded("{mode} heats, in summer; leave it out or choose another", mode=5)


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as people write it: ``zones.office.sensors[0]``.

    Of a key that is a URL, which only a slip puts there, no more than its host.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{shown_key(key)}" if text else shown_key(key)
    return text


_CUTS: Final = re.compile(r"[.\[]")


def key_of(path: str, known: Collection[object]) -> str | None:
    """Return with which of the known keys a path begins that `dotted` wrote, None if none.

    The longest: a key may have dots.
    """
    if "://" not in path:
        # As it stands, then. There may be thousands of keys, and as many paths.
        ends = [len(path), *(cut.start() for cut in reversed([*_CUTS.finditer(path)]))]
        for end in ends:
            if path[:end] in known:
                return path[:end]
    begins = (
        str(key)
        for key in known
        if path == (shown := shown_key(key))
        or path.startswith((f"{shown}.", f"{shown}["))
    )
    return max(begins, key=len, default=None)


def far_days(document: object) -> Iterator[SettingsError]:
    """Check that windows begin and end on days that instants can lie on."""
    for path, value in _days_of_windows(document, (), within=False):
        try:
            near = EARLIEST.date() <= date.fromisoformat(value) <= LATEST.date()
        except ValueError:
            continue  # no day at all, as the schema says
        if not near:
            yield SettingsError(
                worded("{value} is not within {range}", value=value, range=RANGE),
                path=dotted(path),
            )


def _days_of_windows(
    value: object, path: tuple[str | int, ...], *, within: bool
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        at = (*path, key)
        if within and key in _DAYS_OF_WINDOWS and isinstance(each, str):
            yield at, each
        else:
            windows = within and isinstance(key, int)
            inside = windows or key == "time_windows"
            yield from _days_of_windows(each, at, within=inside)


_DAYS_OF_WINDOWS = ("from", "until")


class Problem(NamedTuple):
    """What is wrong, and where: its first key is one of `keys` of the document."""

    message: str
    path: tuple[str | int, ...]


def comfort_problems(merged: Mapping[str, Any]) -> Iterator[Problem]:
    """Check what concerns presets, windows and the place together."""
    presets = merged.get("presets", {})
    yield from _unknown_presets(merged, presets)
    for name, preset in presets.items():
        for season in SEASONS:
            profile = merged[season] | preset.get(season, {})
            low, high = profile.get("min_temp"), profile.get("max_temp")
            if season in preset and None not in (low, high) and low > high:
                yield Problem(
                    worded(
                        "{low} to {high}, with what `{season}` says, is no band",
                        low=degrees(low),
                        high=degrees(high),
                        season=season,
                    ),
                    ("presets", name, season),
                )
            if preset.get(season, {}).get("ac_mode") == CONTRARY_MODES[season]:
                yield Problem(
                    contrary_words(season),
                    ("presets", name, season, "ac_mode"),
                )
        yield from _curve_problems(("presets", name, "curve"), preset.get("curve", ()))
    for place, window in enumerate(merged.get("time_windows", ())):
        yield from _curve_problems(("time_windows", place, "curve"), window.curve)
    yield from _edge_problems(merged)
    yield from _air_problems(merged)
    yield from _price_problems(merged.get("price"))
    ceiling = merged.get("heat_ceiling_celsius")
    heated = merged["winter"].get("max_temp")
    if ceiling and heated is not None and ceiling <= heated:
        yield Problem(
            worded(
                "{ceiling} {unit} is not above winter.max_temp, {heated} {unit}: the room"
                " would never be heated to it",
                ceiling=degrees(ceiling),
                heated=degrees(heated),
                unit=symbol(),
            ),
            ("heat_ceiling_celsius",),
        )


def _curve_problems(
    within: tuple[str | int, ...], curve: Sequence[CurvePoint]
) -> Iterator[Problem]:
    """Check that the points of a curve follow each other, and name the one that does not."""
    passed = 0.0
    for place, (before, point) in enumerate(pairwise(curve), start=1):
        path = (*within, place)
        if (before.at is None) is not (point.at is None):
            yield Problem(
                worded("all points of a curve have at, or all have after_minutes"), path
            )
            return
        if before.at is None or point.at is None:
            if point.after_minutes <= before.after_minutes:
                yield Problem(
                    worded("is not after the point before it"), (*path, "after_minutes")
                )
            continue
        passed += (_minutes_of(point.at) - _minutes_of(before.at)) % _DAY_MINUTES
        if point.at == before.at or passed >= _DAY_MINUTES:
            yield Problem(
                worded(
                    "the points go round the clock more than once; {at:%H:%M} comes too late",
                    at=point.at,
                ),
                (*path, "at"),
            )
            return


def _minutes_of(clock: time) -> float:
    return clock.hour * 60 + clock.minute + clock.second / 60


_DAY_MINUTES = 24 * 60


def _price_problems(price: Mapping[str, Any] | None) -> Iterator[Problem]:
    """Check that a tariff says what energy costs at every hour."""
    if price and price.get("windows") and "otherwise" not in price:
        yield Problem(
            worded("is missing: what energy costs outside of price.windows"),
            ("price", "otherwise"),
        )


def _air_problems(merged: Mapping[str, Any]) -> Iterator[Problem]:
    """Check what concerns humidity, the units of a room and the weather together."""
    wanted = merged.get("humidity", {})
    low, high = wanted.get("min_percent"), wanted.get("max_percent")
    back = wanted.get("hysteresis_percent", DEFAULTS["humidity"]["hysteresis_percent"])
    if None not in (low, high) and low + 2 * back > high:
        yield Problem(
            worded(
                "{low:g} to {high:g} % leaves no room for twice the hysteresis, {back:g} %:"
                " wetting and drying would fight",
                low=low,
                high=high,
                back=back,
            ),
            ("humidity", "min_percent"),
        )


def equipment_problems(units: Sequence[EquipmentUnit]) -> Iterator[Problem]:
    """Check what concerns the units of a room together."""
    told = set()
    for index, unit in enumerate(units):
        which = (unit.device_id, unit.channel)
        if which in told:
            yield Problem(
                worded("{device!r} is there twice", device=unit.device_id),
                ("equipment", index, "device_id"),
            )
        told.add(which)
        heats = KINDS[unit.kind].own is None
        if heats and index and KINDS[units[0].kind].own is not None:
            yield Problem(
                worded("heats or cools: what does so stands before what does not"),
                ("equipment", index, "kind"),
            )


def _edge_problems(merged: Mapping[str, Any]) -> Iterator[Problem]:
    quiet = merged.get("command_quiet_hours")
    if quiet and quiet["start"] == quiet["end"]:
        yield Problem(
            worded("start and end are the same"), ("command_quiet_hours", "end")
        )
    edges: list[tuple[object, tuple[str | int, ...]]] = [
        (getattr(window, key), ("time_windows", index, key))
        for index, window in enumerate(merged.get("time_windows", ()))
        for key in ("start", "end")
    ]
    if quiet:
        edges += [(quiet[key], ("command_quiet_hours", key)) for key in quiet]
    for edge, path in edges:
        if isinstance(edge, SunTime):
            for place in ("latitude", "longitude"):
                if place not in merged:
                    yield Problem(
                        worded("by the sun, which needs {place}", place=place), path
                    )


def _unknown_presets(
    merged: Mapping[str, Any], presets: Mapping[str, Any]
) -> Iterator[Problem]:
    named: list[tuple[str, tuple[str | int, ...]]] = []
    if merged.get("preset"):
        named.append((merged["preset"], ("preset",)))
    if "presence" in merged:
        named.append((merged["presence"]["preset"], ("presence", "preset")))
    for index, window in enumerate(merged.get("time_windows", ())):
        if window.preset:
            named.append((window.preset, ("time_windows", index, "preset")))
    for name, path in named:
        if name not in presets:
            near = nearest(name, presets, however_far=True)
            hint = (
                worded("; did you mean {near!r}?", near=near)
                if near
                else worded("; `presets` has none")
            )
            yield Problem(
                worded("no preset {name!r}{hint}", name=shown_name(name), hint=hint),
                path,
            )


def webhook_problems(merged: Mapping[str, Any]) -> Iterator[Problem]:
    """Check where webhooks lead."""
    hosts = merged.get("webhook_allowed_hosts", frozenset())
    for action, url in merged.get("webhooks", {}).items():
        if isinstance(url, SecretName):
            continue  # judged where it is used: nothing is known of it here
        try:
            check_webhook_url(url, hosts)
        except ValueError as exc:
            yield Problem(reworded(exc), ("webhooks", str(action)))


def notifier_errors(
    notifiers: Mapping[str, Mapping[str, Any]],
) -> Iterator[SettingsError]:
    """Check where notices lead, and that each kind has what it needs."""
    for name, each in notifiers.items():
        path, kind, url = ("notifiers", name), each["type"], each["url"]
        named = isinstance(url, SecretName)
        try:
            if not named:
                check_webhook_url(url, each.get("allowed_hosts", frozenset()))
        except ValueError as exc:
            words = reworded(exc)
            yield SettingsError(words, path=dotted((*path, "url")))
            continue
        if not named and each.get("token") and "@" in urlsplit(url).netloc:
            yield SettingsError(
                worded(
                    "cannot be sent beside the user and password in the URL: leave one "
                    "of them out"
                ),
                path=dotted((*path, "token")),
            )
        if kind == "ntfy" and not named and not _TOPIC.fullmatch(urlsplit(url).path):
            yield SettingsError(
                worded(
                    "expected the server and one topic, as https://ntfy.sh/my-topic"
                ),
                path=dotted((*path, "url")),
            )
        if kind == "home_assistant":
            if not each.get("token"):
                yield SettingsError(
                    worded("is missing: a long-lived access token of Home Assistant"),
                    path=dotted((*path, "token")),
                )
            if not named and urlsplit(url).path.strip("/"):
                yield SettingsError(
                    worded(
                        "expected Home Assistant's address without a path; the service "
                        "is `service`"
                    ),
                    path=dotted((*path, "url")),
                )
        elif "service" in each:
            yield SettingsError(
                worded("is for home_assistant"), path=dotted((*path, "service"))
            )


# What ntfy takes for a topic.
_TOPIC = re.compile(r"/[-_A-Za-z0-9]{1,64}")


def group_errors(
    groups: Mapping[str, Mapping[str, Any]], zones: Iterable[str]
) -> Iterator[SettingsError]:
    """Check that groups name zones there are, and none of them twice."""
    taken: dict[str, str] = {}
    for name, group in groups.items():
        for index, zone in enumerate(group["zones"]):
            path = dotted(("groups", name, "zones", index))
            if zone not in zones:
                yield SettingsError(_no_zone(zone, zones), path=path)
            elif taken.setdefault(zone, name) != name:
                yield SettingsError(
                    worded(
                        "{zone!r} is in the group {taken!r} already",
                        zone=zone,
                        taken=taken[zone],
                    ),
                    path=path,
                )


def rule_errors(document: object, zones: Iterable[str]) -> Iterator[SettingsError]:
    """Check that rules name zones there are."""
    rules = document.get("rules") if isinstance(document, Mapping) else None
    if not rules:
        return
    from switchbot_automation.rules.definition.schema import zones_named  # noqa: PLC0415 - only for who has rules

    for path, zone in zones_named(rules, ("rules",)):
        if zone not in zones:
            yield SettingsError(_no_zone(zone, zones), path=dotted(path))


def rule_place_errors(settings: Settings) -> Iterator[SettingsError]:
    """Check what rules need of the home: a place for the sun, presets there are."""
    from switchbot_automation.rules.definition import actions  # noqa: PLC0415 - only for who has rules
    from switchbot_automation.rules.definition.conditions import flattened  # noqa: PLC0415 - likewise
    from switchbot_automation.rules.definition.model import every_step  # noqa: PLC0415 - likewise

    for index, rule in enumerate(settings.rules):
        path = dotted(("rules", index))
        if any(getattr(part, "by_sun", False) for part in flattened(rule.parts)):
            if not available():
                yield SettingsError(
                    worded(
                        "the sun needs the package astral; install "
                        "switchbot-automation[sun]"
                    ),
                    path=path,
                )
            elif None in (settings.default.latitude, settings.default.longitude):
                yield SettingsError(
                    worded("the sun needs latitude and longitude"), path=path
                )
        for step in every_step(rule.steps):
            if isinstance(step.action, actions.SetPreset) and step.action.preset:
                zone = settings.zones.get(step.action.zone)
                name = step.action.preset
                if zone is not None and name not in zone.presets:
                    near = nearest(name, zone.presets, however_far=True)
                    hint = (
                        worded("; did you mean {near!r}?", near=near)
                        if near
                        else worded("; it has none")
                    )
                    yield SettingsError(
                        worded(
                            "zone {zone} has no preset {name!r}{hint}",
                            zone=zone.name,
                            name=shown_name(name),
                            hint=hint,
                        ),
                        path=path,
                    )


def rule_word_errors(settings: Settings) -> Iterator[SettingsError]:
    """Check that what rules look at and send is something that the catalogue has.

    Refused where it is new, lived with where it is stored already.
    """
    if not settings.rules:
        return
    from switchbot_automation.rules.definition import catalogue  # noqa: PLC0415 - only for who has rules

    for index, rule in enumerate(settings.rules):
        problems = (*catalogue.never_true(rule), *catalogue.never_sent(rule))
        for problem in dict.fromkeys(problems):
            yield SettingsError(
                worded("{id}: {problem}", id=shown_name(rule.id), problem=problem),
                path=dotted(("rules", index)),
            )


def unheard_notices(settings: Settings) -> Iterator[SettingsError]:
    """Check, for who has no notifier of its own, that notices of rules reach somebody."""
    if not settings.rules or settings.notifiers:
        return
    from switchbot_automation.rules.definition import catalogue  # noqa: PLC0415 - only for who has rules

    for index, rule in enumerate(settings.rules):
        for problem in catalogue.nobody_told(rule):
            yield SettingsError(
                worded("{id}: {problem}", id=shown_name(rule.id), problem=problem),
                path=dotted(("rules", index)),
            )


def plugin_errors(
    document: object, parts: Mapping[str, PluginPart], absent: frozenset[str]
) -> Iterator[SettingsError]:
    """Check that every device of a plug-in that is named is one of `plugins`.

    Those that are `absent` are known to be missing.
    """
    for path, name, group in _plugin_devices(document, ()):
        if name in absent:
            continue
        part = parts.get(name)
        if part is None or part.group != group:
            near = nearest(name, parts)
            hint = worded("; did you mean {near!r}?", near=near) if near else ""
            yield SettingsError(
                worded(
                    "plugins has no {name!r} among the {group}{hint}",
                    name=shown_name(name),
                    group=group,
                    hint=hint,
                ),
                path=dotted(path),
            )


def _plugin_devices(
    value: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield the plug-ins' devices that a document names, and what they have to be."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _plugin_devices(each, (*path, index))
    if not isinstance(value, Mapping):
        return
    for key, each in value.items():
        if not isinstance(key, str) or key in _NOT_OF_ZONES:
            continue
        if key.endswith("device_id") and isinstance(each, str):
            if each.startswith(_PLUGIN):
                unit = key == "aircon_device_id" or "equipment" in path
                group = "actuators" if unit else "sensors"
                yield (*path, key), each.removeprefix(_PLUGIN), group
        else:
            yield from _plugin_devices(each, (*path, key))


_PLUGIN = "plugin:"
# Rules name devices as `device`; what plug-ins are told is their own business.
_NOT_OF_ZONES = frozenset({"rules", "plugins", "shadow"})


def _no_zone(zone: str, zones: Iterable[str]) -> str:
    near = nearest(zone, zones, however_far=True)
    return worded("no zone {zone!r}", zone=shown_name(zone)) + (
        worded("; did you mean {near!r}?", near=near) if near else ""
    )
