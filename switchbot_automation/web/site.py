"""What every handler needs, kept in the application."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.scheduler import SchedulerService
    from switchbot_automation.web.credentials import Credentials
    from switchbot_automation.web.live import Live
    from switchbot_automation.web.shared import Shared
    from switchbot_store import ThreadedHistory


@dataclass(frozen=True, slots=True)
class Site:
    """One application's parts.

    `heavy` keeps what costs seconds to one at a time, `explaining` what costs a tenth.
    """

    engine: AutomationEngine
    history: ThreadedHistory | None
    scheduler: SchedulerService | None
    credentials: Credentials | None
    host_authenticates: bool
    public_health: bool
    read_only: bool
    webhook_secret: str | None
    strict_health: bool
    body_seconds: float
    live: Live
    shared: Shared
    heavy: asyncio.Lock = field(default_factory=asyncio.Lock)
    explaining: asyncio.Lock = field(default_factory=asyncio.Lock)


SITE: Final = web.AppKey("switchbot_site", Site)


def site_of(request: web.Request) -> Site:
    """Return the site a request is for, wherever the application is mounted."""
    return request.match_info.apps[-1][SITE]
