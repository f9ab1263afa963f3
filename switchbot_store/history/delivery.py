"""Rows into the backend, whatever some of them hold, and out of the spill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreDataError
from switchbot_store.history import codec
from switchbot_store.history.model import hour_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from switchbot_store.history.health import WriterHealth
    from switchbot_store.history.model import HistoryBackend, HistorySample
    from switchbot_store.history.quarantine import Quarantine
    from switchbot_store.history.spill import HistorySpill, SpilledRow

_CHUNK_ROWS: Final = 5000


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
        while rows:
            chunk = rows[:_CHUNK_ROWS]
            late = self._write_sound(chunk) or late
            del rows[:_CHUNK_ROWS]
        return late

    def drain(self, spill: HistorySpill) -> bool:
        """Write what waits in the spill; rows leave it as they arrive."""
        late = False
        while waiting := spill.oldest(_CHUNK_ROWS):
            samples = self._decoded(waiting)
            late = self._write_sound(samples) or late
            spill.remove(waiting)
            self._health.drained(len(samples))
        return late

    def set_aside(self, row: HistorySample | str, reason: str) -> None:
        """Put a row into quarantine."""
        self._quarantine.add(row, reason, at=self._now())
        self._health.quarantined()

    def _decoded(self, waiting: Sequence[SpilledRow]) -> list[HistorySample]:
        samples = []
        for row in waiting:
            try:
                samples.append(codec.load(row.encoded))
            except (ValueError, TypeError, KeyError) as error:
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
            self._backend.write(samples, now=now)
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
