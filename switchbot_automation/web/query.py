"""Values of a request's query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.instants import parse_instant
from switchbot_automation.web.answers import RefusedError

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp import web


def instant_of(request: web.Request, name: str) -> datetime | None:
    """Return an instant of the query. Raises RefusedError."""
    given = request.query.get(name)
    if given is None:
        return None
    try:
        # In a query a plus sign that nobody escaped is a space.
        return parse_instant(given.replace(" ", "+"))
    except ValueError as error:
        raise RefusedError(422, name, f"{name}: {error}") from None


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
