"""The public names as others use them: checked by mypy, never run."""

from datetime import datetime
from typing import Any, assert_type

import aiohttp

from switchbot_automation import (
    AutomationEngine,
    Clock,
    CloudApi,
    EngineThread,
    SchedulerService,
    SwitchBotClient,
    SystemClock,
    TickReport,
)
from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    SimulatedHome,
)
from switchbot_store import (
    AsyncStore,
    DocumentView,
    Entry,
    JsonStore,
    MemoryStore,
    PostgresStore,
    StoreConfig,
    StoreInterface,
    StoreStatus,
    ThreadedStore,
    get_store,
)


def a_store(store: StoreInterface) -> str:
    with store as opened:
        opened.set("settings", {"a": 1})
        entry = opened.get_entry("settings")
        assert_type(entry, Entry)
        assert_type(opened.get("settings"), dict[str, Any])
        assert_type(opened.get_many(["settings"]), dict[str, Entry])
        assert_type(opened.document("settings"), DocumentView)
        assert_type(opened.status(), StoreStatus)
        opened.update("settings", lambda document: {**document, "b": 2})
        return opened.compare_and_set("settings", {"a": 2}, entry.revision)


async def an_async_store(store: AsyncStore) -> bool:
    entries = await store.get_many(["settings", "state"])
    await store.set_many({key: entry.data for key, entry in entries.items()})
    return await store.health_check()


def every_backend() -> list[StoreInterface]:
    return [
        MemoryStore(),
        JsonStore("config"),
        PostgresStore("postgresql://localhost/home"),
        get_store(),
        get_store(StoreConfig.from_env({})),
    ]


async def an_engine_on_a_client(store: StoreInterface) -> TickReport:
    async with aiohttp.ClientSession() as session:
        client = SwitchBotClient(session, "token", "secret")
        async with AutomationEngine(client, store) as engine:
            service = SchedulerService(engine)
            await service.start()
            await service.stop()
            return await engine.run_once()


async def an_engine_on_anything(cloud: CloudApi, clock: Clock) -> datetime:
    store: AsyncStore = ThreadedStore(MemoryStore())
    async with AutomationEngine(cloud, store, clock=clock) as engine:
        report = await engine.run_once(trigger="test")
        assert_type(report, TickReport)
        await engine.act("default", "off")
        unsubscribe = engine.subscribe(lambda event: None)
        unsubscribe()
        return engine.next_wakeup


def clocks() -> list[Clock]:
    return [SystemClock(), SimulatedClock()]


async def a_simulated_cloud() -> tuple[CloudApi, str]:
    async with FakeSwitchBotCloud() as cloud:
        return SimulatedHome(), f"{cloud.base_url} {cloud.token} {cloud.secret}"


def a_synchronous_host(engine: AutomationEngine) -> TickReport:
    thread = EngineThread(engine)
    thread.start()
    try:
        return thread.call(engine.run_once())
    finally:
        thread.stop()
