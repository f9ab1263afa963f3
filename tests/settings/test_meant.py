"""What is proposed beside an error to who wrote a value in their own notation."""

import pytest

from switchbot_automation.settings.read import check_settings

WINTER = {"max_temp": 30}
CASES = [
    *(
        ("min_temp", each, "21.5")
        for each in ("21,5", "21.5 °C", "21,5°", "\uff12\uff11.\uff15")
    ),
    ("min_temp", "70 °F", "21.1"),
    *(("poll_interval_seconds", each, "600") for each in ("10 min", "600s", "10 分")),
    *(("automation_enabled", each, "true") for each in ("yes", "ja", "oui", "はい", 1)),
    *(("automation_enabled", each, "false") for each in ("Nein", "non", "off", 0)),
    *(("start", each, "'07:30'") for each in ("7h30", 7.3, "7 Uhr 30", "7時30分", 730)),
    *(("start", each, "'21:00'") for each in ("9pm", "9 p.m.", "21h", 21, "21 Uhr")),
    *(("start", each, "'00:00'") for each in ("24:00", "12 am", "Mitternacht")),
    *(
        ("days", each, "[0, 1]")
        for each in (["Mo", "Dienstag"], "lundi, mar.", "月、火")
    ),
    *(("days", each, "[5, 6]") for each in ("weekend", ["sat-sun"], [5, 7])),
    ("days", ["Fr-Mo"], "[4, 5, 6, 0]"),
    ("mode", "“Winter”", "'winter'"),
]
# Of which nobody knows what was meant, or what no setting takes.
UNCLEAR = [
    *(
        ("min_temp", each)
        for each in ("20-21", "warm", "1,000", "99 °C", True, [21], "")
    ),
    *(("poll_interval_seconds", each) for each in ("1,5 s", "5:00", "1.000", "2 days")),
    *(("automation_enabled", each) for each in ("maybe", 2, None, "")),
    *(
        ("start", each)
        for each in ("soon", "7m", 7.5, "13pm", "25:00", "7:60", 0.123, "")
    ),
    *(("days", each) for each in (["Di"], ["x"], [True], [8], [[0]], {}, 3)),
    ("mode", "warm"),
]


def told(name, value):
    """Return what is said of one value in a document that is right but for it."""
    window = {"days": [2], "start": "08:00", "end": "10:00"}
    document = {"winter": {"min_temp": 20, **WINTER}, "time_windows": [window]}
    place = document["winter"] if name == "min_temp" else document
    (window if name in window else place)[name] = value
    errors = [str(each) for each in check_settings(document)]
    assert len(errors) == 1, errors
    return errors[0]


@pytest.mark.parametrize(("name", "value", "near"), CASES)
def test_what_was_meant_is_proposed(name, value, near):
    assert told(name, value).endswith(f"; did you mean {near}?")


@pytest.mark.parametrize(("name", "value"), UNCLEAR)
def test_what_is_unclear_or_not_taken_is_not_guessed(name, value):
    assert "did you mean" not in told(name, value)


def test_degrees_of_another_unit_are_not_compared():
    document = {"unit": "fahrenheit", "winter": {"min_temp": "21", "max_temp": 72}}
    assert "did you mean" not in str(check_settings(document)[0])
