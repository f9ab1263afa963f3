"""Many homes on one store and one history: each as if it were alone."""

import logging
import pickle
import threading
from copy import deepcopy
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from switchbot_automation import AutomationEngine, QuotaLedger
from switchbot_automation.errors import SettingsError
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.web import create_app
from switchbot_store import (
    AsyncHomeStore,
    HistorySample,
    HistoryService,
    HomeStore,
    JsonStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    StoreConfigError,
    ThreadedHistory,
    ThreadedStore,
)
from tests.engine.conftest import MONDAY_NOON, WINTER_ROOM, PretendCloud

ACCOUNT = "0123456789abcdef0123456789abcdef"


class Street:
    """Homes of one store and one history, on one clock."""

    def __init__(self, store, rows):
        self.clock = SimulatedClock(MONDAY_NOON)
        self.store = store
        self.service = HistoryService(rows, now=self.clock.now)
        self.shared = ThreadedStore(store)
        self.history = ThreadedHistory(self.service)
        self.clouds = {}

    def cloud(self, home, temperature=21.0):
        cloud = self.clouds.setdefault(home, PretendCloud(self.clock))
        cloud.temperature = temperature
        return cloud

    def configure(self, home, **settings):
        document = deepcopy(WINTER_ROOM) | settings
        HomeStore(self.store, home).set("settings", document)

    def engine(self, home, **options):
        return AutomationEngine(
            self.cloud(home) if home not in self.clouds else self.clouds[home],
            self.shared,
            history=self.history,
            clock=self.clock,
            home=home,
            **options,
        )


@pytest.fixture(params=["memory", "files", "postgres"])
async def street(request, tmp_path):
    if request.param == "memory":
        store, rows = MemoryStore(), SqliteHistory(":memory:")
    elif request.param == "files":
        store, rows = (
            JsonStore(tmp_path / "config"),
            SqliteHistory(tmp_path / "rows.sqlite"),
        )
    else:
        url = request.getfixturevalue("migrated_database_url")
        store, rows = PostgresStore(url), PostgresHistory(url)
    made = Street(store, rows)
    yield made
    await made.shared.detach()
    await made.history.detach()
    made.service.close()
    store.close()


async def test_two_homes_side_by_side_are_two_homes_alone(street):
    """Reports have bare names; everything that is kept has the home's."""
    for home, degrees in (("42", 17.5), ("4", 22.8)):
        street.configure(home)
        street.cloud(home, degrees)
    async with street.engine("42") as cold, street.engine("4") as warm:
        for _ in range(3):
            told = [await cold.run_once(), await warm.run_once()]
            street.clock.advance(60)
        assert [each.decisions[0].zone for each in told] == ["default", "default"]
        assert street.clouds["42"].words[0].startswith("setAll")
        assert street.clouds["4"].words == ["turnOff"]
        explained = await cold.explain(at=MONDAY_NOON + timedelta(seconds=30))
        assert "17.5" in str(explained)
        assert "22.8" not in str(explained)
        assert (await cold.health())["status"] == "ok"
    assert all(key.startswith("homes/") for key in street.store.keys_with(""))
    street.service.flush()
    assert street.service.backend.zones() == ["4/default", "42/default"]
    rows = street.service.of_home("42").latest(9)
    assert {(row.zone, row.temperature) for row in rows} == {("default", 17.5)}


async def test_a_home_goes_on_where_it_was_after_a_restart(street):
    street.configure("42")
    street.cloud("42", 17.5)
    async with street.engine("42") as engine:
        await engine.run_once()
        await engine.hold("default", "permanent")
    street.clock.advance(120)
    async with street.engine("42") as engine:
        report = await engine.run_once()
        assert report.commands == ()
        assert HomeStore(street.store, "42").get("state")["hold_until"] is not None
    assert HomeStore(street.store, "42").get("state")["home"] == "42"


async def test_the_state_of_another_home_commands_nothing(street, caplog):
    """Nor is it written, until somebody says whose it is."""
    for home in ("42", "7"):
        street.configure(home)
        street.cloud(home, 17.5)
    async with street.engine("42") as engine:
        await engine.run_once()
    theirs = street.store.get("homes/42/state")
    street.store.set("homes/7/state", theirs)
    with caplog.at_level(logging.ERROR):
        async with street.engine("7") as engine:
            for _ in range(2):
                report = await engine.run_once()
                street.clock.advance(60)
            assert (report.outcome, report.commands) == ("invalid_settings", ())
            health = await engine.health()
            assert health["status"] == "degraded"
            assert "'42'" in health["document_problems"][0]
            with pytest.raises(SettingsError, match="'42'"):
                await engine.act("default", "on")
    assert street.clouds["7"].sent == []
    assert street.store.get("homes/7/state") == theirs
    assert len([each for each in caplog.records if "'42'" in each.message]) == 1
    street.store.update("homes/7/state", lambda state: {**state, "home": "7"})
    async with street.engine("7") as engine:
        assert (await engine.run_once()).outcome != "invalid_settings"


async def test_the_only_home_refuses_the_state_of_one_among_many(street):
    street.store.set("settings", deepcopy(WINTER_ROOM))
    street.store.set("state", {"home": "42"})
    cloud = PretendCloud(street.clock)
    cloud.temperature = 10.0
    async with AutomationEngine(cloud, street.shared, clock=street.clock) as engine:
        await engine.run_once()
    assert cloud.sent == []


async def test_the_days_calls_are_counted_once_for_an_account(street):
    """Three homes of one account do not triple them at a restart, nor lose any."""
    homes = ("1", "2", "3")
    for home in homes:
        street.configure(home)
        street.cloud(home).account = ACCOUNT
    for turn in (1, 2):
        ledger = QuotaLedger(clock=street.clock)
        for home in homes:
            street.clouds[home].quota = ledger
            async with street.engine(home) as engine:
                ledger.attempt()
                await engine.run_once()
        kept = street.store.get(f"accounts/{ACCOUNT}/quota")
        assert (ledger.used, kept["api_requests_total"]) == (3 * turn, 3 * turn)
        state = HomeStore(street.store, "1").get("state")
        assert not any(key.startswith("api_") for key in state)


async def test_engines_of_one_ledger_restore_it_once():
    """Also without homes: each state tells of the same calls."""
    clock = SimulatedClock(MONDAY_NOON)
    day = MONDAY_NOON.date().isoformat()
    counted = {"api_quota_day": day, "api_requests_total": 100}
    store = MemoryStore()
    ledger = QuotaLedger(clock=clock)
    for name in "abc":
        store.set_many({f"set_{name}": deepcopy(WINTER_ROOM), f"st_{name}": counted})
        async with AutomationEngine(
            PretendCloud(clock),
            store,
            clock=clock,
            quota=ledger,
            settings_key=f"set_{name}",
            state_key=f"st_{name}",
        ) as engine:
            await engine.run_once()
    assert ledger.used == 100


@pytest.mark.parametrize(
    "keys",
    [
        {"settings_key": "same", "state_key": "same"},
        {"settings_key": "state/b"},
        {"settings_key": "rules_state"},
        {"settings_key": "_inbox/state"},
        {"state_key": "settings", "settings_key": "rules_settings"},
        {"state_key": "x" * 190},
        {"settings_key": ""},
        {"settings_key": "_visit"},
        {"settings_key": "_past/settings"},
        {"state_key": "_lease/leader"},
        {"settings_key": f"accounts/{ACCOUNT}/quota"},
        {"settings_key": f"accounts/{ACCOUNT}/quota", "home": "42"},
        {"home": "a/b"},
        {"home": "x" * 65},
        {"home": "h" * 64, "state_key": "x" * 120},
    ],
)
def test_keys_that_cannot_be_are_refused(keys):
    with pytest.raises(StoreConfigError):
        AutomationEngine(
            PretendCloud(SimulatedClock(MONDAY_NOON)), MemoryStore(), **keys
        )


@pytest.mark.parametrize(
    "keys",
    [
        {"settings_key": "other", "state_key": "state/b"},
        {"settings_key": "other"},
        {"settings_key": "state", "state_key": "other"},
    ],
)
def test_engines_that_share_some_keys_are_refused(keys):
    """All of them or none: engines on the very same documents take turns."""
    store, cloud = MemoryStore(), PretendCloud(SimulatedClock(MONDAY_NOON))
    first = AutomationEngine(cloud, store)
    AutomationEngine(cloud, store)
    AutomationEngine(cloud, store, home="42")
    with pytest.raises(StoreConfigError):
        AutomationEngine(cloud, store, **keys)
    assert first.home is None


async def test_a_zone_that_no_home_can_have_is_no_setting():
    clock, home = SimulatedClock(MONDAY_NOON), "h" * 64
    for name, state_key in (("a/b", "state"), ("z" * 90, "s" * 50)):
        room = {
            key: WINTER_ROOM[key] for key in ("meter_device_id", "aircon_device_id")
        }
        store = MemoryStore()
        HomeStore(store, home).set("settings", WINTER_ROOM | {"zones": {name: room}})
        async with AutomationEngine(
            PretendCloud(clock),
            store,
            clock=clock,
            home=home,
            state_key=state_key,
        ) as engine:
            assert (await engine.run_once()).outcome == "invalid_settings"
            assert name in (await engine.health())["settings_error"]


def test_views_of_another_home_are_refused():
    cloud, store = PretendCloud(SimulatedClock(MONDAY_NOON)), MemoryStore()
    history = HistoryService(SqliteHistory(":memory:"))
    view = HomeStore(store, "42")
    assert AutomationEngine(cloud, view, history=history.of_home("42")).home == "42"
    asynchronous = AsyncHomeStore(ThreadedStore(store), "42")
    assert AutomationEngine(cloud, asynchronous).home == "42"
    for options in ({"home": "7"}, {"history": history.of_home("7")}):
        with pytest.raises(StoreConfigError, match="home"):
            AutomationEngine(cloud, view, **options)
    with pytest.raises(StoreConfigError, match="home"):
        AutomationEngine(cloud, store, history=history.of_home("7"))
    with pytest.raises(StoreConfigError, match="home"):
        history.of_home("42").of_home("7")
    history.close()


async def test_homes_that_share_their_store_make_no_thread_each(tmp_path, caplog):
    """One wrapper of a store and one of a history serve them all; a second is told of."""
    street = Street(JsonStore(tmp_path / "config"), SqliteHistory(tmp_path / "rows"))
    before = set(threading.enumerate())
    engines = []
    for number in range(8):
        street.configure(str(number))
        engines.append(street.engine(str(number)))
    with caplog.at_level(logging.WARNING):
        for engine in engines:
            async with engine:
                await engine.run_once()
                await engine.explain()
    # The store's, the history's calls and what writes its rows. The loop's own pool, by
    # which the past is explained, makes as many threads as it finds busy.
    made = [
        thread.name
        for thread in threading.enumerate()
        if thread not in before and not thread.name.startswith("asyncio_")
    ]
    assert len(made) <= 3, made
    assert "wrap" not in caplog.text
    with caplog.at_level(logging.WARNING):
        second = ThreadedStore(street.store)
        await second.get("settings")
    assert "a second ThreadedStore" in caplog.text
    await second.detach()
    await street.history.detach()
    await street.shared.detach()
    street.service.close()
    street.store.close()


async def test_what_an_engine_says_travels_between_processes():
    """Reports, explanations and changes: plain values, whole again on the other side."""
    clock, store = SimulatedClock(MONDAY_NOON), MemoryStore()
    service = HistoryService(SqliteHistory(":memory:"), now=clock.now)
    HomeStore(store, "42").set("settings", WINTER_ROOM)
    cloud = PretendCloud(clock)
    cloud.temperature = 17.5
    async with AutomationEngine(
        cloud, store, history=service, clock=clock, home="42"
    ) as engine:
        report = await engine.run_once()
        changed = WINTER_ROOM | {"hysteresis_celsius": 0.5}
        said = [
            report,
            await engine.explain(),
            await engine.act("default", "off"),
            await engine.apply_settings(changed, dry_run=True),
            await engine.stored_settings(),
            await engine.health(),
            engine.overview(),
            engine.zone_in_force("default"),
            engine.store.status(),
        ]
        service.flush()
        said += [service.status(), service.latest(3), *service.of_home("42").latest(1)]
    service.close()
    for each in said:
        assert pickle.loads(pickle.dumps(each)) == each


async def test_the_page_and_the_metrics_are_those_of_the_engines_home():
    """Also where the page is given the history of all homes."""
    clock, store = SimulatedClock(MONDAY_NOON), MemoryStore()
    service = HistoryService(SqliteHistory(":memory:"), now=clock.now)
    service.of_home("4").record(HistorySample(MONDAY_NOON, "default", temperature=22.8))
    HomeStore(store, "42").set("settings", WINTER_ROOM)
    cloud = PretendCloud(clock)
    cloud.temperature = 17.5
    async with AutomationEngine(
        cloud, store, history=service, clock=clock, home="42"
    ) as engine:
        await engine.run_once()
        clock.advance(60)
        app = create_app(engine, history=service)
        async with TestClient(TestServer(app)) as client:
            told = await (await client.get("/metrics")).text()
            assert 'switchbot_automation_home{home="42"} 1.0' in told
            health = await (await client.get("/healthz")).json()
            assert health["home"] == "42"
            text = await (await client.get("/api/zones/default/history?hours=1")).text()
            assert "17.5" in text
            assert "22.8" not in text
    service.close()
