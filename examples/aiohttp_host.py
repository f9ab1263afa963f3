# An aiohttp application whose APScheduler calls the engine, with a page of its own.
#
#   pip install switchbot-automation 'apscheduler<4'
#   SWITCHBOT_TOKEN=... SWITCHBOT_SECRET=... python examples/aiohttp_host.py
#   gunicorn --chdir examples -k aiohttp.GunicornWebWorker aiohttp_host:create_app
#
# The engine only says when it wants to be called; here that becomes one APScheduler job,
# which is planned again after every tick and whenever the engine wants it sooner.
import argparse
import asyncio
import html
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
from aiohttp import web
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from switchbot_automation import AutomationEngine, SwitchBotClient, WebhookSender
from switchbot_store import get_history, get_store

BASE_URL = os.environ.get("SWITCHBOT_BASE_URL", "https://api.switch-bot.com")
PAUSE = timedelta(seconds=1)
ENGINE = web.AppKey("engine", AutomationEngine)


def keep_time(engine: AutomationEngine, scheduler: AsyncIOScheduler) -> None:
    def plan(pause: timedelta = timedelta()) -> None:
        scheduler.add_job(
            tick,
            "date",
            run_date=max(engine.next_wakeup, datetime.now(UTC) + pause),
            id="tick",
            replace_existing=True,
            misfire_grace_time=None,  # late is better than never
        )

    async def tick() -> None:
        pause = PAUSE  # not again at once after a tick that failed
        try:
            await engine.run_once(trigger="apscheduler")
            pause = timedelta()
        finally:
            plan(pause)

    def hear(event: object) -> None:
        if getattr(event, "kind", "") == "next_wakeup_changed":
            plan()

    engine.subscribe(hear)
    plan()
    # What other processes stored; costs nothing in a home of one process.
    scheduler.add_job(
        engine.look, "interval", seconds=1, coalesce=True, misfire_grace_time=None
    )


async def run_engine(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as session:
        client = SwitchBotClient(
            session,
            os.environ["SWITCHBOT_TOKEN"],
            os.environ["SWITCHBOT_SECRET"],
            base_url=BASE_URL,
        )
        # Opening may wait for a database, which must not hold up the loop.
        store = await asyncio.to_thread(get_store)
        scheduler = AsyncIOScheduler(timezone=UTC)
        try:
            history = await asyncio.to_thread(get_history)
            try:
                async with AutomationEngine(
                    client,
                    store,
                    history=history,
                    quota=client.quota,
                    webhook_sender=WebhookSender(),
                ) as engine:
                    app[ENGINE] = engine
                    keep_time(engine, scheduler)
                    scheduler.start()
                    yield
                    # Not `shutdown`, which cancels a tick: the engine waits for its end.
                    scheduler.pause()
            finally:
                if scheduler.running:
                    scheduler.shutdown(wait=False)
                await asyncio.to_thread(history.close)
        finally:
            await asyncio.to_thread(store.close)


async def page(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    why = await engine.explain()
    return web.Response(
        text=f"<h1>{html.escape(str(why.outcome))}</h1><p>{html.escape(why.text)}</p>"
        f"<p>Next look at {engine.next_wakeup:%H:%M:%S} UTC.</p>"
        "<form method=post action=/off><button>Off</button></form>",
        content_type="text/html",
    )


async def off(request: web.Request) -> web.Response:
    command = await request.app[ENGINE].act("default", "off")
    return web.json_response({"action": command.action, "status": command.status})


async def create_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(run_engine)
    app.add_routes([web.get("/", page), web.post("/off", off)])
    return app


if __name__ == "__main__":
    argparse.ArgumentParser(
        description="An aiohttp application with the engine in it; the environment says of what."
    ).parse_args()
    web.run_app(
        create_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8000"))
    )
