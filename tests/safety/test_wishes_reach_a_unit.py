"""A unit that runs follows what is wished of it, with as few beeps as people bear."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import SettingsError
from switchbot_automation.settings import parse_settings
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_store import MemoryStore

from .conftest import FLAT

DAYS = list(range(7))
WAYS = [{}, {"control": "switch"}]


async def running(flat, **changes):
    """Start the unit and bring the room into its band."""
    flat.configure(**changes)
    await flat.tick(19.0)
    await flat.tick(20.8, after=900)
    flat.cloud.sent.clear()


def profile(target, fan=3, low=20.0, high=22.0):
    return {
        "winter": {
            "min_temp": low,
            "max_temp": high,
            "target_temp": target,
            "fan_speed": fan,
        }
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        (profile(25.0), "setAll 25,5,3,on"),
        (profile(24.0, fan=1), "setAll 24,5,1,on"),
        ({"winter": profile(24.0)["winter"] | {"ac_mode": 1}}, "setAll 24,1,3,on"),
    ],
)
async def test_an_edited_setting_reaches_a_unit_that_runs_inside_the_band(
    flat, way, wish, sent
):
    await running(flat, **way)
    flat.configure(**way, **wish)
    for _ in range(30):
        await flat.tick(20.9, after=60)
    assert flat.cloud.words == [sent]
    assert flat.minutes_of("setAll") == [16.0]


@pytest.mark.parametrize("way", WAYS)
async def test_a_windows_preset_reaches_a_unit_that_runs_inside_the_band(flat, way):
    presets = {"presets": {"quiet": profile(23.0, fan=2)}}
    windows = [
        {"days": DAYS, "start": "00:00", "end": "13:00"},
        {"days": DAYS, "start": "13:00", "end": "00:00", "preset": "quiet"},
    ]
    await running(flat, **way, **presets, time_windows=windows)
    await flat.live(3600)
    assert flat.cloud.words == ["setAll 23,5,2,on"]
    assert flat.minutes_of("setAll") == [60.0]


async def test_an_offset_reaches_a_unit_that_runs(flat):
    await running(flat, offsets=[{"source": "price"}])
    flat.engine.offsets.tell("price", -1.0)
    await flat.tick(20.8, after=60)
    assert flat.cloud.words == ["setAll 23,5,3,on"]


async def test_five_clicks_of_a_dial_are_two_beeps(flat):
    await running(flat)
    for click in range(5):
        flat.configure(**profile(25.0 + click / 1.0 - 2.0 * (click == 4)))
        await flat.tick(20.8, after=20)
    await flat.live(900)
    assert flat.cloud.words == ["setAll 25,5,3,on", "setAll 27,5,3,on"]


async def test_what_somebody_set_with_the_remote_is_no_changed_wish(flat):
    said = {"power": "on", "mode": 5, "temperature": 24, "fanSpeed": 3}
    flat.cloud.answers["AC-1"] = said
    await running(flat, aircon_device_id="AC-1", confirm_within_seconds=60)
    flat.cloud.answers["AC-1"] = said | {"temperature": 26}
    await flat.live(3600)
    assert flat.cloud.words == []
    # Another wish than the one it was found with is one all the same.
    unit = {"aircon_device_id": "AC-1", "confirm_within_seconds": 60}
    flat.configure(**unit, **profile(25.0))
    await flat.tick(20.8, after=60)
    assert flat.cloud.words == ["setAll 25,5,3,on"]


async def test_a_scene_is_not_run_again_for_another_setpoint(flat):
    scenes = {"aircon_device_id": "", "aircon_scenes": {"winter": "w", "off": "o"}}
    await running(flat, **scenes)
    flat.configure(**scenes, **profile(26.0))
    await flat.live(3600)
    assert flat.cloud.words == []


async def test_a_fan_that_turns_follows_its_speed(flat):
    flat.configure(fan_mode_during_window=True)
    await flat.tick(21.0)
    await flat.tick(22.5, after=60)
    fan = flat.cloud.words[-1]
    assert fan.split(",")[1] == "4"
    flat.configure(fan_mode_during_window=True, **profile(24.0, fan=1))
    await flat.tick(21.0, after=60)
    assert flat.cloud.words[-1] == "setAll 24,4,1,on"
    flat.configure(fan_mode_during_window=True, **profile(26.0, fan=1))
    await flat.live(3600)
    assert flat.cloud.words[-1] == "setAll 24,4,1,on"


# --- quiet hours -----------------------------------------------------------------------


@pytest.fixture
def quiet(flat):
    """It is noon; the quiet hours are from 11 to 15."""
    flat.configure(command_quiet_hours={"start": "11:00", "end": "15:00"})
    return flat


async def test_in_quiet_hours_no_beep_is_made(quiet):
    await quiet.tick(19.0)
    report = (await quiet.tick(19.0, after=60)).decisions[0]
    assert "quiet_hours" in [str(each.code) for each in report.reasons]
    await quiet.live(2.9 * 3600)
    assert quiet.cloud.words == []
    await quiet.live(600)
    assert quiet.minutes_of("setAll") == [180.0]


async def test_a_change_of_wish_waits_for_the_end_of_the_quiet_hours(flat):
    hours = {"command_quiet_hours": {"start": "12:10", "end": "13:00"}}
    await running(flat, **hours)
    flat.configure(**hours, **profile(25.0))
    await flat.live(3600)
    assert flat.minutes_of("setAll") == [60.0]


async def test_a_person_is_heard_in_quiet_hours(quiet):
    await quiet.tick(20.8)
    await quiet.engine.act("default", "on", hold="none")
    assert quiet.cloud.words == ["setAll 24,5,3,on"]


@pytest.mark.parametrize(("temperature", "sent"), [(17.8, 0), (17.7, 1)])
async def test_a_room_far_out_of_its_band_is_kept_in_quiet_hours(
    quiet, temperature, sent
):
    await quiet.tick(temperature)
    assert len(quiet.cloud.words) == sent


async def test_the_off_at_the_end_of_a_window_and_safety_are_no_beeps_too_many(flat):
    changes = {
        "turn_off_outside_windows": True,
        "command_quiet_hours": {"start": "12:30", "end": "20:00"},
        "time_windows": [{"days": DAYS, "start": "06:00", "end": "13:00"}],
        "off_repeat_count": 3,
    }
    await running(flat, **changes)
    await flat.live(3600)
    assert flat.minutes_of("turnOff")[0] == 60.0
    flat.configure(command_quiet_hours=changes["command_quiet_hours"])
    flat.cloud.sent.clear()
    await flat.engine.act("default", "on", hold="none")
    flat.reads(None)
    await flat.live(3 * 3600)
    assert flat.cloud.words[-1] == "turnOff"


@pytest.mark.parametrize(
    "hours", [{"start": "22:00", "end": "22:00"}, {"start": "22:00"}, "22:00-07:00"]
)
def test_quiet_hours_are_checked(hours):
    with pytest.raises(SettingsError, match="command_quiet_hours"):
        parse_settings(FLAT | {"command_quiet_hours": hours})


# --- the night -------------------------------------------------------------------------


def summer(low, high, target, fan):
    season = {"min_temp": low, "max_temp": high, "target_temp": target}
    return {"summer": season | {"fan_speed": fan}}


async def test_a_rising_sleep_curve_costs_few_more_beeps_than_it_has_steps():
    nights = [beeps for seed in (1, 2, 3) for beeps in await beeps_by_night(seed)]
    assert len(nights) == 6
    # Three steps, of which each may need a word more: not one every 25 minutes.
    assert max(nights) <= 2 * 3
    assert sum(nights) <= 27


async def beeps_by_night(seed):
    """Return how often a steered unit is told something, night by night."""
    paris = ZoneInfo("Europe/Paris")
    clock = SimulatedClock(datetime(2026, 7, 6, 10, tzinfo=UTC))
    home, sent = SimulatedHome(clock, season="summer", seed=seed), []
    command = home.command

    async def noted(*args):
        sent.append(clock.now().astimezone(paris))
        return await command(*args)

    home.command = noted
    presets = {
        "day": summer(23.5, 24.5, 24, 3),
        "n1": summer(24.5, 25.5, 25, 2),
        "n2": summer(25.5, 26.5, 26, 2),
        "n3": summer(26.5, 27.5, 27, 2),
    }
    edges = ["07:00", "23:00", "01:00", "03:00", "07:00"]
    windows = [
        {"days": DAYS, "start": start, "end": end, "preset": preset}
        for start, end, preset in zip(edges, edges[1:], presets, strict=False)
    ]
    document = default_settings("summer")
    document |= {"control": "modulate", "presets": presets, "time_windows": windows}
    store = MemoryStore(now=clock.now)
    store.set("settings", document)
    engine = AutomationEngine(home, store, clock=clock)
    end = clock.now() + timedelta(hours=44)
    while engine.next_wakeup < end:
        clock.advance_to(engine.next_wakeup)
        await engine.run_once()
    beeps = [(at - timedelta(hours=7)).date() for at in sent if not 7 <= at.hour < 23]
    return [beeps.count(day) for day in sorted(set(beeps))]
