"""Devices that rules look at: read within the day's calls, and heard when they push."""

from dataclasses import replace

import pytest

from switchbot_automation.errors import CloudTimeoutError

LAMP, DOOR, LOCK = "1A0000000002", "D00000000001", "10C000000003"
HOT = {"trigger": "numeric_state", "zone": "default", "above": 25}
OPENED = {
    "trigger": "state",
    "device": "Front door",
    "attribute": "openState",
    "to": "open",
}
TOGGLE = {"action": "command", "device": "Lamp", "command": "toggle"}
TELL = {"action": "notify", "title": "Home", "message": "$value by $rule"}


def rule(*actions, triggers=HOT, **parts):
    return {"id": "it", "triggers": triggers, "actions": list(actions), **parts}


async def heated(house):
    """Have the room cool at one tick and hot at the next."""
    await house.tick()
    house.cloud.temperature = 26.5
    return await house.tick(after=60)


async def test_a_device_is_read_by_name_within_the_days_calls(house):
    house.rules(rule(TELL, triggers=OPENED))
    await house.live(3600)
    assert house.cloud.calls.count("devices") == 1
    assert house.cloud.calls.count(f"status {DOOR}") == 13
    house.cloud.door = "open"
    await house.live(301)
    assert house.told.messages == [("Home", "open by it")]


async def test_what_only_a_condition_looks_at_is_read_when_asked(house):
    shut = {
        "condition": "state",
        "device": "Front door",
        "attribute": "openState",
        "state": "close",
    }
    house.rules(rule(TELL, conditions=shut))
    await house.tick()
    assert f"status {DOOR}" not in house.cloud.calls
    await heated(house)
    assert house.cloud.calls.count(f"status {DOOR}") == 1
    assert len(house.told.messages) == 1


async def test_an_unknown_condition_keeps_the_rule_from_running(house):
    shut = {
        "condition": "state",
        "device": "Front door",
        "attribute": "openState",
        "state": "close",
    }
    house.rules(rule(TELL, conditions={"condition": "not", "conditions": shut}))
    house.cloud.broken[f"status {DOOR}"] = CloudTimeoutError("no answer")
    await heated(house)
    assert house.told.messages == []
    assert house.outcomes == ["conditions_unknown"]


async def test_an_event_fires_at_once_and_is_as_good_as_a_reading(house):
    house.rules(rule(TELL, triggers=OPENED))
    await house.tick()
    house.clock.advance(5)
    await house.push(DOOR, "WoContact", openState="open", detectionState="DETECTED")
    assert house.engine.next_wakeup <= house.clock.now()
    await house.engine.run_once()
    assert house.told.messages == [("Home", "open by it")]


@pytest.mark.parametrize(
    "trigger",
    [
        {"trigger": "state", "attribute": "lockState", "to": "unlock"},
        {"trigger": "webhook", "values": {"lockState": "unlock"}},
        {"trigger": "webhook", "values": {"lockState": "UNLOCKED"}},
    ],
)
async def test_a_lock_s_event_is_understood_in_either_vocabulary(house, trigger):
    house.rules(
        rule({**TELL, "message": "open"}, triggers={**trigger, "device": "Lock"})
    )
    await house.tick()
    house.clock.advance(5)
    await house.push(LOCK, "WoLock", lockState="UNLOCKED")
    await house.engine.run_once()
    assert house.told.messages == [("Home", "open")]


async def test_a_pulse_between_two_ticks_is_not_missed(house):
    house.rules(rule(TELL, triggers=OPENED))
    await house.tick()
    for word in ("open", "close"):
        house.clock.advance(1)
        await house.push(DOOR, "WoContact", openState=word)
    await house.engine.run_once()
    assert len(house.told.messages) == 1


async def test_an_event_of_a_device_no_rule_names_wants_no_tick(house):
    house.rules(rule(TELL, triggers=OPENED))
    await house.tick()
    before = house.engine.next_wakeup
    await house.push(LAMP, "WoBulb", powerState="ON")
    assert house.engine.next_wakeup == before


async def test_events_from_before_it_led_are_not_acted_on(house):
    house.rules(rule(TELL, triggers=OPENED))
    leader = house.engine
    await leader.run_once()
    standby = house.restarted()
    await standby.run_once()
    for word in ("open", "close"):
        house.clock.advance(1)
        await house.push(DOOR, "WoContact", openState=word)
    for _ in range(40):
        # The leader is gone; after a while the other one takes over.
        await house.tick(after=600)
    assert house.told.messages == []
    assert house.document["rules"]["it"]["triggers"] == [{"last": "close"}]


async def test_twenty_rules_read_a_device_once(house):
    many = [rule(TELL, triggers=[HOT, OPENED], id=f"r{n}") for n in range(20)]
    house.rules(*many)
    await house.tick()
    before = list(house.cloud.calls)
    await house.tick(after=60)
    # The door is read once for all of them, and not before it is due.
    assert house.cloud.calls[len(before) :] == ["status C271111EC0AB"]


async def test_an_event_is_known_by_whatever_a_rule_calls_its_device(house):
    bell = {
        "trigger": "webhook",
        "device": "front DOOR",
        "values": {"openState": "open"},
    }
    house.rules(rule(TELL, triggers=bell))
    await house.tick()
    await house.push(DOOR, "WoContact", openState="open")
    await house.engine.run_once()
    assert len(house.told.messages) == 1


async def test_a_device_whose_events_proved_right_is_read_now_and_then(house):
    house.rules(rule(TELL, triggers=OPENED))
    await house.tick()
    for word in ("open", "close", "open", "close"):
        house.cloud.door = word
        await house.push(DOOR, "WoContact", openState=word)
        await house.live(320)
    reads = house.cloud.calls.count(f"status {DOOR}")
    await house.live(3600)
    assert house.cloud.calls.count(f"status {DOOR}") - reads <= 3
    # It opens and nobody tells: from then on it is asked as before.
    house.cloud.door = "open"
    await house.live(1801)
    reads = house.cloud.calls.count(f"status {DOOR}")
    await house.live(3600)
    assert house.cloud.calls.count(f"status {DOOR}") - reads >= 11


async def test_events_want_no_tick_where_rules_name_no_device(house):
    house.rules(rule(TELL))
    await house.tick()
    before = house.engine.next_wakeup
    await house.push(DOOR, "WoContact", openState="open")
    assert house.engine.next_wakeup == before


@pytest.mark.parametrize("restart", [False, True])
async def test_a_device_that_was_renamed_is_still_meant_and_told_of(house, restart):
    house.rules(rule(TELL, triggers=OPENED))
    await house.tick()
    listed = house.cloud.devices

    async def renamed():
        found = await listed()
        devices = tuple(
            replace(each, name="Entrance") if each.device_id == DOOR else each
            for each in found.devices
        )
        return replace(found, devices=devices)

    house.cloud.devices = renamed
    if restart:
        house.restarted()
    await house.live(90_000)
    house.cloud.door = "open"
    await house.live(400)
    assert house.told.messages == [("Home", "open by it")]
    health = await house.engine.health()
    assert health["status"] == "degraded"
    (problem,) = health["rules"]["problems"]
    assert "'Front door' is called 'Entrance'" in problem


@pytest.mark.parametrize(
    "parts",
    [
        {"triggers": {**OPENED, "device": "Frnt door"}},
        {"triggers": {"trigger": "webhook", "device": "Frnt door"}},
        {
            "conditions": {
                "condition": "state",
                "device": "Frnt door",
                "attribute": "openState",
                "state": "open",
            }
        },
        {"actions": [{**TOGGLE, "device": "Frnt door"}]},
    ],
)
async def test_a_device_that_is_not_there_is_told_of_before_it_is_missed(house, parts):
    house.rules(rule(TELL, triggers=OPENED) | parts)
    await house.live(600)
    health = await house.engine.health()
    assert health["status"] == "degraded"
    (problem,) = health["rules"]["problems"]
    assert "did you mean 'Front door'?" in problem
    house.rules(rule(TELL, triggers=OPENED))
    await house.live(60)
    assert (await house.engine.health())["status"] == "ok"
