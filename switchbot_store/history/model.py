"""The contract of history: read this first.

A history keeps one row per zone and instant: what was measured, what was done. A
`HistoryService` collects samples and answers questions; a `HistoryBackend` is the place
where the rows lie. Every backend passes `switchbot_store.testing.HistoryContract`.

Words used throughout:

sample
    what a caller records; its timestamp is aware.
row
    what a query returns: a mapping whose names are also attributes. Timestamps are
    aware UTC. Rows are ascending by timestamp, then by zone.
range
    ``[start, end)``: the start belongs to it, the end does not.
holding
    a reading counts until the next one of its zone, at most `HOLD_SECONDS`, and the
    newest one not beyond the present. Means weigh every reading by that time, so
    that irregular polling does not bend them and an outage does not count.
rollup
    one row per zone and whole UTC hour, made from the rows of hours that are over. An
    hour is `frozen` once retention deletes its rows: it is never computed again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import pairwise, starmap
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, overload

from switchbot_store.errors import StoreDataError
from switchbot_store.instants import EARLIEST, LATEST
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

HOLD_SECONDS: Final = 3600
"""How long a reading counts at most; not above an hour, which the rollup relies on."""
CLOSING_SECONDS: Final = 300
"""How long after its end an hour is rolled up: late flushes, clocks that differ."""
HOUR: Final = timedelta(hours=1)
BLOCK: Final = timedelta(hours=6)
"""What a backend may sum hours up to, from 2000-01-01 00:00 UTC on, for long ranges."""

_LONG: Final = timedelta(days=10_000)
_PAGE_ROWS: Final = 2000

KEY_FIELDS: Final = ("timestamp", "zone")
FIELDS: Final = (
    "temperature",
    "humidity",
    "assumed_aircon_power",
    "last_action",
    "api_requests_today",
    "error_count",
    "last_temperature_stale",
    "timezone",
    "metadata",
)
"""What `fields` of a query may name; `KEY_FIELDS` are always there."""

Source = Literal["raw", "rollup"]


@dataclass(frozen=True, slots=True)
class HistorySample:
    """One observation of one zone.

    `timestamp` is aware, of any zone of the world. `temperature` is in degrees Celsius,
    `humidity` in percent; None is "unknown". `assumed_aircon_power` is ``"on"``,
    ``"off"`` or ``"unknown"``. `api_requests_today` and `error_count` are counts.
    `timezone` is the IANA name in force at home. `metadata` follows the rules of
    documents (`switchbot_store.model`).

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistorySample
    >>> HistorySample(datetime(2026, 1, 12, tzinfo=UTC), "attic", temperature=21.5).zone
    'attic'
    """

    timestamp: datetime
    zone: str = "default"
    temperature: float | None = None
    humidity: float | None = None
    assumed_aircon_power: str | None = None
    last_action: str | None = None
    api_requests_today: int | None = None
    error_count: int = 0
    last_temperature_stale: bool = False
    timezone: str = "UTC"
    metadata: Mapping[str, Any] | None = None


Reading = tuple[float | None, float | None, dict[str, float] | None]
"""Temperature in °C, humidity in %, what else was measured."""


class MeterRows(Sequence[HistorySample]):
    """Samples of one zone that are made only where somebody looks at one."""

    __slots__ = ()
    zone: str
    timezone: str

    @abstractmethod
    def keys(self) -> Iterator[tuple[str, datetime]]:
        """Yield the zone with instants of all hours that have a row, and of no other."""

    def _sample(self, moment: datetime, reading: Reading) -> HistorySample:
        temperature, humidity, metadata = reading
        return HistorySample(
            moment,
            self.zone,
            temperature,
            humidity,
            timezone=self.timezone,
            metadata=metadata,
        )


@dataclass(frozen=True, slots=True)
class MeterBlock(MeterRows):
    """Rows of one meter, which become samples only where somebody looks at one.

    Samples of one zone, normalised, that hold an instant and a reading each.

    Making a sample takes longer than reading its line from a file or writing its row,
    so that millions on their way from one to the other go without.
    """

    zone: str
    timezone: str
    rows: list[tuple[datetime, Reading]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[HistorySample]:
        return starmap(self._sample, self.rows)

    @overload
    def __getitem__(self, index: int) -> HistorySample: ...
    @overload
    def __getitem__(self, index: slice) -> MeterBlock: ...
    def __getitem__(self, index: int | slice) -> HistorySample | MeterBlock:
        """Return a sample, or a part of the block."""
        if isinstance(index, slice):
            return MeterBlock(self.zone, self.timezone, self.rows[index])
        return self._sample(*self.rows[index])

    def keys(self) -> Iterator[tuple[str, datetime]]:
        """Yield the zone and the instant of each."""
        return ((self.zone, moment) for moment, _ in self.rows)


class HistoryRow(dict[str, Any]):
    """A row of a result: ``row["temperature"]`` and ``row.temperature`` alike."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this row has no {name!r}") from None


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[HistoryRow]:
    """Return the rows of columns, which are equally long, in half the time of one by one.

    >>> from switchbot_store.history.model import rows_of
    >>> rows_of({"zone": ["default", "bath"], "count": [2, 5]})
    [{'zone': 'default', 'count': 2}, {'zone': 'bath', 'count': 5}]
    """
    count = len(next(iter(columns.values()), ()))
    rows = [HistoryRow() for _ in range(count)]
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """The answer to a query.

    `source` is ``"raw"`` for recorded rows or what was computed from them, ``"rollup"``
    when whole hours came from the rollup. `bucket_seconds` is None for recorded rows,
    else the width of a bucket (86400 for days, though some have 23 or 25 hours).

    A recorded row has `KEY_FIELDS` and the fields asked for. A bucket's row is stamped
    with the bucket's start; `temperature` and `humidity` are time-weighted means with
    their `min_` and `max_`; texts are the last sample's, `api_requests_today` the
    greatest, `error_count` the sum, `last_temperature_stale` whether any was;
    `count` tells the samples (never 0), `aircon_on_seconds` how long the power was on.

    >>> from datetime import UTC, datetime, timedelta
    >>> from switchbot_store import HistorySample, HistoryService, SqliteHistory
    >>> start = datetime(2026, 1, 12, tzinfo=UTC)
    >>> with HistoryService(SqliteHistory("buckets.sqlite")) as history:
    ...     for minute, degrees in ((0, 20.0), (5, 22.0)):
    ...         at = start + timedelta(minutes=minute)
    ...         history.record(HistorySample(at, temperature=degrees))
    ...     end = start + timedelta(minutes=10)
    ...     result = history.query(start, end, bucket="5min")
    >>> result.bucket_seconds, [(row.count, row.temperature) for row in result.rows]
    (300, [(1, 20.0), (1, 22.0)])
    """

    rows: list[HistoryRow]
    source: Source
    bucket_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """How a history service fares, without asking the backend anything.

    Rows: `buffered` are in memory only, `spilled` wait in the local spill for the
    backend, `written` reached the backend, `drained` of them by way of the spill,
    `quarantined` were refused as impossible to store, `dropped` were given up because
    everything was full. `last_flush` is when rows last reached the backend and
    `degraded_since` when they last failed to, both aware UTC; `last_error` holds no
    secret. `spill_error` says why the local spill cannot be used, which keeps no row from
    a backend that is there; None while it can. `clock_doubt` says why upkeep does not believe the host's clock, and so
    deletes nothing by it; None when it does, or has not looked yet.

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistorySample, HistoryService, SqliteHistory
    >>> with HistoryService(SqliteHistory("rows.sqlite")) as history:
    ...     history.record(HistorySample(datetime(2026, 1, 12, tzinfo=UTC)))
    ...     before = history.status()
    ...     history.flush()
    ...     after = history.status()
    >>> (before.buffered, before.written), (after.buffered, after.written)
    ((1, 0), (0, 1))
    """

    backend: str
    buffered: int = 0
    spilled: int = 0
    written: int = 0
    drained: int = 0
    quarantined: int = 0
    dropped: int = 0
    last_flush: datetime | None = None
    degraded_since: datetime | None = None
    last_error: str | None = None
    clock_doubt: str | None = None
    spill_error: str | None = None


class RowKey(NamedTuple):
    """Where a page of rows ended."""

    timestamp: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """How a range is cut: `switchbot_store.history.query.buckets` makes these.

    Either `width_seconds` counted from `origin`, or `edges`, one more than there are
    buckets, when calendar days or odd offsets make them unequal. With `rollup`, hours
    not in `split_hours` may come from the rollup; a split hour lies across an edge or
    an end of the range.
    """

    start: datetime
    end: datetime
    origin: datetime
    width_seconds: int
    edges: tuple[datetime, ...] | None = None
    rollup: bool = False
    split_hours: tuple[datetime, ...] = ()

    def pieces(self) -> list[tuple[datetime, datetime, datetime]]:
        """Return the parts of each split hour that lie in the range and in one bucket.

        Each is (start of the part, end of the part, the hour).
        """
        found = []
        for hour in self.split_hours:
            lo, hi = max(hour, self.start), min(hour + HOUR, self.end)
            # The first and the last bucket may reach beyond the range.
            cuts = [edge for edge in self.edges or () if lo < edge < hi]
            marks = [lo, *cuts, hi]
            found += [
                (lower, upper, hour)
                for lower, upper in pairwise(marks)
                if lower < upper
            ]
        return found

    def blocks(self) -> tuple[datetime, datetime] | None:
        """Return from where to where whole blocks of `BLOCK` fit into the buckets.

        None unless no edge of a bucket cuts any block.
        """
        width = timedelta(seconds=self.width_seconds)
        if (
            not self.rollup
            or self.edges is not None
            or width % BLOCK
            or self.origin != block_of(self.origin)
        ):
            return None
        first = block_of(self.start)
        if first < self.start:
            first += BLOCK
        return first, block_of(self.end)


class HistoryBackend(ABC):
    """A place for rows; thread-safe, opens on first use or by `open()`.

    Samples handed to it went through `switchbot_store.history.ingest.samples.normalised`.
    Every call raises StoreUnavailableError when the place cannot be reached. `now` is
    always aware UTC.

    >>> from contextlib import closing
    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistoryBackend, HistorySample, SqliteHistory
    >>> at = datetime(2026, 1, 12, tzinfo=UTC)
    >>> def twice(rows: HistoryBackend) -> list[int]:
    ...     return [rows.write([HistorySample(at)], now=at) for _ in range(2)]
    >>> with closing(SqliteHistory("rows.sqlite")) as rows:
    ...     twice(rows)
    [1, 0]
    """

    name: str = "history"

    @abstractmethod
    def open(self) -> None:
        """Make ready, or raise StoreConfigError, StoreUnavailableError, MigrationError.

        Opening an open backend does nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """Release everything the backend itself made; a later use opens it anew."""

    @abstractmethod
    def write(self, samples: Sequence[HistorySample], *, now: datetime) -> int:
        """Add the rows, all or none, durably; return how many were new.

        A row whose zone and timestamp are there already is left as it is, so that a
        repeated write does nothing. Rows of hours that are over at `now` are marked
        for the rollup. Raises StoreDataError when a row is impossible to store.
        """

    @abstractmethod
    def rows(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        after: RowKey | None = None,
        limit: int | None = None,
    ) -> list[HistoryRow]:
        """Return the recorded rows of the range, beyond `after`, at most `limit`."""

    @abstractmethod
    def latest(self, n: int, *, zone: str | None = None) -> list[HistoryRow]:
        """Return the newest `n` rows, ascending."""

    @abstractmethod
    def buckets(
        self,
        plan: BucketPlan,
        *,
        zone: str | None = None,
        now: datetime,
        columns: Collection[str] | None = None,
    ) -> list[HistoryRow]:
        """Return a row for each bucket with samples.

        It has every field a bucket has, or `KEY_FIELDS` and at least `columns`.
        """

    @abstractmethod
    def aggregates(
        self, since: datetime, *, zone: str | None = None
    ) -> dict[str, int | float | str | None]:
        """Summarise the rows since then: see `HistoryService.aggregates`."""

    @abstractmethod
    def oldest(self) -> datetime | None:
        """Return the timestamp of the oldest recorded row, None without any."""

    def newest(self, *, before: datetime) -> datetime | None:
        """Return the timestamp of the newest recorded row before then, None without.

        The derived form reads ever longer ranges; every backend here overrides it.
        """
        oldest = self.oldest()
        width = HOUR
        while oldest is not None and oldest < before:
            start = max(oldest, before - width) if width < _LONG else oldest
            rows = self.rows(start, before)
            if rows:
                return in_utc(rows[-1].timestamp)
            width *= 4
        return None

    def clock(self) -> datetime | None:
        """Return what the clock of the place says, None where it is this host's."""
        return None

    def came_before(self, span: timedelta) -> datetime:  # noqa: ARG002 - for who knows it
        """Return the earliest stamp of what was recorded within the last `span`.

        Of time in which rows came, by their order and not by any clock. The derived form
        knows nothing of that order, and lets clocks and newest rows decide.
        """
        return LATEST

    @abstractmethod
    def roll_up(self, *, now: datetime) -> int:
        """Bring some hours of the rollup up to date; return how many were.

        Bounded work: call again until it returns 0. Hours count from
        `CLOSING_SECONDS` after their end.
        """

    @abstractmethod
    def purge(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` of the rows before then; return how many went.

        Only hours that the rollup holds go, and their rollup is frozen. `before` is
        rounded down to a whole hour. A row of the hour before it stays as long as one
        that stays says by ``{"run": 120000000}`` in its metadata, in microseconds, how
        long before itself that row was recorded, which tells both. Call again until it
        returns 0.
        """

    def move(
        self,
        start: datetime,  # noqa: ARG002 - for who overrides it
        end: datetime,  # noqa: ARG002 - likewise
        by: timedelta,  # noqa: ARG002 - likewise
        *,
        zone: str | None = None,  # noqa: ARG002 - likewise
    ) -> int:
        """Move the rows of a range no longer than `by`, all or none; return how many.

        The hours that they leave and come to are computed anew. Raises StoreDataError
        where a row is already.
        """
        raise StoreDataError(worded("{name} cannot move rows", name=self.name))

    def zones(self, prefix: str = "") -> list[str]:
        """Return the sorted names that begin so, of every zone of which anything is here.

        The derived form reads every row; every backend here overrides it.
        """
        found, after = set(), None
        while rows := self.rows(EARLIEST, LATEST, after=after, limit=_PAGE_ROWS):
            found |= {row.zone for row in rows}
            after = RowKey(rows[-1].timestamp, rows[-1].zone)
        return sorted(zone for zone in found if zone.startswith(prefix))

    def delete_zone(
        self,
        zone: str,  # noqa: ARG002 - for who overrides it
    ) -> int:
        """Delete rows, hours and marks of a zone for good; return how many rows went.

        Hours without rows go too. In steps that hold no writer up: what is written
        meanwhile may be left.
        """
        raise StoreDataError(worded("{name} cannot delete a zone", name=self.name))

    def frozen_hours(
        self,
        *,
        after: RowKey | None = None,  # noqa: ARG002 - for who overrides it
        limit: int,  # noqa: ARG002 - likewise
        zone: str | None = None,  # noqa: ARG002 - likewise
    ) -> list[HistoryRow]:
        """Return hours whose rows were deleted, ascending, beyond `after`.

        Those of all zones, or of one.
        They have `KEY_FIELDS` and `switchbot_store.history.frozen.COLUMNS`. None where
        a backend keeps no rollup.
        """
        return []

    def add_frozen_hours(
        self,
        hours: Sequence[Mapping[str, Any]],  # noqa: ARG002 - for who overrides it
    ) -> int:
        """Put such hours back, all or none; return how many were new.

        An hour that is there already is left as it is.
        """
        raise StoreDataError(
            worded("{name} keeps no hours without rows", name=self.name)
        )


def in_utc(moment: datetime) -> datetime:
    """Return the same instant in UTC; the caller checked that it is aware."""
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def hour_of(moment: datetime) -> datetime:
    """Return the start of the whole UTC hour of an instant."""
    return in_utc(moment).replace(minute=0, second=0, microsecond=0)


def block_of(moment: datetime) -> datetime:
    """Return the start of the block (`BLOCK`) of an instant."""
    hour = hour_of(moment)
    return hour.replace(hour=hour.hour - hour.hour % (BLOCK // HOUR))


def keys_of(samples: Sequence[HistorySample]) -> Iterator[tuple[str, datetime]]:
    """Yield zones and timestamps, at least one of each hour that has a row."""
    if isinstance(samples, MeterRows):
        return samples.keys()
    return ((sample.zone, sample.timestamp) for sample in samples)


def late_hours(
    keys: Iterable[tuple[str, datetime]], now: datetime
) -> set[tuple[str, datetime]]:
    """Return the hours that are over and that samples of these have a part in.

    `keys` are zones and timestamps; each hour is (zone, start). A reading may hold into
    the hour after its own.
    """
    marks: set[tuple[str, datetime]] = set()
    hour: datetime | None = None
    until: datetime | None = None
    zone = ""
    for of_zone, moment in keys:
        # Mostly the next row is of the same hour: no need to look again.
        if (
            hour is None
            or until is None
            or of_zone != zone
            or not hour <= moment < until
        ):
            hour, zone = hour_of(moment), of_zone
            until = hour + HOUR
            marks |= {
                (zone, each) for each in (hour, hour + HOUR) if each + HOUR <= now
            }
    return marks
