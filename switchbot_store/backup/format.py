"""The file of a backup: JSON Lines, gzipped, with a checksum at the end.

::

    {"format": "switchbot_store backup", "version": 1, "created_at": ..., "source": ...}
    {"document": {"key": ..., "updated_at": ..., "data": {...}}}
    {"row": {"timestamp": ..., "zone": ..., "temperature": ..., ...}}
    {"hour": {...}}
    {"reading": {"timestamp": ..., "device_id": ..., "attribute": ..., "value": ...}}
    {"reading_hour": {...}}
    {"end": {"documents": 2, "rows": 1051200, "hours": 0}, "sha256": ...}

``zcat`` shows it and any language reads it. `hour` is an hour of the rollup whose rows
are gone. ``sha256`` is that of everything before the last line, uncompressed. A file
without its last line is no backup, so that half of one is never taken for a whole.

What devices said (`reading`, and `reading_hour` where retention deleted it) makes it a file of
version 2; one without is of version 1, as before, and read by older programs.

Writing and reading take the memory of one line.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self, TypeAlias

import orjson

from switchbot_store.codec import decode, encode, is_internal, validate_key
from switchbot_store.errors import (
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.files.durable import (
    directory_of,
    new_beside,
    replace,
    sync_directory,
    wrapped_os_errors,
)
from switchbot_store.history.frozen import frozen_hour
from switchbot_store.history.ingest import codec
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.history.model import HistorySample
from switchbot_store.history.readings.model import (
    READING_FIELDS,
    DeviceReading,
    checked_hour,
    checked_reading,
)
from switchbot_store.instants import EARLIEST, LATEST, parse_instant
from switchbot_store.languages import reworded, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from switchbot_store.history.model import HistoryRow
    from switchbot_store.model import Document

FORMAT: Final = "switchbot_store backup"
VERSION: Final = 2
_MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""A document has 16 MB at most; what is longer than this is no backup of ours."""
_COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each a backup holds; `readings` and their hours are of devices."""

    documents: int = 0
    rows: int = 0
    hours: int = 0
    readings: int = 0
    reading_hours: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return them by name, those of devices where there are any."""
        return {
            name: count
            for name, count in asdict(self).items()
            if count or not name.startswith("reading")
        }


@dataclass(frozen=True, slots=True)
class BackedUpDocument:
    """One document; `updated_at` is aware UTC, None if it was not known."""

    key: str
    data: Document = field(repr=False)
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class BackedUpHour:
    """An hour of the rollup whose rows are gone; see `history.frozen`."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BackedUpReadingHour:
    """An hour of what a device said whose readings are gone, with `HOUR_FIELDS`."""

    values: HistoryRow


Record: TypeAlias = (
    BackedUpDocument
    | HistorySample
    | BackedUpHour
    | DeviceReading
    | BackedUpReadingHour
)
"""What a backup is made of."""


class BackupWriter:
    """Writes a backup; a context manager.

    The file appears at `path`, durable and whole, when the `with` block ends well, and
    not at all when it does not. `source` says in words what was backed up; `readings`
    whether it has any of devices. Raises StoreUnavailableError for what the operating
    system refuses.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, source: str, readings: bool = False
    ) -> None:
        self.path: str = os.fspath(path)
        self._source = source
        self._version = VERSION if readings else 1
        self._temporary = ""
        self._file: BinaryIO | None = None
        self._lines: gzip.GzipFile | None = None
        self._digest = hashlib.sha256()
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Counts:
        """What was written so far."""
        return Counts(**self._counts)

    def __enter__(self) -> Self:
        with wrapped_os_errors(f"cannot write {self.path}"):
            # Settings hold webhook addresses, which are secrets: it is its owner's alone.
            self._temporary, descriptor = new_beside(self.path)
            self._file = os.fdopen(descriptor, "wb")
            self._lines = gzip.GzipFile(
                filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=self._file
            )
        header = {
            "format": FORMAT,
            "version": self._version,
            "created_at": datetime.now(UTC),
            "source": self._source,
        }
        self._write(header)
        return self

    def document(
        self, key: str, data: Document, updated_at: datetime | None = None
    ) -> None:
        """Add a document; an instant that is out of any range is not known.

        Raises StoreDataError for what no store could take back.
        """
        if updated_at is not None and not EARLIEST <= updated_at <= LATEST:
            updated_at = None
        # Already checked, and as deep as a document may be: orjson adds no level.
        body = orjson.Fragment(encode(data))
        row = {"key": validate_key(key), "updated_at": updated_at, "data": body}
        self._write({"document": row})
        self._counts["documents"] += 1

    def row(self, sample: HistorySample) -> None:
        """Add a normalised sample."""
        self._write({"row": codec.as_dict(sample)})
        self._counts["rows"] += 1

    def hour(self, values: Mapping[str, Any]) -> None:
        """Add an hour without rows."""
        self._write({"hour": values})
        self._counts["hours"] += 1

    def reading(self, reading: DeviceReading) -> None:
        """Add what a device said, checked."""
        values = {name: getattr(reading, name) for name in READING_FIELDS}
        self._write({"reading": values})
        self._counts["readings"] += 1

    def reading_hour(self, values: Mapping[str, Any]) -> None:
        """Add an hour of a device without readings."""
        self._write({"reading_hour": dict(values)})
        self._counts["reading_hours"] += 1

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None:
                self._finish()
        finally:
            for file in (self._lines, self._file):
                if file is not None:
                    with suppress(OSError, ValueError):
                        file.close()
            with suppress(OSError):
                Path(self._temporary).unlink()

    def _finish(self) -> None:
        digest = self._digest.hexdigest()
        self._write({"end": self.counts.as_dict(), "sha256": digest})
        assert self._lines is not None  # noqa: S101 - for the type checker
        assert self._file is not None  # noqa: S101 - likewise
        with wrapped_os_errors(f"cannot write {self.path}"):
            self._lines.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            replace(self._temporary, self.path)
            sync_directory(directory_of(self.path))

    def _write(self, record: Mapping[str, Any]) -> None:
        assert self._lines is not None  # noqa: S101 - for the type checker
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        self._digest.update(line)
        with wrapped_os_errors(f"cannot write {self.path}"):
            self._lines.write(line)


class BackupReader:
    """Reads a backup, any number of times; a context manager.

    `header` is the first line. Raises StoreUnavailableError when the file cannot be
    read, StoreDataError when it is no backup, damaged, or of a later version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self.size: int = 0
        self.header: Mapping[str, Any] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        with wrapped_os_errors(f"cannot read {self.path}"):
            self._file = Path(self.path).open("rb")
            self.size = os.fstat(self._file.fileno()).st_size
        try:
            self.header = self._header(next(self._lines(), b""))
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def position(self) -> int:
        """How many bytes of the file were read, out of `size`."""
        return self._file.tell() if self._file else 0

    def records(self) -> Iterator[Record]:
        """Yield everything in the backup's order, checked one by one.

        The checksum is compared at the end: who must not act on a damaged file reads
        it once to the end before.
        """
        digest = hashlib.sha256()
        counts: Counter[str] = Counter()
        lines = self._lines()
        digest.update(next(lines, b""))
        end: Mapping[str, Any] | None = None
        for number, line in enumerate(lines, start=2):
            if end is not None:
                raise self._damaged(f"line {number} follows its end")
            record = self._parsed(line, number)
            if "end" in record:
                end = record
                continue
            digest.update(line)
            kind, body = next(iter(record.items()), ("", None))
            if kind not in _KINDS or not isinstance(body, dict):
                raise self._damaged(f"line {number} is none of {', '.join(_KINDS)}")
            counts[f"{kind}s"] += 1
            try:
                read = _KINDS[kind](body)
            except (StoreError, TypeError, ValueError, KeyError) as error:
                raise self._damaged(f"line {number}: {error}") from error
            yield read
        if end is None:
            raise self._damaged("it has no end: its making was interrupted")
        found = Counts(**counts).as_dict()
        if end.get("sha256") != digest.hexdigest() or end["end"] != found:
            raise self._damaged("its checksum does not match")

    def _lines(self) -> Iterator[bytes]:
        assert self._file is not None, "inside a with block"  # noqa: S101 - a mistake of the caller
        try:
            self._file.seek(0)
            with gzip.GzipFile(fileobj=self._file, mode="rb") as text:
                while line := text.readline(_MAX_LINE_BYTES):
                    if not line.endswith(b"\n"):
                        raise self._damaged("a line is cut off")
                    yield line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damaged(reworded(error)) from error
        except OSError as error:
            raise StoreUnavailableError(
                worded("cannot read {path}: {error}", path=self.path, error=error)
            ) from error

    def _header(self, line: bytes) -> Mapping[str, Any]:
        header = self._parsed(line, 1)
        if header.get("format") != FORMAT:
            raise StoreDataError(
                worded("{path} is no backup of this program", path=self.path)
            )
        if header.get("version") not in range(1, VERSION + 1):
            raise StoreDataError(
                worded(
                    "{path} is a backup of version {get}, this program knows "
                    "{version}: upgrade the program",
                    path=self.path,
                    get=header.get("version"),
                    version=VERSION,
                )
            )
        return header

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise self._damaged(f"line {number} is no JSON: {error}") from error
        if not isinstance(record, dict):
            raise self._damaged(f"line {number} is no JSON object")
        return record

    def _damaged(self, how: str) -> StoreDataError:
        return StoreDataError(
            worded("{path} is damaged: {how}", path=self.path, how=how)
        )


def _document(body: dict[str, Any]) -> BackedUpDocument:
    key = validate_key(body["key"])
    if is_internal(key):
        raise StoreDataError(worded("{key!r} is internal", key=key))
    at = body["updated_at"]
    updated_at = parse_instant(at) if at else None
    data = decode(encode(body["data"]), key=key)
    return BackedUpDocument(key, data, updated_at)


def _row(body: dict[str, Any]) -> HistorySample:
    return normalised(codec.load(orjson.dumps(body)))


def _hour(body: dict[str, Any]) -> BackedUpHour:
    return BackedUpHour(frozen_hour(body))


def _reading(body: dict[str, Any]) -> DeviceReading:
    return checked_reading(
        DeviceReading(**{**body, "timestamp": parse_instant(body["timestamp"])})
    )


def _reading_hour(body: dict[str, Any]) -> BackedUpReadingHour:
    at = parse_instant(body["timestamp"])
    return BackedUpReadingHour(checked_hour({**body, "timestamp": at}))


_KINDS: Final[Mapping[str, Callable[[dict[str, Any]], Record]]] = {
    "document": _document,
    "row": _row,
    "hour": _hour,
    "reading": _reading,
    "reading_hour": _reading_hour,
}
