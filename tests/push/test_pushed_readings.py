"""What an engine makes of pushed events: readings, wake-ups, fewer questions."""

from datetime import timedelta
from typing import Any

import pytest

from switchbot_automation.cloud.events.events import RefusedWebhook, WebhookRefusal
from switchbot_automation.core.state import said as state_said
from switchbot_automation.engine.observe.pushed import (
    HEARTBEAT_SECONDS,
    PROOF,
    QUIET_SECONDS,
)

METER = "C271111EC0AB"
STATUS = f"status {METER}"


def asked(house) -> int:
    return house.cloud.calls.count(STATUS)


async def prove(house, temperature=21.0) -> None:
    """Let enough events agree with what the cloud answers, from tick to tick."""
    await house.tick(temperature)
    for _ in range(PROOF):
        house.clock.advance(30)
        await house.push(temperature)
        await house.tick(temperature, after=150)
    assert house.engine._parts.pushes.proved(METER)


async def test_a_meters_event_is_the_reading_of_the_next_tick(house):
    await house.tick(21.0)
    house.clock.advance(20)
    await house.push(21.4, humidity=48)
    before = asked(house)
    await house.tick(after=10)
    assert asked(house) == before
    assert house.state["last_temperature"] == 21.4
    assert house.state["last_humidity"] == 48
    sampled = house.clock.now() - timedelta(seconds=10)
    assert house.state["last_read_at"] == sampled.isoformat()


@pytest.mark.parametrize(
    ("said", "times"),
    [
        ({"temperature": 21.4, "humidity": 48, "deviceType": "WoMeter"}, 1),
        ({"temperature": 21.4, "deviceType": "WoMeter", "scale": "CELSIUS"}, 1),
        # What another scale means hangs on what the cloud answered of this meter.
        ({"temperature": 70.5, "deviceType": "WoMeter", "scale": "FAHRENHEIT"}, 2),
    ],
)
async def test_what_an_event_of_a_meter_says_is_found_out_once(
    house, monkeypatch, said, times
):
    await house.tick(21.0)
    house.clock.advance(20)
    found = []
    really = state_said._parted

    def parted(values, given, reading):
        found.append(given)
        return really(values, given, reading)

    monkeypatch.setattr(state_said, "_parted", parted)
    at = int(house.clock.now().timestamp() * 1000)
    context = {"deviceMac": METER, "timeOfSample": at, **said}
    event = await house.engine.handle_webhook(
        {"eventType": "changeReport", "eventVersion": "1", "context": context}
    )
    assert event.values["temperature"] == said["temperature"]
    assert [each["temperature"] for each in found] == [said["temperature"]] * times


async def test_a_crossed_threshold_moves_the_wake_up_to_now(house):
    heard: list[Any] = []
    await house.tick(21.0)
    house.engine.subscribe(heard.append)
    house.clock.advance(20)
    await house.push(19.5)
    assert house.engine.next_wakeup == house.clock.now()
    assert [event.kind for event in heard] == ["webhook", "next_wakeup_changed"]
    await house.engine.run_once()
    assert house.cloud.words == ["setAll 23,5,1,on"]


async def test_a_zone_of_both_seasons_is_woken_by_the_thresholds_of_its_season(house):
    summer = {"min_temp": 24.0, "max_temp": 26.0, "target_temp": 25.0, "ac_mode": 2}
    house.configure(mode="auto", summer=summer)
    since = (house.clock.now() - timedelta(days=30)).timestamp()
    season = {"version": 1, "name": "summer", "since": since}
    house.store.set("state", {"learned": {"season": season}})
    await house.tick(27.0)
    assert house.cloud.words == ["setAll 25,2,3,on"]
    house.clock.advance(20)
    await house.push(24.4)
    assert house.engine.next_wakeup > house.clock.now()
    await house.push(23.5)
    assert house.engine.next_wakeup == house.clock.now()


async def test_a_value_between_the_thresholds_wakes_nobody(house):
    await house.tick(21.0)
    wakeup = house.engine.next_wakeup
    house.clock.advance(20)
    await house.push(20.9)
    assert house.engine.next_wakeup == wakeup


@pytest.mark.parametrize(
    "changes",
    [
        {"automation_enabled": False},
        {"time_windows": [{"days": [0], "start": "01:00", "end": "02:00"}]},
    ],
)
async def test_nobody_is_woken_for_a_room_that_is_not_looked_after(house, changes):
    house.configure(**changes)
    await house.tick(21.0)
    wakeup = house.engine.next_wakeup
    house.clock.advance(20)
    await house.push(10.0)
    assert house.engine.next_wakeup == wakeup


async def test_a_crossing_told_while_a_tick_runs_is_not_forgotten(house):
    await house.tick(21.0)
    house.clock.advance(60)
    told = []

    async def push_late(*_args):
        told.append(await house.push(19.5))

    keep = house.engine._recorder.record

    async def record(*args, **options):
        await push_late()
        await keep(*args, **options)

    house.engine._recorder.record = record
    await house.engine.run_once()
    house.engine._recorder.record = keep
    assert told
    assert house.engine.next_wakeup <= house.clock.now() + timedelta(seconds=1)
    await house.tick(after=1)
    assert house.cloud.words == ["setAll 23,5,1,on"]


@pytest.mark.parametrize(("told", "then"), [((21.1, 18.5), 18.5), ((70.0, 65.3), 18.5)])
async def test_an_event_of_another_scale_waits_for_an_answer_that_tells_its_unit(
    house, told, then
):
    """Documents say Celsius whatever the app shows; not every home's cloud does."""
    await house.tick(21.0)
    house.clock.advance(20)
    await house.push(told[0], scale="FAHRENHEIT")
    assert not house.engine._parts.pushes.wake
    await house.tick(21.0, after=60)
    assert house.state["last_temperature"] == 21.0
    house.clock.advance(20)
    await house.push(told[1], scale="FAHRENHEIT")
    await house.tick(after=1)
    assert house.state["last_temperature"] == then
    assert house.cloud.words == ["setAll 23,5,1,on"]


async def test_a_cold_number_of_an_unknown_scale_heats_nothing(house):
    await house.tick(21.0)
    for value in (10.0, 15.0, 18.0):
        house.clock.advance(5)
        await house.push(value, scale="FAHRENHEIT")
    house.cloud.temperature = 21.0
    await house.tick(after=30)
    assert house.cloud.words == []


async def test_events_that_contradict_answers_lose_their_unit(house):
    await house.tick(21.0)
    house.clock.advance(20)
    await house.push(70.0, scale="FAHRENHEIT")
    await house.tick(21.0, after=60)
    line = house.engine._parts.pushes.heard[METER]
    assert line.unit == "fahrenheit"
    for _ in range(3):
        house.clock.advance(20)
        await house.push(50.0, scale="FAHRENHEIT")
        house.clock.advance(140)
        await house.tick(21.0, after=60)
    assert line.unit is None


async def test_an_event_older_than_the_last_answer_changes_nothing(house):
    await house.tick(21.0)
    wakeup = house.engine.next_wakeup
    await house.push(15.0, ago=30)
    assert house.engine.next_wakeup == wakeup
    before = asked(house)
    await house.tick(after=60)
    assert asked(house) == before + 1
    assert house.state["last_temperature"] == 21.0


async def test_a_replay_after_a_restart_changes_nothing(house):
    await house.tick(21.0)
    house.clock.advance(20)
    payload = house.event(19.0)
    await house.engine.handle_webhook(payload)
    await house.tick(after=1)
    house.clock.advance(60)
    house.restarted()
    await house.tick(21.0)
    house.cloud.sent.clear()
    wakeup = house.engine.next_wakeup
    await house.engine.handle_webhook(payload)
    assert house.engine.next_wakeup == wakeup
    await house.tick(after=60)
    assert house.state["last_temperature"] == 21.0


@pytest.mark.parametrize("temperature", [-300, 1e300, 0, "warm", None, True, [21]])
async def test_what_no_room_has_is_no_reading(house, temperature):
    await house.tick(21.0)
    wakeup = house.engine.next_wakeup
    house.clock.advance(10)
    await house.push(temperature, humidity=0, battery=0)
    assert house.engine.next_wakeup == wakeup
    await house.tick(after=50)
    assert house.state["last_temperature"] == 21.0


async def test_other_devices_are_told_to_listeners_alone(house):
    heard: list[Any] = []
    await house.tick(21.0)
    house.engine.subscribe(heard.append)
    wakeup, state = house.engine.next_wakeup, house.state
    context = {"deviceType": "WoContact", "deviceMac": "AABBCC", "openState": "open"}
    await house.engine.handle_webhook(
        {"eventType": "changeReport", "eventVersion": "1", "context": context}
    )
    (event,) = heard
    assert (event.event.device_id, event.zones) == ("AABBCC", ())
    assert event.event.values == {"openState": "open"}
    assert (house.engine.next_wakeup, house.state) == (wakeup, state)


async def test_a_listener_gets_battery_and_the_zones_of_a_meter(house):
    heard: list[Any] = []
    await house.tick(21.0)
    house.engine.subscribe(heard.append)
    await house.push(21.2, battery=87)
    assert heard[0].zones == ("default",)
    assert heard[0].event.values["battery"] == 87


async def test_refused_bodies_reach_nobody_and_raise_nothing(house):
    heard: list[Any] = []
    await house.tick(21.0)
    house.engine.subscribe(heard.append)
    answer = await house.engine.handle_webhook({"eventType": 3, "context": None})
    assert isinstance(answer, RefusedWebhook)
    assert answer.refusal is WebhookRefusal.NOT_AN_EVENT
    assert heard == []


async def test_an_event_before_the_first_tick_is_told_and_no_reading(house):
    heard: list[Any] = []
    house.engine.subscribe(heard.append)
    await house.push(10.0)
    assert [event.kind for event in heard] == ["webhook"]
    await house.tick(21.0)
    assert house.state["last_temperature"] == 21.0


async def test_a_meter_whose_events_agreed_is_asked_at_a_heartbeat_only(house):
    await prove(house)
    before = asked(house)
    seconds = 3 * HEARTBEAT_SECONDS
    for minute in range(int(seconds // 60)):
        temperature = 21.0 + 0.1 * (minute % 7)
        house.cloud.temperature = temperature
        await house.push(temperature)
        await house.tick(after=60)
        assert house.state["last_temperature"] == temperature
        assert not house.state["last_temperature_stale"]
    assert 2 <= asked(house) - before <= 4


async def test_between_events_a_proved_line_answers_as_the_cloud_would(house):
    await prove(house, 21.0)
    house.clock.advance(30)
    await house.push(19.0)
    before = asked(house)
    report = await house.tick(19.0, after=60)
    assert report.decisions[0].outcome == "winter_on"
    report = await house.tick(after=60)
    report = await house.tick(after=60)
    assert asked(house) == before
    assert house.state["last_temperature"] == 19.0


async def test_polling_returns_when_the_events_fall_silent(house):
    await prove(house)
    await house.push(21.0)
    before = asked(house)
    house.cloud.temperature = 21.9
    minutes = int(QUIET_SECONDS // 60) + 1
    for _ in range(minutes):
        await house.tick(after=60)
    assert asked(house) > before
    assert house.state["last_temperature"] == 21.9
    # The answer was one no event had told of: the proof begins anew.
    before = asked(house)
    for _ in range(5):
        await house.tick(after=60)
    assert asked(house) == before + 5


async def test_events_that_contradict_the_cloud_prove_nothing(house):
    await house.tick(21.0)
    for _ in range(PROOF + 2):
        house.clock.advance(30)
        await house.push(21.8)
        await house.tick(21.0, after=150)
    assert not house.engine._parts.pushes.proved(METER)
    before = asked(house)
    house.clock.advance(30)
    await house.push(21.8)
    await house.tick(after=30)
    assert asked(house) == before + 1
    assert house.state["last_temperature"] == 21.0


async def test_a_person_who_refreshes_asks_the_cloud(house):
    await prove(house)
    before = asked(house)
    await house.engine.run_once("refresh")
    assert asked(house) == before + 1


async def test_events_are_readings_where_no_call_is_left(house):
    await prove(house)
    house.engine._parts.quota.exhausted()
    house.clock.advance(30)
    await house.push(19.9)
    await house.tick(after=30)
    assert house.state["last_temperature"] == 19.9


async def test_a_room_read_by_prediction_is_read_when_an_event_came(house):
    house.configure(predictive_polling=True)
    await house.tick(21.0)
    house.clock.advance(61)
    await house.push(19.0)
    before = asked(house)
    await house.engine.run_once()
    assert asked(house) == before
    assert house.state["last_temperature"] == 19.0
    assert house.cloud.words == ["setAll 23,5,1,on"]


async def test_one_of_several_meters_does_not_speak_for_the_room(house):
    house.configure(
        meter_device_id=None,
        sensors=[{"device_id": METER}, {"device_id": "M2"}, {"device_id": "M3"}],
    )
    house.cloud.temperatures = {METER: 21.0, "M2": 21.0, "M3": 21.0}
    await house.tick()
    wakeup = house.engine.next_wakeup
    house.clock.advance(20)
    await house.push(15.0)
    assert house.engine.next_wakeup == wakeup
    await house.tick(after=40)
    assert house.state["last_temperature"] == 21.0
