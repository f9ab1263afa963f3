"""The page and its API for people who think in degrees Fahrenheit."""

import re
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

from .conftest import MONDAY, SETTINGS, LivedHome


@pytest.fixture
async def lived():
    """The home of the other tests, as somebody in America wrote it down."""
    settings = deepcopy(SETTINGS) | {"unit": "fahrenheit"}
    settings["winter"] = {"min_temp": 68.9, "max_temp": 70.7, "target_temp": 73.4}
    office = settings["zones"]["office"]
    office["winter"] = {"min_temp": 67.1, "max_temp": 68.9, "target_temp": 71.6}
    clock = SimulatedClock(MONDAY + timedelta(hours=3))
    readings = DeviceHistory(
        SqliteReadings(":memory:"), now=clock.now, monotonic=clock.monotonic
    )
    history = HistoryService(
        SqliteHistory(":memory:"), now=clock.now, readings=readings
    )
    lived = LivedHome(history, clock, settings)
    with history:
        async with lived.engine:
            await lived.live(4)
            yield lived


async def test_numbers_stay_in_celsius_and_words_are_in_fahrenheit(lived, get):
    async with lived.serve() as url:
        home = await get(f"{url}api/zones")
        assert home["unit"] == "fahrenheit"
        zone = home["zones"][0]
        assert zone["band"] == {"low": 20.5, "high": 21.5}
        assert 5 < zone["temperature"] < 30
        why = await get(f"{url}api/zones/office/explain")
    words = " ".join([why["text"], *(each["text"] for each in zone["reasons"])])
    assert "°F" in words
    assert "°C" not in words


async def test_the_page_is_in_fahrenheit_and_knows_it(lived, http):
    async with lived.serve() as url, http.get(url) as answer:
        page = await answer.text()
    assert 'data-unit="fahrenheit"' in page
    assert ">°F</span>" in page
    body = page.partition("</script>")[2]
    assert "°C" not in body


LANGUAGES = ["en", "fr", "ja", "de"]
# Of a key that names its unit the words are of that one.
NAMED = "_celsius"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_word_of_the_page_is_of_another_unit(lived, http, language):
    spoken = {"Accept-Language": language}
    async with lived.serve() as url:
        async with http.get(url, headers=spoken) as answer:
            page = (await answer.text()).partition("</script>")[2]
        async with http.get(f"{url}api/settings/table", headers=spoken) as answer:
            listed = (await answer.json())["settings"]
    assert not re.search("celsius|摂氏|°C", page, re.IGNORECASE)
    degrees = [each for each in listed if each["unit"] == "°C"]
    own = [each for each in degrees if not each["name"].endswith(NAMED)]
    assert len(own) > 10
    assert {each["unit_text"] for each in own} == {"°F"}
    for each in own:
        # A range of whoever writes 68 for a room.
        assert re.fullmatch(r"50\D+95", each["range_text"]), each["name"]
    others = [each for each in degrees if each["name"].endswith(NAMED)]
    assert {each["unit_text"] for each in others} == {"°C"}


async def test_csv_is_in_fahrenheit_and_says_so(lived, http, get):
    async with lived.serve() as url:
        path = f"{url}api/zones/office/history.csv?hours=2"
        async with http.get(path) as answer:
            lines = (await answer.text()).splitlines()
        last = (await get(f"{url}api/zones/office"))["temperature"]
    names = lines[0].split(",")
    assert "temperature_fahrenheit" in names
    value = float(lines[-1].split(",")[names.index("temperature_fahrenheit")])
    assert value == pytest.approx(last * 1.8 + 32, abs=0.01)


async def test_the_csv_of_a_device_is_in_fahrenheit_and_says_so(lived, http, get):
    """A value of 18.0 beside the room's 64.4 said nothing of its unit."""
    async with lived.serve() as url:
        path = f"{url}api/devices/C271111EC0AB/history.csv?hours=2"
        async with http.get(path) as answer:
            lines = (await answer.text()).splitlines()
        there = f"{url}api/devices/C271111EC0AB/history?attribute=temperature&hours=2"
        celsius = (await get(there))["rows"][-1]["value"]
    rows = [line.split(",") for line in lines[1:]]
    told = [
        float(value) for *_, name, value in rows if name == "temperature_fahrenheit"
    ]
    assert told[-1] == pytest.approx(celsius * 1.8 + 32, abs=0.01)
    assert "temperature" not in {name for *_, name, _value in rows}
    others = [value for *_, name, value in rows if name == "humidity"]
    assert others
    assert all(0 <= float(value) <= 100 for value in others)


async def test_a_page_in_celsius_is_as_it_was(bare, http):
    async with bare.serve() as url, http.get(url) as answer:
        page = await answer.text()
    assert "data-unit" not in page
    assert "°F" not in page
