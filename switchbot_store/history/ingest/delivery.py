"""Rows into the backend, whatever some of them hold, and out of the spill.

What became of them, and when to try again after a failure, is noted here too.
"""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreDataError, StoreError, StoreUnavailableError
from switchbot_store.history.ingest import codec
from switchbot_store.history.ingest.codec import as_dict
from switchbot_store.history.ingest.quarantine import MISDATED
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.history.model import HistoryStatus, hour_of
from switchbot_store.history.present import RELEASED
from switchbot_store.languages import reworded
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from switchbot_store.history.ingest.quarantine import Quarantine
    from switchbot_store.history.ingest.spill import HistorySpill, SpilledRow
    from switchbot_store.history.model import HistoryBackend, HistoryRow, HistorySample

_LOGGER = logging.getLogger(__name__)
_FIRST_RETRY_SECONDS: Final = 1.0
_LAST_RETRY_SECONDS: Final = 30.0
_CHUNK_ROWS: Final = 5000
_STEP: Final = timedelta(microseconds=1)
_LIVE: Final = timedelta(days=1)
"""A row this near to the clock was stamped by it."""


class Delivery:
    """Writes rows in order; a row impossible to store is set aside, the rest arrive.

    The methods raise the StoreError of the backend or the spill that stopped them and
    return whether rows of hours that are over were among those that arrived.
    """

    def __init__(
        self,
        backend: HistoryBackend,
        *,
        quarantine: Quarantine,
        health: WriterHealth,
        now: Callable[[], datetime],
    ) -> None:
        self._backend = backend
        self._quarantine = quarantine
        self._is_draining = self._disk_refused = False
        self._health = health
        self._now = now

    def write(self, rows: list[HistorySample]) -> bool:
        """Write the rows; they leave the list as they arrive."""
        late = False
        if self._quarantine.unwritten:
            self._quarantine.write_unwritten()
        rows[:] = self._of_their_time(rows, self._now())
        while rows:
            chunk = rows[:_CHUNK_ROWS]
            late = self._write_sound(chunk, self._now()) or late
            del rows[:_CHUNK_ROWS]
        return late

    def _of_their_time(
        self, rows: list[HistorySample], now: datetime
    ) -> list[HistorySample]:
        """Return the rows without those of a clock that nobody has set: set aside."""
        if now >= RELEASED or self._quarantine.path is None:
            return rows  # better at the wrong time than in the log alone
        kept = []
        for row in rows:
            if abs(row.timestamp - now) < _LIVE:
                self.set_aside(row, f"{MISDATED}, at {now:%Y-%m-%d %H:%M} UTC")
            else:
                kept.append(row)
        return kept

    def drain(self, spill: HistorySpill) -> bool:
        """Write what waits in the spill; rows leave it as they arrive.

        A spill that cannot be read waits: it keeps no row from the backend that has
        another way.
        """
        late = False
        self._is_draining, self._disk_refused = True, False
        try:
            while waiting := self._oldest(spill):
                late = self._drained(spill, waiting) or late
                if self._disk_refused:
                    break
        finally:
            self._is_draining = False
        return late

    def _drained(self, spill: HistorySpill, waiting: list[SpilledRow]) -> bool:
        """Write rows that wait; they stay while the disk keeps one from being set aside.

        Those that arrived are known there by their key when they come again.
        """
        now = self._now()
        samples = self._of_their_time(self._decoded(waiting), now)
        late = self._write_sound(samples, now)
        if not self._disk_refused:
            refusal = spill.remove(waiting)
            if refusal is not None:
                self._health.disk_failed(refusal)
            self._health.drained(len(samples))
        return late

    def _oldest(self, spill: HistorySpill) -> list[SpilledRow]:
        try:
            return spill.oldest(_CHUNK_ROWS)
        except StoreUnavailableError as error:
            self._health.disk_failed(error)
            return []

    def set_aside(self, row: HistorySample | str, reason: str) -> None:
        """Put a row into quarantine; where the disk refuses it stays where it was."""
        kept = self._quarantine.add(
            row, reason, at=self._now(), kept_elsewhere=self._is_draining
        )
        if kept or not self._is_draining:
            self._health.quarantined()
        self._disk_refused = self._disk_refused or not kept

    def _decoded(self, waiting: Sequence[SpilledRow]) -> list[HistorySample]:
        samples = []
        for row in waiting:
            try:
                # As where it was recorded: a bit that turned makes a year 9999 as well.
                samples.append(normalised(codec.load(row.encoded)))
            except (ValueError, TypeError, KeyError, StoreDataError) as error:
                self.set_aside(row.encoded, f"unreadable in the spill: {error}")
        return samples

    def _write_sound(self, samples: Sequence[HistorySample], now: datetime) -> bool:
        """Write the rows in as few writes as their soundness allows.

        Halving finds one impossible row among n with about 2 log2 n writes.
        """
        if not samples:
            return False
        try:
            added = self._backend.write(samples, now=now)
            if added < len(samples):
                self._tell_apart(samples, now)
        except StoreDataError as error:
            if len(samples) == 1:
                self.set_aside(samples[0], str(error))
                return False
            half = len(samples) // 2
            first = self._write_sound(samples[:half], now)
            return self._write_sound(samples[half:], now) or first
        hour = hour_of(now)
        self._health.wrote(len(samples))
        return any(sample.timestamp < hour for sample in samples)

    def _tell_apart(self, samples: Sequence[HistorySample], now: datetime) -> None:
        """Move samples on whose instant another row has; the rest were repeats.

        A row that is there with the same content is this sample, written before. With
        another content it is somebody else's: a process that ended, or one beside us.
        Whoever repeats this ends at the same rows.
        """
        while samples:
            stored = self._stored(samples)
            moved = []
            for sample in samples:
                row = stored.get((sample.zone, sample.timestamp))
                # Gone already: somebody deleted it meanwhile.
                if row is not None and row != as_dict(sample):
                    later = sample.timestamp + _STEP
                    moved.append(replace(sample, timestamp=later))
            if moved:
                self._backend.write(moved, now=now)
            samples = moved

    def _stored(
        self, samples: Sequence[HistorySample]
    ) -> dict[tuple[str, datetime], HistoryRow]:
        """Return the rows of the instants between the first sample and the last."""
        instants: dict[str, list[datetime]] = {}
        for sample in samples:
            instants.setdefault(sample.zone, []).append(sample.timestamp)
        stored = {}
        for zone, mine in instants.items():
            for row in self._backend.rows(min(mine), max(mine) + _STEP, zone=zone):
                stored[zone, row["timestamp"]] = row
        return stored


class WriterHealth:
    """Counts and remembers for `HistoryService.status`; thread-safe.

    The first failure and the recovery are logged, not each attempt between.
    """

    def __init__(
        self,
        backend: str,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._lock = ProcessLock()
        self._status = HistoryStatus(backend)
        self.retry_at: float | None = None
        """When to try again, on the monotonic clock; None while all is well."""
        self._retry_seconds = _FIRST_RETRY_SECONDS

    def status(self, *, buffered: int, spilled: int) -> HistoryStatus:
        """Return the status with these two counts of the moment."""
        with self._lock:
            return replace(self._status, buffered=buffered, spilled=spilled)

    @property
    def may_try(self) -> bool:
        """Whether an attempt is worth it now."""
        retry_at = self.retry_at
        return retry_at is None or self._monotonic() >= retry_at

    def failed(self, error: Exception) -> None:
        """Note that rows could not move on, for an outage or a mistake in the code."""
        with self._lock:
            if self._status.degraded_since is None:
                self._status = replace(self._status, degraded_since=self._now())
                if isinstance(error, StoreError | OSError):
                    _LOGGER.warning(
                        "history is kept back until it can be written: %s", error
                    )
                else:
                    _LOGGER.error(
                        "a mistake in the code of the history; rows are kept, and"
                        " `flush` raises it",
                        exc_info=error,
                    )
            text = f"{type(error).__name__}: {error}"
            self._status = replace(self._status, last_error=text)
            # Jitter: hosts that lost one database should not come back as one.
            pause = self._retry_seconds * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            self.retry_at = self._monotonic() + pause
            self._retry_seconds = min(2 * self._retry_seconds, _LAST_RETRY_SECONDS)

    def disk_failed(self, error: Exception) -> None:
        """Note that the local spill cannot be used, while the backend may well be."""
        with self._lock:
            if self._status.spill_error is None:
                _LOGGER.warning("the spill of the history cannot be used: %s", error)
            self._status = replace(self._status, spill_error=reworded(error))

    @property
    def disk_is_well(self) -> bool:
        """Whether the spill can be used, as far as is known."""
        return self._status.spill_error is None

    def disk_worked(self) -> None:
        """Note that the spill took rows."""
        if not self.disk_is_well:
            _LOGGER.warning("the spill of the history can be used again")
            with self._lock:
                self._status = replace(self._status, spill_error=None)

    def succeeded(self) -> None:
        """Note that rows reached the backend."""
        with self._lock:
            if self._status.degraded_since is not None:
                _LOGGER.warning(
                    "history is written again, which it was not since %s",
                    self._status.degraded_since,
                )
            self._status = replace(
                self._status,
                degraded_since=None,
                last_error=None,
                last_flush=self._now(),
            )
            self.retry_at = None
            self._retry_seconds = _FIRST_RETRY_SECONDS

    def has_nothing_to_retry(self) -> None:
        """Note that no row waits, so that nobody wakes up for one."""
        with self._lock:
            self.retry_at = None

    def wrote(self, rows: int) -> None:
        """Count rows that the backend has."""
        with self._lock:
            self._status = replace(self._status, written=self._status.written + rows)

    def drained(self, rows: int) -> None:
        """Count rows that left the spill for the backend."""
        with self._lock:
            self._status = replace(self._status, drained=self._status.drained + rows)

    def quarantined(self) -> None:
        """Count a row set aside."""
        with self._lock:
            self._status = replace(
                self._status, quarantined=self._status.quarantined + 1
            )

    def dropped(self, rows: int, why: str) -> None:
        """Count rows given up, loudly."""
        _LOGGER.error("%s rows of history were lost, the oldest first: %s", rows, why)
        with self._lock:
            self._status = replace(self._status, dropped=self._status.dropped + rows)
