"""What goes in and out: JSON both ways, bodies that are neither huge nor slow."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web

from switchbot_automation.web.site import site_of

BODY_BYTES: Final = 64 * 1024
SETTINGS_BYTES: Final = 1024 * 1024


class RefusedError(Exception):
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
        self.headers = headers or {}
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


def refusal(error: RefusedError) -> web.Response:
    """Answer with an error, as JSON."""
    body = {"error": error.code, "message": str(error), **error.details}
    response = as_json(body, status=error.status, headers=error.headers)
    if error.close:
        response.force_close()
    return response


async def read_body(request: web.Request, limit: int = BODY_BYTES) -> bytes:
    """Return a request's body. Raises RefusedError for one too large or too slow."""
    seconds = site_of(request).body_seconds
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise RefusedError(
            415, "encoded", "the body must not be compressed", close=True
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
        raise RefusedError(
            408, "too_slow", f"the body took longer than {seconds:g} s", close=True
        ) from None
    return b"".join(chunks)


def _too_large(limit: int) -> RefusedError:
    message = f"the body is longer than {limit} bytes"
    return RefusedError(413, "too_large", message, close=True)


async def read_json(request: web.Request, limit: int = BODY_BYTES) -> dict[str, Any]:
    """Return a body that is a JSON object. Raises RefusedError.

    Only `application/json`, which no form of another site can send.
    """
    if request.content_type != "application/json":
        raise RefusedError(
            415, "not_json", "send Content-Type: application/json", close=True
        )
    try:
        body = orjson.loads(await read_body(request, limit))
    except ValueError as error:
        raise RefusedError(400, "not_json", f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "not_an_object", "the body must be a JSON object")
    return body
