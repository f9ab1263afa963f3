"""Rows in the text format of COPY.

See https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from switchbot_store.history.model import HistorySample

_LINES_AT_ONCE: Final = 2000
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_lines(samples: Sequence[HistorySample]) -> Iterator[bytes]:
    """Yield the samples' columns, in the order of `codec.COLUMNS` but zone first."""
    for first in range(0, len(samples), _LINES_AT_ONCE):
        part = samples[first : first + _LINES_AT_ONCE]
        yield "".join([_line(sample) for sample in part]).encode()


def _line(sample: HistorySample) -> str:
    return (
        f"{_text(sample.zone)}\t{sample.timestamp.isoformat()}"
        f"\t{_reading(sample.temperature)}\t{_reading(sample.humidity)}\t{_rest(sample)}"
    )


def _rest(sample: HistorySample) -> str:
    if (
        sample.assumed_aircon_power is None
        and sample.last_action is None
        and sample.api_requests_today is None
        and sample.metadata is None
        and not sample.error_count
        and not sample.last_temperature_stale
    ):
        return _reading_alone(sample.timezone)
    return (
        f"{_text(sample.assumed_aircon_power)}\t{_text(sample.last_action)}"
        f"\t{_number(sample.api_requests_today)}\t{sample.error_count}"
        f"\t{'t' if sample.last_temperature_stale else 'f'}\t{_text(sample.timezone)}"
        f"\t{_json(sample.metadata)}\n"
    )


@lru_cache(64)  # what a meter alone tells, as in an import of hundreds of thousands
def _reading_alone(timezone: str) -> str:
    return f"\\N\t\\N\t\\N\t0\tf\t{_text(timezone)}\t\\N\n"


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
