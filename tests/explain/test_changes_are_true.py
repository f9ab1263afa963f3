"""What is told of a change is so: for every value that the sentence names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from switchbot_automation.core.overlay import overlaid
from switchbot_automation.core.state.zone import supposed
from switchbot_automation.explain.counterfactual import ZERO_APART, Counterfactual
from switchbot_automation.explain.trace import rejudged
from switchbot_automation.explain.words import change_words
from switchbot_automation.languages import LANGUAGES, speaking
from switchbot_automation.model import Outcome
from switchbot_automation.settings.spec import Kind
from switchbot_automation.settings.table import settings_table

# Of these 0 is the least of its own scale: no wait, no hold.
_NATURAL_ZERO = {"command_cooldown_seconds", "manual_hold_seconds"}
_SPECS = {spec.name: spec for spec in settings_table()}


def test_no_zero_that_is_a_word_is_taken_for_the_least_amount():
    words_of_zero = {
        spec.key
        for spec in settings_table()
        if spec.per_zone
        and not spec.section
        and spec.kind in (Kind.WHOLE, Kind.NUMBER)
        and spec.bounds is not None
        and spec.bounds[0] == 0
        and re.search(r"\b0 means\b", spec.meaning)
    }
    assert words_of_zero - _NATURAL_ZERO == ZERO_APART


def _claimed(change, low, high):
    """Return values that a sentence names: its first, its last and some between."""
    first, last = change.becomes, change.last
    if last is None:
        last = high if first > change.value else low
    whole = isinstance(change.becomes, int)
    values = [first + (last - first) * part / 7 for part in range(8)]
    return [round(each) if whole else round(each, 1) for each in values]


def _told(trace, change, value):
    """Judge anew, with one setting or the meter's number changed."""
    snapshot, at = trace.snapshot, trace.at
    zone, settings = trace.zone_settings, trace.settings
    if change.kind == "setting":
        *section, key = change.name.split(".")
        changed = {key: value}
        if section:
            profile = getattr(zone, section[0])
            changed = {section[0]: replace(profile, **changed)}
        zones = {**settings.zones, zone.name: replace(zone, **changed)}
        settings = replace(settings, zones=zones)
        states = snapshot.zones
        settings = overlaid(settings, lambda name: states[name].state, at)
    else:
        seen = replace(
            trace.seen,
            reading=trace.seen.reading._replace(temperature=value),
            state=supposed(trace.seen.state, last_temperature=value),
        )
        snapshot = replace(snapshot, zones={**snapshot.zones, trace.zone: seen})
    decision, verdict = rejudged(trace.zone, snapshot, settings, at)
    if not verdict.allowed:
        return None, None
    return decision.action, decision.setpoint if change.setpoint is not None else None


@pytest.mark.parametrize(
    ("settings", "ticks"),
    [
        ({}, [(19.0, 0)]),
        ({}, [(21.0, 0)]),
        ({}, [(19.0, 0), (22.4, 600), (19.0, 60)]),
        ({"min_off_seconds": 600}, [(19.0, 0), (22.4, 600), (19.0, 120)]),
        ({"control": "auto"}, [(18.0, 0)]),
        ({"max_starts_per_hour": 1}, [(19.0, 0), (22.4, 600), (19.0, 600)]),
        (
            {
                "mode": "auto",
                "summer": {"min_temp": 24, "max_temp": 26, "target_temp": 24},
            },
            [(19.0, 0), (22.4, 600)],
        ),
    ],
    ids=["cold", "fine", "resting", "long-rest", "steered", "capped", "two-seasons"],
)
async def test_every_value_that_a_change_names_makes_the_difference(
    room, settings, ticks
):
    room.configure(**settings)
    for temperature, seconds in ticks:
        await room.tick(temperature, after=seconds)
    answer = await room.engine.explain()
    trace = room.engine._explainer._runs.latest("default").trace
    looked = 0
    for change in answer.changes:
        told = change_words(change)
        if change.name == "temperature":
            bounds = (-10.0, 50.0)
        elif change.kind == "setting" and not isinstance(change.value, bool | str):
            bounds = _SPECS[change.name].bounds
            key = change.name.rpartition(".")[2]
            assert not (key in ZERO_APART and change.value == 0), told
        else:
            continue
        for value in _claimed(change, *bounds):
            wanted = (change.action, change.setpoint)
            assert _told(trace, change, value) == wanted, (told, value)
        looked += 1
    assert looked


async def test_a_wait_that_another_setting_says_is_changed_by_that_one(room):
    await room.tick(19.0)
    await room.tick(22.4, after=600)
    await room.tick(19.0, after=60)
    told = [change_words(each) for each in (await room.engine.explain()).changes]
    assert not [each for each in told if "min_off_seconds" in each]
    assert [
        each for each in told if "command_cooldown_seconds were 60 s or less" in each
    ]


async def test_no_zero_is_told_with_a_sign(room):
    room.configure(hysteresis_celsius=0.3)
    await room.tick(19.0)
    # At the upper end of the band, where no hysteresis at all would turn it off.
    highest = room.store.get("settings")["winter"]["max_temp"]
    await room.tick(highest, after=600)
    answer = await room.engine.explain()
    told = [change_words(each) for each in answer.changes]
    assert [each for each in told if "hysteresis_celsius were 0 K" in each], told


async def test_the_same_with_another_setpoint_says_so_and_comes_last(room):
    room.configure(control="auto")
    await room.tick(18.0)
    answer = await room.engine.explain()
    assert answer.outcome == "winter_on"
    same = [each.action == "winter" for each in answer.changes]
    assert same == sorted(same)
    assert any(same)
    for each in answer.changes:
        told = change_words(each)
        assert (" would have been sent with " in told) is (each.action == "winter")


async def test_a_code_is_no_amount(room):
    # 2 would cool in winter, which is refused; of the others none is "or less".
    await room.tick(19.0)
    told = [change_words(each) for each in (await room.engine.explain()).changes]
    assert not [each for each in told if re.search(r"(ac_mode|fan_speed).* or ", each)]


def _change(name, unit, value, becomes, last=None):
    outcome, steps = Outcome.WINTER_ON, 1.0
    kind = "setting" if name.endswith("_kelvin") else "input"
    return Counterfactual(kind, name, value, becomes, unit, outcome, None, steps, last)


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        (
            _change("humidity", "%", 48, 55),
            "the humidity had been 55 % or more, not 48 %",
        ),
        (
            _change("co2", "ppm", 900, 1010),
            "the air had held 1010 ppm CO2 or more, not 900 ppm",
        ),
        (
            _change("outdoor", "°C", 3.0, -2.0),
            "it had been -2 °C or less outdoors, not 3 °C",
        ),
        (
            _change("temperature", "°C", 19.0, 19.8, 26.2),
            "the meter had shown 19.8 °C to 26.2 °C, not 19 °C",
        ),
        (
            _change("temperature", "°C", 22.0, 19.6, 5.1),
            "the meter had shown 5.1 °C to 19.6 °C, not 22 °C",
        ),
        (
            _change("resting_seconds", "s", 60, 180),
            "the compressor had rested 3 min or more, not 1 min",
        ),
        (
            _change("sensor_slew_kelvin", "K", 10.0, 12.0, 12.0),
            "sensor_slew_kelvin were 12 K, not 10 K",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Counterfactual) else "",
)
def test_each_kind_of_change_has_words_of_its_own(change, condition):
    assert change_words(change).endswith(f"if {condition}")
    told = set()
    for language in LANGUAGES:
        with speaking(language):
            told.add(change_words(change))
    assert len(told) == len(LANGUAGES)
