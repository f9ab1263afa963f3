"""Events of many accounts by SwitchBot's own MQTT, each at a broker of its own."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest

from switchbot_automation.clock import SystemClock
from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.events import FleetEvents
from switchbot_automation.fleet.push import FleetPush, accounts_of, homes_with_settings
from switchbot_automation.simulation.server.broker import SimulatedBroker
from switchbot_store import HomeStore, MemoryStore, ThreadedStore
from tests.engine.conftest import METER, WINTER_ROOM

OTHER = "C0FFEE000002"


class Hurried(SystemClock):
    """A clock by which short waits are over at once."""

    async def sleep(self, seconds):
        await asyncio.sleep(0.0 if seconds < 10 else seconds)


class Account:
    """What gives an account's credentials: a broker's."""

    def __init__(self, name, broker):
        self.account = (name * 32)[:32]
        self._broker = broker

    async def iot_credential(self, instance_id):
        return self._broker.credential(instance_id)


def event(device=METER, degrees=17.5):
    return {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": device,
            "temperature": degrees,
            "scale": "CELSIUS",
            "humidity": 50,
            "timeOfSample": int(datetime.now(UTC).timestamp() * 1000),
        },
    }


@asynccontextmanager
async def listening(
    homes, store=None, wake=None, follow_seconds=60.0, more=(), **later
):
    """Brokers by account, and a queue of who was woken; `homes` have their account.

    `more` are accounts that no home has yet. `later`: `lost` is asked for the account that
    a home has once its certificate is wanted, and `heard` are those listened to then.
    """
    woken = asyncio.Queue()

    async def put(home, errand):
        await woken.put((home, errand["kind"]))

    async with AsyncExitStack() as stack:
        brokers = {
            name: await stack.enter_async_context(SimulatedBroker())
            for name in sorted({*homes.values(), *more})
        }
        clients = {name: Account(name, broker) for name, broker in brokers.items()}
        events = FleetEvents(wake or put, store=store)
        lost = later.get("lost", lambda _home: None)

        async def accounts():
            return accounts_of(list(homes), lambda home: clients[homes[home]])

        push = FleetPush(
            accounts,
            lambda home: clients[lost(home) or homes[home]],
            events,
            clock=Hurried(),
            spread_seconds=0.0,
            follow_seconds=follow_seconds,
        )
        running = asyncio.create_task(push.run())
        try:
            for name in later.get("heard", set(homes.values())):
                await brokers[name].until_heard()
            yield brokers, woken, push
        finally:
            running.cancel()
            await asyncio.wait({running})


async def test_an_event_wakes_the_home_of_the_account_it_came_by():
    async with listening({"1": "a", "2": "b"}) as (brokers, woken, push):
        await brokers["b"].publish(event())
        assert await woken.get() == ("2", "webhook")
        await brokers["a"].publish(event(OTHER))
        assert await woken.get() == ("1", "webhook")
        assert woken.empty()
        told = push.report()
        assert (told["accounts"], told["problems"]) == (2, 0)
        assert told["events"] == {"taken": 2}
        assert "certificate" not in repr(push)


async def test_of_an_account_s_homes_those_are_woken_that_name_the_device():
    store = MemoryStore()
    HomeStore(store, "1").set("settings", WINTER_ROOM)
    HomeStore(store, "2").set("settings", WINTER_ROOM | {"meter_device_id": OTHER})
    async with (
        ThreadedStore(store) as calls,
        listening({"1": "a", "2": "a"}, calls) as (brokers, woken, _push),
    ):
        await brokers["a"].publish(event(OTHER))
        assert await woken.get() == ("2", "webhook")
        assert woken.empty()


async def test_a_queue_that_is_away_ends_no_stream():
    """The next event wakes the home again."""
    woken, calls = asyncio.Queue(), []

    async def wake(home, errand):
        calls.append(errand["kind"])
        if len(calls) == 1:
            raise ConnectionError("no route")
        await woken.put(home)

    async with listening({"1": "a"}, wake=wake) as (brokers, _woken, push):
        await brokers["a"].publish(event(degrees=17.0))
        await brokers["a"].publish(event(OTHER))
        assert await woken.get() == "1"
        assert push.report()["events"] == {"taken": 2, "not_woken": 1}


async def test_after_a_gap_the_homes_are_looked_at_anew():
    async with listening({"1": "a"}) as (brokers, woken, _push):
        brokers["a"].drop()
        assert await woken.get() == ("1", "refresh")


def test_accounts_are_spread_over_processes_each_by_one():
    homes = [str(number) for number in range(60)]
    clients = {home: Account(f"{int(home) // 2:032x}", None) for home in homes}
    whole = accounts_of(homes, clients.__getitem__)
    parts = [
        accounts_of(homes, clients.__getitem__, part=part, parts=3)
        for part in (1, 2, 3)
    ]
    assert all(parts)
    assert {name: of for part in parts for name, of in part.items()} == whole
    assert sum(map(len, parts)) == len(whole) == 30


class Homes(dict):
    """Homes by account, which know when they were looked at, until their store is away."""

    away = False

    def __init__(self, homes):
        super().__init__(homes)
        self._looked = asyncio.Event()

    def __iter__(self):
        self._looked.set()
        if self.away:
            raise ConnectionError("no route")
        return super().__iter__()

    async def until_followed(self):
        """Wait for a second look: by then what the first found was carried out."""
        for _ in range(2):
            self._looked.clear()
            await self._looked.wait()


async def test_homes_that_come_go_or_move_are_followed():
    """A token that changes is another account, with a connection of its own."""
    homes = Homes({"1": "a", "2": "b"})
    async with listening(homes, follow_seconds=1.0, more="c") as (brokers, woken, push):
        homes["3"] = "c"
        await brokers["c"].until_heard()
        await brokers["c"].publish(event())
        assert await woken.get() == ("3", "webhook")
        homes["1"] = "c"
        del homes["2"]
        await homes.until_followed()
        await brokers["c"].publish(event(OTHER))
        assert {await woken.get() for _ in "31"} == {("3", "webhook"), ("1", "webhook")}
        assert push.report()["states"] == {"listening": 1}
        assert brokers["c"].connections == 1


@pytest.mark.parametrize("now", ["no account", "another account"])
async def test_an_account_lost_between_two_looks_ends_no_other_stream(now, caplog):
    """Nor does it get the certificate of the account that its home has meanwhile."""
    asked = asyncio.Event()
    homes = {"1": "a", "2": "b"}

    def lost(home):
        if home != "1":
            return None
        asked.set()
        if now == "no account":
            raise SettingsError("there is no account for this home", path=home)
        return "b"

    async with listening(homes, lost=lost, heard="b") as (brokers, woken, push):
        await asked.wait()
        await brokers["b"].publish(event())
        async with asyncio.timeout(20):
            assert await woken.get() == ("2", "webhook")
        assert (brokers["a"].connections, brokers["b"].connections) == (0, 1)
        assert push.report()["accounts"] == 2
    assert "no home has this account any more" in caplog.text


async def test_while_accounts_cannot_be_read_those_known_before_are_heard(caplog):
    homes = Homes({"1": "a"})
    async with listening(homes, follow_seconds=1.0) as (brokers, woken, push):
        homes.away = True
        await homes.until_followed()
        await brokers["a"].publish(event())
        assert await woken.get() == ("1", "webhook")
        assert push.report()["accounts"] == brokers["a"].connections == 1
    assert "the accounts known before are listened to" in caplog.text


def test_a_home_without_an_account_is_left_out_alone():
    def client_of(home):
        if home == "2":
            raise SettingsError("there is no account for this home", path=home)
        return Account("a", None)

    assert list(accounts_of(["1", "2", "3"], client_of).values()) == [["1", "3"]]


async def test_the_homes_to_listen_for_are_those_with_settings():
    store = MemoryStore()
    HomeStore(store, "1").set("settings", WINTER_ROOM)
    HomeStore(store, "2").set("state/settings", {})
    HomeStore(store, "3").set("rules", {})
    store.set("settings", WINTER_ROOM)
    async with ThreadedStore(store) as calls:
        assert await homes_with_settings(calls) == ["1"]
