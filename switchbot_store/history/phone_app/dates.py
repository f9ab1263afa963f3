"""The ways in which the phone app writes the date and time of a reading. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

DateOrder = Literal["day", "month"]
"""What comes first in 03/08/2025."""

_FIRST_YEAR: Final = 1990
_LAST_YEAR: Final = 2199
_SHORTEST: Final = len("2025-03-08 22:20")
_TIME: Final = (
    r"[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp])?\.?(?:[Mm]\.?)?"
)
_YEAR_FIRST: Final = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}")
_YEAR_LAST: Final = re.compile(rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}){_TIME}")
_MONTH_NAMED: Final = re.compile(
    rf"([A-Za-z]{{3,9}})\.? +(\d{{1,2}}), *(\d{{4}}){_TIME}"
)
_DAY_MONTH_NAMED: Final = re.compile(
    rf"(\d{{1,2}})[ -]([A-Za-z]{{3,9}})\.?[ -](\d{{4}}){_TIME}"
)
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_HALF_DAY: Final = 12


def parse_moment(text: str, order: DateOrder | None = None) -> datetime:
    """Return what the wall clock said: naive, unless the text has an offset.

    ``2025-03-08 22:20``, ``2026/07/21 17:02``, ``Sep 1, 2026 07:56`` and ``21 Jul 2026
    5:02 PM`` are known, each with or without seconds; ``03/08/2025 22:20`` only with
    `order`. Raises ValueError.
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


def needs_order(text: str) -> bool:
    """Tell whether the text reads as 03/08/2025 does: the day or the month first."""
    return bool(_YEAR_LAST.fullmatch(unicodedata.normalize("NFKC", text).strip()))


def order_of(texts: Iterable[str]) -> DateOrder | None:
    """Find out what comes first in a file's dates; None when nothing tells.

    Either a number above 12, or that readings lie closer together one way.
    """
    jumps = {"day": 0.0, "month": 0.0}
    previous: tuple[datetime, datetime] | None = None
    possible: set[DateOrder] = {"day", "month"}
    for text in texts:
        moments: dict[DateOrder, datetime] = {}
        for order in ("day", "month"):
            try:
                moments[order] = parse_moment(text, order)
            except ValueError:
                continue
        if len(moments) == 1:
            possible &= set(moments)
        elif moments:
            both = moments["day"], moments["month"]
            if previous is not None:
                jumps["day"] += abs((both[0] - previous[0]).total_seconds())
                jumps["month"] += abs((both[1] - previous[1]).total_seconds())
            previous = both
    if len(possible) == 1:
        return possible.pop()
    if not possible or jumps["day"] == jumps["month"]:
        return None
    return "day" if jumps["day"] < jumps["month"] else "month"


def _month(name: str) -> int:
    matching = [
        number
        for number, month in enumerate(_MONTHS, 1)
        if month.startswith(name.lower())
    ]
    # "Sept" and "Sep" alike.
    if len(matching) != 1 or len(name) < 3:  # noqa: PLR2004 - no month has less
        raise ValueError(f"{name!r} is no month")
    return matching[0]


def _sound(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{moment.year} is no year of a meter")
    return moment


def _parse_slowly(text: str, order: DateOrder | None) -> datetime:
    # Phones put narrow spaces before AM, Asian ones wide digits.
    plain = unicodedata.normalize("NFKC", text).strip()
    if found := _YEAR_FIRST.fullmatch(plain):
        year, month, day = map(int, found.groups()[:3])
    elif found := _YEAR_LAST.fullmatch(plain):
        if order is None:
            raise ValueError("is the day or the month first?")
        left, right, year = map(int, found.groups()[:3])
        month, day = (right, left) if order == "day" else (left, right)
    elif found := _MONTH_NAMED.fullmatch(plain):
        month = _month(found[1])
        day, year = int(found[2]), int(found[3])
    elif found := _DAY_MONTH_NAMED.fullmatch(plain):
        month = _month(found[2])
        day, year = int(found[1]), int(found[3])
    else:
        raise ValueError("no date and time of a form that the app writes")
    hour, minute, second = int(found[4]), int(found[5]), int(found[6] or 0)
    if found[7]:
        if not 1 <= hour <= _HALF_DAY:
            raise ValueError("no such hour of half a day")
        hour = hour % _HALF_DAY + _HALF_DAY * (found[7] in "pP")
    return _sound(datetime(year, month, day, hour, minute, second))  # noqa: DTZ001 - wall clock
