"""Degrees that people think in, by the name that hosts import them by."""

from __future__ import annotations

from switchbot_automation.languages import (
    CELSIUS,
    FAHRENHEIT,
    SYMBOLS,
    UNITS,
    degrees,
    from_celsius,
    measured_in,
    measuring,
    to_celsius,
    unit_of,
)

__all__ = [
    "CELSIUS",
    "FAHRENHEIT",
    "SYMBOLS",
    "UNITS",
    "degrees",
    "from_celsius",
    "measured_in",
    "measuring",
    "to_celsius",
    "unit_of",
]
