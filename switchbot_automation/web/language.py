"""In which language a request is answered, and the page shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from switchbot_automation.languages import (
    ENGLISH,
    LANGUAGES,
    asked_for,
    chosen,
    speaking,
)
from switchbot_automation.units import measuring
from switchbot_automation.web.request import entrance_of

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


@web.middleware
async def in_its_language(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer in the language that is asked for, else in that of the settings."""
    unit = entrance_of(request).unit
    with speaking(_language_of(request)), measuring(unit):
        return await handler(request)


def language_of_page(request: web.Request) -> str:
    """Return the language of the settings for a page, else the one that is asked for."""
    asked = asked_for(request.headers.get("Accept-Language", ""))
    return chosen(entrance_of(request).language, asked or ENGLISH)


def _language_of(request: web.Request) -> str:
    # A stream of events has no headers that a page could set.
    named = request.query.get("lang")
    if named in LANGUAGES:
        return named
    asked = asked_for(request.headers.get("Accept-Language", ""))
    return asked or chosen(entrance_of(request).language, ENGLISH)
