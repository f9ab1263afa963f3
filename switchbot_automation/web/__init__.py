"""A page, a JSON API, health and metrics for an engine, as an aiohttp sub-application.

A host mounts it, or lets it be served by itself::

    app.add_subapp("/climate/", create_app(engine, history=history, token=token))

    async with serve(engine, "127.0.0.1", 8080, history=history) as url: ...

Nothing is open by default: without a token only this machine is answered.
"""

from __future__ import annotations

from switchbot_automation.web.access_log import RedactingAccessLogger, redacted_path
from switchbot_automation.web.app import create_app, rotate_token
from switchbot_automation.web.server import serve

__all__ = [
    "RedactingAccessLogger",
    "create_app",
    "redacted_path",
    "rotate_token",
    "serve",
]
