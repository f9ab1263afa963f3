"""Rows of one meter, which become samples only where somebody looks at one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from switchbot_store.history.model import HistorySample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

Reading = tuple[float | None, float | None, dict[str, float] | None]
"""Temperature in °C, humidity in %, what else was measured."""


@dataclass(frozen=True, slots=True)
class MeterBlock(Sequence[HistorySample]):
    """Samples of one zone, normalised, that hold an instant and a reading each.

    Making a sample takes longer than reading its line from a file or writing its row,
    so that millions on their way from one to the other go without.
    """

    zone: str
    timezone: str
    rows: list[tuple[datetime, Reading]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[HistorySample]:
        return map(self._sample, self.rows)

    @overload
    def __getitem__(self, index: int) -> HistorySample: ...
    @overload
    def __getitem__(self, index: slice) -> MeterBlock: ...
    def __getitem__(self, index: int | slice) -> HistorySample | MeterBlock:
        """Return a sample, or a part of the block."""
        if isinstance(index, slice):
            return MeterBlock(self.zone, self.timezone, self.rows[index])
        return self._sample(self.rows[index])

    def _sample(self, row: tuple[datetime, Reading]) -> HistorySample:
        moment, (temperature, humidity, metadata) = row
        return HistorySample(
            moment,
            self.zone,
            temperature,
            humidity,
            timezone=self.timezone,
            metadata=metadata,
        )


def keys_of(samples: Sequence[HistorySample]) -> Iterator[tuple[str, datetime]]:
    """Yield the zone and timestamp of each."""
    if isinstance(samples, MeterBlock):
        return ((samples.zone, moment) for moment, _ in samples.rows)
    return ((sample.zone, sample.timestamp) for sample in samples)
