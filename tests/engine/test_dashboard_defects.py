"""What the dashboard did wrong, each defect named after what people saw."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.errors import CloudServerError
from switchbot_automation.settings.read import parse_settings


def codes(report):
    (decision,) = report.decisions
    return [str(reason.code) for reason in decision.reasons]


async def test_a_scene_was_run_again_at_every_tick_while_the_room_stayed_cold(house):
    house.configure(aircon_scenes={"winter": "S-WINTER"})
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(19.0)).outcome == "winter_on"
    for _tick in range(10):
        report = await house.tick(19.0, after=60)
        assert report.outcome == "no_action"
        assert "duplicate_suppressed" in codes(report)
    assert house.cloud.words == ["scene S-WINTER"]


async def test_a_webhook_was_called_again_at_every_tick(house, webhooks):
    house.configure(webhooks={"winter": "https://hooks.example.com/secret"})
    for _tick in range(5):
        await house.tick(19.0, after=60)
    assert len(webhooks.sent) == 1


@pytest.mark.parametrize("action", ["on", "winter"])
async def test_a_pending_off_repeat_turned_off_what_a_person_had_just_turned_on(
    house, action
):
    house.configure(off_repeat_count=3, off_repeat_interval_seconds=10)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    assert (await house.tick(23.0)).outcome == "winter_off"
    assert house.state["pending_off_repeat"]["remaining"] == 2
    house.clock.advance(5)
    command = await house.engine.act("default", action)
    assert command.status == "accepted"
    assert house.state["pending_off_repeat"] is None
    house.cloud.temperature = 21.0
    await house.live(until=house.clock.now() + timedelta(minutes=5))
    assert house.cloud.words == ["turnOff", "setAll 23,5,3,on"]


async def test_the_outcome_said_on_although_nothing_was_sent(house):
    house.remember(
        assumed_aircon_power="on",
        assumed_aircon_mode=5,
        assumed_aircon_parameter="23.0,5,3,on",
    )
    report = await house.tick(19.0)
    assert report.outcome == "no_action"
    assert report.commands == ()
    assert codes(report)[-1] == "duplicate_suppressed"


async def test_the_outcome_said_on_although_every_rung_had_failed(house):
    house.remember(assumed_aircon_power="off")
    house.cloud.broken["command"] = CloudServerError("502")
    report = await house.tick(19.0)
    assert report.outcome == "api_error"
    assert report.commands[0].status == "failed"


async def test_a_summer_profile_without_ac_mode_heated(house):
    house.configure(
        mode="summer", summer={"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24}
    )
    house.remember(assumed_aircon_power="off")
    await house.tick(27.0)
    mode = house.cloud.words[0].split(",")[1]
    assert mode == "2"
    assert parse_settings(house.store.get("settings")).default.summer.ac_mode == 2


@pytest.mark.parametrize(
    ("asleep_at", "window_opens"),
    [
        # Clocks go forward at 01:00 UTC on 29 March 2026, back at 01:00 on 25 October.
        (datetime(2026, 3, 29, 0, 0, tzinfo=UTC), datetime(2026, 3, 29, 4, tzinfo=UTC)),
        (
            datetime(2026, 10, 25, 0, 0, tzinfo=UTC),
            datetime(2026, 10, 25, 5, tzinfo=UTC),
        ),
    ],
)
async def test_the_wake_up_before_a_window_was_an_hour_wrong_when_the_clocks_changed(
    house, asleep_at, window_opens
):
    house.configure(
        timezone="Europe/Paris",
        idle_poll_interval_seconds=86400,
        poll_warmup_minutes=15,
        time_windows=[{"days": [6], "start": "06:00", "end": "22:00"}],
    )
    house.clock.advance_to(asleep_at)
    await house.tick(19.0)
    assert house.engine.next_wakeup == window_opens - timedelta(minutes=15)
    reports = await house.live(until=window_opens + timedelta(seconds=1))
    assert [report.outcome for report in reports].index("winter_on") == 15
    assert house.cloud.sent[0][0] == window_opens


async def test_an_off_repeat_asked_for_after_ten_seconds_came_a_whole_tick_later(house):
    house.configure(
        off_repeat_count=3, off_repeat_interval_seconds=10, poll_interval_seconds=120
    )
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(23.0)
    await house.live(until=house.clock.now() + timedelta(minutes=10))
    start = house.cloud.sent[0][0]
    assert house.cloud.words == ["turnOff"] * 3
    assert [(at - start).total_seconds() for at, _what in house.cloud.sent] == [
        0,
        10,
        20,
    ]
    assert house.state["pending_off_repeat"] is None


async def test_a_forced_poll_was_answered_from_before_the_command(house):
    house.configure(aircon_device_id="AC0001", aircon_poll_cooldown_minutes=60)
    house.cloud.aircon = {"power": "off"}
    assert (await house.tick(19.0)).outcome == "winter_on"
    # Somebody turns it off by hand: the very next tick that would act sees it.
    house.cloud.aircon = {"power": "off"}
    report = await house.tick(19.0, after=60)
    assert report.outcome == "winter_on"
    assert house.cloud.calls.count("status AC0001") == 2


async def test_resending_prolonged_the_minimum_time_for_ever(house):
    house.configure(min_on_seconds=300, aircon_scenes={"winter": "S"})
    house.remember(assumed_aircon_power="off")
    await house.tick(19.0)
    started = house.state["compressor_started_at"]
    for _tick in range(4):
        await house.tick(19.0, after=60)
    told = await house.engine.act("default", "winter", hold="none")
    assert told.status == "accepted"
    assert house.state["compressor_started_at"] == started
    assert (await house.tick(23.0, after=60)).outcome == "winter_off"


async def test_the_fan_prolonged_the_compressors_rest(house):
    house.configure(min_off_seconds=300, fan_mode_during_window=True)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:55:00+00:00"
    )
    assert (await house.tick(21.0)).outcome == "fan_neutral_zone"
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"


async def test_repeating_off_prolonged_the_compressors_rest(house):
    house.configure(
        min_off_seconds=120, off_repeat_count=5, off_repeat_interval_seconds=60
    )
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(23.0)
    stopped = house.state["compressor_stopped_at"]
    await house.tick(21.0, after=60)
    assert house.cloud.words == ["turnOff", "turnOff"]
    assert house.state["compressor_stopped_at"] == stopped
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"


def test_the_engine_could_not_be_used_without_the_web_framework():
    program = (
        "import sys, switchbot_automation\n"
        "switchbot_automation.AutomationEngine\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    frameworks = {"flask", "apscheduler", "requests", "fastapi", "homeassistant"}
    assert "switchbot_automation" in loaded
    assert not loaded & frameworks
