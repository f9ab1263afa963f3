"""What goes on at the same time: commands of one tick, and a person's OFF in its midst."""

import asyncio
from collections import Counter

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import CloudTimeoutError
from switchbot_store import StoreUnavailableError
from tests.engine.conftest import WINTER_ROOM, House, PretendCloud

AT_ONCE = 8


class HeldCloud(PretendCloud):
    """Answers what is asked at once, and a command when the test lets it."""

    def __init__(self, clock):
        super().__init__(clock)
        self.on_wire: list[tuple[str, str]] = []
        self.gates: dict[tuple[str, str], asyncio.Event] = {}
        self.most = 0
        self.now = 0
        self.changed = asyncio.Event()
        self.free = False
        self.silent: set[str] = set()
        self.seen = lambda: None

    async def command(self, device_id, command, parameter="default", kind="command"):
        key = (device_id, command)
        self.on_wire.append(key)
        self.seen()
        self.now += 1
        self.most = max(self.most, self.now)
        self.changed.set()
        try:
            if not self.free:
                await self.gates.setdefault(key, asyncio.Event()).wait()
            if device_id in self.silent:
                raise CloudTimeoutError("no answer", maybe_sent=True)
            return await super().command(device_id, command, parameter, kind)
        finally:
            self.now -= 1

    def open(self, device_id, command):
        self.gates.setdefault((device_id, command), asyncio.Event()).set()

    def open_all(self):
        self.free = True
        for gate in self.gates.values():
            gate.set()

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def unit(number):
    return f"02-2020081100{number:02}-13"


def street(zones, **more):
    """A house of so many zones that all are cold."""
    house = House()
    house.cloud = HeldCloud(house.clock)
    house.cloud.temperature = 18.0
    house.configure(
        zones={
            f"z{number:02}": {
                **WINTER_ROOM,
                "meter_device_id": f"METER{number:02}",
                "aircon_device_id": unit(number),
            }
            for number in range(zones)
        },
        aircon_device_id=None,
        meter_device_id=None,
        automation_enabled=False,
        **more,
    )
    house.cloud.temperatures = {f"METER{number:02}": 18.0 for number in range(zones)}
    house.restarted()
    return house


async def test_a_few_commands_are_on_the_wire_at_once_and_no_more():
    house = street(20)
    cloud = house.cloud
    tick = asyncio.ensure_future(house.engine.run_once())
    await cloud.until(lambda: cloud.now == AT_ONCE)
    assert len(cloud.on_wire) == AT_ONCE
    cloud.open_all()
    report = await tick
    assert cloud.most == AT_ONCE
    assert Counter(cloud.on_wire) == Counter(
        (unit(each), "setAll") for each in range(20)
    )
    assert {each.status for each in report.commands} == {"accepted"}
    assert [each.zone for each in report.decisions][-1] == "z19"


async def test_each_of_them_has_its_intent_stored_before_it_is_sent():
    house = street(12)
    cloud, stored = house.cloud, []

    def look():
        number = int(cloud.on_wire[-1][0][13:15])
        stored.append(house.store.get(f"state/z{number:02}").get("command_intent"))

    cloud.seen = look
    cloud.free = True
    await house.engine.run_once()
    assert len(stored) == 12
    assert all(stored)


async def test_zones_of_a_group_wait_for_each_other_and_others_do_not():
    together = ["z00", "z01", "z02"]
    house = street(5, groups={"one": {"zones": together, "stagger_seconds": 0}})
    cloud = house.cloud
    tick = asyncio.ensure_future(house.engine.run_once())
    await cloud.until(lambda: cloud.now == 3)
    group = {unit(0), unit(1), unit(2)}
    assert len([each for each, _what in cloud.on_wire if each in group]) == 1
    cloud.open_all()
    report = await tick
    assert len(report.commands) == 5


@pytest.mark.parametrize("action", ["off", "quick_off"])
async def test_a_persons_off_overtakes_all_that_is_not_on_the_wire(action):
    house = street(20)
    cloud = house.cloud
    tick = asyncio.ensure_future(house.engine.run_once())
    await cloud.until(lambda: cloud.now == AT_ONCE)
    cloud.open(unit(19), "turnOff")
    command = await house.engine.act("z19", action, hold=3600.0)
    assert command.status == "accepted"
    assert len(cloud.on_wire) == AT_ONCE + 1  # its own, and nobody's in between
    assert not tick.done()
    # What was answered outlives a crash that comes now, and others see it.
    state = house.store.get("state/z19")
    assert state["assumed_aircon_power"] == "off"
    assert state["hold_until"]
    assert not state.get("command_intent")
    cloud.open_all()
    report = await tick
    assert (unit(19), "setAll") not in cloud.on_wire
    own = next(each for each in report.commands if each.zone == "z19")
    assert own.status == "blocked"
    assert own.reasons[-1].code == "hold_manual"
    state = house.store.get("state/z19")
    assert state["assumed_aircon_power"] == "off"
    assert state.get("command_intent") is None
    assert state["hold_until"]


async def test_an_off_of_what_is_on_the_wire_goes_at_once_and_once_more():
    house = street(3)
    cloud = house.cloud
    tick = asyncio.ensure_future(house.engine.run_once())
    await cloud.until(lambda: cloud.now == 3)
    cloud.open(unit(1), "turnOff")
    assert (await house.engine.act("z01", "off")).status == "accepted"
    assert house.store.get("state/z01")["assumed_aircon_power"] == "off"
    cloud.open_all()
    await tick
    # Nobody knows which of the two the unit heard last.
    house.clock.advance_to(house.engine.next_wakeup)
    await house.engine.run_once()
    assert cloud.on_wire[-1] == (unit(1), "turnOff")
    assert [each for each in cloud.on_wire if each[1] == "turnOff"] == [
        (unit(1), "turnOff")
    ] * 2
    assert house.store.get("state/z01")["assumed_aircon_power"] == "off"


async def test_an_off_that_came_while_the_tick_read_its_documents_overtakes_it_too():
    house = street(20)
    cloud, reading, go_on = house.cloud, asyncio.Event(), asyncio.Event()

    class Slow:
        """The store, whose first read waits."""

        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def get_many(self, keys):
            if not reading.is_set():
                reading.set()
                await go_on.wait()
            return await self._store.get_many(keys)

    engine = AutomationEngine(cloud, Slow(house.engine.store), clock=house.clock)
    tick = asyncio.ensure_future(engine.run_once())
    await reading.wait()
    off = asyncio.ensure_future(engine.act("z19", "off"))
    cloud.open(unit(19), "turnOff")
    go_on.set()
    assert (await off).status == "accepted"
    assert not tick.done()
    cloud.open_all()
    await tick
    assert (unit(19), "setAll") not in cloud.on_wire


class SlowToStore:
    """A store whose compare_and_set is carried out and answered later, when it is let."""

    def __init__(self, store, key):
        self._store, self._key = store, key
        self.waits, self.go_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def compare_and_set(self, key, document, revision):
        revision = await self._store.compare_and_set(key, document, revision)
        if key == self._key and not self.waits.is_set():
            self.waits.set()
            await self.go_on.wait()
        return revision


async def test_what_a_tick_learned_while_an_intent_was_written_is_kept():
    house = street(20)
    cloud = house.cloud
    store = SlowToStore(house.engine.store, "state/z19")
    engine = AutomationEngine(cloud, store, clock=house.clock)
    tick = asyncio.ensure_future(engine.run_once())
    await cloud.until(lambda: cloud.now == AT_ONCE)
    cloud.open(unit(19), "turnOff")
    off = asyncio.ensure_future(engine.act("z19", "off"))
    await store.waits.wait()
    states = engine._documents.states
    states["z19"] = states["z19"]._replace(error_count=7)
    store.go_on.set()
    assert (await off).status == "accepted"
    assert states["z19"].error_count == 7
    assert house.store.get("state/z19")["error_count"] == 7
    cloud.open_all()
    await tick
    assert house.store.get("state/z19")["assumed_aircon_power"] == "off"


async def test_a_store_that_fails_after_an_off_that_overtook_gets_it_with_the_tick():
    house = street(20)
    cloud = house.cloud

    class Away(SlowToStore):
        writes = 0

        async def compare_and_set(self, key, document, revision):
            self.writes += key == self._key
            if key == self._key and self.writes == 2:
                raise StoreUnavailableError("away for a moment")
            return await self._store.compare_and_set(key, document, revision)

    store = Away(house.engine.store, "state/z19")
    engine = AutomationEngine(cloud, store, clock=house.clock)
    tick = asyncio.ensure_future(engine.run_once())
    await cloud.until(lambda: cloud.now == AT_ONCE)
    cloud.open(unit(19), "turnOff")
    assert (await engine.act("z19", "off")).status == "accepted"
    assert store.writes == 2
    assert house.store.get("state/z19")["command_intent"]
    cloud.open_all()
    await tick
    assert house.store.get("state/z19")["assumed_aircon_power"] == "off"


async def test_a_silent_cloud_is_told_once_and_the_rest_waits_for_the_next_tick():
    house = street(12)
    cloud = house.cloud
    cloud.silent = {unit(each) for each in range(12)}
    tick = asyncio.ensure_future(house.engine.run_once())
    await cloud.until(lambda: cloud.now == AT_ONCE)
    cloud.silent.discard(unit(11))
    cloud.open(unit(11), "turnOff")
    assert (await house.engine.act("z11", "off")).status == "accepted"
    cloud.open_all()
    report = await tick
    assert len(cloud.on_wire) == AT_ONCE + 1
    waits = [each for each in report.commands if each.status == "blocked"]
    assert [each.reasons[-1].code for each in waits] == [
        *["cloud_silent"] * 3,
        "hold_manual",
    ]
    # Nothing is believed to be on its way of what was not sent.
    assert all(
        not house.store.get(f"state/z{each:02}").get("command_intent")
        for each in (8, 9)
    )
    cloud.silent.clear()
    house.clock.advance_to(house.engine.next_wakeup)
    await house.engine.run_once()
    assert {(unit(8), "setAll"), (unit(9), "setAll")} <= set(cloud.on_wire)


async def test_of_a_setpoint_that_nothing_answered_no_other_value_is_tried():
    house = street(1)
    house.configure(
        half_degrees=True, winter={**WINTER_ROOM["winter"], "target_temp": 22.5}
    )
    house.cloud.silent = {house.store.get("settings")["aircon_device_id"]}
    house.cloud.free = True
    await house.restarted().run_once()
    assert len(house.cloud.on_wire) == 1


async def test_who_is_given_up_while_it_waits_leaves_the_turn_to_the_next():
    house = street(3)
    cloud = house.cloud
    held = house.engine._turns
    async with held.take():
        waiting = asyncio.ensure_future(house.engine.act("z00", "off"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    cloud.free = True
    assert (await house.engine.act("z01", "off")).status == "accepted"
