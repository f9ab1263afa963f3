"""The rows of one home among many: those of its zones, under their bare names.

A row of the zone ``living`` of the home ``42`` has the zone ``42/living``, for who writes
and for who reads: both names are made here. A question about all zones is one about each
of this home, so that it costs the same beside thousands of other homes.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from switchbot_store.history.model import HistoryBackend, HistoryRow, RowKey
from switchbot_store.homes import checked_home
from switchbot_store.instants import EARLIEST, LATEST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from switchbot_store.history.model import BucketPlan, HistorySample

_KNOWN_SECONDS: Final = 300.0
"""How long the zones of a home are not asked for again: others may add one."""


class HomeBackend(HistoryBackend):
    """A `HistoryBackend` as one home sees it; `backend` is the place behind.

    What is not of the home alone is done for the whole place: `open`, `close`, `roll_up`,
    `purge`, `clock`. `monotonic` returns seconds. Raises what the place raises, and
    StoreConfigError for a name that no home can have.

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistorySample, SqliteHistory
    >>> at, place = datetime(2026, 1, 12, tzinfo=UTC), SqliteHistory("rows.sqlite")
    >>> one, two = HomeBackend(place, "1"), HomeBackend(place, "2")
    >>> one.write([HistorySample(at, "living", temperature=17.5)], now=at)
    1
    >>> [row.zone for row in one.latest(9)], two.latest(9), place.zones()
    (['living'], [], ['1/living'])
    """

    def __init__(
        self,
        backend: HistoryBackend,
        home: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backend = backend
        self.home: str = checked_home(home)
        self.name: str = backend.name
        self._prefix = f"{home}/"
        self._monotonic = monotonic
        self._known: set[str] = set()
        self._asked_at = float("-inf")

    def __repr__(self) -> str:
        return f"<HomeBackend {self.home!r} of {self.backend!r}>"

    # --- names -------------------------------------------------------------------------

    def placed(self, sample: HistorySample) -> HistorySample:
        """Return a sample of the home as the place keeps it."""
        zone = sample.zone
        if zone and isinstance(zone, str):
            self._known.add(zone)
            return replace(sample, zone=self._prefix + zone)
        return sample  # refused by whoever takes it, who says so

    def bare(self, zone: str) -> str | None:
        """Return a zone's bare name, None for one of another home."""
        if not zone.startswith(self._prefix):
            return None
        return zone.removeprefix(self._prefix)

    def zones(self, prefix: str = "") -> list[str]:
        """Return the sorted bare names of the home's zones."""
        now = self._monotonic()
        if now - self._asked_at > _KNOWN_SECONDS:
            found = self.backend.zones(self._prefix)
            self._known |= {zone.removeprefix(self._prefix) for zone in found}
            self._asked_at = now
        return sorted(zone for zone in self._known if zone.startswith(prefix))

    def _of(self, zone: str | None) -> list[str]:
        names = self.zones() if zone is None else [zone]
        return [self._prefix + name for name in names]

    def _all(
        self, ask: Callable[[str], Iterable[HistoryRow]], zone: str | None
    ) -> list[HistoryRow]:
        found: list[HistoryRow] = []
        for each in self._of(zone):
            for row in ask(each):
                row["zone"] = self.bare(row.zone)
                found.append(row)
        if zone is None:
            found.sort(key=lambda row: (row.timestamp, row.zone))
        return found

    # --- the place ---------------------------------------------------------------------

    def open(self) -> None:
        """Make the place ready."""
        self.backend.open()

    def close(self) -> None:
        """Close the place."""
        self.backend.close()

    def clock(self) -> datetime | None:
        """Return what the clock of the place says."""
        return self.backend.clock()

    def roll_up(self, *, now: datetime) -> int:
        """Bring some hours of the place up to date."""
        return self.backend.roll_up(now=now)

    def purge(self, before: datetime, *, limit: int) -> int:
        """Delete some old rows of the place."""
        return self.backend.purge(before, limit=limit)

    # --- rows --------------------------------------------------------------------------

    def write(self, samples: Sequence[HistorySample], *, now: datetime) -> int:
        """Add rows of the home; see `HistoryBackend.write`."""
        return self.backend.write([self.placed(each) for each in samples], now=now)

    def rows(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        after: RowKey | None = None,
        limit: int | None = None,
    ) -> list[HistoryRow]:
        """Return recorded rows of the home; see `HistoryBackend.rows`."""
        beyond = after and RowKey(after.timestamp, self._prefix + after.zone)

        def ask(each: str) -> list[HistoryRow]:
            return self.backend.rows(start, end, zone=each, after=beyond, limit=limit)

        return self._all(ask, zone)[:limit]

    def latest(self, n: int, *, zone: str | None = None) -> list[HistoryRow]:
        """Return the home's newest `n` rows, ascending."""
        found = self._all(lambda each: self.backend.latest(n, zone=each), zone)
        return found[-n:] if n else []

    def buckets(
        self,
        plan: BucketPlan,
        *,
        zone: str | None = None,
        now: datetime,
        columns: Collection[str] | None = None,
    ) -> list[HistoryRow]:
        """Return a row for each bucket of the home with samples."""

        def ask(each: str) -> list[HistoryRow]:
            return self.backend.buckets(plan, zone=each, now=now, columns=columns)

        return self._all(ask, zone)

    def aggregates(
        self, since: datetime, *, zone: str | None = None
    ) -> dict[str, int | float | str | None]:
        """Summarise the home's rows since then; see `HistoryService.aggregates`."""
        zones = self._of(zone)
        if len(zones) == 1:
            return self.backend.aggregates(since, zone=zones[0])
        return _summary(self.rows(since, LATEST))

    def oldest(self) -> datetime | None:
        """Return the timestamp of the home's oldest recorded row, None without any."""

        def ask(each: str) -> list[HistoryRow]:
            return self.backend.rows(EARLIEST, LATEST, zone=each, limit=1)

        found = self._all(ask, None)
        return min((row.timestamp for row in found), default=None)

    def newest(self, *, before: datetime) -> datetime | None:
        """Return the timestamp of the home's newest recorded row before then."""
        found = self.latest(1)
        if found and found[-1].timestamp < before:
            newest: datetime = found[-1].timestamp
            return newest
        return super().newest(before=before)

    def move(
        self,
        start: datetime,
        end: datetime,
        by: timedelta,
        *,
        zone: str | None = None,
    ) -> int:
        """Move rows of the home, a zone at a time; see `HistoryBackend.move`."""
        return sum(
            self.backend.move(start, end, by, zone=each) for each in self._of(zone)
        )

    def frozen_hours(
        self, *, after: RowKey | None = None, limit: int, zone: str | None = None
    ) -> list[HistoryRow]:
        """Return hours of the home without rows; see `HistoryBackend.frozen_hours`."""
        beyond = after and RowKey(after.timestamp, self._prefix + after.zone)

        def ask(each: str) -> list[HistoryRow]:
            return self.backend.frozen_hours(after=beyond, limit=limit, zone=each)

        return self._all(ask, zone)[:limit]

    def add_frozen_hours(self, hours: Sequence[Mapping[str, Any]]) -> int:
        """Put such hours back; see `HistoryBackend.add_frozen_hours`."""
        return self.backend.add_frozen_hours(
            [{**hour, "zone": self._prefix + hour["zone"]} for hour in hours]
        )

    def delete_zone(self, zone: str) -> int:
        """Delete all that there is of a zone of the home."""
        self._known.discard(zone)
        return self.backend.delete_zone(self._prefix + zone)


def _summary(rows: list[HistoryRow]) -> dict[str, int | float | str | None]:
    """Summarise rows as a place does, which cannot add up two means."""
    found: dict[str, int | float | str | None] = {"count": len(rows)}
    for name in ("temperature", "humidity"):
        values = [row[name] for row in rows if row[name] is not None]
        found[f"avg_{name}"] = sum(values) / len(values) if values else None
        found[f"min_{name}"] = min(values, default=None)
        found[f"max_{name}"] = max(values, default=None)
    powers = Counter(
        row.assumed_aircon_power for row in rows if row.assumed_aircon_power is not None
    )
    by_count = sorted(powers, key=lambda power: (-powers[power], power))
    requests = [
        row.api_requests_today for row in rows if row.api_requests_today is not None
    ]
    found["common_aircon_power"] = by_count[0] if by_count else None
    found["distinct_actions"] = len(
        {row.last_action for row in rows if row.last_action is not None}
    )
    found["total_errors"] = sum(row.error_count for row in rows)
    found["max_api_requests"] = max(requests, default=None)
    return found
