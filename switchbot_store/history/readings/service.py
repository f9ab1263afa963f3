"""`DeviceHistory`: takes what devices say, keeps it, answers."""

from __future__ import annotations

import logging
import time
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from switchbot_store.errors import StoreConfigError, StoreDataError, StoreError
from switchbot_store.history.model import HOUR, HistoryResult, HistoryRow, hour_of
from switchbot_store.history.present import leap_of, present
from switchbot_store.history.query.buckets import (
    check_shape,
    checked_range,
    plan_bucket,
    plan_points,
    timezone_of,
)
from switchbot_store.history.readings.buckets import HOLD, bucketed
from switchbot_store.history.readings.last import LastSaid
from switchbot_store.history.readings.model import (
    READING_FIELDS,
    DeviceReading,
    ReadingKey,
    checked_reading,
)
from switchbot_store.homes import checked_home
from switchbot_store.instants import EARLIEST, LATEST
from switchbot_store.languages import reworded, worded
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from switchbot_store.history.model import BucketPlan
    from switchbot_store.history.query.export import Target
    from switchbot_store.history.readings.model import ReadingBackend
    from switchbot_store.history.readings.sqlite import SqliteReadings

_LOGGER = logging.getLogger(__name__)
_PAGE_ROWS: Final = 5000
_PURGE_ROWS: Final = 5000
_DRAINED_AT_ONCE: Final = 1000
_CLEANING_SECONDS: Final = 86_400.0
_FIRST_CLEANING_SECONDS: Final = 600.0
_AT_MOST_A_DAY: Final = timedelta(days=31)
"""By itself no more of the recorded time is deleted at once: what is wrong is wrong slowly."""
_UNCHANGED: Final = timedelta(minutes=15)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ReadingsStatus(NamedTuple):
    """How it fares: readings in memory, in the spill, written, and given up."""

    buffered: int
    written: int
    dropped: int
    last_error: str | None


class _Shared:
    """What views of several homes have in common."""

    def __init__(self, max_buffered: int) -> None:
        self.lock = ProcessLock()
        self.flushing = ProcessLock()
        self.max_buffered = max_buffered
        self.buffer: list[DeviceReading] = []
        self.last = LastSaid(_UNCHANGED)
        self.written = self.dropped = 0
        self.error: str | None = None
        self.spilled = True
        self.carried = False
        """Whether all that lies in the spill arrived, and only the disk keeps it."""
        self.disk_told = False
        self.flushed_at: float | None = None
        self.cleaned_at: float | None = None


class _Witness:
    """What readings say of the time."""

    def __init__(self, backend: ReadingBackend) -> None:
        self._backend = backend

    def clock(self) -> datetime | None:
        """Return None: what the place's says is not asked."""
        return None

    def rows(self, start: datetime, end: datetime, *, limit: int) -> list[HistoryRow]:
        """Return the first readings of a range."""
        return self._backend.rows(start, end, limit=limit)

    def newest(self, *, before: datetime) -> datetime | None:
        """Return the time of the newest reading before then, None without."""
        width = HOUR
        oldest = self._backend.rows(EARLIEST, before, limit=1)
        if not oldest:
            return None
        while True:
            start = max(oldest[0].timestamp, before - width)
            found = self._backend.rows(start, before)
            if found:
                newest: datetime = found[-1].timestamp
                return newest
            width *= 4


class DeviceHistory:
    """Readings by device and attribute on a backend; thread-safe, a context manager.

    `record` puts a reading in memory; whoever records calls `flush` when it is `due`: every
    `flush_interval_seconds`. What the backend does not take goes to `spill` and is carried
    over later; without one it waits in memory, at most `max_buffered` readings, of which
    the oldest are given up first. A value that stays the same is kept every quarter of an
    hour. Readings older than `retention_days` (None: never) are deleted, their hours stay.

    `home` is the one home whose devices these are. `now` returns aware UTC, `monotonic`
    seconds.

    >>> from datetime import UTC, datetime, timedelta
    >>> from switchbot_store.history.readings import (
    ...     DeviceHistory, DeviceReading, SqliteReadings)
    >>> at = datetime(2026, 1, 12, tzinfo=UTC)
    >>> with DeviceHistory(SqliteReadings(":memory:")) as readings:
    ...     for minute, ppm in ((0, 700), (10, 900)):
    ...         when = at + timedelta(minutes=minute)
    ...         kept = readings.record(DeviceReading(when, "C1", "CO2", ppm))
    ...     found = readings.query(
    ...         at, at + timedelta(minutes=20), "C1", "CO2", bucket="15min")
    >>> [(round(row.value), row.max_value, row.count) for row in found.rows]
    [(767, 900.0, 2)]
    """

    def __init__(
        self,
        backend: ReadingBackend,
        *,
        spill: SqliteReadings | None = None,
        flush_interval_seconds: float = 60.0,
        retention_days: float | None = None,
        max_buffered: int = 20_000,
        home: str | None = None,
        now: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not flush_interval_seconds > 0:
            raise StoreConfigError(worded("above 0"), variable="flush_interval_seconds")
        self.backend = backend
        self._spill = spill
        self._interval = flush_interval_seconds
        self._retention = (
            None if retention_days is None else timedelta(days=retention_days)
        )
        self._now = now
        self._monotonic = monotonic
        self._prefix = "" if home is None else f"{checked_home(home)}/"
        self._is_view = False
        self._shared = _Shared(max_buffered)

    def of_home(self, home: str) -> DeviceHistory:
        """Return this history as one home sees it: its devices alone, by bare ids.

        Closing the view leaves this open. Raises StoreConfigError.
        """
        prefix = f"{checked_home(home)}/"
        if self._prefix == prefix:
            return self
        if self._prefix:
            raise StoreConfigError(
                worded("this is the history of another home"), variable="home"
            )
        view = copy(self)
        view._prefix = prefix  # noqa: SLF001 - a copy of this very object
        view._is_view = True  # noqa: SLF001 - likewise
        return view

    def open(self) -> Self:
        """Make ready; the place itself opens when there is something to keep or to ask.

        A home that looks at no device has no file for it.
        """
        return self

    def close(self) -> None:
        """Write what is left, and close. A view of one home leaves all open."""
        if self._is_view:
            return
        try:
            if self._shared.buffer:
                self.flush()
        except StoreError as error:
            _LOGGER.warning("readings of devices were lost: %s", error)
        if self._spill is not None:
            self._spill.close()
        self.backend.close()

    def record(self, reading: DeviceReading) -> bool:
        """Take a reading, in microseconds; return whether it is kept.

        It is not where the last one of its device and attribute said the same less than a
        quarter of an hour ago. Raises StoreDataError for what no place can keep.
        """
        given = checked_reading(reading)
        kept = DeviceReading(
            given.timestamp,
            self._prefix + given.device_id,
            given.attribute,
            given.value,
        )
        shared = self._shared
        with shared.lock:
            if not shared.last.take(kept):
                return False
            shared.buffer.append(kept)
            over = len(shared.buffer) - shared.max_buffered
            if over > 0:
                del shared.buffer[:over]
                shared.dropped += over
        return True

    @property
    def due(self) -> bool:
        """Whether something waits for `flush`, and long enough."""
        shared = self._shared
        flushed = shared.flushed_at
        return bool(shared.buffer) and (
            flushed is None or self._monotonic() - flushed >= self._interval
        )

    def flush(self) -> None:
        """Write everything now, to the backend or else the spill; then delete what is old.

        Raises StoreUnavailableError where neither takes it: then it waits in memory.
        """
        shared = self._shared
        with shared.flushing:
            shared.flushed_at = self._monotonic()
            with shared.lock:
                batch = shared.buffer[:]
            try:
                if self._spill is not None and shared.spilled:
                    self._drain(self._spill)
                self._carry(batch)
            except StoreError as error:
                shared.error = reworded(error)
                if self._spill is None:
                    raise
                self._spill.write(batch)
                shared.spilled, shared.carried = True, False
                self._leave_buffer(batch)
                return
            self._leave_buffer(batch)
            self._clean_if_due()

    def _carry(self, readings: list[DeviceReading]) -> None:
        """Write readings to the backend; raises what keeps all of them from it."""
        shared = self._shared
        try:
            self.backend.write(readings)
        except StoreDataError as error:
            shared.error = reworded(error)
            self._one_by_one(readings)
        else:
            shared.error = None
            shared.written += len(readings)

    def _one_by_one(self, batch: list[DeviceReading]) -> None:
        """Write each for itself: one that is refused must not keep the others back."""
        shared = self._shared
        for reading in batch:
            try:
                self.backend.write([reading])
                shared.written += 1
            except StoreDataError as refusal:
                shared.dropped += 1
                _LOGGER.warning(
                    "a reading of %s of %s cannot be kept: %s",
                    reading.attribute,
                    reading.device_id,
                    refusal,
                )

    def _leave_buffer(self, batch: list[DeviceReading]) -> None:
        shared = self._shared
        with shared.lock:
            done = set(map(id, batch))
            shared.buffer = [each for each in shared.buffer if id(each) not in done]

    def _drain(self, spill: SqliteReadings) -> None:
        """Carry over what waits in the spill. Raises what the backend does.

        A disk that cannot be read, or does not let them go, keeps no reading from the
        backend. They come again once it does: it knows them by their key.
        """
        shared = self._shared
        if shared.carried and spill.write_refusal() is not None:
            return
        after, kept = None, False
        while rows := self._waiting(spill, after):
            waiting = [DeviceReading(**row) for row in rows]
            self._carry(waiting)
            try:
                spill.discard(waiting)
            except StoreError as error:
                kept = True
                self._tell_of_disk(error)
            last = waiting[-1]
            after = ReadingKey(last.timestamp, last.device_id, last.attribute)
        if rows is not None:
            shared.spilled = shared.carried = kept
            shared.disk_told = kept

    def _waiting(
        self, spill: SqliteReadings, after: ReadingKey | None
    ) -> list[HistoryRow] | None:
        """Return the next of the spill, None where it cannot be read."""
        if spill.is_absent:
            return []  # as at a home whose backend was never away
        try:
            return spill.rows(EARLIEST, LATEST, after=after, limit=_DRAINED_AT_ONCE)
        except StoreError as error:
            self._tell_of_disk(error)
            return None

    def _tell_of_disk(self, error: StoreError) -> None:
        if not self._shared.disk_told:
            self._shared.disk_told = True
            _LOGGER.warning("the spill of readings cannot be used: %s", error)

    def status(self) -> ReadingsStatus:
        """Describe it without asking the backend."""
        shared = self._shared
        return ReadingsStatus(
            len(shared.buffer), shared.written, shared.dropped, shared.error
        )

    # --- questions ---------------------------------------------------------------------

    def query(
        self,
        start: datetime,
        end: datetime,
        device_id: str,
        attribute: str,
        *,
        points: int | None = None,
        bucket: str | None = None,
        timezone: str = "UTC",
    ) -> HistoryResult:
        """Return what a device said of an attribute in ``[start, end)``, ascending.

        Recorded readings by default, else buckets as of `HistoryService.query`: `value` is
        the time-weighted mean of numbers and the last word of words, with `min_value`,
        `max_value` and `count`. What retention deleted is in buckets, not among readings.
        Raises as that does.
        """
        start, end = checked_range(start, end)
        check_shape(points, bucket)
        self._try_flush()
        wanted = self._prefix + device_id
        if start >= end:
            return HistoryResult([], "raw", None)
        if points is None and bucket is None:
            rows = self.backend.rows(start, end, device_id=wanted, attribute=attribute)
            return HistoryResult(self._bare(rows), "raw")
        plan: BucketPlan = (
            plan_points(start, end, points)
            if points is not None
            else plan_bucket(start, end, bucket or "", timezone_of(timezone))
        )
        since = max(EARLIEST, plan.start - HOLD)
        rows = self.backend.rows(since, plan.end, device_id=wanted, attribute=attribute)
        hours = self.backend.hours(
            hour_of(plan.start), plan.end, device_id=wanted, attribute=attribute
        )
        found = bucketed(plan, rows, hours, self._now())
        return HistoryResult(
            self._bare(found), "rollup" if hours else "raw", plan.width_seconds
        )

    def latest(self) -> list[HistoryRow]:
        """Return the newest reading of every device and attribute, by name."""
        self._try_flush()
        return self._bare(self.backend.latest(prefix=self._prefix))

    def pages(
        self,
        start: datetime,
        end: datetime,
        *,
        device_id: str | None = None,
        attribute: str | None = None,
    ) -> Iterator[list[HistoryRow]]:
        """Yield recorded readings in pages, in constant memory. Raises as `query`."""
        start, end = checked_range(start, end)
        self._try_flush()
        wanted = None if device_id is None else self._prefix + device_id
        after = None
        while start < end:
            rows = self.backend.rows(
                start,
                end,
                device_id=wanted,
                attribute=attribute,
                after=after,
                limit=_PAGE_ROWS,
            )
            if rows:
                last = rows[-1]
                after = ReadingKey(last.timestamp, last.device_id, last.attribute)
                yield self._bare(rows)
            if len(rows) < _PAGE_ROWS:
                return

    def export(
        self,
        target: Target,
        start: datetime,
        end: datetime,
        *,
        device_id: str | None = None,
        attribute: str | None = None,
        format: str | None = None,  # noqa: A002 - as in `HistoryService`
        spreadsheet: bool = False,
    ) -> int:
        """Write recorded readings to a file, see `HistoryService.export`; return how many.

        CSV and JSON lines; a column of Parquet cannot hold numbers and words.
        """
        from switchbot_store.history.query.export import format_of, write_pages  # noqa: PLC0415 - memory for who exports

        name = format_of(target, format)
        if name == "parquet":
            raise StoreConfigError(worded("csv or jsonl"), variable="format")
        pages = self.pages(start, end, device_id=device_id, attribute=attribute)
        return write_pages(pages, target, READING_FIELDS, name, spreadsheet=spreadsheet)

    def hours(self) -> Iterator[list[HistoryRow]]:
        """Yield the hours whose readings retention deleted, in pages."""
        after = None
        while hours := self.backend.all_hours(
            prefix=self._prefix, after=after, limit=_PAGE_ROWS
        ):
            last = hours[-1]
            after = ReadingKey(last.timestamp, last.device_id, last.attribute)
            yield self._bare(hours)

    def take_back(
        self, readings: Sequence[DeviceReading], hours: Sequence[HistoryRow]
    ) -> tuple[int, int]:
        """Add what a backup has of readings and hours; return how many were new of each.

        What is there already is left, and so is what an hour without readings has in it.
        """
        named_hours = [
            HistoryRow({**each, "device_id": self._prefix + each["device_id"]})
            for each in hours
        ]
        new_hours = self.backend.add_hours(named_hours) if named_hours else 0
        placed = [replace(r, device_id=self._prefix + r.device_id) for r in readings]
        summed = self._summed(placed)
        new = self.backend.write(
            [
                each
                for each in placed
                if (each.device_id, each.attribute, hour_of(each.timestamp))
                not in summed
            ]
        )
        return new, new_hours

    def _summed(
        self, readings: Sequence[DeviceReading]
    ) -> set[tuple[str, str, datetime]]:
        """Return the hours without readings that readings would fall into."""
        times: dict[tuple[str, str], list[datetime]] = {}
        for each in readings:
            times.setdefault((each.device_id, each.attribute), []).append(
                each.timestamp
            )
        return {
            (device_id, attribute, row.timestamp)
            for (device_id, attribute), at in times.items()
            for row in self.backend.hours(
                hour_of(min(at)),
                max(at) + HOUR,
                device_id=device_id,
                attribute=attribute,
            )
        }

    def cleanup(self) -> int:
        """Delete readings older than the retention, and keep their hours; return how many.

        Days count back from the newest readings, and nothing goes by a clock that is a long
        way ahead of them (`switchbot_store.history.present`). Also done about once a day by
        `flush`, then at most a month of them.
        """
        return self._purge(None)

    def forget(self) -> int:
        """Delete all that there is of this home's devices; return how many readings.

        Raises StoreConfigError where this is the history of no home.
        """
        if not self._prefix:
            raise StoreConfigError(
                worded("the history of one home alone"), variable="home"
            )
        self.flush()
        devices = {row.device_id for row in self.backend.latest(prefix=self._prefix)}
        return sum(self.backend.delete_device(each) for each in sorted(devices))

    def _try_flush(self) -> None:
        """Let a reader see what was recorded before."""
        if self._shared.buffer:
            try:
                self.flush()
            except StoreError as error:
                _LOGGER.info("readings of devices are still in memory: %s", error)

    def _bare(self, rows: list[HistoryRow]) -> list[HistoryRow]:
        if self._prefix:
            rows = [row for row in rows if row.device_id.startswith(self._prefix)]
            for row in rows:
                row["device_id"] = row.device_id.removeprefix(self._prefix)
        return rows

    def _clean_if_due(self) -> None:
        if self._retention is None:
            return
        shared, now = self._shared, self._monotonic()
        if shared.cleaned_at is None:
            shared.cleaned_at = now - _CLEANING_SECONDS + _FIRST_CLEANING_SECONDS
        if now - shared.cleaned_at < _CLEANING_SECONDS:
            return
        shared.cleaned_at = now
        oldest = self.backend.rows(EARLIEST, LATEST, limit=1)
        if oldest:
            self._purge(oldest[0].timestamp + _AT_MOST_A_DAY)

    def _purge(self, at_most: datetime | None) -> int:
        if self._retention is None:
            return 0
        leap = leap_of(self._retention)
        until = present(_Witness(self.backend), self._now(), leap=leap).rows_until
        if until is None:
            return 0
        before = until - self._retention
        if at_most is not None:
            before = min(before, at_most)
        deleted = 0
        while gone := self.backend.purge(before, limit=_PURGE_ROWS):
            deleted += gone
        return deleted

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
