"""A person's ON that had to wait is sent when it may, and not where safety forbids it."""

from datetime import timedelta

import pytest


@pytest.fixture
async def stopped(flat):
    """The thermometer died an hour ago, the unit was stopped, a person wants it on."""
    flat.configure(min_off_seconds=300, sensor_stale_conservative_seconds=0)
    await flat.tick(19.0)
    flat.reads(None)
    await flat.live(3601)
    assert flat.cloud.words[-1] == "turnOff"
    command = await flat.engine.act("default", "on")
    assert (command.status, command.reasons[-1].code) == (
        "blocked",
        "min_off_remaining",
    )
    return flat


async def test_a_waiting_on_was_sent_although_safety_forbade_a_start(stopped):
    await stopped.live(1200)
    assert len(stopped.cloud.starts) == 1


async def test_it_goes_as_soon_as_safety_allows_it(stopped):
    await stopped.live(1200)
    # Between the thresholds: the rule itself would not start it.
    stopped.reads(21.0)
    await stopped.live(600)
    assert len(stopped.cloud.starts) == 2


async def test_it_outlives_a_restart(stopped):
    await stopped.live(1200)
    stopped.started()
    stopped.reads(21.0)
    await stopped.live(600)
    assert len(stopped.cloud.starts) == 2


async def test_an_hour_late_it_is_no_longer_wanted(stopped):
    await stopped.live(2 * 3600)
    stopped.reads(21.0)
    await stopped.live(3600)
    assert len(stopped.cloud.starts) == 1


async def test_who_sees_the_room_now_may_start_it_without_a_thermometer(stopped):
    stopped.clock.advance(600)
    assert (await stopped.engine.act("default", "on")).status == "accepted"


async def test_the_rest_after_the_longest_run_holds_for_a_person_too(flat):
    flat.configure(max_continuous_on_seconds=3600, min_off_seconds=60)
    flat.reads({"temperature": 19.0, "humidity": 40})
    await flat.tick()
    for minute in range(61):
        await flat.tick({"temperature": 19.0, "humidity": 40 + minute % 2}, after=60)
    assert flat.cloud.words[-1] == "turnOff"
    stop = flat.cloud.sent[-1][0]
    flat.clock.advance(120)
    command = await flat.engine.act("default", "on")
    assert (command.status, command.blocked_until) == (
        "blocked",
        stop + timedelta(seconds=600),
    )
    flat.reads(21.0)
    await flat.live(900)
    assert flat.cloud.starts[-1] == stop + timedelta(seconds=600)
