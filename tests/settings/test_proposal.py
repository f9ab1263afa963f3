"""Which rooms and which settings are proposed for an account."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Device, DeviceList, Remote
from switchbot_automation.settings import parse_settings
from switchbot_automation.settings.account import account_findings
from switchbot_automation.settings.findings import findings
from switchbot_automation.settings.proposal import (
    propose_rooms,
    proposed_settings,
    room_of,
)
from switchbot_automation.settings.read import read_settings

HOURS = (time(6, 30), time(23))
SETTLED = {
    "season": "winter",
    "band": (20, 22),
    "hours": HOURS,
    "timezone": "Asia/Tokyo",
}


def device(number, name, kind="Meter", hub="FA73", *, cloud=True):
    return Device(f"C2711{number:07}", name, kind, hub, cloud_service=cloud)


def remote(number, name, kind="Air Conditioner", hub="FA73"):
    return Remote(f"02-2020{number:08}-{number % 90 + 10}", name, kind, hub)


def pairs(devices, remotes):
    """Return which meter goes with which unit, and why, by the room's name."""
    found = propose_rooms(DeviceList(tuple(devices), tuple(remotes)))
    return {r.name: (r.meter.name, r.unit.name, r.because) for r in found.rooms}


BY_NAME = "both are named after the room"


@pytest.mark.parametrize(
    ("meter", "unit", "room"),
    [
        ("Living Room Meter", "Living room AC", "Living room"),
        ("bedroom", "Bedroom air conditioner", "Bedroom"),
        ("Meter Plus (office)", "Office - A/C", "Office"),
        ("寝室 温湿度計", "寝室エアコン", "寝室"),
        ("Wohnzimmer Thermometer", "Klimaanlage Wohnzimmer", "Wohnzimmer"),
        ("Capteur chambre", "Clim chambre", "chambre"),
    ],
)
def test_names_in_any_language_pair_a_meter_with_its_unit(meter, unit, room):
    others = [device(8, "Meter 2", hub="B"), device(9, "Cellar", hub="C")]
    found = pairs([*others, device(1, meter, hub="A")], [remote(1, unit, hub="D")])
    assert found == {room: (meter, unit, BY_NAME)}


def test_the_only_meter_of_a_hub_goes_with_its_only_unit():
    meters = [device(1, "Meter 1A", hub="A"), device(2, "Meter 2B", hub="B")]
    found = pairs(meters, [remote(1, "AC", hub="A"), remote(2, "Aircon", hub="B")])
    assert {(m, u) for m, u, _ in found.values()} == {
        ("Meter 1A", "AC"),
        ("Meter 2B", "Aircon"),
    }


def test_what_cannot_be_told_apart_is_left_to_the_person():
    meters = [device(1, "Meter"), device(2, "Meter")]
    found = propose_rooms(DeviceList(tuple(meters), (remote(1, "AC"),)))
    assert found.rooms == ()
    assert [each.name for each in found.units_without_meter] == ["AC"]
    assert len(found.meters) == 2


def test_a_meter_named_after_another_room_is_not_taken_for_being_the_last():
    assert pairs([device(1, "Kitchen")], [remote(1, "Bedroom AC")]) == {}


@pytest.mark.parametrize(
    "useless",
    [
        device(1, "Balcony"),
        device(1, "Outdoor", kind="WoIOSensor"),
        device(1, "Bedroom", cloud=False),
        device(1, "Bedroom", kind="Contact Sensor"),
        device(1, "Bedroom", kind="Smart Radiator Thermostat"),
        device(1, "Freezer"),
    ],
)
def test_what_does_not_measure_a_room_makes_none(useless):
    assert pairs([useless], [remote(1, "Bedroom AC")]) == {}


def test_a_meter_goes_before_a_hub_that_measures():
    devices = [device(1, "Bedroom", kind="Hub 2"), device(2, "Bedroom meter")]
    assert pairs(devices, [remote(1, "Bedroom AC")]) == {
        "Bedroom": ("Bedroom meter", "Bedroom AC", BY_NAME)
    }
    assert pairs(devices[:1], [remote(1, "Bedroom AC")]) == {
        "Bedroom": ("Bedroom", "Bedroom AC", BY_NAME)
    }


def test_only_air_conditioners_are_kept():
    assert pairs([device(1, "Bedroom")], [remote(1, "Bedroom TV", kind="TV")]) == {}


def test_rooms_of_one_name_are_numbered():
    devices = [device(1, "Room"), device(2, "Room")]
    found = pairs(devices, [remote(1, "Room AC"), remote(2, "Room aircon")])
    assert list(found) == ["Room", "Room 2"]


NAMES = st.sampled_from(
    [
        "AC",
        "",
        "Bedroom",
        "Bedroom AC",
        "Meter",
        "居間エアコン",
        "Balcony",
        "x_y",
        "İ AC",
    ]
) | st.text(max_size=12)
HUBS = st.sampled_from([None, "", "A", "B"])
KINDS = st.sampled_from(["Meter", "Hub 2", "WoIOSensor", "Bot", "Sauna Stove", ""])


@given(
    st.lists(st.tuples(NAMES, KINDS, HUBS, st.booleans()), max_size=6),
    st.lists(st.tuples(NAMES, HUBS), max_size=5),
    st.sampled_from(["auto", "winter", "summer"]),
    st.tuples(st.integers(16, 25), st.integers(1, 5)),
    st.tuples(st.times(), st.times()),
)
def test_whatever_an_account_lists_what_is_proposed_can_be_used(
    devices, remotes, season, band, hours
):
    listed = DeviceList(
        tuple(
            device(n, name, kind, hub, cloud=cloud)
            for n, (name, kind, hub, cloud) in enumerate(devices)
        ),
        tuple(remote(n, name, hub=hub) for n, (name, hub) in enumerate(remotes)),
    )
    found = propose_rooms(listed)
    assert len(found.rooms) + len(found.units_without_meter) == len(remotes)
    assert len({room.meter.device_id for room in found.rooms}) == len(found.rooms)
    if not found.rooms:
        return
    document = proposed_settings(
        found.rooms,
        season=season,
        band=(band[0], sum(band)),
        hours=hours,
        timezone="Europe/Berlin",
    )
    assert findings(document, read_settings).errors == []
    assert account_findings(document, listed, ())[0] == []
    settings = parse_settings(document)
    assert len(settings.zones) == len(found.rooms)
    # As whoever asks for the hours says: outside of them it is off.
    assert all(zone.turn_off_outside_windows for zone in settings.zones.values())


def test_the_same_start_and_end_mean_the_whole_day():
    room = room_of(remote(1, "AC"), device(1, "Meter"))
    document = proposed_settings([room], **SETTLED | {"hours": (time(7), time(7))})
    assert [(w["start"], w["end"]) for w in document["time_windows"]] == [
        ("07:00", "07:00"),
    ]


def test_with_both_seasons_cooling_begins_well_above_heating():
    room = room_of(remote(1, "AC"), device(1, "Meter"))
    document = proposed_settings(
        [room], **SETTLED | {"season": "auto", "band": (22, 25)}
    )
    assert document["summer"]["min_temp"] >= document["winter"]["max_temp"] + 2


@pytest.mark.parametrize("unit", ["celsius", "fahrenheit"])
def test_what_is_usual_for_a_time_is_there_to_be_chosen_and_spares(unit):
    rooms = [room_of(remote(n, f"AC {n}"), device(n, f"Meter {n}")) for n in (1, 2)]
    band = (68, 72) if unit == "fahrenheit" else (20, 22)
    wish = {"season": "auto", "band": band, "unit": unit}
    for zone in parse_settings(
        proposed_settings(rooms, **SETTLED | wish)
    ).zones.values():
        assert list(zone.presets) == ["eco", "away"]
        spared = [zone, zone.presets["eco"], zone.presets["away"]]
        coldest = [each.winter.min_temp for each in spared]
        warmest = [each.summer.max_temp for each in spared]
        assert coldest == sorted(set(coldest), reverse=True)
        assert warmest == sorted(set(warmest))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"season": "spring"}, "spring"),
        ({"band": (22, 20)}, "22 to 20"),
    ],
)
def test_a_wrong_wish_is_named(wrong, words):
    room = room_of(remote(1, "AC"), device(1, "Meter"))
    with pytest.raises(SettingsError, match=words):
        proposed_settings([room], **SETTLED | wrong)
    with pytest.raises(SettingsError, match="no room"):
        proposed_settings([], **SETTLED)


@pytest.mark.parametrize("season", ["auto", "winter"])
def test_a_radiator_thermostat_with_a_meter_is_a_room_that_is_heated(season):
    valve = device(2, "Bath thermostat", "Smart Radiator Thermostat", None)
    listed = DeviceList(
        (device(1, "Bath"), device(3, "Bedroom meter"), valve),
        (remote(1, "Bedroom AC"),),
    )
    found = propose_rooms(listed)
    assert [(r.name, r.because) for r in found.rooms] == [
        ("Bedroom", BY_NAME),
        ("Bath", BY_NAME),
    ]
    document = proposed_settings(found.rooms, **SETTLED | {"season": season})
    assert findings(document, read_settings).errors == []
    assert account_findings(document, listed, ())[0] == []
    bath = parse_settings(document).zones["Bath"]
    assert (bath.kind.word, bath.mode) == ("thermostat", "winter")
    alone = proposed_settings(found.rooms[1:], **SETTLED | {"season": season})
    assert parse_settings(alone).default.kind.word == "thermostat"


def test_what_only_heats_has_no_summer():
    valve = device(2, "Bath thermostat", "Smart Radiator Thermostat", None)
    found = propose_rooms(DeviceList((device(1, "Bath"), valve), ()))
    with pytest.raises(SettingsError, match="no room to keep"):
        proposed_settings(found.rooms, **SETTLED | {"season": "summer"})


def test_a_name_that_cannot_be_shown_names_no_room():
    found = propose_rooms(DeviceList((device(1, "Meter"),), (remote(1, "\x1b"),)))
    assert [room.name for room in found.rooms] == ["room"]
