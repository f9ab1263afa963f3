"""Rules that run away: what they cost at most, and that the heating does not pay for it."""

import asyncio
import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.core.pace import Quota
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import QuotaExhaustedError, RuleActionError
from switchbot_automation.model import DeviceStatus
from switchbot_automation.rules.running.budget import (
    Budget,
    check_affordable,
    for_rules,
)
from switchbot_automation.settings.read import parse_settings
from tests.cases import drawn, slow_after

_SPEC = importlib.util.spec_from_file_location(
    "house_that_runs_away", Path(__file__).with_name("conftest.py")
)
ruled_house = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ruled_house)

LAMP, DOOR = "1A0000000002", "D00000000001"
EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
HEATED = {
    "automation_enabled": True,
    "mode": "winter",
    "time_windows": [
        {"days": EVERY_DAY, "start": "00:00", "end": "12:00"},
        {"days": EVERY_DAY, "start": "12:00", "end": "00:00"},
    ],
}
RINGS = {"trigger": "webhook", "device": "Front door", "values": {"openState": "open"}}


def rule(name, triggers, *actions, **parts):
    return {"id": name, "triggers": triggers, "actions": list(actions), **parts}


def lamp(command, **more):
    return {"action": "command", "device": "Lamp", "command": command, **more}


def lamp_is(word, kind):
    if kind == "webhook":
        values = {"powerState": word.upper()}
        return {"trigger": "webhook", "device": "Lamp", "values": values}
    return {"trigger": "state", "device": "Lamp", "attribute": "power", "to": word}


class EchoingHouse(ruled_house.RuledHouse):
    """Its lamp does what it is told, and tells of it some seconds later."""

    def __init__(self, lag):
        super().__init__()
        self.power, self.lag, self.echoes = "off", lag, []
        status, command = self.cloud.status, self.cloud.command

        async def told_status(device_id):
            found = await status(device_id)
            if device_id != LAMP:
                return found
            return DeviceStatus(
                LAMP, "Color Bulb", {"power": self.power}, self.clock.now()
            )

        async def obeyed(device_id, word, *args, **more):
            done = await command(device_id, word, *args, **more)
            if device_id == LAMP:
                turned = {"turnOn": "on", "turnOff": "off"}
                other = "off" if self.power == "on" else "on"
                self.power = turned.get(word, other)
                at = self.clock.now() + timedelta(seconds=self.lag)
                self.echoes.append((at, self.power))
            return done

        self.cloud.status, self.cloud.command = told_status, obeyed

    async def live(self, seconds):
        until = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < until:
            at = min([self.engine.next_wakeup, *(each[0] for each in self.echoes)])
            if at > until:
                break
            self.clock.advance_to(max(at, self.clock.now()))
            while self.echoes and self.echoes[0][0] <= self.clock.now():
                word = self.echoes.pop(0)[1]
                await self.push(LAMP, "WoBulb", powerState=word.upper())
            if self.engine.next_wakeup <= self.clock.now():
                await self.engine.run_once()
        self.clock.advance_to(until)


async def fighting(kind, lag, hours):
    house = EchoingHouse(lag)
    house.rules(
        rule("dark", lamp_is("on", kind), lamp("turnOff")),
        rule("light", lamp_is("off", kind), lamp("turnOn")),
        **HEATED,
    )
    await house.engine.run_once()
    house.power = "on"
    await house.push(LAMP, "WoBulb", powerState="ON")
    await house.live(hours * 3600)
    return house


@pytest.mark.parametrize("kind", ["webhook", "state"])
async def test_two_rules_that_answer_each_other_are_stopped_and_named(kind):
    house = await fighting(kind, 2.0, 0.5)
    assert 2 <= len(house.cloud.sent) <= 8
    health = await house.engine.health()
    assert health["status"] == "degraded"
    stopped = {each["rule"]: each["with"] for each in health["rules"]["stopped"]}
    assert stopped == {"dark": ["light"], "light": ["dark"]}
    assert any("set each other off" in each for each in health["rules"]["problems"])
    (told,) = [
        each for each in house.document["traces"] if each["outcome"] == "runaway"
    ]
    assert told["with"]
    # Stopped anew and for longer, it costs next to nothing in a day.
    await house.live(24 * 3600)
    assert len(house.cloud.sent) <= 60


async def test_what_stops_a_rule_has_an_end_and_an_edit_or_a_person_ends_it_at_once():
    house = await fighting("webhook", 2.0, 0.25)
    assert (await house.engine.health())["rules"]["stopped"]
    house.restarted()
    await house.engine.run_once()
    assert len((await house.engine.health())["rules"]["stopped"]) == 2
    await house.engine.run_rule("dark", dry_run=True)
    assert len((await house.engine.health())["rules"]["stopped"]) == 2
    await house.engine.run_rule("dark")
    (left,) = (await house.engine.health())["rules"]["stopped"]
    assert left["rule"] == "light"
    edited = rule("light", lamp_is("off", "webhook"), lamp("turnOn"), alias="Light")
    house.rules(edited, **HEATED)
    await house.engine.run_once()
    health = await house.engine.health()
    assert (health["rules"]["stopped"], health["status"]) == ([], "ok")


async def test_a_rule_that_sets_itself_off_is_stopped(house):
    house = EchoingHouse(1.0)
    house.rules(rule("it", {"trigger": "webhook", "device": "Lamp"}, lamp("toggle")))
    await house.engine.run_once()
    await house.push(LAMP, "WoBulb", powerState="ON")
    await house.live(1800)
    assert len(house.cloud.sent) <= 4
    assert (await house.engine.health())["rules"]["stopped"][0]["rule"] == "it"


async def test_a_timer_of_two_rules_that_take_turns_is_left_alone():
    house = EchoingHouse(1.0)
    house.rules(
        rule(
            "rest",
            lamp_is("on", "state"),
            {"action": "delay", "for": {"minutes": 2}},
            lamp("turnOff"),
        ),
        rule(
            "work",
            lamp_is("off", "state"),
            {"action": "delay", "for": {"minutes": 3}},
            lamp("turnOn"),
        ),
    )
    await house.engine.run_once()
    house.power = "on"
    await house.push(LAMP, "WoBulb", powerState="ON")
    await house.live(2 * 3600)
    assert len(house.cloud.sent) >= 40
    assert (await house.engine.health())["status"] == "ok"


async def test_thresholds_without_a_distance_are_stopped_when_the_room_flaps(house):
    hot = {"trigger": "numeric_state", "zone": "default", "above": 25}
    cool = {"trigger": "numeric_state", "zone": "default", "below": 25.1}
    house.rules(rule("hot", hot, lamp("turnOn")), rule("cool", cool, lamp("turnOff")))
    for minute in range(12 * 60):
        house.cloud.temperature = (24.9, 25.2)[minute % 2]
        await house.live(60)
    assert len(house.cloud.sent) <= 80
    health = await house.engine.health()
    assert health["status"] == "degraded"
    assert {each["why"] for each in health["rules"]["stopped"]} == {
        "they flap around a threshold"
    }


async def test_a_device_that_chatters_runs_no_rule_beyond_its_budget(house):
    house.rules(rule("it", RINGS, lamp("toggle")), **HEATED)
    await house.tick()
    for _ in range(1500):
        house.clock.advance(4.3)
        await house.push(DOOR, "WoContact", openState="open")
        await house.engine.run_once()
    assert 120 <= house.cloud.sent.count("toggle") <= 2 * 120  # in less than two hours
    health = await house.engine.health()
    assert health["rules"]["over_budget"] == ["it"]
    assert health["status"] == "degraded"
    # It can say what it may itself.
    house.rules(rule("it", RINGS, lamp("toggle"), max_per_hour=1000), **HEATED)
    await house.live(3700)
    assert (await house.engine.health())["rules"]["problems"] == []


@pytest.mark.parametrize("most", [1, 5, 120])
async def test_a_single_run_does_no_more_than_its_budget_and_turns_off_what_it_turned_on(
    house, most
):
    each = [lamp("turnOn", parameter="default"), lamp("setBrightness", parameter=20)]
    swing = [*each, lamp("setBrightness", parameter=30)] * 15
    house.rules(rule("it", RINGS, *swing, lamp("turnOff"), max_per_hour=most))
    await house.tick()
    await house.push(DOOR, "WoContact", openState="open")
    await house.engine.run_once()
    await house.live(600)
    beside_off = [word for word in house.cloud.sent if word != "turnOff"]
    assert len(beside_off) <= most
    assert house.cloud.sent[-1] == "turnOff"
    assert house.cloud.sent.count("turnOff") == 1


def test_only_what_a_rule_turned_on_it_turns_off_beyond_its_budget():
    budget, now = Budget(), ruled_house.MONDAY_NOON
    budget.spend("it", 1, now)
    budget.sent("it", LAMP, "turnOn", "default", now)
    with pytest.raises(RuleActionError):
        budget.spend("it", 1, now)
    budget.spend("it", 1, now, off=LAMP)
    budget.sent("it", LAMP, "turnOff", "default", now)
    with pytest.raises(RuleActionError):
        budget.spend("it", 1, now, off=LAMP)
    budget.sent("other", LAMP, "turnOn", "default", now)
    with pytest.raises(RuleActionError):
        budget.spend("it", 1, now, off=LAMP)


@pytest.mark.parametrize("lag", [0.5, 3.0, 11.0, 30.0])
async def test_many_rules_over_one_lamp_are_stopped_however_they_branch(lag):
    house = EchoingHouse(lag)
    house.rules(
        *(
            rule(f"r{n}", lamp_is(word, "webhook"), lamp("toggle"))
            for n, word in enumerate(["on", "off", "on", "off", "on", "off"])
        )
    )
    await house.engine.run_once()
    house.power = "on"
    await house.push(LAMP, "WoBulb", powerState="ON")
    await house.live(3600)
    assert len(house.cloud.sent) <= 20 + 6
    await house.live(5 * 3600)
    assert len(house.cloud.sent) <= 3 * (20 + 6)


async def test_what_is_in_force_already_is_not_sent_again(house):
    house.rules(rule("it", RINGS, lamp("turnOn"), lamp("setBrightness", parameter=20)))
    await house.tick()
    for _ in range(10):
        house.clock.advance(5)
        await house.push(DOOR, "WoContact", openState="open")
        await house.engine.run_once()
    assert house.cloud.sent == ["turnOn", "setBrightness 20"]
    steps = house.document["traces"][-1]["steps"]
    assert [each["in_force"] for each in steps] == [True, True]
    # It was seen off since: somebody used its switch.
    house.clock.advance(5)
    await house.push(LAMP, "WoBulb", powerState="OFF")
    await house.push(DOOR, "WoContact", openState="open")
    await house.engine.run_once()
    assert house.cloud.sent == ["turnOn", "setBrightness 20", "turnOn"]
    # Nobody knows what a switch on the wall did a while ago.
    house.clock.advance(61)
    await house.push(DOOR, "WoContact", openState="open")
    await house.engine.run_once()
    assert house.cloud.sent[3:] == ["turnOn", "setBrightness 20"]
    # A person is obeyed.
    await house.engine.run_rule("it")
    assert house.cloud.sent[5:] == ["turnOn", "setBrightness 20"]


async def test_two_triggers_of_one_instant_are_one_run(house):
    both = [
        {"trigger": "time", "at": "12:10"},
        {"trigger": "cron", "cron": "10 12 * * *"},
    ]
    house.rules(rule("it", both, lamp("toggle")))
    await house.live(900)
    assert house.cloud.sent == ["toggle"]
    assert sorted(house.outcomes) == ["finished", "too_soon"]


async def test_a_rule_says_how_soon_it_runs_again(house):
    house.rules(rule("it", RINGS, lamp("toggle"), min_interval={"minutes": 5}))
    await house.tick()
    for _ in range(11):
        await house.push(DOOR, "WoContact", openState="open")
        await house.engine.run_once()
        house.clock.advance(60)
    assert len(house.cloud.sent) == 3


@pytest.mark.parametrize(("limit", "steps"), slow_after(1, [(2500, 4), (2500, 8)]))
async def test_the_heating_has_its_calls_whatever_rules_spend(limit, steps):
    house = ruled_house.RuledHouse()
    ledger = QuotaLedger(limit=limit, clock=house.clock)
    whole = house.cloud._answer

    def counted(call):
        ledger.attempt()
        whole(call)

    house.cloud._answer = counted
    house.cloud.quota = ledger
    house.engine = AutomationEngine(house.cloud, house.store, clock=house.clock)
    minutely = {"trigger": "cron", "cron": "* * * * *"}
    greedy = [
        rule(f"greedy{n}", minutely, *[lamp("toggle")] * steps, max_per_hour=3600)
        for n in range(12)
    ]
    house.rules(*greedy, **HEATED)
    await house.live(2 * 3600)
    assert house.cloud.sent.count("toggle") > limit / 8  # they did what they could
    house.cloud.temperature, before = 17.0, len(house.cloud.sent)
    await house.live(1800)
    assert "setAll 23,5,3,on" in house.cloud.sent[before:]
    assert house.store.get("state")["last_temperature"] == 17.0
    assert ledger.remaining > ledger.reserve / 2


@given(
    st.integers(10, 20_000),
    st.floats(0, 1),
    st.floats(0, 0.75),
    st.integers(1, 86400),
    st.integers(1, 60),
)
def test_rules_leave_the_zones_theirs(limit, left, reserved, seconds, meters):
    reserve = int(limit * reserved)
    quota = Quota(limit, int(limit * left), reserve, seconds, meters)
    now, home = ruled_house.MONDAY_NOON, parse_settings(ruled_house.ROOM)
    assert for_rules(quota, home).readable <= quota.readable
    for off in (False, True):
        refused = None
        try:
            check_affordable(quota, home, now, off=off)
        except QuotaExhaustedError as error:
            refused = error
        if refused is None:
            assert quota.remaining > (reserve // 2 if off else reserve)
        else:
            assert refused.resets_at > now
            assert not off or quota.remaining <= reserve


@settings(
    max_examples=drawn(4, many=10),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["on", "off"]),
            st.sampled_from(["webhook", "state"]),
            st.sampled_from(["turnOn", "turnOff", "toggle"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.floats(0.5, 30),
)
def test_no_rules_over_one_lamp_send_without_an_end(parts, lag):
    async def lived():
        house = EchoingHouse(lag)
        house.rules(
            *(
                rule(f"r{n}", lamp_is(word, kind), lamp(command))
                for n, (word, kind, command) in enumerate(parts)
            )
        )
        await house.engine.run_once()
        house.power = "on"
        await house.push(LAMP, "WoBulb", powerState="ON")
        await house.live(6 * 3600)
        return house

    assert len(asyncio.run(lived()).cloud.sent) <= 100


def test_a_damaged_budget_is_read_and_a_clock_set_back_hangs_nothing(rule):
    read, now = rule(triggers=RINGS), ruled_house.MONDAY_NOON
    budget = Budget()
    for damage in (
        {"it": 3},
        {"it": {"done": {"x": 1, "9" * 40: 4, "5": "y"}, "stop": {"until": 3}}},
        {
            "it": {
                "stop": {
                    "since": "2026-01-01T00:00:00Z",
                    "until": "2036-01-01T00:00:00Z",
                }
            }
        },
    ):
        budget.restore(damage)
    assert budget.refuses(read, "webhook", [], now) is None
    budget.began(read, now)
    assert budget.refuses(read, "webhook", [], now) == "too_soon"
    assert budget.refuses(read, "webhook", [], now - timedelta(days=2)) is None
    for _ in range(120):
        budget.spend("it", 120, now)
    assert (
        budget.refuses(read, "webhook", [], now + timedelta(minutes=1)) == "over_budget"
    )
    assert budget.refuses(read, "webhook", [], now - timedelta(days=2)) is None
