"""Openings and presence, in every word that devices and documents have for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.state.around import shown_by


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"openState": "open", "moveDetected": False}, True),
        ({"openState": "OPEN"}, True),
        ({"openState": "timeOutNotClose"}, True),
        ({"openState": "TIME_OUT_NOT_CLOSE"}, True),
        ({"openState": "close", "moveDetected": True}, False),
        ({"detectionState": "DETECTED", "openState": "close"}, False),
        ({"detectionState": "DETECTED"}, True),
        ({"openState": None, "moveDetected": True}, None),
        ({"openState": "ajar"}, None),
        # A lock knows its door; a garage door itself (SwitchBotAPI#131).
        ({"lockState": "locked", "doorState": "opened"}, True),
        ({"lockState": "UNLOCKED", "doorState": "CLOSED"}, False),
        ({"lockState": "locked", "doorState": None}, None),
        ({"doorStatus": 0, "online": True}, True),
        ({"doorStatus": 1, "online": True}, False),
        ({"doorStatus": 2}, None),
        ({"doorStatus": True}, None),
        ({"temperature": 20.0}, None),
        ({}, None),
    ],
)
def test_an_opening_is_open_closed_or_unknown(fields, shown):
    assert shown_by(fields, opening=True) is shown


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"Detected": True}, True),
        ({"detected": False, "lightLevel": 3}, False),
        ({"moveDetected": True, "openState": "close"}, True),
        ({"detectionState": "NOT_DETECTED"}, False),
        ({"detectionState": "detected"}, True),
        ({"detectionState": 1}, None),
        ({"doorStatus": 0}, None),
    ],
)
def test_somebody_is_there_is_not_or_nobody_knows(fields, shown):
    assert shown_by(fields, opening=False) is shown


CASES = st.sampled_from([str, str.lower, str.upper, str.title])


@given(
    st.sampled_from(
        [
            ("openState", "open", True, True),
            ("openState", "close", True, False),
            ("doorState", "closed", True, False),
            ("detectionState", "DETECTED", False, True),
            ("detectionState", "NOT_DETECTED", False, False),
            ("Detected", True, False, True),
            ("moveDetected", False, False, False),
        ]
    ),
    CASES,
    CASES,
)
def test_no_case_of_a_name_or_word_hides_what_it_says(known, of_name, of_word):
    name, word, opening, shown = known
    said = of_word(word) if isinstance(word, str) else word
    assert shown_by({of_name(name): said}, opening=opening) is shown
