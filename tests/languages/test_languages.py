"""Which language is spoken, and what is said in it."""

from __future__ import annotations

import asyncio
import string
from datetime import UTC, datetime, timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.core.state.kept import STATUSES
from switchbot_automation.explain.words import (
    STATUS_WORDS,
    advice_words,
    duration,
    reason_words,
    sentence,
    word_of,
)
from switchbot_automation.instants import FOR_EVER
from switchbot_automation.languages import (
    AUTO,
    ENGLISH,
    LANGUAGES,
    asked_for,
    chosen,
    of_environment,
    speaking,
    spoken,
    translated,
)
from switchbot_automation.model import Action, CommandStatus, Outcome, Power, ReasonCode

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
OTHERS = [each for each in LANGUAGES if each != ENGLISH]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-CH, en;q=0.9", "de"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8", "ja"),
        ("es, pt;q=0.9, fr;q=0.1", "fr"),
        ("en;q=0.5, FR;q=0.6", "fr"),
        ("es", None),
        ("de;q=0", None),
        ("de;q=many, fr;q=0.2", "fr"),
        ("*", "en"),
        ("", None),
        (";;,,q=", None),
    ],
)
def test_the_best_language_there_is_of_those_that_are_asked_for(accepted, language):
    assert asked_for(accepted) == language


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "es_ES.UTF-8"}, "en"),
        ({"LANG": "fr_FR", "LC_MESSAGES": "ja_JP.UTF-8"}, "ja"),
        ({"LC_MESSAGES": "ja_JP", "LC_ALL": "de_AT.UTF-8"}, "de"),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "de_DE.UTF-8"}, "de"),
        ({"LC_ALL": "de_DE.UTF-8", "SWITCHBOT_LANGUAGE": "FR"}, "fr"),
    ],
)
def test_the_language_of_a_terminal(environ, language):
    assert of_environment(environ) == language


def test_a_setting_goes_before_what_is_asked_for():
    assert chosen("ja", "de") == "ja"
    assert chosen(AUTO, "de") == "de"


async def test_each_task_and_thread_speaks_its_own():
    heard = {}

    async def ask(language):
        with speaking(language):
            await asyncio.sleep(0)
            heard[language] = await asyncio.to_thread(translated, "no window is open")

    await asyncio.gather(*map(ask, LANGUAGES))
    assert len(set(heard.values())) == len(LANGUAGES)
    with speaking("de"):
        thread = Thread(target=lambda: heard.update(thread=spoken()))
        thread.start()
        thread.join()
    assert heard["thread"] == spoken() == ENGLISH


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_and_its_advice_have_words_in_every_language(code, language):
    plain, advised = reason_words({"code": code}, UTC), advice_words(code, "why")
    with speaking(language):
        assert reason_words({"code": code}, UTC) != plain
        told = advice_words(code, "why")
    assert told != advised
    assert told.endswith("why")
    assert "{" not in told


@pytest.mark.parametrize("language", OTHERS)
def test_the_engines_own_words_are_told_in_every_language(language):
    words = [
        *(("outcome", each) for each in Outcome),
        *(("action", each) for each in Action),
        *(("status", each) for each in CommandStatus),
        *(("power", each) for each in Power),
        *(("kept", each) for each in STATUSES),
    ]
    assert [word_of(*each) for each in words] == [each for _kind, each in words]
    with speaking(language):
        for kind, word in words:
            assert word_of(kind, word) != word
        assert word_of("outcome", "of_a_later_version") == "of_a_later_version"
        for each in STATUS_WORDS.values():
            assert translated(each) != each


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "fr",
            (
                "default\u00a0: chauffage allumé\u00a0; raison\u00a0: la plage horaire 06:30-22:00 "
                "est en cours\u00a0; 19,4 °C a atteint 19,5 °C ou moins, le seuil de mise en marche."
            ),
        ),
        (
            "ja",
            (
                "default: 暖房を開始。理由: 時間帯 06:30-22:00 の中です。19.4 °C は"
                "オンのしきい値 19.5 °C 以下です。"
            ),
        ),
        (
            "de",
            (
                "default: Heizung eingeschaltet, denn das Zeitfenster 06:30-22:00 läuft; "
                "19,4 °C liegt bei oder unter 19,5 °C, wo es einschaltet."
            ),
        ),
    ],
)
def test_a_decision_is_one_sentence_in_a_persons_language(language, told):
    reasons = [
        {"code": "in_window", "start": "06:30", "end": "22:00"},
        {
            "code": "temp_below_on_threshold",
            "temperature_celsius": 19.4,
            "limit_celsius": 19.5,
        },
    ]
    with speaking(language):
        assert sentence("default", "winter_on", reasons, UTC, NOON) == told


@pytest.mark.parametrize(
    ("language", "day", "for_ever"),
    [
        ("fr", "mar. 13/01/2026 00:30:00", "jusqu'à la reprise"),
        ("ja", "2026/01/13(火) 00:30:00まで", "誰かが再開するまで"),
        ("de", "bis Di, 13.01.2026 00:30:00", "bis zum Fortsetzen"),
    ],
)
def test_instants_have_the_names_of_days(language, day, for_ever):
    reason = {"code": "hold_manual", "until": "2026-01-12T23:30:00+00:00"}
    always = {"code": "hold_manual", "until": FOR_EVER.isoformat()}
    with speaking(language):
        assert day in reason_words(reason, ZoneInfo("Europe/Paris"), NOON)
        assert for_ever in reason_words(always, UTC, NOON)
        assert duration(timedelta(hours=1, minutes=12).total_seconds()).startswith("1 ")


def test_a_reason_within_a_reason_is_words_too():
    reason = {"code": "meter_doubted", "device_id": "C1", "because": "sensor_frozen"}
    with speaking("de"):
        told = reason_words(reason, UTC)
    assert "sensor_frozen" not in told
    assert told.startswith("das Thermometer C1 bleibt außen vor: das Thermometer sagt")


def test_every_language_names_each_language_by_two_letters():
    assert all(
        len(each) == 2 and set(each) <= set(string.ascii_lowercase)
        for each in LANGUAGES
    )
