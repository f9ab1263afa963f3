"""The blueprints are ones to Home Assistant, and do what they say to a room."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_mock_service,
)

HERE = Path(__file__).parents[2] / "examples/home_assistant/blueprints"
FOLDER = "automation/switchbot_automation"
BLUEPRINTS = sorted(HERE.rglob("*.yaml"))
ROOM = "climate.living_room"


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_home_assistant_takes_it(path):
    found = Blueprint(
        load_yaml_dict(path),
        path=path.name,
        expected_domain="automation",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )
    assert found.validate() is None
    assert found.name
    assert found.metadata["description"]


def test_each_has_a_word_in_the_readme():
    assert [each.stem for each in BLUEPRINTS] == [
        "away_until",
        "tell_not_kept",
        "warm_before_the_alarm",
    ]
    assert f"blueprints/{FOLDER}" in (HERE.parent / "README.md").read_text()


@pytest.fixture(autouse=True)
async def no_automation_goes_on(hass):
    yield
    if hass.states.async_all("automation"):
        await hass.services.async_call(
            "automation", "turn_off", {"entity_id": "all"}, blocking=True
        )


async def uses(hass, directory, name, **given):
    shutil.copytree(HERE, directory / "blueprints", dirs_exist_ok=True)
    used = {"path": f"switchbot_automation/{name}.yaml", "input": given}
    config = {"automation": [{"id": name, "use_blueprint": used}]}
    assert await async_setup_component(hass, "automation", config)
    await hass.async_block_till_done()
    (automation,) = hass.states.async_all("automation")
    assert automation.state == "on"


async def test_a_room_is_boosted_before_the_alarm(hass, home, own_directory):
    low = hass.states.get(ROOM).attributes["target_temp_low"]
    used = {"room": ROOM, "alarm": "sensor.alarm", "kelvin": 1.5}
    await uses(hass, own_directory, "warm_before_the_alarm", **used)
    for later, (minutes, moved) in enumerate(((63, 0), (60.5, 1.5)), start=1):
        now = dt_util.utcnow()
        alarm = now + timedelta(minutes=minutes)
        hass.states.async_set("sensor.alarm", alarm.isoformat())
        async_fire_time_changed(hass, now + timedelta(minutes=later))
        await hass.async_block_till_done()
        assert hass.states.get(ROOM).attributes["target_temp_low"] == low + moved


async def test_a_vacation_ends_with_its_event(hass, home, own_directory):
    document = dict((await home.engine.stored_settings()).data)
    document["presets"] = {"away": {"setback_kelvin": 3.0}}
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    home.show()
    hass.states.async_set("calendar.vacations", "off")
    await uses(
        hass,
        own_directory,
        "away_until",
        rooms=[ROOM],
        calendar="calendar.vacations",
    )
    ends = dt_util.now().replace(microsecond=0) + timedelta(days=9)
    said = ends.replace(tzinfo=None).isoformat(sep=" ")
    hass.states.async_set("calendar.vacations", "on", {"end_time": said})
    await hass.async_block_till_done()
    assert hass.states.get(ROOM).attributes["preset_mode"] == "away"
    until = home.data.zones["default"]["wish"]["until"]
    assert datetime.fromisoformat(until) == ends.astimezone(UTC)


async def test_a_room_that_is_not_kept_is_told_of(hass, own_directory, freezer):
    told = async_mock_service(hass, "notify", "phone")
    await uses(
        hass,
        own_directory,
        "tell_not_kept",
        room="sensor.den_room",
        tell=[{"action": "notify.phone", "data": {"message": "{{ advice }}"}}],
    )
    hass.states.async_set("sensor.den_room", "kept", {"advice": ""})
    hass.states.async_set(
        "sensor.den_room", "not_kept", {"advice": "Close the window."}
    )
    await hass.async_block_till_done()
    assert told == []
    freezer.tick(timedelta(minutes=31))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert [each.data["message"] for each in told] == ["Close the window."]
