"""Rows in the text format of COPY.

See https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
"""

from __future__ import annotations

from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import orjson

from switchbot_store.history.meter_columns import MeterColumns
from switchbot_store.history.model import MeterBlock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo
    from typing import Any

    from switchbot_store.history.model import HistorySample

_LINES_AT_ONCE: Final = 2000
_MINUTES: Final = [f":{minute:02}:00+00" for minute in range(60)]
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_lines(samples: Sequence[HistorySample]) -> Iterator[bytes]:
    """Yield the samples' columns, in the order of `codec.COLUMNS` but zone first."""
    if isinstance(samples, MeterColumns):
        yield _column_lines(samples)
        return
    for first in range(0, len(samples), _LINES_AT_ONCE):
        part = samples[first : first + _LINES_AT_ONCE]
        if isinstance(part, MeterBlock):
            lines = _meter_lines(part)
        else:
            lines = [_line(sample) for sample in part]
        yield "".join(lines).encode()


def _meter_lines(block: MeterBlock) -> list[str]:
    zone, timezone = _text(block.zone), block.timezone
    return [
        f"{zone}\t{_instant(moment)}\t{_meter_readings(temperature, humidity, timezone)}"
        f"{_json(metadata)}\n"
        for moment, (temperature, humidity, metadata) in block.rows
    ]


def _column_lines(samples: MeterColumns) -> bytes:
    columns, timezone = samples.columns, samples.timezone
    texts = [
        f"{_meter_readings(temperature, humidity, timezone)}{_json(metadata)}\n"
        for temperature, humidity, metadata in columns.readings
    ]
    return columns.told(f"{_text(samples.zone)}\t", "+00\t", texts)


@lru_cache(16_384)  # meters tell tenths, and rooms stay within few of them
def _meter_readings(
    temperature: float | None, humidity: float | None, timezone: str
) -> str:
    return (
        f"{_reading(temperature)}\t{_reading(humidity)}"
        f"\t\\N\t\\N\t\\N\t0\tf\t{_text(timezone)}\t"
    )


def _line(sample: HistorySample) -> str:
    return (
        f"{_text(sample.zone)}\t{_instant(sample.timestamp)}"
        f"\t{_reading(sample.temperature)}\t{_reading(sample.humidity)}\t{_rest(sample)}"
    )


def _rest(sample: HistorySample) -> str:
    return (
        f"{_text(sample.assumed_aircon_power)}\t{_text(sample.last_action)}"
        f"\t{_number(sample.api_requests_today)}\t{sample.error_count}"
        f"\t{'t' if sample.last_temperature_stale else 'f'}\t{_text(sample.timezone)}"
        f"\t{_json(sample.metadata)}\n"
    )


def _instant(moment: datetime) -> str:
    if moment.second or moment.microsecond:
        return moment.isoformat()
    # Meters tell whole minutes; twice as fast.
    hour = _hour(moment.year, moment.month, moment.day, moment.hour, moment.tzinfo)
    return hour + _MINUTES[moment.minute] if hour else moment.isoformat()


@lru_cache(256)
def _hour(
    year: int, month: int, day: int, hour: int, timezone: tzinfo | None
) -> str | None:
    """Return how an instant of an hour of UTC begins."""
    if timezone is not UTC:
        return None
    return f"{year:04}-{month:02}-{day:02} {hour:02}"


@lru_cache(1024)  # zones, timezones and actions are few
def _text(text: str | None) -> str:
    return "\\N" if text is None else text.translate(_ESCAPES)


@lru_cache(4096)  # meters tell tenths, and rooms stay within few of them
def _reading(reading: float | None) -> str:
    return "\\N" if reading is None else repr(reading)


def _number(number: int | None) -> str:
    return "\\N" if number is None else repr(number)


def _json(document: Mapping[str, Any] | None) -> str:
    if document is None:
        return "\\N"
    # JSON writes tabs and ends of lines as escapes itself.
    return orjson.dumps(document).replace(b"\\", b"\\\\").decode()
