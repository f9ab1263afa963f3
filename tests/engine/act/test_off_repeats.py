"""OFF commands sent again: when, how often, and what ends them."""

from datetime import timedelta

import pytest

from switchbot_automation.errors import DeviceOfflineError


async def turned_off(house, **settings):
    house.configure(
        **{"off_repeat_count": 3, "off_repeat_interval_seconds": 20} | settings
    )
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    assert (await house.tick(23.0)).outcome == "winter_off"


async def test_repeats_go_on_although_the_automation_is_disabled_meanwhile(house):
    await turned_off(house)
    house.configure(automation_enabled=False)
    await house.live(until=house.clock.now() + timedelta(minutes=3))
    assert house.cloud.words == ["turnOff"] * 3


async def test_repeats_go_on_after_a_restart_at_the_instants_they_were_due(house):
    await turned_off(house)
    start = house.clock.now()
    house.clock.advance(5)
    house.restarted()
    await house.engine.run_once()
    await house.live(until=start + timedelta(minutes=3))
    assert [(at - start).total_seconds() for at, _what in house.cloud.sent] == [
        0,
        20,
        40,
    ]


async def test_repeats_missed_while_down_are_sent_one_a_tick(house):
    await turned_off(house)
    house.clock.advance(3600)
    house.restarted()
    report = await house.engine.run_once()
    assert [str(each.reasons[0].code) for each in report.commands] == ["off_repeat"]
    assert house.cloud.words == ["turnOff"] * 2
    assert report.next_wakeup == house.clock.now() + timedelta(seconds=20)


async def test_a_newer_command_of_the_automation_ends_the_repeats(house):
    await turned_off(house, off_repeat_interval_seconds=90)
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"
    assert house.state["pending_off_repeat"] is None
    house.cloud.temperature = 21.0
    await house.live(until=house.clock.now() + timedelta(minutes=10))
    assert house.cloud.words == ["turnOff", "setAll 23,5,3,on"]


async def test_a_repeat_that_fails_ends_the_repeats(house):
    await turned_off(house)
    house.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    await house.tick(21.0, after=20)
    assert house.state["pending_off_repeat"] is None
    assert "gone" in house.state["last_error"]


async def test_fan_in_place_of_off_is_repeated_as_fan(house):
    await turned_off(house, fan_mode_during_window=True)
    await house.live(until=house.clock.now() + timedelta(minutes=3))
    assert house.cloud.words == ["setAll 23,4,3,on"] * 3


async def test_while_repeats_are_pending_no_further_off_is_begun(house):
    house.remember(
        assumed_aircon_power="on",
        assumed_aircon_mode=5,
        pending_off_repeat={
            "remaining": 1,
            "interval_seconds": 10,
            "next_run_at": "2026-01-12T12:00:30+00:00",
            "state_reason": "automation_winter_off",
        },
    )
    report = await house.tick(23.0)
    assert report.outcome == "off_repeat_pending"
    assert report.next_wakeup == house.clock.now() + timedelta(seconds=30)
    assert house.cloud.words == []


async def test_off_outside_the_windows_is_repeated_too(house):
    house.configure(
        turn_off_outside_windows=True,
        time_windows=[{"days": [0], "start": "06:00", "end": "12:00"}],
        off_repeat_count=2,
    )
    house.remember(assumed_aircon_power="on")
    assert (await house.tick()).outcome == "turned_off_outside_window"
    await house.live(until=house.clock.now() + timedelta(minutes=1))
    assert house.cloud.words == ["turnOff"] * 2


async def test_fan_in_the_neutral_zone_is_not_repeated(house):
    house.configure(fan_mode_during_window=True, off_repeat_count=3)
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(21.0)).outcome == "fan_neutral_zone"
    assert house.state["pending_off_repeat"] is None


@pytest.mark.parametrize(
    "garbage",
    [
        7,
        "soon",
        [],
        {},
        {"remaining": "2", "next_run_at": "2026-01-12T12:00:00+00:00"},
        {"remaining": 2, "next_run_at": "whenever"},
        {"remaining": -1, "next_run_at": "2026-01-12T12:00:00+00:00"},
    ],
)
async def test_a_repeat_that_makes_no_sense_is_none(house, garbage):
    house.remember(assumed_aircon_power="off", pending_off_repeat=garbage)
    await house.tick(21.0)
    assert house.cloud.words == []


async def test_an_interval_beyond_all_time_does_not_stop_the_engine(house):
    house.remember(
        assumed_aircon_power="off",
        pending_off_repeat={
            "remaining": 2,
            "interval_seconds": 1e15,
            "next_run_at": house.clock.now().isoformat(),
        },
    )
    await house.tick(21.0)
    assert house.cloud.words == ["turnOff"]
