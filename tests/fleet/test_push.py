"""Events of many accounts by SwitchBot's own MQTT, each at a broker of its own."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from switchbot_automation.clock import SystemClock
from switchbot_automation.fleet.events import FleetEvents
from switchbot_automation.fleet.push import FleetPush, accounts_of
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
        self.account = name
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
async def listening(homes, store=None, wake=None):
    """Brokers by account, and a queue of who was woken; `homes` have their account."""
    woken = asyncio.Queue()

    async def put(home, errand):
        await woken.put((home, errand["kind"]))

    async with AsyncExitStack() as stack:
        brokers = {
            name: await stack.enter_async_context(SimulatedBroker())
            for name in sorted(set(homes.values()))
        }
        clients = {name: Account(name, broker) for name, broker in brokers.items()}
        accounts = {
            name: [home for home, of in homes.items() if of == name] for name in brokers
        }
        events = FleetEvents(wake or put, store=store)
        push = FleetPush(
            accounts,
            lambda home: clients[homes[home]],
            events,
            clock=Hurried(),
            spread_seconds=0.0,
        )
        running = asyncio.create_task(push.run())
        try:
            for broker in brokers.values():
                await broker.until_heard()
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
