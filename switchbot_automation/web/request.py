"""What every handler has of a request: its site, query, body, language, and its answer.

JSON both ways, and bodies that are neither huge nor slow.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from switchbot_automation.instants import parse_instant
from switchbot_automation.languages import (
    AUTO,
    ENGLISH,
    LANGUAGES,
    asked_for,
    chosen,
    error_words,
    speaking,
    worded,
)
from switchbot_automation.nesting import MOST_LEVELS, is_too_deep
from switchbot_automation.units import CELSIUS, measuring
from switchbot_automation.web.shared import Shared
from switchbot_automation.web.strangers import Strangers

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from aiohttp.typedefs import Handler, Middleware

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.scheduler import SchedulerService
    from switchbot_automation.web.credentials import Credentials, Sessions
    from switchbot_automation.web.live import Live
    from switchbot_store import ThreadedHistory

BODY_BYTES: Final = 64 * 1024
SETTINGS_BYTES: Final = 1024 * 1024
_TRIED_SECONDS: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Whom an application lets in, and how it speaks to them."""

    credentials: Credentials | None
    sessions: Sessions | None
    host_authenticates: bool = False
    public_health: bool = False
    read_only: bool = False
    webhook_secret: str | None = None
    body_seconds: float = 10.0
    strangers: Strangers = field(default_factory=Strangers)

    @property
    def speech(self) -> tuple[str, str]:
        """The language that is asked for by the settings, and what degrees are in.

        The language is ``auto`` where it is for who asks to say.
        """
        return AUTO, CELSIUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Entrance):
    """The parts of one engine's application.

    `heavy` keeps what costs seconds to one at a time, `explaining` what costs a tenth.
    `tried` has what was tried on the history for the page's own sake, for a day.
    """

    engine: AutomationEngine
    history: ThreadedHistory | None
    scheduler: SchedulerService | None
    webhook_allowed_hosts: frozenset[str]
    strict_health: bool
    live: Live
    shared: Shared
    tried: Shared = field(default_factory=lambda: Shared(_TRIED_SECONDS))
    heavy: asyncio.Lock = field(default_factory=asyncio.Lock)
    explaining: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def speech(self) -> tuple[str, str]:
        """The language and the degrees of the engine's settings."""
        return self.engine.language, self.engine.unit


ENTRANCE: Final = web.AppKey("switchbot_entrance", Entrance)
SITE: Final = web.AppKey("switchbot_site", Site)


def site_of(request: web.Request) -> Site:
    """Return the site a request is for, wherever the application is mounted."""
    return request.match_info.apps[-1][SITE]


def entrance_of(request: web.Request) -> Entrance:
    """Return whom the application lets in that a request is for."""
    return request.match_info.apps[-1][ENTRANCE]


def in_its_language(wordless: Collection[Handler] = ()) -> Middleware:
    """Return what has a request answered in the language that is asked for.

    Else in that of the settings. `wordless` are handlers whose answers have no words.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.handler in wordless:
            return await handler(request)
        setting, unit = entrance_of(request).speech
        # A stream of events has no headers that a page could set.
        named = request.query.get("lang")
        if named not in LANGUAGES:
            asked = asked_for(request.headers.get("Accept-Language", ""))
            named = asked or chosen(setting, ENGLISH)
        with speaking(named), measuring(unit):
            return await handler(request)

    return middleware


def language_of_page(request: web.Request) -> str:
    """Return the language of the settings for a page, else the one that is asked for."""
    asked = asked_for(request.headers.get("Accept-Language", ""))
    setting, _unit = entrance_of(request).speech
    return chosen(setting, asked or ENGLISH)


class RequestRefusedError(Exception):
    """A request that is answered with an error.

    `code` is a word for programs; `headers` go out with the answer. With `close` the
    connection ends, since the rest of the body is not worth reading.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        close: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers: dict[str, str] = headers or {}
        self.close = close
        self.details = details


def as_json(
    body: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers=headers,
        content_type="application/json",
    )


def refusal(error: RequestRefusedError) -> web.Response:
    """Answer with an error, as JSON."""
    body = {
        "error": error.code,
        "message": str(error),
        "text": error_words(error),
        **error.details,
    }
    response = as_json(body, status=error.status, headers=error.headers)
    if error.close:
        response.force_close()
    return response


async def read_body(request: web.Request, limit: int = BODY_BYTES) -> bytes:
    """Return a request's body. Raises RequestRefusedError for one too large or too slow."""
    seconds = entrance_of(request).body_seconds
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise RequestRefusedError(
            415, "encoded", worded("the body must not be compressed"), close=True
        )
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise RequestRefusedError(
            408,
            "too_slow",
            worded("the body took longer than {seconds:g} s", seconds=seconds),
            close=True,
        ) from None
    return b"".join(chunks)


def _too_large(limit: int) -> RequestRefusedError:
    message = worded("the body is longer than {limit} bytes", limit=limit)
    return RequestRefusedError(413, "too_large", message, close=True)


async def read_json(request: web.Request, limit: int = BODY_BYTES) -> dict[str, Any]:
    """Return a body that is a JSON object. Raises RequestRefusedError.

    Only `application/json`, which no form of another site can send.
    """
    if request.content_type != "application/json":
        raise RequestRefusedError(
            415, "not_json", worded("send Content-Type: application/json"), close=True
        )
    return json_object(await read_body(request, limit))


def json_object(body: bytes) -> dict[str, Any]:
    """Return what a body says. Raises RequestRefusedError for no object or a deep one."""
    try:
        found = orjson.loads(body)
    except ValueError as error:
        raise RequestRefusedError(
            400, "not_json", worded("the body is no JSON: {error}", error=error)
        ) from error
    if not isinstance(found, dict):
        raise RequestRefusedError(
            400, "not_an_object", worded("the body must be a JSON object")
        )
    if is_too_deep(found):
        message = worded(
            "the body has more than {most_levels} levels in one another",
            most_levels=MOST_LEVELS,
        )
        raise RequestRefusedError(422, "too_deep", message)
    return found


def instant_of(request: web.Request, name: str) -> datetime | None:
    """Return an instant of the query. Raises RequestRefusedError."""
    given = request.query.get(name)
    if given is None:
        return None
    try:
        # In a query a plus sign that nobody escaped is a space.
        return parse_instant(given.replace(" ", "+"))
    except ValueError as error:
        raise RequestRefusedError(
            422, name, worded("{name}: {error}", name=name, error=error)
        ) from None


def number_of(
    request: web.Request, name: str, default: float, least: float, most: float
) -> float:
    """Return a number of the query. Raises RequestRefusedError."""
    given = request.query.get(name)
    try:
        number = default if given is None else float(given)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise RequestRefusedError(
            422,
            name,
            worded("{name}: {least:g} to {most:g}", name=name, least=least, most=most),
        )
    return number
