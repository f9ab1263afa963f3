"""The public names as others use them: checked by mypy, never run."""

from datetime import datetime
from typing import Any, assert_type

import aiohttp
from aiohttp import web

from switchbot_automation import (
    AuthError,
    AutomationEngine,
    AutomationError,
    BacktestReport,
    Clock,
    CloudApi,
    Command,
    CommandResult,
    Device,
    DeviceList,
    DeviceStatus,
    EngineThread,
    Explanation,
    ManualAction,
    QuotaLedger,
    Reason,
    ReasonCode,
    Remote,
    Scene,
    SchedulerService,
    SettingsChange,
    SwitchBotClient,
    SystemClock,
    TickReport,
    WebhookSender,
    parse_settings,
)
from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    SimulatedHome,
)
from switchbot_automation.web import create_app, redacted_path, serve
from switchbot_store import (
    AsyncStore,
    Conflict,
    DocumentView,
    Entry,
    FailoverStore,
    HistoryResult,
    HistorySample,
    HistoryService,
    HistoryStatus,
    JsonStore,
    Lease,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    StoreConfig,
    StoreInterface,
    StoreStatus,
    ThreadedHistory,
    ThreadedStore,
    get_history,
    get_store,
    time_limit,
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


def a_lease(store: StoreInterface) -> int:
    lease = store.lease("engine", ttl_seconds=30)
    if lease is None:
        return 0
    assert_type(lease, Lease)
    with lease:
        assert_type(lease.renew(), bool)
        return lease.token


async def an_async_lease(store: AsyncStore) -> bool:
    lease = await store.lease("engine", 30)
    if lease is None or not lease.token:
        return False
    held = await lease.renew()
    await lease.release()
    return held


def a_failover_store(primary: StoreInterface) -> list[Conflict]:
    def keep_both(_key: str, local: Entry, remote: Entry) -> dict[str, Any]:
        return {**remote.data, **local.data}

    with FailoverStore(primary, "config", policy=keep_both, profile="economy") as store:
        with time_limit(0.5):
            store.get("settings")
        store.resync()
        return store.conflicts()


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


def histories() -> list[HistoryService]:
    return [
        HistoryService(SqliteHistory("history.sqlite")),
        HistoryService(
            PostgresHistory("postgresql://localhost/home"),
            batch_size=4,
            flush_interval_seconds=60,
            spill="spill.sqlite",
            journal=True,
        ),
        get_history(),
    ]


def a_history(service: HistoryService, start: datetime, end: datetime) -> None:
    with service as opened:
        opened.record(HistorySample(start, zone="office", temperature=21.5))
        opened.flush()
        result = opened.query(start, end, zone="office", points=500)
        assert_type(result, HistoryResult)
        assert_type(opened.status(), HistoryStatus)
        opened.latest(3)
        opened.aggregates(24)


async def an_engine_on_a_client(store: StoreInterface) -> TickReport:
    async with aiohttp.ClientSession() as session:
        client = SwitchBotClient(session, "token", "secret")
        history = ThreadedHistory(get_history())
        async with AutomationEngine(client, store, history=history) as engine:
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
        await engine.handle_webhook({"eventType": "changeReport", "context": {}})
        await engine.heard("window", {"openState": "open"})
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


async def a_page(engine: AutomationEngine, history: HistoryService) -> None:
    app = create_app(engine, history=history, token="sixteen or more letters")
    assert_type(app, web.Application)
    async with serve(engine, port=0, history=history, read_only=True) as address:
        assert_type(address, str)
    assert_type(redacted_path("/webhook/secret"), str)
    assert_type(engine.overview(), dict[str, Any])
    assert_type(await engine.overview_in_turns(), dict[str, Any])
    assert_type(engine.quota(), dict[str, Any])
    assert_type(await engine.stored_settings(), Entry)
    await engine.hold("office", "until_next_change")


class OwnCloud:
    """A `CloudApi` of a host's own, of public names alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def devices(self) -> DeviceList:
        meter = Device("meter", "Meter", "Meter", None, cloud_service=True)
        return DeviceList((meter,), (Remote("unit", "Unit", "Air Conditioner", None),))

    async def status(self, device_id: str) -> DeviceStatus:
        fields = {"temperature": 21.5}
        return DeviceStatus(device_id, "Meter", fields, self._clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        if command_type != "command":
            raise AuthError(f"{command}({parameter!r}) is not for you")
        return CommandResult(device_id, self._clock.now())

    async def scenes(self) -> list[Scene]:
        return [Scene("evening", "Evening")]

    async def run_scene(self, scene_id: str) -> CommandResult:
        return CommandResult(scene_id, self._clock.now())


async def a_cloud_of_ones_own(store: StoreInterface, clock: Clock) -> Explanation:
    cloud: CloudApi = OwnCloud(clock)
    sender = WebhookSender(timeout_seconds=5.0)
    async with AutomationEngine(
        cloud, store, quota=QuotaLedger(), webhook_sender=sender
    ) as engine:
        command = await engine.act("office", ManualAction.OFF)
        assert_type(command, Command)
        assert_type([reason.code for reason in command.reasons], list[ReasonCode])
        return await engine.explain("office")


async def settings_tried_out(engine: AutomationEngine) -> BacktestReport | None:
    document: dict[str, Any] = {"automation_enabled": False}
    try:
        parse_settings(document)
    except AutomationError:
        return None
    change = await engine.apply_settings(document, dry_run=True)
    assert_type(change, SettingsChange)
    return change.summary


def why(reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in reasons]
