"""The languages that people are told things in, and which one is spoken right now.

The English sentence is the name of a message; `{names}` in it are filled in after it was
translated. Codes, keys, logs and JSON's own words are never translated; what errors say is `worded`:
English there as well, and translated by `error_words` for a person. The catalogues lie beside this file: people change the `.po`, `nox -s languages` makes the rest of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pkgutil import get_data
from typing import TYPE_CHECKING, Any, Final, cast

from switchbot_store import languages as ours
from switchbot_store.languages import (
    ENGLISH,
    LANGUAGES,
    Worded,
    error_words,
    joined,
    later,
    number_words,
    of_environment,
    packed,
    reworded,
    speak,
    speaking,
    spoken,
    unpacked,
    worded_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AUTO",
    "CELSIUS",
    "ENGLISH",
    "FAHRENHEIT",
    "LANGUAGES",
    "SYMBOLS",
    "UNITS",
    "Worded",
    "asked_for",
    "chosen",
    "degrees",
    "error_words",
    "filled",
    "from_celsius",
    "joined",
    "kelvin",
    "later",
    "later_in",
    "measure",
    "measured_in",
    "measuring",
    "number_words",
    "of_environment",
    "packed",
    "page_catalogue",
    "reworded",
    "speak",
    "speaking",
    "spoken",
    "symbol",
    "to_celsius",
    "translated",
    "translated_in",
    "unit_of",
    "unpacked",
    "worded",
]

AUTO: Final = "auto"
"""In the settings: the language that is asked for, as by a browser."""

# In texts with degrees, these names are of temperatures beside those that say so.
_CELSIUS_SIGN: Final = "°C"
# Behind a value: how far two temperatures are apart.
_KELVIN_SIGN: Final = "} K"
_DEGREES: Final = frozenset({"low", "high"})


def translated(message: str, **values: Any) -> str:
    """Return a message in the language that is spoken, with its values filled in.

    >>> translated("the window {start}-{end} is open", start="08:00", end="22:00")
    'the window 08:00-22:00 is open'
    """
    text = ours.catalogue(__name__, spoken()).gettext(message)
    return filled(text, values) if values else text


def translated_in(context: str, message: str) -> str:
    """Return a word that means different things, as it is said in one context."""
    return ours.catalogue(__name__, spoken()).pgettext(context, message)


def worded(message: str, /, **values: Any) -> Worded:
    """Return what an error says: English for programs, which `error_words` translates.

    Degrees stay Celsius, as the document has them of which it speaks.

    >>> from switchbot_automation.languages import error_words, speaking, worded
    >>> words = worded("the window {start}-{end} is open", start="08:00", end="22:00")
    >>> with speaking("de"):
    ...     words, error_words(words)
    ('the window 08:00-22:00 is open', 'das Zeitfenster 08:00-22:00 läuft')
    """
    return worded_in(__name__, message, values)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Fill values into a text, numbers as the language that is spoken writes them.

    Raises KeyError for a name without a value, ValueError for one of another kind.
    """
    if measured_in() != CELSIUS and (_CELSIUS_SIGN in text or _KELVIN_SIGN in text):
        values = {name: _measured(name, value) for name, value in values.items()}
        text = text.replace(_CELSIUS_SIGN, symbol())
        text = text.replace(_KELVIN_SIGN, f"}} {symbol()}")
    return ours.filled(text, values)


def _measured(name: str, value: Any) -> Any:
    """Return a value in the unit that is spoken, if its name says that it is degrees."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and (name.endswith("celsius") or name in _DEGREES):
        return from_celsius(float(value), measured_in())
    if is_number and name.endswith("kelvin"):
        return kelvin(float(value), measured_in())
    return value


def later_in(context: str, word: str) -> str:  # noqa: ARG001 - for who collects them
    """Mark a word that is translated in a context, where it is told."""
    return word


def chosen(setting: str, otherwise: str) -> str:
    """Return the language of a setting, `otherwise` where that is ``auto``."""
    return otherwise if setting == AUTO else setting


def asked_for(accept_language: str) -> str | None:
    """Return the best language for an `Accept-Language`; None where it names none of ours.

    >>> asked_for("es, fr-CA;q=0.8, en;q=0.5")
    'fr'
    """
    best, most = None, 0.0
    for part in accept_language[:500].split(","):
        tag, _semicolon, parameter = part.strip().partition(";")
        language = tag.strip().partition("-")[0].lower()
        if language == "*":
            language = ENGLISH
        quality = _quality(parameter)
        if language in LANGUAGES and quality > most:
            best, most = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _equals, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@cache
def page_catalogue(language: str) -> str:
    """Return what the page's own scripts say, as a JSON object; empty for English."""
    if language == ENGLISH:
        return "{}"
    return cast("bytes", get_data(__name__, f"{language}/page.json")).decode()


# --- the degrees that people think in, and which are spoken right now -------------------

# Everything is kept in degrees Celsius. What a person reads or writes is in the unit of
# the home's settings: what was typed in half degrees of either comes back as it was typed.

CELSIUS: Final = "celsius"
FAHRENHEIT: Final = "fahrenheit"
UNITS: Final = (CELSIUS, FAHRENHEIT)
SYMBOLS: Final = {CELSIUS: "°C", FAHRENHEIT: "°F"}
_RATIO: Final = 1.8
_FREEZING: Final = 32.0
# Far finer than any thermometer, so that nothing that was typed is lost in between.
_KEPT_DIGITS: Final = 6
_SHOWN_DIGITS: Final = 2

_spoken: ContextVar[str] = ContextVar("switchbot_unit", default=CELSIUS)


def to_celsius(degrees: float, unit: str = FAHRENHEIT) -> float:
    """Return degrees of a unit in degrees Celsius.

    >>> to_celsius(68), to_celsius(20.5, CELSIUS)
    (20.0, 20.5)
    """
    if unit == CELSIUS:
        return degrees
    return round((degrees - _FREEZING) / _RATIO, _KEPT_DIGITS)


def from_celsius(celsius: float, unit: str = FAHRENHEIT) -> float:
    """Return degrees Celsius in degrees of a unit, to hundredths of a Fahrenheit.

    >>> from_celsius(to_celsius(68.5)), from_celsius(20.5, CELSIUS)
    (68.5, 20.5)
    """
    if unit == CELSIUS:
        return celsius
    return round(celsius * _RATIO + _FREEZING, _SHOWN_DIGITS)


def kelvin(difference: float, unit: str = FAHRENHEIT) -> float:
    """Return how far apart two temperatures are in degrees of a unit, to hundredths.

    >>> kelvin(1.5), kelvin(1.5, CELSIUS)
    (2.7, 1.5)
    """
    if unit == CELSIUS:
        return difference
    return round(difference * _RATIO, _SHOWN_DIGITS)


def degrees(celsius: float, unit: str | None = None) -> str:
    """Return degrees Celsius as a number in a unit, by default the one that is spoken.

    >>> degrees(20.0, FAHRENHEIT), degrees(20.5, CELSIUS)
    ('68', '20.5')
    """
    return f"{from_celsius(celsius, unit or measured_in()):g}"


def unit_of(document: object) -> str:
    """Return the unit of a document's temperatures; Celsius where it names none of ours."""
    unit = document.get("unit") if isinstance(document, Mapping) else None
    return FAHRENHEIT if unit == FAHRENHEIT else CELSIUS


def measured_in() -> str:
    """Return the unit in which this task or thread is told temperatures."""
    return _spoken.get()


@contextmanager
def measuring(unit: str) -> Iterator[None]:
    """Tell temperatures in one of `UNITS` within, in this task and what it starts.

    >>> from switchbot_automation.languages import translated
    >>> with measuring(FAHRENHEIT):
    ...     translated("at {room_celsius:g} °C", room_celsius=20.0)
    'at 68 °F'
    """
    token = _spoken.set(unit)
    try:
        yield
    finally:
        _spoken.reset(token)


def measure(unit: str) -> None:
    """Tell temperatures in a unit from now on: for a program one person sits before."""
    _spoken.set(unit)


def symbol() -> str:
    """Return the sign of the unit that is spoken."""
    return SYMBOLS[measured_in()]
