"""Rules of a settings document: what is read, and what is said of a mistake."""

import sys

import pytest

from switchbot_automation.rules.definition import triggers
from switchbot_automation.rules.definition.model import RunMode
from switchbot_automation.settings.read import check_settings, parse_settings

NOTIFY = {"action": "notify", "message": "hello"}
HOT = {"trigger": "numeric_state", "zone": "default", "above": 28}


def errors_of(**parts):
    rule = {"id": "it", "triggers": [HOT], "actions": [NOTIFY]} | parts
    kept = {key: value for key, value in rule.items() if value is not None}
    return [str(error) for error in check_settings({"rules": [kept]})]


def test_every_kind_of_part_is_read(rule):
    device = {"device": "Front door", "attribute": "openState"}
    read = rule(
        triggers=[
            {"trigger": "state", **device, "to": ["open", "timeOutNotClose"]},
            {"trigger": "numeric_state", "zone": "default", "above": 25, "below": 30},
            {"trigger": "time", "at": ["07:30", "19:00:30"], "days": ["mon", 6]},
            {"trigger": "cron", "cron": "*/15 8-18 * * 1-5"},
            {"trigger": "window", "zone": "default", "event": "start"},
            {"trigger": "webhook", "device": "Bell", "values": {"ringEvent": True}},
        ],
        conditions=[
            {
                "condition": "or",
                "conditions": [
                    {"condition": "state", "zone": "default", "state": "on"},
                    {
                        "condition": "not",
                        "conditions": {"condition": "time", "after": "22:00"},
                    },
                ],
            },
            {
                "condition": "and",
                "conditions": [{"condition": "window", "zone": "default"}],
            },
            {"condition": "numeric_state", **device, "below": 3},
        ],
        actions=[
            {
                "action": "command",
                "zone": "default",
                "command": "off",
                "hold": {"hours": 2},
            },
            {
                "action": "command",
                "device": "Lamp",
                "command": "setBrightness",
                "parameter": 5,
            },
            {"action": "scene", "scene": "Good night"},
            {"action": "webhook", "url": "https://example.org/SECRETPATH"},
            {"action": "hold", "zone": "default", "for": "until_next_change"},
            {"action": "delay", "for": "00:05:00"},
            NOTIFY,
        ],
        mode="queued",
        max=3,
    )
    assert read.mode is RunMode.QUEUED
    assert [step.kind for step in read.steps] == [
        "command",
        "command",
        "scene",
        "webhook",
        "hold",
        "delay",
        "notify",
    ]
    assert read.trigger_kinds[3] == "cron"
    assert {subject.device for subject in read.subjects} == {"Front door", ""}
    assert "SECRETPATH" not in repr(read)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"trigers": []}, "rules[0].trigers: unknown; did you mean 'triggers'?"),
        ({"id": "a b"}, "rules[0].id: expected an id"),
        ({"triggers": None}, "rules[0].triggers: is missing"),
        ({"triggers": []}, "rules[0].triggers: expected at least one entry"),
        ({"triggers": [{**HOT, "trigger": "stat"}]}, "did you mean 'state'?"),
        (
            {"triggers": [{"at": "07:00"}]},
            "rules[0].triggers[0].trigger: is missing",
        ),
        ({"triggers": [{**HOT, "abov": 3}]}, "abov: unknown; did you mean 'above'?"),
        (
            {"triggers": [{**HOT, "for": 5}]},
            'for: expected a duration as {"minutes": 5}',
        ),
        (
            {"triggers": [{**HOT, "for": {"minute": 5}}]},
            "for.minute: no such unit; did you mean 'minutes'?",
        ),
        ({"triggers": [{**HOT, "below": 20}]}, "no number is above 28 and below 20"),
        ({"triggers": [{**HOT, "device": "x"}]}, "needs either zone or device"),
        (
            {"triggers": [{**HOT, "attribute": "temp"}]},
            "triggers[0].attribute: a zone has temperature",
        ),
        (
            {"triggers": [{"trigger": "state", "device": "Door"}]},
            "triggers[0].attribute: is missing",
        ),
        (
            {"triggers": [{"trigger": "time", "at": "25:00"}]},
            "expected a time as '07:30'",
        ),
        (
            {"triggers": [{"trigger": "cron", "cron": "*/5 * * *"}]},
            "is no cron expression (wrong number of fields); expected minute hour",
        ),
        ({"triggers": [{**HOT, "zone": "defualt"}]}, "did you mean 'default'?"),
        (
            {"conditions": {"condition": "not", "conditions": {"condition": "tme"}}},
            "conditions[0].conditions.condition: no condition 'tme'; did you mean 'time'?",
        ),
        ({"actions": [{"action": "notfy"}]}, "actions[0].action: no action 'notfy'"),
        (
            {"actions": [{"action": "command", "zone": "default", "command": "of"}]},
            "summer, set_preset_mode, set_temperature, skip_next_window, quiet_fan; did you mean 'off'?",
        ),
        (
            {
                "actions": [
                    {
                        "action": "command",
                        "zone": "default",
                        "command": "skip_next_window",
                        "hold": "permanent",
                    }
                ]
            },
            "hold: ends with the window",
        ),
        (
            {"actions": [{"action": "webhook", "url": "http://10.0.0.1/KEYKEY"}]},
            "is not https",
        ),
        ({"mode": "quued"}, "mode: expected one of single, restart, queued"),
        ({"max": 3}, "max: is for mode 'queued'"),
        ({"actions": [{"action": "delay", "for": "00:00"}]}, "longer than nothing"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_fix(parts, said):
    (error,) = errors_of(**parts)
    assert said in error
    assert "KEYKEY" not in error


def test_every_mistake_is_named_at_once():
    found = errors_of(
        id="a b", triggers=[{**HOT, "above": "x"}, {"trigger": "time"}], mode="x"
    )
    assert len(found) == 4


def test_two_rules_of_one_id_are_refused():
    rule = {"id": "it", "triggers": [HOT], "actions": [NOTIFY]}
    (error,) = check_settings({"rules": [rule, rule]})
    assert error.path == "rules[1].id"


@pytest.mark.parametrize(
    ("levels", "words"),
    [(60, "is nested too deeply"), (5000, "more than 100 levels in one another")],
)
def test_rules_nested_beyond_reason_are_refused_and_not_followed(levels, words):
    condition = {"condition": "time", "after": "08:00"}
    for _ in range(levels):
        condition = {"condition": "not", "conditions": condition}
    assert words in errors_of(conditions=condition)[0]


def test_a_cron_trigger_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cronsim", None)
    (error,) = errors_of(triggers=[{"trigger": "cron", "cron": "1 2 3 4 5"}])
    assert "install switchbot-automation[rules]" in error


def test_a_home_without_rules_loads_nothing_of_them():
    assert parse_settings({}).rules == ()
    assert parse_settings({"rules": []}).rules == ()


def test_an_edited_rule_is_told_from_the_one_before(rule):
    first, again = rule(triggers=[HOT]), rule(triggers=[HOT])
    edited = rule(triggers=[{**HOT, "above": 29}])
    assert first.fingerprint == again.fingerprint != edited.fingerprint


def test_a_duration_may_be_written_as_in_home_assistant(rule):
    written = [{"hours": 1, "minutes": 30}, "01:30:00", "1:30", {"minutes": 90}]
    # As its editor writes every one.
    written.append({"hours": 1, "minutes": 29, "seconds": 59, "milliseconds": 1000})
    read = rule(triggers=[{**HOT, "for": each} for each in written])
    assert {each.lasting.total_seconds() for each in read.triggers} == {5400.0}
    assert isinstance(read.triggers[0], triggers.NumericTrigger)
