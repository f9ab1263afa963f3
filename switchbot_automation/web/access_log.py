"""An access log that gives no secret away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp.abc import AbstractAccessLogger

if TYPE_CHECKING:
    from aiohttp import web

_WEBHOOK = "/webhook/"


def redacted_path(path: str) -> str:
    """Return a path as it may be logged: without the webhook's secret and the query."""
    path = path.partition("?")[0]
    before, found, secret = path.partition(_WEBHOOK)
    return f"{before}{found}…" if secret else path


class RedactingAccessLogger(AbstractAccessLogger):
    """One line a request: peer, method, path, status, bytes, milliseconds.

    For hosts that mount the application: hand it to `web.AppRunner` or `web.run_app`
    as `access_log_class`. aiohttp's own logs the webhook's path, which is its password.
    """

    def log(
        self, request: web.BaseRequest, response: web.StreamResponse, time: float
    ) -> None:
        """Log a request that took `time` seconds."""
        self.logger.info(
            '%s "%s %s" %d %d %.1f ms',
            request.remote or "-",
            request.method,
            redacted_path(request.raw_path),
            response.status,
            response.body_length,
            time * 1000,
        )
