"""What time it is, as far as a history may rely on it.

A clock that is years ahead would make every row too old to keep. So no clock decides
alone: it may not lie before this program was made, has to agree with the database's,
and the rows themselves have to reach up to it. After a long silence the rows since then
have to span some days before what lies before the silence counts as old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from switchbot_store.history.model import HOUR, in_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

RELEASED: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right stands before this."""
_FIRST_METERS: Final = datetime(2016, 1, 1, tzinfo=UTC)
FAR: Final = timedelta(hours=1)
"""How far two clocks may be apart, and how far in the future a row may lie."""
_PROOF: Final = timedelta(days=7)
"""How long rows must have been coming after a silence; not above the shortest leap."""
_LONGEST_LEAP: Final = timedelta(days=30)
_CLOSED: Final = 2 * HOUR
"""A reading holds for an hour at most: this long after a row its hours are settled."""


class _Stamped(Protocol):
    @property
    def timestamp(self) -> datetime:
        """When it was, aware UTC."""


class Witness(Protocol):
    """What rows say of the time: a `HistoryBackend`, or whoever has others."""

    def clock(self) -> datetime | None:
        """Return what the clock of the place says, None where it is this host's."""

    def newest(self, *, before: datetime) -> datetime | None:
        """Return the timestamp of the newest row before then, None without."""

    def rows(self, start: datetime, end: datetime, *, limit: int) -> Sequence[_Stamped]:
        """Return the first rows of a range."""


@dataclass(frozen=True, slots=True)
class Present:
    """What is known of the present; the instants are aware UTC.

    Hours that ended by `hours_until` are over; rows age by `rows_until`. None: it cannot
    be told, so nothing is to be done. `doubt` says why the host's clock is not
    believed, None when it is.
    """

    hours_until: datetime | None
    rows_until: datetime | None
    doubt: str | None = None


def leap_of(retention: timedelta | None) -> timedelta:
    """Return the longest silence after which the clock is believed at once.

    It also bounds how much of the recorded time one day of upkeep deletes.
    """
    quarter = _LONGEST_LEAP if retention is None else retention / 4
    return max(_PROOF, min(_LONGEST_LEAP, quarter))


def present(
    backend: Witness, now: datetime, *, leap: timedelta = _LONGEST_LEAP
) -> Present:
    """Weigh the host's clock `now` against the database's and the newest rows.

    Raises what the backend raises.
    """
    now = in_utc(now)
    there = backend.clock()
    moment = now if there is None else min(now, in_utc(there))
    doubt = None
    if moment < RELEASED:
        whose = "this host's clock" if moment == now else "the database's clock"
        return Present(
            None, None, f"{whose} says {_day(moment)}, before this program was made"
        )
    if there is not None and abs(there - now) > FAR:
        doubt = (
            f"this host's clock says {_day(now)} and the database's {_day(there)} (UTC)"
        )
    newest = backend.newest(before=moment + FAR)
    if newest is None:
        return Present(None, None, doubt)
    witnessed = _witnessed(backend, newest, leap)
    if moment - witnessed <= leap:
        return Present(moment, None if doubt else min(moment, witnessed), doubt)
    return Present(
        min(moment, witnessed + _CLOSED),
        None if doubt else witnessed,
        doubt
        or f"this host's clock says {_day(now)}, but rows reach only to"
        f" {_day(witnessed)} (UTC); it is believed once rows came for"
        f" {_PROOF.days} days",
    )


def _witnessed(backend: Witness, newest: datetime, leap: timedelta) -> datetime:
    """Return the newest row that no silence beyond `leap` makes doubtful."""
    while True:
        since = newest - _PROOF
        before = backend.newest(before=since)
        # Older than any meter, it was stamped by a clock that nobody had set.
        if before is None or before < _FIRST_METERS:
            return newest
        (first,) = backend.rows(since, newest + timedelta(microseconds=1), limit=1)
        if first.timestamp - before <= leap:
            return newest
        newest = before


def _day(moment: datetime) -> str:
    return f"{in_utc(moment):%Y-%m-%d %H:%M}"
