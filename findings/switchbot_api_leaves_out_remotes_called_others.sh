#!/usr/bin/env bash
# switchbot-api 2.13.1: list_devices() leaves out every infrared remote of the type
# "Others", without a word. The cloud gives that type to a remote whose buttons were
# learned one by one, which is what is left to people whose air conditioner is in no
# database; its buttons can be pressed through the cloud all the same (customize).
#
# Seen, from a server on loopback: of an air conditioner and a learned remote in the
# account only the former is listed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbot-api==2.13.1'
"$folder/venv/bin/python" - <<'PY'
import asyncio

from aiohttp import ClientSession, web
from switchbot_api import SwitchBotAPI

ACCOUNT = {
    "deviceList": [],
    "infraredRemoteList": [
        {
            "deviceId": "02-202601010000-01",
            "deviceName": "Bedroom",
            "remoteType": "Air Conditioner",
            "hubDeviceId": "AAAAAAAAAAAA",
        },
        {
            "deviceId": "02-202601010000-02",
            "deviceName": "Living room, learned",
            "remoteType": "Others",
            "hubDeviceId": "AAAAAAAAAAAA",
        },
    ],
}


class Loopback(ClientSession):
    """Asks the server of this script whatever host was meant."""

    async def request(self, method, url, **options):
        path = url.split("switch-bot.com", 1)[1]
        return await super().request(method, self.here + path, **options)


async def listed():
    async def answer(_request):
        return web.json_response({"statusCode": 100, "body": ACCOUNT, "message": ""})

    application = web.Application()
    application.router.add_get("/v1.1/devices", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    Loopback.here = "http://127.0.0.1:%d" % runner.addresses[0][1]
    try:
        async with Loopback() as session:
            found = await SwitchBotAPI("token", "secret", session).list_devices()
    finally:
        await runner.cleanup()
    return [each.device_name for each in found]


names = asyncio.run(listed())
print("in the account:", [r["deviceName"] for r in ACCOUNT["infraredRemoteList"]])
print("listed:        ", names)
assert names == ["Bedroom"], "learned remotes are listed now"
PY
