"""A rule that can never come true, or never be sent, is refused where it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.catalog.catalog import device_types
from switchbot_automation.cloud.catalog.words import same
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Device, DeviceList, Remote
from switchbot_automation.rules.definition.catalogue import never_true
from switchbot_automation.rules.running.account_check import account_problems
from switchbot_automation.settings.read import check_settings, parse_settings

TELL = {"action": "scene", "scene": "Winter"}


def state(device, attribute, *to, **more):
    trigger = {"trigger": "state", "device": device, "attribute": attribute, **more}
    return {**trigger, "to": list(to)} if to else trigger


def number(device, attribute, **more):
    return {
        "trigger": "numeric_state",
        "device": device,
        "attribute": attribute,
        **more,
    }


def rule(trigger, *actions, **parts):
    return {
        "id": "it",
        "triggers": trigger,
        "actions": list(actions or [TELL]),
        **parts,
    }


def wrong(trigger, *actions, **parts):
    """What is said of a rule by the catalogue alone."""
    found = check_settings({"rules": [rule(trigger, *actions, **parts)]})
    return [str(each) for each in found]


def listed(*devices):
    return DeviceList(
        tuple(
            Device(name.upper(), name, kind, None, cloud_service=True)
            for name, kind in devices
        ),
        (Remote("02-202601011200-11", "AC", "Air Conditioner", None),),
    )


HOME = listed(
    ("Room", "Meter"),
    ("Lock", "Smart Lock"),
    ("Hub", "Hub Mini2"),
    ("Hall", "Presence Sensor"),
    ("Plug", "Plug Mini (US)"),
    ("New", "Toaster 3000"),
    ("Relay", "Relay Switch 1PM"),
)


def lacking(trigger, *actions, **parts):
    """What is said of a rule by the account."""
    rules = parse_settings({"rules": [rule(trigger, *actions, **parts)]}).rules
    return [problem for _, problem in account_problems(rules, HOME)]


# --- by the catalogue alone -------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (state("M", "temprature"), "did you mean 'temperature'?"),
        (number("M", "humidty", below=40), "did you mean 'humidity'?"),
        (state("L", "lockState", "lokced"), "is never 'lokced'; did you mean 'lock'?"),
        (state("P", "power", "onn"), "did you mean 'on'?"),
        (state("D", "openState", "open", "ajar"), "is never 'ajar'"),
        (state("R", "switchStatus", "on"), "switchStatus of R is never 'on'"),
        (state("D", "moveDetected", "yes"), "is never 'yes'"),
        (number("M", "humidity", above=100), "goes from 0 to 100, never there"),
        (number("M", "humidity", below=0), "never there"),
        (number("M", "humidity", below=101), "always there"),
        (
            {"trigger": "numeric_state", "zone": "default", "attribute": "humidity"}
            | {"above": 120},
            "never there",
        ),
        (number("D", "openState", above=1), "is no number but a word"),
        (state("M", "temperature", "warm"), "it is a number"),
        ({"trigger": "state", "zone": "default", "to": "heating"}, "power of default"),
        (
            {"trigger": "numeric_state", "zone": "default", "attribute": "power"}
            | {"above": 1},
            "use state",
        ),
        (
            {"trigger": "webhook", "device": "B", "values": {"detectionStat": "x"}},
            "did you mean 'detectionState'?",
        ),
        (
            {"trigger": "webhook", "device": "B", "values": {"openState": "opne"}},
            "did you mean 'open'?",
        ),
    ],
)
def test_what_can_never_come_true_is_refused_with_the_nearest(trigger, said):
    (message,) = wrong(trigger)
    assert said in message
    assert message.startswith("rules[0]: it: ")


def test_it_is_looked_for_in_conditions_blocks_and_waits_too():
    typo = {"condition": "state", "device": "M", "attribute": "temprature", "state": 1}
    time = {"trigger": "time", "at": "07:00"}
    inside = [
        {"if": {"not": [{"or": [typo]}]}, "then": [TELL]},
        {"repeat": {"until": typo, "sequence": [{"delay": "00:05:00"}]}},
        {"wait_for_trigger": state("M", "temprature")},
    ]
    assert len(wrong(time, conditions=typo)) == 1
    for step in inside:
        assert "temprature" in wrong(time, step)[0]


def test_a_command_that_no_product_takes_is_refused_with_the_nearest():
    command = {"action": "command", "device": "M", "command": "turnOnn"}
    assert (
        "did you mean 'turnOn'?"
        in wrong({"trigger": "time", "at": "07:00"}, command)[0]
    )
    learned = command | {"command_type": "customize", "command": "Turbo"}
    assert wrong({"trigger": "time", "at": "07:00"}, learned) == []


def test_what_is_stored_already_goes_on_and_is_named(house):
    document = {"rules": [rule(state("M", "temprature"))]}
    assert [each.id for each in parse_settings(document).rules] == ["it"]


@pytest.mark.parametrize(
    "part",
    [
        state("M", "oxygen", 21, unchecked=True),
        number("M", "oxygen", above=20, unchecked=True),
        {"trigger": "webhook", "device": "M", "values": {"o": 1}, "unchecked": True},
    ],
)
def test_unchecked_parts_are_taken_at_their_word(part):
    assert wrong(part) == []
    assert wrong({**part, "unchecked": False})
    assert lacking({**part, "device": "Room"}) == []
    assert "no device 'M'" in lacking(part)[0]


def test_unchecked_conditions_and_commands_are_taken_at_their_word():
    asks = {"condition": "state", "device": "New", "attribute": "o", "state": 1}
    below = {
        "condition": "numeric_state",
        "device": "New",
        "attribute": "o",
        "above": 1,
    }
    toast = {"action": "command", "device": "New", "command": "toast"}
    time = {"trigger": "time", "at": "07:00"}
    for part in (asks, below):
        assert wrong(time, conditions=part)
        assert wrong(time, conditions={**part, "unchecked": True}) == []
    assert wrong(time, toast)
    assert wrong(time, {**toast, "unchecked": True}) == []
    assert lacking(time, toast)
    assert lacking(time, {**toast, "unchecked": True}) == []


# --- by the account ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (
            state("Room", "detected", "on"),
            "Room tells no 'detected'; it tells temperature",
        ),
        (
            number("Hub", "temperature", above=25),
            "Hub tells no 'temperature'; it tells version; Room could tell",
        ),
        (state("Room", "lockState", "lock"), "Lock could tell"),
        (state("Plug", "switchStatus", 1), "Relay could tell"),
        (number("Relay", "lightLevel", above=3), "Hall could tell"),
        (state("Nobody", "power", "on"), "the account has no device 'Nobody'"),
        (state("Rooom", "temperature"), "did you mean 'Room'?"),
    ],
)
def test_what_a_device_of_the_account_never_tells_is_refused(trigger, said):
    problems = lacking(trigger)
    assert any(said in each for each in problems), problems


@pytest.mark.parametrize(
    "trigger",
    [
        state("Lock", "lockState", "locked"),
        state("Lock", "lockState", "LOCKED"),
        state("Lock", "lockState", "unlocked"),
        state("Lock", "doorState", "opened"),
        state("Hall", "detected", "on"),
        state("Hall", "Detected", "DETECTED"),
        state("Hall", "detectionState", "detected"),
        state("Room", "Temperature", 21),
        state("Relay", "switchStatus", 1),
        state("New", "whatever", "ready"),
        number("New", "whatever", above=3),
        number("Plug", "weight", above=100),
    ],
)
def test_what_may_come_true_is_taken_however_it_is_spelled(trigger):
    assert lacking(trigger) == []


FIELDS = [
    (product, field)
    for product in device_types()
    if not product.infrared
    for field in (*product.status, *product.webhook_fields)
    if field.name not in {"deviceMac", "deviceId", "timeOfSample"} and field.values
]


@given(st.sampled_from(FIELDS), st.data())
def test_no_word_of_the_catalogue_is_refused_in_any_spelling(chosen, data):
    product, field = chosen
    word = data.draw(st.sampled_from(field.values))
    if isinstance(word, str):
        word = data.draw(
            st.sampled_from([word, word.upper(), word.lower(), f" {word}"])
        )
    name = data.draw(st.sampled_from([field.name, field.name.upper()]))
    parsed = parse_settings({"rules": [rule(state("it", name, word))]}).rules[0]
    assert list(never_true(parsed)) == []
    assert list(never_true(parsed, lambda _name: (product,))) == []


@given(st.sampled_from(FIELDS), st.text("abcdefxyz", min_size=5, max_size=9))
def test_no_word_beside_the_catalogue_is_taken(chosen, word):
    product, field = chosen
    fields = [
        each
        for each in (*product.status, *product.webhook_fields)
        if each.name.casefold() == field.name.casefold()
    ]
    open_ended = any(each.type == "string" and not each.values for each in fields)
    if open_ended or any(same(word, v) for each in fields for v in each.values):
        return
    parsed = parse_settings({"rules": [rule(state("it", field.name, word))]}).rules[0]
    assert list(never_true(parsed, lambda _name: (product,)))


def test_no_two_values_of_a_field_mean_the_same():
    for product in device_types():
        for field in (*product.status, *product.webhook_fields):
            for index, value in enumerate(field.values):
                assert not any(same(value, other) for other in field.values[:index])


# --- in the engine ---------------------------------------------------------------------------


async def test_an_edit_is_refused_for_what_is_new_and_not_for_what_was_there(house):
    old = rule(state("Front door", "openStat"))
    house.rules(old)
    await house.tick()
    stored = house.store.get("settings")
    await house.engine.apply_settings({**stored, "hysteresis_celsius": 0.4})
    new = {**rule(state("Front door", "openStt")), "id": "new"}
    with pytest.raises(SettingsError, match="openState"):
        await house.engine.apply_settings({**stored, "rules": [new, old]})
    assert [each["id"] for each in house.store.get("settings")["rules"]] == ["it"]


async def test_health_names_what_a_stored_rule_waits_for_in_vain(house):
    house.rules(rule(state("Front door", "temperature", 1)))
    await house.tick()
    problems = (await house.engine.health())["rules"]["problems"]
    assert any("tells no 'temperature'" in each for each in problems), problems
    assert any("Meter could tell" in each for each in problems)


async def test_a_command_newer_than_the_catalogue_goes_out_unchecked(house):
    toast = {"action": "command", "device": "Lamp", "command": "toast", "parameter": 3}
    hot = {"trigger": "numeric_state", "zone": "default", "above": 25}
    house.rules(rule(hot, {**toast, "unchecked": True}))
    await house.tick()
    house.cloud.temperature = 26.5
    await house.tick(after=60)
    assert house.cloud.sent == ["toast 3"]
