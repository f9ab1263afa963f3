"""Put the parts together: one aiohttp application for one engine."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, cast

from aiohttp import web

from switchbot_automation.cloud.catalog import catalog
from switchbot_automation.engine.tell.record import history_of, threaded
from switchbot_automation.languages import worded
from switchbot_automation.web.api.events import events
from switchbot_automation.web.credentials import Sessions, credentials_of
from switchbot_automation.web.guard import Access
from switchbot_automation.web.live import Live
from switchbot_automation.web.request import (
    ENTRANCE,
    SETTINGS_BYTES,
    SITE,
    Site,
    add_headers,
    answered,
)
from switchbot_automation.web.routes import ROUTES
from switchbot_automation.web.shared import Shared
from switchbot_store import StoreConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.scheduler import SchedulerService
    from switchbot_store import HistoryService, ThreadedHistory

_LEAST_SECRET_CHARACTERS = 20
_STRICT = "STRICT_HEALTH_CHECKS"


def create_app(
    engine: AutomationEngine,
    *,
    history: HistoryService | ThreadedHistory | None = None,
    scheduler: SchedulerService | None = None,
    token: str | Sequence[str] | None = None,
    host_authenticates: bool = False,
    read_only: bool = False,
    webhook_secret: str | None = None,
    webhook_allowed_hosts: Collection[str] = (),
    public_health: bool = False,
    strict_health: bool | None = None,
    body_seconds: float = 10.0,
) -> web.Application:
    """Return an application for an engine: page, API, health, metrics, webhook.

    Serve it, or mount it with `add_subapp`; it must run on the engine's event loop. It
    neither opens nor closes what it is given. `history` is for charts and past
    decisions, `scheduler` for its health.

    Who is answered: with a `token`, who sends it or logged in with it (of several the
    first is the new one, the others are good while they are named, see `rotate_token`); with
    `host_authenticates`, everybody, because the host's own middleware lets nobody else
    through; otherwise this machine alone, and no proxy (one on this machine that does
    not say that it is a proxy cannot be told from it: set a token behind it). `public_health` answers
    everybody's `/healthz` with its status, and nothing more. `read_only` refuses every
    change. `webhook_secret`, such as `new_webhook_secret` gives, opens
    ``/webhook/{secret}`` to the cloud. `webhook_allowed_hosts` are those that settings may
    newly allow over the web; others that the stored settings do not have yet are
    refused. `strict_health`, by default what
    ``STRICT_HEALTH_CHECKS`` says, counts degraded as unhealthy. A body that takes
    longer than `body_seconds` is given up.

    The host's access log should be a `RedactingAccessLogger`: paths hold the webhook's
    secret. Raises ValueError for a token or a secret that is too short, or for a token
    beside `host_authenticates`.
    """
    if token is not None and host_authenticates:
        raise ValueError(
            worded("token: the host authenticates, so nothing would ask for it")
        )
    if webhook_secret is not None and len(webhook_secret) < _LEAST_SECRET_CHARACTERS:
        raise ValueError(
            worded(
                "webhook_secret: at least {least_secret_characters} characters, "
                "such as those of "
                "switchbot_automation.cloud.events.events.new_webhook_secret()",
                least_secret_characters=_LEAST_SECRET_CHARACTERS,
            )
        )
    if webhook_secret is not None:
        # Else the first event, and all that the loop has to do, would wait for it.
        catalog.load()
    if strict_health is None:
        # This variable alone: what the others say is not this application's matter.
        said = {_STRICT: os.environ[_STRICT]} if _STRICT in os.environ else {}
        strict_health = StoreConfig.from_env(said).strict_health_checks
    seen = history_of(engine.home, history)
    own = threaded(seen)
    credentials = credentials_of(token)
    shared = Shared()
    site = Site(
        engine=engine,
        history=own or cast("ThreadedHistory | None", seen),
        scheduler=scheduler,
        credentials=credentials,
        sessions=None if credentials is None else Sessions(credentials, engine.store),
        host_authenticates=host_authenticates,
        public_health=public_health,
        read_only=read_only,
        webhook_secret=webhook_secret,
        webhook_allowed_hosts=frozenset(map(str.lower, webhook_allowed_hosts)),
        strict_health=strict_health,
        body_seconds=body_seconds,
        live=Live(engine, shared),
        shared=shared,
    )
    rights = {each.handler: (each.access, each.writes) for each in ROUTES}
    # What is pushed is answered to a program.
    wordless = {each.handler for each in ROUTES if each.access is Access.SECRET}
    app = web.Application(
        middlewares=[answered(rights, wordless)],
        client_max_size=SETTINGS_BYTES,
    )
    app[SITE] = app[ENTRANCE] = site
    for each in ROUTES:
        app.router.add_route(each.method, each.path, each.handler)
        # Probes ask for the head alone; a stream has no end to be asked for.
        if each.method == "GET" and each.handler is not events:
            app.router.add_route("HEAD", each.path, each.handler)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_let_listeners_go)

    async def listen(_app: web.Application) -> AsyncIterator[None]:
        site.live.start()
        async with site.sessions or nullcontext():
            yield
        site.live.stop()
        if own is not None:
            await own.detach()

    app.cleanup_ctx.append(listen)
    return app


def rotate_token(app: web.Application, *tokens: str) -> None:
    """Take other tokens from now on, the new one first; no restart is needed.

    A session ends with the token that it was made with: name the old one too for as
    long as programs and browsers have it. Raises ValueError for a token too short to be
    one, or where the application has none; then nothing changed.
    """
    credentials = app[SITE].credentials
    if credentials is None:
        raise ValueError(worded("token: the application was made without one"))
    credentials.rotate(*tokens)


async def _let_listeners_go(app: web.Application) -> None:
    """End the streams, which the server would wait for."""
    app[SITE].live.stop()
