"""Every route there is: who may use it, and how the API's document tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switchbot_automation.web import page
from switchbot_automation.web.api import (
    events,
    health,
    home,
    metrics,
    past,
    settings,
    upkeep,
    webhook,
)
from switchbot_automation.web.api.openapi import Route, describe
from switchbot_automation.web.guard import Access
from switchbot_automation.web.request import as_json

if TYPE_CHECKING:
    from aiohttp import web


async def openapi(request: web.Request) -> web.Response:  # noqa: ARG001 - a handler's signature
    """Return this document."""
    return as_json(describe(ROUTES))


_ZONE: Final = "/api/zones/{zone}"
_DEVICE: Final = "/api/devices/{device}"

ROUTES: Final = (
    Route("GET", "/api/zones", home.zones, answers={200: "Home"}),
    Route("GET", _ZONE, home.zone, answers={200: "Zone"}),
    Route(
        "GET",
        f"{_ZONE}/explain",
        home.explain,
        query=("at",),
        answers={200: "Explanation"},
    ),
    Route(
        "GET",
        f"{_ZONE}/history",
        past.history,
        query=("hours", "start", "end", "points", "shape"),
        answers={200: "History"},
    ),
    Route(
        "GET",
        f"{_ZONE}/beside",
        past.beside,
        query=("hours", "start", "end", "points"),
        answers={200: "Beside"},
    ),
    Route(
        "GET",
        f"{_ZONE}/history.csv",
        past.rows_as_csv,
        query=("hours", "start", "end"),
        answers={200: "text/csv"},
    ),
    Route(
        "GET",
        f"{_ZONE}/days",
        past.days,
        query=("days", "end"),
        answers={200: "Days"},
    ),
    Route(
        "GET",
        f"{_ZONE}/decisions",
        past.decisions,
        query=("hours", "start", "end", "limit"),
        answers={200: "Decisions"},
    ),
    Route(
        "POST",
        f"{_ZONE}/actions",
        home.act,
        writes=True,
        body="Wish",
        answers={200: "Command"},
    ),
    Route("GET", "/api/upkeep", upkeep.upkeep, answers={200: "Upkeep"}),
    Route(
        "POST",
        "/api/upkeep/{name}/done",
        upkeep.done,
        writes=True,
        answers={200: "Upkeep"},
    ),
    Route(
        "GET",
        f"{_DEVICE}/history",
        upkeep.device_history,
        query=("attribute", "hours", "start", "end", "points"),
        answers={200: "Readings"},
    ),
    Route(
        "GET",
        f"{_DEVICE}/history.csv",
        upkeep.device_rows_as_csv,
        query=("attribute", "hours", "start", "end"),
        answers={200: "text/csv"},
    ),
    Route("GET", "/api/settings", settings.read, answers={200: "Settings"}),
    Route("GET", "/api/settings/table", settings.table, answers={200: "SettingsTable"}),
    Route("GET", "/api/settings/auto", settings.auto, answers={200: "KeptByAuto"}),
    Route(
        "PUT",
        "/api/settings",
        settings.replace,
        writes=True,
        query=("dry_run",),
        headers=("If-Match",),
        body="Settings",
        answers={200: "SettingsChange"},
    ),
    Route(
        "GET",
        "/api/events",
        events.events,
        query=("changes", "lang"),
        answers={200: "text/event-stream"},
    ),
    Route("GET", "/api/openapi.json", openapi, answers={200: "OpenAPI"}),
    Route(
        "GET",
        "/healthz",
        health.healthz,
        Access.PROBE,
        answers={200: "Health", 503: "Health"},
    ),
    Route(
        "GET",
        "/healthz/live",
        health.live,
        Access.PROBE,
        answers={200: "Health", 503: "Health"},
    ),
    Route(
        "GET",
        "/healthz/ready",
        health.ready,
        Access.PROBE,
        answers={200: "Health", 503: "Health"},
    ),
    Route("GET", "/metrics", metrics.metrics, answers={200: "text/plain"}),
    Route(
        "POST",
        "/webhook/{secret}",
        webhook.webhook,
        Access.SECRET,
        body="PushedEvent",
        answers={200: "Taken"},
    ),
    # The page's own; no part of the API's document.
    Route("GET", "", page.page, Access.LOGIN, documented=False),
    Route("GET", "/", page.page, Access.LOGIN, documented=False),
    Route("GET", "/static/{name}", page.static, Access.LOGIN, documented=False),
    Route("GET", "/login", page.login_page, Access.LOGIN, documented=False),
    Route("POST", "/login", page.login, Access.LOGIN, documented=False),
    Route("POST", "/logout", page.logout, Access.LOGIN, documented=False),
)
