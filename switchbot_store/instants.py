"""Instants from outside: read in one place, and only within what can be computed with.

Beyond `EARLIEST` and `LATEST` lie the ends of what `datetime` can hold, where a
conversion to another timezone or one more hour raises. What enters is refused with
words (`parse_instant`, `checked_instant`: ValueError); what is stored already counts as
absent (`stored_instant`, `from_microseconds`: None).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from switchbot_store.languages import worded

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

RANGE: Final = f"{EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}"
"""What is accepted, for a message."""

_LAST_MICROSECONDS: Final = (LATEST - EARLIEST) // timedelta(microseconds=1)


def checked_instant(at: datetime) -> datetime:
    """Return an aware instant in UTC. Raises ValueError if it is not within `RANGE`."""
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError(worded("{at} is naive: give it a timezone", at=at.isoformat()))
    # Comparing subtracts the offset without ever leaving what datetime can hold.
    if not EARLIEST <= at <= LATEST:
        raise ValueError(
            worded("{at} is not within {range}", at=at.isoformat(), range=RANGE)
        )
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def parse_instant(text: object) -> datetime:
    """Return the instant of an ISO 8601 text with an offset, in UTC.

    Raises ValueError, which says what is wrong.
    """
    if not isinstance(text, str):
        raise ValueError(  # noqa: TRY004 - one error for whatever is none
            worded("an instant is a text, not {name}", name=type(text).__name__)
        )
    return checked_instant(datetime.fromisoformat(text))


def stored_instant(value: Any) -> datetime | None:
    """Return a stored instant in UTC, None for anything that is none within `RANGE`."""
    try:
        return parse_instant(value)
    except ValueError:
        return None


def from_microseconds(since_1970: int | None) -> datetime | None:
    """Return Unix microseconds as an aware UTC instant, None if not within `RANGE`."""
    if since_1970 is None or not 0 <= since_1970 <= _LAST_MICROSECONDS:
        return None
    return EARLIEST + timedelta(microseconds=since_1970)
