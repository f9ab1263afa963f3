"""What errors say: English to programs, and to a person in the language that is spoken."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import orjson
import pytest

from switchbot_automation.errors import SettingsError, UnknownZoneError
from switchbot_automation.languages import LANGUAGES, error_words, speaking, worded
from switchbot_automation.settings import check_settings, parse_settings
from switchbot_store import StoreConfig, StoreConfigError
from switchbot_store.languages import Worded, joined, reworded
from switchbot_store.languages import worded as of_the_store

OTHERS = [each for each in LANGUAGES if each != "en"]


def _wrong_settings():
    with pytest.raises(SettingsError) as caught:
        parse_settings({"winter": {"min_temp": "warm"}, "poll_interval_seconds": 0.5})
    return caught.value


def _wrong_environment():
    with pytest.raises(StoreConfigError) as caught:
        StoreConfig.from_env({"STORE_BACKEND": "postgrs"})
    return caught.value


def _wrong_together(document):
    """Return what several keys that lie apart are refused for."""

    def made():
        (error,) = check_settings({"timezone": "Europe/Berlin", **document})
        return error

    return made


CURVED = {"presets": {"eco": {"winter": {"ac_mode": 2}}}}
HEATER = {"kind": "heater", "device_id": "B0E9FE000002"}
TOGETHER = [
    CURVED,
    {"winter": {"ac_mode": 2}},
    {"preset": "ecco", "presets": {"eco": {}}},
    {"equipment": [HEATER, HEATER]},
    {"humidity": {"min_percent": 50, "max_percent": 51}},
    {"command_quiet_hours": {"start": "22:00", "end": "22:00"}},
    {"trigger_mode": "scene", "cascade": ["command"]},
]


ERRORS = [
    *map(_wrong_together, TOGETHER),
    _wrong_settings,
    _wrong_environment,
    lambda: UnknownZoneError("attic", ["a"]),
]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("make", ERRORS)
def test_an_error_is_told_in_the_language_and_stays_english_for_programs(
    make, language, caplog
):
    plain = str(make())
    with speaking(language):
        error = make()
        assert str(error) == plain
        assert orjson.dumps(f"{error}") == orjson.dumps(plain)
        told = error_words(error)
        logging.getLogger("switchbot_store").warning("it failed: %s", error)
    assert told != plain
    assert "{" not in told
    assert caplog.messages == [f"it failed: {plain}"]
    assert error_words(error) == plain


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]
)
@pytest.mark.parametrize("make", ERRORS)
def test_words_travel_between_processes(make, again):
    error = make()
    with speaking("de"):
        assert error_words(again(error)) == error_words(error)
    assert str(again(error)) == str(error)


def test_what_is_said_within_is_translated_too():
    inner = StoreConfigError(of_the_store("{number} rows", number=1200))
    outer = worded("{path}: no JSON: {error}", path="a", error=inner)
    assert outer == "a: no JSON: 1200 rows"
    with speaking("de"):
        assert error_words(outer) == "a: kein JSON: 1200 Zeilen"
    assert isinstance(outer + "!", Worded)
    assert joined(", ", ["b", inner.args[0]]) == "b, 1200 rows"
    with speaking("de"):
        assert error_words(joined(", ", ["b", inner.args[0]])) == "b, 1200 Zeilen"
    assert reworded(ValueError("plain")) == "plain"


def test_numbers_have_the_marks_of_the_language_and_texts_stay():
    words = of_the_store(
        "{name} stands at {stands_at:,}, {share:.0%} of the way to {end:,}",
        name="a.b",
        stands_at=1234567,
        share=0.5,
        end=2_000_000,
    )
    with speaking("de"):
        assert "a.b steht bei 1.234.567" in error_words(words)


def test_nothing_but_texts_and_numbers_is_kept_of_values():
    class Secretive:
        def __str__(self):
            return "***"

    words = worded("{name} is empty", name=Secretive())
    assert json.dumps(words) == '"*** is empty"'
    assert Secretive.__name__ not in repr(pickle.dumps(words))
