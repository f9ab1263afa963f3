"""A chart in letters, for a terminal."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchbot_store.history.query.chart import Chart, Curve, RunningTime

_MARGIN: Final = 8
_NARROWEST: Final = 30
_HEIGHT: Final = 8
_LEAST_SPAN: Final = 0.5
"""Finer than this a curve would show the rounding of the meter."""
_BRAILLE: Final = 0x2800
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of the dots of a braille character: by column, from the top down."""
_LABEL_COLUMNS: Final = 24
_TIME_FORMS: Final = (
    *((1.05, "%H:%M"), (5, "%d %b %H:%M"), (300, "%d %b")),
    (float("inf"), "%b %Y"),
)
"""How times read best, by the most days that they cover."""
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"


def render(chart: Chart, width: int) -> list[str]:
    """Return the lines of the chart, at most `width` characters each.

    Temperature and humidity are dots, the unit's running time a row of blocks; the
    axis is broken where there are no readings.
    """
    columns = max(_NARROWEST, width - _MARGIN)
    span = f"{chart.start:%Y-%m-%d %H:%M} to {chart.end:%Y-%m-%d %H:%M}"
    lines = [f"{chart.zone}, {span} ({chart.timezone.key}), {chart.count:,} readings"]
    for curve, unit in ((chart.temperature, "°C"), (chart.humidity, "%")):
        if curve.known:
            lines += ["", *_curve(chart, curve, unit, columns)]
    if chart.aircon is not None:
        lines += ["", _running(chart, chart.aircon, columns)]
    lines += [_axis(chart, columns), _times(chart, columns)]
    return lines


def _column(chart: Chart, moment: datetime, columns: int) -> int:
    share = (moment - chart.start) / (chart.end - chart.start)
    return min(columns - 1, max(0, int(share * columns)))


def _curve(chart: Chart, curve: Curve, unit: str, columns: int) -> list[str]:
    known = [value for value in curve.mean if not isnan(value)]
    low, high = min(known), max(known)
    middle, span = (high + low) / 2, max(high - low, _LEAST_SPAN)
    low, high = middle - span / 2, middle + span / 2
    levels = 4 * _HEIGHT - 1
    cells = [[0] * columns for _ in range(_HEIGHT)]
    before: tuple[int, int] | None = None
    for moment, value in zip(curve.times, curve.mean, strict=True):
        if isnan(value):
            before = None
            continue
        dot = _column(chart, moment, 2 * columns)
        level = round((high - value) / span * levels)
        for x, y in _line(before or (dot, level), (dot, level)):
            cells[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
        before = dot, level
    labels = {0: f"{high:.1f} {unit}", _HEIGHT - 1: f"{low:.1f} {unit}"}
    return [
        f"{labels.get(number, ''):>{_MARGIN - 1}} {_dots(row)}".rstrip()
        for number, row in enumerate(cells)
    ]


def _dots(row: Sequence[int]) -> str:
    return "".join(chr(_BRAILLE + bits) if bits else " " for bits in row)


def _line(start: tuple[int, int], end: tuple[int, int]) -> Sequence[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    if steps == 0:
        return [end]
    return [
        (
            round(start[0] + (end[0] - start[0]) * step / steps),
            round(start[1] + (end[1] - start[1]) * step / steps),
        )
        for step in range(steps + 1)
    ]


def _running(chart: Chart, aircon: RunningTime, columns: int) -> str:
    """Return a row of blocks, each as high as the share of its time."""
    seconds = (chart.end - chart.start).total_seconds() / columns
    on = [0.0] * columns
    for start, share in zip(aircon.times, aircon.shares, strict=True):
        first = _column(chart, start, columns)
        last = _column(chart, start + aircon.width, columns)
        for column in range(first, max(first + 1, last)):
            part = min(1.0, aircon.width.total_seconds() / seconds)
            on[column] += share * part
    blocks = "".join(
        _BLOCKS[min(8, round(8 * share + 0.4 * (share > 0)))] for share in on
    )
    return f"{'AC on':>{_MARGIN - 1}} {blocks.rstrip()}  {aircon.hours:.0f} h".rstrip()


def _axis(chart: Chart, columns: int) -> str:
    marks = ["─"] * columns
    for start, end in chart.gaps:
        first, last = (_column(chart, each, columns) for each in (start, end))
        for column in range(first, max(first + 1, last)):
            marks[column] = "·"
    return " " * _MARGIN + "".join(marks)


def _times(chart: Chart, columns: int) -> str:
    days = (chart.end - chart.start).total_seconds() / 86400
    form = next(form for most, form in _TIME_FORMS if days <= most)
    span = chart.end - chart.start
    labels = max(1, min(4, columns // _LABEL_COLUMNS))
    moments = [
        (chart.start + span * part / labels).strftime(form)
        for part in range(labels + 1)
    ]
    line = [" "] * columns
    for part, text in enumerate(moments):
        if part == labels - 1 and columns // labels < len(moments[-1]) + len(text):
            continue  # the last one needs the place
        at = min(columns - len(text), part * columns // labels)
        line[at : at + len(text)] = text
    return " " * _MARGIN + "".join(line).rstrip()
