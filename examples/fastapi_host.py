# A FastAPI application that runs the engine in its lifespan.
#
#   pip install switchbot-automation fastapi uvicorn
#   SWITCHBOT_TOKEN=... SWITCHBOT_SECRET=... python examples/fastapi_host.py
#   uvicorn --app-dir examples fastapi_host:app --workers 2
#
# FastAPI has no scheduler, so `SchedulerService` calls the engine on the same loop.
import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request

from switchbot_automation import (
    AutomationEngine,
    SchedulerService,
    SettingsError,
    SwitchBotClient,
    UnknownZoneError,
    WebhookSender,
)
from switchbot_automation.model import ManualAction
from switchbot_store import get_history, get_store

BASE_URL = os.environ.get("SWITCHBOT_BASE_URL", "https://api.switch-bot.com")


@asynccontextmanager
async def run_engine(app: FastAPI) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as session:
        client = SwitchBotClient(
            session,
            os.environ["SWITCHBOT_TOKEN"],
            os.environ["SWITCHBOT_SECRET"],
            base_url=BASE_URL,
        )
        # Opening may wait for a database, which must not hold up the loop.
        store = await asyncio.to_thread(get_store)
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
                    app.state.engine = engine
                    async with SchedulerService(engine):
                        yield
            finally:
                await asyncio.to_thread(history.close)
        finally:
            await asyncio.to_thread(store.close)


def engine_of(request: Request) -> AutomationEngine:
    engine: AutomationEngine = request.app.state.engine
    return engine


Engine = Annotated[AutomationEngine, Depends(engine_of)]
app = FastAPI(title="Rooms", lifespan=run_engine)


@app.get("/")
async def rooms(engine: Engine) -> dict[str, Any]:
    """Every room as it is now, with what was decided and why."""
    return engine.overview()


@app.post("/rooms/{zone}/{action}")
async def act(engine: Engine, zone: str, action: ManualAction) -> dict[str, str]:
    """Do what a person asks for."""
    try:
        command = await engine.act(zone, action)
    except UnknownZoneError as error:
        raise HTTPException(404, str(error)) from error
    return {"action": command.action, "status": command.status}


@app.put("/settings")
async def settings(engine: Engine, document: dict[str, Any]) -> dict[str, Any]:
    """Check the settings, and keep them if they can be used."""
    try:
        await engine.apply_settings(document)
    except SettingsError as error:
        detail = {"path": error.path, "error": str(error)}
        raise HTTPException(400, detail) from error
    return (await engine.stored_settings()).data


if __name__ == "__main__":
    argparse.ArgumentParser(
        description="A FastAPI application with the engine in it; the environment says of what."
    ).parse_args()
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
