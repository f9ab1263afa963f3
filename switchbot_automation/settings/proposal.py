"""Which settings would fit an account that was just listed? Pure: the list is handed in.

A room is an air conditioner with something that measures beside it. Which measures which is
told by the names that a person gave them, then by the hub they hang on, then by there being
no other; whoever asks is told which of these it was.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.cloud.catalog.catalog import find, type_of_listed
from switchbot_automation.equipment.table import KINDS
from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import CELSIUS, from_celsius, later, worded
from switchbot_automation.model import Device, Remote
from switchbot_automation.settings.account import fits_kind, measures_power

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import time

    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.model import DeviceList
    from switchbot_automation.settings.model import Settings

SEASONS: Final = ("auto", "winter", "summer")

# The band that most people call comfortable, in °C by season.
COMFORTABLE: Final = {"winter": (20.0, 22.0), "summer": (24.0, 26.0)}

# What the other season keeps with `auto`, where only one band was asked for, lies at least
# so many kelvin away: heating and cooling must never meet.
_APART: Final = 2.0

# What is usual to want for a time, beside the band; by how many kelvin each spares.
_PRESETS: Final = {"eco": 1.5, "away": 4.0}

# Between these lie the setpoints that an air conditioner takes, in °C.
_SETPOINTS: Final = (16, 30)

EVERY_DAY: Final = (0, 1, 2, 3, 4, 5, 6)

# Words that say what a thing is, and not where, in the app's languages as people name
# their devices. Longer ones first, so that "air conditioner" goes before "air".
_KIND_WORDS: Final = tuple(
    sorted(
        (
            *("air conditioner", "air conditioning", "air con", "aircon", "a/c", "ac"),
            *(
                "climate",
                "clim",
                "climatisation",
                "climatiseur",
                "klimaanlage",
                "klima",
            ),
            *(
                "heat pump",
                "heatpump",
                "split unit",
                "unit",
                "remote",
                "cooler",
                "heater",
                "smart radiator thermostat",
                "radiator thermostat",
                "radiator",
                "thermostat",
                "heizkörperthermostat",
                "heizkörper",
                "heizung",
                "radiateur",
            ),
            *(
                "thermo-hygrometer",
                "thermometer",
                "hygrometer",
                "thermomètre",
                "capteur",
            ),
            *("meter plus", "meter pro", "meter", "co2", "sensor", "temperature"),
            *(
                "humidity",
                "hub mini",
                "hub 2",
                "hub 3",
                "hub",
                "plus",
                "pro",
                "switchbot",
            ),
            *(
                "エアコン",
                "空調",
                "クーラー",
                "温湿度計",
                "温度計",
                "湿度計",
                "ハブ",
                "センサー",
            ),
        ),
        key=len,
        reverse=True,
    )
)
_KINDS: Final = re.compile(
    "|".join(
        # Words of scripts that put no blanks between them stand anywhere.
        rf"\b{re.escape(word)}\b" if word.isascii() or " " in word else re.escape(word)
        for word in _KIND_WORDS
    )
)
_OUTSIDE: Final = re.compile(
    r"\b(?:outdoor|outside|balcony|garden|terrace|au[sß]en|draußen|balkon|garten|"
    r"extérieur|dehors|balcon|jardin|fridge|freezer|kühlschrank|frigo)\b|屋外|外気|庭|ベランダ|冷蔵庫"
)

# How sure a pairing is. Whoever is less sure than `_BY_HUB` is asked.
_BY_NAME, _BY_PART, _BY_HUB, _BY_ELIMINATION = 4, 3, 2, 1
_BECAUSE: Final = {
    _BY_NAME: later("both are named after the room"),
    _BY_PART: later("their names share a word"),
    _BY_HUB: later("both hang on one hub, and no other does"),
    _BY_ELIMINATION: later("there is no other"),
}


@dataclass(frozen=True, slots=True)
class ProposedRoom:
    """A room that could be kept.

    `meter` gives its temperature, `unit` is its air conditioner or radiator thermostat, `because` says in words
    why they belong together.
    """

    name: str
    meter: Device
    unit: Device | Remote
    because: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The rooms of an account, and the units that got no meter.

    `meters` are all that measure indoors, the best first: what a person may choose from.
    `meters_aside` measure too, and are outdoors by their name or have their Cloud Services
    off. `relays` switch something, which may be an electric heater.
    """

    rooms: tuple[ProposedRoom, ...]
    units_without_meter: tuple[Device | Remote, ...]
    meters: tuple[Device, ...]
    meters_aside: tuple[Device, ...] = ()
    relays: tuple[Device, ...] = ()


def propose_rooms(listed: DeviceList) -> Proposal:
    """Pair an account's air conditioners and thermostats with what measures beside them.

    A meter serves one room. Meters that are outdoors by kind or name, and those whose
    cloud service is off, are left out.

    >>> from switchbot_automation import Device, DeviceList, Remote
    >>> meter = Device("C271111EC0AB", "Bedroom meter", "Meter", "FA73", cloud_service=True)
    >>> unit = Remote("02-2020", "Bedroom AC", "Air Conditioner", "FA73")
    >>> proposal = propose_rooms(DeviceList(devices=(meter,), remotes=(unit,)))
    >>> proposal.rooms[0].name, proposal.rooms[0].because
    ('Bedroom', 'both are named after the room')
    """
    meters = sorted(filter(_measures_indoors, listed.devices), key=_preference)
    units: list[Device | Remote] = [
        *filter(_is_air_conditioner, listed.remotes),
        *filter(_is_thermostat, listed.devices),
    ]
    rooms: dict[str, ProposedRoom] = {}
    free = list(meters)
    for sureness in (_BY_NAME, _BY_PART, _BY_HUB, _BY_ELIMINATION):
        for unit in units:
            if unit.device_id in rooms:
                continue
            waiting = [each for each in units if each.device_id not in rooms]
            meter = _only_partner(unit, free, waiting, sureness)
            if meter is not None:
                free.remove(meter)
                name = _room_name(unit, meter)
                rooms[unit.device_id] = ProposedRoom(
                    name, meter, unit, _BECAUSE[sureness]
                )
    found = [rooms[each.device_id] for each in units if each.device_id in rooms]
    return Proposal(
        rooms=tuple(_distinct(found)),
        units_without_meter=tuple(u for u in units if u.device_id not in rooms),
        meters=tuple(meters),
        meters_aside=tuple(
            each for each in listed.devices if _measures(each) and each not in meters
        ),
        relays=tuple(filter(_is_relay, listed.devices)),
    )


def room_of(unit: Device | Remote, meter: Device) -> ProposedRoom:
    """Return the room of a unit and of the meter that a person chose for it."""
    return ProposedRoom(_room_name(unit, meter), meter, unit, later("you said so"))


def proposed_settings(
    rooms: Sequence[ProposedRoom],
    *,
    season: str,
    band: tuple[float, float],
    hours: tuple[time, time],
    timezone: str,
    unit: str = CELSIUS,
) -> dict[str, Any]:
    """Return a settings document that keeps `rooms`, under the best control there is.

    `band` is in degrees of `unit`, as the document then is, of `season`; with season ``auto`` it is the winter's, and the
    summer's lies above it. `hours` are on the wall clock of `timezone`, every day; an end
    before the start is on the next day, one that is the start is a day later. A radiator
    thermostat only heats: its room is always in winter, and none of a summer's. One room
    makes a flat document, several one with `zones`. Raises SettingsError for no room, an
    unknown season or a band upside down.

    >>> from datetime import time
    >>> from switchbot_automation import Device, Remote
    >>> meter = Device("C271111EC0AB", "Bedroom", "Meter", None, cloud_service=True)
    >>> room = room_of(Remote("02-2020", "Bedroom AC", "Air Conditioner", None), meter)
    >>> proposed_settings(
    ...     [room], season="winter", band=(20, 22), hours=(time(7), time(23)),
    ...     timezone="Europe/Paris",
    ... )["winter"]
    {'min_temp': 20, 'max_temp': 22, 'target_temp': 21}
    """
    if season == "summer":
        rooms = [room for room in rooms if isinstance(room.unit, Remote)]
    if not rooms:
        raise SettingsError(worded("there is no room to keep"), path="zones")
    if season not in SEASONS:
        message = worded(
            "{season!r} is none of {seasons}", season=season, seasons=", ".join(SEASONS)
        )
        raise SettingsError(message, path="mode")
    low, high = band
    if not low < high:
        raise SettingsError(
            worded("the band {low:g} to {high:g} °C is empty", low=low, high=high),
            path="band",
        )
    document: dict[str, Any] = {
        "automation_enabled": True,
        "mode": season,
        "control": "auto",
        "timezone": timezone,
    }
    if unit != CELSIUS:
        document["unit"] = unit
    coldest, warmest = (from_celsius(each, unit) for each in _SETPOINTS)
    for name, (least, most) in _bands(season, band, unit).items():
        document[name] = {
            "min_temp": least,
            "max_temp": most,
            # Where the steering begins; from there it follows the meter. A unit takes
            # whole degrees, and heats up to one above, cools down to one below.
            "target_temp": min(warmest, max(coldest, round((least + most) / 2))),
        }
    start, end = (f"{each:%H:%M}" for each in hours)
    document["time_windows"] = [{"days": list(EVERY_DAY), "start": start, "end": end}]
    # Without it a unit would be left as the end of the hours finds it, on all night.
    document["turn_off_outside_windows"] = True
    # Kelvin in a document of any unit. The page offers them beside the band, for a time.
    document["presets"] = {
        name: {"setback_kelvin": kelvin} for name, kelvin in _PRESETS.items()
    }
    devices = [_devices_of(room) for room in rooms]
    if len(rooms) == 1:
        return document | devices[0]
    names = (room.name for room in _distinct(rooms))
    return document | {"zones": dict(zip(names, devices, strict=True))}


def kept_by_auto(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a settings document with every zone kept by `control: auto`.

    All else is left as it is, also what is given beside it, as `optimum_start`.

    >>> kept_by_auto({"mode": "winter", "zones": {"attic": {"control": "switch"}}})
    {'mode': 'winter', 'zones': {'attic': {}}, 'control': 'auto'}
    """
    changed = dict(document)
    zones = changed.get("zones")
    if isinstance(zones, dict):
        changed["zones"] = {
            name: {key: value for key, value in zone.items() if key != "control"}
            for name, zone in zones.items()
        }
    return changed | {"control": "auto"}


def not_kept_by_auto(settings: Settings) -> list[str]:
    """Return the zones that are kept, and otherwise than `control: auto` would.

    What keeps humidity, air or the sun is kept alike by every `control`.

    >>> from switchbot_automation.settings import parse_settings
    >>> from switchbot_automation.simulation import default_settings
    >>> not_kept_by_auto(parse_settings(default_settings()))
    ['default']
    >>> not_kept_by_auto(parse_settings(kept_by_auto(default_settings())))
    []
    """
    return [
        zone.name
        for zone in settings.zones.values()
        if zone.automation_enabled
        and zone.control != "auto"
        and zone.aircon_device_id
        and zone.kind.own is None
    ]


def _devices_of(room: ProposedRoom) -> dict[str, Any]:
    meter, unit = room.meter.device_id, room.unit.device_id
    if isinstance(room.unit, Remote):
        return {"meter_device_id": meter, "aircon_device_id": unit}
    if _is_relay(room.unit):
        heater: dict[str, Any] = {"kind": "heater", "device_id": unit}
        if not measures_power(_products(room.unit)):
            heater["measures_power"] = False
        return {"meter_device_id": meter, "equipment": [heater], "mode": "winter"}
    entry = {"kind": "thermostat", "device_id": unit}
    return {"meter_device_id": meter, "equipment": [entry], "mode": "winter"}


def _bands(
    season: str, band: tuple[float, float], unit: str
) -> dict[str, tuple[float, float]]:
    if season != "auto":
        return {season: band}
    least, most = (round(from_celsius(each, unit)) for each in COMFORTABLE["summer"])
    apart = math.ceil(from_celsius(_APART, unit) - from_celsius(0, unit))
    lift = max(0.0, band[1] + apart - least)
    return {"winter": band, "summer": (least + lift, most + lift)}


def _products(entry: Device) -> tuple[DeviceType, ...]:
    return find(type_of_listed(entry), infrared=False)


def _measures(device: Device) -> bool:
    return any(
        product.category in {"sensor", "hub"}
        and any(field.name == "temperature" for field in product.status)
        for product in _products(device)
    )


def _measures_indoors(device: Device) -> bool:
    return (
        device.cloud_service
        and not _OUTSIDE.search(device.name.casefold())
        and _measures(device)
        and not any(
            {"outdoor", "weather"} & set(product.name.casefold().split())
            for product in _products(device)
        )
    )


def _is_relay(device: Device | Remote) -> bool:
    """Tell whether a heater may be on it; of one with two channels a person says which."""
    return (
        isinstance(device, Device)
        and device.cloud_service
        and fits_kind(KINDS["heater"], _products(device))
        and not any(
            field.name == "switch2Status"
            for product in _products(device)
            for field in product.status
        )
    )


def _preference(device: Device) -> int:
    """Order meters before hubs, which warm themselves and stand where the wall is."""
    return int(any(product.category == "hub" for product in _products(device)))


def _is_air_conditioner(remote: Remote) -> bool:
    products = find(remote.remote_type, infrared=True)
    return any(product.command("setAll") for product in products)


def _is_thermostat(device: Device) -> bool:
    takes = KINDS["thermostat"].takes
    return device.cloud_service and any(
        product.command(takes) for product in _products(device)
    )


def _only_partner(
    unit: Device | Remote,
    free: Sequence[Device],
    waiting: Sequence[Device | Remote],
    sureness: int,
) -> Device | None:
    """Return the one meter that fits a unit so well, if it fits no other waiting unit."""
    fitting = [each for each in free if _fits(unit, each, sureness)]
    if sureness == _BY_NAME and fitting:
        return fitting[0]  # a meter before the hub of the same room
    best = [each for each in fitting if _preference(each) == _preference(fitting[0])]
    if len(best) != 1:
        return None
    rivals = [each for each in waiting if _fits(each, best[0], sureness)]
    return best[0] if rivals == [unit] else None


def _fits(unit: Device | Remote, meter: Device, sureness: int) -> bool:
    ours, theirs = _place_words(unit.name), _place_words(meter.name)
    if sureness == _BY_NAME:
        return bool(ours) and ours == theirs
    if sureness == _BY_PART:
        return bool(ours & theirs)
    # A meter that is named after another room is no help by its hub.
    if ours and theirs and not ours & theirs:
        return False
    if sureness == _BY_HUB:
        hub = unit.hub_device_id
        return bool(hub) and hub in {meter.hub_device_id, meter.device_id}
    return True


def _place(name: str) -> str:
    """Return what is left of a device's name when the words for its kind are taken out.

    >>> _place("Living room AC"), _place("Meter"), _place("寝室エアコン")
    ('Living room', '', '寝室')
    """
    folded = name.casefold()
    if len(folded) != len(
        name
    ):  # a few letters change their length: no places to cut at
        name = folded
    kept, at = [], 0
    for match in _KINDS.finditer(folded):
        kept.append(name[at : match.start()])
        at = match.end()
    kept.append(name[at:])
    return " ".join(re.sub(r"[^\w'&]+|_", " ", "".join(kept)).split())


def _place_words(name: str) -> frozenset[str]:
    return frozenset(_place(name).casefold().split())


def _room_name(unit: Device | Remote, meter: Device) -> str:
    own = "".join(filter(str.isprintable, unit.name)).strip()
    return _place(unit.name) or _place(meter.name) or own or "room"


def _distinct(rooms: Iterable[ProposedRoom]) -> list[ProposedRoom]:
    """Give rooms of one name a number each, since a name is a key."""
    taken: set[str] = set()
    found = []
    for room in rooms:
        name, count = room.name, 1
        while name.casefold() in taken:
            count += 1
            name = f"{room.name} {count}"
        taken.add(name.casefold())
        found.append(ProposedRoom(name, room.meter, room.unit, room.because))
    return found
