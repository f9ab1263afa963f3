"""What may be written in a rule: Home Assistant's shapes, and what is refused by its name."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.rules.definition.clock import next_in_pattern, next_sun
from switchbot_automation.settings.read import check_settings, parse_settings

DOOR = {"device": "Front door", "attribute": "openState"}
STATE = {"trigger": "state", **DOOR}
TELL = {"action": "notify", "message": "x"}
EARLY = {"condition": "time", "before": "08:00"}
OPEN = {"condition": "state", **DOOR, "state": "open"}
PARIS = {"timezone": "Europe/Paris", "latitude": 48.85, "longitude": 2.35}
TROMSOE = {"timezone": "Europe/Oslo", "latitude": 69.65, "longitude": 18.96}


def errors_of(settings=None, **parts):
    rule = {"id": "it", "triggers": STATE, "actions": [TELL]} | parts
    return [
        str(error) for error in check_settings({**(settings or {}), "rules": [rule]})
    ]


def actions(*steps):
    return {"actions": list(steps)}


@pytest.mark.parametrize(
    "parts",
    [
        actions(OPEN, TELL),
        actions({"or": [OPEN, EARLY]}, {"not": OPEN}, {"and": [OPEN]}),
        actions({"if": OPEN, "then": TELL}),
        actions({"if": [OPEN, EARLY], "then": [TELL], "else": [TELL], "alias": "a"}),
        actions({"choose": {"conditions": OPEN, "sequence": TELL}}),
        actions({"choose": [{"conditions": [], "sequence": []}], "default": TELL}),
        actions({"repeat": {"count": 3, "sequence": TELL}}),
        actions({"repeat": {"while": OPEN, "sequence": [TELL]}}),
        actions({"repeat": {"until": [OPEN], "sequence": [TELL]}}),
        actions({"wait_for_trigger": STATE}),
        actions(
            {
                "wait_for_trigger": [STATE],
                "timeout": "00:05:00",
                "continue_on_timeout": False,
            }
        ),
        actions({"stop": "enough"}, {"stop": "wrong", "error": True}),
        actions({"sequence": [TELL, {"delay": {"seconds": 5}}]}, {"delay": "00:01:00"}),
        actions(
            {**TELL, "enabled": False, "alias": "later", "continue_on_error": True}
        ),
        actions({"action": "command", "device": ["a", "b"], "command": "turnOff"}),
        {"triggers": {**STATE, "to": None, "not_from": ["open"]}},
        {"triggers": {**STATE, "from": None, "not_to": "open"}},
        {"triggers": {"trigger": "time_pattern", "minutes": "/5"}},
        {"triggers": {"trigger": "time_pattern", "hours": "/2", "minutes": 30}},
        {"triggers": {"trigger": "time", "at": "07:00", "weekday": ["mon"]}},
        {"triggers": [{**STATE, "id": "a"}, {**STATE, "enabled": False}]},
        {"triggers": {**STATE, "device": ["Front door", "Lamp"]}},
        {"conditions": {"condition": "time", "weekday": ["mon", "fri"]}},
        {"conditions": {**OPEN, "for": {"minutes": 5}}},
        {"conditions": {**OPEN, "device": ["a", "b"], "match": "any"}},
        {
            "triggers": {**STATE, "id": "a"},
            "conditions": {"condition": "trigger", "id": "a"},
        },
        {"mode": "parallel", "max": 3},
        {"settings": PARIS, "triggers": {"trigger": "sun", "event": "sunset"}},
        {
            "settings": PARIS,
            "triggers": {"trigger": "sun", "event": "sunrise", "offset": "-00:45:00"},
            "conditions": {
                "condition": "sun",
                "after": "sunrise",
                "after_offset": {"minutes": -30},
                "before": "sunset",
            },
        },
    ],
)
def test_home_assistants_shapes_are_read(parts):
    assert errors_of(**parts) == []


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (actions({"parallel": [TELL]}), "parallel: is not had here: "),
        (actions({"wait_template": "{{ 1 }}"}), "use wait_for_trigger"),
        (actions({"variables": {"x": 1}}), "variables: is not had here"),
        (actions({"event": "x"}), "event: is not had here: nobody hears"),
        (actions({"service": "light.turn_on"}), "service: is not had here: use action"),
        (actions({"action": "light.turn_on"}), "'light.turn_on' is not had here: use"),
        (
            {"triggers": {"platform": "time", "at": "07:00"}},
            "triggers.platform: is not had here: write `trigger`",
        ),
        (actions({"delay": "{{ 5 }}"}), "delay: is not had here: there are no templ"),
        (
            {"triggers": {**STATE, "to": ["open", "{{ x }}"]}},
            "to: is not had here: there are no templates",
        ),
        (
            {"triggers": {"trigger": "webhook", "webhook_id": "x"}},
            "engine.run_rule starts a rule from outside",
        ),
        (
            actions({"sequence": [TELL], "continue_on_error": True}),
            "continue_on_error: is not had here: write it in each of the actions",
        ),
        (actions({"scene": "scene.film"}), "scene: is not had here: use action scene"),
        (actions({**TELL, "metadata": {}}), "metadata: is not had here: leave it out"),
        (
            actions({**TELL, "message": "{{ states('sensor.t') }} °C"}),
            "there are no templates; a message has $value",
        ),
        (
            actions(
                {
                    "action": "command",
                    "device": "Lamp",
                    "command": "setBrightness",
                    "parameter": "{% if x %}3{% endif %}",
                }
            ),
            "parameter '{% if x %}3{% endif %}': there are no templates",
        ),
        (
            actions({**TELL, "data": {"message": "x"}}),
            "data: is not had here: write its keys in the step itself",
        ),
        (
            actions({"repeat": {"for_each": ["a"], "sequence": [TELL]}}),
            "for_each: is not had here: write the devices or zones as a list",
        ),
        (
            actions({"repeat": {"sequence": [TELL]}}),
            "needs one of count, while and until, to know when it ends",
        ),
        (
            actions({"repeat": {"count": 2, "until": OPEN, "sequence": [TELL]}}),
            "needs one of count, while and until",
        ),
        (
            actions({"repeat": {"count": 5000, "sequence": [TELL]}}),
            "expected a whole number from 1 to 1000",
        ),
        (
            actions(
                {
                    "repeat": {
                        "count": 300,
                        "sequence": {"repeat": {"count": 300, "sequence": TELL}},
                    }
                }
            ),
            "would take 90301 steps, a run takes 5000 at most; lower a count",
        ),
        (actions(*[TELL] * 501), "expected at most 500 steps, got 501"),
        (actions({"repaet": {}}), "did you mean 'repeat'?"),
        (
            actions({"choose": [{"sequence": [TELL]}]}),
            "choose[0].conditions: is missing",
        ),
        (actions({"if": OPEN}), "then: is missing"),
        (
            actions({"if": OPEN, "then": {"if": {}, "then": []}}),
            "condition: is missing",
        ),
        (
            actions({"wait_for_trigger": STATE, "continue_on_timeout": True}),
            "is for a wait with a timeout",
        ),
        (
            actions({"action": "command", "device": ["a", "a"], "command": "turnOff"}),
            "device: names one twice",
        ),
        (
            actions({"action": "command", "device": [], "command": "turnOff"}),
            "device: expected at least one entry",
        ),
        (
            actions(
                {"action": "command", "zone": ["default", "attic"], "command": "off"}
            ),
            "no zone 'attic'",
        ),
        (
            actions(
                {"action": "command", "zone": "default", "command": "set_temperature"}
            ),
            "parameter: expected 10 to 35 °C, got null",
        ),
        (
            actions(
                {
                    "action": "command",
                    "zone": "default",
                    "command": "set_preset_mode",
                    "parameter": "eco",
                }
            ),
            "zone default has no preset 'eco'; it has none",
        ),
        ({"triggers": {**STATE, "to": "a", "not_to": "b"}}, "says it twice, beside to"),
        (
            {"triggers": {**STATE, "entity_id": "x"}},
            "name a `device` or a `zone` instead",
        ),
        ({"triggers": {"trigger": "template"}}, "'template' is not had here"),
        ({"triggers": {"trigger": "homeassistant"}}, "outlive a restart without it"),
        ({"triggers": {"trigger": "event"}}, "is the trigger webhook"),
        (
            {"triggers": {"trigger": "time", "at": "sunset"}},
            "the trigger and the condition",
        ),
        (
            {"triggers": {"trigger": "time_pattern", "seconds": "/10"}},
            "is more often than once a minute",
        ),
        (
            {"triggers": {"trigger": "time_pattern", "minutes": "/0"}},
            "'/5' for every fifth",
        ),
        ({"triggers": {"trigger": "time_pattern"}}, "needs hours, minutes or seconds"),
        (
            {"triggers": {"trigger": "sun", "event": "sunset"}},
            "rules[0]: the sun needs latitude and longitude",
        ),
        (
            actions({"if": {"condition": "sun", "after": "sunset"}, "then": TELL}),
            "rules[0]: the sun needs latitude and longitude",
        ),
        ({"conditions": {"condition": "template"}}, "'template' is not had here"),
        (
            {"triggers": {"trigger": "light.turned_on"}},
            "'light.turned_on' is not had here: use state",
        ),
        (
            {"conditions": {"condition": "climate.is_heating"}},
            "'climate.is_heating' is not had here: use state",
        ),
        (
            {"conditions": {"condition": "sun.is_set"}},
            "'sun.is_set' is not had here: use sun with after: sunset",
        ),
        ({"conditions": ["{{ true }}"]}, "there are no templates"),
        (
            {
                "conditions": {"condition": "trigger", "id": "b"},
                "triggers": [{**STATE, "id": "a"}],
            },
            "no trigger has the id 'b'; did you mean 'a'?",
        ),
        (
            {
                "conditions": {
                    "condition": "numeric_state",
                    "zone": "default",
                    "above": 1,
                    "for": "00:05",
                }
            },
            "use a trigger numeric_state with `for`",
        ),
        ({"variables": {}}, "variables: is not had here"),
        ({"max_exceeded": "silent"}, "max_exceeded: is not had here"),
        ({"max": 3}, "is for mode 'queued' or 'parallel'"),
    ],
)
def test_what_is_not_had_is_refused_by_its_name_with_the_way_round(parts, said):
    (error,) = errors_of(**parts)
    assert said in error


def test_the_sun_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("switchbot_automation.settings.checks.available", lambda: False)
    (error,) = errors_of(PARIS, triggers={"trigger": "sun", "event": "sunset"})
    assert "install switchbot-automation[sun]" in error


def test_a_list_is_one_trigger_and_one_step_a_device(rule):
    read = rule(
        triggers={**STATE, "device": ["Front door", "Back door"], "to": "open"},
        actions=[
            {"action": "command", "device": ["Lamp", "Plug"], "command": "turnOff"}
        ],
    )
    assert [each.subject.device for each in read.triggers] == [
        "Front door",
        "Back door",
    ]
    assert [step.action.device for step in read.steps] == ["Lamp", "Plug"]
    assert [step.more for step in read.steps] == [True, False]


def test_what_is_switched_off_is_checked_and_left_out(rule):
    steps = [TELL, {**TELL, "enabled": False}, {"stop": "x", "enabled": False}]
    read = rule(
        triggers=[STATE, {**STATE, "enabled": False}],
        conditions=[{**OPEN, "enabled": False}],
        actions=steps,
    )
    assert (len(read.triggers), read.conditions, len(read.steps)) == (1, (), 1)
    (error,) = errors_of(**actions({"action": "notify", "enabled": False}))
    assert "message: is missing" in error


# --- triggers and conditions ---------------------------------------------------------


def looks(trigger, home, values):
    """Return what a state trigger fires for, value after value."""
    memory, fired = {}, []
    at = datetime(2026, 1, 12, tzinfo=UTC)
    for value in values:
        seen = home(devices={"Front door": {"openState": value}})
        look = trigger.look(memory, seen, at)
        memory = look.memory
        if look.fired:
            fired.append((look.fired["from"], look.fired["to"]))
        at += timedelta(minutes=1)
    return fired


@pytest.mark.parametrize(
    ("parts", "fires"),
    [
        (
            {},
            [
                ("close", "open"),
                ("open", "timeOutNotClose"),
                ("timeOutNotClose", "close"),
            ],
        ),
        (
            {"to": None},
            [
                ("close", "open"),
                ("open", "timeOutNotClose"),
                ("timeOutNotClose", "close"),
            ],
        ),
        (
            {"not_from": ["close"]},
            [("open", "timeOutNotClose"), ("timeOutNotClose", "close")],
        ),
        ({"not_to": ["OPEN", "close"]}, [("open", "timeOutNotClose")]),
        ({"not_from": "open", "to": "close"}, [("timeOutNotClose", "close")]),
    ],
)
def test_a_change_may_be_said_by_what_it_is_not(rule, home, parts, fires):
    (trigger,) = rule(triggers={**STATE, **parts}).triggers
    values = ["close", "open", None, "open", "timeOutNotClose", "close"]
    assert looks(trigger, home, values) == fires


def instants(hours, minutes, second, tz, start, count):
    at, found = start, []
    for _ in range(count):
        at = next_in_pattern(hours, minutes, second, at, ZoneInfo(tz))
        found.append(at.astimezone(ZoneInfo(tz)).strftime("%d %H:%M:%S%z"))
    return found


def test_a_pattern_goes_on_through_an_hour_that_is_read_twice():
    start = datetime(2026, 10, 25, 0, 20, tzinfo=UTC)
    assert instants(None, frozenset({0, 30}), 0, "Europe/Paris", start, 4) == [
        "25 02:30:00+0200",
        "25 02:00:00+0100",
        "25 02:30:00+0100",
        "25 03:00:00+0100",
    ]


def test_a_named_hour_comes_once_a_day_also_where_the_clock_leaps():
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = instants(frozenset({2}), frozenset({30}), 5, "Europe/Paris", start, 2)
    assert found == ["25 02:30:05+0200", "26 02:30:05+0100"]
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert instants(frozenset({2}), frozenset({30}), 0, "Europe/Paris", spring, 2) == [
        "29 03:00:00+0200",
        "30 02:30:00+0200",
    ]


def at_sun(event, offset, place, after):
    where = (place["latitude"], place["longitude"])
    return next_sun(event, offset, where, after, ZoneInfo(place["timezone"]))


def test_the_sun_sets_later_by_the_offset_and_each_day_once():
    noon = datetime(2026, 6, 21, 12, tzinfo=UTC)
    sunset = at_sun("sunset", timedelta(0), PARIS, noon)
    assert (
        sunset.astimezone(ZoneInfo("Europe/Paris")).strftime("%d %H:%M") == "21 21:57"
    )
    later = at_sun("sunset", timedelta(hours=3), PARIS, noon)
    assert later == sunset + timedelta(hours=3)
    assert at_sun("sunset", timedelta(hours=3), PARIS, later).day == later.day + 1


def test_where_the_sun_stays_up_no_sunset_is_made_up(rule, home):
    summer = datetime(2026, 6, 10, 12, tzinfo=UTC)
    assert at_sun("sunset", timedelta(0), TROMSOE, summer) is None
    document = {
        "id": "it",
        "triggers": {"trigger": "sun", "event": "sunset"},
        "actions": [TELL],
    }
    (trigger,) = parse_settings({**TROMSOE, "rules": [document]}).rules[0].triggers
    here = home(tz="Europe/Oslo", settings=TROMSOE)
    memory, at = {}, datetime(2026, 7, 20, 12, tzinfo=UTC)
    fired = []
    while at.month < 8:
        look = trigger.look(memory, here, at)
        memory = look.memory
        if look.fired:
            fired.append(at)
        assert look.due_at > at
        at = look.due_at
    # The first sunset after the midnight sun is in the night to 28 July there.
    assert fired
    assert fired[0].day in {26, 27, 28}


def test_a_sunset_that_was_missed_by_long_is_not_made_up_for(home):
    document = {
        "id": "it",
        "triggers": {"trigger": "sun", "event": "sunset"},
        "actions": [TELL],
    }
    (trigger,) = parse_settings({**PARIS, "rules": [document]}).rules[0].triggers
    here = home(tz="Europe/Paris", settings=PARIS)
    first = trigger.look({}, here, datetime(2026, 6, 21, 12, tzinfo=UTC))
    assert trigger.look(first.memory, here, first.due_at).fired["event"] == "sunset"
    late = first.due_at + timedelta(hours=1)
    assert trigger.look(first.memory, here, late).fired is None


@pytest.mark.parametrize(
    ("hour", "parts", "holds"),
    [
        (12, {"after": "sunrise", "before": "sunset"}, True),
        (23, {"after": "sunrise", "before": "sunset"}, False),
        (23, {"after": "sunset"}, True),
        (21, {"after": "sunset"}, False),
        (21, {"after": "sunset", "after_offset": "-01:00:00"}, True),
        (2, {"before": "sunrise"}, True),
        (2, {"after": "sunset"}, False),
        # Both: the night, on either side of midnight, as Home Assistant has it.
        (2, {"after": "sunset", "before": "sunrise"}, True),
        (12, {"after": "sunset", "before": "sunrise"}, False),
        (23, {"after": "sunset", "before": "sunrise"}, True),
        (21, {"after": "sunset", "before": "sunrise"}, False),
        (
            21,
            {"after": "sunset", "after_offset": "-01:00:00", "before": "sunrise"},
            True,
        ),
        (
            6,
            {"after": "sunset", "before": "sunrise", "before_offset": "01:00:00"},
            True,
        ),
    ],
)
def test_the_sun_as_a_condition_is_that_of_the_day(home, hour, parts, holds):
    condition = {"condition": "sun", **parts}
    rule = {"id": "it", "triggers": STATE, "conditions": condition, "actions": [TELL]}
    (read,) = parse_settings({**PARIS, "rules": [rule]}).rules[0].conditions
    here = home(tz="Europe/Paris", settings=PARIS)
    now = datetime(2026, 6, 21, hour, tzinfo=ZoneInfo("Europe/Paris"))
    assert read.holds(here, now) is holds


@pytest.mark.parametrize(("month", "holds"), [(6, False), (12, True)])
def test_the_night_of_the_far_north_lasts_for_months_or_is_none(home, month, holds):
    night = {"condition": "sun", "after": "sunset", "before": "sunrise"}
    rule = {"id": "it", "triggers": STATE, "conditions": night, "actions": [TELL]}
    (read,) = parse_settings({**TROMSOE, "rules": [rule]}).rules[0].conditions
    here = home(tz="Europe/Oslo", settings=TROMSOE)
    start = datetime(2026, month, 15, tzinfo=ZoneInfo("Europe/Oslo"))
    for hour in range(24):
        assert read.holds(here, start + timedelta(hours=hour)) is holds
