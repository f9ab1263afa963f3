"""Thousands of lines of an export read at once, as columns: a tenth of the time.

Only lines of the common form are: date and time of one length first, and behind them what
was read line by line before, which few of them differ in. Whatever else is among them is
left to who reads line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_store.history.meter_columns import ReadingColumns, arrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_store.history.model import Reading

_LENGTHS: Final = (len("2025-03-08 22:20"), len("2025-03-08 22:20:00"))
_FIRST_SECONDS: Final = 631_152_000
"""1990, as `dates` has it."""
_LAST_SECONDS: Final = 7_258_118_399
"""The end of 2199, likewise."""
_LONGEST: Final = 2**31 - 1
_MOST_READINGS: Final = 20_000


def columns_of_lines(
    text: str, delimiter: str, reading: Callable[[str, str], Reading | None]
) -> ReadingColumns | None:
    """Return what lines say, by the wall clock; None where any is of another form.

    `reading` tells what a date and the rest of its line are read as, None where that is
    not plain.
    """
    found = arrow()
    if found is None or '"' in text:
        return None
    pa, pc = found
    lines = pc.split_pattern(pa.array([text.removesuffix("\n").encode()]), b"\n")
    lines = lines.flatten()
    length = _length_of_dates(pc, lines, delimiter.encode())
    if length is None:
        return None
    dates = pc.binary_slice(lines, 0, length)
    rests = pc.binary_slice(lines, length + 1, _LONGEST).dictionary_encode()
    try:
        seconds = _seconds(pa, pc, dates)
    except pa.ArrowInvalid:
        return None
    if seconds is None or len(rests.dictionary) > _MOST_READINGS:
        return None
    some = dates[0].as_py().decode()
    readings = []
    for rest in rests.dictionary.to_pylist():
        told = reading(some, rest.decode())
        if told is None:
            return None
        readings.append(told)
    return ReadingColumns(seconds, rests.indices, readings)


def _length_of_dates(pc: Any, lines: Any, delimiter: bytes) -> int | None:
    """Return how long the date of every line is, None where they differ."""
    shortest = pc.min(pc.binary_length(lines)).as_py()
    for length in _LENGTHS:
        if shortest > length:
            marks = pc.binary_slice(lines, length, length + 1)
            if pc.all(pc.equal(marks, delimiter)).as_py():
                return length
    return None


def _seconds(pa: Any, pc: Any, dates: Any) -> Any:
    """Return the seconds since 1970, None for a year of no meter."""
    texts = dates.cast(pa.string())
    if b"/" in dates[0].as_py():
        texts = pc.replace_substring(texts, "/", "-")
    seconds = texts.cast(pa.timestamp("s")).cast(pa.int64())
    ends = pc.min_max(seconds).as_py()
    known = ends["min"] >= _FIRST_SECONDS and ends["max"] <= _LAST_SECONDS
    return seconds if known else None
