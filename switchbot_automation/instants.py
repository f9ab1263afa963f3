"""Instants from outside: read in one place, and only within what can be computed with. Pure.

How they are written stands here too.

Every instant that a person, a document, a device or a file gives lies between `EARLIEST`
and `LATEST`. Beyond lie the ends of what `datetime` can hold, where a conversion to
another timezone or one more hour raises; no durations that the settings allow lead from
here to there.

What enters is refused with words (`parse_instant`, `checked_instant`: ValueError); what
is stored already counts as absent (`stored_instant`, `from_unix`: None).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from datetime import tzinfo

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

RANGE: Final = f"{EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}"
"""What is accepted, for a message."""

_FIRST_SECONDS: Final = EARLIEST.timestamp()
_LAST_SECONDS: Final = LATEST.timestamp()
# As seconds the year 5138, as milliseconds 1973: greater numbers are milliseconds.
_MOST_SECONDS: Final = 100_000_000_000
_SHOWN_CHARACTERS: Final = 60


@lru_cache(maxsize=32)  # a tick writes the same few instants again and again
def encode_instant(at: datetime) -> str:
    """Write an instant as the dashboard does: ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat()


def checked_instant(at: datetime, *, timezone: tzinfo | None = None) -> datetime:
    """Return an instant in UTC.

    `timezone` is that of an instant without one. Raises ValueError, which says what is
    wrong: no timezone, or not within `RANGE`.
    """
    if not isinstance(at, datetime):
        # A `date` is no instant: which of its moments is meant nobody knows.
        raise ValueError(  # noqa: TRY004 - every instant that is none raises ValueError
            worded(
                "expected a datetime, got the {name} {at}",
                name=type(at).__name__,
                at=at,
            )
        )
    if at.tzinfo is None and timezone is not None:
        at = at.replace(tzinfo=timezone)
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError(worded("the instant needs a timezone"))
    try:
        # Comparing subtracts the offset without ever leaving what datetime can hold.
        inside = EARLIEST <= at <= LATEST
    except OverflowError:
        inside = False
    if not inside:
        raise ValueError(
            worded("{at} is not within {range}", at=at.isoformat(), range=RANGE)
        )
    return at.astimezone(UTC)


def parse_instant(text: object, *, timezone: tzinfo | None = None) -> datetime:
    """Return the instant of an ISO 8601 text in UTC.

    `timezone` is that of a text without an offset. Raises ValueError, which says what
    is wrong.
    """
    if not isinstance(text, str):
        raise ValueError(worded("an instant is a text of ISO 8601"))  # noqa: TRY004 - one error for whatever is none
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            worded("{text!r} is not ISO 8601", text=text[:_SHOWN_CHARACTERS])
        ) from None
    if at.tzinfo is None and timezone is None:
        raise ValueError(worded("{text!r} has no UTC offset", text=text))
    return checked_instant(at, timezone=timezone)


def stored_instant(value: Any) -> datetime | None:
    """Return a stored instant in UTC, None for anything that is none within `RANGE`.

    Without an offset it is in UTC.
    """
    try:
        return parse_instant(value, timezone=UTC)
    except ValueError:
        return None


def from_unix(seconds: float | None) -> datetime | None:
    """Return Unix seconds as an aware UTC instant, None if not within `RANGE`."""
    if seconds is None or not _FIRST_SECONDS <= seconds <= _LAST_SECONDS:
        return None  # NaN too
    return datetime.fromtimestamp(seconds, UTC)


def from_cloud_unix(value: float) -> datetime | None:
    """Return the cloud's Unix time as an aware UTC instant, None if not within `RANGE`.

    It gives milliseconds, as seen live, where its documentation says seconds.
    """
    # In milliseconds a great number is compared, not divided: no float holds every int.
    if value > _MOST_SECONDS:
        return from_unix(value / 1000) if value <= _LAST_SECONDS * 1000 else None
    return from_unix(value)


FOR_EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Until when a permanent hold holds: how documents write the word, not an instant."""


def stored_hold(value: Any) -> datetime | None:
    """Return a stored end of a hold in UTC, `FOR_EVER` for a permanent one.

    None for anything that is neither that nor an instant within `RANGE`.
    """
    if isinstance(value, str) and value.startswith(_PERMANENT):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        # As it is written everywhere, also without an offset; nothing near it.
        return FOR_EVER if at.replace(tzinfo=at.tzinfo or UTC) == FOR_EVER else None
    return stored_instant(value)


_PERMANENT: Final = f"{FOR_EVER:%Y-%m-%d}"


def zulu(at: datetime | None) -> str | None:
    """Write an instant down in UTC, ending in ``Z``, if there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
