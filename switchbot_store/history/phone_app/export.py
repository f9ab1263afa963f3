"""The phone app's CSV export, line by line, as samples.

The forms are those that people's exports have: ``Date,Temperature_Celsius(℃),
Relative_Humidity(%),DPT(℃),VPD(kPa),Abs Humidity(g/m³)``, ``Timestamp,
Temperature_Celsius,Relative_Humidity`` and others, with degrees Celsius or Fahrenheit
as the phone was set. No form names the timezone or the device.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING, Final

from switchbot_store.errors import StoreDataError
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.history.meter_columns import (
    MeterColumns,
    ReadingColumns,
    arrow,
)
from switchbot_store.history.model import HistorySample, MeterBlock, Reading
from switchbot_store.history.phone_app.columns import (
    ExportColumns,
    columns_of,
    delimiter_of,
    split_line,
)
from switchbot_store.history.phone_app.dates import (
    DateOrder,
    common_moments,
    needs_order,
    order_of,
    parse_moment,
)
from switchbot_store.history.phone_app.local_time import LocalTime
from switchbot_store.history.phone_app.many_lines import columns_of_lines
from switchbot_store.history.phone_app.same_minute import DistinctRows
from switchbot_store.history.query.buckets import timezone_of
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from switchbot_store.history.phone_app.local_time import ClockChange, Row

BLOCK_ROWS: Final = 50_000
"""Few enough to hold, many enough that the way to the database does not count."""
MAX_LISTED: Final = 1000
"""Bad lines listed with their numbers; of the others the count is kept."""

_LINE_LIMIT: Final = 64 * 1024
_FEW_LINES: Final = 400
"""Few enough that one of them which is new holds up no more."""
_BLOCK_CHARACTERS: Final = 16 * 1024
_MANY_CHARACTERS: Final = 1024 * 1024
"""Some ten thousand lines, which are read at once if all are plain."""
_LARGE_BYTES: Final = 8 * 1024 * 1024
"""From here on that gains more than loading what it needs takes."""
_HEADER_LINES: Final = 20
_SNIFFED_BYTES: Final = 64 * 1024
_SHOWN: Final = 80
_BLANK: Final = " ,;\t\ufeff\x1a"
"""What a line without content has: spreadsheets leave such, old systems end so."""
_MOST_KNOWN: Final = 20_000
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_YEAR_AND_TIME: Final = re.compile(r" *\d{4}\b")
_NAMED: Final = re.compile("temperature|humidity", re.IGNORECASE)
"""One of these is in every header, where that is of plain letters."""
_TIME_ALONE: Final = re.compile(r"[^\d:]*\d{1,2}:\d{2}(?:[^\d].*)?")
_PACKED: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b")
"""How Excel files and archives begin."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line left out: its number in the file, from 1, why, and how it begins."""

    number: int
    reason: str
    text: str


@dataclass(slots=True)
class ExportReport:
    """What a file held, complete once all blocks were taken.

    `rows` were good, `repeated` of the lines said what another of their minute had said,
    `bad` were left out; `first` and `last` are the oldest and newest instant, UTC.
    """

    rows: int = 0
    repeated: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    unit: str = "celsius"
    clock_changes: list[ClockChange] = field(default_factory=list)


class AppExport:
    """One exported file of one device.

    `zone` gets its rows; `timezone`, an IANA name, is where the phone was. Making one
    reads the header. `date_order` says what 03/08/2025 is, where the file does not.
    Raises StoreDataError when the file is no export, StoreConfigError for another
    argument, OSError.
    """

    def __init__(
        self,
        path: Path,
        *,
        zone: str,
        timezone: str,
        date_order: DateOrder | None = None,
    ) -> None:
        self.path = path
        self.report: ExportReport = ExportReport()
        self._zone = zone
        self._timezone = timezone
        self._home = timezone_of(timezone)
        # What is the same in every row; what differs is checked line by line.
        normalised(HistorySample(datetime.now(UTC), zone, timezone=timezone))
        self._order = date_order
        self._delimiter = ","
        self._encoding = _encoding_of(path)
        with self._opened() as file:
            self._header_lines, self._columns = self._find_header(file)
        self._check_date_order()

    def blocks(
        self, progress: Callable[[int], None] | None = None
    ) -> Iterator[MeterBlock | MeterColumns]:
        """Yield the samples in the file's order, a block at a time, once.

        A large file is read many times as fast where pyarrow is there.
        `progress` is called with the bytes read so far.
        """
        self.report = ExportReport(
            unit="fahrenheit" if self._columns.fahrenheit else "celsius"
        )
        with self._opened() as file:
            local, distinct = LocalTime(self._home), DistinctRows()
            placed = local.placed(self._readings(file))
            for block in _blocks(distinct.of(placed)):
                self._count(block)
                self.report.repeated = distinct.repeated
                if progress is not None:
                    progress(file.buffer.tell())  # type: ignore[attr-defined]  # open() gives one
                if isinstance(block, ReadingColumns):
                    yield MeterColumns(self._zone, self._timezone, block)
                else:
                    yield MeterBlock(self._zone, self._timezone, block)
        self.report.repeated = distinct.repeated
        self.report.clock_changes = list(local.changes.values())

    def _count(self, block: list[Row] | ReadingColumns) -> None:
        report = self.report
        if isinstance(block, ReadingColumns):
            first, last = block.span()
        else:
            stamps = [moment for moment, _ in block]
            first, last = min(stamps), max(stamps)
        report.rows += len(block)
        report.first = first if report.first is None else min(first, report.first)
        report.last = last if report.last is None else max(last, report.last)

    def _readings(self, file: IO[str]) -> Iterator[list[Row] | ReadingColumns]:
        """Yield the rows of the wall clock, some lines at once."""
        columns = self._columns
        # What follows the date comes again and again: meters tell tenths.
        known: dict[str, Reading] = {}
        large = self.path.stat().st_size >= _LARGE_BYTES and arrow() is not None
        for number, text in self._texts(file, _MANY_CHARACTERS if large else 0):
            if large and columns.time == 0 and number > self._header_lines:
                plain = partial(self._plain_reading, columns=columns, known=known)
                many = columns_of_lines(text, self._delimiter, plain)
                if many is not None:
                    yield many
                    continue
            lines = text.removesuffix("\n").split("\n")
            for place in range(0, len(lines), _FEW_LINES):
                few = lines[place : place + _FEW_LINES]
                rows, columns = self._few_rows(number + place, few, columns, known)
                if rows:
                    yield rows

    def _few_rows(
        self,
        first: int,
        lines: list[str],
        columns: ExportColumns,
        known: dict[str, Reading],
    ) -> tuple[list[Row], ExportColumns]:
        """Return what some lines say, and the columns that hold below them."""
        if columns.time == 0:
            plain = _all_plain(lines, self._delimiter, known)
            if plain is not None:
                return plain, columns
        rows = []
        for number, line in self._sound_lines(first, lines):
            found = self._row(number, line, columns, known)
            if isinstance(found, ExportColumns):
                columns = found
                known.clear()
            elif found is not None:
                rows.append(found)
        return rows, columns

    def _plain_reading(
        self, date: str, rest: str, *, columns: ExportColumns, known: dict[str, Reading]
    ) -> Reading | None:
        """Return what stands behind a date, None where it is to be looked at by itself."""
        if rest in known:
            return known[rest]
        cells = split_line(f"{date}{self._delimiter}{rest}", self._delimiter)
        try:
            cells = _whole(cells, columns)
            reading = columns.readings(cells)
        except ValueError:
            return None
        if cells[0] != date or not _may_come_again(rest):
            return None
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[rest] = reading
        return reading

    def _row(
        self, number: int, line: str, columns: ExportColumns, known: dict[str, Reading]
    ) -> Row | ExportColumns | None:
        """Return what a line says; None where it is left out.

        Exports laid end to end have a header in the middle: then it is what that says.
        """
        date, _, rest = line.partition(self._delimiter)
        if rest in known:
            try:
                return parse_moment(date, self._order), known[rest]
            except ValueError:
                pass  # said below, of the whole line
        cells = split_line(line, self._delimiter)
        try:
            cells = _whole(cells, columns)
            moment = parse_moment(cells[columns.time], self._order)
            reading = columns.readings(cells)
        except ValueError as error:
            other = _header_within(cells)
            if other is None and line.strip(_BLANK):
                self._leave_out(number, line, str(error))
            return other
        if columns.time == 0 and cells[0] == date and _may_come_again(rest):
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[rest] = reading
        return moment, reading

    def _sound_lines(self, first: int, lines: list[str]) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(lines, first):
            if len(line) >= _LINE_LIMIT:
                self._leave_out(number, line, "too long for a line")
            elif number > self._header_lines:
                yield number, line

    def _line_blocks(self, file: IO[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield lines by the hundred, each with the number of the first."""
        for number, text in self._texts(file, 0):
            yield number, text.removesuffix("\n").split("\n")

    def _texts(self, file: IO[str], characters: int) -> Iterator[tuple[int, str]]:
        """Yield whole lines as one text, with the number of the first.

        From the second on a text has about so many characters, at least some hundred lines.
        Of a line that is too long no more than its beginning is in memory.
        """
        number, wanted = 1, _BLOCK_CHARACTERS
        while text := file.read(wanted):
            wanted = max(characters, _BLOCK_CHARACTERS)
            if not text.endswith("\n"):
                rest = file.readline(_LINE_LIMIT)
                text += rest
                while rest and not rest.endswith("\n"):
                    rest = file.readline(_LINE_LIMIT)
            yield number, text
            number += text.removesuffix("\n").count("\n") + 1

    def _leave_out(self, number: int, line: str, reason: str) -> None:
        self.report.bad += 1
        if len(self.report.bad_lines) < MAX_LISTED:
            self.report.bad_lines.append(BadLine(number, reason, line[:_SHOWN]))

    def _opened(self) -> IO[str]:
        return self.path.open(encoding=self._encoding, errors="replace")

    def _find_header(self, file: IO[str]) -> tuple[int, ExportColumns]:
        """Return how many lines the header ends after, and what it says."""
        for number in range(1, _HEADER_LINES + 1):
            line = file.readline(_LINE_LIMIT)
            delimiter = delimiter_of(line)
            columns = columns_of(split_line(line.rstrip("\n"), delimiter))
            if columns is not None:
                self._delimiter = delimiter
                return number, columns
        raise StoreDataError(
            worded(
                "no export of the app: no line names Date or Timestamp and a "
                "temperature"
            )
        )

    def _check_date_order(self) -> None:
        if self._order is not None:
            return
        with self._opened() as file:
            dates = filter(needs_order, self._dates(file))
            first = next(dates, None)
            if first is None:
                return
            try:
                self._order = order_of(chain((first,), dates))
            except ValueError as error:
                raise StoreDataError(
                    worded(
                        "{error}: divide the file, or say --date-order day or "
                        "--date-order month, which leaves out what the other alone can "
                        "read",
                        error=error,
                    )
                ) from error
        if self._order is None:
            raise StoreDataError(
                worded(
                    "is the day or the month first in {first!r}? nothing in the file "
                    "tells: say --date-order day or --date-order month",
                    first=first,
                )
            )

    def _dates(self, file: IO[str]) -> Iterator[str]:
        """Yield the date of every line that may need an order, below another header too."""
        columns = self._columns
        for first, lines in self._line_blocks(file):
            if columns.time == 0 and "".join([line[:4] for line in lines]).isdecimal():
                continue  # the year comes first in all of them
            for _, line in self._sound_lines(first, lines):
                cells = split_line(line, self._delimiter)
                try:
                    cells = _whole(cells, columns)
                except ValueError:
                    columns = _header_within(cells) or columns
                    continue
                yield cells[columns.time]


def _blocks(
    chunks: Iterable[list[Row] | ReadingColumns],
) -> Iterator[list[Row] | ReadingColumns]:
    block: list[Row] = []
    columns: ReadingColumns | None = None
    for chunk in chunks:
        if isinstance(chunk, ReadingColumns):
            both = None if columns is None else columns.and_then(chunk)
            if both is None:
                yield from filter(None, (columns, block))
                block = []
            columns = both or chunk
            continue
        if columns is not None:
            yield columns
            columns = None
        block += chunk
        while len(block) >= BLOCK_ROWS:
            yield block[:BLOCK_ROWS]
            del block[:BLOCK_ROWS]
    yield from filter(None, (columns, block))


def _all_plain(
    lines: list[str], delimiter: str, known: Mapping[str, Reading]
) -> list[Row] | None:
    """Return the rows of lines that all say what others said before, at common dates.

    None where any does not: then each is looked at. Most of a file is read so, in a
    third of the time.
    """
    parts = [line.partition(delimiter) for line in lines]
    try:
        readings = [known[rest] for _, _, rest in parts]
    except KeyError:
        return None
    moments = common_moments([date for date, _, _ in parts])
    return None if moments is None else list(zip(moments, readings, strict=True))


def _may_come_again(rest: str) -> bool:
    return len(rest) <= _SHOWN and '"' not in rest


def _whole(cells: list[str], columns: ExportColumns) -> list[str]:
    """Return as many cells as the header has; raise ValueError.

    A date that commas cut, ``Sep 1, 2026, 07:56``, is mended; empty cells may be
    missing at the end, or be too many.
    """
    at = columns.time
    if len(cells) == columns.count and cells[at][:1].isdigit():
        return cells
    if (
        len(cells) > at
        and cells[at][:1].isalpha()
        and "," not in cells[at]
        and _YEAR_AND_TIME.match("".join(cells[at + 1 : at + 2]))
    ):
        cells = _joined(cells, at)
    if len(cells) > columns.count and _TIME_ALONE.fullmatch(cells[at + 1]):
        cells = _joined(cells, at)
    if len(cells) > columns.count:
        if any(map(str.strip, cells[columns.count :])):
            raise ValueError(
                worded(
                    "{number} cells under {count} names; is a comma both the decimal "
                    "sign and what separates?",
                    number=len(cells),
                    count=columns.count,
                )
            )
        cells = cells[: columns.count]
    if len(cells) < columns.count:
        needed = max(at, columns.temperature or 0, columns.humidity or 0)
        if len(cells) <= needed:
            raise ValueError(
                worded(
                    "{number} of {count} cells", number=len(cells), count=columns.count
                )
            )
        cells = [*cells, *[""] * (columns.count - len(cells))]
    return cells


def _joined(cells: list[str], at: int) -> list[str]:
    return [*cells[:at], f"{cells[at]},{cells[at + 1]}", *cells[at + 2 :]]


def _header_within(cells: list[str]) -> ExportColumns | None:
    """Return what a line below the header says if it is another one."""
    line = " ".join(cells)
    if line.isascii() and not _NAMED.search(line):
        return None
    try:
        return columns_of(cells)
    except StoreDataError:
        return None


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_SNIFFED_BYTES)
    if start.startswith(_PACKED):
        raise StoreDataError(
            worded("an Excel file or archive; the app exports CSV as well")
        )
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    pairs = len(start) // 2
    if pairs and start[1::2].count(0) > 0.9 * pairs:
        return "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        # What matters is ASCII but for the degree sign, which Western pages share.
        return "cp1252"
    return "utf-8"
