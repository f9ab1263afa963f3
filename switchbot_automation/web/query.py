"""Values of a request's query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from switchbot_automation.web.answers import RefusedError

if TYPE_CHECKING:
    from aiohttp import web


def instant_of(request: web.Request, name: str) -> datetime | None:
    """Return an instant of the query. Raises RefusedError."""
    given = request.query.get(name)
    if given is None:
        return None
    try:
        # In a query a plus sign that nobody escaped is a space.
        at = datetime.fromisoformat(given.replace(" ", "+"))
    except ValueError:
        raise RefusedError(422, name, f"{name}: expected an ISO 8601 instant") from None
    if at.tzinfo is None:
        raise RefusedError(422, name, f"{name}: the instant needs a timezone")
    return at.astimezone(UTC)


def number_of(
    request: web.Request, name: str, default: float, least: float, most: float
) -> float:
    """Return a number of the query. Raises RefusedError."""
    given = request.query.get(name)
    try:
        number = default if given is None else float(given)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise RefusedError(422, name, f"{name}: {least:g} to {most:g}")
    return number
