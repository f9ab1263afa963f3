"""What a person types at a question of `init`, as people write it. Pure.

Degrees in either unit, hours by the clock of 24 or of 12, seasons in their own language,
digits of any width. What cannot be meant is said at once, and asked again.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import time
from typing import Final

import click

from switchbot_automation.languages import (
    CELSIUS,
    FAHRENHEIT,
    from_celsius,
    later_in,
    translated_in,
)
from switchbot_automation.languages import translated as _

_FROM_TO: Final = r"\s*(?:[-\u2010-\u2015\u2212~\u301c]|\.\.|to|until|bis|à|から)\s*"
_DEGREES: Final = r"(\d{1,3}(?:[.,]\d+)?)\s*(?:°|degrees|grad|degrés|度)?\s*([cf])?"
_BAND: Final = re.compile(_DEGREES + _FROM_TO + _DEGREES)
_CLOCK: Final = (
    r"(\d{1,2})(?:\s*[:.h時]\s*(\d{2})?)?\s*(?:uhr|o'clock|分)?\s*([ap])?\.?(?:m\.?)?"
)
_SPAN: Final = re.compile(_CLOCK + _FROM_TO + _CLOCK)
# What rooms may be kept at, see `winter.min_temp` of the settings.
COLDEST_CELSIUS: Final = 10.0
WARMEST_CELSIUS: Final = 35.0
_NOON: Final = 12
_MIDNIGHT: Final = 24
_MINUTES: Final = 60

_SEASONS: Final = (
    later_in("season", "auto"),
    later_in("season", "winter"),
    later_in("season", "summer"),
)


@dataclass(frozen=True, slots=True)
class Band:
    """The lowest and highest temperature wanted, in degrees of `unit`."""

    low: float
    high: float
    unit: str = CELSIUS


def _plain(text: str) -> str:
    """Return what was typed with digits and letters of one width, in lower case."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def band(value: object) -> Band:
    """Read two temperatures. Raises click.BadParameter.

    No room is kept at 68 °C or at 20 °F: degrees without a letter are of the unit
    in which they can be meant.

    >>> band("20-22,5"), band("68 to 72")
    (Band(low=20.0, high=22.5, unit='celsius'), Band(low=68.0, high=72.0, unit='fahrenheit'))
    """
    if isinstance(value, Band):
        return value
    found = _BAND.fullmatch(_plain(str(value)))
    if found is None:
        raise click.BadParameter(
            _(
                "{value!r} is no band; write the lowest and highest as 20-22",
                value=value,
            )
        )
    low, high = (float(found[part].replace(",", ".")) for part in (1, 3))
    if not low < high:
        raise click.BadParameter(
            _("{value!r}: the lowest has to be below the highest", value=value)
        )
    letters = {found[2], found[4]} - {None}
    for unit, letter in ((CELSIUS, "c"), (FAHRENHEIT, "f")):
        coldest, warmest = (
            from_celsius(each, unit) for each in (COLDEST_CELSIUS, WARMEST_CELSIUS)
        )
        if letters <= {letter} and coldest <= low and high <= warmest:
            return Band(low, high, unit)
    raise click.BadParameter(
        _(
            "{value!r}: a room is kept between {coldest:g} and {warmest:g} degrees Celsius, "
            "or {cold_fahrenheit:g} and {warm_fahrenheit:g} Fahrenheit",
            value=value,
            coldest=COLDEST_CELSIUS,
            warmest=WARMEST_CELSIUS,
            cold_fahrenheit=from_celsius(COLDEST_CELSIUS, FAHRENHEIT),
            warm_fahrenheit=from_celsius(WARMEST_CELSIUS, FAHRENHEIT),
        )
    )


def hours(value: object) -> tuple[time, time]:
    """Read from when until when. Raises click.BadParameter.

    >>> hours("6:30-23"), hours("7am to 10:30 pm"), hours("6h30-24h")[1]
    ((datetime.time(6, 30), datetime.time(23, 0)), (datetime.time(7, 0), datetime.time(22, 30)), datetime.time(0, 0))
    """
    if isinstance(value, tuple):
        start, end = value
        return start, end
    found = _SPAN.fullmatch(_plain(str(value)))
    begins = found and _clock(*found.group(1, 2, 3))
    ends = found and _clock(*found.group(4, 5, 6))
    if begins is None or ends is None:
        raise click.BadParameter(
            _("{value!r} are no hours; write them as 06:30-23:00", value=value)
        )
    return begins, ends


def _clock(hour: str, minute: str | None, half: str | None) -> time | None:
    hours, minutes = int(hour), int(minute or 0)
    if half:
        if not 1 <= hours <= _NOON:
            return None
        hours = hours % _NOON + (_NOON if half == "p" else 0)
    if (hours, minutes) == (_MIDNIGHT, 0):
        hours = 0
    if hours >= _MIDNIGHT or minutes >= _MINUTES:
        return None
    return time(hours, minutes)


def choice(value: str, count: int) -> int:
    """Read the number of one of so many that are listed, 0 for none. Raises click.BadParameter.

    >>> choice(" 2", 3)
    2
    """
    typed = _plain(value)
    if not (typed.isascii() and typed.isdigit() and int(typed) <= count):
        raise click.BadParameter(
            _(
                "{value!r} is no number from 0 to {count}",
                value=value,
                count=count,
            )
        )
    return int(typed)


def season_words() -> dict[str, str]:
    """Return the seasons with what they are called in the language that is spoken."""
    return {each: translated_in("season", each) for each in _SEASONS}


def season(value: str) -> str:
    """Read a season, in English or in the language that is spoken. Raises click.BadParameter.

    >>> season("Winter")
    'winter'
    """
    words = season_words()
    typed = _plain(value)
    for name, word in words.items():
        if typed in (name, _plain(word)):
            return name
    raise click.BadParameter(
        _("{value!r} is none of {words}", value=value, words=", ".join(words.values()))
    )
