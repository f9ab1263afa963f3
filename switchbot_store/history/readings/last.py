"""What devices said last: a process may hear those of any number of homes."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import timedelta

    from switchbot_store.history.readings.model import DeviceReading

_LEAST_SWEPT: Final = 4096
_SECONDS: Final = Struct("<d")
_NUMBER: Final = Struct("<cd")


class LastSaid:
    """Tells what says anew what was said less than `unchanged` ago. Not thread-safe.

    What is older than that is forgotten, so that there are no more entries than twice the
    devices' attributes heard of within that time (and 4096), of some 160 bytes each. They are
    found by a hash alone: where two attributes share one, one of them is kept once too often
    or, saying the other's very value, `unchanged` too late.

    >>> from datetime import UTC, datetime, timedelta
    >>> from switchbot_store import DeviceReading
    >>> said, at = LastSaid(timedelta(minutes=15)), datetime(2026, 1, 12, tzinfo=UTC)
    >>> [said.take(DeviceReading(at + timedelta(minutes=minute), "C1", "CO2", 700.0))
    ...  for minute in (0, 10, 20)]
    [True, False, True]
    """

    def __init__(self, unchanged: timedelta) -> None:
        self._unchanged = unchanged.total_seconds()
        self._said: dict[int, bytes] = {}
        self._swept_at = _LEAST_SWEPT

    def __len__(self) -> int:
        """Return of how many attributes something is known."""
        return len(self._said)

    def take(self, reading: DeviceReading) -> bool:
        """Note a checked reading; return whether it says something new."""
        seconds = reading.timestamp.timestamp()
        value = reading.value
        # 0.0 is -0.0, whose bytes are others.
        said = (
            b"w" + value.encode()
            if isinstance(value, str)
            else _NUMBER.pack(b"n", value + 0.0)
        )
        key = hash((reading.device_id, reading.attribute))
        last = self._said.get(key)
        if (
            last is not None
            and last[_SECONDS.size :] == said
            and self._counts(last, seconds)
        ):
            return False
        self._said[key] = _SECONDS.pack(seconds) + said
        if len(self._said) > self._swept_at:
            self._sweep(seconds)
        return True

    def _counts(self, entry: bytes, seconds: float) -> bool:
        (since,) = _SECONDS.unpack_from(entry)
        counts: bool = 0 <= seconds - since < self._unchanged
        return counts

    def _sweep(self, seconds: float) -> None:
        # Of whoever's clock went back all counts again before long.
        self._said = {
            key: entry
            for key, entry in self._said.items()
            if self._counts(entry, seconds)
        }
        self._swept_at = max(_LEAST_SWEPT, 2 * len(self._said))
