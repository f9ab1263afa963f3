"""Nobody knows what a unit does, since nothing answers a command: told anew, and bearably."""

from datetime import timedelta
from itertools import pairwise

import pytest

from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    CloudTimeoutError,
    HubOfflineError,
    UnsupportedCommandError,
)

DAYS = [0, 1, 2, 3, 4, 5, 6]
ALWAYS = [
    {"days": DAYS, "start": "00:00", "end": "12:00"},
    {"days": DAYS, "start": "12:00", "end": "00:00"},
]
UNKNOWN = {"assumed_aircon_power": "on", "assumed_aircon_uncertain": True}


async def in_band(house, temperature, hours, **state):
    """Let a room stand at a temperature; return what was sent, and health at the end."""
    house.configure(off_repeat_count=1)
    house.remember(**UNKNOWN, **state)
    for number in range(round(hours * 6)):
        # A meter of a room that lives does not stand still.
        await house.tick(temperature + 0.1 * (number % 2), after=600)
    return house.cloud.words, (await house.engine.health())["status"]


@pytest.mark.parametrize(
    ("temperature", "told"), [(20.2, "setAll 23,5,3,on"), (21.6, "turnOff")]
)
async def test_in_its_band_it_is_told_once_what_the_nearer_threshold_would_ask(
    house, temperature, told
):
    assert await in_band(house, temperature, 2) == ([told], "ok")


async def test_what_may_show_it_by_itself_gets_its_time(house):
    assert (await in_band(house, 21.6, 0.6))[0] == []


async def test_a_person_who_holds_it_is_not_told_otherwise(house):
    held = {"hold_until": "2099-01-01T00:00:00+00:00"}
    assert (await in_band(house, 21.6, 2, **held))[0] == []


async def silent_commands(house, temperature, hours, error=None):
    """Answer readings and no command; return when one was tried."""
    house.cloud.broken["command"] = error or CloudTimeoutError("no answer")
    tried = []
    for number in range(round(hours * 30)):
        before = house.cloud.calls.count("command")
        await house.tick(temperature - 0.1 * (number % 2), after=120)
        if house.cloud.calls.count("command") > before:
            tried.append(house.clock.now())
    return tried


async def test_a_cold_room_waits_no_longer_than_the_bound_of_repairs_asks(house):
    house.configure(time_windows=ALWAYS)
    tried = await silent_commands(house, 18.0, 14)
    gaps = [after - before for before, after in pairwise(tried)]
    assert max(gaps) <= timedelta(minutes=125)
    spans = [tried[at + 7] - tried[at] for at in range(len(tried) - 7)]
    assert min(spans) >= timedelta(hours=6) - timedelta(minutes=5)


async def test_what_failed_and_is_not_wanted_any_more_is_over_within_hours(house):
    house.configure()
    await silent_commands(house, 18.0, 1)
    assert (await house.engine.health())["status"] == "degraded"
    del house.cloud.broken["command"]
    # The sun came out, and nothing is to be sent.
    for number in range(4 * 6):
        await house.tick(21.0 + 0.1 * (number % 2), after=600)
    assert (await house.engine.health())["status"] == "ok"


@pytest.mark.parametrize(
    "error",
    [
        AuthError("refused", status_code=401),
        HubOfflineError("refused", status_code=171),
        BadParameterError("refused", status_code=190),
        UnsupportedCommandError("refused", status_code=160),
    ],
    ids=["token", "hub", "value", "command"],
)
async def test_what_the_cloud_refused_is_named_until_it_is_taken(house, error):
    # Outside of the windows it is told nothing.
    window = {"days": DAYS, "start": "12:00", "end": "13:05"}
    away = {"time_windows": [window], "turn_off_outside_windows": False}
    house.configure(off_repeat_count=1, **away)
    await silent_commands(house, 18.0, 1, error)
    tried = house.cloud.calls.count("command")
    for number in range(5 * 6):
        await house.tick(21.0 + 0.1 * (number % 2), after=600)
    assert house.cloud.calls.count("command") == tried
    health = await house.engine.health()
    assert health["status"] == "degraded"
    why = health["zones"]["default"]["room"]["reasons"][0]
    assert why in ("commands_fail", "command_refused", "value_refused")
    del house.cloud.broken["command"]
    house.configure(off_repeat_count=1, time_windows=ALWAYS)
    # On and off are tried again, each within six hours, and taken.
    for temperature in (18.0, 23.0, 21.0):
        for number in range(7 * 3):
            await house.tick(temperature + 0.1 * (number % 2), after=1200)
    health = await house.engine.health()
    assert health["zones"]["default"]["refusals"] == []
    assert health["status"] == "ok"
