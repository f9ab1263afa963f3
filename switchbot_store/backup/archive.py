"""Everything a home knows in one portable file, and back.

::

    back_up(store, history_backend, "home.backup")
    restore(store, history_backend, "home.backup")

Any store and any history backend, in constant memory: what was backed up from
PostgreSQL can be restored into files and the other way round. Internal documents, such
as leases, are left out.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from switchbot_store.backup.format import (
    BackedUpDocument,
    BackedUpHour,
    BackedUpReadingHour,
    BackupReader,
    BackupWriter,
    Counts,
    Record,
)
from switchbot_store.backup.interruption import begun, ended
from switchbot_store.codec import UnreadableError, encode, grown
from switchbot_store.errors import StoreDataError
from switchbot_store.history.frozen import frozen_hour
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.history.model import HistorySample, RowKey
from switchbot_store.history.present import present
from switchbot_store.history.readings.model import (
    DeviceReading,
    checked_hour,
    checked_reading,
)
from switchbot_store.homes import HomeStore, home_of
from switchbot_store.instants import EARLIEST, LATEST
from switchbot_store.languages import worded

if TYPE_CHECKING:
    import os

    from switchbot_store.history.model import HistoryBackend, HistoryRow
    from switchbot_store.history.readings.service import DeviceHistory
    from switchbot_store.interface import StoreInterface
    from switchbot_store.model import Document, Entry

_LOGGER = logging.getLogger(__name__)

Progress = Callable[[float, str], None]
"""Called with the part that is done, 0 to 1, and what is being done."""

_PAGE_ROWS: Final = 2000
_WRITE_ROWS: Final = 5000
_TOGETHER_DOCUMENTS: Final = 50
_TOGETHER_BYTES: Final = 32 * 1024 * 1024
_AFTER_ALL: Final = LATEST + timedelta(microseconds=1)


def _silent(_part: float, _what: str) -> None:
    """Report to nobody."""


class Source(Protocol):
    """What can be backed up. Rows and hours ascend by time.

    >>> from switchbot_store import Entry
    >>> from switchbot_store.backup import Source, back_up_source
    >>> class Notes:
    ...     description = "notes of a host"
    ...     def documents(self):
    ...         yield "notes", Entry({"text": "hello"}, "1", None)
    ...     def span(self):
    ...         return None
    ...     def rows(self):
    ...         return iter(())
    ...     def hours(self):
    ...         return iter(())
    >>> source: Source = Notes()
    >>> back_up_source(source, "notes.backup").documents
    1
    """

    description: str

    def documents(self) -> Iterator[tuple[str, Entry]]:
        """Yield every document that is not internal, one at a time."""
        ...

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the instants of the oldest and the newest row."""
        ...

    def rows(self) -> Iterator[HistorySample]:
        """Yield every recorded row, normalised."""
        ...

    def hours(self) -> Iterator[Mapping[str, Any]]:
        """Yield every hour of the rollup whose rows are gone."""
        ...


@runtime_checkable
class ReadingSource(Protocol):
    """What a source may have beside: what devices said.

    >>> from switchbot_store.backup import ReadingSource
    >>> class Nothing:
    ...     def has_readings(self): return False
    ...     def readings(self): return iter(())
    ...     def reading_hours(self): return iter(())
    >>> isinstance(Nothing(), ReadingSource)
    True
    """

    def has_readings(self) -> bool:
        """Tell whether there is anything of them."""
        ...

    def readings(self) -> Iterator[DeviceReading]:
        """Yield every reading of a device, checked."""
        ...

    def reading_hours(self) -> Iterator[Mapping[str, Any]]:
        """Yield every hour of devices whose readings are gone, with `HOUR_FIELDS`."""
        ...


class Readable(Protocol):
    """A store, or what else has documents by key.

    >>> from switchbot_store import MemoryStore
    >>> from switchbot_store.backup import Readable
    >>> def size(store: Readable) -> int:
    ...     return sum(len(store.get_entry(key).data) for key in store.keys())
    >>> store = MemoryStore()
    >>> store.set("settings", {"mode": "winter", "zones": {}})
    >>> size(store)
    2
    """

    def get_entry(self, key: str) -> Entry:
        """Return the document, an empty Entry if never set."""
        ...

    def keys(self) -> list[str]:
        """Return the sorted keys that are not internal."""
        ...


class StoreSource:
    """A store, a history backend, both open, and what devices said.

    >>> from switchbot_store import MemoryStore
    >>> from switchbot_store.backup import StoreSource, back_up_source
    >>> source = StoreSource(MemoryStore(), None)
    >>> source.description, back_up_source(source, "empty.backup").documents
    ('memory store', 0)
    """

    def __init__(
        self,
        store: StoreInterface,
        history: HistoryBackend | None,
        readings: DeviceHistory | None = None,
    ) -> None:
        self._store = store
        self._history = history
        self._readings = readings
        self.missing: list[str] = []
        """The keys of documents that cannot be read, or that no store could keep."""
        self.left_out: int = 0
        """Rows, their metadata, readings or hours that no history could keep."""
        self.description: str = f"{store.status().backend} store" + (
            f", {history.name} history" if history else ""
        )

    def documents(self) -> Iterator[tuple[str, Entry]]:
        """Yield every document; those that are read together are of one moment."""
        keys = self._store.keys()
        for begin in range(0, len(keys), _TOGETHER_DOCUMENTS):
            yield from self._together(keys[begin : begin + _TOGETHER_DOCUMENTS])

    def _together(self, keys: list[str]) -> Iterator[tuple[str, Entry]]:
        try:
            # What was written together must not be in a backup by halves.
            entries = self._store.get_many(keys)
        except (UnreadableError, StoreDataError):
            entries = {}
        for key in keys:
            try:
                entry = entries.get(key) or self._store.get_entry(key)
                encode(entry.data)
            except (UnreadableError, StoreDataError) as error:
                # What others wrote must not keep all the rest from being backed up.
                self.missing.append(key)
                _LOGGER.warning("the document %r is not in the backup: %s", key, error)
                continue
            if entry.revision:  # else it went meanwhile
                yield key, entry

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the instants of the oldest and the newest row."""
        if self._history is None:
            return None
        newest, oldest = self._history.latest(1), self._history.oldest()
        return (oldest, newest[0].timestamp) if newest and oldest else None

    def rows(self) -> Iterator[HistorySample]:
        """Yield every recorded row of an instant that history keeps."""
        if self._history is None:
            return
        after = None
        while rows := self._history.rows(
            EARLIEST, _AFTER_ALL, after=after, limit=_PAGE_ROWS
        ):
            for row in rows:
                sample = HistorySample(**row)
                try:
                    yield normalised(sample)
                except StoreDataError as error:
                    self._leave_out("zone", row["zone"], row.timestamp, error)
                    if error.path == "metadata":
                        yield normalised(replace(sample, metadata=None))
            after = RowKey(rows[-1].timestamp, rows[-1].zone)

    def _leave_out(
        self, kind: str, name: object, at: datetime, error: Exception
    ) -> None:
        # In a backup, it would keep all the rest from being restored.
        self.left_out += 1
        if self.left_out == 1:
            _LOGGER.warning(
                "rows, or metadata of rows, that no history could keep are left out; the"
                " first, of %s %.40r at %s: %s",
                kind,
                name,
                at.isoformat(),
                error,
            )

    def hours(self) -> Iterator[Mapping[str, Any]]:
        """Yield every hour of the rollup whose rows are gone, and that history keeps."""
        if self._history is None:
            return
        after = None
        while hours := self._history.frozen_hours(after=after, limit=_PAGE_ROWS):
            for hour in hours:
                try:
                    yield frozen_hour(hour)
                except StoreDataError as error:
                    self._leave_out("zone", hour["zone"], hour.timestamp, error)
            after = RowKey(hours[-1].timestamp, hours[-1].zone)

    def has_readings(self) -> bool:
        """Tell whether a device ever said anything."""
        said = self._readings
        return said is not None and any(
            chain(said.pages(EARLIEST, LATEST), said.hours())
        )

    def readings(self) -> Iterator[DeviceReading]:
        """Yield every reading of a device that a history of devices keeps."""
        if self._readings is None:
            return
        for page in self._readings.pages(EARLIEST, LATEST):
            for row in page:
                try:
                    yield checked_reading(DeviceReading(**row))
                except StoreDataError as error:
                    self._leave_out("device", row["device_id"], row.timestamp, error)

    def reading_hours(self) -> Iterator[Mapping[str, Any]]:
        """Yield every hour of devices whose readings are gone, likewise."""
        if self._readings is None:
            return
        for page in self._readings.hours():
            for hour in page:
                try:
                    yield checked_hour(hour)
                except StoreDataError as error:
                    self._leave_out("device", hour["device_id"], hour.timestamp, error)


def back_up(
    store: StoreInterface,
    history: HistoryBackend | None,
    path: str | os.PathLike[str],
    *,
    readings: DeviceHistory | None = None,
    progress: Progress = _silent,
) -> Counts:
    """Write everything to the file at `path`, which appears when it is whole.

    `readings` are what devices said. A document that cannot be read, or that no store
    could keep, is left out with a warning. Raises StoreUnavailableError.
    """
    source = StoreSource(store, history, readings)
    return back_up_source(source, path, progress=progress)


def back_up_source(
    source: Source, path: str | os.PathLike[str], *, progress: Progress = _silent
) -> Counts:
    """Write a source to the file at `path`; see `back_up`."""
    said = source if isinstance(source, ReadingSource) else None
    if said is not None and not said.has_readings():
        said = None
    with BackupWriter(
        path, source=source.description, readings=said is not None
    ) as writer:
        progress(0.0, "documents")
        for key, entry in source.documents():
            writer.document(key, entry.data, entry.updated_at)
        for hour in source.hours():
            writer.hour(hour)
        span = source.span()
        for number, row in enumerate(source.rows()):
            writer.row(row)
            if number % _PAGE_ROWS == 0 and span:
                progress(_part(row.timestamp, *span), "history")
        if said is not None:
            for each in said.reading_hours():
                writer.reading_hour(each)
            for reading in said.readings():
                writer.reading(reading)
        counts = writer.counts
    progress(1.0, "history")
    return counts


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a backup holds, and what restoring it into a store would do to documents.

    `added`, `changed` and `unchanged` are keys; `kept` are the store's own that the
    backup does not have. `newer` are those of `changed` that were written after the
    backup's. `counts` is the whole backup's; rows that are there already are left.

    >>> from switchbot_store import MemoryStore
    >>> from switchbot_store.backup import back_up, plan_restore
    >>> store = MemoryStore()
    >>> revisions = store.set_many({"settings": {"n": 1}, "state": {}})
    >>> counts = back_up(store, None, "home.backup")
    >>> store.set("settings", {"n": 2})
    >>> plan = plan_restore(store, "home.backup")
    >>> plan.changed, plan.unchanged, plan.newer
    (['settings'], ['state'], ['settings'])
    """

    created_at: str
    source: str
    counts: Counts
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was written; what was there already does not count.

    `readings` and `reading_hours` are of devices.

    >>> from switchbot_store import MemoryStore
    >>> from switchbot_store.backup import back_up, restore
    >>> store = MemoryStore()
    >>> store.set("settings", {"mode": "winter"})
    >>> counts = back_up(store, None, "home.backup")
    >>> restore(MemoryStore(), None, "home.backup")
    Restored(documents=1, rows=0, hours=0, readings=0, reading_hours=0)
    """

    documents: int
    rows: int
    hours: int
    readings: int = 0
    reading_hours: int = 0


def plan_restore(
    store: Readable,
    path: str | os.PathLike[str],
    *,
    progress: Progress = _silent,
) -> RestorePlan:
    """Read the backup from start to end, verify it, and compare its documents.

    Nothing is written. Raises StoreDataError when it is damaged, or is of many homes and
    `store` of one; StoreUnavailableError.
    """
    keys: dict[str, list[str]] = {"added": [], "changed": [], "unchanged": []}
    newer = []
    found: Counter[str] = Counter()
    with BackupReader(path) as reader:
        for number, record in enumerate(reader.records()):
            if number % _PAGE_ROWS == 0:
                progress(reader.position / max(1, reader.size), "verifying")
            if isinstance(record, BackedUpDocument):
                entry = store.get_entry(record.key)
                keys[_fate(record.data, entry)].append(record.key)
                if _is_newer(entry, record):
                    newer.append(record.key)
            else:
                found[_COUNTED[type(record)]] += 1
        header = reader.header
    progress(1.0, "verifying")
    named = {key for each in keys.values() for key in each}
    homes = sorted({home for key in named if (home := home_of(key)) is not None})
    if homes and isinstance(store, HomeStore):
        raise StoreDataError(
            worded(
                "{path} is a backup of a whole place, with the homes {homes}, not of one"
                " home: restore it without SWITCHBOT_HOME, into a place of its own, and"
                " take the home out of that with `switchbot-store homes export`",
                path=path,
                homes=", ".join(homes[:5]),
            )
        )
    return RestorePlan(
        created_at=str(header.get("created_at", "")),
        source=str(header.get("source", "")),
        counts=Counts(len(named), **found),
        kept=sorted(set(store.keys()) - named),
        newer=newer,
        **keys,
    )


def restore(
    store: StoreInterface,
    history: HistoryBackend | None,
    path: str | os.PathLike[str],
    *,
    readings: DeviceHistory | None = None,
    progress: Progress = _silent,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Restored:
    """Write what a backup holds into a store and a history backend, both open.

    The whole file is verified before anything is written. Documents take the backup's
    content, equal ones are left alone, and so are documents the backup does not have;
    rows and hours are added to those that are there. Without `history` those are left
    out, without `readings` what devices said is.

    Rows, hours and readings come first and replace nothing; then all documents at once,
    beyond 32 MB of them in parts. Who is killed in between leaves the documents as they
    were, or as the backup has them, and `switchbot_store.backup.interrupted` names the
    file until it was restored to the end.

    Raises StoreDataError when the backup is damaged, or is of many homes and `store` of
    one; StoreUnavailableError.
    """
    plan_restore(store, path, progress=lambda part, what: progress(part / 4, what))
    begun(store, path, now())
    writing = _Writing(store, history, readings, now)
    with BackupReader(path) as reader:
        for record in reader.records():
            if writing.add(record):
                part = reader.position / max(1, reader.size)
                progress(0.25 + part / 2, "writing")
        writing.flush()
        writing.finish(reader)
    ended(store)
    if history is not None and (writing.rows or writing.hours):
        _roll_up(history, now, progress)
    progress(1.0, "done")
    return Restored(
        writing.documents,
        writing.rows,
        writing.hours,
        writing.readings,
        writing.reading_hours,
    )


class _Writing:
    """Collects records and writes them in batches."""

    def __init__(
        self,
        store: StoreInterface,
        history: HistoryBackend | None,
        readings: DeviceHistory | None,
        now: Callable[[], datetime],
    ) -> None:
        self.documents = self.rows = self.hours = 0
        self.readings = self.reading_hours = 0
        self._store = store
        self._history = history
        self._readings = readings
        self._now = now
        # What comes last: None once it is too much to be kept until then.
        self._documents: dict[str, Document] | None = {}
        self._documents_bytes = 0
        self._samples: list[HistorySample] = []
        self._hours: list[Mapping[str, Any]] = []
        self._said: list[DeviceReading] = []
        self._said_hours: list[HistoryRow] = []

    def add(self, record: Record) -> bool:
        """Take a record; tell whether a batch was written."""
        if isinstance(record, BackedUpDocument):
            self._keep(record)
        elif isinstance(record, BackedUpHour):
            self._hours.append(record.values)
        elif isinstance(record, BackedUpReadingHour):
            self._said_hours.append(record.values)
        elif isinstance(record, DeviceReading):
            self._said.append(record)
        else:
            self._samples.append(record)
        waiting = max(len(self._samples), len(self._hours))
        waiting = max(waiting, len(self._said), len(self._said_hours))
        if waiting < _WRITE_ROWS:
            return False
        self.flush()
        return True

    def _keep(self, record: BackedUpDocument) -> None:
        if self._documents is None:
            return
        self._documents[record.key] = record.data
        self._documents_bytes += len(encode(record.data))
        if self._documents_bytes > _TOGETHER_BYTES:
            self._documents = None

    def finish(self, reader: BackupReader) -> None:
        """Write the documents, read anew where they were too many to be kept."""
        if self._documents is not None:
            self._write(self._documents)
            return
        part: dict[str, Document] = {}
        size = 0
        for record in reader.records():
            if isinstance(record, BackedUpDocument):
                part[record.key] = record.data
                size += len(encode(record.data))
            if size >= _TOGETHER_BYTES:
                self._write(part)
                part, size = {}, 0
        self._write(part)

    def _write(self, documents: Mapping[str, Document]) -> None:
        entries = self._store.get_many(documents) if documents else {}
        different = {
            key: grown(entries[key].data, data)
            for key, data in documents.items()
            if _fate(data, entries[key]) != "unchanged"
        }
        if different:
            self._store.set_many(different)
            self.documents += len(different)

    def flush(self) -> None:
        """Write the rows, hours and readings that were collected."""
        if self._history is not None:
            if self._hours:
                self.hours += self._history.add_frozen_hours(self._hours)
            if self._samples:
                self.rows += self._history.write(self._samples, now=self._now())
        if self._readings is not None and (self._said or self._said_hours):
            new = self._readings.take_back(self._said, self._said_hours)
            self.readings, self.reading_hours = (
                self.readings + new[0],
                self.reading_hours + new[1],
            )
        self._samples, self._hours = [], []
        self._said, self._said_hours = [], []


_COUNTED: Final[Mapping[type, str]] = {
    HistorySample: "rows",
    BackedUpHour: "hours",
    DeviceReading: "readings",
    BackedUpReadingHour: "reading_hours",
}


def _roll_up(
    history: HistoryBackend, now: Callable[[], datetime], progress: Progress
) -> None:
    left = 0.25
    until = present(history, now()).hours_until
    while until is not None and history.roll_up(now=until):
        left *= 0.95  # how many hours are left is not known
        progress(1.0 - left, "hourly summary")


def _fate(data: Document, entry: Entry) -> str:
    if not entry.revision:
        return "added"
    return "unchanged" if entry.data == grown(entry.data, data) else "changed"


def _is_newer(entry: Entry, record: BackedUpDocument) -> bool:
    if entry.updated_at is None or record.updated_at is None:
        return False
    is_other = _fate(record.data, entry) != "unchanged"
    return is_other and entry.updated_at > record.updated_at


def _part(at: datetime, oldest: datetime, newest: datetime) -> float:
    whole = (newest - oldest).total_seconds()
    return (at - oldest).total_seconds() / whole if whole else 1.0
