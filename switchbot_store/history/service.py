"""`HistoryService`: collects samples, keeps them for years, answers at once."""

from __future__ import annotations

import logging
import time
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from switchbot_store.arguments import checked_number
from switchbot_store.deadlines import time_limit
from switchbot_store.errors import (
    StoreClosedError,
    StoreConfigError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.history.home import HomeBackend
from switchbot_store.history.ingest.delivery import Delivery, WriterHealth
from switchbot_store.history.ingest.quarantine import MISDATED, Quarantine
from switchbot_store.history.ingest.spill import HistorySpill
from switchbot_store.history.ingest.writer import HistoryWriter, WriterLimits
from switchbot_store.history.model import (
    BucketPlan,
    HistoryResult,
    HistoryRow,
    HistorySample,
    RowKey,
    in_utc,
)
from switchbot_store.history.present import RELEASED
from switchbot_store.history.query.buckets import (
    bucket_fields,
    check_shape,
    checked_range,
    checked_zone,
    needs_timezone,
    only_all,
    plan_bucket,
    plan_points,
    row_fields,
    timezone_of,
)
from switchbot_store.history.rollup import Upkeep
from switchbot_store.instants import checked_instant
from switchbot_store.languages import worded

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from switchbot_store.history.model import (
        HistoryBackend,
        HistoryStatus,
    )
    from switchbot_store.history.query.export import Target
    from switchbot_store.history.readings.service import DeviceHistory

_LOGGER = logging.getLogger(__name__)
_PAGE_ROWS: Final = 2000
_EXPORT_PAGE_ROWS: Final = 5000
_RECENT: Final = timedelta(days=2)
_AHEAD: Final = timedelta(days=1)
"""How far a row may lie ahead of the clock and still count as of this time."""
_OPEN_SECONDS: Final = 5.0
_MOVED_AT_ONCE: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
_utc_now: Final = partial(datetime.now, UTC)


def _is_span(value: object) -> bool:
    """Tell whether it is a span of time, and not of none."""
    return isinstance(value, timedelta) and bool(value)


def _pieces(
    backend: HistoryBackend,
    start: datetime,
    end: datetime,
    by: timedelta,
    zone: str | None,
) -> Iterator[tuple[datetime, datetime]]:
    """Cut a range so that no piece is moved onto itself or one that is still to move.

    From row to row: two ends of decades may lie between a wrong clock and a right one.
    """
    width = min(abs(by), _MOVED_AT_ONCE)
    if by < timedelta():
        while start < end and (first := backend.rows(start, end, zone=zone, limit=1)):
            low = in_utc(first[0].timestamp)
            start = min(end, low + width)
            yield low, start
    else:
        while start < end and (last := backend.newest(before=end)) is not None:
            if last < start:
                return
            high = min(end, last + _TICK)
            end = max(start, high - width)
            yield end, high


class HistoryService:
    """Sensor history on a backend; thread-safe, a context manager.

    `record` puts a sample in memory; a thread writes when `batch_size` are there or the
    oldest is `flush_interval_seconds` old. Rows that cannot be written are kept and
    tried again: in memory up to `max_buffered_rows` and `max_buffered_bytes`, or, with
    `spill` (a path or a `HistorySpill`), on disk. With `journal` each row is on disk in
    the spill before `record` returns. Rows impossible to store go to the file
    `quarantine`, by default beside the spill.

    Recorded rows are deleted after `retention_days` (None: never); their hourly rollup
    is kept. The days are counted back from the newest rows, and not while this host's
    clock is in doubt: `status` says so. `timezone` is the home's, for days and hours; by default the one that the
    newest row was recorded with. `now` returns aware UTC, `monotonic` seconds.
    `readings`, what devices said, is opened, cleaned and closed with it.

    Opens on first use or by `open()`; `close()` ends it and closes the backend.

    >>> from datetime import UTC, datetime, timedelta
    >>> from switchbot_store import HistorySample, HistoryService, SqliteHistory
    >>> start = datetime(2026, 1, 12, tzinfo=UTC)
    >>> rows = SqliteHistory("history.sqlite")
    >>> with HistoryService(rows, spill="spill.sqlite") as history:
    ...     history.record(HistorySample(start, temperature=21.5, humidity=48))
    ...     history.flush()
    ...     result = history.query(start, start + timedelta(hours=1))
    ...     status = history.status()
    >>> result.source, result.rows[0].temperature
    ('raw', 21.5)
    >>> status.written, status.buffered, status.spilled
    (1, 0, 0)
    """

    def __init__(
        self,
        backend: HistoryBackend,
        *,
        batch_size: int = 4,
        flush_interval_seconds: float = 60,
        spill: HistorySpill | str | os.PathLike[str] | None = None,
        journal: bool = False,
        quarantine: str | os.PathLike[str] | None = None,
        retention_days: float | None = None,
        timezone: str | None = None,
        max_buffered_rows: int = 100_000,
        max_buffered_bytes: int = 64 * 1024 * 1024,
        close_timeout_seconds: float = 10,
        now: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        readings: DeviceHistory | None = None,
    ) -> None:
        checked_number(batch_size, "batch_size", least=1, finite=False)
        checked_number(flush_interval_seconds, "flush_interval_seconds", finite=False)
        checked_number(close_timeout_seconds, "close_timeout_seconds")
        checked_number(max_buffered_rows, "max_buffered_rows", finite=False)
        checked_number(max_buffered_bytes, "max_buffered_bytes", finite=False)
        if retention_days is not None:
            checked_number(retention_days, "retention_days")
        if not flush_interval_seconds > 0:
            raise StoreConfigError(worded("above 0"), variable="flush_interval_seconds")
        if journal and spill is None:
            raise StoreConfigError(
                worded("a journal needs a spill"), variable="journal"
            )
        if timezone is not None:
            timezone_of(timezone)
        self.backend = backend
        self.readings = readings
        """What devices said, by device and attribute; None where nobody keeps it."""
        # What waits on this host may be of many homes, and carries their names.
        place = backend.backend if isinstance(backend, HomeBackend) else backend
        self._shared = False
        self.journal: Final = journal
        """Whether `record` waits for the local disk."""
        self._spill = (
            spill
            if spill is None or isinstance(spill, HistorySpill)
            else HistorySpill(spill)
        )
        if quarantine is None and self._spill is not None:
            quarantine = self._spill.path.with_suffix(".quarantine.jsonl")
        self._timezone = timezone
        self._close_timeout_seconds = close_timeout_seconds
        self._now = now
        self._upkeep = Upkeep(
            place,
            retention=None if retention_days is None else timedelta(retention_days),
            now=now,
            monotonic=monotonic,
            interrupted=lambda: self._writer.closed,
        )
        self._quarantine = Quarantine(quarantine)
        health = WriterHealth(backend.name, now=now, monotonic=monotonic)
        self._writer = HistoryWriter(
            Delivery(place, quarantine=self._quarantine, health=health, now=now),
            health,
            WriterLimits(
                batch_size,
                flush_interval_seconds,
                max_buffered_rows,
                max_buffered_bytes,
            ),
            spill=self._spill,
            journal=journal,
            monotonic=monotonic,
            after_flush=self._upkeep.after_flush,
        )

    @property
    def home(self) -> str | None:
        """The home whose rows these are, None for all that there are."""
        return self.backend.home if isinstance(self.backend, HomeBackend) else None

    def of_home(self, home: str) -> HistoryService:
        """Return this history as one home sees it: its zones alone, by bare names.

        It shares everything with this one, which stays open when the view is closed, and
        batches rows of many homes together. Raises StoreConfigError for a name that no
        home can have, or where this is the view of another home.

        >>> from datetime import UTC, datetime
        >>> from switchbot_store import HistorySample, HistoryService, SqliteHistory
        >>> at = datetime(2026, 1, 12, tzinfo=UTC)
        >>> with HistoryService(SqliteHistory("homes.sqlite")) as history:
        ...     history.of_home("42").record(HistorySample(at, "living"))
        ...     [row.zone for row in history.of_home("42").latest(9)], [
        ...         row.zone for row in history.latest(9)]
        (['living'], ['42/living'])
        """
        if self.home == home:
            return self
        if self.home is not None:
            raise StoreConfigError(
                worded("this is the history of the home {home!r}", home=self.home),
                variable="home",
            )
        view = copy(self)
        view.backend = HomeBackend(self.backend, home)
        if self.readings is not None:
            view.readings = self.readings.of_home(home)
        view._shared = True  # noqa: SLF001 - a copy of this very object
        return view

    def _placed(self, sample: HistorySample) -> HistorySample:
        if isinstance(self.backend, HomeBackend) and isinstance(sample, HistorySample):
            return self.backend.placed(sample)
        return sample

    def open(self) -> Self:
        """Open the backend and the spill; what waits there is written at once.

        Raises StoreConfigError and MigrationError. A backend that cannot be reached
        is no error when there is a spill: rows wait for it. StoreUnavailableError where
        neither the file nor its spill can be used.
        """
        self._check_open()
        self._writer.start()
        if self.readings is not None:
            self.readings.open()
        try:
            # With a spill, a backend that is silent is not worth a host's long wait.
            with time_limit(None if self._spill is None else _OPEN_SECONDS):
                self.backend.open()
        except StoreUnavailableError as error:
            has_place = self._writer.status().spill_error is None
            if self._spill is None or (self.backend.name == "sqlite" and not has_place):
                raise  # of two files here neither can be used: no row has a place
            _LOGGER.warning("history goes to %s for now: %s", self._spill.path, error)
        return self

    def record(self, sample: HistorySample) -> None:
        """Take a sample, in microseconds; never waits for the backend.

        Among samples of one zone a timestamp that is taken moves on by a microsecond.
        Raises StoreDataError for a timestamp or zone that names no row, and
        StoreClosedError; nothing else. A sample impossible to store for another reason
        is quarantined.
        """
        self._writer.record(self._placed(sample))

    def flush(self) -> None:
        """Write everything now, to the backend or else the spill.

        Raises HistoryError, whose `unwritten` counts the rows still in memory, when
        neither took them; they are kept and tried again.
        """
        self._check_open()
        self._writer.flush()

    def close(self) -> None:
        """Write what is left within `close_timeout_seconds`, else spill it.

        Raises HistoryError, whose `unwritten` counts them, when rows are lost. Closing
        twice does nothing.
        """
        if self._shared or self._writer.closed:
            return
        try:
            self._writer.close(self._close_timeout_seconds, self._close_places)
        finally:
            self._close_places()

    def _close_places(self) -> None:
        if self.readings is not None:
            self.readings.close()
        if self._spill is not None:
            self._spill.close()
        self.backend.close()

    def status(self) -> HistoryStatus:
        """Describe the service without asking the backend."""
        return replace(self._writer.status(), clock_doubt=self._upkeep.clock_doubt)

    def query(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        fields: Sequence[str] | None = None,
        points: int | None = None,
        bucket: str | None = None,
        timezone: str | None = None,
    ) -> HistoryResult:
        """Return what happened in ``[start, end)``, ascending; see `HistoryResult`.

        Recorded rows by default; at most `points` equal buckets a zone; or buckets of
        ``minute``, ``5min``, ``15min``, ``hour``, ``day``, the last two on the wall
        clock of `timezone`. `zone` None: all; unknown: no rows. `fields` out of
        `FIELDS`, None: all. Buckets without a sample are left out. Wide ones begin with a
        whole hour or six of UTC, so that the first may begin before `start`.

        Raises StoreDataError for naive instants, StoreConfigError for other arguments,
        StoreUnavailableError.
        """
        self._ready()
        start, end = checked_range(start, end)
        wanted, zone = row_fields(fields), checked_zone(zone)
        check_shape(points, bucket)
        if points is None and bucket is None:
            rows = self.backend.rows(start, end, zone=zone) if start < end else []
            return HistoryResult(only_all(rows, wanted), "raw")
        if start >= end:
            return HistoryResult([], "raw", None)
        now = self._now()
        if points is not None:
            plan = plan_points(start, end, points)
            old = start < now - _RECENT and not plan.rollup
            if old and self._has_no_rows_before(start):
                plan = plan_points(start, end, points, rollup_only=True)
        else:
            plan = self._plan_bucket(start, end, bucket or "", timezone, zone)
        wanted = bucket_fields(wanted)
        rows = self.backend.buckets(plan, zone=zone, now=now, columns=wanted)
        return HistoryResult(
            only_all(rows, wanted),
            "rollup" if plan.rollup else "raw",
            plan.width_seconds,
        )

    def pages(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        fields: Sequence[str] | None = None,
        page_rows: int = _PAGE_ROWS,
    ) -> Iterator[list[HistoryRow]]:
        """Yield the recorded rows of `query` in pages, in constant memory.

        Pages continue after the last row seen, so that rows recorded or deleted
        meanwhile neither shift nor repeat others. Raises as `query`.
        """
        start, end = checked_range(start, end)
        wanted, zone = row_fields(fields), checked_zone(zone)
        page_rows = int(checked_number(page_rows, "page_rows", least=1))
        self._ready()
        return self._pages(start, end, zone, wanted, page_rows)

    def _pages(
        self,
        start: datetime,
        end: datetime,
        zone: str | None,
        wanted: Sequence[str],
        page_rows: int,
    ) -> Iterator[list[HistoryRow]]:
        after = None
        while start < end:
            rows = self.backend.rows(
                start, end, zone=zone, after=after, limit=page_rows
            )
            if rows:
                after = RowKey(rows[-1].timestamp, rows[-1].zone)
                yield only_all(rows, wanted)
            if len(rows) < page_rows:
                return

    def export(
        self,
        target: Target,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        fields: Sequence[str] | None = None,
        format: str | None = None,  # noqa: A002 - the word people look for
        spreadsheet: bool = False,
    ) -> int:
        """Write the recorded rows of a range, in constant memory; return how many.

        `target` is a path or a binary file; `format` is ``csv``, ``jsonl`` or
        ``parquet`` (with pyarrow), by default what the path's suffix says. Timestamps
        are ISO 8601 in UTC, of one form in every row. With `spreadsheet` a CSV has an apostrophe before each text
        that a spreadsheet would take for a formula. Raises as `query`, and HistoryError when the target cannot
        be written.
        """
        from switchbot_store.history.query.export import format_of, write_pages  # noqa: PLC0415 - memory for who exports

        name = format_of(target, format)
        pages = self.pages(
            start, end, zone=zone, fields=fields, page_rows=_EXPORT_PAGE_ROWS
        )
        return write_pages(
            pages, target, row_fields(fields), name, spreadsheet=spreadsheet
        )

    def latest(self, n: int = 1, *, zone: str | None = None) -> list[HistoryRow]:
        """Return the newest `n` rows, ascending; of all zones when `zone` is None.

        Without those more than a day ahead, which another clock stamped.
        """
        if type(n) is not int or n < 0:
            raise StoreConfigError(worded("0 or more, not {n!r}", n=n), variable="n")
        zone = checked_zone(zone)
        self._ready()
        found = self.backend.latest(n, zone=zone) if n else []
        until = self._now() + _AHEAD
        if not found or found[-1].timestamp < until or until < RELEASED:
            return found
        return self._latest_before(until, n, zone)

    def _latest_before(
        self, until: datetime, n: int, zone: str | None
    ) -> list[HistoryRow]:
        oldest = self.backend.oldest()
        span = _AHEAD
        while oldest is not None and until - span > oldest:
            rows = self.backend.rows(until - span, until, zone=zone)
            if len(rows) >= n:
                return rows[-n:]
            span *= 4
        return self.backend.rows(oldest or until, until, zone=zone)[-n:]

    def aggregates(
        self, hours: float, *, zone: str | None = None
    ) -> dict[str, int | float | str | None]:
        """Summarise the last `hours`.

        Keys: ``count``; ``avg_``, ``min_`` and ``max_`` of ``temperature`` and
        ``humidity`` over the samples (None without any); ``common_aircon_power``, the
        most frequent one; ``distinct_actions``; ``total_errors``, the sum;
        ``max_api_requests``. Raises StoreConfigError for what is no number, or below 0.
        """
        checked_number(hours, "hours", finite=False)
        zone = checked_zone(zone)
        self._ready()
        try:
            since = self._now() - timedelta(hours=hours)
        except OverflowError:
            since = datetime.min.replace(tzinfo=UTC)
        return self.backend.aggregates(since, zone=zone)

    def cleanup(self) -> int:
        """Bring the rollup up to date, then delete rows older than the retention.

        Returns how many went. In small steps, so that writers are not held up; also
        done about once a day after a flush, then at most a month of them a day. Deletes
        nothing by a clock that is in doubt, see `HistoryStatus`. Raises
        StoreUnavailableError.
        """
        self._ready()
        kept = 0 if self.readings is None else self.readings.cleanup()
        return kept + self._upkeep.clean()

    def move(
        self,
        start: datetime,
        end: datetime,
        by: timedelta,
        *,
        zone: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Move the rows of ``[start, end)`` that a wrong clock stamped; return how many.

        `by` is what the clock was behind, negative if it was ahead. Those that were set
        aside as such come back at their new place, too. In steps of a day at most, each
        whole or not at all; `progress` is called with the rows moved so far.

        Raises StoreDataError where a row is already or would leave 1970 to 2200,
        StoreConfigError for a `by` of zero, StoreUnavailableError.
        """
        start, end = checked_range(start, end)
        if not _is_span(by):
            raise StoreConfigError(worded("more or less than nothing"), variable="by")
        zone = checked_zone(zone)
        for edge in (start, end):
            try:
                checked_instant(edge + by)
            except (ValueError, OverflowError) as error:
                raise StoreDataError(
                    worded(
                        "{by} from {edge:%Y-%m-%d}: {error}",
                        by=by,
                        edge=edge,
                        error=error,
                    )
                ) from error
        self._ready()
        place = (
            self.backend.backend
            if isinstance(self.backend, HomeBackend)
            else self.backend
        )
        moved = 0
        for low, high in _pieces(self.backend, start, end, by, zone):
            moved += self.backend.move(low, high, by, zone=zone)
            if progress is not None:
                progress(moved)

        def belongs(sample: HistorySample) -> bool:
            if not start <= sample.timestamp < end:
                return False
            if not isinstance(self.backend, HomeBackend):
                return zone in (None, sample.zone)
            # What was set aside has the place's names.
            bare = self.backend.bare(sample.zone)
            return bare is not None and zone in (None, bare)

        def back(samples: list[HistorySample]) -> int:
            rows = [replace(each, timestamp=each.timestamp + by) for each in samples]
            return place.write(rows, now=self._now())

        return moved + self._quarantine.take(MISDATED, belongs, back)

    def forget(self) -> int:
        """Delete for good all rows and hours of this home, and what waits or was set aside.

        Returns how many recorded rows went. Who still records for the home brings rows
        back: end its engine first. Raises StoreConfigError where this is the history of
        no home (see `of_home`), HistoryError and StoreUnavailableError.
        """
        home = self.backend
        if not isinstance(home, HomeBackend):
            raise StoreConfigError(
                worded("the history of one home alone"), variable="home"
            )

        def belongs(zone: str) -> bool:
            return home.bare(zone) is not None

        self.flush()
        if self._spill is not None:
            self._spill.discard(belongs)
        self._quarantine.discard(belongs)
        zones = home.backend.zones(f"{home.home}/")
        gone = 0 if self.readings is None else self.readings.forget()
        return gone + sum(home.backend.delete_zone(zone) for zone in zones)

    def roll_up(self, progress: Callable[[int], None] | None = None) -> int:
        """Bring the rollup up to date now; return how many hours were.

        `progress` is called with the hours done so far. Happens by itself after
        flushes; a database just adopted may want it at once.
        """
        self._ready()
        return self._upkeep.roll_up(progress)

    def _check_open(self) -> None:
        if self._writer.closed:
            raise StoreClosedError(worded("the history was closed"))

    def _ready(self) -> None:
        """Let a reader see what was recorded before."""
        self._check_open()
        self._writer.try_flush()

    def _has_no_rows_before(self, start: datetime) -> bool:
        """Tell whether rows may have been deleted: the rollup goes further back."""
        oldest = self.backend.oldest()
        return oldest is None or oldest >= start

    def _plan_bucket(
        self,
        start: datetime,
        end: datetime,
        bucket: str,
        timezone: str | None,
        zone: str | None,
    ) -> BucketPlan:
        name = timezone or self._timezone
        if name is None and needs_timezone(bucket):
            newest = self.backend.latest(1, zone=zone)
            name = newest[0].timezone if newest else None
        try:
            home = timezone_of(name or "UTC")
        except StoreConfigError:
            if name == timezone:
                raise
            home = timezone_of("UTC")  # a row may hold any text
        return plan_bucket(start, end, bucket, home)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
