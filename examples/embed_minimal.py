import asyncio
import signal
from os import environ as env

from aiohttp import ClientSession

import switchbot_automation as home
from switchbot_store import get_history, get_store


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with ClientSession() as http:
        account = env["SWITCHBOT_TOKEN"], env["SWITCHBOT_SECRET"]
        url = env.get("SWITCHBOT_BASE_URL")  # absent: SwitchBot's own
        cloud = home.SwitchBotClient(http, *account, base_url=url)
        with get_store() as store, get_history() as rows:
            sender = home.WebhookSender()
            engine = home.AutomationEngine(
                cloud, store, history=rows, webhook_sender=sender
            )
            engine.subscribe(print)
            async with engine, home.SchedulerService(engine):
                await stop.wait()


asyncio.run(main())
