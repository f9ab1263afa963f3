"""Reading the headers of an answer, whatever they hold. Pure, never raises."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from switchbot_automation.instants import checked_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

# Production was seen to send only X-RateLimit-Remaining; the rest are known variants.
_RATE_LIMIT_PREFIXES = ("x-ratelimit-", "x-rate-limit-", "ratelimit-")
_LEADING_NUMBER = re.compile(r"\s*([0-9]{1,9})\b")


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with lower-case names; of repeated ones the last."""
    return {name.lower(): value for name, value in headers.items()}


def parse_date(value: str | None) -> datetime | None:
    """Return an HTTP date as an aware instant, None if it is none."""
    if not value:
        return None
    try:
        return checked_instant(parsedate_to_datetime(value), timezone=UTC)
    except (ValueError, OverflowError):
        return None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for, None if it says nothing usable.

    Both forms of RFC 9110 10.2.3 are read: seconds and an HTTP date.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    instant = parse_date(text)
    if instant is None:
        return None
    return max(0.0, (instant - now).total_seconds())


def rate_limit_number(headers: Mapping[str, str], name: str) -> int | None:
    """Return a rate limit number such as ``remaining`` from any variant of its header.

    `headers` have lower-case names.
    """
    for prefix in _RATE_LIMIT_PREFIXES:
        found = _LEADING_NUMBER.match(headers.get(prefix + name, ""))
        if found:
            return int(found.group(1))
    return None
