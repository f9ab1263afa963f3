"""Entities of Home Assistant as a room's meter, opening and presence."""

import asyncio

import pytest
from custom_components.switchbot_automation import async_remove_config_entry_device
from custom_components.switchbot_automation.sources import (
    SCHEMA,
    EntitySensor,
    name_of,
    renamed,
    sources_of,
    with_sources,
)
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.helpers.event import async_track_state_change_event

from switchbot_automation.errors import PluginError

METER = "sensor.lounge_temperature"
WINDOW = "binary_sensor.lounge_window"
PERSON = "person.ann"
CELSIUS = {"device_class": "temperature", "unit_of_measurement": "°C"}


def read(hass, entity_id, **more):
    return EntitySensor(hass, SCHEMA({"entity_id": entity_id, **more})).read()


@pytest.mark.parametrize(
    ("entity_id", "state", "attributes", "fields"),
    [
        (METER, "19.5", CELSIUS, {"temperature": 19.5}),
        (METER, "68", CELSIUS | {"unit_of_measurement": "°F"}, {"temperature": 20.0}),
        ("sensor.damp", "44", {"device_class": "humidity"}, {"humidity": 44.0}),
        (
            "climate.other",
            "heat",
            {"current_temperature": 20.5, "current_humidity": 40},
            {"temperature": 20.5, "humidity": 40.0},
        ),
        ("weather.here", "sunny", {"temperature": 3.0}, {"temperature": 3.0}),
        (WINDOW, "on", {"device_class": "window"}, {"openState": "open"}),
        (WINDOW, "off", {"device_class": "window"}, {"openState": "close"}),
        ("lock.door", "locked", {}, {"openState": "close"}),
        ("cover.roof", "opening", {}, {"openState": "open"}),
        (PERSON, "home", {}, {"detected": True}),
        (PERSON, "Office", {}, {"detected": False}),
        (
            "input_boolean.guest",
            "on",
            {},
            {"detected": True, "openState": "open"},
        ),
    ],
)
async def test_a_state_is_said_as_a_device_would(
    hass, entity_id, state, attributes, fields
):
    hass.states.async_set(entity_id, state, attributes)
    assert await read(hass, entity_id) == fields


@pytest.mark.parametrize(
    ("entity_id", "state", "attributes"),
    [
        (METER, None, {}),
        (METER, "unavailable", CELSIUS),
        (METER, "unknown", CELSIUS),
        (METER, "warm", CELSIUS),
        (METER, "nan", CELSIUS),
        (METER, "inf", CELSIUS),
        ("climate.other", "off", {"current_temperature": True}),
        ("zone.home", "nan", {}),
        (METER, "230", {"unit_of_measurement": "V"}),
        ("climate.other", "off", {}),
        (WINDOW, "ajar", {"device_class": "window"}),
    ],
)
async def test_what_says_nothing_is_no_reading(hass, entity_id, state, attributes):
    if state is not None:
        hass.states.async_set(entity_id, state, attributes)
    with pytest.raises(PluginError, match=entity_id):
        await read(hass, entity_id)


async def test_a_thermometer_that_fell_silent_is_not_believed(hass, freezer):
    hass.states.async_set(METER, "19.5", CELSIUS)
    freezer.tick(7199)
    assert await read(hass, METER) == {"temperature": 19.5}
    freezer.tick(2)
    with pytest.raises(PluginError, match=r"2\.0 h"):
        await read(hass, METER)
    # The same said again is news.
    hass.states.async_set(METER, "19.5", CELSIUS)
    assert await read(hass, METER) == {"temperature": 19.5}


async def test_the_humidity_may_be_another_entity_and_may_be_missing(hass):
    hass.states.async_set(METER, "19.5", CELSIUS)
    asked = {"humidity_entity_id": "sensor.damp"}
    assert await read(hass, METER, **asked) == {"temperature": 19.5}
    hass.states.async_set("sensor.damp", "51", {"device_class": "humidity"})
    assert await read(hass, METER, **asked) == {"temperature": 19.5, "humidity": 51.0}


async def test_a_humidity_that_is_old_or_none_is_left_out(hass, freezer):
    asked = {"humidity_entity_id": "sensor.damp"}
    hass.states.async_set("sensor.damp", "51", {"unit_of_measurement": "%"})
    freezer.tick(7201)
    hass.states.async_set(METER, "19.5", CELSIUS)
    assert await read(hass, METER, **asked) == {"temperature": 19.5}
    hass.states.async_set("sensor.damp", "52", {"unit_of_measurement": "%"})
    assert (await read(hass, METER, **asked))["humidity"] == 52.0
    # A thermometer that was chosen for it would be a room of 21 %.
    for state, attributes in (("21.5", CELSIUS), ("nan", {}), ("unavailable", {})):
        hass.states.async_set("sensor.damp", state, attributes)
        assert await read(hass, METER, **asked) == {"temperature": 19.5}


async def test_a_room_is_kept_by_what_a_person_chose(hass, home, entry, cloud):
    hass.states.async_set(METER, "24.5", CELSIUS)
    hass.states.async_set(WINDOW, "off", {"device_class": "window"})
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "zone"}
    )
    # There is one room, which nobody has to choose.
    assert form["step_id"] == "sources"
    done = await hass.config_entries.options.async_configure(
        form["flow_id"], {"meter": METER, "openings": [WINDOW]}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await home.engine.run_once(trigger="settings")
    home.show()
    shown = hass.states.get("climate.living_room").attributes
    assert shown["current_temperature"] == 24.5
    stored = (await home.engine.stored_settings()).data
    assert sources_of(stored, "default") == {"meter": METER, "openings": [WINDOW]}

    # Another look at the form shows the same, and a dead entity is no temperature.
    hass.states.async_set(METER, "unavailable", CELSIUS)
    await home.engine.run_once(trigger="manual")
    health = await home.health()
    assert METER in health["zones"]["default"]["last_error"]


async def shows(hass, entity_id, wanted, change):
    """Change something, and wait until an entity shows what is wanted, asking nobody."""
    seen = asyncio.Event()

    def look(event):
        if wanted(event.data["new_state"]):
            seen.set()

    end = async_track_state_change_event(hass, [entity_id], callback(look))
    change()
    await seen.wait()
    end()


@pytest.fixture
async def watched(hass, home):
    """The room with an entity as its window, whose ticks come from the scheduler alone."""
    hass.states.async_set(WINDOW, "off", {"device_class": "window"})
    document = with_sources(
        (await home.engine.stored_settings()).data, "default", {"openings": [WINDOW]}
    )
    document["openings"] |= {"pause_after_seconds": 0, "poll_interval_seconds": 86400}
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    await hass.async_block_till_done()
    return home


async def test_a_window_is_heard_at_once_and_shown_without_being_asked(hass, watched):
    await shows(
        hass,
        "sensor.living_room_last_decision",
        lambda state: "opening_open" in state.attributes["codes"],
        lambda: hass.states.async_set(WINDOW, "on", {"device_class": "window"}),
    )
    # What says nothing is no news.
    hass.states.async_set(WINDOW, "unavailable", {"device_class": "window"})
    await hass.async_block_till_done()


async def test_what_the_settings_no_longer_name_is_not_heard(hass, watched):
    document = dict((await watched.engine.stored_settings()).data)
    del document["openings"], document["plugins"]
    await watched.engine.apply_settings(document)
    await watched.engine.run_once(trigger="settings")
    await hass.async_block_till_done()
    heard = []
    end = watched.engine.subscribe(
        lambda event: heard.append(event) if event.kind == "webhook" else None
    )
    hass.states.async_set(WINDOW, "on", {"device_class": "window"})
    await hass.async_block_till_done()
    assert heard == []
    end()


async def test_a_thermometer_that_crosses_the_band_is_heard_at_once(hass, home):
    hass.states.async_set(METER, "21.0", CELSIUS)
    document = with_sources(
        (await home.engine.stored_settings()).data, "default", {"meter": METER}
    )
    await home.engine.apply_settings({**document, "poll_interval_seconds": 3600})
    await home.engine.run_once(trigger="settings")
    home.show()
    assert home.data.zones["default"]["temperature"] == 21.0
    await shows(
        hass,
        "climate.living_room",
        lambda state: state.attributes["current_temperature"] == 25.0,
        lambda: hass.states.async_set(METER, "25.0", CELSIUS),
    )


async def test_no_entity_is_polled(hass, home):
    platforms = async_get_platforms(hass, "switchbot_automation")
    entities = [each for one in platforms for each in one.entities.values()]
    assert {each.entity_id.partition(".")[0] for each in entities} == {
        "climate",
        "sensor",
    }
    assert [each for each in entities if each.should_poll] == []
    assert home.update_interval is None


@pytest.fixture
async def two_rooms(home, cloud):
    cloud.home.add_device("Meter", "C0FFEE0000AA", "Study meter")
    document = dict((await home.engine.stored_settings()).data)
    document["presets"] = {"away": {"setback_kelvin": 3.0}}
    document["zones"] = {"default": {}, "Study": {"meter_device_id": "C0FFEE0000AA"}}
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    home.show()
    return document


async def test_of_several_rooms_one_is_chosen(hass, home, entry, two_rooms):
    hass.states.async_set(PERSON, "home")
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "zone"}
    )
    assert form["step_id"] == "zone"
    form = await hass.config_entries.options.async_configure(
        form["flow_id"], {"zone": "Study"}
    )
    # Presence without a preset to be in force is refused, and can be corrected.
    refused = await hass.config_entries.options.async_configure(
        form["flow_id"], {"presence": [PERSON]}
    )
    assert refused["errors"] == {"base": "settings"}
    assert "preset" in refused["description_placeholders"]["problem"]
    done = await hass.config_entries.options.async_configure(
        refused["flow_id"], {"presence": [PERSON], "preset": "away"}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    zones = (await home.engine.stored_settings()).data["zones"]
    assert zones["Study"]["presence"]["sensors"] == [f"plugin:{PERSON}"]
    assert zones["default"] == {}


async def test_the_device_of_a_room_that_is_gone_may_be_deleted(
    hass, home, entry, two_rooms
):
    await hass.async_block_till_done()
    registry = dr.async_get(hass)
    devices = {
        each.name: each
        for each in dr.async_entries_for_config_entry(registry, entry.entry_id)
    }
    for device in devices.values():
        assert not await async_remove_config_entry_device(hass, entry, device)
    del two_rooms["zones"]["Study"]
    await home.engine.apply_settings(two_rooms)
    await home.engine.run_once(trigger="settings")
    home.show()
    may = {
        name
        for name, device in devices.items()
        if await async_remove_config_entry_device(hass, entry, device)
    }
    assert may == {"Study"}


def test_a_zone_s_other_sensors_stay_where_they_are():
    document = {
        "presets": {"away": {}},
        "zones": {
            "den": {"meter_device_id": "C1", "openings": {"sensors": ["D1"]}},
            "attic": {"meter_device_id": "C2"},
        },
    }
    wanted = {
        "meter": METER,
        "openings": [WINDOW],
        "presence": [PERSON],
        "preset": "away",
    }
    changed = with_sources(document, "den", wanted)
    den = changed["zones"]["den"]
    assert den["openings"]["sensors"] == ["D1", f"plugin:{WINDOW}"]
    assert den["presence"] == {"sensors": [f"plugin:{PERSON}"], "preset": "away"}
    assert changed["zones"]["attic"] == {"meter_device_id": "C2"}
    assert sources_of(changed, "den") == wanted
    # Chosen again with less, what is no entity is still there.
    less = with_sources(changed, "den", {"meter": METER})["zones"]["den"]
    assert less["openings"]["sensors"] == ["D1"]
    assert "presence" not in less
    assert document["zones"]["den"] == {
        "meter_device_id": "C1",
        "openings": {"sensors": ["D1"]},
    }


def test_every_entity_has_a_name_that_settings_take():
    long = f"sensor.{'a' * 60}"
    names = {name_of(METER), name_of(long), name_of(f"{long}b")}
    assert len(names) == 3
    assert all(len(each) <= 40 for each in names)


@pytest.mark.parametrize(
    ("entity_id", "state", "fields"),
    [
        ("zone.home", "2", {"detected": True}),
        ("zone.home", "0", {"detected": False}),
        ("group.family", "not_home", {"detected": False, "openState": "close"}),
        ("group.windows", "on", {"detected": True, "openState": "open"}),
    ],
)
async def test_a_zone_or_a_group_says_it_too(hass, entity_id, state, fields):
    hass.states.async_set(entity_id, state)
    assert await read(hass, entity_id) == fields


async def test_a_source_that_is_renamed_stays_the_source(hass, home):
    registry = er.async_get(hass)
    made = registry.async_get_or_create(
        "sensor", "other", "1", suggested_object_id="lounge_temperature"
    )
    assert made.entity_id == METER
    hass.states.async_set(METER, "24.5", CELSIUS)
    document = with_sources(
        (await home.engine.stored_settings()).data, "default", {"meter": METER}
    )
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    await hass.async_block_till_done()
    registry.async_update_entity(METER, new_entity_id="sensor.salon")
    hass.states.async_remove(METER)
    hass.states.async_set("sensor.salon", "23.5", CELSIUS)
    await hass.async_block_till_done()
    stored = (await home.engine.stored_settings()).data
    assert sources_of(stored, "default") == {"meter": "sensor.salon"}
    await home.engine.run_once(trigger="settings")
    home.show()
    assert home.data.zones["default"]["temperature"] == 23.5
    await hass.async_block_till_done()
    # By its new name it is heard, and found again by the form.
    await shows(
        hass,
        "climate.living_room",
        lambda state: state.attributes["current_temperature"] == 25.0,
        lambda: hass.states.async_set("sensor.salon", "25.0", CELSIUS),
    )
    same = with_sources(stored, "default", {"meter": "sensor.salon"})
    assert same == stored


def test_an_entity_that_takes_over_a_name_is_another_source():
    document = with_sources({}, "default", {"meter": METER})
    document = renamed(document, METER, "sensor.salon")
    document["zones"] = {"den": {}, "hall": {"meter_device_id": f"plugin:{METER}"}}
    changed = with_sources(document, "den", {"meter": METER})
    assert sources_of(changed, "hall") == {"meter": "sensor.salon"}
    assert sources_of(changed, "den") == {"meter": METER}


async def test_what_is_shown_of_a_room_is_no_meter_of_it(hass, home):
    """It would be read as news for ever, whatever the room does."""
    own = "climate.living_room"
    assert hass.states.get(own).attributes["current_temperature"] == 18.0
    with pytest.raises(PluginError, match=own):
        await read(hass, own)
    menu = await hass.config_entries.options.async_init(home.entry.entry_id)
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "zone"}
    )
    with pytest.raises(InvalidData, match="meter"):
        await hass.config_entries.options.async_configure(
            form["flow_id"], {"meter": own}
        )


async def test_entities_for_a_room_that_is_gone_are_for_no_other(
    hass, home, entry, two_rooms
):
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    choice = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "zone"}
    )
    form = await hass.config_entries.options.async_configure(
        choice["flow_id"], {"zone": "Study"}
    )
    document = {**two_rooms, "zones": dict(two_rooms["zones"])}
    del document["zones"]["Study"]
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    home.show()
    ended = await hass.config_entries.options.async_configure(
        form["flow_id"], {"openings": [WINDOW]}
    )
    assert ended["reason"] == "no_room"
    assert (await home.engine.stored_settings()).data == document


def test_an_entity_is_one_source_however_often_it_is_named():
    wanted = {"openings": [WINDOW, WINDOW], "presence": [WINDOW], "preset": "eco"}
    changed = with_sources({"mode": "winter"}, "default", wanted)
    (only,) = changed["plugins"]
    assert changed["openings"]["sensors"] == [f"plugin:{only}"]
    assert changed["presence"]["sensors"] == [f"plugin:{only}"]


async def test_sources_that_are_renamed_together_and_again_stay_the_sources(hass, home):
    """As a device does that is renamed; the second time comes before the next tick."""
    registry = er.async_get(hass)
    parts = ("window", "door", "hatch")
    for part in parts:
        registry.async_get_or_create("binary_sensor", "demo", part)
    before = [f"binary_sensor.demo_{part}" for part in parts]
    document = with_sources(
        (await home.engine.stored_settings()).data, "default", {"openings": before}
    )
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    await hass.async_block_till_done()
    for now in ("den", "attic"):
        for part in parts:
            entity = registry.async_get_entity_id("binary_sensor", "demo", part)
            registry.async_update_entity(
                entity, new_entity_id=f"binary_sensor.{now}_{part}"
            )
        await hass.async_block_till_done()
        stored = (await home.engine.stored_settings()).data
        found = [each["entity_id"] for each in stored["plugins"].values()]
        assert found == [f"binary_sensor.{now}_{part}" for part in parts]
