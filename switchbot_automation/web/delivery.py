"""How an answer goes over the wire: compressed, or not at all where it is known already."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from switchbot_automation.web.request import as_json

if TYPE_CHECKING:
    from collections.abc import Mapping

# Reasons come in the language, and all in the coding, that who asks takes.
VARY: Final = "Accept-Language, Accept-Encoding"
_LEAST_BYTES: Final = 1024
# From here on compressing takes longer than the event loop should wait.
_ELSEWHERE_BYTES: Final = 32 * 1024
_SMALLER = ("text/", "application/json", "application/manifest+json", "image/svg+xml")


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


async def deliver(
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
    etag = hashlib.blake2b(orjson.dumps(telling), digest_size=12).hexdigest()
    headers = {
        "ETag": f'W/"{etag}"',
        "Cache-Control": "private, no-cache",
        "Vary": VARY,
    }
    if is_known(request, etag):
        return web.Response(status=304, headers=headers)
    return as_json(body, headers=headers)
