"""Recorded rows as CSV, JSON Lines or Parquet, page by page."""

from __future__ import annotations

import csv
import io
import os
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import orjson

from switchbot_store.arguments import no_setting
from switchbot_store.errors import HistoryError, StoreConfigError
from switchbot_store.files.durable import new_beside, sync_directory
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from switchbot_store.history.model import HistoryRow

Target = str | os.PathLike[str] | IO[bytes]

_SUFFIXES: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_RUN: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "|",
    "%",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)
"""What a formula or a command may begin with, in one spreadsheet or another."""
_BLANKS: Final = " \u00a0\u3000"
# Where a comma is in every number, cells are told apart by a semicolon, and a text that has
# one begins a cell there; those who split at tabs or lines alone do so likewise.
_BEGINS_A_CELL: Final = re.compile(
    rf"([;|\t\r\n])(?=[{_BLANKS}\"]*[{re.escape(''.join(_RUN))}])"
)
_LINES: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME


class _Writer(Protocol):
    def __call__(self, rows: Sequence[HistoryRow]) -> None:
        """Append rows."""


def format_of(target: Target, format_name: str | None) -> str:
    """Return ``csv``, ``jsonl`` or ``parquet``; by the name of a file if not given.

    Raises StoreConfigError.
    """
    if format_name is None and isinstance(target, str | os.PathLike):
        format_name = _SUFFIXES.get(Path(target).suffix.lower())
    if not isinstance(target, str | os.PathLike) and not hasattr(target, "write"):
        raise no_setting("a path or a binary file", target, "target")
    if not isinstance(format_name, str) or format_name not in _WRITERS:
        accepted = ", ".join(_WRITERS)
        raise StoreConfigError(
            worded(
                "{format_name!r} is no format; accepted: {accepted}",
                format_name=format_name,
                accepted=accepted,
            ),
            variable="format",
        )
    return format_name


def write_pages(
    pages: Iterable[list[HistoryRow]],
    target: Target,
    fields: Sequence[str],
    format_name: str,
    *,
    spreadsheet: bool = False,
) -> int:
    """Write all pages and return how many rows they had.

    A file appears under its name, for its owner alone, only when it is whole. With
    `spreadsheet` no cell of a CSV is one that a spreadsheet would run. Raises HistoryError
    when it cannot be written, StoreConfigError when Parquet has no pyarrow.
    """
    writer = _spreadsheet if spreadsheet and format_name == "csv" else None
    try:
        with (
            _opened(target) as file,
            (writer or _WRITERS[format_name])(file, fields) as write,
        ):
            count = 0
            for rows in pages:
                write(rows)
                count += len(rows)
    except OSError as error:
        raise HistoryError(
            worded("{path}: {error}", path=_name_of(target), error=error)
        ) from error
    return count


def _name_of(target: Target) -> str:
    if isinstance(target, str | os.PathLike):
        return os.fspath(target)
    return str(getattr(target, "name", "the export"))


@contextmanager
def _opened(target: Target) -> Iterator[IO[bytes]]:
    if not isinstance(target, str | os.PathLike):
        yield target
        return
    path = Path(target)
    if path.exists() and not path.is_file():
        # A pipe or a device such as /dev/null: nothing to put in its place.
        with path.open("wb") as file:
            yield file
        return
    # A name of its own, never one that is there: two may export at once, and somebody
    # else may write in the directory.
    name, descriptor = new_beside(str(path))
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_directory(str(path.parent))
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _csv(
    file: IO[bytes],
    fields: Sequence[str],
    cell: Callable[[object], object] | None = None,
) -> Iterator[_Writer]:
    cell = cell or _cell
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    lines = csv.writer(text)
    lines.writerow(fields)

    def write(rows: Sequence[HistoryRow]) -> None:
        lines.writerows([cell(row[name]) for name in fields] for row in rows)

    try:
        yield write
    finally:
        text.detach()  # the file is not ours to close


def _spreadsheet(
    file: IO[bytes], fields: Sequence[str]
) -> AbstractContextManager[_Writer]:
    return _csv(file, fields, _harmless_cell)


def _harmless_cell(value: object) -> object:
    """Return a cell that is text to every spreadsheet; numbers stay numbers."""
    cell = _cell(value)
    if not isinstance(cell, str):
        return cell
    cell = _BEGINS_A_CELL.sub(r"\1'", cell)
    return f"'{cell}" if cell.lstrip(_BLANKS).startswith(_RUN) else cell


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    return _stamp(value) if isinstance(value, datetime) else value


def _stamp(moment: datetime) -> str:
    """Write in one form whatever the digits: pandas reads a column of two as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


@contextmanager
def _json_lines(file: IO[bytes], _fields: Sequence[str]) -> Iterator[_Writer]:
    def write(rows: Sequence[HistoryRow]) -> None:
        file.write(b"".join(orjson.dumps(row, _stamp, _LINES) for row in rows))

    yield write


@contextmanager
def _parquet(file: IO[bytes], fields: Sequence[str]) -> Iterator[_Writer]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - large, and few need it
        from pyarrow import parquet  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise StoreConfigError(
            worded("Parquet needs pyarrow: pip install switchbot-automation[parquet]"),
            variable="format",
        ) from error
    types = {
        "timestamp": pa.timestamp("us", tz="UTC"),
        "temperature": pa.float64(),
        "humidity": pa.float64(),
        "api_requests_today": pa.int64(),
        "error_count": pa.int64(),
        "last_temperature_stale": pa.bool_(),
    }
    # Metadata is JSON text: its shape differs from row to row.
    schema = pa.schema([(name, types.get(name, pa.string())) for name in fields])

    def column(rows: Sequence[HistoryRow], name: str) -> list[Any]:
        values = [row[name] for row in rows]
        return [_cell(each) for each in values] if name == "metadata" else values

    with parquet.ParquetWriter(file, schema) as writer:

        def write(rows: Sequence[HistoryRow]) -> None:
            columns = [column(rows, name) for name in fields]
            writer.write_table(pa.table(columns, schema=schema))

        yield write


_WRITERS: Final[
    dict[str, Callable[[IO[bytes], Sequence[str]], AbstractContextManager[_Writer]]]
] = {"csv": _csv, "jsonl": _json_lines, "parquet": _parquet}
