"""A wall clock that somebody sets shortens no rest and leaves no stale due time."""

from datetime import timedelta

import pytest


def heard(house):
    told = []
    house.engine.subscribe(
        lambda event: told.append(event) if event.kind == "clock_jumped" else None
    )
    return told


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 45.0])
async def test_a_clock_that_was_set_is_noticed_once(house, seconds):
    told = heard(house)
    await house.tick(21.0)
    house.clock.jump(seconds)
    for _ in range(3):
        await house.tick(21.0, after=60)
    assert [event.seconds for event in told] == [seconds]


async def test_time_that_passes_and_small_corrections_are_no_jump(house):
    told = heard(house)
    for after in (1, 60, 86400, 7200):
        await house.tick(21.0, after=after)
        house.clock.jump(5.0)
    assert told == []


async def test_a_clock_set_forward_does_not_cut_the_compressors_rest_short(house):
    house.configure(min_off_seconds=300)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    assert (await house.tick(23.0)).outcome == "winter_off"
    stopped = house.clock.monotonic()
    await house.tick(21.0, after=60)
    house.clock.jump(3600)
    report = await house.tick(19.0, after=60)
    assert report.outcome == "cooldown"
    reports = await house.live(until=house.clock.now() + timedelta(seconds=240))
    assert reports[-1].outcome == "winter_on" or "setAll 23,5,3,on" in house.cloud.words
    assert house.clock.monotonic() - stopped >= 300


async def test_a_start_after_a_jump_comes_when_the_true_rest_is_over(house):
    house.configure(min_off_seconds=300)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(23.0)
    stopped = house.clock.monotonic()
    await house.tick(21.0, after=60)
    house.clock.jump(86400)
    await house.tick(19.0, after=60)
    started = []
    house.cloud.on_send = lambda: started.append(house.clock.monotonic())
    await house.live(until=house.clock.now() + timedelta(seconds=400))
    assert started[0] - stopped == pytest.approx(300, abs=1)


async def test_a_clock_set_back_leaves_no_wake_up_in_the_far_future(house):
    house.configure(predictive_polling=True)
    house.remember(assumed_aircon_power="off")
    await house.tick(21.0)
    house.clock.jump(-7200)
    await house.tick(21.0, after=1)
    wait = house.engine.next_wakeup - house.clock.now()
    assert timedelta(0) < wait <= timedelta(seconds=1200)
    assert house.cloud.calls.count("status C271111EC0AB") == 2


async def test_a_clock_set_forward_forgets_no_start_of_the_last_hour(house):
    house.configure(max_starts_per_hour=1)
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(19.0)).outcome == "winter_on"
    started = house.clock.monotonic()
    assert (await house.tick(23.0, after=600)).outcome == "winter_off"
    house.clock.jump(90_000)
    assert (await house.tick(19.0, after=60)).outcome == "cooldown"
    again = []
    house.cloud.on_send = lambda: again.append(house.clock.monotonic())
    await house.live(until=house.clock.now() + timedelta(hours=1))
    assert again[0] - started == pytest.approx(3600, abs=1)


@pytest.mark.parametrize("seconds", [7200.0, -7200.0])
async def test_a_rest_after_a_long_run_is_as_long_whatever_the_clock_says(
    house, seconds
):
    house.configure(max_continuous_on_seconds=3600)
    house.remember(assumed_aircon_power="off")
    sent = []
    house.cloud.on_send = lambda: sent.append(house.clock.monotonic())
    await house.tick(19.0)
    await house.live(until=house.clock.now() + timedelta(seconds=3700))
    assert house.cloud.words[1] == "turnOff"
    house.clock.jump(seconds)
    await house.tick(19.0, after=60)
    await house.live(until=house.clock.now() + timedelta(hours=1))
    assert sent[2] - sent[1] == pytest.approx(600, abs=1)
