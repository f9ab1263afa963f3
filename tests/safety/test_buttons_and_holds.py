"""Learned remotes, and what a person's command holds."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.errors import (
    BadParameterError,
    CloudTimeoutError,
    UnsupportedCommandError,
)

BUTTONS = {"winter": "Warm 24", "off": "Power"}


@pytest.mark.parametrize(
    "refusal",
    [
        UnsupportedCommandError("unknown command", status_code=160),
        BadParameterError("invalid infrared command format", status_code=190),
    ],
)
async def test_a_learned_remote_gets_its_own_button(flat, refusal):
    flat.configure(buttons=BUTTONS)
    flat.cloud.refusals["setAll"] = refusal
    report = await flat.tick(19.0)
    assert report.outcome == "winter_on"
    assert [rung.rung for rung in report.commands[0].rungs] == ["command", "button"]
    assert flat.cloud.words == ["customize Warm 24"]
    # Off is something it knows.
    await flat.tick(23.0, after=60)
    assert flat.cloud.words[1:] == ["turnOff"]
    # What it refused once is not asked of it again.
    report = await flat.tick(19.0, after=60)
    assert [rung.rung for rung in report.commands[0].rungs] == ["button"]


async def test_a_button_is_not_pressed_where_the_command_may_have_arrived(flat):
    flat.configure(buttons=BUTTONS)
    flat.cloud.refusals["setAll"] = CloudTimeoutError("silence", maybe_sent=True)
    report = await flat.tick(19.0)
    assert report.outcome == "api_error"
    assert flat.cloud.words == []


async def test_without_a_button_a_refusal_is_a_failure(flat):
    flat.cloud.refusals["setAll"] = UnsupportedCommandError("no", status_code=160)
    assert (await flat.tick(19.0)).outcome == "api_error"


# --- holds ------------------------------------------------------------------------


async def test_a_command_holds_for_as_long_as_it_says_also_after_a_restart(flat):
    await flat.tick(19.0)
    await flat.engine.act("default", "off", hold=timedelta(hours=2))
    flat.started()
    flat.cloud.sent.clear()
    await flat.live(3 * 3600)
    assert flat.minutes_of("setAll") == [120.0]


async def test_a_hold_until_the_next_change_ends_with_the_window(flat):
    windows = [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:00", "end": "14:00"}]
    windows.append({**windows[0], "start": "14:30", "end": "23:00"})
    flat.configure(time_windows=windows)
    await flat.engine.act("default", "off", hold="until_next_change")
    flat.reads(19.0)
    await flat.tick()
    flat.started()
    await flat.live(3 * 3600)
    assert flat.minutes_of("setAll") == [150.0]


@pytest.mark.parametrize("hold", ["until_next_change", None])
async def test_a_hold_over_windows_that_touch_ends_where_another_preset_begins(
    flat, hold
):
    """Not at the end of all of them, which may be days away or never come."""
    window = {"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:00", "end": "14:30"}
    warm = {"winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0}}
    flat.configure(
        presets={"a": warm, "b": warm},
        time_windows=[
            {**window, "preset": "a"},
            {**window, "start": "14:30", "end": "06:00", "preset": "b"},
        ],
    )
    await flat.engine.act("default", "off", hold=hold)
    flat.reads(19.0)
    await flat.tick()
    flat.started()
    await flat.live(3 * 3600)
    assert flat.minutes_of("setAll") == [150.0]


async def test_a_permanent_hold_ends_with_the_next_command(flat):
    await flat.engine.act("default", "off", hold="permanent")
    flat.reads(19.0)
    await flat.tick()
    await flat.live(86400)
    assert flat.minutes_of("setAll") == []
    await flat.engine.act("default", "off", hold="none")
    await flat.tick()
    assert len(flat.cloud.starts) == 1


async def test_a_hold_until_an_instant(flat):
    until = datetime(2026, 1, 12, 13, tzinfo=UTC)
    await flat.engine.act("default", "off", hold=until)
    flat.reads(19.0)
    await flat.tick()
    await flat.live(2 * 3600)
    assert flat.minutes_of("setAll") == [60.0]


async def test_the_settings_say_what_a_command_holds_that_says_nothing(flat):
    flat.configure(manual_hold_seconds=1800)
    await flat.engine.act("default", "off")
    flat.reads(19.0)
    await flat.tick()
    await flat.live(3600)
    assert flat.minutes_of("setAll") == [30.0]


@pytest.mark.parametrize(
    ("windows", "minutes"),
    [
        pytest.param([("06:00", "14:00"), ("14:30", "23:00")], 150.0, id="the next"),
        pytest.param([("00:00", "12:00"), ("12:00", "00:00")], 1440.0, id="a day"),
    ],
)
async def test_a_command_that_says_nothing_holds_until_the_next_change(
    flat, windows, minutes
):
    every = [
        {"days": list(range(7)), "start": start, "end": end} for start, end in windows
    ]
    flat.configure(time_windows=every)
    flat.reads(19.0)
    await flat.engine.act("default", "off")
    await flat.tick()
    flat.started()
    await flat.live(25 * 3600)
    assert flat.minutes_of("setAll")[0] == minutes


async def test_a_command_holds_nothing_where_nothing_has_to_be_kept_away(flat):
    flat.configure(automation_enabled=False)
    await flat.engine.act("default", "off")
    flat.configure()
    assert (await flat.tick(19.0)).outcome == "winter_on"
    await flat.engine.act("default", "quick_off")
    flat.configure()
    assert (await flat.tick(19.0, after=600)).outcome == "winter_on"


async def test_a_hold_may_be_a_number_of_seconds(flat):
    flat.reads(19.0)
    await flat.engine.act("default", "off", hold=1200)
    await flat.tick()
    await flat.live(3600)
    assert flat.minutes_of("setAll") == [20.0]


async def test_the_settings_may_say_that_nothing_holds(flat):
    flat.configure(manual_hold_seconds=0)
    await flat.engine.act("default", "off")
    assert (await flat.tick(19.0, after=60)).outcome == "winter_on"


async def test_a_hold_that_says_nothing_is_refused(flat):
    with pytest.raises(ValueError, match="until_next_change"):
        await flat.engine.act("default", "off", hold="for a while")
    assert flat.cloud.words == []
