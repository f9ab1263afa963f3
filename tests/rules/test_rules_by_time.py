"""What was so when: events and answers by their own instants, waits by watched time."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.simulation import SimulatedClock
from tests.cases import drawn, slow_after

DOOR = "D00000000001"
TELL = {"action": "notify", "message": "$value"}
TOGGLE = {"action": "command", "device": "Lamp", "command": "toggle"}
OPENED = {
    "trigger": "state",
    "device": "Front door",
    "attribute": "openState",
    "to": "open",
}


def rule(*actions, triggers=OPENED, **parts):
    return {"id": "it", "triggers": triggers, "actions": list(actions), **parts}


async def pushed(house, word, *, before=0.0):
    """Push an event that was so `before` seconds ago."""
    at = house.clock.now() - timedelta(seconds=before)
    return await house.engine.handle_webhook(
        {
            "eventType": "changeReport",
            "eventVersion": "1",
            "context": {
                "deviceType": "WoContact",
                "deviceMac": DOOR,
                "openState": word,
                "timeOfSample": round(at.timestamp() * 1000),
            },
        }
    )


async def test_an_event_from_before_an_answer_does_not_undo_it(house):
    house.rules(rule(TELL, triggers={**OPENED, "for": {"minutes": 4}}))
    await house.tick()
    await house.live(310)
    await pushed(house, "open", before=60)
    await house.live(600)
    assert house.told.messages == []


async def test_an_answer_right_after_an_event_may_be_the_one_before(house):
    house.rules(rule(TOGGLE))
    await house.tick()
    await house.live(298)
    await pushed(house, "open")
    await house.live(5)
    house.cloud.door = "open"
    await house.live(900)
    assert house.cloud.sent == ["toggle"]


async def test_an_event_that_was_wrong_is_put_right_by_a_later_answer(house):
    shut = {**OPENED, "to": "close"}
    house.rules(rule(TELL, triggers=shut))
    await house.tick()
    await house.live(298)
    await pushed(house, "open")
    await house.live(700)
    assert house.told.messages == [(None, "close")]


@settings(
    max_examples=drawn(10, many=30),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.tuples(st.integers(0, 250), st.booleans()), max_size=6))
def test_the_newest_sample_is_what_counts(events):
    """However late each event arrives, the state is that of the newest sample."""
    from tests.rules.conftest import RuledHouse  # noqa: PLC0415 - one for each example

    async def lived():
        house = RuledHouse()
        house.rules(rule(TELL, triggers={**OPENED, "to": ["open", "close"]}))
        await house.tick()
        house.clock.advance(255)
        start = house.clock.now()
        newest = (-1e9, "close")
        for index, (before, opens) in enumerate(events):
            word = "open" if opens else "close"
            await pushed(house, word, before=before + index / 1000)
            newest = max(newest, (-before - index / 1000, word))
        await house.engine.run_once()
        assert house.clock.now() == start
        return house, newest[1]

    house, word = asyncio.run(lived())
    last = house.document["rules"]["it"]["triggers"][0]["last"]
    assert last == word


@pytest.mark.parametrize("down", [60, 500, 3600, 8 * 3600])
async def test_a_for_counts_no_time_that_nobody_watched(house, down):
    house.rules(rule(TELL, triggers={**OPENED, "for": {"minutes": 60}}))
    await house.tick()
    house.cloud.door = "open"
    await house.live(1500)
    house.restarted()
    house.clock.advance(down)
    await house.live(60)
    left = 60 - 25 - down / 60 if down <= 500 else 60
    await house.live(max(0, left * 60 - 120))
    assert house.told.messages == []
    await house.live(600)
    assert len(house.told.messages) == 1


async def test_a_for_that_runs_is_looked_at_often_enough_to_be_watched(house):
    calm = {"poll_interval_seconds": 3600, "idle_poll_interval_seconds": 3600}
    hot = {"trigger": "numeric_state", "zone": "default", "above": 25}
    house.rules(rule(TELL, triggers={**hot, "for": {"minutes": 90}}), **calm)
    await house.tick()
    house.cloud.temperature = 26
    await house.live(3600)
    house.restarted()
    await house.live(3 * 3600)
    assert len(house.told.messages) == 1


TIMES = {
    "time": {"trigger": "time", "at": "13:00"},
    "cron": {"trigger": "cron", "cron": "0 13 * * *"},
    "window": {"trigger": "window", "zone": "default", "event": "start"},
}
WINDOWS = [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "13:00", "end": "20:00"}]


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("down", [200, 1200])
async def test_a_time_that_was_missed_is_traced(house, kind, down):
    house.rules(rule(TELL, triggers=TIMES[kind]), time_windows=WINDOWS)
    await house.live(3500)
    house.restarted()
    house.clock.advance(down)
    await house.live(600)
    assert house.outcomes == (["finished"] if down == 200 else ["missed"])
    (trace,) = house.engine.rule_traces("it")
    assert trace["cause"]["trigger"] == kind


@pytest.mark.parametrize("kind", slow_after(1, ["cron", "time"]))
@pytest.mark.parametrize("restart", slow_after(1, [True, False]))
async def test_a_clock_set_back_costs_no_day(house, kind, restart):
    house.rules(rule(TELL, triggers=TIMES[kind]))
    await house.live(2 * 86400)
    told = len(house.told.messages)
    back = SimulatedClock(house.clock.now() - timedelta(days=1, hours=1))
    house.clock = house.cloud.clock = back
    house.restarted()
    if restart:
        await house.tick()
        house.restarted()
    await house.live(86400)
    assert len(house.told.messages) == told + 1


@pytest.mark.parametrize("waits", [False, True])
async def test_a_rule_of_a_room_hears_its_meter_at_once(house, waits):
    """A spike between two readings is seen, as that of a device a rule names."""
    hot = {"trigger": "numeric_state", "zone": "default", "above": 25}
    actions = [TELL]
    triggers: object = hot
    if waits:
        triggers = {"trigger": "time", "at": "12:01"}
        actions = [{"wait_for_trigger": hot, "timeout": {"hours": 1}}, TELL]
    house.rules(rule(*actions, triggers=triggers), poll_interval_seconds=600)
    await house.tick()
    await house.live(90)
    for warm in (26, 21):
        await house.push(
            "C271111EC0AB", "WoMeter", temperature=warm, humidity=50, scale="CELSIUS"
        )
        await house.live(20)
    assert len(house.told.messages) == 1
    assert house.engine.next_wakeup > house.clock.now()
