import asyncio
from os import environ as env

from aiohttp import ClientSession

from switchbot_automation import AutomationEngine, SchedulerService, SwitchBotClient
from switchbot_store import get_store


async def main() -> None:
    async with ClientSession() as http:
        account = env["SWITCHBOT_TOKEN"], env["SWITCHBOT_SECRET"]
        client = SwitchBotClient(http, *account, base_url=env["SWITCHBOT_BASE_URL"])
        with get_store() as store:
            engine = AutomationEngine(client, store)
            engine.subscribe(print)
            async with engine, SchedulerService(engine):
                await asyncio.Event().wait()


asyncio.run(main())
