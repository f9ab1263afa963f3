"""Days of rules as people of Home Assistant write them: what is done, and at which minute.

What each should do was taken from Home Assistant's documentation of its words.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.cases import slow_after

METER, DOOR, LOCK = "C271111EC0AB", "D00000000001", "10C000000003"
MONDAY = "2026-01-12"

ON = {"action": "command", "device": "Lamp", "command": "turnOn"}
OFF = {"action": "command", "device": "Lamp", "command": "turnOff"}
OPEN = {
    "trigger": "state",
    "device": "Front door",
    "attribute": "openState",
    "to": "open",
}
SHUT = {**OPEN, "to": "close"}
HOT = {"trigger": "numeric_state", "zone": "default", "above": 25}
IS_OPEN = {
    "condition": "state",
    "device": "Front door",
    "attribute": "openState",
    "state": "open",
}
PARIS = {"timezone": "Europe/Paris", "latitude": 48.85, "longitude": 2.35}


def told(word):
    return {"action": "notify", "message": word}


def at(word, *, days=None):
    return {"trigger": "time", "at": word, **({"days": days} if days else {})}


def door(**changes):
    """Say what becomes of the door: ``door(h13_05="open")``."""
    return {key: ("door", word) for key, word in changes.items()}


def warmth(**changes):
    return {key: ("warmth", value) for key, value in changes.items()}


ROWS = {
    # --- the clock
    "every morning": (
        {"triggers": at("07:00"), "actions": told("up")},
        {},
        ["Tue 07:00 up", "Wed 07:00 up"],
    ),
    "several times": (
        {"triggers": at(["07:00", "22:30:15"]), "actions": told("x")},
        {},
        ["Mon 22:30 x", "Tue 07:00 x", "Tue 22:30 x", "Wed 07:00 x"],
    ),
    "on a weekday by the trigger": (
        {"triggers": at("07:00", days=["wed"]), "actions": told("x")},
        {},
        ["Wed 07:00 x"],
    ),
    "on a weekday by the condition": (
        {
            "triggers": at("07:00"),
            "conditions": {"condition": "time", "weekday": ["tue", "thu"]},
            "actions": told("x"),
        },
        {},
        ["Tue 07:00 x"],
    ),
    "every second hour": (
        {"triggers": {"trigger": "time_pattern", "hours": "/6"}, "actions": told("x")},
        {},
        [
            "Mon 18:00 x",
            "Tue 00:00 x",
            "Tue 06:00 x",
            "Tue 12:00 x",
            "Tue 18:00 x",
            "Wed 00:00 x",
            "Wed 06:00 x",
            "Wed 12:00 x",
        ],
    ),
    "a minute of every hour, by night": (
        {
            "triggers": {"trigger": "time_pattern", "minutes": 15},
            "conditions": {"condition": "time", "after": "22:00", "before": "01:00"},
            "actions": told("x"),
        },
        {},
        [
            "Mon 22:15 x",
            "Mon 23:15 x",
            "Tue 00:15 x",
            "Tue 22:15 x",
            "Tue 23:15 x",
            "Wed 00:15 x",
        ],
    ),
    "hours in a pattern, minutes 0 by themselves": (
        {"triggers": {"trigger": "time_pattern", "hours": 6}, "actions": told("x")},
        {},
        ["Tue 06:00 x", "Wed 06:00 x"],
    ),
    "cron": (
        {"triggers": {"trigger": "cron", "cron": "30 6 * * 2"}, "actions": told("x")},
        {},
        ["Tue 06:30 x"],
    ),
    # --- the sun of Paris in January: up at 08:40, down at 17:17
    "sunset": (
        {
            "settings": PARIS,
            "triggers": {"trigger": "sun", "event": "sunset"},
            "actions": told("x"),
        },
        {},
        ["Mon 17:17 x", "Tue 17:18 x"],
    ),
    "an hour before sunset": (
        {
            "settings": PARIS,
            "triggers": {"trigger": "sun", "event": "sunset", "offset": "-01:00:00"},
            "actions": told("x"),
        },
        {},
        ["Mon 16:17 x", "Tue 16:18 x"],
    ),
    "at night alone, both sides of midnight": (
        {
            "settings": PARIS,
            "triggers": {"trigger": "time_pattern", "hours": "/4", "minutes": 0},
            "conditions": {
                "condition": "sun",
                "after": "sunset",
                "before": "sunrise",
            },
            "actions": told("x"),
        },
        {},
        [
            "Mon 20:00 x",
            "Tue 00:00 x",
            "Tue 04:00 x",
            "Tue 08:00 x",
            "Tue 20:00 x",
            "Wed 00:00 x",
            "Wed 04:00 x",
            "Wed 08:00 x",
        ],
    ),
    "after sunset alone ends at midnight": (
        {
            "settings": PARIS,
            "triggers": {"trigger": "time_pattern", "hours": "/4", "minutes": 0},
            "conditions": {"condition": "sun", "after": "sunset"},
            "actions": told("x"),
        },
        {},
        ["Mon 20:00 x", "Tue 20:00 x"],
    ),
    "by day": (
        {
            "settings": PARIS,
            "triggers": {"trigger": "time_pattern", "hours": "/4", "minutes": 0},
            "conditions": {"condition": "sun", "after": "sunrise", "before": "sunset"},
            "actions": told("x"),
        },
        {},
        ["Mon 16:00 x", "Tue 12:00 x", "Tue 16:00 x", "Wed 12:00 x"],
    ),
    # --- states
    "a door that opens": (
        {"triggers": OPEN, "actions": told("x")},
        door(h13_05="open", h13_07="close", h20_00="open"),
        ["Mon 13:05 x", "Mon 20:00 x"],
    ),
    "any change": (
        {"triggers": {**OPEN, "to": None}, "actions": told("$value")},
        door(h13_05="open", h13_07="open", h13_09="close"),
        ["Mon 13:05 open", "Mon 13:09 close"],
    ),
    "left open": (
        {"triggers": {**OPEN, "for": "00:10:00"}, "actions": told("x")},
        door(h13_05="open", h13_09="close", h14_00="open"),
        ["Mon 14:10 x"],
    ),
    "not from": (
        {
            "triggers": {
                "trigger": "state",
                "device": "Front door",
                "attribute": "openState",
                "to": "close",
                "not_from": "timeOutNotClose",
            },
            "actions": told("x"),
        },
        door(h13_00="open", h13_01="timeOutNotClose", h13_02="close", h13_03="open")
        | door(h13_04="close"),
        ["Mon 13:04 x"],
    ),
    "from alone, for": (
        {
            "triggers": {
                "trigger": "state",
                "device": "Front door",
                "attribute": "openState",
                "from": "close",
                "for": {"minutes": 10},
            },
            "actions": told("x"),
        },
        door(h13_00="open", h13_05="timeOutNotClose", h15_00="close"),
        ["Mon 13:10 x"],
    ),
    "a list of values": (
        {"triggers": {**OPEN, "to": ["open", "timeOutNotClose"]}, "actions": told("x")},
        door(h13_00="open", h13_05="timeOutNotClose", h13_06="close"),
        ["Mon 13:00 x", "Mon 13:05 x"],
    ),
    "an event": (
        {
            "triggers": {
                "trigger": "webhook",
                "device": "Front door",
                "values": {"openState": "open"},
            },
            "actions": told("x"),
        },
        door(h13_00="open", h13_01="open", h13_02="close"),
        ["Mon 13:00 x", "Mon 13:01 x"],
    ),
    # --- numbers
    "hot": (
        {"triggers": HOT, "actions": told("x")},
        warmth(h13_00=26, h13_10=27, h14_00=24, h15_00=25, h16_00=25.5),
        ["Mon 13:00 x", "Mon 16:00 x"],
    ),
    "cold for a while": (
        {
            "triggers": {
                "trigger": "numeric_state",
                "device": "Meter",
                "attribute": "temperature",
                "below": 15,
                "for": {"minutes": 20},
            },
            "actions": told("x"),
        },
        warmth(h13_00=14, h13_10=16, h14_00=14),
        ["Mon 14:20 x"],
    ),
    "between": (
        {"triggers": {**HOT, "above": 18, "below": 20}, "actions": told("x")},
        warmth(h13_00=19, h13_10=17, h13_20=18, h13_30=19, h13_40=21, h13_50=19),
        ["Mon 13:00 x", "Mon 13:30 x", "Mon 13:50 x"],
    ),
    "between, not from inside": (
        {"triggers": {**HOT, "above": 20, "below": 22}, "actions": told("x")},
        warmth(h13_00=21.5, h14_00=22, h15_00=21.9),
        ["Mon 15:00 x"],
    ),
    # --- conditions
    "or": (
        {
            "triggers": OPEN,
            "conditions": {
                "or": [
                    {"condition": "time", "after": "20:00"},
                    {"condition": "numeric_state", "zone": "default", "above": 25},
                ]
            },
            "actions": told("x"),
        },
        door(h13_00="open", h13_10="close", h15_00="open", h15_01="close")
        | warmth(h14_00=26, h16_00=21)
        | door(h21_00="open"),
        ["Mon 15:00 x", "Mon 21:00 x"],
    ),
    "not is none of them": (
        {
            "triggers": OPEN,
            "conditions": {
                "not": [
                    {"condition": "time", "after": "20:00"},
                    {"condition": "numeric_state", "zone": "default", "above": 25},
                ]
            },
            "actions": told("x"),
        },
        door(h13_00="open", h13_10="close", h15_00="open", h15_01="close")
        | warmth(h14_00=26, h16_00=21)
        | door(h21_00="open"),
        ["Mon 13:00 x"],
    ),
    "a condition for": (
        {
            "triggers": {"trigger": "time_pattern", "minutes": "/10"},
            "conditions": [
                {**IS_OPEN, "for": {"minutes": 25}},
                {"condition": "time", "before": "14:00", "after": "12:00"},
            ],
            "actions": told("x"),
        },
        door(h13_02="open", h13_45="close"),
        ["Mon 13:30 x", "Mon 13:40 x"],
    ),
    "time after alone is until midnight": (
        {
            "triggers": {"trigger": "time_pattern", "hours": "/3"},
            "conditions": {"condition": "time", "after": "18:00"},
            "actions": told("x"),
        },
        {},
        ["Mon 18:00 x", "Mon 21:00 x", "Tue 18:00 x", "Tue 21:00 x"],
    ),
    "the weekday past midnight is the new day's": (
        {
            "triggers": {"trigger": "time_pattern", "hours": "/3"},
            "conditions": {
                "condition": "time",
                "after": "21:00",
                "before": "04:00",
                "weekday": "mon",
            },
            "actions": told("x"),
        },
        {},
        ["Mon 21:00 x"],
    ),
    # --- modes
    "single": (
        {"triggers": OPEN, "actions": [told("a"), {"delay": "00:10:00"}, told("b")]},
        door(h13_00="open", h13_02="close", h13_05="open", h13_06="close"),
        ["Mon 13:00 a", "Mon 13:10 b"],
    ),
    "restart": (
        {
            "triggers": OPEN,
            "actions": [told("a"), {"delay": "00:10:00"}, told("b")],
            "mode": "restart",
        },
        door(h13_00="open", h13_02="close", h13_05="open", h13_06="close"),
        ["Mon 13:00 a", "Mon 13:05 a", "Mon 13:15 b"],
    ),
    "queued": (
        {
            "triggers": OPEN,
            "actions": [told("a"), {"delay": "00:10:00"}, told("b")],
            "mode": "queued",
        },
        door(h13_00="open", h13_02="close", h13_05="open", h13_06="close"),
        ["Mon 13:00 a", "Mon 13:10 b", "Mon 13:10 a", "Mon 13:20 b"],
    ),
    "queued, at most": (
        {
            "triggers": OPEN,
            "actions": [told("a"), {"delay": "00:10:00"}],
            "mode": "queued",
            "max": 2,
        },
        door(h13_00="open", h13_01="close", h13_02="open", h13_03="close")
        | door(h13_04="open", h13_05="close"),
        ["Mon 13:00 a", "Mon 13:10 a"],
    ),
    "parallel": (
        {
            "triggers": OPEN,
            "actions": [told("a"), {"delay": "00:10:00"}, told("b")],
            "mode": "parallel",
        },
        door(h13_00="open", h13_02="close", h13_05="open", h13_06="close"),
        ["Mon 13:00 a", "Mon 13:05 a", "Mon 13:10 b", "Mon 13:15 b"],
    ),
    "parallel, at most": (
        {
            "triggers": OPEN,
            "actions": [told("a"), {"delay": "00:10:00"}],
            "mode": "parallel",
            "max": 2,
        },
        door(h13_00="open", h13_01="close", h13_02="open", h13_03="close")
        | door(h13_04="open", h13_05="close", h13_11="open"),
        ["Mon 13:00 a", "Mon 13:02 a", "Mon 13:11 a"],
    ),
    "a restart needs the conditions": (
        {
            "triggers": OPEN,
            "conditions": {"condition": "time", "before": "13:01"},
            "actions": [told("a"), {"delay": "00:10:00"}, told("b")],
            "mode": "restart",
        },
        door(h13_00="open", h13_02="close", h13_05="open"),
        ["Mon 13:00 a", "Mon 13:10 b"],
    ),
    # --- steps
    "a lamp in the hall": (
        {
            "triggers": OPEN,
            "actions": [
                ON,
                {
                    "wait_for_trigger": {**SHUT, "for": {"minutes": 2}},
                    "timeout": {"hours": 1},
                },
                OFF,
            ],
            "mode": "restart",
        },
        door(h13_00="open", h13_01="close", h13_02="open", h13_30="close"),
        ["Mon 13:00 turnOn", "Mon 13:02 turnOn", "Mon 13:32 turnOff"],
    ),
    "a wait that times out goes on": (
        {
            "triggers": OPEN,
            "actions": [
                {"wait_for_trigger": SHUT, "timeout": "00:20:00"},
                told("late"),
            ],
        },
        door(h13_00="open", h14_00="close"),
        ["Mon 13:20 late"],
    ),
    "a wait that times out ends": (
        {
            "triggers": OPEN,
            "actions": [
                {
                    "wait_for_trigger": SHUT,
                    "timeout": "00:20:00",
                    "continue_on_timeout": False,
                },
                told("shut"),
            ],
        },
        door(h13_00="open", h14_00="close", h15_00="open", h15_10="close"),
        ["Mon 15:10 shut"],
    ),
    "a wait for one of two": (
        {
            "triggers": OPEN,
            "actions": [
                {"wait_for_trigger": [SHUT, at("13:30")]},
                told("x"),
            ],
        },
        door(h13_00="open", h13_10="close", h13_20="open"),
        ["Mon 13:10 x", "Mon 13:30 x"],
    ),
    "a wait for what is so already waits for it to become so": (
        {
            "triggers": at("13:00"),
            "actions": [
                {"wait_for_trigger": OPEN, "timeout": {"minutes": 30}},
                told("x"),
            ],
        },
        door(h12_30="open", h13_10="close", h13_15="open"),
        ["Mon 13:15 x", "Tue 13:30 x"],
    ),
    "if and else": (
        {
            "triggers": at(["13:00", "15:00"]),
            "actions": {"if": IS_OPEN, "then": told("open"), "else": told("shut")},
        },
        door(h14_00="open", h16_00="close"),
        ["Mon 13:00 shut", "Mon 15:00 open", "Tue 13:00 shut", "Tue 15:00 shut"],
    ),
    "choose by the trigger's id": (
        {
            "triggers": [{**OPEN, "id": "in"}, {**SHUT, "id": "out"}],
            "actions": {
                "choose": [
                    {
                        "conditions": {"condition": "trigger", "id": "in"},
                        "sequence": ON,
                    },
                    {
                        "conditions": {"condition": "trigger", "id": "out"},
                        "sequence": OFF,
                    },
                ]
            },
        },
        door(h13_00="open", h13_10="close"),
        ["Mon 13:00 turnOn", "Mon 13:10 turnOff"],
    ),
    "choose takes the default": (
        {
            "triggers": OPEN,
            "actions": {
                "choose": {
                    "conditions": {"condition": "time", "after": "20:00"},
                    "sequence": told("late"),
                },
                "default": told("early"),
            },
        },
        door(h13_00="open", h13_10="close", h21_00="open"),
        ["Mon 13:00 early", "Mon 21:00 late"],
    ),
    "repeat so often": (
        {
            "triggers": OPEN,
            "actions": {
                "repeat": {
                    "count": 3,
                    "sequence": [told("x"), {"delay": {"minutes": 5}}],
                }
            },
        },
        door(h13_00="open"),
        ["Mon 13:00 x", "Mon 13:05 x", "Mon 13:10 x"],
    ),
    "nag while open": (
        {
            "triggers": OPEN,
            "actions": {
                "repeat": {
                    "while": IS_OPEN,
                    "sequence": [told("x"), {"delay": {"minutes": 5}}],
                }
            },
        },
        door(h13_00="open", h13_12="close"),
        ["Mon 13:00 x", "Mon 13:05 x", "Mon 13:10 x"],
    ),
    "repeat until": (
        {
            "triggers": SHUT,
            "actions": {
                "repeat": {
                    "until": IS_OPEN,
                    "sequence": [told("x"), {"delay": {"minutes": 5}}],
                }
            },
        },
        door(h13_00="open", h13_01="close", h13_08="open"),
        ["Mon 13:01 x", "Mon 13:06 x"],
    ),
    "a condition on the way": (
        {
            "triggers": OPEN,
            "actions": [{"delay": "00:05:00"}, IS_OPEN, told("still")],
        },
        door(h13_00="open", h13_03="close", h14_00="open"),
        ["Mon 14:05 still"],
    ),
    "stop": (
        {
            "triggers": OPEN,
            "actions": [
                {
                    "if": {"condition": "time", "before": "14:00"},
                    "then": {"stop": "no"},
                },
                told("x"),
            ],
        },
        door(h13_00="open", h13_03="close", h14_00="open"),
        ["Mon 14:00 x"],
    ),
    "a sequence": (
        {
            "triggers": OPEN,
            "actions": {"sequence": [told("a"), {"delay": "00:01"}, told("b")]},
        },
        door(h13_00="open"),
        ["Mon 13:00 a", "Mon 13:01 b"],
    ),
    "what is switched off": (
        {
            "triggers": [OPEN, {**SHUT, "enabled": False}],
            "conditions": [
                {"condition": "time", "after": "23:00", "enabled": False},
            ],
            "actions": [{**told("a"), "enabled": False}, told("b")],
        },
        door(h13_00="open", h13_05="close"),
        ["Mon 13:00 b"],
    ),
}


async def lived(house, rule, script, days):
    """Live so many days with a rule; return what it did, to the minute."""
    rule = dict(rule)
    settings = rule.pop("settings", {})
    house.rules({"id": "it", **rule}, **settings, poll_interval_seconds=600)
    clock = ZoneInfo(settings.get("timezone", "UTC"))
    done = []

    def note(word):
        stamp = house.clock.now().astimezone(clock).strftime("%a %H:%M")
        done.append(f"{stamp} {word}")

    sent = house.cloud.command

    async def command(device_id, command, *rest):
        if device_id == "1A0000000002":
            note(command)
        return await sent(device_id, command, *rest)

    async def notify(message, *, title=None):
        note(message)

    house.cloud.command = command
    house.told.notify = notify
    await house.tick()
    start = house.clock.now()
    changes = []
    for key, change in script.items():
        hour, minute = key.lstrip("h").split("_")
        when = datetime.fromisoformat(f"{MONDAY}T{hour}:{minute}:05")
        changes.append((when.replace(tzinfo=clock), change))
    for when, (what, value) in sorted(changes, key=lambda each: each[0]):
        await house.live((when - house.clock.now()).total_seconds())
        if what == "door":
            house.cloud.door = value
            await house.push(DOOR, "WoContact", openState=value)
        else:
            house.cloud.temperature = value
            await house.push(
                METER, "WoMeter", temperature=value, humidity=50, scale="CELSIUS"
            )
        await house.live(0)
    end = start + timedelta(days=days, hours=0.5)
    await house.live((end - house.clock.now()).total_seconds())
    return done


EVERY_RUN = (
    "at night alone, both sides of midnight",
    "not from",
    "from alone, for",
    "between, not from inside",
    "not is none of them",
    "a condition for",
    "a restart needs the conditions",
    "parallel, at most",
    "queued",
    "a lamp in the hall",
    "a wait for what is so already waits for it to become so",
    "a wait for one of two",
    "choose by the trigger's id",
    "repeat until",
)


@pytest.mark.parametrize(
    "name", slow_after(len(EVERY_RUN), sorted(ROWS, key=lambda it: it not in EVERY_RUN))
)
async def test_a_rule_of_others_does_what_it_does_there(house, name):
    rule, script, wanted = ROWS[name]
    # To noon; what is of one day alone needs no second one.
    days = 2 if any(not each.startswith("Mon") for each in wanted) else 0.5
    assert await lived(house, rule, script, days) == wanted
