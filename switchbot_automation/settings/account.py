"""Whether the account has what a settings document names. Pure: the lists are handed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from switchbot_automation.cloud.catalog.catalog import find
from switchbot_automation.equipment.table import AIRCON, KINDS
from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import joined, worded
from switchbot_automation.model import PLUGIN_PREFIX, Action, Device, Remote
from switchbot_automation.outside.urls import shown_name
from switchbot_automation.outside.wording import nearest
from switchbot_automation.settings.checks import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.equipment.kind import EquipmentKind
    from switchbot_automation.model import DeviceList, Scene

_Path: TypeAlias = tuple[str | int, ...]

_METER: Final = frozenset({"temperature"})
_CO2: Final = frozenset({"CO2"})
_PLUG: Final = frozenset({"weight", "power"})
_LEARNED: Final = "diy"


def account_findings(
    document: Mapping[str, Any], listed: DeviceList, scenes: Iterable[Scene]
) -> tuple[list[SettingsError], list[SettingsError]]:
    """Return what the account lacks or cannot do, and what is to be known of it.

    Looked up are meters, units, plugs, contacts and motion sensors, scenes, and whether a
    unit takes what it will be sent. Rules are checked by themselves.
    """
    everything: list[Device | Remote] = [*listed.devices, *listed.remotes]
    devices = {each.device_id: each for each in everything}
    known = {each.scene_id: each for each in scenes}
    errors: list[SettingsError] = []
    warnings: list[SettingsError] = []
    if not devices:
        warnings.append(
            SettingsError(
                worded("the account's list of devices is empty: no id was compared")
            )
        )
    for where, part in _parts(document):
        if devices:
            for error, grave in (
                *_about_devices(where, part, devices),
                *_about_unit(document, where, part, devices),
                *_about_equipment(where, part, devices),
                *_about_air(document, where, part, devices),
            ):
                (errors if grave else warnings).append(error)
        errors += _about_scenes(where, part, known)
    return errors, warnings


def _about_air(
    document: Mapping[str, Any],
    where: _Path,
    part: Mapping[str, Any],
    devices: Mapping[str, Device | Remote],
) -> Iterator[tuple[SettingsError, bool]]:
    """Yield that no meter of a room says what its air is judged by.

    What the whole home wants of its air concerns the rooms that have a unit for it.
    """
    wanted = part.get("air", document.get("air"))
    if where and "air" not in part and not _airs(part):
        return
    found = [
        devices[device_id]
        for path, device_id, _needs in _named(part)
        if path[0] in ("meter_device_id", "sensors") and device_id in devices
    ]
    plugged = any(
        isinstance(each, str) and each.startswith(PLUGIN_PREFIX)
        for each in (
            part.get("meter_device_id"),
            *(_of(each, "device_id") for each in _list(part.get("sensors"))),
        )
    )
    if not isinstance(wanted, Mapping) or not found or plugged:
        return
    if not any(_has(each, _CO2) for each in found):
        words = worded(
            "{found} gives no CO2, so that nothing is kept by it",
            found=_called(found[0]),
        )
        yield SettingsError(words, path=dotted((*where, "air"))), False


def _airs(part: Mapping[str, Any]) -> bool:
    kinds = [_of(entry, "kind") for entry in _list(part.get("equipment"))]
    own = {KINDS[kind].own for kind in kinds if isinstance(kind, str) and kind in KINDS}
    return bool(own & {Action.VENTILATE, Action.PURIFY})


def _of(part: object, key: str) -> Any:
    return part.get(key) if isinstance(part, Mapping) else None


def _about_devices(
    where: _Path, part: Mapping[str, Any], devices: Mapping[str, Device | Remote]
) -> Iterator[tuple[SettingsError, bool]]:
    """Yield what is wrong with the devices that a part names, and whether it surely is."""
    for path, device_id, needs in _named(part):
        at, found = dotted((*where, *path)), devices.get(device_id)
        if found is None:
            yield SettingsError(_lacks(device_id, devices), path=at), True
            continue
        if needs and not _has(found, needs):
            what = joined(worded(" or "), sorted(needs))
            yield (
                SettingsError(
                    worded("{found} gives no {what}", found=_called(found), what=what),
                    path=at,
                ),
                True,
            )
        if isinstance(found, Device) and not found.cloud_service:
            words = worded(
                "the cloud service of {found} is off in the app: it may neither "
                "answer nor obey",
                found=_called(found),
            )
            yield SettingsError(words, path=at), False


def _about_scenes(
    where: _Path, part: Mapping[str, Any], known: Mapping[str, Scene]
) -> Iterator[SettingsError]:
    names = {each.scene_id: each.name for each in known.values()}
    for action, scene in _items(part.get("aircon_scenes")):
        if isinstance(scene, str) and scene and scene not in known:
            path = dotted((*where, "aircon_scenes", action))
            yield SettingsError(_lacks_scene(scene, names), path=path)


def _parts(document: Mapping[str, Any]) -> Iterator[tuple[_Path, Mapping[str, Any]]]:
    yield (), document
    for name, zone in _items(document.get("zones")):
        if isinstance(zone, Mapping):
            yield ("zones", name), zone


def _items(value: object) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, Mapping) else ()


def _named(
    part: Mapping[str, Any],
) -> Iterator[tuple[_Path, str, frozenset[str]]]:
    """Yield the devices that a part names, where, and one of which fields each must have."""
    nothing: frozenset[str] = frozenset()
    found: list[tuple[_Path, Any, frozenset[str]]] = [
        (("meter_device_id",), part.get("meter_device_id"), _METER),
        (("aircon_device_id",), part.get("aircon_device_id"), nothing),
        (("power_meter_device_id",), part.get("power_meter_device_id"), _PLUG),
        (("outdoor_device_id",), part.get("outdoor_device_id"), _METER),
    ]
    for index, sensor in enumerate(_list(part.get("sensors"))):
        if isinstance(sensor, Mapping):
            path: _Path = ("sensors", index, "device_id")
            found.append((path, sensor.get("device_id"), _METER))
    for index, unit in enumerate(_list(part.get("equipment"))):
        if isinstance(unit, Mapping):
            path = ("equipment", index, "device_id")
            found.append((path, unit.get("device_id"), nothing))
    for key in ("openings", "presence"):
        section = part.get(key)
        if isinstance(section, Mapping):
            found += [
                ((key, "sensors", index), each, nothing)
                for index, each in enumerate(_list(section.get("sensors")))
            ]
    for path, device_id, needs in found:
        if (
            isinstance(device_id, str)
            and device_id
            and not device_id.startswith(PLUGIN_PREFIX)
        ):
            yield path, device_id, needs


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _about_unit(
    document: Mapping[str, Any],
    where: _Path,
    part: Mapping[str, Any],
    devices: Mapping[str, Device | Remote],
) -> Iterator[tuple[SettingsError, bool]]:
    """Yield why a unit may not take what it will be sent, and whether it surely does not."""
    unit = devices.get(part.get("aircon_device_id") or "")
    if unit is None:
        return
    buttons = part.get("buttons", document.get("buttons"))
    rungs = _list(part.get("cascade", document.get("cascade")))
    at, called = dotted((*where, "aircon_device_id")), _called(unit)
    if isinstance(unit, Device) and buttons:
        words = worded(
            "{called} is no infrared remote: only one has learned buttons",
            called=called,
        )
        yield SettingsError(words, path=dotted((*where, "buttons"))), True
    if rungs and "command" not in rungs:
        return
    products, kind = _products(unit), _type_of(unit)
    if not products:
        words = worded(
            "{called} is of the type {kind!r}, which is not in the "
            "catalogue: it may take no setAll",
            called=called,
            kind=kind,
        )
        yield SettingsError(words, path=at), False
    elif not any(product.command("setAll") for product in products):
        words = worded(
            "{called}, a {kind}, takes no setAll: {unit}, or name an air "
            "conditioner or scenes",
            called=called,
            kind=kind,
            unit=_instead(unit, products),
        )
        yield SettingsError(words, path=at), True
    elif kind.casefold().startswith(_LEARNED) and not buttons:
        words = worded(
            "{called} was learned button by button, and such a remote "
            "refuses setAll: name its buttons",
            called=called,
        )
        yield SettingsError(words, path=at), False


def _instead(unit: Device | Remote, products: tuple[DeviceType, ...]) -> str:
    """Say how a unit is named that is no air conditioner, where it can heat a room."""
    for kind in KINDS.values():
        if kind is not AIRCON and fits_kind(kind, products):
            entry = f'{{"kind": "{kind.word}", "device_id": "{unit.device_id}"}}'
            return worded("name it in equipment, as [{entry}]", entry=entry)
    return worded("leave it out")


def fits_kind(kind: EquipmentKind, products: tuple[DeviceType, ...]) -> bool:
    """Tell whether a product is of a kind: it takes its command, and is no button."""
    return any(
        product.command(kind.takes)
        and (not kind.categories or product.category in kind.categories)
        and not any(product.command(word) for word in kind.lacks)
        for product in products
    )


def measures_power(products: tuple[DeviceType, ...]) -> bool:
    """Tell whether a plug or relay says how many watts are drawn through it."""
    fields = [field for product in products for field in product.status]
    return any(
        field.name in {"weight", "switch1Power"}
        or (field.name == "power" and field.type != "string")
        for field in fields
    )


def _about_equipment(
    where: _Path,
    part: Mapping[str, Any],
    devices: Mapping[str, Device | Remote],
) -> Iterator[tuple[SettingsError, bool]]:
    """Yield why a piece of equipment is not of its kind, and whether it surely is not."""
    for index, entry in enumerate(_list(part.get("equipment"))):
        if not isinstance(entry, Mapping):
            continue
        found, kind = devices.get(entry.get("device_id") or ""), entry.get("kind")
        if found is None or not isinstance(kind, str) or kind not in KINDS:
            continue
        at, called = dotted((*where, "equipment", index)), _called(found)
        products, of_type = _products(found), _type_of(found)
        if not products:
            words = worded(
                "{called} is of the type {of_type!r}, which is not in the "
                "catalogue: it may be no {kind}",
                called=called,
                of_type=of_type,
                kind=kind,
            )
            yield SettingsError(words, path=f"{at}.device_id"), False
            continue
        takes, categories = KINDS[kind].takes, KINDS[kind].categories
        relay = "plug" in categories
        if not fits_kind(KINDS[kind], products):
            takes_it = any(product.command(takes) for product in products)
            does = (
                worded("is no plug or relay")
                if relay
                else worded("is no {kind}", kind=kind)
            )
            if not takes_it:
                does = worded("takes no {takes}", takes=takes)
            words = worded(
                "{called}, a {of_type}, {does}: {found}",
                called=called,
                of_type=of_type,
                does=does,
                found=_instead(found, products),
            )
            yield SettingsError(words, path=f"{at}.kind"), True
        elif relay:
            yield from _about_relay(at, entry, called, products)


def _about_relay(
    at: str, entry: Mapping[str, Any], called: str, products: tuple[DeviceType, ...]
) -> Iterator[tuple[SettingsError, bool]]:
    fields = {field.name for product in products for field in product.status}
    channels = "switch2Status" in fields
    if channels is not bool(entry.get("channel")):
        words = (
            worded("{called} has two channels: say which, 1 or 2", called=called)
            if channels
            else worded("{called} has but one channel: leave it out", called=called)
        )
        yield SettingsError(words, path=f"{at}.channel"), True
    if entry.get("measures_power", True) and not measures_power(products):
        words = worded(
            "{called} does not measure what is drawn: set it to false", called=called
        )
        yield SettingsError(words, path=f"{at}.measures_power"), True


def _type_of(found: Device | Remote) -> str:
    return found.remote_type if isinstance(found, Remote) else found.device_type


def _products(found: Device | Remote) -> tuple[DeviceType, ...]:
    kind = _type_of(found)
    return find(kind, infrared=isinstance(found, Remote)) if kind else ()


def _has(found: Device | Remote, fields: frozenset[str]) -> bool:
    """Tell whether a device gives one of these; one of an unknown type may."""
    if isinstance(found, Remote):
        return False
    products = _products(found)
    return not products or any(
        field.name in fields for product in products for field in product.status
    )


def _called(found: Device | Remote) -> str:
    return worded("{found!r}", found=found.name or found.device_id)


def _lacks(device_id: str, devices: Mapping[str, Device | Remote]) -> str:
    near = nearest(device_id, devices)
    hint = (
        worded(
            "; did you mean {near!r}, {devices}?",
            near=near,
            devices=_called(devices[near]),
        )
        if near
        else ""
    )
    return worded(
        "the account has no device {device_id!r}{hint}",
        device_id=shown_name(device_id),
        hint=hint,
    )


def _lacks_scene(scene: str, names: Mapping[str, str]) -> str:
    by_name = {name: scene_id for scene_id, name in names.items()}
    near = by_name.get(scene) or nearest(scene, names)
    hint = (
        worded("; did you mean {near!r}, {names}?", near=near, names=names[near])
        if near
        else ""
    )
    return worded(
        "the account has no scene {scene!r}{hint}", scene=shown_name(scene), hint=hint
    )
