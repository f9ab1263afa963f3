"""Reasons in words: every one has some, and instants of another day their date."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.core.state.kept import STATUSES
from switchbot_automation.explain.words import (
    STATUS_WORDS,
    advice_words,
    reason_words,
    sentence,
)
from switchbot_automation.instants import FOR_EVER
from switchbot_automation.languages import FAHRENHEIT, measuring, speaking
from switchbot_automation.model import ReasonCode

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_has_words_without_any_number(code):
    words = reason_words({"code": str(code)}, UTC)
    assert " " in words
    assert words != str(code).replace("_", " ")
    assert "{" not in words


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_can_be_advice(code):
    advice = advice_words(code, "the cause")
    assert advice[0].isupper()
    assert advice.endswith("the cause")


def test_no_trouble_needs_no_advice():
    assert advice_words(None) == ""


def test_every_status_has_a_word():
    assert set(STATUS_WORDS) == set(STATUSES)


@pytest.mark.parametrize(
    ("until", "at", "shown"),
    [
        ("2026-01-12T15:00:00+00:00", NOON, "16:00:00"),
        ("2026-01-12T23:30:00+00:00", NOON, "Tue 2026-01-13 00:30:00"),
        ("2026-02-01T15:00:00+00:00", NOON, "Sun 2026-02-01 16:00:00"),
        ("2026-01-12T15:00:00+00:00", None, "Mon 2026-01-12 16:00:00"),
        (FOR_EVER.isoformat(), NOON, "somebody resumes it"),
    ],
)
def test_an_instant_of_another_day_has_its_date(until, at, shown):
    reason = {"code": "hold_manual", "until": until}
    words = reason_words(reason, ZoneInfo("Europe/Paris"), at)
    assert words == f"a person's command holds until {shown}"


def test_what_failed_is_the_cause():
    reasons = [{"code": "all_rungs_failed", "error": "command: no such device"}]
    assert sentence("bed", "api_error", reasons, UTC, NOON) == (
        "bed: api_error, because it could not be sent: command: no such device."
    )
    assert reason_words({"code": "no_rung_configured", "action": "winter"}, UTC) == (
        "no way to command winter is configured: aircon_device_id, a scene, a webhook "
        "or a button"
    )


def test_a_reason_told_before_is_told_in_the_language_and_unit_of_now():
    reason = {
        "code": "within_band",
        "temperature_celsius": 21.5,
        "low_celsius": 20.0,
        "high_celsius": 22.5,
    }
    english = reason_words(reason, UTC)
    with speaking("de"):
        german = reason_words(reason, UTC)
    with measuring(FAHRENHEIT):
        fahrenheit = reason_words(reason, UTC)
    assert len({english, german, fahrenheit}) == 3
    assert reason_words(dict(reason), UTC) == english


def test_values_that_are_equal_and_written_otherwise_are_told_as_they_are():
    told = [
        reason_words({"code": "of_a_plug_in", "value": value}, UTC)
        for value in (1, 1.0, True, 1)
    ]
    assert told == [f"of a plug in (value {value})" for value in (1, 1.0, True, 1)]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("24.0,5,3,on", "24 °C, heat, fan medium"),
        ("24.5,2,1,ON", "24.5 °C, cool, fan auto"),
        ("20,4,4,off", "off"),
        ("1,2", "1,2"),  # a fan's own words, and whatever else is no `setAll`
        ("24,9,3,on", "24,9,3,on"),
        ("nan,5,3,on", "nan,5,3,on"),
    ],
)
def test_what_a_unit_is_told_is_said_as_people_say_it(asked, words):
    reason = {"code": "wish_changed", "asked": asked, "told": "23,5,1,on"}
    said = reason_words(reason, UTC)
    assert said == f"{words} is wished, and it was told 23 °C, heat, fan auto"
    with speaking("ja"), measuring(FAHRENHEIT):
        assert "73.4 °F、暖房、風量自動" in reason_words(reason, UTC)
