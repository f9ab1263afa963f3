"""An access log that gives no secret away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aiohttp.abc import AbstractAccessLogger
from aiohttp.http_exceptions import HttpProcessingError

from switchbot_automation.web.guard import STRANGER, Strangers

if TYPE_CHECKING:
    from aiohttp import web

_WEBHOOK = "/webhook/"
_LINES = Strangers()
"""Of the process: loggers are made anew for each connection."""


def redacted_path(path: str) -> str:
    """Return a path as it may be logged: without the webhook's secret and the query.

    >>> redacted_path("/home/%77ebhook/4711?x=1"), redacted_path("/api/zones/den")
    ('/home/webhook/…', '/api/zones/den')
    """
    path = path.partition("?")[0]
    # Routes are found by what a path means, however much of it is escaped.
    before, found, secret = unquote(path).partition(_WEBHOOK)
    return f"{quote(before)}{found}…" if secret else path


def quiet_logger() -> logging.Logger:
    """Return a logger for aiohttp's server itself.

    Of a request that is no HTTP, aiohttp's own logs a page with the line that was sent,
    which may hold the webhook's secret; anybody could fill a disk with it.
    """
    if not _SERVER.filters:
        _SERVER.addFilter(_without_request)
    return _SERVER


_SERVER = logging.getLogger(f"{__name__}.server")


def _without_request(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    peer = (
        str(record.args[0]) if isinstance(record.args, tuple) and record.args else "-"
    )
    record.msg, record.args = "a request from %s was no HTTP", (peer,)
    record.exc_info = None
    return _LINES.may_be_logged_of(peer)


def _is_strangers(request: web.BaseRequest) -> bool:
    # What is no HTTP reaches no guard, and has no method either.
    return bool(request.get(STRANGER, request.method == "UNKNOWN"))


class RedactingAccessLogger(AbstractAccessLogger):
    """One line a request: peer, method, path, status, bytes, milliseconds.

    For hosts that mount the application: hand it to `web.AppRunner` or `web.run_app`
    as `access_log_class`. aiohttp's own logs the webhook's path, which is its password.
    """

    def log(
        self, request: web.BaseRequest, response: web.StreamResponse, time: float
    ) -> None:
        """Log a request that took `time` seconds; of strangers only so many."""
        if _is_strangers(request) and not _LINES.may_be_logged(request):
            return
        self.logger.info(
            '%s "%s %s" %d %d %.1f ms',
            request.remote or "-",
            request.method,
            redacted_path(request.raw_path),
            response.status,
            response.body_length,
            time * 1000,
        )
