# A Flask dashboard with the engine in a thread of its own.
#
#   SWITCHBOT_TOKEN=... SWITCHBOT_SECRET=... python examples/flask_host.py
#
# Any view reads and writes the two documents through `app.extensions`; whatever is the
# engine's business goes through `EngineThread.call`.
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from flask import Flask, Response, current_app, jsonify, request

from switchbot_automation import (
    AutomationEngine,
    EngineThread,
    SettingsError,
    SwitchBotClient,
)
from switchbot_store import StoreInterface, get_store

BASE_URL = os.environ.get("SWITCHBOT_BASE_URL", "https://api.switch-bot.com")


def create_app(store: StoreInterface) -> Flask:
    app = Flask(__name__)

    @asynccontextmanager
    async def house() -> AsyncIterator[AutomationEngine]:
        async with aiohttp.ClientSession() as session:
            client = SwitchBotClient(
                session,
                os.environ["SWITCHBOT_TOKEN"],
                os.environ["SWITCHBOT_SECRET"],
                base_url=BASE_URL,
            )
            yield AutomationEngine(client, store, quota=client.quota)

    app.extensions["settings_store"] = store.document("settings")
    app.extensions["state_store"] = store.document("state")
    app.extensions["engine"] = EngineThread(house)

    @app.get("/")
    def page() -> str:
        state = current_app.extensions["state_store"].read()
        engine = current_app.extensions["engine"]
        why = engine.call(engine.engine.explain()).text
        return (
            f"<h1>{state.get('last_temperature', '?')} °C, "
            f"air conditioner {state.get('assumed_aircon_power', 'unknown')}</h1>"
            f"<p>{why}</p>"
            "<form method=post action=/actions/off><button>Off</button></form>"
        )

    @app.post("/actions/<action>")
    def act(action: str) -> Response:
        engine = current_app.extensions["engine"]
        command = engine.call(engine.engine.act("default", action))
        return jsonify(action=command.action, status=command.status)

    @app.put("/settings")
    def settings() -> tuple[Any, int]:
        engine = current_app.extensions["engine"]
        try:
            engine.call(engine.engine.apply_settings(request.get_json()))
        except SettingsError as error:
            return {"path": error.path, "error": str(error)}, 400
        return current_app.extensions["settings_store"].read(), 200

    return app


if __name__ == "__main__":
    with get_store() as opened:
        host = create_app(opened)
        with host.extensions["engine"]:
            host.run(port=int(os.environ.get("PORT", "8000")))
