"""The degrees that people think in, and which are spoken right now.

Everything is kept in degrees Celsius. What a person reads or writes is in the unit of the
home's settings: what was typed in half degrees of either comes back as it was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

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
