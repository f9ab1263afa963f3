"""Rows into the backend, whatever some of them hold, and out of the spill."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreDataError, StoreUnavailableError
from switchbot_store.history.ingest import codec
from switchbot_store.history.ingest.codec import as_dict
from switchbot_store.history.ingest.quarantine import MISDATED
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.history.model import hour_of
from switchbot_store.history.present import RELEASED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from switchbot_store.history.ingest.health import WriterHealth
    from switchbot_store.history.ingest.quarantine import Quarantine
    from switchbot_store.history.ingest.spill import HistorySpill, SpilledRow
    from switchbot_store.history.model import HistoryBackend, HistoryRow, HistorySample

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
        self._health = health
        self._now = now

    def write(self, rows: list[HistorySample]) -> bool:
        """Write the rows; they leave the list as they arrive."""
        late = False
        rows[:] = self._of_their_time(rows)
        while rows:
            chunk = rows[:_CHUNK_ROWS]
            late = self._write_sound(chunk) or late
            del rows[:_CHUNK_ROWS]
        return late

    def _of_their_time(self, rows: list[HistorySample]) -> list[HistorySample]:
        """Return the rows without those of a clock that nobody has set: set aside."""
        now = self._now()
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
        while waiting := self._oldest(spill):
            samples = self._of_their_time(self._decoded(waiting))
            late = self._write_sound(samples) or late
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
        """Put a row into quarantine."""
        self._quarantine.add(row, reason, at=self._now())
        self._health.quarantined()

    def _decoded(self, waiting: Sequence[SpilledRow]) -> list[HistorySample]:
        samples = []
        for row in waiting:
            try:
                # As where it was recorded: a bit that turned makes a year 9999 as well.
                samples.append(normalised(codec.load(row.encoded)))
            except (ValueError, TypeError, KeyError, StoreDataError) as error:
                self.set_aside(row.encoded, f"unreadable in the spill: {error}")
        return samples

    def _write_sound(self, samples: Sequence[HistorySample]) -> bool:
        """Write the rows in as few writes as their soundness allows.

        Halving finds one impossible row among n with about 2 log2 n writes.
        """
        if not samples:
            return False
        now = self._now()
        try:
            added = self._backend.write(samples, now=now)
            if added < len(samples):
                self._tell_apart(samples, now)
        except StoreDataError as error:
            if len(samples) == 1:
                self.set_aside(samples[0], str(error))
                return False
            half = len(samples) // 2
            first = self._write_sound(samples[:half])
            return self._write_sound(samples[half:]) or first
        self._health.wrote(len(samples))
        hour = hour_of(now)
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
