"""What a compressor may bear: starts an hour, starts a day, rest between seasons."""

import pytest

from switchbot_automation.errors import CloudTimeoutError


async def swing(flat, minutes, *, every=2):
    """Let the room swing from too cold to too warm and back."""
    for minute in range(0, minutes, every):
        await flat.tick(19.0 if (minute // every) % 2 == 0 else 23.0, after=every * 60)


def most_within(starts, seconds):
    return max(
        sum(1 for one in starts if 0 <= (one - first).total_seconds() < seconds)
        for first in starts
    )


async def test_no_sixty_minutes_hold_more_starts_than_allowed(flat):
    # Of a meter that swings so fast not a word would be acted on.
    flat.configure(sensor_slew_kelvin=0)
    await swing(flat, 300)
    assert most_within(flat.cloud.starts, 3600) == 6


async def test_the_cap_of_a_day(flat):
    flat.configure(max_starts_per_hour=0, max_starts_per_day=10, sensor_slew_kelvin=0)
    await swing(flat, 600)
    assert len(flat.cloud.starts) == 10


async def test_the_cap_outlives_restarts(flat):
    flat.configure(max_starts_per_hour=2)
    for _ in range(30):
        flat.started()
        await flat.tick(19.0, after=60)
        flat.started()
        await flat.tick(23.0, after=60)
    assert most_within(flat.cloud.starts, 3600) == 2


async def test_a_blocked_start_says_when_and_goes_exactly_then(flat):
    flat.configure(max_starts_per_hour=1, poll_interval_seconds=3000)
    await flat.tick(19.0)
    await flat.tick(23.0, after=600)
    report = await flat.tick(19.0, after=600)
    assert report.outcome == "cooldown"
    assert "start_cap_hour" in [str(r.code) for r in report.decisions[0].reasons]
    blocked = report.commands[0].blocked_until
    assert (blocked - flat.cloud.starts[0]).total_seconds() == 3600
    assert flat.engine.next_wakeup == blocked
    await flat.live(3600)
    assert flat.minutes_of("setAll") == [0.0, 60.0]


async def test_a_start_that_may_have_happened_counts(flat):
    flat.configure(max_starts_per_hour=1, min_off_seconds=60)
    flat.cloud.refusals["setAll"] = CloudTimeoutError("silence", maybe_sent=True)
    await flat.tick(19.0)
    flat.cloud.refusals.clear()
    await flat.engine.act("default", "off", hold="none")
    await flat.tick(19.0, after=120)
    assert flat.cloud.starts == []
    await flat.tick(19.0, after=3600)
    assert len(flat.cloud.starts) == 1


async def test_sending_again_what_may_not_have_arrived_is_the_same_start(flat):
    flat.configure(max_starts_per_hour=1)
    flat.cloud.refusals["setAll"] = CloudTimeoutError("silence", maybe_sent=True)
    await flat.tick(19.0)
    flat.cloud.refusals.clear()
    await flat.tick(19.0, after=60)
    assert len(flat.cloud.starts) == 1


async def test_another_setpoint_is_no_start(flat):
    flat.configure(max_starts_per_hour=1)
    await flat.tick(19.0)
    warmer = {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 25.0}
    flat.configure(max_starts_per_hour=1, winter=warmer)
    await flat.tick(19.0, after=60)
    assert flat.cloud.words == ["setAll 24,5,3,on", "setAll 25,5,3,on"]
    assert len(flat.state["equipment"]["starts"]) == 1


@pytest.mark.parametrize("gap", [600, 1200])
async def test_between_heating_and_cooling_it_rests(flat, gap):
    flat.configure(changeover_gap_seconds=gap)
    await flat.tick(19.0)
    await flat.tick(23.0, after=300)
    flat.configure(mode="summer", changeover_gap_seconds=gap)
    flat.reads(27.0)
    await flat.live(3600)
    assert flat.minutes_of("setAll 24,2") == [5.0 + gap / 60]


async def test_a_person_is_told_until_when_the_cap_holds(flat):
    flat.configure(max_starts_per_hour=1)
    await flat.engine.act("default", "on")
    await flat.engine.act("default", "off")
    flat.clock.advance(60)
    command = await flat.engine.act("default", "on")
    assert command.status == "blocked"
    assert (command.blocked_until - flat.cloud.starts[0]).total_seconds() == 3600


async def test_a_history_nobody_knows_locks_for_the_minimum_off_time(flat):
    flat.store.set("state", {"last_temperature": 20.0})
    flat.configure(min_off_seconds=300)
    report = await flat.tick(19.0)
    assert "history_unknown" in [str(r.code) for r in report.decisions[0].reasons]
    await flat.live(150)
    flat.started()
    await flat.live(1200)
    assert flat.minutes_of("setAll") == [5.0]


async def test_a_new_installation_is_not_locked_unless_told(flat):
    flat.configure(min_off_seconds=300)
    assert (await flat.tick(19.0)).outcome == "winter_on"


async def test_a_lost_state_locks_where_the_settings_say_so(flat):
    flat.configure(unknown_history_lockout_seconds=240)
    await flat.tick(19.0)
    await flat.live(600)
    assert flat.minutes_of("setAll") == [4.0]


async def test_the_clock_set_back_locks_no_longer_than_the_cap(flat):
    starts = [["2026-01-12T15:00:00+00:00", "winter"]]
    flat.store.set(
        "state", {"assumed_aircon_power": "off", "equipment": {"starts": starts}}
    )
    flat.configure(max_starts_per_hour=1)
    flat.reads(19.0)
    await flat.tick()
    await flat.live(2 * 3600)
    assert flat.minutes_of("setAll") == [60.0]
