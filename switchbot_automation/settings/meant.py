"""What a person meant who wrote a value in their own notation: ``21,5``, ``7h30``, ``Montag``.

Nothing is taken for what it may have meant. It is proposed beside the error, and only
where the notation leaves no doubt.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from switchbot_automation.outside.wording import nearest
from switchbot_automation.settings.spec import Kind

_MARKS: Final = "\"'`“”„‟«»‹›‘’‚「」 "  # noqa: RUF001 - as people type
_NUMBER: Final = re.compile(r"([+-]?\d{1,9}(?:[.,]\d{1,2})?) ?([^\d\s.,+-]{0,9})")
_CLOCK: Final = re.compile(
    r"(\d{1,2})(?: ?(?:[:.h時]|uhr|heures?|hours?|o'clock) ?(\d{2})?)? ?(?:分|min)?"
    r"(?: ?([ap])\.?m?\.?)?"
)
_DIGITS: Final = re.compile(r"(\d{1,2})(\d{2})")
_DEGREES: Final = ("", "°", "°c", "c", "celsius", "grad", "度", "degrés", "degrees")
_FAHRENHEIT: Final = ("°f", "f", "fahrenheit")
_SECONDS: Final = {
    1: (
        *("", "s", "sec", "secs", "second", "seconds", "seconde", "secondes"),
        *("sek", "sekunde", "sekunden", "秒"),
    ),
    60: ("m", "min", "mins", "min.", "minute", "minutes", "minuten", "分"),
    3600: ("h", "hour", "hours", "heure", "heures", "std", "stunde", "stunden", "時間"),
}
_YES: Final = frozenset(
    [
        "yes",
        "y",
        "on",
        "true",
        "1",
        "ja",
        "j",
        "oui",
        "o",
        "vrai",
        "wahr",
        "an",
        "はい",
        "オン",
        "真",
    ]
)
_NO: Final = frozenset(
    [
        "no",
        "n",
        "off",
        "false",
        "0",
        "nein",
        "non",
        "faux",
        "falsch",
        "aus",
        "いいえ",
        "オフ",
        "偽",
    ]
)
_DAYS: Final = (
    ("mon monday montag mo lundi lun lu 月 月曜 月曜日"),
    ("tue tues tuesday dienstag mardi mar ma 火 火曜 火曜日"),
    ("wed wednesday mittwoch mi mercredi mer me 水 水曜 水曜日"),
    ("thu thur thurs thursday donnerstag do jeudi jeu je 木 木曜 木曜日"),
    ("fri friday freitag fr vendredi ven ve 金 金曜 金曜日"),
    ("sat saturday samstag sonnabend sa samedi sam 土 土曜 土曜日"),
    ("sun sunday sonntag so dimanche dim 日 日曜 日曜日"),
)
# Without "di", which is Tuesday in German and Sunday in French.
_DAY_OF: Final = {
    name: day for day, names in enumerate(_DAYS) for name in names.split()
} | {"7": 6}
_SEVERAL: Final = {
    "weekdays": range(5),
    "workdays": range(5),
    "werktags": range(5),
    "平日": range(5),
    "weekend": range(5, 7),
    "weekends": range(5, 7),
    "wochenende": range(5, 7),
    "週末": range(5, 7),
    "all": range(7),
    "every day": range(7),
    "everyday": range(7),
    "daily": range(7),
    "täglich": range(7),
    "tous les jours": range(7),
    "毎日": range(7),
}
_SPAN: Final = re.compile("[-\u2013\u2014~\u301c]")
_MOST_CHARACTERS: Final = 60
_HOURS: Final = 24
_NOON: Final = 12
_MINUTES: Final = 60


def meant(kind: Kind, unit: str, value: object, choices: tuple[str, ...] = ()) -> Any:
    """Return the value that was meant, as a document would hold it; None if not clear.

    `unit` is that of a number, as ``°C`` or ``s``; `choices` the words that are taken.
    It may be outside of a setting's bounds still.

    >>> meant(Kind.NUMBER, "°C", "21,5 °C"), meant(Kind.WHOLE, "s", "10 min")
    (21.5, 600)
    >>> meant(Kind.EDGE, "", "9:30 pm"), meant(Kind.DAYS, "", ["lundi", "月"])
    ('21:30', [0, 0])
    >>> meant(Kind.EDGE, "", "soon") is None
    True
    """
    if kind is Kind.DAYS:
        return _days(value)
    if isinstance(value, list | dict) or value is None:
        return None
    text = _plain(value)
    if kind is Kind.EDGE and isinstance(value, float):
        if value * 4 % 4 in (1, 2, 3) or round(value, 2) != value:
            return None  # a quarter of an hour, or so many minutes
        text = f"{value:.2f}"  # 7.30, of which YAML makes the number 7.3
    match kind:
        case Kind.FLAG:
            return True if text in _YES else False if text in _NO else None
        case Kind.WHOLE | Kind.NUMBER:
            return _number(unit, text, whole=kind is Kind.WHOLE)
        case Kind.EDGE:
            return _clock(text)
        case Kind.CHOICE:
            return text if text in choices else nearest(text, choices)
    return None


def _plain(value: object) -> str:
    """Return a text without quotation marks, full-width signs and what cannot be seen."""
    text = unicodedata.normalize("NFKC", str(value)[:_MOST_CHARACTERS])
    seen = "".join(each for each in text if unicodedata.category(each) != "Cf")
    return seen.strip(_MARKS).rstrip("…").casefold()


def _number(unit: str, text: str, *, whole: bool) -> int | float | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    number, written = float(found[1].replace(",", ".")), found[2]
    if unit == "s":
        factor = next((each for each, of in _SECONDS.items() if written in of), 0)
    elif unit == "°C" and written in _FAHRENHEIT:
        factor, number = 1, round((number - 32) / 1.8, 1)
    else:
        told = _DEGREES if unit == "°C" else ("", unit.casefold())
        factor = int(written in told)
    if not factor:
        return None
    number *= factor
    return int(number) if number == int(number) else None if whole else number


def _clock(text: str) -> str | None:
    if text in ("noon", "midday", "midi", "mittag", "正午"):
        return "12:00"
    if text in ("midnight", "minuit", "mitternacht", "24:00", "24.00", "0:00"):
        return "00:00"
    digits = _DIGITS.fullmatch(text)
    found = digits or _CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    half = None if digits else found[3]
    if half is not None:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if half == "p" else 0)
    if hour == _HOURS and minute == 0:
        hour = 0
    return f"{hour:02}:{minute:02}" if hour < _HOURS and minute < _MINUTES else None


def _days(value: object) -> list[int] | None:
    if isinstance(value, str):
        text = _plain(value)
        if text in _SEVERAL:
            return [*_SEVERAL[text]]
        value = [each for each in re.split(r"[\s,;、・/]+", text) if each]
    if not isinstance(value, list):
        return None
    days: list[int] = []
    for each in value:
        found = _some_days(each)
        if found is None:
            return None
        days.extend(found)
    return days


def _some_days(value: object) -> list[int] | None:
    """Return the days of one entry, which may be two with a dash between."""
    if type(value) is int and 0 <= value < len(_DAYS):
        return [value]
    text = _plain(value)
    if text in _SEVERAL:
        return [*_SEVERAL[text]]
    ends = [_DAY_OF.get(each.strip(" .")) for each in _SPAN.split(text)]
    first, last = ends[0], ends[-1]
    if first is None or last is None or len(ends) > 2:  # noqa: PLR2004 - of a span
        return None
    return [(first + each) % 7 for each in range((last - first) % 7 + 1)]
