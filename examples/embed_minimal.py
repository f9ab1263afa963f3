import asyncio
import signal
from os import environ as env

from aiohttp import ClientSession

import switchbot_automation as home
from switchbot_store import get_store


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with ClientSession() as http:
        account = env["SWITCHBOT_TOKEN"], env["SWITCHBOT_SECRET"]
        cloud = home.SwitchBotClient(http, *account, base_url=env["SWITCHBOT_BASE_URL"])
        with get_store() as store:
            sender = home.WebhookSender()
            engine = home.AutomationEngine(cloud, store, webhook_sender=sender)
            engine.subscribe(print)
            async with engine, home.SchedulerService(engine):
                await stop.wait()


asyncio.run(main())
