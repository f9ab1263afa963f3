"""The ways in which the phone app writes the date and time of a reading. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable

DateOrder = Literal["day", "month"]
"""What comes first in 03/08/2025."""

_FIRST_YEAR: Final = 1990
_LAST_YEAR: Final = 2199
_SHORTEST: Final = len("2025-03-08 22:20")
# Between date and time: "um", "à" or "at" as a phone's language has it.
_TIME: Final = (
    r"[ t,]+(?:(?:at|um|a(?: las?)?|as|alle|om|kl\.?|o|v) +)?"
    r"(am|pm)? *(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)? *(am|pm)?(?: uhr)?"
)
_YEAR_FIRST: Final = re.compile(
    # Korean phones put a blank after each point, and a point after the day.
    rf"(\d{{4}})[-/.] ?(\d{{1,2}})[-/.] ?(\d{{1,2}})\.?{_TIME}"
)
_WEEKDAY: Final = r" ?\(.\)| ?(?:.曜日|星期.|周.|.요일)"
_IDEOGRAPHS: Final = re.compile(
    rf"(\d{{4}})[年년] *(\d{{1,2}})[月월] *(\d{{1,2}})[日일](?:{_WEEKDAY})?"
    rf"{_TIME.replace('+', '*', 1)}"
)
_YEAR_LAST: Final = re.compile(rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}){_TIME}")
_MONTH_NAMED: Final = re.compile(
    rf"([^\W\d_]{{3,}})\.? +(\d{{1,2}}), *(\d{{4}}){_TIME}"
)
_DAY_MONTH_NAMED: Final = re.compile(
    rf"(\d{{1,2}})(?:\.|er)?(?: de)?[ -]([^\W\d_]{{3,}})\.?(?: de)?[ -](\d{{4}})"
    rf"(?: г\.)?{_TIME}"  # noqa: RUF001 - "of the year" in Russian
)
_MONTHS: Final = tuple(
    tuple(names.split())
    for names in (
        "january januar janvier enero gennaio janeiro januari stycznia января",
        "february februar fevrier febrero febbraio fevereiro februari lutego февраля",
        "march marz maerz mars marzo marco maart mrt marca марта",
        "april avril abril aprile kwietnia апреля",
        "may mai mayo maggio maio mei maja мая",
        "june juni juin junio giugno junho czerwca июня",
        "july juli juillet julio luglio julho lipca июля",
        "august aout agosto augustus sierpnia августа",
        "september septembre septiembre settembre setembro wrzesnia сентября",
        "october oktober octobre octubre ottobre outubro pazdziernika октября",
        "november novembre noviembre novembro listopada ноября",
        "december dezember decembre diciembre dicembre dezembro grudnia декабря",
    )
)
"""English, German, French, Spanish, Italian, Portuguese, Dutch, Polish and Russian,
without accents; any beginning that names one month alone counts."""
_HALVES: Final = (
    (re.compile(r"\b([ap])\b\.? ?m\b\.?|(?<=\d)([ap])\.? ?m\b\.?"), r"\1\2m"),
    (re.compile("午前|上午|오전"), "am"),
    (re.compile("午後|下午|오후"), "pm"),
)
_IN_WORDS: Final = re.compile(
    r"(\d{1,2})[時时点시] ?(\d{1,2})[分분](?: ?(\d{1,2})[秒초])?"
)
_HALF_DAY: Final = 12
_NO_DATE: Final = worded("no date and time of a form that the app writes")


def parse_moment(text: str, order: DateOrder | None = None) -> datetime:
    """Return what the wall clock said: naive, unless the text has an offset.

    ``2025-03-08 22:20``, ``2026/07/21 17:02``, ``Sep 1, 2026 07:56``, ``21 juil. 2026
    5:02 p. m.`` and ``2026年7月21日 午後5:02`` are known, each with or without seconds;
    ``03/08/2025 22:20`` only with `order`. Raises ValueError.
    """
    if len(text) >= _SHORTEST and text[4] in "-/":
        try:
            # The common forms, ten times as fast as what follows.
            moment = datetime.fromisoformat(
                text if text[4] == "-" else text.replace("/", "-")
            )
        except ValueError:
            pass
        else:
            if _FIRST_YEAR <= moment.year <= _LAST_YEAR:
                return moment
            return _sound(moment)
    return _parse_slowly(text, order)


def common_moments(texts: list[str]) -> list[datetime] | None:
    """Return what `parse_moment` does of each, None unless all have a common form."""
    if len(min(texts, key=len, default="")) < _SHORTEST:
        return None
    signs = {text[4] for text in texts}
    if signs == {"/"}:
        texts = [text.replace("/", "-") for text in texts]
    elif signs != {"-"}:
        return None
    try:
        moments = list(map(datetime.fromisoformat, texts))
        first, last = min(moments), max(moments)
    except (ValueError, TypeError):  # with an offset and without are not compared
        return None
    return moments if first.year >= _FIRST_YEAR and last.year <= _LAST_YEAR else None


def needs_order(text: str) -> bool:
    """Tell whether the text reads as 03/08/2025 does: the day or the month first."""
    if text[:4].isdecimal():
        return False  # the year comes first
    return bool(_YEAR_LAST.fullmatch(_plain(text)))


def order_of(texts: Iterable[str]) -> DateOrder | None:
    """Find out what comes first in a file's dates; None when nothing tells.

    Either a number above 12, or that readings lie closer together one way. Raises
    ValueError where one date can only be the one and another only the other.
    """
    jumps = {"day": 0.0, "month": 0.0}
    previous: tuple[datetime, datetime] | None = None
    certain: dict[DateOrder, str] = {}
    for text in texts:
        moments: dict[DateOrder, datetime] = {}
        for order in ("day", "month"):
            try:
                moments[order] = parse_moment(text, order)
            except ValueError:
                continue
        if len(moments) == 1:
            certain.setdefault(next(iter(moments)), text)
        elif moments:
            both = moments["day"], moments["month"]
            if previous is not None:
                jumps["day"] += abs((both[0] - previous[0]).total_seconds())
                jumps["month"] += abs((both[1] - previous[1]).total_seconds())
            previous = both
    if len(certain) > 1:
        raise ValueError(
            worded(
                "the day comes first in {day!r}, the month in {month!r}",
                day=certain["day"],
                month=certain["month"],
            )
        )
    if certain:
        return next(iter(certain))
    if jumps["day"] == jumps["month"]:
        return None
    return "day" if jumps["day"] < jumps["month"] else "month"


def _month(name: str) -> int:
    matching = [
        number
        for number, names in enumerate(_MONTHS, 1)
        if any(month.startswith(name) for month in names)
    ]
    # "Sept" and "Sep" alike; "jui" is of two months.
    if len(matching) != 1:
        raise ValueError(worded("{name!r} is no month", name=name))
    return matching[0]


def _plain(text: str) -> str:
    """Return a date without what differs in looks alone, with ``am`` and ``pm``."""
    if text.isascii():  # nothing of what follows but this; of a bad file, every line
        half, word = _HALVES[0]
        return half.sub(word, text.lower().strip())
    # Phones put narrow spaces before AM, Asian ones wide digits, Arabic ones marks.
    wide = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(
        each
        for each in unicodedata.normalize("NFD", wide)
        if unicodedata.category(each) not in ("Mn", "Cf")
    )
    plain = _IN_WORDS.sub(_in_figures, unicodedata.normalize("NFC", letters).strip())
    for half, word in _HALVES:
        plain = half.sub(word, plain)
    return plain


def _in_figures(time: re.Match[str]) -> str:
    return ":".join(number.zfill(2) for number in time.groups() if number)


def _sound(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(worded("{year} is no year of a meter", year=moment.year))
    return moment


def _parse_slowly(text: str, order: DateOrder | None) -> datetime:
    if ":" not in text and text.isascii():
        raise ValueError(_NO_DATE)  # other letters have their own sign for it
    plain = _plain(text)
    if found := (_YEAR_FIRST.fullmatch(plain) or _IDEOGRAPHS.fullmatch(plain)):
        year, month, day = map(int, found.groups()[:3])
    elif found := _YEAR_LAST.fullmatch(plain):
        if order is None:
            raise ValueError(worded("is the day or the month first?"))
        left, right, year = map(int, found.groups()[:3])
        month, day = (right, left) if order == "day" else (left, right)
    elif found := _MONTH_NAMED.fullmatch(plain):
        month = _month(found[1])
        day, year = int(found[2]), int(found[3])
    elif found := _DAY_MONTH_NAMED.fullmatch(plain):
        month = _month(found[2])
        day, year = int(found[1]), int(found[3])
    else:
        raise ValueError(_NO_DATE)
    before, hours, minute, seconds, after = found.groups()[3:]
    hour, second = int(hours), int(seconds or 0)
    if half := before or after:
        # Japanese noon is 0 o'clock of the afternoon.
        if (before and after) or not (0 if before else 1) <= hour <= _HALF_DAY:
            raise ValueError(worded("no such hour of half a day"))
        hour = hour % _HALF_DAY + _HALF_DAY * (half == "pm")
    return _sound(datetime(year, month, day, hour, int(minute), second))  # noqa: DTZ001 - wall clock
