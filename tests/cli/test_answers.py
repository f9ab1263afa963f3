"""What people type at the questions of `init` is read as they meant it, or asked again."""

from datetime import time

import click
import pytest

from switchbot_automation.cli import answers
from switchbot_automation.cli.answers import Band
from switchbot_automation.languages import CELSIUS, FAHRENHEIT, speaking


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("20-22", Band(20, 22)),
        (" 20,5 – 22.5 ", Band(20.5, 22.5)),  # noqa: RUF001 - as people type it
        ("20 bis 22 °C", Band(20, 22)),
        ("20 à 22 degrés", Band(20, 22)),
        ("２０〜２２度", Band(20, 22)),  # noqa: RUF001 - as people type it
        ("20..22", Band(20, 22)),
        ("68-72", Band(68, 72, FAHRENHEIT)),
        ("68F to 72F", Band(68, 72, FAHRENHEIT)),
        ("68 - 72 °F", Band(68, 72, FAHRENHEIT)),
    ],
)
def test_a_band_is_read_in_the_degrees_that_can_be_meant(typed, meant):
    assert answers.band(typed) == meant


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("warm", "20-22"),
        ("22-20", "lowest"),
        ("20-20", "lowest"),
        ("5-9", "10 and 35"),
        ("40-45", "50 and 95"),
        ("20-72", "10 and 35"),
        ("20-22F", "50 and 95"),
        ("68-72C", "10 and 35"),
        ("20C-72F", "50 and 95"),
    ],
)
def test_a_band_that_no_room_can_be_kept_in_is_asked_again(typed, words):
    with pytest.raises(click.BadParameter, match=words):
        answers.band(typed)


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ("06:30-23:00", time(6, 30), time(23)),
        ("6-23", time(6), time(23)),
        ("6.30 bis 23 Uhr", time(6, 30), time(23)),
        ("6h30 à 23h", time(6, 30), time(23)),
        ("6時30分から23時", time(6, 30), time(23)),
        ("6：30～23：00", time(6, 30), time(23)),  # noqa: RUF001 - as people type it
        ("7am-10:30pm", time(7), time(22, 30)),
        ("12 a.m. to 12 p.m.", time(0), time(12)),
        ("0-24", time(0), time(0)),
        ("22:00-06:00", time(22), time(6)),
    ],
)
def test_hours_are_read_by_the_clock_of_24_or_of_12(typed, start, end):
    assert answers.hours(typed) == (start, end)


@pytest.mark.parametrize("typed", ["", "day", "6", "25-26", "6:60-7", "13pm-2pm", "7-"])
def test_what_are_no_hours_is_asked_again(typed):
    with pytest.raises(click.BadParameter, match="06:30-23:00"):
        answers.hours(typed)


@pytest.mark.parametrize(
    ("language", "typed"),
    [
        ("en", "Winter"),
        ("fr", "Hiver"),
        ("fr", "winter"),
        ("de", "WINTER"),
        ("ja", "冬"),
    ],
)
def test_a_season_is_read_in_english_or_in_ones_own_language(language, typed):
    with speaking(language):
        assert answers.season(typed) == "winter"


def test_another_season_names_those_that_there_are():
    with speaking("fr"), pytest.raises(click.BadParameter, match="auto, hiver, été"):
        answers.season("printemps")


@pytest.mark.parametrize("typed", ["-1", "4", "two", "1.5"])
def test_a_choice_is_one_of_the_list(typed):
    assert answers.choice("3", 3) == 3
    with pytest.raises(click.BadParameter, match="from 0 to 3"):
        answers.choice(typed, 3)


def test_a_band_without_a_letter_is_never_of_two_units():
    celsius = answers.band(f"{answers.COLDEST_CELSIUS}-{answers.WARMEST_CELSIUS}")
    assert celsius.unit == CELSIUS
    assert answers.band("50-95").unit == FAHRENHEIT
