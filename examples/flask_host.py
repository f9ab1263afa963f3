# A Flask dashboard with the engine in a thread of its own.
#
#   pip install switchbot-automation flask
#   SWITCHBOT_TOKEN=... SWITCHBOT_SECRET=... python examples/flask_host.py
#   gunicorn -c examples/deploy/gunicorn.conf.py --chdir examples 'flask_host:create_app()'
#
# Any view reads and writes the two documents through `app.extensions`; whatever is the
# engine's business goes through `EngineThread.call`.
import argparse
import asyncio
import atexit
import os
import signal
import sys
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
    WebhookSender,
)
from switchbot_automation.model import ManualAction
from switchbot_store import get_history, get_store

BASE_URL = os.environ.get("SWITCHBOT_BASE_URL", "https://api.switch-bot.com")


def create_app() -> Flask:
    app = Flask(__name__)
    store = get_store()
    # After the engine's thread, which ends first: what registers last is called first.
    atexit.register(store.close)

    @asynccontextmanager
    async def house() -> AsyncIterator[AutomationEngine]:
        # Here and not above: a server that forks makes an engine in each worker.
        history = await asyncio.to_thread(get_history)
        try:
            async with aiohttp.ClientSession() as session:
                client = SwitchBotClient(
                    session,
                    os.environ["SWITCHBOT_TOKEN"],
                    os.environ["SWITCHBOT_SECRET"],
                    base_url=BASE_URL,
                )
                yield AutomationEngine(
                    client,
                    store,
                    history=history,
                    quota=client.quota,
                    webhook_sender=WebhookSender(),
                )
        finally:
            await asyncio.to_thread(history.close)

    app.extensions["settings_store"] = store.document("settings")
    app.extensions["state_store"] = store.document("state")
    app.extensions["engine"] = EngineThread(house)
    # Where no hook of the server has started it, the first request does.
    app.before_request(app.extensions["engine"].start)

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

    # What nobody can ask for is not found.
    @app.post(f"/actions/<any({', '.join(ManualAction)}):action>")
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
    argparse.ArgumentParser(
        description="A Flask dashboard with the engine in it; the environment says of what."
    ).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    host = create_app()
    with host.extensions["engine"]:
        host.run(port=int(os.environ.get("PORT", "8000")))
