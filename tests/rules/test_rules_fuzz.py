"""Whatever stands under `rules` is either read or refused in words; what is read ticks."""

import asyncio
import importlib.util
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.settings.read import check_settings, parse_settings
from tests.cases import drawn

_SPEC = importlib.util.spec_from_file_location(
    "ruled_house_to_fuzz", Path(__file__).with_name("conftest.py")
)
ruled_house = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ruled_house)

WORDS = st.sampled_from(
    [
        "id",
        "triggers",
        "trigger",
        "conditions",
        "condition",
        "actions",
        "action",
        "zone",
        "default",
        "device",
        "attribute",
        "above",
        "below",
        "for",
        "state",
        "from",
        "to",
        "numeric_state",
        "time",
        "cron",
        "window",
        "webhook",
        "event",
        "start",
        "and",
        "or",
        "not",
        "delay",
        "command",
        "notify",
        "message",
        "hold",
        "scene",
        "url",
        "mode",
        "single",
        "queued",
        "max",
        "at",
        "days",
        "mon",
        "on",
        "off",
        "Lamp",
        "07:30",
        "00:05:00",
        "minutes",
        "temperature",
        "power",
        "toggle",
        "values",
        "if",
        "then",
        "else",
        "choose",
        "sequence",
        "default",
        "repeat",
        "count",
        "while",
        "until",
        "wait_for_trigger",
        "timeout",
        "stop",
        "sun",
        "sunset",
        "offset",
        "time_pattern",
        "/5",
        "not_from",
        "not_to",
        "weekday",
        "match",
        "alias",
        "parallel",
        "set_temperature",
        "parameter",
    ]
)
SCALARS = st.one_of(
    WORDS,
    st.none(),
    st.booleans(),
    st.integers(-5, 99),
    st.floats(),
    st.text(max_size=5),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(max_examples=drawn(50, many=150), deadline=None)
@given(
    st.one_of(
        ANYTHING, st.lists(st.dictionaries(WORDS, ANYTHING, max_size=6), max_size=3)
    )
)
def test_rubbish_is_refused_in_words(rules):
    for error in check_settings({"rules": rules}):
        assert str(error).startswith(error.path)
        assert error.path.startswith("rules")


ZONE = st.fixed_dictionaries(
    {"zone": st.just("default")},
    optional={
        "attribute": st.sampled_from(["temperature", "humidity", "power", "outcome"])
    },
)
DEVICE = st.fixed_dictionaries(
    {
        "device": st.sampled_from(["Lamp", "front door", "AC", "nobody"]),
        "attribute": st.sampled_from(["openState", "power", "moveDetected", "battery"]),
    }
)
SUBJECT = st.one_of(ZONE, DEVICE)
FOR = st.fixed_dictionaries({}, optional={"for": st.just({"minutes": 3})})
VALUE = st.sampled_from(["open", "close", True, 21, 26.5, "winter", "off"])


def of(kind, **fixed):
    return st.fixed_dictionaries({kind[0]: st.just(kind[1]), **fixed})


def merged(*parts):
    return st.tuples(*parts).map(
        lambda each: {k: v for part in each for k, v in part.items()}
    )


TRIGGER = st.one_of(
    merged(
        of(("trigger", "state")),
        SUBJECT,
        FOR,
        st.one_of(
            st.just({}),
            st.fixed_dictionaries({"to": VALUE}),
            st.fixed_dictionaries({"not_from": VALUE}),
        ),
    ),
    of(("trigger", "time_pattern"), minutes=st.sampled_from(["/4", 7, "*"])),
    of(("trigger", "sun"), event=st.sampled_from(["sunrise", "sunset"])),
    merged(of(("trigger", "numeric_state"), above=st.integers(18, 27)), SUBJECT, FOR),
    of(("trigger", "time"), at=st.sampled_from(["12:03", "12:10", "23:59"])),
    of(("trigger", "cron"), cron=st.sampled_from(["*/4 * * * *", "5 12 * * *"])),
    of(
        ("trigger", "window"),
        zone=st.just("default"),
        event=st.sampled_from(["start", "end"]),
    ),
    of(("trigger", "webhook"), device=st.sampled_from(["Lamp", "front door"])),
)
LEAF = st.one_of(
    merged(of(("condition", "state"), state=VALUE), SUBJECT, FOR),
    of(("condition", "sun"), after=st.just("sunrise")),
    merged(of(("condition", "numeric_state"), below=st.integers(18, 27)), SUBJECT),
    of(("condition", "time"), after=st.just("12:05")),
    of(("condition", "window"), zone=st.just("default")),
)
CONDITION = st.recursive(
    LEAF,
    lambda inner: st.fixed_dictionaries(
        {
            "condition": st.sampled_from(["and", "or", "not"]),
            "conditions": st.lists(inner, min_size=1, max_size=3),
        }
    ),
    max_leaves=4,
)
ACTION = st.one_of(
    of(
        ("action", "command"),
        zone=st.just("default"),
        command=st.sampled_from(["on", "off", "fan"]),
    ),
    of(
        ("action", "command"),
        device=st.sampled_from(["Lamp", "AC", "x"]),
        command=st.sampled_from(["toggle", "turnOn", "fly"]),
    ),
    of(("action", "scene"), scene=st.sampled_from(["Good night", "T02-1", "x"])),
    st.just({"action": "delay", "for": {"minutes": 2}}),
    of(
        ("action", "hold"),
        zone=st.just("default"),
        **{"for": st.sampled_from(["permanent", "none"])},
    ),
    st.just({"action": "notify", "message": "$value ${x"}),
)
STEP = st.recursive(
    st.one_of(
        ACTION,
        CONDITION,
        st.just({"delay": {"minutes": 1}}),
        st.just({"stop": "x"}),
        st.builds(
            lambda trigger, timeout: {"wait_for_trigger": trigger, **timeout},
            TRIGGER,
            st.sampled_from([{}, {"timeout": {"minutes": 3}}]),
        ),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda c, a, b: {"if": c, "then": a, "else": b}, CONDITION, inner, inner
        ),
        st.builds(
            lambda c, a, b: {
                "choose": {"conditions": c, "sequence": a},
                "default": b,
            },
            CONDITION,
            inner,
            inner,
        ),
        st.builds(
            lambda key, c, each: {"repeat": {key: c, "sequence": each}},
            st.sampled_from(["while", "until"]),
            CONDITION,
            inner,
        ),
        st.builds(lambda each: {"repeat": {"count": 9, "sequence": each}}, inner),
    ),
    max_leaves=5,
)
RULE = st.fixed_dictionaries(
    {
        "triggers": st.lists(TRIGGER, min_size=1, max_size=3),
        "conditions": st.lists(CONDITION, max_size=2),
        "actions": st.lists(STEP, min_size=1, max_size=4),
        "mode": st.sampled_from(["single", "restart", "queued", "parallel"]),
        "dry_run": st.booleans(),
    }
)
WORLD = st.lists(
    st.tuples(
        st.sampled_from([21, 26, None, float("nan"), "hot"]),
        st.sampled_from(["open", "close", None]),
        st.booleans(),
    ),
    min_size=3,
    max_size=8,
)


async def live(rules, world):
    house = ruled_house.RuledHouse()
    place = {"latitude": 48.85, "longitude": 2.35}
    house.rules(*({"id": f"r{n}", **rule} for n, rule in enumerate(rules)), **place)
    for temperature, door, push in world:
        house.cloud.temperature, house.cloud.door = temperature, door
        if push:
            await house.push(ruled_house.DOOR, "WoContact", openState=door)
            if temperature is None:
                house.restarted()
        await house.live(150)
    return house


@settings(
    max_examples=drawn(7, many=20),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(RULE, min_size=1, max_size=3), WORLD)
def test_any_rules_tick_through_any_values(rules, world):
    house = asyncio.run(live(rules, world))
    settings_now = parse_settings(house.store.get("settings"))
    known = {rule.id for rule in settings_now.rules}
    assert {trace["rule"] for trace in house.document.get("traces", [])} <= known
    assert "broken" not in house.outcomes
    assert house.engine.next_wakeup > house.clock.now()
    # What a rule turned on it may turn off beyond what it may do, once: there are so few.
    assert len(house.cloud.sent) <= 120 * len(known) + 3
    assert all(len(trace["steps"]) <= 50 for trace in house.document.get("traces", []))
    # What is remembered is read back as it was written.
    from switchbot_automation.rules.running.memory import Memory  # noqa: PLC0415 - beside its use

    memory = Memory.from_document(house.document)
    assert Memory.from_document(memory.to_document()) == memory
