"""What other settings would bring, in one sentence."""

from __future__ import annotations

import pytest

from switchbot_automation.explain.brought import (
    SameDays,
    Sides,
    recorded_words,
    simulated_words,
)
from switchbot_automation.languages import LANGUAGES, speaking

SAME = Sides(1, 1)


def _week(out_of_band=SAME, calls=SAME, starts=SAME, kwh=SAME):
    return recorded_words(SameDays(7, Sides(*out_of_band), calls, starts, kwh))


@pytest.mark.parametrize(
    ("now", "then", "told"),
    [
        (12.5, 0.5, "96 % less out of band"),
        (10, 15, "50 % more out of band"),
        (10, 10.01, "as long out of band"),
        (0, 0.01, "never out of band, as now"),
        (4, 0, "never out of band, now 4.0 % of the time"),
        (0, 4, "out of band 4.0 % of the time, now never"),
    ],
)
def test_the_band_is_told_against_now_and_never_divided_by_nothing(now, then, told):
    assert _week((now, then)) == f"The same 7 days: {told}."


@pytest.mark.parametrize(
    ("figure", "now", "then", "told"),
    [
        ("calls", 2400, 1960, ", 440 calls fewer"),
        ("calls", 10, 11, ", one call more"),
        ("calls", 10, 10.2, ""),
        ("starts", 12, 11, ", one start fewer"),
        ("starts", 1, 4, ", 3 starts more"),
        ("kwh", 20, 21.5, ", 1.5 kWh more"),
        ("kwh", 20, 19.96, ""),
        ("kwh", 20.06, 20, ", 0.1 kWh less"),
    ],
)
def test_what_differs_is_told_and_what_does_not_is_left_out(figure, now, then, told):
    words = _week(**{figure: Sides(now, then)})
    assert words == f"The same 7 days: as long out of band{told}."


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_no_english_is_left_in_another_language(language):
    figures = SameDays(3, Sides(2, 1), Sides(1, 9), Sides(9, 1), Sides(1, 2))
    with speaking(language):
        told = (recorded_words(figures), simulated_words(figures))
    for words in told:
        for english in ("days", "out of band", "calls", "starts", "more", "same"):
            assert english not in words
        assert "{" not in words
        assert ("1,0 kWh" in words) == (language in {"de", "fr"})
