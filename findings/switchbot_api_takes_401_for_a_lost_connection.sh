#!/usr/bin/env bash
# switchbot-api 2.13.1: the cloud answers a wrong token or signature with HTTP 401. The
# library knows its authentication error for 403 alone; a 401 raises the error of a lost
# connection, which a host will try again for ever instead of asking for a new token.
#
# Seen, from a server on loopback: 401 -> SwitchBotConnectionError, 403 ->
# SwitchBotAuthenticationError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbot-api==2.13.1'
"$folder/venv/bin/python" - <<'PY'
import asyncio

from aiohttp import ClientSession, web
from switchbot_api import SwitchBotAPI, exceptions


class Loopback(ClientSession):
    """Asks the server of this script whatever host was meant."""

    async def request(self, method, url, **options):
        path = url.split("switch-bot.com", 1)[1]
        return await super().request(method, self.here + path, **options)


async def raised_for(status):
    async def answer(_request):
        return web.json_response({"message": "Unauthorized"}, status=status)

    application = web.Application()
    application.router.add_get("/v1.1/devices", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    Loopback.here = "http://127.0.0.1:%d" % runner.addresses[0][1]
    try:
        async with Loopback() as session:
            await SwitchBotAPI("token", "secret", session).list_devices()
    except exceptions.SwitchBotError as error:
        return type(error).__name__
    finally:
        await runner.cleanup()


found = {status: asyncio.run(raised_for(status)) for status in (401, 403)}
print(found)
assert found == {
    401: "SwitchBotConnectionError",
    403: "SwitchBotAuthenticationError",
}, "401 is told apart now"
PY
