"""An access log that gives no secret away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp.abc import AbstractAccessLogger

from switchbot_automation.web.strangers import STRANGER, Strangers

if TYPE_CHECKING:
    from aiohttp import web

_WEBHOOK = "/webhook/"
_LINES = Strangers()
"""Of the process: loggers are made anew for each connection."""


def redacted_path(path: str) -> str:
    """Return a path as it may be logged: without the webhook's secret and the query."""
    path = path.partition("?")[0]
    before, found, secret = path.partition(_WEBHOOK)
    return f"{before}{found}…" if secret else path


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
