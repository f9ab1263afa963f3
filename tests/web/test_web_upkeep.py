"""What the page's API says of batteries, filters, hours, and what devices said."""

from copy import deepcopy
from datetime import timedelta

import pytest

from switchbot_automation.simulation import SimulatedClock
from switchbot_store import (
    DeviceHistory,
    HistoryService,
    SqliteHistory,
    SqliteReadings,
)

from .conftest import MONDAY, SETTINGS, TOKEN, LivedHome

METER = "C271111EC0AB"


@pytest.fixture
async def lived():
    """A home of three hours that keeps what devices said, and wants full batteries."""
    clock = SimulatedClock(MONDAY + timedelta(hours=3))
    readings = DeviceHistory(
        SqliteReadings(":memory:"), now=clock.now, monotonic=clock.monotonic
    )
    history = HistoryService(
        SqliteHistory(":memory:"), now=clock.now, readings=readings
    )
    settings = deepcopy(SETTINGS) | {"battery_below": 95, "filter_after_hours": 1}
    lived = LivedHome(history, clock, settings)
    with history:
        async with lived.engine:
            await lived.live(4)
            yield lived


async def test_the_book_of_upkeep_and_the_newest_readings(lived, get):
    async with lived.serve() as url:
        told = await get(f"{url}api/upkeep")
    assert told["battery_below"] == 95
    meter = next(each for each in told["devices"] if each["device_id"] == METER)
    assert meter["needs"] == ["battery"]
    rooms = {each["device_id"]: each["zones"] for each in told["devices"]}
    assert rooms == {METER: ["living room"], "C271111EC0AC": ["office"]}
    units = {each["zone"]: each for each in told["units"]}
    assert units.keys() == {"living room", "office"}
    assert units["living room"]["needs"] == ["filter"]
    readings = {
        (each["device_id"], each["attribute"]): each["value"]
        for each in told["readings"]
    }
    assert readings[METER, "battery"] == meter["battery"]
    assert isinstance(readings[METER, "temperature"], float)


async def test_every_device_of_a_room_is_listed_with_what_it_is_there_for(lived, get):
    async with lived.serve() as url:
        told = await get(f"{url}api/upkeep")
    assert [each["zone"] for each in told["rooms"]] == ["living room", "office"]
    room = {each["device_id"]: each["uses"] for each in told["rooms"][0]["devices"]}
    unit = SETTINGS["zones"]["living room"]["aircon_device_id"]
    assert room == {METER: ["meter"], unit: ["unit"]}


async def test_a_device_s_chart_and_its_csv(lived, get, http):
    async with lived.serve() as url:
        path = f"{url}api/devices/{METER}/history"
        chart = await get(f"{path}?attribute=temperature&hours=4&points=8")
        assert (chart["device_id"], chart["attribute"]) == (METER, "temperature")
        assert 6 <= len(chart["rows"]) <= 9
        row = chart["rows"][0]
        assert row["min_value"] <= row["value"] <= row["max_value"]
        async with http.get(f"{path}.csv?attribute=humidity&hours=4") as answer:
            assert answer.status == 200
            lines = (await answer.text()).splitlines()
        assert lines[0] == "timestamp,device_id,attribute,value"
        assert len(lines) > 3
        assert all(f",{METER},humidity," in line for line in lines[1:])
        unknown = await get(f"{url}api/devices/nobody/history?attribute=CO2")
        assert unknown["rows"] == []
        for wrong in ("", "?attribute=", "?attribute=CO2&start=2026-01-13T00:00:00Z"):
            assert (await get(f"{path}{wrong}", 422))["message"]


async def test_a_cleaned_filter_begins_anew(lived, get, http):
    async with lived.serve(token=TOKEN) as url:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        path = f"{url}api/upkeep/living%20room/done"
        async with http.post(path, headers=headers, json={}) as answer:
            assert answer.status == 200
            told = await answer.json()
        units = {each["zone"]: each for each in told["units"]}
        assert units["living room"]["hours_since_upkeep"] == 0
        assert units["living room"]["needs"] == []
        assert units["office"]["hours_since_upkeep"] > 0
        nobody = f"{url}api/upkeep/nobody/done"
        async with http.post(nobody, headers=headers, json={}) as answer:
            assert answer.status == 404


async def test_metrics_have_batteries_and_hours(lived, http):
    async with lived.serve() as url, http.get(f"{url}metrics") as answer:
        text = await answer.text()
    assert f'switchbot_automation_battery_percent{{device="{METER}"}}' in text
    assert f'switchbot_automation_device_needs_upkeep{{device="{METER}"}} 1.0' in text
    assert 'switchbot_automation_unit_running_hours{zone="living room"}' in text
    assert 'switchbot_automation_unit_starts{zone="office"}' in text


async def test_without_a_history_there_is_still_the_book(looked, get):
    async with looked.serve() as url:
        told = await get(f"{url}api/upkeep")
        assert {each["device_id"] for each in told["devices"]} >= {METER}
        assert told["readings"] == []
        chart = await get(f"{url}api/devices/{METER}/history?attribute=temperature")
        assert (chart["source"], chart["rows"]) == ("none", [])
