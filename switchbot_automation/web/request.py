"""A request from where it was let in to its answer: site, language, query, body, and back.

JSON both ways, and bodies that are neither huge nor slow. An answer is compressed, or not
sent at all where it is known already.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson
from aiohttp import web

from switchbot_automation.errors import AutomationError, SettingsError, UnknownZoneError
from switchbot_automation.instants import parse_instant
from switchbot_automation.languages import (
    ENGLISH,
    LANGUAGES,
    asked_for,
    chosen,
    error_words,
    measuring,
    reworded,
    speaking,
    worded,
)
from switchbot_automation.outside.bounds import (
    MOST_LEVELS,
    MOST_VALUES,
    is_too_deep,
    is_too_large,
)
from switchbot_automation.outside.urls import shown_name
from switchbot_automation.web.guard import Access, Entrance, RequestRefusedError, admit
from switchbot_automation.web.shared import Shared
from switchbot_store import (
    StoreConfigError,
    StoreConflictError,
    StoreDataError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from aiohttp.typedefs import Handler, Middleware

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.scheduler import SchedulerService
    from switchbot_automation.web.live import Live
    from switchbot_store import ThreadedHistory

_LOGGER = logging.getLogger(__name__)

BODY_BYTES: Final = 64 * 1024
SETTINGS_BYTES: Final = 1024 * 1024
# Read as JSON at once; a longer one would keep everybody else waiting.
_AT_ONCE_BYTES: Final = 16 * 1024
_TRIED_SECONDS: Final = 86400.0
# Reasons come in the language, and all in the coding, that who asks takes.
VARY: Final = "Accept-Language, Accept-Encoding"
_LEAST_BYTES: Final = 1024
# From here on compressing takes longer than the event loop should wait.
_ELSEWHERE_BYTES: Final = 32 * 1024
POLICY_OF_PAGES: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Everything a page needs is its own; nothing may frame it or be sent elsewhere."""
_SMALLER = ("text/", "application/json", "application/manifest+json", "image/svg+xml")

HEADERS: Final = {
    # For all that is no page: it loads nothing, and twenty files carry it.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Vary": "Accept-Language",
    # Which versions serve it is nobody's business.
    "Server": "switchbot-automation",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer", under which a form's Origin is "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


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


def answered(
    rights: Mapping[Handler, tuple[Access, bool]],
    wordless: Collection[Handler] = (),
) -> Middleware:
    """Return what every request goes through, to its handler and back.

    It is admitted or refused, answered in the language that is asked for, else in that of
    the settings, and sent as small as who asks takes it; errors become JSON. `rights` say
    who may use a handler, and if it writes. `wordless` are handlers whose answers have no
    words.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        entrance = entrance_of(request)
        # What is not routed must not tell strangers that it is not.
        access, writes = rights.get(request.match_info.handler, (Access.PERSON, False))
        told = (
            nullcontext()
            if request.match_info.handler in wordless
            else _in_its_language(request, entrance)
        )
        with told:
            try:
                admit(entrance, request, access, writes=writes)
                return await _delivered(request, await handler(request))
            except RequestRefusedError as error:
                return refusal(error)
            except web.HTTPException as error:
                return _http(error)
            except (AutomationError, StoreError) as error:
                return refusal(_known(error))
            except Exception:
                # Its path may be the webhook's secret, so not aiohttp's own message.
                _LOGGER.exception("a %s request failed", request.method)
                return refusal(
                    RequestRefusedError(
                        500, "failed", worded("the request failed; see the log")
                    )
                )

    return middleware


@contextmanager
def _in_its_language(request: web.Request, entrance: Entrance) -> Iterator[None]:
    setting, unit = entrance.speech
    # A stream of events has no headers that a page could set.
    named = request.query.get("lang")
    if named not in LANGUAGES:
        asked = asked_for(request.headers.get("Accept-Language", ""))
        named = asked or chosen(setting, ENGLISH)
    with speaking(named), measuring(unit):
        yield


def language_of_page(request: web.Request) -> str:
    """Return the language of the settings for a page, else the one that is asked for."""
    asked = asked_for(request.headers.get("Accept-Language", ""))
    setting, _unit = entrance_of(request).speech
    return chosen(setting, asked or ENGLISH)


def as_json(
    body: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer with JSON; an instant in UTC is written with a ``Z``."""
    return web.Response(
        body=orjson.dumps(body, option=orjson.OPT_UTC_Z),
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


_FIRST_ERROR = 400
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def _http(error: web.HTTPException) -> web.StreamResponse:
    if error.status < _FIRST_ERROR:
        return error
    code = _HTTP_CODES.get(error.status, "refused")
    headers = {key: error.headers[key] for key in ("Allow",) if key in error.headers}
    return refusal(
        RequestRefusedError(error.status, code, error.reason, headers=headers)
    )


def _known(error: Exception) -> RequestRefusedError:
    if isinstance(error, UnknownZoneError):
        return RequestRefusedError(
            404, "unknown_zone", reworded(error), known=list(error.known)
        )
    if isinstance(error, SettingsError):
        return RequestRefusedError(422, "settings", reworded(error), path=error.path)
    if isinstance(error, StoreConflictError):
        message = worded("the settings were changed meanwhile; read them again")
        return RequestRefusedError(412, "changed_meanwhile", message)
    if isinstance(error, StoreDataError | StoreConfigError):
        return RequestRefusedError(422, "refused_by_the_store", reworded(error))
    if isinstance(error, StoreError):
        return RequestRefusedError(503, "store_unavailable", reworded(error))
    return RequestRefusedError(500, "failed", reworded(error))


def compressed(body: bytes, content_type: str) -> bytes | None:
    """Return a file as it is sent to who takes gzip; None where that gains nothing."""
    if not _may_shrink(body, content_type):
        return None
    # Without a time in it: the same file is the same bytes in every process.
    return gzip.compress(body, 9, mtime=0)


def takes_gzip(request: web.Request) -> bool:
    """Tell whether the answer may be compressed."""
    quality = 0.0
    for each in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, parameters = each.partition(";")
        name = coding.strip()
        if name in {"gzip", "x-gzip"}:
            return _quality(parameters) > 0
        if name == "*":
            quality = _quality(parameters)
    return quality > 0


def _quality(parameters: str) -> float:
    name, _, value = parameters.replace(" ", "").partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


async def _delivered(
    request: web.Request, response: web.StreamResponse
) -> web.StreamResponse:
    """Compress an answer above a kilobyte for who takes it."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(response, web.Response) or not isinstance(body, bytes):
        return response  # a stream tells as it goes
    coded = "Content-Encoding" in response.headers
    if coded or not _may_shrink(body, response.content_type):
        return response
    response.headers.setdefault("Vary", VARY)
    if takes_gzip(request):
        pack = partial(gzip.compress, body, 6, mtime=0)
        elsewhere = len(body) > _ELSEWHERE_BYTES
        response.body = await asyncio.to_thread(pack) if elsewhere else pack()
        response.headers["Content-Encoding"] = "gzip"
    return response


def _may_shrink(body: bytes, content_type: str) -> bool:
    return len(body) >= _LEAST_BYTES and content_type.startswith(_SMALLER)


def is_known(request: web.Request, etag: str) -> bool:
    """Tell whether who asks has what an ETag, without its quotes, names."""
    given = request.headers.get("If-None-Match", "")
    known = (each.strip().removeprefix("W/").strip('"') for each in given.split(","))
    return given == "*" or etag in known


def as_known_json(
    request: web.Request, body: Mapping[str, Any], *, apart: tuple[str, ...] = ()
) -> web.Response:
    """Answer with JSON, or that it is what was sent before.

    `apart` are keys that alone make no news, as the instant of the answer. A browser
    keeps the answer, asks every time whether it still holds, and shares it with nobody.
    """
    telling = {key: value for key, value in body.items() if key not in apart}
    told = orjson.dumps(telling, option=orjson.OPT_UTC_Z)
    etag = hashlib.blake2b(told, digest_size=12).hexdigest()
    headers = {
        "ETag": f'W/"{etag}"',
        "Cache-Control": "private, no-cache",
        "Vary": VARY,
    }
    if is_known(request, etag):
        return web.Response(status=304, headers=headers)
    return as_json(body, headers=headers)


def as_csv(body: bytes, name: str) -> web.Response:
    """Answer with rows as a file, which a browser keeps under its name."""
    quoted = quote(name, safe="")
    return web.Response(
        body=body,
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quoted}"},
    )


async def add_headers(
    request: web.Request,  # noqa: ARG001 - the signal's signature
    response: web.StreamResponse,
) -> None:
    """Set what every answer carries."""
    dress(response)


def dress(response: web.StreamResponse) -> None:
    """Set what an answer carries, where it does not say otherwise itself."""
    if response.content_type == "text/html":
        response.headers.setdefault("Content-Security-Policy", POLICY_OF_PAGES)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # aiohttp has put its own there, with its version and Python's.
    response.headers["Server"] = HEADERS["Server"]
    response.headers.setdefault("Cache-Control", "no-store")


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
    except (ConnectionError, web.RequestPayloadError):
        # Nobody's mistake but the sender's, who may do it as often as it likes.
        raise RequestRefusedError(
            400, "broken_off", worded("the body broke off"), close=True
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
    body = await read_body(request, limit)
    if len(body) > _AT_ONCE_BYTES:
        return await asyncio.to_thread(_json_of_names_once, body)
    return _json_of_names_once(body)


def _json_of_names_once(body: bytes) -> dict[str, Any]:
    """Return a body in whose objects no name stands twice. Raises RequestRefusedError."""
    found = json_object(body)
    if is_too_large(found):
        message = worded(
            "the body has more than {most_values} values", most_values=MOST_VALUES
        )
        raise RequestRefusedError(422, "too_many_values", message)
    twice = _name_twice(body)
    if twice is not None:
        message = worded(
            "{name}: this name stands twice in one object; keep one of them", name=twice
        )
        raise RequestRefusedError(422, "name_twice", message, path=twice)
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, each name as often as it stands there."""


def _name_twice(body: bytes) -> str | None:
    """Return where a name stands for the second time in one object; None nowhere.

    Readers take the last one, and a person sees the first. `body` is JSON that is not deep.
    """
    is_twice = False

    def pairs(found: list[tuple[str, Any]]) -> _Pairs:
        nonlocal is_twice
        is_twice = is_twice or len(dict(found)) < len(found)
        return _Pairs(found)

    # As texts: no number is needed, and one of thousands of digits is none of Python's.
    written = json.loads(body, object_pairs_hook=pairs, parse_int=str, parse_float=str)
    return _path_twice(written, "") if is_twice else None


def _path_twice(value: Any, path: str) -> str | None:
    if isinstance(value, _Pairs):
        names: set[str] = set()
        for name, each in value:
            shown = shown_name(name)
            below = f"{path}.{shown}" if path else shown
            found = below if name in names else _path_twice(each, below)
            if found is not None:
                return found
            names.add(name)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            found = _path_twice(each, f"{path}[{index}]")
            if found is not None:
                return found
    return None


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


def check_range(start: datetime, end: datetime, most_hours: float) -> None:
    """Refuse a range that goes backwards or is too long. Raises RequestRefusedError."""
    if not start < end or end - start > timedelta(hours=most_hours):
        message = worded(
            "start must be before end, by {most_hours:g} days at most",
            most_hours=most_hours / 24,
        )
        raise RequestRefusedError(422, "range", message)
