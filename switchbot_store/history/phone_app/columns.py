"""What the columns of the phone app's export mean. Pure."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from switchbot_store.errors import StoreDataError
from switchbot_store.languages import worded
from switchbot_store.numbers import read_number

DELIMITERS: Final = ",;\t"
_TIME_NAMES: Final = frozenset(("date", "timestamp", "time", "datetime", "date time"))
_UNKNOWN: Final = frozenset(
    ("", "-", "--", "na", "n/a", "nan", "none", "null", "unknown")
)
_NUMBER: Final = re.compile(
    r"([-+\u2212]?\d+(?:[.,\u066b]\d*)?|[-+\u2212]?[.,]\d+)\s*(?:°?[CF]|%|ppm|lux)?"
)
_SIGNS: Final = str.maketrans({",": ".", "\u066b": ".", "\u2212": "-"})
_EXTRAS: Final = {"light": "light_value", "co2": "co2_ppm"}
"""Other things a device measures, kept as metadata; what is computed is left out."""
_FREEZING_FAHRENHEIT: Final = 32
_COLDEST: Final = -100
_HOTTEST: Final = 150
_WETTEST: Final = 100
"""Outside of these no room was measured."""


@dataclass(frozen=True, slots=True)
class ExportColumns:
    """Where in a line the readings are. Extras are (name, place)."""

    count: int
    time: int
    temperature: int | None
    humidity: int | None
    fahrenheit: bool
    extras: tuple[tuple[str, int], ...] = ()

    def readings(
        self, cells: list[str]
    ) -> tuple[float | None, float | None, dict[str, float] | None]:
        """Return temperature in °C, humidity in %, extras; raise ValueError."""
        temperature = humidity = None
        if self.temperature is not None:
            temperature = _number(cells[self.temperature], "temperature")
            if temperature is not None:
                if self.fahrenheit:
                    temperature = in_celsius(temperature)
                if not _COLDEST <= temperature <= _HOTTEST:
                    raise ValueError(
                        worded(
                            "{temperature:g} °C was not measured in a room",
                            temperature=temperature,
                        )
                    )
        if self.humidity is not None:
            humidity = _number(cells[self.humidity], "humidity")
            if humidity is not None and not 0 <= humidity <= _WETTEST:
                raise ValueError(
                    worded(
                        "{humidity:g} % was not measured in a room", humidity=humidity
                    )
                )
        if temperature is None and humidity is None:
            raise ValueError(worded("no reading"))
        if not self.extras:
            return temperature, humidity, None
        extras = {name: _number(cells[at], name) for name, at in self.extras}
        known = {name: value for name, value in extras.items() if value is not None}
        return temperature, humidity, known or None


def in_celsius(fahrenheit: float) -> float:
    """Return degrees Celsius to two places, finer than what the app writes."""
    return round((fahrenheit - _FREEZING_FAHRENHEIT) * 5 / 9, 2)


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line; a quote never reaches beyond its line."""
    if '"' not in line:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def delimiter_of(header: str) -> str:
    """Return what separates the cells."""
    return max(DELIMITERS, key=header.count)


def columns_of(cells: list[str]) -> ExportColumns | None:
    """Return what the cells of a header name; None if they are no header.

    Raises StoreDataError for a header that lacks something.
    """
    names = [_plain(cell) for cell in cells]
    place: dict[str, int] = {}
    extras = []
    fahrenheit = False
    for at, name in enumerate(names):
        word = name.partition("(")[0].strip()
        if word in _TIME_NAMES:
            place.setdefault("time", at)
        elif word.startswith("temperature") and "temperature" not in place:
            place["temperature"] = at
            fahrenheit = _is_fahrenheit(name)
        elif word in ("relative humidity", "humidity"):
            place.setdefault("humidity", at)
        for start, extra in _EXTRAS.items():
            if word.startswith(start):
                extras.append((extra, at))
    if "time" not in place and len(place) == 0:
        return None
    if "time" not in place or len(place) == 1:
        raise StoreDataError(
            worded(
                "a header needs Date or Timestamp, and Temperature_Celsius, "
                "Temperature_Fahrenheit or Relative_Humidity; found: {names}",
                names=", ".join(names),
            ),
            path="header",
        )
    return ExportColumns(
        len(cells),
        place["time"],
        place.get("temperature"),
        place.get("humidity"),
        fahrenheit,
        tuple(extras),
    )


def _is_fahrenheit(name: str) -> bool:
    """Tell the unit, as the app was set: guessing would be worse than refusing."""
    celsius = "celsius" in name or "°c" in name or "(c)" in name
    fahrenheit = "fahrenheit" in name or "°f" in name or "(f)" in name
    if celsius == fahrenheit:
        raise StoreDataError(
            worded("{name!r} names neither Celsius nor Fahrenheit", name=name),
            path="header",
        )
    return fahrenheit


def _plain(cell: str) -> str:
    # ℃ and ℉ are °C and °F, ³ is 3.
    text = unicodedata.normalize("NFKC", cell).casefold()
    return " ".join(text.replace("_", " ").replace("º", "°").split()).strip("\ufeff ")


def _number(cell: str, what: str) -> float | None:
    try:
        number = read_number(cell)
    except ValueError:
        text = unicodedata.normalize("NFKC", cell).strip()
        if text.lower() in _UNKNOWN:
            return None
        found = _NUMBER.fullmatch(text)
        if not found:
            raise ValueError(
                worded("{what} {text!r} is no number", what=what, text=text[:40])
            ) from None
        return float(found[1].translate(_SIGNS))
    return None if number != number else number  # noqa: PLR0124 - NaN
